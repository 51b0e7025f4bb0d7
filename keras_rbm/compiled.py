"""Functions that XLA compiles."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import tensorflow as tf

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorator: compiles a pure function of tensors with XLA.

    Arguments that are not tensors, such as `Units`, are part of the program:
    another value means another compilation.

    Args:
        function: A pure function; it may be given nests such as a `Machine`.

    Returns:
        The compiled function.
    """
    return tf.function(function, jit_compile=True, autograph=False)
