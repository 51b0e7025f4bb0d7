"""Checks of arguments that several layers share."""

import math
import numbers
import random


def positive_integer(name, value):
    """Returns `value` as an `int`.

    Args:
        name: The argument's name, for the error.
        value: What came.

    Returns:
        A positive `int`.

    Raises:
        ValueError: If `value` is not a positive integer.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Integral)
        or value < 1
    ):
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}"
        )
    return int(value)


def positive_number(name, value):
    """Returns `value` as a `float`.

    Args:
        name: The argument's name, for the error.
        value: What came.

    Returns:
        A positive, finite `float`.

    Raises:
        ValueError: If `value` is not a positive, finite number.
    """
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(
            f"`{name}` must be positive, a finite number. Received: "
            f"{name}={value!r}"
        )
    return float(value)


def fraction(name, value):
    """Returns `value` as a `float`.

    Args:
        name: The argument's name, for the error.
        value: What came.

    Returns:
        A `float` between 0 and 1, neither of them.

    Raises:
        ValueError: If `value` is not such a number.
    """
    if not _is_number(value) or not 0 < value < 1:
        raise ValueError(
            f"`{name}` must be a number between 0 and 1. Received: "
            f"{name}={value!r}"
        )
    return float(value)


def seed(value):
    """Returns `value` as an `int` from 0 to 2**64 - 1.

    Args:
        value: What came as `seed`; `None` for one from Python's generator,
            which `keras.utils.set_random_seed` sets.

    Returns:
        An `int`.

    Raises:
        ValueError: If `value` is not such an integer.
    """
    if value is None:
        return random.getrandbits(63)
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Integral)
        or not 0 <= value < 2**64
    ):
        raise ValueError(
            "`seed` must be an integer from 0 to 2**64 - 1. "
            f"Received: seed={value!r}"
        )
    return int(value)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
