"""Checks of arguments, shared by several layers."""

import math
import numbers
import os
import random

import numpy as np


def non_negative_integer(name, value):
    """Returns `value` as an `int`.

    Args:
        name: Name of the argument, for error messages.
        value: An integer of 0 or more.

    Raises:
        ValueError: If it is anything else.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Integral)
        or value < 0
    ):
        raise ValueError(
            f"`{name}` must be an integer, 0 or more. Received: {name}="
            f"{value!r}"
        )
    return int(value)


def positive_integer(name, value):
    """Returns `value` as an `int`.

    Args:
        name: Name of the argument, for error messages.
        value: The value to check.

    Returns:
        A positive `int`.

    Raises:
        ValueError: If `value` is not a positive integer below 2**31, the limit
            of TensorFlow's counters.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Integral)
        or not 1 <= value < 2**31
    ):
        raise ValueError(
            f"`{name}` must be a positive integer, less than 2**31. Received: "
            f"{name}={value!r}"
        )
    return int(value)


def positive_number(name, value):
    """Returns `value` as a `float`.

    Args:
        name: Name of the argument, for error messages.
        value: The value to check.

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


def number_from_0(name, value):
    """Returns `value` as a `float` of 0 or more.

    Args:
        name: Name of the argument, for error messages.
        value: The value to check.

    Raises:
        ValueError: If `value` is not a finite number of 0 or more.
    """
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ValueError(
            f"`{name}` must be a finite number of 0 or more. Received: "
            f"{name}={value!r}"
        )
    return float(value)


def fraction(name, value):
    """Returns `value` as a `float`.

    Args:
        name: Name of the argument, for error messages.
        value: The value to check.

    Returns:
        A `float` between 0 and 1, both excluded.

    Raises:
        ValueError: If `value` is not such a number.
    """
    if not _is_number(value) or not 0 < value < 1:
        raise ValueError(
            f"`{name}` must be a number between 0 and 1. Received: "
            f"{name}={value!r}"
        )
    return float(value)


def boolean(name, value):
    """Returns `value` as a `bool`.

    Refuses other values, such as the text "False", which Python counts as true.

    Args:
        name: Name of the argument, for error messages.
        value: `True` or `False`, or a NumPy boolean.

    Returns:
        A `bool`.

    Raises:
        ValueError: If `value` is anything else.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(
            f"`{name}` must be True or False. Received: {name}={value!r}"
        )
    return bool(value)


def seed(value):
    """Returns `value` as an `int` from 0 to 2**64 - 1.

    Args:
        value: The argument `seed`; `None` for a seed from Python's generator,
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


def in_memory(name, shape):
    """Refuses arrays that exceed this machine's memory, before allocation.

    Args:
        name: Name of the argument, for error messages.
        shape: Shape of the float32 array.

    Raises:
        ValueError: If the array needs more than the whole memory.
    """
    size, most = 4 * math.prod(map(int, shape)), _memory()
    if size > most:
        raise ValueError(
            f"`{name}` must fit into memory, as float32: "
            f"{size / 2**30:.4g} GiB of {most / 2**30:.4g} GiB that there are. "
            f"Make it smaller. Received: {name} of shape {tuple(shape)}"
        )


def from_frame(name, x):
    """Returns a data frame or a series of numbers as an array.

    Columns may have different types: booleans, integers, floating-point
    numbers, nullable types, and categories that are numbers. A missing value is
    NaN.

    Args:
        name: Name of the argument, for error messages.
        x: A pandas `DataFrame` or `Series`, or a Polars `DataFrame`. Any other
            object is returned unchanged.

    Returns:
        An array of shape `(rows, columns)` or `(rows,)`, of a type that holds
        the values of all columns.

    Raises:
        ValueError: If a column holds anything but numbers.
    """
    if not hasattr(x, "to_numpy"):
        return x
    if hasattr(x, "dtypes") and hasattr(x, "columns"):
        if not hasattr(x, "items"):
            return _from_polars(name, x)
        columns = [
            _from_series(f"{name}[{label!r}]", column)
            for label, column in x.items()
        ]
        if not columns:
            return np.empty(x.shape)
        return np.stack(columns, axis=1)
    if hasattr(x, "dtype") and hasattr(x, "index"):
        return _from_series(name, x)
    return x


def unmasked(x):
    """Returns a masked array as an array with NaN for its masked entries.

    Args:
        x: Any object; all but masked arrays are returned unchanged.

    Returns:
        A floating array if entries of `x` are masked.
    """
    if not np.ma.isMaskedArray(x):
        return x
    if np.ma.is_masked(x):
        kind = x.dtype if x.dtype.kind == "f" else "float32"
        x = x.astype(kind).filled(np.nan)
    return np.asarray(x)


def _from_polars(name, x):
    """Returns a data frame of Polars as an array."""
    for label in x.columns:
        dtype = x[label].dtype
        if not dtype.is_numeric() and str(dtype) != "Boolean":
            raise _not_numbers(f"{name}[{label!r}]", dtype)
    values = x.to_numpy()
    if values.dtype.kind in "fbui":
        return values
    # Booleans with missing values, and decimal numbers.
    columns = [x[label].cast(float).to_numpy() for label in x.columns]
    return np.stack(columns, axis=1)


def _not_numbers(name, dtype):
    return ValueError(
        f"`{name}` must hold numbers. Encode the column, for example by "
        "keras_rbm.data.one_hot of its category codes, or drop it. "
        f"Received: {name}.dtype={dtype}"
    )


def _from_series(name, x):
    """Returns a column as an array; `name` is the column's name, for errors."""
    if isinstance(x.dtype, np.dtype) and x.dtype.kind in "fbui":
        return x.to_numpy()
    # A column of categories holds numbers if all its categories are numbers.
    categories = getattr(x.dtype, "categories", None)
    kind = (x if categories is None else categories).dtype.kind
    if kind not in "fbui":
        raise _not_numbers(name, x.dtype)
    values = x.to_numpy(dtype="float64", na_value=np.nan)
    whole = kind != "f" and np.isfinite(values).all()
    return (
        values.astype("bool" if kind == "b" else "int64") if whole else values
    )


def _memory():
    """Bytes of memory, or 1 TiB if the system does not report it."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**40


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def rows_of_sites(kernel_shape: tuple[int, ...], categories: int) -> None:
    """Checks that the rows of a kernel make up whole sites.

    Args:
        kernel_shape: Shape of the kernel.
        categories: Number of rows of a site.

    Raises:
        ValueError: If the kernel does not have two axes, or if `categories`
            does not divide the number of its rows.
    """
    if len(kernel_shape) != 2:
        raise ValueError(
            "The kernel must have two axes, visible and hidden units. "
            f"Received: a kernel of shape {tuple(kernel_shape)}"
        )
    if kernel_shape[0] % categories:
        raise ValueError(
            "`categories` must divide the number of rows of the kernel. "
            f"Received: categories={categories}, and a kernel of shape "
            f"{tuple(kernel_shape)}"
        )
