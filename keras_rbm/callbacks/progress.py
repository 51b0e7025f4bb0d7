"""Progress of a run: a line on the screen, and lines of the log."""

import contextlib
import logging
import math
import sys
import threading
import time
import weakref
from collections.abc import Iterator

import keras

from keras_rbm import budget
from keras_rbm.callbacks.chain_health import ChainHealth
from keras_rbm.typing import Logs

_LOG = logging.getLogger("keras_rbm")
# Seconds between two lines on the screen, and between two looks at long work.
_EVERY, _LOOKS = 0.1, 1.0
# The training loops of models that have made updates: they are compiled.
_COMPILED = weakref.WeakSet()
# Metrics and their labels: the first one that the logs contain is shown.
_MEASURES = (
    ("val_log_likelihood", "log p(v)"),
    ("log_likelihood", "log p(v) of training data"),
    ("pseudo_log_likelihood", "pseudo-log-likelihood"),
)


class Progress(keras.callbacks.Callback):
    """Shows the progress of the run, and a measure of its quality, in a line.

        epoch 3/50 | 1,400 of 25,000 updates | 2,310/s | 0:10 left |
        log p(v) -19.31 | chains ok

    The remaining time is an estimate from the mean speed of the updates so
    far. It does not include measurements between the epochs, and the speed
    does not include the first compiled call, which waits for the compiler. The
    measure is the latest validation log-likelihood of
    `callbacks.LogLikelihood` or, before its first measurement, the
    pseudo-log-likelihood of training examples. Put this callback after the
    callbacks that measure. For a data set of unknown length, the line has
    neither the number of all updates nor the remaining time.

    Args:
        metric: Name of the metric to show; `None` for the likelihood.
        label: The label of the metric.
        done: Number of updates that earlier parts of the run have made.
        chain_health: The `callbacks.ChainHealth` of the run, or `None`.

    Example:
        rbm.fit(x, updates=100, callbacks=[callbacks.Progress()], verbose=0)
    """

    def __init__(
        self,
        metric: str | None = None,
        label: str = "error",
        done: int = 0,
        chain_health: ChainHealth | None = None,
    ):
        super().__init__()
        self.done = done
        self.metric = metric
        self.label = label
        self.chain_health = chain_health

    def on_train_begin(self, logs: Logs = None) -> None:
        self._seconds, self._counted = 0.0, 0
        self._compiled = False
        self._written, self._width = -math.inf, 0
        self._measure, self._health = "", None
        self._epoch, self._updates = 0, self.done
        self._write("waiting for the compiler")

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch
        self._before = _updates_before(epoch, self.params, self._updates)
        self._done = 0  # Completed updates of the epoch.

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._begin = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        done = budget.done(batch, self.params["steps"])
        self._updates = self._before + done
        steps, self._done = done - self._done, done
        if self._updates <= self.done:  # An earlier run made these updates.
            return
        self._show(logs)  # Reading a metric waits for the updates.
        if self._compiled:
            self._seconds += time.perf_counter() - self._begin
            self._counted += steps
        self._compiled = True
        now = time.perf_counter()
        if now - self._written > _EVERY:
            self._written = now
            self._write(self._progress())

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._show(logs)
        self._look_at_chains()
        self._write(self._progress())

    def on_train_end(self, logs: Logs = None) -> None:
        print(flush=True)

    def _show(self, logs):
        """Sets the measure to show to the latest number in the logs."""
        logs = logs or {}
        measures = _MEASURES
        if self.metric is not None:
            measures = ((self.metric, self.label),)
        for name, label in measures:
            value = logs.get(name)
            if value is not None and math.isfinite(value := float(value)):
                is_likelihood = name != "pseudo_log_likelihood"
                if is_likelihood or not self._measure.startswith("log p(v)"):
                    self._measure = f"{label} {value:.4g}"
                return

    def _look_at_chains(self):
        health = self.chain_health and self.chain_health.health
        if health not in (None, "ok", self._health):
            self._write(f"the chains do not mix: {health}")
            print()
            self._width = 0
        self._health = health

    def _progress(self):
        speed = self._counted / self._seconds if self._seconds else None
        parts = _position(
            self._epoch, self._updates, self.params, speed or None
        )
        if self._measure:
            parts.append(self._measure)
        if self._health is not None:
            ok = self._health == "ok"
            parts.append("chains ok" if ok else "chains do not mix")
        return " | ".join(parts)

    def _write(self, text):
        """Writes over the previous line."""
        sys.stdout.write(f"\r{text.ljust(self._width)}")
        sys.stdout.flush()
        self._width = len(text)


def _time(seconds):
    """Seconds as text, such as 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


class EpochLog(keras.callbacks.Callback):
    """Writes a line with all metrics of an epoch to the logger `keras_rbm`.

    The first epoch begins with a compilation. A line announces it, and two
    further lines say when the update is compiled and when the measurements
    begin (unless the number of updates in an epoch is unknown). A further `fit`
    of the model compiles nothing and has none of these lines. If an epoch takes
    long, a line such as

        epoch 3/50 | 1,400 of 25,000 updates | 2,310/s | 0:10 left

    is written every 30 seconds. The speed is that of the epoch so far. Within
    the context `alive()`, a line is also written every 30 seconds of a
    compilation or a measurement, during which Keras calls no callback.

    Args:
        done: Number of updates that earlier parts of the run have made.
        every: The least number of seconds between these lines.

    Example:
        rbm.fit(x, updates=100, callbacks=[callbacks.EpochLog()], verbose=0)
    """

    def __init__(self, done: int = 0, every: float = 30.0):
        super().__init__()
        self.done = done
        self.every = every
        self._waits_for(None)

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """Context in which long compilations and measurements are reported.

        Example:
            log = callbacks.EpochLog()
            with log.alive():
                rbm.fit(x, updates=100, callbacks=[log], verbose=0)
        """
        ended = threading.Event()

        def watch():
            while not ended.wait(_LOOKS):
                self._look()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            # After an error, `fit` does not call `on_train_end`.
            self._waits_for(None)

    def _waits_for(self, work):
        """Notes the work that begins now, whose end no callback reports."""
        self._work = work
        self._work_begin = self._written = time.perf_counter()

    def _look(self):
        """Writes a line if the last line of the current work is long ago."""
        now, work = time.perf_counter(), self._work
        if work is not None and now - self._written > self.every:
            self._written = now
            _LOG.info("still %s, for %s", work, _time(now - self._work_begin))

    def on_train_begin(self, logs: Logs = None) -> None:
        self._begin = time.perf_counter()
        self._is_compiled = self.model.train_function in _COMPILED
        self._has_measured = self._is_compiled
        self._epoch, self._since, self._first = 0, None, None
        self._updates = self.done
        if self._is_compiled:
            self._waits_for(None)
        else:
            self._waits_for("compiling the update")
            _LOG.info("compiling the update; the first epoch takes longest")

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch, self._since = epoch, None
        self._before = _updates_before(epoch, self.params, self._updates)
        if self._first is None:
            self._first = max(self.done, self._before)
        if self._is_compiled:
            self._waits_for(None)

    def on_train_end(self, logs: Logs = None) -> None:
        self._waits_for(None)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        steps = self.params["steps"]
        count = budget.done(batch, steps)
        self._updates = updates = self._before + count
        if updates <= self.done:  # An earlier run made these updates.
            return
        now = time.perf_counter()
        if not self._is_compiled:
            _wait(logs)
            now = time.perf_counter()
            self._is_compiled = True
            _COMPILED.add(self.model.train_function)
            self._waits_for(None)
            _LOG.info(
                "compiled, and made the first %d updates, in %s",
                updates - self._first,
                _time(now - self._begin),
            )
        elif now - self._written > self.every:
            _wait(logs)
            self._written = now = time.perf_counter()
            if self._since is not None:
                self._write(updates, now)
        if self._since is None:
            self._since = now, updates
        if count == steps:
            self._waits_for("measuring")
            if not self._has_measured:
                _LOG.info("measuring; the first time, this is also compiled")
            self._has_measured = True

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        metrics = " ".join(f"{k}={v:.6g}" for k, v in (logs or {}).items())
        _LOG.info("epoch %d/%d %s", epoch + 1, self.params["epochs"], metrics)
        self._written = time.perf_counter()

    def _write(self, updates, now):
        then, before = self._since
        _LOG.info(
            "%s",
            " | ".join(
                _position(
                    self._epoch,
                    updates,
                    self.params,
                    (updates - before) / (now - then),
                )
            ),
        )


def _wait(logs):
    """Waits until the device, which works asynchronously, has caught up."""
    for value in (logs or {}).values():
        float(value)
        return


def _updates_before(epoch, params, updates):
    """Number of updates of the run before an epoch.

    Args:
        epoch: Number of completed epochs.
        params: The `params` of a Keras callback.
        updates: Number of updates counted so far. It is the result if the
            number of updates in an epoch is unknown; `fit` then begins with a
            whole epoch.
    """
    steps = params["steps"]
    return updates if steps is None else epoch * steps


def _position(epoch, updates, params, speed):
    """The position in a run, and the time left at a speed, if this is known."""
    epochs, steps = params["epochs"], params["steps"]
    total = None if steps is None else epochs * steps
    of_total = "" if total is None else f" of {total:,}"
    parts = [f"epoch {epoch + 1}/{epochs}", f"{updates:,}{of_total} updates"]
    if speed is not None:
        rate = f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}"
        parts.append(f"{rate}/s")
        if total is not None:
            parts.append(f"{_time(max(total - updates, 0) / speed)} left")
    return parts
