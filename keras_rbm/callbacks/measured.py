"""What the callbacks that measure the model have in common."""

import abc

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import checks
from keras_rbm.callbacks import writer as writer_lib
from keras_rbm.models.weights import is_finite
from keras_rbm.typing import Logs, Path, State


class Measured(keras.callbacks.Callback, abc.ABC):
    """Measures the model at the end of some epochs.

    These are the first of each `fit`, each of a number that `every` divides,
    and the last one. A model whose parameters are no longer finite is not
    measured.

    Args:
        log_dir: Path of the directory that TensorBoard is shown.
        every: Number of epochs from one time to the next.
        run: The run to write to, a directory in it.

    Raises:
        ValueError: If `every` is not a positive integer.
    """

    def __init__(self, log_dir: Path, every: int, run: str = "train"):
        super().__init__()
        self.log_dir = log_dir
        self.every = checks.positive_integer("every", every)
        self.run = run
        self._writer = None
        self._begun = False

    @abc.abstractmethod
    def measure(self, step: int) -> dict[str, float]:
        """Returns `{tag: number}`; what is not finite is not written.

        Args:
            step: Number of the epoch, from 1.
        """

    def on_train_begin(self, logs: Logs = None) -> None:
        self._writer = writer_lib.shared(self.log_dir, self.run)
        self._begun = False

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        step = epoch + 1
        last = step == (self.params or {}).get("epochs")
        due = not self._begun or last or step % self.every == 0
        self._begun = True
        if not due or not is_finite(self.model):
            return
        values = self.measure(step)
        with self._writer.as_default(step=step):
            for tag, value in values.items():
                if np.isfinite(value):
                    tf.summary.scalar(tag, value)
        self._writer.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        self._writer = None

    def get_state(self) -> State:
        """What `set_state` of a resumed run needs, as JSON can hold it."""
        return {"begun": self._begun}

    def set_state(self, state: State) -> None:
        """Goes on from `get_state` of another process, after the begin."""
        self._begun = state["begun"]
