"""Reads and writes HDF5 files of the package `rbms`."""

import h5py
import keras
import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm.chains import PersistentChain
from keras_rbm.models import RBM
from keras_rbm.sequences.mutations import one_hot
from keras_rbm.typing import Path
from keras_rbm.units import Bernoulli, Softmax

# Names in that package of its models with binary hidden units.
_POTTS, _BITS = "PBRBM", "BBRBM"


def read_rbms(path: Path, update: int | None = None, **kwargs) -> RBM:
    """Reads a model that the package `rbms` has trained.

    Visible units may be Potts (`PBRBM`) or binary (`BBRBM`); hidden units are
    binary. The parallel chains of the last update become the fantasy
    particles, until the first `fit` starts new ones. The optimizer is not read.

    Args:
        path: Path of an HDF5 file of that package.
        update: The update whose parameters are read; `None` for the last one
            in the file.
        **kwargs: Further arguments of `RBM`, such as `seed` and `chain`. The
            default is a `PersistentChain` with all particles of the file. If
            the chain has fewer particles, it starts from the first ones of the
            file. If it has more, it starts from draws of the visible units
            without inputs.

    Returns:
        An `RBM` with the same p(v).

    Raises:
        ValueError: If the file is not such a file, or has no such update.

    Example:
        sequences.write_rbms("RBM.h5", rbm)
        rbm = sequences.read_rbms("RBM.h5", seed=0)
    """
    with h5py.File(path, "r") as file:
        updates = sorted(
            int(name.removeprefix("update_"))
            for name in file
            if name.startswith("update_")
        )
        if not updates or "model_type" not in file:
            raise ValueError(
                "`path` must name a file of the package rbms, with a "
                "`model_type` and groups `update_...`. Received: "
                f"path={str(path)!r}, which has {sorted(file)[:5]}"
            )
        update = updates[-1] if update is None else update
        if update not in updates:
            raise ValueError(
                f"`update` must be one of {updates}. Received: update={update}"
            )
        kind = file["model_type"][()]
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if kind not in (_POTTS, _BITS):
            raise ValueError(
                f"`path` must name a file of a {_POTTS} or a {_BITS}. "
                f"Received: path={str(path)!r}, of a {kind}"
            )
        params = file[f"update_{update}"]["params"]
        kernel, visible, hidden = (
            np.asarray(params[name], "float32")
            for name in ("weight_matrix", "vbias", "hbias")
        )
        particles = None
        if update == updates[-1] and "parallel_chains" in file:
            particles = np.asarray(file["parallel_chains"], "float32")
            if len(particles):
                kwargs.setdefault("chain", PersistentChain(len(particles)))
    units = (
        Softmax(*kernel.shape[:2])
        if kind == _POTTS
        else Bernoulli(kernel.shape[0])
    )
    constant = keras.initializers.Constant
    rbm = RBM(
        units,
        Bernoulli(kernel.shape[-1]),
        visible_bias_initializer=constant(0.0),
        **kwargs,
    )
    rbm.kernel.assign(kernel.reshape(units.width, -1))
    rbm.visible_params["bias"].assign(visible.reshape(-1))
    rbm.hidden_params["bias"].assign(hidden)
    enough = particles is not None and len(particles) >= (
        rbm.chain.num_chains or 0
    )
    rbm.start_chain(_rows(particles, units, path) if enough else None)
    return rbm


def _rows(particles, units, path):
    """Rows of the visible units, from the particles of a file."""
    potts = isinstance(units, Softmax)
    largest = units.categories - 1 if potts else 1
    known = np.isin(particles, np.arange(largest + 1)).all()
    if particles.shape[1:] != (units.size,) or not known:
        raise ValueError(
            f"`path` must name a file whose parallel_chains have {units.size} "
            f"columns of integers from 0 to {largest}. Received: "
            f"path={str(path)!r}, with parallel_chains of shape "
            f"{particles.shape}"
        )
    return one_hot(particles.astype(int), largest + 1) if potts else particles


def write_rbms(path: Path, rbm: RBM, update: int = 1) -> None:
    """Writes a model as a file that the package `rbms` reads.

    Args:
        path: Path of the new HDF5 file.
        rbm: An `RBM` with `Softmax` or `Bernoulli` visible and `Bernoulli`
            hidden units.
        update: The number of the update under which the model is stored, a
            positive integer.

    Raises:
        ValueError: If the model has other units.

    Example:
        sequences.write_rbms("RBM.h5", rbm)
    """
    checks.positive_integer("update", update)
    potts = isinstance(rbm.visible, Softmax)
    fits = potts or isinstance(rbm.visible, Bernoulli)
    if not fits or not isinstance(rbm.hidden, Bernoulli):
        raise ValueError(
            "`rbm` must have Softmax or Bernoulli visible and Bernoulli hidden "
            f"units. Received: rbm.visible={rbm.visible}, "
            f"rbm.hidden={rbm.hidden}"
        )
    machine = rbm.machine()
    shape = (
        (rbm.visible.size, rbm.visible.categories)
        if potts
        else (rbm.visible.size,)
    )
    arrays = {
        "weight_matrix": ops.reshape(machine.kernel, (*shape, -1)),
        "vbias": ops.reshape(machine.visible_params["bias"], shape),
        "hbias": machine.hidden_params["bias"],
    }
    particles = rbm.fantasy_particles
    with h5py.File(path, "w") as file:
        file["model_type"] = _POTTS if potts else _BITS
        group = file.create_group(f"update_{update}")
        group["time"] = 0.0
        own = group.create_group("params")
        for name, value in arrays.items():
            own[name] = ops.convert_to_numpy(value)
            group[name] = own[name]
        if particles is not None:
            v = ops.convert_to_numpy(particles)
            if potts:
                v = v.reshape(len(v), *shape).argmax(axis=2)
            file["parallel_chains"] = v.astype("float32")
