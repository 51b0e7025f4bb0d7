"""Checks of arguments that several layers share."""

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
