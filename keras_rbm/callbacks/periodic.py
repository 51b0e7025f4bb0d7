"""Base classes of callbacks that write to TensorBoard after some epochs."""

import abc
import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from keras_rbm import checks
from keras_rbm.callbacks import tensorboard
from keras_rbm.models import examples
from keras_rbm.models.base import MachineModel
from keras_rbm.models.weights import averaged_weights, is_finite
from keras_rbm.typing import Array, Logs, Path, State

# Clamped sweeps that complete rows with missing entries.
_SWEEPS = 100


class Periodic(keras.callbacks.Callback, abc.ABC):
    """Acts after the first epoch, every `every`-th epoch, and the last epoch.

    `Measurement` and `Display` define differently which epoch is the first,
    and treat the last epoch differently.

    Args:
        log_dir: Path of TensorBoard's log directory.
        every: Number of epochs between two actions.
        run: Name of the run to write to, a directory in `log_dir`.

    Raises:
        ValueError: If `every` is not a positive integer.
    """

    def __init__(self, log_dir: Path, every: int, run: str = "train"):
        super().__init__()
        self.log_dir = log_dir
        self.every = checks.positive_integer("every", every)
        self.run = run
        self._writer = None

    @abc.abstractmethod
    def is_first(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, counts as the first one."""

    def is_last(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is known to be the last one."""
        return epoch + 1 == (self.params or {}).get("epochs")

    @abc.abstractmethod
    def act(self, step: int, last: bool) -> None:
        """Does the work of the callback.

        Args:
            step: Number of the epoch, from 1.
            last: Whether it is the last epoch of `fit`.
        """

    @contextlib.contextmanager
    def writing(self, step: int) -> Iterator[None]:
        """Within this context, `tf.summary` writes to the run, at `step`."""
        with self._writer.as_default(step=step):
            yield
        self._writer.flush()

    def on_train_begin(self, logs: Logs = None) -> None:
        self._writer = tensorboard.writer(self.log_dir, self.run)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        step = epoch + 1
        first = self.is_first(epoch)
        last = self.is_last(epoch)
        if first or last or step % self.every == 0:
            self.act(step, last)

    def on_train_end(self, logs: Logs = None) -> None:
        self._writer = None


class Measurement(Periodic):
    """Measures the model, and writes the numbers as scalars.

    The first epoch of each `fit` counts as the first one; a run that resumes
    from a checkpoint continues the same `fit`. If training stops early, the
    epoch in which it stops is the last one, unless a callback that comes later
    stops it at the end of the epoch. A model whose parameters are not finite is
    not measured.
    """

    def __init__(self, log_dir: Path, every: int, run: str = "train"):
        super().__init__(log_dir, every, run)
        self._begun = False

    @abc.abstractmethod
    def measure(self, step: int) -> dict[str, float]:
        """Returns `{tag: number}`; numbers that are not finite are not written.

        Args:
            step: Number of the epoch, from 1.
        """

    def is_first(self, epoch: int) -> bool:
        return not self._begun

    def is_last(self, epoch: int) -> bool:
        return super().is_last(epoch) or is_stopped(self.model)

    def act(self, step: int, last: bool) -> None:
        if not is_finite(self.model):
            return
        values = self.measure(step)
        with self.writing(step):
            for tag, value in values.items():
                if np.isfinite(value):
                    tensorboard.scalar(tag, value)

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        self._begun = False

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._begun = True

    def get_state(self) -> State:
        """The state for `set_state` of a resumed run, in values of JSON."""
        return {"begun": self._begun}

    def set_state(self, state: State) -> None:
        """Restores the state of an earlier process, after `fit` has begun."""
        self._begun = state["begun"]


class Display(Periodic):
    """Shows the model, by pictures or histograms.

    Epoch 1 counts as the first one; a `fit` that begins at a later epoch has
    no first epoch. The last display shows the model as `fit` leaves it: with
    averaged weights after the last epoch, or, if `fit` ends earlier or a
    preceding `EarlyStopping` restores other weights, once more at its end.
    """

    def __init__(self, log_dir: Path, every: int):
        super().__init__(log_dir, every)
        self._latest = None  # The latest epoch.
        self._shown = None  # The weights shown in this epoch, if any.

    @abc.abstractmethod
    def show(self, step: int) -> None:
        """Writes `tf.summary` values to the current writer and step.

        Args:
            step: Number of the epoch, from 1.
        """

    def is_first(self, epoch: int) -> bool:
        return epoch == 0

    def act(self, step: int, last: bool) -> None:
        weights = (
            averaged_weights(self.model) if last else contextlib.nullcontext()
        )
        with weights, self.writing(step):
            self._shown = self._weights()
            self.show(step)

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        self._latest = self._shown = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._latest, self._shown = epoch + 1, None
        super().on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Logs = None) -> None:
        if self._latest is not None and self._shown != self._weights():
            self.act(self._latest, last=False)
        self._shown = None
        super().on_train_end(logs)

    def _weights(self):
        return [
            keras.ops.convert_to_numpy(variable).tobytes()
            for variable in self.model.trainable_variables
        ]


def is_stopped(model: keras.Model) -> bool:
    """Whether a callback has stopped the training of a model."""
    return getattr(model, "stop_training", False)


def as_rows(model: MachineModel, v: Array, name: str = "v") -> np.ndarray:
    """Examples in any form that `fit` accepts, as rows of states.

    Args:
        model: A `MachineModel`.
        v: Array of examples, such as integer categories or pictures, that has
            passed `model.check_examples`.
        name: The argument's name, for errors.

    Returns:
        Array of shape `(examples, example_units.width)`.
    """
    v = examples.resolved(v, model.example_units, name)
    return examples.dense(v, name)


def completed(model: MachineModel, v: Array) -> np.ndarray:
    """Rows with draws in place of missing entries, given the observed ones.

    Args:
        model: A `MachineModel`.
        v: Array of shape `(examples, example_units.width)`, NaN where entries
            are missing.

    Returns:
        Array of the same shape; `v` itself if no entry is missing. Without
        draws (see `filled`) if the parameters of the model are not finite.
    """
    lost = np.isnan(v)
    if not lost.any():
        return v
    if not is_finite(model):
        return filled(v)
    drawn = model.inpaint(v, lost, num_sweeps=_SWEEPS, seed=0, verbose=0)
    return keras.ops.convert_to_numpy(drawn)


def filled(v: Array) -> np.ndarray:
    """Rows with the means of columns in place of missing entries.

    Args:
        v: Array of shape `(examples, width)`, NaN where entries are missing.
    """
    lost = np.isnan(v)
    total = np.where(lost, 0.0, v).sum(axis=0)
    means = total / np.maximum((~lost).sum(axis=0), 1)
    return np.where(lost, means, v)
