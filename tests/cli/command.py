"""The command, called within the process of the tests.

It does not import TensorFlow anew, which takes seconds.
"""

import contextlib
import io
import pathlib
import tempfile
from typing import NamedTuple

import gin
import keras
import pytest
from absl.testing import flagsaver

from keras_rbm_cli import configuration, main, screen


class Done(NamedTuple):
    """What a call has left: the exit code, and what it has printed."""

    code: int
    screen: str
    errors: str


def libraries(log, strategy="none"):
    """In place of `configuration.libraries`, after `register`."""
    screen.log_to(log)
    return gin, keras


def register():
    """Registers the names for .gin files, as the first call would."""
    with screen.own_log(), tempfile.TemporaryDirectory() as folder:
        configuration.libraries(pathlib.Path(folder) / "log")


def call(*arguments):
    """Calls the command; returns the exit code and what it prints."""
    printed, errors = io.StringIO(), io.StringIO()
    code = 0
    with (
        gin.unlock_config(),
        flagsaver.flagsaver(),
        screen.own_log(),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(errors),
        pytest.MonkeyPatch.context() as patch,
    ):
        gin.clear_config()
        patch.setattr(configuration, "libraries", libraries)
        try:
            main.main(main.read(["train.py", *map(str, arguments)]))
        except SystemExit as stop:
            code = stop.code
    return Done(code, printed.getvalue(), errors.getvalue())


def refused(*arguments):
    """Calls the command, which must end in one line; returns that."""
    done = call(*arguments)
    assert done.code == 2
    (line,) = done.errors.splitlines()
    assert line.startswith("train.py: error: ")
    assert "Traceback" not in done.screen
    return line
