"""`UpdateLog`: a file of errors and update sizes during training."""

import csv
import os
import pathlib

import keras
import numpy as np

from keras_rbm import checks, devices
from keras_rbm.typing import Logs, Path, State

#: Columns of the file.
COLUMNS = ("update", "reconstruction_error", "update_norm")


class UpdateLog(keras.callbacks.Callback):
    """Writes a row with error and update size for each compiled call.

    At the end of `fit`, the file has the columns

    - `update`: number of the last update of the row;
    - `reconstruction_error`: mean over about 100 examples of the call, those
      that the metrics use;
    - `update_norm`: |theta' - theta| of the last update of the call, over all
      trainable weights. It is empty if it is unknown: with several replicas,
      or with `steps_per_execution` in Keras's own loop. With one update per
      call, all weights are copied to the host after each update, in float32.

    When there are twice as many rows as `most_rows`, neighbours are averaged.

    Args:
        path: Path of the file, with comma-separated values.
        most_rows: A longer file keeps at least this many rows, and less than
            twice as many.

    Raises:
        ValueError: If `most_rows` is not a positive integer.

    Example:
        log = callbacks.UpdateLog("updates.csv")
        rbm.fit(x, updates=100, callbacks=[log], verbose=0)
    """

    def __init__(self, path: Path, most_rows: int = 1000):
        super().__init__()
        self.path = pathlib.Path(path)
        self.most_rows = checks.positive_integer("most_rows", most_rows)

    def on_train_begin(self, logs: Logs = None) -> None:
        self._rows, self._pending, self._stride = [], [], 1
        self._updates = self._count()
        self._weights = None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._calls, self._sum = 0, 0.0
        # Changes by other callbacks between epochs are not updates.
        self._weights = None

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self.model.last_update_norm = None
        replicas = self.model.distribute_strategy.num_replicas_in_sync
        if self.model.steps_per_execution * replicas > 1:
            return
        if self._weights is None:  # Otherwise, those after the last call.
            self._weights = self._read()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        # Metrics are means since the beginning of the epoch, in which all
        # calls have the same weight.
        calls = (batch + 1) / self.model.steps_per_execution
        total = float((logs or {}).get("reconstruction_error", np.nan)) * calls
        error = (total - self._sum) / (calls - self._calls)
        self._calls, self._sum = calls, total
        updates = self._count()
        if updates == self._updates:  # An earlier run made these updates.
            return
        self._updates = updates
        self._add((updates, error, self._norm()))

    def on_train_end(self, logs: Logs = None) -> None:
        if not devices.is_chief():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f"{self.path.name}.writing")
        rows = self._rows + ([_mean(self._pending)] if self._pending else [])
        with open(aside, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for update, *values in rows:
                cells = [f"{x:.6g}" if np.isfinite(x) else "" for x in values]
                writer.writerow([update, *cells])
        os.replace(aside, self.path)

    def get_state(self) -> State:
        """The state for `set_state` of a resumed run, in values of JSON."""
        return {
            "rows": self._rows,
            "pending": self._pending,
            "stride": self._stride,
        }

    def set_state(self, state: State) -> None:
        """Restores the state of an earlier process, after `fit` has begun."""
        self._rows, self._pending = (
            [tuple(row) for row in state[name]] for name in ("rows", "pending")
        )
        self._stride = state["stride"]

    def _add(self, row):
        self._pending.append(row)
        if len(self._pending) == self._stride:
            self._rows.append(_mean(self._pending))
            self._pending = []
        if len(self._rows) == 2 * self.most_rows:
            pairs = zip(self._rows[::2], self._rows[1::2], strict=True)
            self._rows = [_mean(pair) for pair in pairs]
            self._stride *= 2

    def _norm(self):
        norm = self.model.last_update_norm
        if norm is not None:
            return float(norm)
        if self._weights is None:
            return float("nan")
        before, self._weights = self._weights, self._read()
        change = zip(self._weights, before, strict=True)
        return float(np.sqrt(sum(np.square(a - b).sum() for a, b in change)))

    def _read(self):
        return [  # Copies, even if host and device share their memory.
            np.array(keras.ops.convert_to_numpy(weight), "float32")
            for weight in self.model.trainable_variables
        ]

    def _count(self):
        return int(keras.ops.convert_to_numpy(self.model.updates))


def _mean(rows):
    """The mean of several rows, with the number of their last update."""
    values = np.mean([row[1:] for row in rows], axis=0)
    return rows[-1][0], *map(float, values)
