"""What the callbacks that write every few epochs have in common."""

import abc

import keras

from keras_rbm import checks
from keras_rbm.callbacks import writer as writer_lib
from keras_rbm.models.weights import averaged_weights
from keras_rbm.typing import Logs, Path


class Periodic(keras.callbacks.Callback, abc.ABC):
    """Writes to `<log_dir>/train` after some epochs.

    These are the first, each of a number that `every` divides, and the last
    of `fit`, which shows the model as `fit` leaves it.

    Args:
        log_dir: Path of the directory that TensorBoard is shown.
        every: Number of epochs from one time to the next.

    Raises:
        ValueError: If `every` is not a positive integer.
    """

    def __init__(self, log_dir: Path, every: int):
        super().__init__()
        self.log_dir = log_dir
        self.every = checks.positive_integer("every", every)
        self._writer = None
        self._due = None

    @abc.abstractmethod
    def write(self) -> None:
        """Writes `tf.summary` values; writer and step are set."""

    def on_train_begin(self, logs: Logs = None) -> None:
        self._writer = writer_lib.shared(self.log_dir)
        self._due = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._due = epoch + 1
        if self._due == (self.params or {}).get("epochs"):
            with averaged_weights(self.model):
                self._write()
        elif epoch == 0 or self._due % self.every == 0:
            self._write()

    def on_train_end(self, logs: Logs = None) -> None:
        if self._due:  # `fit` has ended before its last epoch.
            self._write()
        self._writer = None

    def _write(self):
        with self._writer.as_default(step=self._due):
            self.write()
        self._writer.flush()
        self._due = None
