"""Errors that end the command with one line on the screen."""

import logging
import textwrap

# The most characters of an error on the screen; the log has the whole error.
LONGEST = 2000


class UserError(Exception):
    """An error that the user can correct, reported in one line."""


class Stopped(Exception):
    """A signal has ended the run; it can be resumed."""

    def __init__(self, signal, output):
        super().__init__(
            f"stopped by {signal}, and saved; go on with --resume {output}"
        )
        self.signal = signal


def fail(error, log):
    """Raises a `UserError` of one line; the trace goes to the log."""
    logging.getLogger("keras_rbm").exception("this failed")
    message = str(error).split("\n  In call to configurable")[0]
    line = " ".join(message.split()) or type(error).__name__
    if not isinstance(error, ValueError | OSError):
        line = f"{type(error).__name__}: {line}"
    line = textwrap.shorten(line, LONGEST)
    raise UserError(f"{line} (trace in {log})") from None
