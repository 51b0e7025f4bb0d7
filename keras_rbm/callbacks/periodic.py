"""Bases of callbacks that write to TensorBoard after some epochs of `fit`."""

import abc
import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from keras_rbm import checks
from keras_rbm.callbacks import tensorboard
from keras_rbm.models.base import MachineModel
from keras_rbm.models.weights import averaged_weights, is_finite
from keras_rbm.typing import Array, Logs, Path, State

# Clamped sweeps that complete rows with missing entries.
_SWEEPS = 100


class Periodic(keras.callbacks.Callback, abc.ABC):
    """Acts at the end of the first epoch, of some others, and of the last one.

    The others are those whose number `every` divides. A `Measurement` and a
    `Display` differ in what counts as the first epoch, and in how the last
    one is treated.

    Args:
        log_dir: Path of TensorBoard's log directory.
        every: Number of epochs from one time to the next.
        run: The run to write to, a directory in `log_dir`.

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
        """Whether an epoch, counted from 0, is the first one to act after."""

    @abc.abstractmethod
    def act(self, step: int, last: bool) -> None:
        """Does the work of the callback.

        Args:
            step: Number of the epoch, from 1.
            last: Whether it is the last epoch of `fit`.
        """

    @contextlib.contextmanager
    def writing(self, step: int) -> Iterator[None]:
        """Within this context `tf.summary` writes to the run, at a step."""
        with self._writer.as_default(step=step):
            yield
        self._writer.flush()

    def on_train_begin(self, logs: Logs = None) -> None:
        self._writer = tensorboard.writer(self.log_dir, self.run)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        step = epoch + 1
        first = self.is_first(epoch)
        last = step == (self.params or {}).get("epochs")
        if first or last or step % self.every == 0:
            self.act(step, last)

    def on_train_end(self, logs: Logs = None) -> None:
        self._writer = None


class Measurement(Periodic):
    """Measures the model, and writes the numbers as scalars.

    The first epoch of each `fit` counts as the first one; a run that is
    resumed from a checkpoint is one `fit`. A model whose parameters are no
    longer finite is not measured.
    """

    def __init__(self, log_dir: Path, every: int, run: str = "train"):
        super().__init__(log_dir, every, run)
        self._begun = False

    @abc.abstractmethod
    def measure(self, step: int) -> dict[str, float]:
        """Returns `{tag: number}`; what is not finite is not written.

        Args:
            step: Number of the epoch, from 1.
        """

    def is_first(self, epoch: int) -> bool:
        return not self._begun

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
        """What `set_state` of a resumed run needs, as JSON can hold it."""
        return {"begun": self._begun}

    def set_state(self, state: State) -> None:
        """Goes on from `get_state` of another process, after the begin."""
        self._begun = state["begun"]


class Display(Periodic):
    """Shows the model, by pictures or histograms.

    Epoch 1 counts as the first one, in whichever `fit` it is. The last time
    shows the model as `fit` leaves it: with averaged weights after the last
    epoch and, where `fit` ends before that, once more at its end.
    """

    def __init__(self, log_dir: Path, every: int):
        super().__init__(log_dir, every)
        self._not_shown = None  # The latest epoch, if it is not shown.

    @abc.abstractmethod
    def show(self, step: int) -> None:
        """Writes `tf.summary` values; the writer and the step are set.

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
            self.show(step)
        self._not_shown = None

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        self._not_shown = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._not_shown = epoch + 1
        super().on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Logs = None) -> None:
        if self._not_shown is not None:
            self.act(self._not_shown, last=False)
        super().on_train_end(logs)


def completed(model: MachineModel, v: Array) -> np.ndarray:
    """Rows with draws in place of missing entries, given the observed ones.

    Args:
        model: A `MachineModel`.
        v: Array of shape `(examples, example_units.width)`, NaN where entries
            are missing.

    Returns:
        Array of the same shape: `v` itself where nothing is missing.
    """
    lost = np.isnan(v)
    if not lost.any():
        return v
    drawn = model.inpaint(v, lost, num_sweeps=_SWEEPS, seed=0, verbose=0)
    return keras.ops.convert_to_numpy(drawn)
