"""Updates made eagerly, for tests of what stands around them.

XLA takes seconds for a program that a test runs a few times. The updates are
the same, but for rounding: tests of models compare the two.
"""

import contextlib
import warnings

import pytest
import tensorflow as tf

from keras_rbm import random
from keras_rbm.models.trainer import Trainer

_COMPILE = Trainer.compile


def _compile_eagerly(self, *args, jit_compile="auto", **kwargs):
    """`Trainer.compile`, but eager where a caller does not choose."""
    if jit_compile == "auto":
        kwargs = {"run_eagerly": True, **kwargs}
    _COMPILE(self, *args, jit_compile=jit_compile, **kwargs)


@contextlib.contextmanager
def updates():
    """Makes the updates of all models eagerly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "compile", _compile_eagerly)
        yield


@contextlib.contextmanager
def compiled_updates():
    """Compiles them, as a user's program does, within `updates`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "compile", _COMPILE)
        yield


@contextlib.contextmanager
def functions():
    """Runs all functions eagerly, where each call would compile its own.

    Random words remain graphs: a hundred operations for each draw, one by one,
    would take most of the time.
    """
    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            for name in ("_bits", "_folded"):
                graph = getattr(random, name).get_concrete_function()
                patch.setattr(random, name, graph)
            warnings.filterwarnings("ignore", "Even though the `tf.config")
            yield
    finally:
        tf.config.run_functions_eagerly(False)
