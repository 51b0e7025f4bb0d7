import h5py
import numpy as np
import pytest

from keras_rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    Gaussian,
    PersistentChain,
    Softmax,
    sequences,
)


@pytest.mark.parametrize("visible", [Softmax(3, 5), Bernoulli(6)], ids=str)
def test_files_of_rbms_keep_the_scores(visible, tmp_path):
    path = tmp_path / "RBM.h5"
    rbm = RBM(visible, 4, PersistentChain(6), seed=0)
    rng = np.random.default_rng(0)
    rbm.visible_params["bias"].assign(rng.normal(size=visible.width))
    rbm.hidden_params["bias"].assign(rng.normal(size=4))
    sequences.write_rbms(path, rbm, update=7)
    same = sequences.read_rbms(path, seed=0)
    index = np.arange(visible.num_joint_states)
    v = np.asarray(visible.joint_states(index))
    np.testing.assert_allclose(
        same.free_energy(v), rbm.free_energy(v), atol=1e-5
    )
    with h5py.File(path) as file:
        kernel = file["update_7/params/weight_matrix"]
        potts = isinstance(visible, Softmax)
        assert kernel.shape == ((3, 5, 4) if potts else (6, 4))
        assert file["parallel_chains"].shape == (6, 3 if potts else 6)
    with pytest.raises(ValueError, match=r"one of \[7\]"):
        sequences.read_rbms(path, update=8)


@pytest.mark.parametrize("visible", [Softmax(3, 5), Bernoulli(6)], ids=str)
def test_files_of_rbms_keep_the_particles(visible, tmp_path, monkeypatch):
    path = tmp_path / "RBM.h5"
    rbm = RBM(visible, 4, PersistentChain(6), seed=0)
    sequences.write_rbms(path, rbm)
    rows, start_chain = [], RBM.start_chain

    def watched(model, v=None):
        rows.append(v)
        start_chain(model, v)

    monkeypatch.setattr(RBM, "start_chain", watched)
    assert sequences.read_rbms(path).chain.num_chains == 6
    np.testing.assert_array_equal(rows[-1], rbm.fantasy_particles)
    few = sequences.read_rbms(path, chain=PersistentChain(2))
    np.testing.assert_array_equal(rows[-1], rbm.fantasy_particles)
    assert len(few.fantasy_particles) == 2
    many = sequences.read_rbms(path, chain=PersistentChain(7))
    assert len(many.fantasy_particles) == 7
    without = sequences.read_rbms(path, chain=ContrastiveDivergence())
    assert without.fantasy_particles is None
    with h5py.File(path, "r+") as file:
        file["parallel_chains"][0, 0] = 5
    with pytest.raises(ValueError, match="parallel_chains have"):
        sequences.read_rbms(path)


def test_other_files_and_units_are_refused(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match="file of the package rbms"):
        sequences.read_rbms(path)
    with pytest.raises(ValueError, match="Softmax or Bernoulli visible"):
        sequences.write_rbms(path, RBM(Gaussian(3), 2))
