"""Reads HDF5 files of the Julia package RestrictedBoltzmannMachinesHDF5.jl."""

from collections.abc import Callable
from typing import NamedTuple

import h5py
import keras
import numpy as np

from keras_rbm.models import RBM
from keras_rbm.typing import Path
from keras_rbm.units import Bernoulli, DReLU, Gaussian, Softmax, Spin, Units

# The entries for the version of the format and the type of the model.
_VERSION, _MODEL = "rbm_hdf5_file_format_version", "rbm_type"
_READ = "1.0.0"
_PLAIN, _STANDARDIZED = "RBM", "StandardizedRBM"
_ENTRIES = (
    "weights",
    "visible_type",
    "visible_par",
    "hidden_type",
    "hidden_par",
)
_OFFSETS = ("offset_v", "offset_h", "scale_v", "scale_h")


def read_rbms_jl(path: Path, **kwargs) -> RBM:
    """Reads a model that RestrictedBoltzmannMachinesHDF5.jl has saved.

    That Julia package saves the models of RestrictedBoltzmannMachines.jl. It
    stores `weights`, `visible_par` and `hidden_par`, whose last axis, as
    Python reads them, holds the parameters of a unit. The types of layers
    become these types of units:

    - `Binary`: `Bernoulli`; `Spin`: `Spin`; `Gaussian`: `Gaussian`;
    - `Potts` and `PottsGumbel`: `Softmax`;
    - `xReLU`: `DReLU`, since the scale of an `xReLU` unit is not fixed. With
      r = 1 + |xi|, the precisions are gamma r / (1 + 2 max(xi, 0)) above 0
      and gamma r / (1 - 2 min(xi, 0)) below 0.

    A `StandardizedRBM` becomes a model without offsets and scales, with the
    same p(v).

    Args:
        path: Path of the HDF5 file.
        **kwargs: Further arguments of `RBM`, such as `seed` and `chain`.

    Returns:
        An `RBM` with the same p(v). Sites along several axes are flattened, in
        their order in the file.

    Raises:
        ValueError: If the file is not such a file, has another version, or has
            a type of model or layer that is not supported.

    Example:
        rbm = sequences.read_rbms_jl("rbm.hdf5", seed=0)
    """
    with h5py.File(path, "r") as file:
        missing = [name for name in (_VERSION, *_ENTRIES) if name not in file]
        if missing:
            raise ValueError(
                "`path` must name a file of RestrictedBoltzmannMachinesHDF5.jl "
                f"with {missing}. Received: path={str(path)!r}, which has "
                f"{sorted(file)[:8]}"
            )
        version = _text(file, _VERSION)
        model = _text(file, _MODEL) if _MODEL in file else _PLAIN
        if version != _READ or model not in (_PLAIN, _STANDARDIZED):
            raise ValueError(
                f"`path` must name a file of version {_READ} with a model of "
                f"the type {_PLAIN} or {_STANDARDIZED}. Received: path="
                f"{str(path)!r}, of version {version} with a {model}"
            )
        visible, hidden = (
            _layer(_text(file, f"{side}_type"), file[f"{side}_par"][()], path)
            for side in ("visible", "hidden")
        )
        # Julia's first axis comes last: the sites of v come after the sites of
        # h.
        kernel = np.asarray(file["weights"], "float64")
        kernel = kernel.reshape(hidden.units.width, visible.units.width).T
        if model == _STANDARDIZED:
            offsets = {
                name: np.asarray(file[name], "float64").ravel()
                for name in _OFFSETS
            }
            # The model is written in (v - a) / s and (h - b) / t.
            kernel = kernel / np.outer(offsets["scale_v"], offsets["scale_h"])
            visible.params["bias"] -= kernel @ offsets["offset_h"]
            hidden.params["bias"] -= offsets["offset_v"] @ kernel
    rbm = RBM(
        visible.units,
        hidden.units,
        visible_bias_initializer=keras.initializers.Constant(0.0),
        **kwargs,
    )
    rbm.kernel.assign(kernel)
    for layer, params in (
        (visible, rbm.visible_params),
        (hidden, rbm.hidden_params),
    ):
        for name, value in layer.params.items():
            params[name].assign(value)
    return rbm


class _Layer(NamedTuple):
    """Units and their parameters."""

    units: Units
    params: dict[str, np.ndarray]


def _text(file, name):
    value = file[name][()]
    return value.decode() if isinstance(value, bytes) else str(value)


def _layer(kind, params, path):
    """Reads a layer of a type of the Julia package."""
    if kind not in _LAYERS:
        raise ValueError(
            f"`path` must name a file with layers of the types "
            f"{sorted(_LAYERS)}. Received: path={str(path)!r}, with a layer of "
            f"the type {kind}"
        )
    return _LAYERS[kind](np.asarray(params, "float64"))


def _fields(make) -> Callable[[np.ndarray], _Layer]:
    """Returns a reader of layers whose only parameters are fields, theta."""

    def read(params):
        units = make(params.shape[:-1])
        return _Layer(units, {"bias": params[..., 0].reshape(-1)})

    return read


def _softmax(shape):
    return Softmax(int(np.prod(shape[:-1])), shape[-1])


def _gaussian(params):
    bias, precision = (params[..., k].reshape(-1) for k in range(2))
    precision = np.abs(precision)
    least = min(0.01, float(precision.min()))
    return _Layer(
        Gaussian(len(bias), minimum_precision=least),
        {"bias": bias, "precision": precision},
    )


def _xrelu(params):
    theta, gamma, delta, xi = (params[..., k].reshape(-1) for k in range(4))
    above = (1 + np.abs(xi)) / (1 + 2 * np.maximum(xi, 0))
    below = (1 + np.abs(xi)) / (1 - 2 * np.minimum(xi, 0))
    precisions = np.abs(gamma) * above, np.abs(gamma) * below
    # The slopes on both sides of 0.
    upper, lower = theta + delta * above, theta - delta * below
    least = min(0.01, float(np.min(precisions)))
    return _Layer(
        DReLU(len(theta), minimum_precision=least),
        {
            "bias": (upper + lower) / 2,
            "delta": (upper - lower) / 2,
            "precision_above": precisions[0],
            "precision_below": precisions[1],
        },
    )


_LAYERS = {
    "Binary": _fields(lambda shape: Bernoulli(int(np.prod(shape)))),
    "Spin": _fields(lambda shape: Spin(int(np.prod(shape)))),
    "Potts": _fields(_softmax),
    "PottsGumbel": _fields(_softmax),
    "Gaussian": _gaussian,
    "xReLU": _xrelu,
}
