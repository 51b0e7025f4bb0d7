"""`python -m keras_rbm_cli` is the command."""

import runpy
import sys

import pytest
from absl.testing import flagsaver

from keras_rbm_cli import main


@pytest.fixture
def module(monkeypatch):
    """Runs the module as Python does, with some arguments."""
    monkeypatch.setattr(main.absl_logging, "use_absl_handler", lambda: None)

    def run(*arguments, name="__main__"):
        path = "/somewhere/keras_rbm_cli/__main__.py"
        monkeypatch.setattr(sys, "argv", [path, *arguments])
        with flagsaver.flagsaver():
            runpy.run_module("keras_rbm_cli.__main__", run_name=name)

    return run


@pytest.mark.parametrize(
    ("argument", "code", "words"),
    [
        ("--help", 0, "\n    keras-rbm --data mine.csv\n"),
        ("--mode=dream", 2, "keras-rbm: error: "),
        ("surplus", 2, "keras-rbm: error: unknown argument 'surplus'"),
    ],
)
def test_it_ends_as_the_command_does(module, capsys, argument, code, words):
    with pytest.raises(SystemExit) as stop:
        module(argument)
    assert stop.value.code == code
    printed = capsys.readouterr()
    assert words in (printed.err if code else printed.out)


def test_an_import_of_it_runs_nothing(module, capsys):
    module("surplus", name="keras_rbm_cli.__main__")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")
