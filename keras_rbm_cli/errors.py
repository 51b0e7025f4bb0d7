"""Errors that end the command with one line on the screen."""

import logging
import shlex

# The most characters of an error on the screen; the log has the whole error.
LONGEST = 2000
_CUT = " [...]"


class UserError(Exception):
    """An error that the user can correct, reported in one line."""


class Stopped(Exception):
    """A signal has ended the run; it can be resumed."""

    def __init__(self, signal, output):
        super().__init__(
            f"stopped by {signal}, and saved; go on with --resume "
            f"{shlex.quote(str(output))}"
        )
        self.signal = signal


def shortened(text, longest):
    """The text on one line, cut to `longest` characters with " [...]"."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    return f"{line[: longest - len(_CUT)]}{_CUT}"


def described(error, plain, longest):
    """The message of an error as one line.

    Args:
        error: An exception.
        plain: Tuple of the types whose messages stand alone. The name of any
            other type comes first, or in place of an empty message.
        longest: See `shortened`.
    """
    message = str(error).split("\n  In call to configurable")[0]
    kind = type(error).__name__
    if not message.strip():
        message = kind
    elif not isinstance(error, plain):
        message = f"{kind}: {message}"
    return shortened(message, longest)


def fail(error, log):
    """Raises a `UserError` of one line; the trace goes to the log."""
    logging.getLogger("keras_rbm").exception("this failed")
    line = described(error, (ValueError, OSError), LONGEST)
    raise UserError(f"{line} (trace in {log})") from None
