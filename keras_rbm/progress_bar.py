"""A progress bar for work that may take long."""

import sys
import threading
import time

import keras

# Seconds before the bar appears: shorter work needs none.
_PATIENCE = 3.0


class ProgressBar:
    """Keras's progress bar, which appears after a few seconds.

    Shorter work has no bar, whatever `verbose` is.

    Args:
        total: Number of units of work.
        label: Description of the work, printed before the bar.
        verbose: `"auto"` for a bar only on a screen or in a notebook, 1 for a
            bar also in a file, 0 for no bar.

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
        """Adds `count` units of finished work; may be called in any thread."""
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
