"""A progress bar for what may take long."""

import sys
import threading
import time

import keras

# Seconds before the bar appears: what is over by then needs none.
_PATIENCE = 3.0


class ProgressBar:
    """Keras's progress bar, once a few seconds have gone by.

    What is over by then has none, whatever `verbose` is.

    Args:
        total: Number of units of work.
        label: What is being done, printed before the bar.
        verbose: `"auto"` for a bar on a screen or in a notebook alone, 1 for
            one in a file too, 0 for none.

    Raises:
        ValueError: If `verbose` is anything else.
    """

    def __init__(self, total, label, verbose="auto"):
        if verbose not in ("auto", 0, 1):
            raise ValueError(
                '`verbose` must be "auto", 0 or 1. Received: '
                f"verbose={verbose!r}"
            )
        if verbose == "auto":
            verbose = sys.stdout.isatty() or "ipykernel" in sys.modules
        self.total = total
        self.label = label
        self.verbose = bool(verbose)
        self._done = 0
        self._bar = None
        self._start = time.perf_counter()
        self._lock = threading.Lock()

    def add(self, count):
        """Notes that so much more has been done, in any thread."""
        with self._lock:
            self._add(count)

    def _add(self, count):
        self._done += count
        if not self.verbose:
            return
        if self._bar is None:
            if (
                time.perf_counter() - self._start < _PATIENCE
                or self._done >= self.total
            ):
                return
            print(self.label)
            self._bar = keras.utils.Progbar(self.total, width=20)
        self._bar.update(self._done)
