"""Errors that end the command with one line, and their trace in the log."""

import pathlib

import pytest

from keras_rbm_cli import errors, screen


@pytest.fixture
def log(tmp_path):
    with screen.own_log():
        screen.log_to(tmp_path / "train.log")
        yield tmp_path / "train.log"


def line_of(error, log):
    """What the user reads of an error."""
    try:
        raise error
    except type(error):
        with pytest.raises(errors.UserError) as caught:
            errors.fail(error, log)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value)


def test_a_message_of_several_lines_becomes_one(log):
    error = ValueError(
        "`hidden` must be positive.\n    Received:\thidden=-3\n"
        "  In call to configurable 'RBM' (<class 'RBM'>)\n  In call to 'run'"
    )
    assert line_of(error, log) == (
        f"`hidden` must be positive. Received: hidden=-3 (trace in {log})"
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no such layer"), "no such layer"),
        (FileNotFoundError(2, "No such file"), "[Errno 2] No such file"),
        (KeyError("layer"), "KeyError: 'layer'"),
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (ValueError(), "ValueError"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_only_unexpected_or_empty_errors_name_their_type(log, error, line):
    assert line_of(error, log) == f"{line} (trace in {log})"


def test_the_log_alone_has_the_trace(log, capsys):
    line_of(KeyError("layer"), log)
    text = log.read_text()
    assert "ERROR this failed\nTraceback" in text
    assert "raise error" in text
    assert text.endswith("KeyError: 'layer'\n")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.parametrize("between", [" ", "_"])  # Many words, or one.
def test_a_long_message_is_shortened_but_in_the_log(log, between):
    message = between.join(f"word_{number}" for number in range(1000))
    line, _, rest = line_of(ValueError(message), log).rpartition(" [...]")
    assert len(line) == errors.LONGEST - len(" [...]")
    assert message.startswith(line)
    assert rest == f" (trace in {log})"
    assert message in log.read_text()


def test_a_stopped_run_says_how_to_go_on():
    stopped = errors.Stopped("SIGTERM", "runs/mine")
    assert stopped.signal == "SIGTERM"
    assert str(stopped) == (
        "stopped by SIGTERM, and saved; go on with --resume runs/mine"
    )
    line = str(errors.Stopped("SIGTERM", pathlib.Path("my runs/first")))
    assert line.endswith("--resume 'my runs/first'")
