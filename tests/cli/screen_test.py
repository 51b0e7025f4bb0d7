"""What goes to the screen, what to the log, and how the program is called."""

import contextlib
import io
import logging
import os
import pathlib
import re
import sys
import warnings

import pytest

from keras_rbm_cli import screen

LOG = logging.getLogger("keras_rbm")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("train.py", "train.py"),
        ("/home/me/train.py", "train.py"),
        ("/usr/bin/keras-rbm", "keras-rbm"),
        ("/lib/keras_rbm_cli/__main__.py", "keras-rbm"),
        ("", "keras-rbm"),
    ],
)
def test_the_program_has_the_name_by_which_it_is_called(path, name):
    assert screen.program([path, "--epochs=3"]) == name


@pytest.fixture
def python(tmp_path, monkeypatch):
    """An interpreter in a folder of its own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python3"))
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    return tmp_path / "bin"


def program_in(folder, name):
    """Makes a program, which does nothing."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def test_the_command_is_one_that_the_user_can_repeat(python, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["src/train.py", "--epochs=3"])
    assert screen.command() == "bin/python3 src/train.py"
    # The python on the PATH is another one.
    program_in(python.parent / "other", "python")
    monkeypatch.setenv("PATH", str(python.parent / "other"))
    assert screen.command() == "bin/python3 src/train.py"
    program_in(python, "python")
    monkeypatch.setenv("PATH", str(python))
    assert screen.command() == "python src/train.py"
    # A path with a space is one word for the shell.
    monkeypatch.setattr(sys, "argv", ["my src/train.py", "--epochs=3"])
    assert screen.command() == "python 'my src/train.py'"
    monkeypatch.setattr(sys, "executable", str(python.parent / "my bin/python"))
    assert screen.command() == "'my bin/python' 'my src/train.py'"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/keras-rbm", "--epochs=3"])
    assert screen.command() == "keras-rbm"


def test_tensorboard_is_the_one_that_is_there(python, monkeypatch):
    asked = "--samples_per_plugin images=100 --logdir runs/mine"
    path = pathlib.Path("runs/mine")
    # Without any, the name still says what to install.
    assert screen.tensorboard(path) == f"`tensorboard {asked}`"
    program_in(python, "tensorboard")
    assert screen.tensorboard(path) == f"`bin/tensorboard {asked}`"
    monkeypatch.setenv("PATH", str(python))
    assert screen.tensorboard(path) == f"`tensorboard {asked}`"
    line = screen.tensorboard(pathlib.Path("my runs/first"))
    assert line.endswith("--logdir 'my runs/first'`")


def test_what_tensorflow_prints_goes_to_the_log(tmp_path, monkeypatch, capfd):
    for name in ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "XLA_FLAGS"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.delenv("XLA_FLAGS")
    log = tmp_path / "train.log"
    log.write_text("before\n")
    with contextlib.suppress(KeyError), screen.quiet(log):
        os.write(2, b"a note of C++\n")
        assert os.environ["KERAS_BACKEND"] == "tensorflow"
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "mine"
        assert "prefer_vector_width" in os.environ["XLA_FLAGS"]
        raise KeyError
    os.write(2, b"an error\n")
    assert log.read_text() == "before\na note of C++\n"
    assert capfd.readouterr().err == "an error\n"


class Screen(io.StringIO):
    """Standard output that is a screen, with bars of progress."""

    def isatty(self):
        return True


@pytest.mark.parametrize("is_screen", [True, False])
def test_lines_are_logged_and_errors_are_not_shown(
    tmp_path, monkeypatch, is_screen
):
    stdout = Screen() if is_screen else io.StringIO()
    with screen.own_log():
        monkeypatch.setattr(sys, "stdout", stdout)
        screen.log_to(tmp_path / "train.log")
        LOG.debug("a detail")
        LOG.info("epoch 1")
        LOG.error("a trace")
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    first, second = f"{time} INFO epoch 1\n", f"{time} ERROR a trace\n"
    assert re.fullmatch(first + second, (tmp_path / "train.log").read_text())
    assert re.fullmatch("" if is_screen else first, stdout.getvalue())


def test_a_log_of_its_own_is_closed_and_the_other_is_back(tmp_path):
    with screen.own_log():
        screen.log_to(tmp_path / "outer.log")
        outer = LOG.propagate, LOG.level, list(LOG.handlers)
        with contextlib.suppress(KeyError), screen.own_log():
            assert LOG.handlers == []
            screen.log_to(tmp_path / "inner.log")
            inner = LOG.handlers[0]
            LOG.propagate = True
            LOG.setLevel(logging.ERROR)
            LOG.error("within")
            raise KeyError
        assert (LOG.propagate, LOG.level, LOG.handlers) == outer
        assert inner.stream is None
        LOG.info("outside")
    assert (tmp_path / "inner.log").read_text().endswith("ERROR within\n")
    assert (tmp_path / "outer.log").read_text().endswith("INFO outside\n")
    assert "within" not in (tmp_path / "outer.log").read_text()


@pytest.mark.filterwarnings("default")
def test_warnings_logged_writes_warnings_to_the_log(tmp_path):
    with screen.own_log():
        screen.log_to(tmp_path / "train.log")
        with screen.warnings_logged():
            warnings.warn("50% of the units are dead", stacklevel=1)
        with pytest.warns(UserWarning, match="shown"):
            warnings.warn("shown", stacklevel=1)
    (line,) = (tmp_path / "train.log").read_text().splitlines()
    assert line.endswith("WARNING 50% of the units are dead")


def test_hidden_hides_what_is_printed(capsys):
    with contextlib.suppress(KeyError), screen.hidden():
        print("unseen")
        raise KeyError
    print("seen")
    assert capsys.readouterr().out == "seen\n"
