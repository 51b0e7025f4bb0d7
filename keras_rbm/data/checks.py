"""Checks of arrays, sizes and seeds, and conversions of arrays to floats."""

import operator
import pathlib

import numpy as np

from keras_rbm import checks, rows
from keras_rbm.rows import Rows
from keras_rbm.typing import Array

_ROUNDING = 1e-6  # Scaled data may exceed 0 or 1 by such an error.


def to_float(x: Array) -> np.ndarray:
    """Returns values as float32: uint8 divided by 255, floats unchanged.

    Booleans, and integers that are all 0 or 1, are bits: they become 0.0 and
    1.0, also if their type is uint8. Integers that are all -1 or 1 are spins:
    they become -1.0 and 1.0.

    Args:
        x: Array of any shape: bits, spins, uint8 (units of 1/255) or floating.

    Returns:
        A float32 array of the same shape; `x` itself if it is float32.

    Raises:
        ValueError: If `x` is neither bits, nor spins, nor uint8, nor floating.

    Example:
        x = keras_rbm.data.to_float(np.array([[0, 255]], "uint8"))  # [[0., 1.]]
    """
    x = _array(x, "x")
    if are_bits(x) or are_spins(x):
        return as_floats(x)
    _check_dtype(x, "x")
    return scaled(x)


def has_missing(x):
    """Whether entries of an array or of `Rows` are missing (NaN)."""
    return x.dtype.kind == "f" and any(
        np.isnan(part).any() for _, part in _parts(x)
    )


def scaled(x):
    """`to_float` for a part of an array: uint8 values are always intensities.

    Only the whole array shows whether its values are bits.
    """
    if isinstance(x, Rows):
        return x.map(scaled, x.shape[1], np.float32)
    if x.dtype == np.uint8:
        return x.astype(np.float32) / np.float32(255.0)
    with np.errstate(over="ignore"):  # The caller refuses infinity.
        return x.astype(np.float32, copy=False)


def are_bits(x):
    """Whether an array holds booleans, or integers that are all 0 or 1."""
    if x.dtype.kind not in "iu" or not x.size:
        return x.dtype == bool
    low, high = bounds(x)
    return 0 <= low and high <= 1


def are_spins(x):
    """Whether an array holds integers that are all -1 or 1."""
    if (
        x.dtype.kind != "i"
        or not x.size
        or bounds(x) not in ((-1, 1), (-1, -1))
    ):
        return False
    return all((part != 0).all() for _, part in _parts(x))


def bounds(x):
    """The smallest and the largest number of an array or of `Rows`.

    NaN if all entries of a part are missing.
    """
    ends = [
        (np.fmin.reduce(part.ravel()), np.fmax.reduce(part.ravel()))
        for _, part in _parts(x)
    ]
    lows, highs = zip(*ends, strict=True)
    return np.fmin.reduce(lows), np.fmax.reduce(highs)


def as_floats(x):
    """Casts an array or `Rows` to float32, without scaling."""
    if isinstance(x, Rows):
        return x.map(
            lambda part: part.astype(np.float32), x.shape[1], "float32"
        )
    return x.astype(np.float32)


def _parts(x):
    return rows.parts(x) if isinstance(x, Rows) else [(0, x)]


def check_examples(x, argument, bits=True, may_miss=False):
    """Returns `x` as a uint8 or float32 array that is suitable for training.

    Args:
        x: Array of shape `(examples, width)`, sparse matrix or `Rows`.
        argument: The name of the argument, for error messages.
        bits: Whether a uint8 array without values above 1 holds bits, not
            intensities in units of 1/255.
        may_miss: Whether entries may be missing (NaN).

    Returns:
        `x` if it is uint8 and does not hold bits, else `x` as float32; `Rows`
        for a sparse matrix or a memory-mapped array. If all values are from 0
        to 1, up to rounding errors of 1e-6, those below 0 become 0, and those
        above 1 become 1.

    Raises:
        ValueError: If `x` is not 2-D, is empty, is neither bits, nor spins,
            nor uint8, nor floating, holds NaN or infinity (also after the
            conversion), or would not fit into memory.
    """
    x = _array(x, argument)
    if x.ndim != 2:
        raise ValueError(
            f"Argument `{argument}` must be a 2-D array of shape (examples, "
            "width). Flatten images with `x.reshape(len(x), -1)`. "
            f"Received: {argument}.shape={x.shape}"
        )
    if x.size == 0:
        raise ValueError(
            f"Argument `{argument}` must not be empty. Pass at least one "
            "example of at least one column. "
            f"Received: {argument}.shape={x.shape}"
        )
    if are_spins(x) or (are_bits(x) and (bits or x.dtype != np.uint8)):
        return as_floats(x)
    _check_dtype(x, argument)
    if x.dtype == np.uint8:
        return x
    x = scaled(x)
    bad_rows, values, low, high = [], [], np.inf, -np.inf
    for first, part in _parts(x):
        low = np.fmin(low, np.fmin.reduce(part, axis=None))
        high = np.fmax(high, np.fmax.reduce(part, axis=None))
        bad = np.isinf(part) if may_miss else ~np.isfinite(part)
        if bad.any():
            bad_rows.append(first + np.flatnonzero(bad.any(axis=1)))
            values.append(part[bad])
    if bad_rows:
        bad_rows, values = np.concatenate(bad_rows), np.concatenate(values)
        raise ValueError(
            f"Argument `{argument}` must be finite (as float32). Remove or "
            "fill in such examples. Received: "
            f"{argument} with {values.size} such values in {bad_rows.size} of "
            f"{len(x)} rows, the first of them {values[0]} in row "
            f"{bad_rows[0]}"
        )
    is_share = -_ROUNDING <= low and high <= 1 + _ROUNDING
    if is_share and (low < 0 or high > 1):
        return _clipped(x)
    return x


def _clipped(x):
    """Values from 0 to 1, without rounding errors."""
    if isinstance(x, Rows):
        return x.map(_clipped, x.shape[1], x.dtype)
    return np.clip(x, 0, 1)


def are_names(fields):
    """Whether the fields of the first line of a text file are column names.

    Numbers are values, except 0, 1, 2, ... in three or more columns: pandas
    writes these as the names of unnamed columns.

    Args:
        fields: List of strings.

    Returns:
        A boolean.
    """
    if len(fields) > 2 and fields == [str(i) for i in range(len(fields))]:
        return True
    try:
        return not [float(field) for field in fields]
    except ValueError:
        return True


def check_path(path, argument):
    """Returns `path` as a `pathlib.Path`.

    Args:
        path: The value to check.
        argument: The name of the argument, for error messages.

    Returns:
        A `pathlib.Path`, which need not exist.

    Raises:
        ValueError: If `path` is not a path, or not one that a file can have.
    """
    try:
        path = pathlib.Path(path)
        path.exists()
        if "\0" in str(path):
            raise TypeError
    except TypeError as error:
        raise ValueError(
            f"Argument `{argument}` must be a path. "
            f"Received: {argument}={path!r}"
        ) from error
    except OSError as error:
        raise ValueError(
            f"Argument `{argument}` must be a path that can be looked at. "
            f"Received: {error.strerror}, {argument}={str(path)[:100]!r}"
        ) from error
    return path


def check_integer(value, argument, minimum, maximum=2**63 - 1):
    """Returns `value` as an int between `minimum` and `maximum`.

    Args:
        value: A Python or NumPy integer, not a bool.
        argument: The name of the argument, for error messages.
        minimum: The least value allowed.
        maximum: The largest value allowed; by default the largest int64.

    Returns:
        A Python int.

    Raises:
        ValueError: If `value` is not an integer, or not within the bounds.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not minimum <= number <= maximum:
        bound = "2**63 - 1" if maximum == 2**63 - 1 else maximum
        raise ValueError(
            f"Argument `{argument}` must be an integer from {minimum} to "
            f"{bound}. Received: {argument}={value!r}"
        )
    return number


def check_image_shape(image_shape, width):
    """Returns `image_shape` as a tuple `(rows, columns)` that fits `width`.

    Args:
        image_shape: Two positive integers, in pixels.
        width: Number of columns of the flattened images.

    Returns:
        A tuple of two Python ints.

    Raises:
        ValueError: If `image_shape` is not as described, or if `rows * columns
            != width`.
    """
    try:
        rows, columns = (operator.index(side) for side in image_shape)
    except (TypeError, ValueError):
        rows = columns = 0
    if rows < 1 or columns < 1 or rows * columns != width:
        raise ValueError(
            "Argument `image_shape` must be (rows, columns) with rows * "
            f"columns equal to the width of the data, {width}, or None for "
            f"data that are not images. Received: image_shape={image_shape}"
        )
    return rows, columns


def _array(x, argument):
    x = rows.of(argument, x)
    if isinstance(x, Rows):
        return x
    try:
        if hasattr(x, "shape"):
            checks.in_memory(argument, x.shape)
        if np.ma.is_masked(x):
            raise TypeError("masked values")
        return np.asarray(checks.from_frame(argument, x))
    except (TypeError, RuntimeError, NotImplementedError) as error:
        reason = str(error)
    except ValueError as error:
        if str(error).startswith(f"`{argument}"):
            raise
        reason = str(error)
    raise ValueError(
        f"Argument `{argument}` must be an array of numbers, none of them "
        f"masked. Received: {argument} of type {type(x).__name__}: {reason}"
    )


def _check_dtype(x, argument):
    if x.dtype != np.uint8 and not np.issubdtype(x.dtype, np.floating):
        raise ValueError(
            f"Argument `{argument}` must be of type uint8 (intensities in "
            "units of 1/255) or floating; of other integers 0 and 1, or -1 and "
            "1, alone are taken. Make categories one-hot by "
            "keras_rbm.data.one_hot, or by `categories` of "
            "keras_rbm.data.batches; scale other integers, and convert them "
            'with `x.astype("float32")`. '
            f"Received: {argument}.dtype={x.dtype}" + _range(x)
        )


def _range(x):
    if x.dtype.kind not in "iu" or not x.size:
        return ""
    low, high = bounds(x)
    return f", from {low} to {high}"
