"""`RunFolder`: the files of a run, its settings, and how to resume it."""

import collections.abc
import contextlib
import json
import logging
import os
import pathlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import callbacks, checkpoints, checks, devices
from keras_rbm.models.trainer import Trainer
from keras_rbm.typing import Logs, Path
from keras_rbm.version import __version__

_LOG = logging.getLogger("keras_rbm")
_CONFIG = "operative_config.gin"
# The final model of a run, and the measures of it.
_RESULTS = ("model.keras", "evaluation.json", "ratings.json")


class HistoryLogger(keras.callbacks.CSVLogger):
    """Keras's `CSVLogger` with epochs counted from 1, as on the screen."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        super().on_epoch_end(epoch + 1, logs)


class RunFolder:
    """The folder of a run: its files, and its restart from a checkpoint.

    Of several processes, only the chief writes.

    Args:
        output: Path of the folder.
        resume: Whether to resume the run in this folder.
    """

    def __init__(self, output: Path, resume: bool):
        self.output = output
        self.resume = checks.boolean("resume", resume)
        self.checkpoints = self.path("checkpoints")
        self.log_dir = self.path("tensorboard")

    def path(self, name: str) -> str:
        """Returns the path of a file in the folder."""
        return os.path.join(self.output, name)

    def exists(self, name: str) -> bool:
        """Whether the folder has a file of that name."""
        return os.path.exists(self.path(name))

    def refuse_begun_run(self) -> None:
        """Raises a `ValueError` if a new run would overwrite another.

        A run with checkpoints can only be resumed.
        """
        if not self.resume and checkpoints.exist(self.checkpoints):
            raise ValueError(
                "`output` must be a folder without a run, unless that is "
                f"resumed (`resume=True`). Received: output={self.output}"
            )

    def refuse_finished_run(self, name: str) -> None:
        """Raises a `ValueError` if the last file of a run exists."""
        if self.exists(name):
            raise ValueError(
                f"the run in {self.output} is finished: begin another one "
                "elsewhere"
            )

    def restore(
        self,
        checkpoint: callbacks.Checkpoint,
        model: keras.Model,
        epochs: int,
        updates: int,
    ) -> callbacks.Position:
        """Restores the newest checkpoint of a run, and removes later results.

        Args:
            checkpoint: The `callbacks.Checkpoint` of the run.
            model: The compiled model.
            epochs: Number of epochs of the whole run.
            updates: Number of updates of the whole run.

        Returns:
            A `callbacks.Position`: the beginning, if the run is not resumed.

        Raises:
            ValueError: If the run is finished, or is already longer.
        """
        if not self.resume:
            return callbacks.Position()
        final = pathlib.Path(self.path("model.keras"))
        done = checkpoint.resume(model)
        if checkpoint.latest is None and final.exists():
            raise ValueError(
                f"the run in {self.output} is finished, and has no checkpoint "
                "left to prolong it from"
            )
        if done.updates > updates:
            raise ValueError(
                f"`epochs` must not be less than what is done, {done.epoch}. "
                f"Received: epochs={epochs}"
            )
        if done.epoch == epochs and final.exists():
            raise ValueError(
                f"the run in {self.output} is finished; give more --epochs to "
                "prolong it if its learning rate is constant. Otherwise train "
                "a longer run in another folder, by --epochs or run.updates"
            )
        if checkpoint.latest is None:
            _LOG.info("no checkpoint in %s: the run begins anew", self.output)
        else:
            _LOG.info(
                "resumed from %s: %d epochs, and %d updates of the next, are "
                "done",
                checkpoint.latest,
                done.epoch,
                done.step,
            )
        if devices.is_chief():
            for name in _RESULTS:
                pathlib.Path(self.path(name)).unlink(missing_ok=True)
            self._rewind(checkpoint.rows)
        return done

    def _rewind(self, rows):
        """Removes epochs after these rows from the logs."""
        callbacks.rewind(self.log_dir, len(rows))
        table = HistoryLogger(self.path("history.csv"))
        table.on_train_begin()
        for epoch, row in enumerate(rows):
            table.on_epoch_end(epoch, row)
        table.on_train_end()

    def history_logger(self) -> keras.callbacks.CSVLogger:
        """Returns the callback that writes `history.csv`."""
        return HistoryLogger(self.path("history.csv"), append=self.resume)

    def write_text(self, name: str, text: str) -> None:
        """Writes a file atomically: whole or not at all."""
        if not devices.is_chief():
            return
        path = self.path(name)
        aside = pathlib.Path(f"{path}.writing")
        aside.write_text(text)
        os.replace(aside, path)

    def write_config(self, describe: Callable[[], str] | None) -> None:
        """Writes the configuration of a run of several runs, for its restart.

        A resumed run keeps its configuration, because a changed configuration
        may still be refused. Once the changed configuration is accepted,
        `replace_config` writes it.

        Args:
            describe: Function that returns the configuration as text, or
                `None`.
        """
        os.makedirs(self.output, exist_ok=True)
        if not (self.resume and self.exists(_CONFIG)):
            self.replace_config(describe)

    def replace_config(self, describe: Callable[[], str] | None) -> None:
        """Writes the configuration of a run that has accepted its settings.

        Args:
            describe: As for `write_config`.
        """
        if describe is not None:
            self.write_text(_CONFIG, describe())

    def describe_part(
        self, describe: Callable[[], str] | None
    ) -> Callable[[], str] | None:
        """Returns the `describe` for a run that is a part of this run.

        The part calls the returned function once it has accepted its settings.
        This call also replaces the configuration of the whole run.

        Args:
            describe: As for `write_config`.
        """

        def described():
            self.replace_config(describe)
            return describe()

        return None if describe is None else described

    def save_model(self, model: keras.Model, name: str) -> None:
        """Saves a model atomically: whole or not at all.

        Raises:
            OSError: If the file cannot be written, such as on a full disk.
        """
        if not devices.is_chief():
            return
        path = self.path(name)
        aside = pathlib.Path(f"{path}.writing.keras")
        try:
            model.save(aside)
            with open(aside, "rb") as file:
                os.fsync(file.fileno())
            os.replace(aside, path)
        except (OSError, RuntimeError) as error:  # HDF5: RuntimeError.
            aside.unlink(missing_ok=True)
            reason = getattr(error, "strerror", None) or error
            raise OSError(
                f"cannot write {path}: {reason}. The run's last checkpoint is "
                "whole: make room, and resume the run."
            ) from error


def settings(
    model: keras.Model,
    steps_per_epoch: int,
    epochs: int,
    num_sweeps: Any = None,
    **others: Any,
) -> dict[str, Any]:
    """All settings that determine the weights, metrics and order of a run.

    If one of them changes, it is a different run. Paths, pictures and the
    frequency of measures do not count. The number of epochs does not count
    either if nothing depends on it: a run at a constant learning rate can be
    prolonged. The rate of `AutoSGD` depends on it.

    Args:
        model: A compiled Keras model.
        steps_per_epoch: Number of updates in an epoch.
        epochs: Number of epochs.
        num_sweeps: Schedule of the number of sweeps, or `None`.
        **others: Further settings, such as the settings of the data.

    Returns:
        Nested dictionaries, as read back from JSON.
    """
    found = {
        "model": _settings_of(model.get_config()),
        "optimizer": keras.saving.serialize_keras_object(model.optimizer),
        "steps_per_epoch": steps_per_epoch,
        "num_sweeps": num_sweeps,
        **others,
    }
    auto = isinstance(model, Trainer) and model.auto_optimizer is not None
    if auto or _has_fractions(num_sweeps):
        found["epochs"] = epochs
    found["optimizer"] = _settings_of(found["optimizer"])
    # By way of JSON, in which keys are text and tuples are lists.
    return json.loads(json.dumps(found, default=_as_text))


def versions() -> dict[str, str]:
    """Versions that bit-for-bit repetition depends on, as well as settings."""
    return {
        "keras_rbm": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


@contextlib.contextmanager
def stop_on_signals(checkpoint: callbacks.Checkpoint) -> Iterator[None]:
    """Context in which SIGTERM and SIGINT save and end the run.

    `fit` then raises `callbacks.Interrupted` with the name of the signal. A
    second Ctrl-C interrupts immediately. Outside the main thread, where Python
    allows no handlers, the context has no effect.

    Args:
        checkpoint: The `callbacks.Checkpoint` of the run.

    Raises:
        callbacks.Interrupted: If a signal comes after the last checkpoint, but
            before the end of the context, and no other process trains.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    asked = []

    def stop(number, frame):
        asked.append(signal.Signals(number).name)
        checkpoint.stop(asked[-1])
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {
        number: signal.signal(number, stop)
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    # Reached only if nothing has reacted to a signal.
    if asked and devices.num_workers(checkpoint.model.distribute_strategy) == 1:
        raise callbacks.Interrupted(asked[-1])


def _settings_of(config):
    """Removes names and the shape of pictures, which change no result.

    Keras's automatic names count earlier objects.
    """
    if isinstance(config, dict):
        return {
            key: _settings_of(value)
            for key, value in config.items()
            if key not in ("name", "shared_object_id", "image_shape")
        }
    if isinstance(config, list | tuple):
        return [_settings_of(value) for value in config]
    return config


def _has_fractions(num_sweeps):
    return isinstance(num_sweeps, collections.abc.Mapping) and any(
        isinstance(begin, float) for begin in num_sweeps
    )


def _as_text(value):
    """Text in place of what JSON cannot hold, such as a function's name."""
    if isinstance(value, np.generic):
        return value.item()
    return getattr(value, "__name__", None) or str(value)
