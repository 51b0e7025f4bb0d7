"""Controls how TensorFlow traces and compiles functions."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import tensorflow as tf

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorator: compiles a pure function of tensors with XLA.

    Arguments that are not tensors, such as `Units`, are part of the program:
    another value needs another compilation. Machines of many sizes need many
    programs. This is intended, so TensorFlow's warning is disabled.

    Args:
        function: A pure function; its arguments may be nests such as a
            `Machine`.

    Returns:
        The compiled function.
    """
    return quiet(tf.function(function, jit_compile=True, autograph=False))


def without_autograph(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorator: lets `tf.data.Dataset.map` trace a function without AutoGraph.

    AutoGraph translates `if` and `for` over tensors. To do so, it reads the
    source of all called functions, which takes a fraction of a second at each
    start. Functions without such statements do not need it.

    Args:
        function: A function of tensors, without control flow over them.

    Returns:
        The function, marked to be skipped by AutoGraph.
    """
    return tf.autograph.experimental.do_not_convert(function)


def quiet(function: Any) -> Any:
    """Disables TensorFlow's warning about frequent retracing of a function.

    TensorFlow 2.21 has no public interface for this.
    """
    function._omit_frequent_tracing_warning = True
    return function
