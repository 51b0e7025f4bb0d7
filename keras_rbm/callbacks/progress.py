"""How far a run is: one progress bar, and a line of the log each epoch."""

import logging

import keras

from keras_rbm.typing import Logs

_LOG = logging.getLogger("keras_rbm")


class Progress(keras.callbacks.Callback):
    """Keras's progress bar over all epochs, with the time that is left.

    Keras draws a bar for each epoch, with all metrics, which fills a terminal
    of 80 columns several times over. This one stays on its line.

    Args:
        metric: Name of the metric to show.
        label: What to call it.
        done: Number of updates of the run that were made before; the bar
            is for those that are left.
    """

    def __init__(
        self,
        metric: str = "reconstruction_error",
        label: str = "error",
        done: int = 0,
    ):
        super().__init__()
        self.done = done
        self.metric = metric
        self.label = label

    def on_train_begin(self, logs: Logs = None) -> None:
        self.bar = keras.utils.Progbar(
            max(self.params["epochs"] * self.params["steps"] - self.done, 0),
            width=20,
            stateful_metrics=(self.label,),
        )
        self.bar.update(0)  # The first updates wait for the compiler.

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self.before = epoch * self.params["steps"] - self.done

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        updates = self.before + batch + 1
        if updates <= 0:
            return
        values = [(self.label, float(logs[self.metric]))] if logs else []
        self.bar.update(updates, values, finalize=updates == self.bar.target)


class EpochLog(keras.callbacks.Callback):
    """A line with all metrics in the log `keras_rbm`, for each epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        metrics = " ".join(f"{k}={v:.6g}" for k, v in (logs or {}).items())
        _LOG.info("epoch %d/%d %s", epoch + 1, self.params["epochs"], metrics)
