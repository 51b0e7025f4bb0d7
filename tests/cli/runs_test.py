"""Single runs of the command, made up but for their flags and their logs."""

import gc
import logging
import os
import pathlib
import signal

import gin
import keras
import pytest

from keras_rbm_cli import modes, options, runs, screen
from keras_rbm_cli.errors import Stopped, UserError
from tests.cli import command

LOG = logging.getLogger("keras_rbm")


@pytest.fixture(autouse=True)
def nothing_is_collected(monkeypatch):
    """Keras would collect the garbage of all tests, twice a run.

    That takes most of a second, and runs that are made up leave none.
    """
    monkeypatch.setattr(gc, "collect", lambda: 0)


@pytest.fixture
def run(monkeypatch):
    """Runs a function as the command within this process."""

    def run(function, words=(), silent=False):
        monkeypatch.setattr(modes, "run", function)
        with command.gin.unlock_config(), runs.ThisProcess() as process:
            _, error = process.run(list(words), silent)
        return error, process.stopped

    return run


def test_a_run_has_flags_of_its_own(run):
    def trains():
        assert (options.EPOCHS.value, options.SEED.value) == (3, None)
        assert options.SET.value == ["a = 1"]
        assert options.CONFIG.value == "digits.gin"
        assert not options.CONFIG.present

    def trains_another():
        assert (options.EPOCHS.value, options.SEED.value) == (None, 5)
        assert options.SET.value == ["b = 2"]
        assert options.CONFIG.present

    before = options.SET.value
    assert run(trains, ["--epochs=3", "--set=a = 1"]) == (None, None)
    words = ["--seed=5", "--set=b = 2", "--config=mnist"]
    assert run(trains_another, words) == (None, None)
    assert options.SET.value == before
    error, _ = run(trains, ["--no_such_flag"])
    assert error == "Unknown command line flag 'no_such_flag'"


def test_a_run_leaves_no_traces_for_the_next(run, tmp_path):
    def trains():
        assert keras.config.dtype_policy().name == "float32"
        assert keras.layers.Dense(1).name == "dense"
        assert gin.config_str() == ""
        assert LOG.handlers == []
        keras.config.set_dtype_policy("mixed_bfloat16")
        gin.parse_config("x = 1")
        screen.log_to(tmp_path / "run.log")
        LOG.info("trained")

    with screen.own_log():
        screen.log_to(tmp_path / "sweep.log")
        own = list(LOG.handlers)
        for _ in range(2):
            assert run(trains) == (None, None)
        assert own == LOG.handlers
    assert (tmp_path / "run.log").read_text().count("trained") == 2
    assert (tmp_path / "sweep.log").read_text() == ""
    assert keras.config.dtype_policy().name == "float32"


def test_what_fails_is_reported_and_stops_nothing(run, capsys):
    def fails():
        print("seen")
        raise UserError("no memory")

    assert run(fails) == ("no memory", None)
    assert "seen" in capsys.readouterr().out
    assert run(fails, silent=True) == ("no memory", None)
    assert capsys.readouterr().out == ""


def test_a_signal_stops_the_run_and_those_that_follow(run):
    def kills():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    def stops():
        raise Stopped("SIGINT", pathlib.Path("run"))

    before = signal.getsignal(signal.SIGTERM)
    assert run(kills) == (None, "SIGTERM")
    assert run(stops) == (None, "SIGINT")
    assert signal.getsignal(signal.SIGTERM) is before
    with runs.ThisProcess() as process:
        os.kill(os.getpid(), signal.SIGTERM)  # Between two runs.
        assert process.run(["--no_such_flag"])[1] is None
        assert process.stopped == "SIGTERM"


def test_what_a_process_complains_of(monkeypatch):
    import tensorflow as tf

    hidden = []
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda *args: hidden.append(args)
    )
    with runs.OwnProcess() as process:
        seconds, error = process.run(["--no_such_flag"])
        assert seconds > 0
        assert error == "Unknown command line flag 'no_such_flag'"
        assert process.run(["--help"], silent=True)[1] is None
    assert hidden == [([], "GPU")]
