"""How TensorFlow traces and compiles functions."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import tensorflow as tf

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorator: compiles a pure function of tensors with XLA.

    Arguments that are not tensors, such as `Units`, are part of the program:
    another value means another compilation. Many machines of many sizes mean
    many programs, which is as it must be: TensorFlow does not warn of them.

    Args:
        function: A pure function; it may be given nests such as a `Machine`.

    Returns:
        The compiled function.
    """
    return quiet(tf.function(function, jit_compile=True, autograph=False))


def without_autograph(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorator: has `tf.data.Dataset.map` trace a function as it stands.

    AutoGraph translates `if` and `for` over tensors. It reads the source of
    all functions that are called, which takes a part of a second at each
    start, for nothing where there is no such statement.

    Args:
        function: A function of tensors, without control flow over them.

    Returns:
        The function, which AutoGraph leaves alone.
    """
    return tf.autograph.experimental.do_not_convert(function)


def quiet(function: Any) -> Any:
    """A `tf.function` that may be traced often, without TensorFlow's warning.

    TensorFlow 2.21 has no public name for this.
    """
    function._omit_frequent_tracing_warning = True
    return function
