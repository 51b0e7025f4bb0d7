"""Missing entries of data frames: where they are, and how to fill them in."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_rbm.data import Dropped, Schema, frames
from keras_rbm.data.columns import Number, numbers
from keras_rbm.data.schema import decoded as decoded_columns


def missing(X: Any) -> np.ndarray:
    """Where entries of a data frame are missing: null, `None` or NaN.

    Args:
        X: Data frame of pandas or Polars, or a pyarrow table.

    Returns:
        Boolean array of shape `(rows, columns)`.
    """
    frame = _wrapped(X)
    found = np.empty((len(frame), len(frame.columns)), bool)
    for number, name in enumerate(frame.columns):
        column = frame.get_column(name)
        found[:, number] = column.is_null().to_numpy()
        if column.dtype.is_float():
            # Polars and pyarrow distinguish NaN from null.
            is_nan = column.is_nan().fill_null(False)
            found[:, number] |= is_nan.to_numpy().astype(bool)
    return found


def constants(X: Any, lost: np.ndarray, schema: Schema) -> dict[Hashable, Any]:
    """The value of each dropped column that has a single value, by its name.

    Args:
        X: As for `missing`.
        lost: Boolean array from `missing`.
        schema: The schema of the data frame.
    """
    frame, found = _wrapped(X), {}
    for name, mask in zip(frame.columns, lost.T, strict=True):
        if not isinstance(schema[name], Dropped) or mask.all():
            continue
        known = _observed(frame, name, mask)
        if _are_equal(known):
            found[name] = known[0]
    return found


def varies(X: Any, lost: np.ndarray) -> bool:
    """Whether any column of a data frame has two different observed values.

    Args:
        X: As for `missing`.
        lost: Boolean array from `missing`.
    """
    frame = _wrapped(X)
    return any(
        not mask.all() and not _are_equal(_observed(frame, name, mask))
        for name, mask in zip(frame.columns, lost.T, strict=True)
    )


def _observed(frame, name, mask):
    """The entries of a column that are not missing, as Python objects."""
    values = frame.get_column(name).to_list()
    return [v for v, gone in zip(values, mask, strict=True) if not gone]


def _are_equal(values):
    """Whether all values are equal, whatever Python objects they are."""
    try:
        return len(set(values)) == 1
    except TypeError:  # Arrays, lists and dicts cannot be in a set.
        pass
    try:
        return all(np.array_equal(value, values[0]) for value in values)
    except ValueError:  # Dicts of arrays cannot be compared.
        return False


def integer_bounds(x: np.ndarray) -> tuple[float, float] | None:
    """The bounds of the observed values if all are integers, or `None`.

    Args:
        x: Numbers of shape `(rows,)`, NaN where an entry is missing.
    """
    known = x[~np.isnan(x)]
    if not len(known) or (known != np.rint(known)).any():
        return None
    return float(known.min()), float(known.max())


def integer_bounds_of_columns(
    X: Any, schema: Schema
) -> dict[Hashable, tuple[float, float]]:
    """The bounds of each column of numbers whose values are all integers.

    Args:
        X: As for `missing`.
        schema: The schema of the data frame.
    """
    columns, found = frames.read(X).columns, {}
    for name, column in schema.columns.items():
        if isinstance(column, Number):
            known = numbers(name, columns[name]())
            if bounds := integer_bounds(known):
                found[name] = bounds
    return found


def decoded(
    states: np.ndarray,
    schema: Schema,
    X: Any,
    bounds: Mapping[Hashable, tuple[float, float]],
) -> Any:
    """Decodes states to a data frame of the library and the types of `X`.

    Args:
        states: Array of shape `(rows, schema.width)`.
        schema: The `Schema`, of a data frame of any library.
        X: As for `missing`.
        bounds: Bounds of the columns in which values are rounded to integers,
            by their names.
    """
    frame, columns = frames.read(X), _wrapped(X)

    def says_nothing(name, dtype):
        """Whether a column without any entry may be of text, or of numbers."""
        if dtype == "object":
            return columns.get_column(name).is_null().all()
        return dtype.lower().startswith(("null", "float"))

    dtypes = {
        name: dtype
        for name, dtype in frame.dtypes.items()
        if not says_nothing(name, dtype)
    }
    values, levels = decoded_columns(schema, states)
    for name, limits in bounds.items():
        # Pickles of earlier versions have bounds of other columns, too.
        if isinstance(schema.columns.get(name), Number):
            # In float64, because not all types can be rounded and clipped.
            whole = np.clip(np.rint(values[name].to_numpy()), *limits)
            values[name] = frames.library("pyarrow").array(whole)
    return frames.build(values, dtypes, frame.library, levels)


def filled(
    X: Any,
    values: Any,
    constants: Mapping[Hashable, Any],
    kept: Sequence[int],
    indicated: Sequence[int],
) -> Any:
    """Returns a data frame with values in place of missing entries.

    Columns that have neither values nor a constant stay as they are.

    Args:
        X: As for `missing`.
        values: Data frame of the same library with some of the columns, from
            `decoded`.
        constants: Values of columns by their names.
        kept: Indices of the columns to keep.
        indicated: Indices of the columns for which a further boolean column
            marks the missing entries.

    Returns:
        A data frame with the types of `X`, and with its index if `X` is from
        pandas.
    """
    nw, lost = frames.library("narwhals"), missing(X)
    frame, given = _wrapped(X), _wrapped(values)
    is_pandas = frame.implementation.is_pandas()
    if is_pandas:
        frame = _wrapped(X.reset_index(drop=True))

    def series(name, content, dtype=None):
        return nw.new_series(name, content, dtype, backend=frame.implementation)

    new = []
    for number in kept:
        name, mask = frame.columns[number], lost[:, number]
        column = frame.get_column(name)
        if mask.any() and (name in given.columns or name in constants):
            if name in given.columns:
                other = given.get_column(name)
            else:
                other = series(name, [constants[name]] * len(frame))
            is_known = series("known", (~mask).tolist(), nw.Boolean)
            column = _completed(column, is_known, other)
        new.append(column.alias(name))
    for number in indicated:
        name = f"missingindicator_{frame.columns[number]}"
        new.append(series(name, lost[:, number].tolist(), nw.Boolean))
    found = frame.select(*new).to_native()
    if is_pandas:
        found.index = X.index
    return found


def _completed(column, is_known, other):
    """Fills the missing entries of a column with the entries of another."""
    nw = frames.library("narwhals")
    kind = nw.Unknown if _holds_objects(column) else column.dtype
    is_number = kind.is_numeric() and not other.dtype.is_numeric()
    if not is_known.any() and (is_number or kind == nw.Unknown):
        return other  # No entry shows that the column holds no numbers.
    if kind == nw.Unknown:
        return column.zip_with(is_known, other)
    if kind not in (nw.Categorical, nw.Enum):
        return column.zip_with(is_known, other.cast(kind))
    own = column.to_native()
    column, other = _of_one_type(column, other)
    found = column.zip_with(is_known, other)
    if column.implementation.is_pyarrow():  # Here, categories became text.
        found = _series(found.to_native().cast(own.type))
    if _holds_objects(column):
        found = _series(found.to_native().astype(own.dtype))
    return found


def _holds_objects(column):
    """Whether a column of pandas holds Python objects, of any types.

    Its first 100 entries decide which type narwhals reports.
    """
    is_pandas = column.implementation.is_pandas()
    return is_pandas and column.to_native().dtype == object


def _of_one_type(column, other):
    """Gives both columns one type, with the categories of both.

    Rows to be completed may have a type that lists only some of the categories
    of `fit`.
    """
    nw = frames.library("narwhals")
    if column.implementation.is_pandas():
        column, other = column.to_native(), other.to_native().astype(object)
        if not hasattr(column, "cat"):  # A dictionary of Arrow, by pandas.
            return _series(column.astype(object)), _series(other)
        new = set(other.dropna()).difference(column.cat.categories)
        column = column.cat.add_categories(sorted(new))
        return tuple(map(_series, (column, other.astype(column.dtype))))
    if column.dtype == nw.Enum:
        known = column.dtype.categories
        other = other.cast(nw.String)
        new = set(other.drop_nulls().to_list()).difference(known)
        kind = nw.Enum([*known, *sorted(new)])
        return column.cast(nw.String).cast(kind), other.cast(kind)
    return column, other.cast(column.dtype)


def to_array(X: Any) -> np.ndarray:
    """Converts a data frame to an array.

    Args:
        X: As for `missing`.
    """
    return _wrapped(X).to_numpy()


def to_pandas(X: Any) -> Any:
    """Converts a data frame to one of pandas.

    Args:
        X: As for `missing`.
    """
    return _wrapped(X).to_pandas()


def _wrapped(X):
    return frames.library("narwhals").from_native(X, eager_only=True)


def _series(x):
    return frames.library("narwhals").from_native(x, series_only=True)
