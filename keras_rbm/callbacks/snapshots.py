"""`Snapshots`: machines of a training run, at log-spaced updates."""

import json
import os
import pathlib

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import checks, devices
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.typing import Logs, Path, State

_PATTERN = "snapshot-*.npz"
_SIDES = ("visible", "hidden")


class Snapshots(keras.callbacks.Callback):
    """Keeps the machines of a run at log-spaced updates.

    A snapshot is taken at the beginning of `fit`, and after each compiled call
    (up to 50 updates) in which the number of updates reaches `growth` times
    the number at the previous snapshot. When there are more than
    `max_snapshots`, the growth is squared, and the snapshots that are too
    close for the new growth, about half of them, are dropped.

    `likelihood.trajectory_ais` and `samplers.TrajectoryTempering` use these
    machines as a ladder in place of temperatures. The ladder does not contain
    the trained model itself.

    A further `fit` of the same model adds snapshots. For another model, or if
    the model has gone back to fewer updates, the callback starts over.

    A run that `Checkpoint` resumes has the same snapshots, bit for bit.
    Without a `path`, each checkpoint contains the snapshots.

    Args:
        path: Folder of the files `snapshot-NNNNNNNNNN.npz`, named by the number
            of updates, which `read_snapshots` reads; `None` to keep the
            machines only in memory. At the end of `fit`, all other snapshots,
            such as snapshots of an earlier run, are removed from the folder.
        max_snapshots: The largest number of machines to keep, at least 3.
        growth: Factor of the number of updates from one snapshot to the next,
            more than 1.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Béreux, Decelle, Furtlehner, Rosset and Seoane (2025), "Fast
        training and sampling of restricted Boltzmann machines".

    Example:
        snapshots = callbacks.Snapshots()
        rbm.fit(x, updates=100, callbacks=[snapshots], verbose=0)
        sampler = keras_rbm.TrajectoryTempering(snapshots.machines)
        v = rbm.sample(10, num_sweeps=20, sampler=sampler)
    """

    def __init__(
        self,
        path: Path | None = None,
        max_snapshots: int = 32,
        growth: float = 1.2,
    ):
        super().__init__()
        self.path = None if path is None else pathlib.Path(path)
        most = checks.positive_integer("max_snapshots", max_snapshots)
        if most < 3:
            raise ValueError(
                "`max_snapshots` must be at least 3. Received: "
                f"max_snapshots={max_snapshots}"
            )
        self.max_snapshots = most
        self.growth = checks.positive_number("growth", growth)
        if self.growth <= 1:
            raise ValueError(
                f"`growth` must be above 1. Received: growth={growth}"
            )
        self._growth, self._kept = self.growth, {}
        self._model_of_kept = None

    @property
    def updates(self) -> list[int]:
        """The number of updates before each snapshot."""
        return list(self._kept)

    @property
    def machines(self) -> list[Machine]:
        """The snapshots as a list of `Machine`, the earliest first."""
        return list(self._kept.values())

    def on_train_begin(self, logs: Logs = None) -> None:
        # A resumed run gets its snapshots afterwards, by `set_state`.
        if not self._goes_on():
            self._growth, self._kept = self.growth, {}
        self._model_of_kept = self.model
        self._take_if_due()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._take_if_due()

    def on_train_end(self, logs: Logs = None) -> None:
        if self.path is None or not devices.is_chief():
            return
        # Until now, a checkpoint may have needed the dropped snapshots.
        kept = {self._file(updates) for updates in self._kept}
        for file in set(self.path.glob(_PATTERN)) - kept:
            file.unlink(missing_ok=True)

    def get_state(self) -> State:
        """The state for `set_state` of a resumed run, in values of JSON."""
        kept = {
            str(updates): None
            if self.path is not None
            else machine_lib.get_config(machine)
            for updates, machine in self._kept.items()
        }
        return {"growth": self._growth, "kept": kept}

    def set_state(self, state: State) -> None:
        """Restores the state of an earlier process, after `fit` has begun.

        Raises:
            ValueError: If a file of a snapshot is missing.
        """
        self._growth = state["growth"]
        self._kept = {
            int(updates): _read(self._file(int(updates)))
            if config is None
            else machine_lib.from_config(config)
            for updates, config in state["kept"].items()
        }

    def _goes_on(self):
        """Whether training continues from the last snapshot of this model."""
        updates = self._count()
        return (
            self.model is self._model_of_kept
            and updates > 0
            and updates >= max(self._kept, default=0)
        )

    def _take_if_due(self):
        updates = self._count()
        if not _is_due(updates, self._kept, self._growth):
            return
        machine = machine_lib.absorb_beta(self.model.machine())
        machine = _copy(machine_lib.cast(machine, self.model.variable_dtype))
        self._kept[updates] = machine
        if self.path is not None and devices.is_chief():
            _write(machine, self._file(updates))
        if len(self._kept) > self.max_snapshots:
            self._thin()

    def _thin(self):
        """Squares the growth until there are few enough snapshots."""
        while len(self._kept) > self.max_snapshots:
            self._growth **= 2
            kept = {}
            for updates, machine in self._kept.items():
                if _is_due(updates, kept, self._growth):
                    kept[updates] = machine
            self._kept = kept

    def _file(self, updates):
        return self.path / f"snapshot-{updates:010d}.npz"

    def _count(self):
        return int(keras.ops.convert_to_numpy(self.model.updates))


def read_snapshots(path: Path) -> list[Machine]:
    """Reads the machines that `Snapshots(path)` wrote.

    Args:
        path: The folder.

    Returns:
        List of `Machine`, the earliest first.

    Raises:
        ValueError: If there are no snapshots, or one is damaged.

    Example:
        snapshots = callbacks.Snapshots("snapshots")
        rbm.fit(x, updates=100, callbacks=[snapshots], verbose=0)
        machines = callbacks.read_snapshots("snapshots")
    """
    files = sorted(pathlib.Path(path).glob(_PATTERN))
    if not files:
        raise ValueError(
            "`path` must be a folder that `Snapshots` has written to. "
            f"Received: path={os.fspath(path)!r}"
        )
    return [_read(file) for file in files]


def _is_due(updates, kept, growth):
    """Whether a snapshot is due after this number of updates."""
    if not kept:
        return True
    last = next(reversed(kept))
    return updates > last and updates >= growth * last


def _copy(machine):
    """A copy of the machine, whose tensors no later update can change."""
    copies = tf.nest.map_structure(
        lambda x: tf.constant(np.array(keras.ops.convert_to_numpy(x))),
        machine[2:5],
    )
    return machine._replace(
        **dict(
            zip(
                ("kernel", "visible_params", "hidden_params"),
                copies,
                strict=True,
            )
        )
    )


def _write(machine, path):
    """Writes a machine to a file, completely or not at all."""
    serialize = keras.saving.serialize_keras_object
    units = {side: serialize(getattr(machine, side)) for side in _SIDES}
    arrays = {"kernel": machine.kernel, "units": json.dumps(units)}
    for side in _SIDES:
        for name, value in getattr(machine, f"{side}_params").items():
            arrays[f"{side}_{name}"] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"writing-{os.getpid()}.npz")
    with open(aside, "wb") as file:
        np.savez(file, **{name: np.asarray(x) for name, x in arrays.items()})
    os.replace(aside, path)


def _read(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        units = json.loads(str(arrays.pop("units")))
        kernel = tf.constant(arrays.pop("kernel"))
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"the snapshot {path} cannot be read: {error}. Begin the run anew, "
            "or put the file back"
        ) from error
    params = {
        side: {
            name.removeprefix(f"{side}_"): tf.constant(x)
            for name, x in arrays.items()
            if name.startswith(f"{side}_")
        }
        for side in _SIDES
    }
    deserialize = keras.saving.deserialize_keras_object
    return Machine(
        visible=deserialize(units["visible"]),
        hidden=deserialize(units["hidden"]),
        kernel=kernel,
        visible_params=params["visible"],
        hidden_params=params["hidden"],
    )
