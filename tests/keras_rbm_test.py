"""`import keras_rbm` gives its packages, which are imported when used."""

import os
import pathlib
import subprocess
import sys

import pytest

import keras_rbm


@pytest.mark.parametrize("name", keras_rbm._LAZY)
def test_the_packages_are_at_hand(name):
    assert getattr(keras_rbm, name).__name__ == f"keras_rbm.{name}"
    assert name in dir(keras_rbm)


def test_without_tensorflow_the_error_says_what_to_install():
    code = (
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(name, *_):\n"
        "        if name.partition('.')[0] == 'tensorflow':\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Hidden)\n"
        "import keras_rbm\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=pathlib.Path(__file__).parents[1],
        env=os.environ | {"KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: keras_rbm needs TensorFlow. Install")
    assert 'pip install "keras_rbm[cpu]"' in last


def test_what_is_not_there_is_an_error():
    with pytest.raises(AttributeError, match="no attribute 'figure'"):
        keras_rbm.figure  # noqa: B018
