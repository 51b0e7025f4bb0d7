"""Metrics of each epoch, as curves in TensorBoard."""

import time

import keras
import numpy as np

from keras_rbm import budget
from keras_rbm.callbacks import (
    log_likelihood,
    tensorboard,
    trajectory_ais,
)
from keras_rbm.typing import Logs, Path


class Scalars(keras.callbacks.Callback):
    """Writes the metrics of each epoch, of training and of validation.

    Metrics of training go to the run `<log_dir>/train`, and metrics of
    validation, without `val_`, to the run `<log_dir>/validation`. The tags are
    the same, so that both curves are in one chart. The step is the number of
    the epoch, from 1. The groups of tags are

    - `4 Learning`: metrics that are in no other group, such as `loss`, and
      `learning_rate`, the rate of the optimizer at the end of the epoch;
    - `2 Likelihood`: metrics with "likelihood" or "log_partition" in their
      names, except the numbers that `LogLikelihood` and `TrajectoryAIS` write
      themselves;
    - `3 Chains`: `num_sweeps`, if it has a schedule;
    - `5 Throughput`: `updates_per_second`, from the start of an epoch to the
      end of its last update. The time includes input, but neither validation
      nor other callbacks. In the first epoch of a `fit`, the time begins after
      the first call, which compiles, unless the epoch has only one call.

    Args:
        log_dir: Path of TensorBoard's log directory.

    Example:
        scalars = callbacks.Scalars("logs")
        rbm.fit(x, updates=100, callbacks=[scalars], verbose=0)
    """

    # The hook only reads a clock, so Keras need not wait for each batch.
    async_safe = True

    def __init__(self, log_dir: Path):
        super().__init__()
        self.log_dir = log_dir
        self._writers = {}
        self._compiled = False

    def on_train_begin(self, logs: Logs = None) -> None:
        self._compiled = False
        self._writers = {"train": tensorboard.writer(self.log_dir)}

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._updates = self._count()
        self._begin = self._end = 0, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        done = budget.done(batch, self.params["steps"])
        self._end = done, time.perf_counter()
        made = 0 if self._compiled else self._count() - self._updates
        if made:  # A resumed epoch begins with calls that make no updates.
            self._compiled = True
            last = done == self.params["steps"]
            begin = done - made, self._begin[1]
            self._begin = begin if last else self._end

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        optimizer = self.model.optimizer
        runs = {"train": {}, "validation": {}}
        for name, value in (logs or {}).items():
            run = "validation" if name.startswith("val_") else "train"
            name = name.removeprefix("val_")
            if name not in log_likelihood.NAMES + trajectory_ais.NAMES:
                runs[run][tensorboard.metric_tag(name)] = value
        train = runs["train"]
        train[f"{tensorboard.LEARNING}/learning_rate"] = _number(
            optimizer.learning_rate
        )
        updates, seconds = np.subtract(self._end, self._begin)
        if updates:
            train[f"{tensorboard.THROUGHPUT}/updates_per_second"] = (
                updates / seconds
            )
        for run, values in runs.items():
            if values:
                self._write(run, values, epoch + 1)

    def on_train_end(self, logs: Logs = None) -> None:
        self._writers = {}

    def _count(self):
        return int(_number(self.model.optimizer.iterations))

    def _write(self, run, values, step):
        if run not in self._writers:
            self._writers[run] = tensorboard.writer(self.log_dir, run)
        with self._writers[run].as_default(step=step):
            for tag, value in values.items():
                tensorboard.scalar(tag, value)
        self._writers[run].flush()


def _number(variable):
    return float(keras.ops.convert_to_numpy(variable))
