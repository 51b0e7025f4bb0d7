"""Against the formulas of the Julia package, in float64."""

import h5py
import numpy as np
import pytest
from scipy import integrate, special

from keras_rbm import DReLU, Softmax, sequences


def write(path, visible, hidden, weights, **more):
    """A file as Julia writes it: all axes in reverse order.

    Args:
        path: Path of the file.
        visible: Type of the layer, and its parameters as Julia holds them,
            with an axis for the parameters first.
        hidden: The same.
        weights: Of shape `(*visible, *hidden)`.
        more: Further entries.
    """
    with h5py.File(path, "w") as file:
        file["rbm_hdf5_file_format_version"] = "1.0.0"
        file["weights"] = np.transpose(weights)
        for side, (kind, par) in (("visible", visible), ("hidden", hidden)):
            file[f"{side}_type"] = kind
            file[f"{side}_par"] = np.transpose(par)
        for name, value in more.items():
            file[name] = (
                value if isinstance(value, str) else np.transpose(value)
            )


def xrelu_energy(par, h):
    """Its energy, with eta = xi / (1 + |xi|), of one h for each unit."""
    theta, gamma, delta, xi = par
    eta = xi / (1 + np.abs(xi))
    above = (gamma * h / 2 - delta) * h / (1 + eta)
    below = (gamma * h / 2 + delta) * h / (1 - eta)
    return np.where(h >= 0, above, below) - theta * h


def xrelu_cgf(par, inputs):
    """log integral exp(-energy(h) + inputs h), of one unit."""

    def weight(h):
        return np.exp(-xrelu_energy(par, h) + inputs * h)

    return np.log(
        integrate.quad(weight, -30, 0)[0] + integrate.quad(weight, 0, 30)[0]
    )


def test_categories_and_double_rectified_units_have_the_same_scores(tmp_path):
    sites, letters, units = 4, 5, 3
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(1, letters, sites))
    par = np.stack(
        [
            rng.normal(size=units),
            rng.uniform(0.6, 2, units) * [1, -1, 1],  # Its size counts.
            rng.normal(size=units),
            [0.0, 1.5, -0.8],
        ]
    )
    weights = rng.normal(0, 0.4, (letters, sites, units))
    path = tmp_path / "rbm.hdf5"
    write(path, ("Potts", theta), ("xReLU", par), weights, rbm_type="RBM")
    rbm = sequences.read_rbms_jl(path, seed=0)
    assert rbm.visible == Softmax(sites, letters)
    assert isinstance(rbm.hidden, DReLU)
    codes = rng.integers(letters, size=(12, sites))
    hot = np.eye(letters)[codes]
    used = par.copy()
    used[1] = np.abs(par[1])
    expected = -np.einsum("bsa,as->b", hot, theta[0])
    inputs = np.einsum("bsa,asm->bm", hot, weights)
    for row, own in enumerate(inputs):
        for unit in range(units):
            expected[row] -= xrelu_cgf(used[:, unit], own[unit])
    found = rbm.free_energy(hot.reshape(12, -1).astype("float32"))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_standardized_models_have_the_same_law(tmp_path):
    """Fields, offsets and scales of bits along two axes, and of spins."""
    shape, units = (2, 3), 4
    rng = np.random.default_rng(1)
    theta, field = rng.normal(size=(1, *shape)), rng.normal(size=(1, units))
    weights = rng.normal(0, 0.5, (*shape, units))
    offsets = {
        "offset_v": rng.normal(size=shape),
        "offset_h": rng.normal(size=units),
        "scale_v": rng.uniform(0.5, 2, shape),
        "scale_h": rng.uniform(0.5, 2, units),
    }
    path = tmp_path / "rbm.hdf5"
    write(
        path,
        ("Binary", theta),
        ("Spin", field),
        weights,
        rbm_type="StandardizedRBM",
        **offsets,
    )
    rbm = sequences.read_rbms_jl(path, seed=0)
    v = rng.integers(2, size=(10, *shape)).astype("float64")
    scaled = (v - offsets["offset_v"]) / offsets["scale_v"]
    inputs = np.einsum("bij,ijm->bm", scaled, weights) / offsets["scale_h"]
    z = field[0] + inputs
    expected = -np.einsum("bij,ij->b", v, theta[0])
    expected -= np.logaddexp(z, -z).sum(axis=1) - inputs @ offsets["offset_h"]
    # Sites lie in the order of the file, whose axes are reversed.
    flat = v.transpose(0, 2, 1).reshape(10, -1).astype("float32")
    change = np.asarray(rbm.free_energy(flat)) - expected
    np.testing.assert_allclose(change, change[0], atol=1e-4)


def test_gaussian_units_have_the_same_scores(tmp_path):
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(1, 5))
    par = np.stack([rng.normal(size=3), [0.005, -2.0, 1.0]])
    weights = rng.normal(0, 0.05, (5, 3))
    path = tmp_path / "rbm.hdf5"
    write(path, ("Binary", theta), ("Gaussian", par), weights, rbm_type="RBM")
    rbm = sequences.read_rbms_jl(path, seed=0)
    v = rng.integers(2, size=(10, 5)).astype("float64")
    gamma = np.abs(par[1])
    z = par[0] + v @ weights
    cgf = np.square(z) / (2 * gamma) + 0.5 * np.log(2 * np.pi / gamma)
    expected = -v @ theta[0] - cgf.sum(axis=1)
    found = rbm.free_energy(v.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-4)
    assert rbm.hidden.minimum_precision == 0.005


def test_binary_files_without_a_type_of_model(tmp_path):
    """As the first version of the package wrote them."""
    rng = np.random.default_rng(3)
    theta, field = rng.normal(size=(1, 6)), rng.normal(size=(1, 2))
    weights = rng.normal(size=(6, 2))
    path = tmp_path / "rbm.hdf5"
    write(path, ("Binary", theta), ("Binary", field), weights)
    rbm = sequences.read_rbms_jl(path, seed=0)
    v = rng.integers(2, size=(10, 6)).astype("float64")
    expected = -v @ theta[0]
    expected += special.log_expit(-field[0] - v @ weights).sum(axis=1)
    found = rbm.free_energy(v.astype("float32"))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.hdf5"
    one = ("Binary", np.zeros((1, 2)))
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match=r"HDF5\.jl with .*weights"):
        sequences.read_rbms_jl(path)
    write(path, one, one, np.zeros((2, 2)), rbm_type="DBM")
    with pytest.raises(ValueError, match=r"of version 1\.0\.0 with a DBM"):
        sequences.read_rbms_jl(path)
    write(path, one, ("dReLU", np.zeros((4, 2))), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="a layer of the type dReLU"):
        sequences.read_rbms_jl(path)
