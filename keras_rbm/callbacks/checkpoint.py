"""Checkpoints, from which a run is resumed exactly."""

import logging
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_rbm import budget, checkpoints, checks, devices
from keras_rbm.models.trainer import Trainer
from keras_rbm.models.weights import (
    build_optimizer,
    check_finite,
    is_finite,
)
from keras_rbm.typing import Logs, Path

_LOG = logging.getLogger("keras_rbm")


class Position(NamedTuple):
    """The progress of a run.

    Attributes:
        epoch: Number of completed epochs, Keras's `initial_epoch`.
        step: Number of completed updates of the next epoch.
        updates: Number of all completed updates.

    Example:
        checkpoint = callbacks.Checkpoint("checkpoints")
        done = checkpoint.resume(rbm)
        print(done.epoch, done.step, done.updates)
    """

    epoch: int = 0
    step: int = 0
    updates: int = 0


class Interrupted(Exception):
    """Training has stopped on request, after writing a checkpoint.

    Args:
        reason: The argument `reason` of `Checkpoint.stop`.

    Example:
        checkpoint = callbacks.Checkpoint("checkpoints")
        checkpoint.stop("out of time")  # A signal handler may call this.
        try:
            rbm.fit(x, epochs=2, callbacks=[checkpoint], verbose=0)
        except callbacks.Interrupted as interrupted:
            print(interrupted.reason)
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Checkpoint(keras.callbacks.Callback):
    """Saves the run every few minutes or updates, and resumes it exactly.

    If a run is killed at any moment and started again by the same program, it
    ends with the same weights, optimizer, chains and history, bit for bit
    (with the same versions of the libraries on the same kind of processor).

    Pass this callback last, and use it for one model only: `fit` of another
    model is another run, which needs another folder. The callback does not save
    a model whose parameters are not finite. Keras's own callbacks with an
    internal state, such as `EarlyStopping`, start again when a run is resumed;
    a run that such a callback has ended is not resumed. Models of Keras's own,
    such as a classifier, are saved and stopped only at the end of an epoch, and
    their `fit` takes no `initial_step`. Runs on a data set of unknown length
    without `steps_per_epoch`, such as `dataset.filter(...)`, are also saved and
    stopped only at the end of an epoch. If several processes train
    (`MultiWorkerMirroredStrategy`), only the chief writes, and all processes
    read its files; `minutes` and `stop` then take effect only at the end of an
    epoch.

    Args:
        directory: Folder of the checkpoints, see `checkpoints.write`.
        settings: Dict, in values of JSON, of the settings that the run depends
            on. A run with other settings is not resumed. The setting `epochs`
            is ignored if the checkpoint lacks it, as checkpoints of earlier
            versions may.
        minutes: Number of minutes between two checkpoints; `None` to ignore
            the time.
        updates: Number of updates between two checkpoints; `None` to ignore
            updates. A checkpoint is written after the compiled call that
            reaches this number.
        keep: Number of checkpoints to keep.
        callbacks: Other callbacks of the run. The callbacks that have
            `get_state` and `set_state` are saved and restored.
        about: Dict of other conditions for equal bits, such as versions. If
            they differ when a run is resumed, there is a warning.

    Raises:
        ValueError: If an argument is not as described, or, when `fit` begins,
            if `directory` holds checkpoints of another run.

    Example:
        checkpoint = callbacks.Checkpoint("checkpoints", updates=100)
        done = checkpoint.resume(rbm)
        rbm.fit(
            data.batches(x, 10, first_step=done.updates),
            epochs=2,
            steps_per_epoch=100,
            initial_epoch=done.epoch,
            initial_step=done.step,
            callbacks=[checkpoint],
            verbose=0,
        )
    """

    def __init__(
        self,
        directory: Path,
        settings: dict[str, Any] | None = None,
        minutes: float | None = 1.0,
        updates: int | None = None,
        keep: int = 3,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        about: dict[str, Any] | None = None,
    ):
        super().__init__()
        self.directory = directory
        self.settings = settings or {}
        if minutes is not None:
            minutes = checks.positive_number("minutes", minutes)
        if updates is not None:
            updates = checks.positive_integer("updates", updates)
        self.minutes, self.updates = minutes, updates
        self.keep = checks.positive_integer("keep", keep)
        self.callbacks = [c for c in callbacks if hasattr(c, "get_state")]
        self.about = about or {}
        self.latest = None  # The path of the newest checkpoint.
        self.rows = []  # The logs of `on_epoch_end`, for each epoch.
        self._model_of_run = None  # `latest` and `rows` belong to this model.
        self._restored = None
        self._resumed = Position()
        self._stop = None

    def resume(self, model: keras.Model) -> Position:
        """Restores the newest checkpoint into a compiled model.

        Args:
            model: A Keras model, created, built and compiled in the same way
                as the saved model.

        Returns:
            The `Position` of the checkpoint; the beginning of the run if there
            is no checkpoint.

        Raises:
            ValueError: If the settings differ, or no checkpoint is complete.

        Example:
            checkpoint = callbacks.Checkpoint("checkpoints")
            done = checkpoint.resume(rbm)  # Here nothing was saved.
            print(done.epoch, done.updates)
        """
        found = checkpoints.newest(self.directory)
        strategy = model.distribute_strategy
        updates = found.state["position"][2] if found else 0
        if devices.total(strategy, updates) != updates * devices.num_workers(
            strategy
        ):
            raise ValueError(
                "all processes must see the same folder of checkpoints, of "
                f"which the chief writes. Received: directory={self.directory}"
            )
        if found is None:
            return Position()
        self.latest, state = found
        settings = dict(self.settings)
        if "epochs" not in state["settings"]:
            settings.pop("epochs", None)  # It was no setting of older runs.
        differences = _changes(state["settings"], settings)
        if differences:
            raise ValueError(
                "the run cannot be resumed with other settings: "
                f"{differences}. Resume it as it was, or begin a new one."
            )
        differences = _changes(state["about"], self.about)
        if differences:
            _LOG.warning("the last bits of the run may differ: %s", differences)
        if state["stopped"]:
            raise ValueError(
                "the run was ended by a callback, and is finished. Received: "
                f"directory={self.directory}"
            )
        with devices.scope(strategy):
            seeds = state.get("seeds", [])  # Older checkpoints have no seeds.
            _restore(model, self.latest, state["metrics"], seeds)
        self.rows = state["rows"]
        self._restored = state["callbacks"]
        self._resumed = Position(*state["position"])
        self._model_of_run = model
        return self._resumed

    def history(self) -> keras.callbacks.History:
        """The Keras `History` of the whole run, including earlier parts.

        Example:
            checkpoint = callbacks.Checkpoint("checkpoints")
            checkpoint.resume(rbm)
            losses = checkpoint.history().history.get("loss", [])
        """
        history = keras.callbacks.History()
        history.epoch = list(range(len(self.rows)))
        for row in self.rows:
            for name, value in row.items():
                history.history.setdefault(name, []).append(value)
        return history

    def describe_latest(self) -> str | None:
        """The newest checkpoint as text, or `None`."""
        if self.latest is None:
            return None
        return f"{self.latest}, which keras.models.load_model reads"

    def stop(self, reason: str) -> None:
        """Saves and ends the run after the current compiled call.

        `fit` then raises `Interrupted`. Signal handlers can call this method.

        Args:
            reason: The reason to stop, in a few words.

        Example:
            checkpoint = callbacks.Checkpoint("checkpoints")
            checkpoint.stop("time is up")  # For a run in another thread.
        """
        self._stop = reason

    def on_train_begin(self, logs: Logs = None) -> None:
        is_same_run = self.model is self._model_of_run
        if (
            not (is_same_run and self.latest)
            and devices.is_chief()
            and checkpoints.exist(self.directory)
        ):
            raise ValueError(
                "`directory` must hold no checkpoints of another run: call "
                "`resume` before `fit`, or give another one. Received: "
                f"directory={self.directory}"
            )
        if not is_same_run:
            self._model_of_run = self.model
            self.latest, self.rows = None, []
            self._restored, self._resumed = None, Position()
        states, self._restored = self._restored, None
        if states is not None:
            for callback, state in zip(self.callbacks, states, strict=True):
                callback.set_state(state)
        self._done, self._resumed = self._resumed, Position()
        workers = devices.num_workers(self.model.distribute_strategy)
        self._several = workers > 1
        # Only `fit` of a `Trainer` can begin within an epoch, and it needs to
        # know how many updates the epoch has.
        self._within = (
            isinstance(self.model, Trainer) and self.params["steps"] is not None
        )
        self._begin()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._within:
            return
        step = budget.done(batch, self.params["steps"])
        # The first calls of a resumed epoch do nothing.
        if (self._epoch, step) <= self._done[:2]:
            return
        # Several processes check for a stop, and their clocks, between epochs.
        stop = None if self._several else self._stop
        due = stop is not None or self._due(clock=not self._several)
        if due and step < self.params["steps"]:
            self._write(Position(self._epoch, step, self._count()), stop)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.rows.append(_plain(logs or {}))
        last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        stop = self._stop  # Read once: a signal may change it at any time.
        if self._several:
            # Only some of the processes may have received the request.
            strategy = self.model.distribute_strategy
            asked = devices.total(strategy, stop is not None)
            stop = (stop or "SIGTERM") if asked else None
        if last or stop is not None or self._due():
            self._write(Position(epoch + 1, 0, self._count()), stop)

    def _due(self, clock=True):
        updates = self._count() - self._updates
        minutes = (time.monotonic() - self._time) / 60
        return (self.updates is not None and updates >= self.updates) or (
            clock and self.minutes is not None and minutes >= self.minutes
        )

    def _write(self, position, stop):
        metrics = {}
        if position.step:
            metrics = _metric_values(self.model)
        if stop is not None:
            check_finite(self.model)
        if devices.is_chief() and is_finite(self.model):
            state = {
                "position": position,
                "stopped": self.model.stop_training,
                "settings": self.settings,
                "about": self.about,
                "metrics": metrics,
                "seeds": _seeds(self.model),
                "rows": self.rows,
                "callbacks": [c.get_state() for c in self.callbacks],
            }
            self.latest = checkpoints.write(
                self.model, self.directory, self._count(), state, self.keep
            )
        self._begin()
        if stop is not None:
            self._stop = None
            devices.wait(self.model.distribute_strategy)  # The chief writes.
            raise Interrupted(stop)

    def _begin(self):
        self._time, self._updates = time.monotonic(), self._count()

    def _count(self):
        return _updates(self.model)


def _updates(model):
    """Number of updates of a model; a Keras model counts in its optimizer."""
    own = isinstance(model, Trainer)
    made = model.updates if own else model.optimizer.iterations
    return int(keras.ops.convert_to_numpy(made))


def _seeds(model):
    """Seed states of layers such as Dropout, which Keras does not save."""
    return [
        keras.ops.convert_to_numpy(variable).tolist()
        for variable in _seed_variables(model)
    ]


def _restore(model, path, metrics, seeds):
    """Restores the saved state of a model, in the scope of its strategy.

    Args:
        model: A Keras model, built and compiled.
        path: The `.keras` file.
        metrics: The result of `_metric_values`, or a part of it.
        seeds: The result of `_seeds`.
    """
    build_optimizer(model)
    model.load_weights(path)
    for variable, value in zip(_seed_variables(model), seeds, strict=True):
        variable.assign(value)
    for metric in model.metrics:
        values = metrics.get(metric.name, ())  # Empty between epochs.
        for variable, value in zip(metric.variables, values, strict=False):
            variable.assign(value)


def _metric_values(model):
    """The values of the metrics' variables, summed over all replicas."""

    def read():
        with devices.scope(model.distribute_strategy):
            return {
                metric.name: [
                    tf.convert_to_tensor(variable.value)
                    for variable in metric.variables
                ]
                for metric in model.metrics
            }

    # Values of several processes can be summed only within a graph.
    found = tf.function(read, autograph=False)()
    return tf.nest.map_structure(lambda x: float(x.numpy()), found)


def _plain(logs):
    """Logs with numbers that JSON can hold."""
    return {
        name: value.item() if hasattr(value, "item") else value
        for name, value in logs.items()
    }


def _seed_variables(model):
    return [
        variable
        for variable in model.non_trainable_variables
        if variable.name == "seed_generator_state"
    ]


def _changes(saved, settings):
    """The differences, as text such as "batch_size was 6 and is 7".

    Args:
        saved: The saved settings, nested dictionaries and lists.
        settings: The current settings, in the same form.

    Returns:
        Text, empty if nothing differs.
    """
    saved, settings = _flat(saved), _flat(settings)
    return "; ".join(
        f"{name} was {_repr(saved, name)} and is {_repr(settings, name)}"
        for name in sorted(saved.keys() | settings.keys())
        if saved.get(name) != settings.get(name)
    )


def _flat(tree, prefix=""):
    """Flattens nested dictionaries and lists to `{"a.b": value}`."""
    if not isinstance(tree, dict | list | tuple):
        return {prefix: tree}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    flat = {}
    for name, value in items:
        flat |= _flat(value, f"{prefix}.{name}" if prefix else str(name))
    return flat


def _repr(flat, name):
    return repr(flat[name]) if name in flat else "not set"
