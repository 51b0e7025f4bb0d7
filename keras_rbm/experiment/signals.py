"""Signals that end a run, but not before it is saved."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def stopping(checkpoint):
    """Within this context SIGTERM and SIGINT have the run saved and ended.

    `fit` then raises `callbacks.Interrupted` with the name of the signal. A
    second Ctrl-C interrupts at once. Nothing happens outside the main thread,
    where Python allows no handlers.

    Args:
        checkpoint: A `callbacks.Checkpoint`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        checkpoint.stop(signal.Signals(number).name)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {
        number: signal.signal(number, stop)
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
