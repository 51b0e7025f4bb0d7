"""Encoders: convert the rows of a user to states of visible units, and back.

`fitted` chooses an encoder by the rows and by the argument `visible_units`.
"""

import abc
import functools
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted, validate_data

from keras_rbm import data, units
from keras_rbm import rows as lazy_rows
from keras_rbm.data import Quantiles, Real, Schema, frames
from keras_rbm.data.columns import Number, has_heavy_tails
from keras_rbm.sklearn import rows
from keras_rbm.units import Units

# A column of an array holds categories if it has few values, each of which
# comes several times on average.
_MOST_CATEGORIES, _ROWS_OF_CATEGORY = 10, 5
# A column of an array is constant if its values differ by at most this share of
# their size, as 0.1 + 0.2 and 0.3 do.
_ROUNDING = 1e-12

#: The argument `visible_units` of the estimators.
VisibleUnits: TypeAlias = (
    Callable[[int], Units] | Schema | Mapping[str, Any] | Literal["auto"] | None
)


def fitted(
    estimator: Any, X: Any, visible_units: VisibleUnits
) -> tuple["Encoder", Any]:
    """Fits an encoder to rows, and encodes the rows.

    Args:
        estimator: The estimator, which stores the number and the names of the
            features.
        X: Array, sparse matrix or data frame.
        visible_units: The estimator's argument of that name.

    Returns:
        Tuple of an `Encoder` and the encoded rows: an array, a CSR matrix or
        `keras_rbm.rows.Rows`, of shape `(examples, encoder.units.width)`.

    Raises:
        ValueError: If the rows, or `visible_units`, are not as described.
    """
    given = isinstance(visible_units, Schema | Mapping)
    if isinstance(visible_units, str) and visible_units != "auto":
        raise _not_as_described(visible_units)
    if given and not is_frame(X):
        raise ValueError(
            "`visible_units` can be a schema only where `X` is a data frame. "
            f"Received: visible_units={visible_units!r}, X of type "
            f"{type(X).__name__}"
        )
    if is_frame(X) and (
        given
        or visible_units == "auto"
        or (visible_units is None and not _holds_numbers(X))
    ):
        validated(estimator, X, reset=True, skip_check_array=True)
        table = data.table(dense_frame(X), visible_units if given else None)
        return Table(table.schema, estimator._column_names), table.train
    x = _matrix(estimator, X, reset=True)
    found = (
        Columns(x)
        if visible_units == "auto"
        else States(units_of("visible_units", visible_units, x.shape[1]))
    )
    if isinstance(found, States) and found.units.width != x.shape[1]:
        raise ValueError(
            "`visible_units` must return units whose width is the number of "
            f"features, {x.shape[1]}. Received: visible_units="
            f"{visible_units!r}, of width {found.units.width}"
        )
    return found, found.encode(x)


def encoded(estimator: Any, X: Any) -> Any:
    """Encodes rows with the `encoder_` of a fitted estimator.

    Columns of a data frame are found by their names, in any order.

    Args:
        estimator: The estimator.
        X: Array, sparse matrix or data frame.

    Returns:
        The encoded rows, of the types that `fitted` returns.

    Raises:
        ValueError: If the rows do not suit the encoder.
    """
    check_is_fitted(estimator)
    if not is_frame(X) or not isinstance(estimator.encoder_, Table):
        X = _matrix(estimator, X, reset=False)
    return estimator.encoder_.encode(X)


def validated(estimator: Any, X: Any, reset: bool, **options: Any) -> Any:
    """Checks rows as scikit-learn does, and orders their columns as in `fit`.

    Names of the columns of a data frame are text or integers. (For
    scikit-learn, only text is a name: it would take columns that are named by
    integers in the order in which they come.)

    Masked entries of a masked array are missing: they become NaN. (scikit-learn
    would use the values under the mask.)

    Args:
        estimator: The estimator, which stores the number and the names of the
            features.
        X: Array, sparse matrix or data frame.
        reset: `True` stores the number and the names, as `fit` does. `False`
            compares them with the stored ones.
        **options: Further arguments of `sklearn.utils.validation.
            validate_data`.

    Returns:
        The result of `validate_data`.

    Raises:
        ValueError: If columns differ from the stored ones, if entries are
            masked but `options` do not allow NaN, or if `validate_data` refuses
            the rows.
    """
    if isinstance(X, np.ma.MaskedArray) and X.mask.any():
        if options.get("ensure_all_finite") != "allow-nan":
            raise ValueError(
                "`X` must have no masked entries. Fill them in, for example "
                "with RBMImputer, or remove their rows. Received: X with "
                f"{X.mask.sum()} masked entries"
            )
        X = np.where(X.mask, np.nan, X.data)
    if reset:
        estimator._column_names = _wrapped(X).columns if is_frame(X) else []
    elif is_frame(X):
        X = _in_order(X, estimator._column_names)
    return validate_data(estimator, X, reset=reset, **options)


class Encoder(abc.ABC):
    """Converts rows to states of visible units, and back."""

    #: `Units` of the states.
    units: Units

    @abc.abstractmethod
    def encode(self, X: Any) -> Any:
        """Converts rows to states of `units`.

        Args:
            X: Array or sparse matrix of shape `(examples, features)`; a data
                frame, if the encoder was fitted to one.

        Returns:
            The states, as an array, a CSR matrix or `keras_rbm.rows.Rows`, of
            shape `(examples, units.width)`.
        """

    @abc.abstractmethod
    def decode(self, states: np.ndarray) -> Any:
        """Converts states to rows like those to which the encoder was fitted.

        Args:
            states: Array of shape `(examples, units.width)`.
        """


class States(Encoder):
    """Leaves rows unchanged; they must be states of the units.

    Args:
        units: `Units` of the states.
    """

    def __init__(self, units: Units):
        self.units = units

    def encode(self, X: rows.Rows) -> Any:
        return X

    def decode(self, states: np.ndarray) -> np.ndarray:
        return np.asarray(states)


class Columns(Encoder):
    """Keeps columns of bits, and standardizes real columns.

    A column that holds only 0 and 1 becomes a `Bernoulli` unit. Any other
    column becomes a `Gaussian` unit, with values (x - mean) / deviation.
    Constant columns are left out, unless all columns hold only 0 and 1. A
    column is also constant if its values differ by rounding errors alone.

    Args:
        x: Array or CSR matrix of shape `(examples, features)`.

    Raises:
        ValueError: If all rows are equal, or if the variance of a column is
            too large or too small for float64.
    """

    def __init__(self, x: rows.Rows):
        self._dtype = x.dtype
        total, low, high, are_bits = 0.0, np.inf, -np.inf, True
        for _, part in rows.parts(x):
            with np.errstate(over="ignore"):
                total = total + part.sum(axis=0, dtype="float64")
            low = np.minimum(low, part.min(axis=0).astype("float64"))
            high = np.maximum(high, part.max(axis=0).astype("float64"))
            are_bits = are_bits & ((part == 0) | (part == 1)).all(axis=0)
        varies = _differ(low, high)
        if not varies.any():
            raise ValueError(
                "`X` must have rows that differ: nothing can be learned from "
                f"equal rows. Received: X with n_samples = {x.shape[0]} and "
                f"{x.shape[1]} constant columns"
            )
        mean, squares = total / x.shape[0], 0.0
        for _, part in rows.parts(x):
            with np.errstate(over="ignore", invalid="ignore"):
                squares = squares + np.square(part - mean).sum(axis=0)
        bits = are_bits if are_bits.all() else are_bits & varies
        self._bits = np.flatnonzero(bits)
        self._real = np.flatnonzero(varies & ~bits)
        self._mean = np.where(varies, mean, low)
        self._deviation = np.sqrt(squares / x.shape[0])
        for column in self._real:
            deviation = self._deviation[column]
            _check_deviation(column, deviation, low[column], high[column])
        parts = [
            kind(len(columns))
            for kind, columns in (
                (units.Bernoulli, self._bits),
                (units.Gaussian, self._real),
            )
            if len(columns)
        ]
        self.units = parts[0] if len(parts) == 1 else units.Composite(*parts)

    def encode(self, X: rows.Rows) -> lazy_rows.Rows:
        return lazy_rows.Rows(
            lambda part: self._encoded(rows.dense(X, part)),
            X.shape[0],
            self.units.width,
            X.dtype,
        )

    def decode(self, states: np.ndarray) -> np.ndarray:
        real = self._real
        found = np.tile(self._mean, (len(states), 1))
        found[:, self._bits] = states[:, : len(self._bits)]
        found[:, real] += self._deviation[real] * states[:, len(self._bits) :]
        return found.astype(self._dtype)

    def _encoded(self, part):
        bits = part[:, self._bits]
        inside = np.clip(bits, 0, 1)
        if np.any(inside != bits):
            column = self._bits[(inside != bits).any(axis=0)][0]
            warnings.warn(
                "`X` should hold values from 0 to 1 in columns that held only "
                "0 and 1 in `fit`; other values count as the nearer of 0 and "
                f"1. Received: X[:, {column}] from "
                f"{part[:, column].min():g} to {part[:, column].max():g}",
                stacklevel=2,
            )
        real = part[:, self._real] - self._mean[self._real]
        real = real / self._deviation[self._real]
        return np.concatenate([inside, real], axis=1).astype(part.dtype)


class Holed(Encoder):
    """Encodes columns of numbers whose missing entries are NaN.

    | observed values of a column | units |
    |---|---|
    | two values | `Bernoulli` |
    | 3 to 10 integers, in five times as many rows or more | `Softmax` |
    | numbers with heavy tails (kurtosis above 10) | `Gaussian`, by quantiles |
    | other numbers | `Gaussian`, standardized |
    | one value, but for rounding errors, or none | none |

    If an observed value of a discrete column is new to the encoder, it is
    encoded as a missing entry.

    Args:
        x: Array of shape `(examples, features)`, with NaN.

    Raises:
        ValueError: If the variance of a column is too large or too small for
            float64.
    """

    def __init__(self, x: np.ndarray):
        self._dtype, self._num_columns = x.dtype, x.shape[1]
        #: The value of each column that has a single value, by column number.
        self.constants: dict[int, float] = {}
        self._levels: dict[int, np.ndarray] = {}
        self._numbers: dict[int, Number] = {}
        for column, v in enumerate(x.T.astype("float64")):
            self._add(column, v[~np.isnan(v)])
        groups = [
            (kind, [c for c, v in self._levels.items() if len(v) == size])
            for size, kind in self._discrete_units()
        ]
        groups.append((units.Gaussian, list(self._numbers)))
        groups = [(kind, columns) for kind, columns in groups if columns]
        parts = [kind(len(columns)) for kind, columns in groups]
        order = [column for _, columns in groups for column in columns]
        ends = np.cumsum([self._width(column) for column in order]).tolist()
        #: The slice of the states that each column has, by column number.
        self.slices = dict(
            zip(order, map(slice, [0, *ends[:-1]], ends), strict=True)
        )
        if parts:
            self.units = (
                parts[0] if len(parts) == 1 else units.Composite(*parts)
            )

    def encode(self, X: np.ndarray) -> np.ndarray:
        width = max((place.stop for place in self.slices.values()), default=0)
        states = np.full((len(X), width), np.nan, "float32")
        for column, place in self.slices.items():
            v, part = X[:, column].astype("float64"), states[:, place]
            if column in self._numbers:
                part[:, 0] = self._numbers[column].forward(v)
                continue
            levels = self._levels[column]
            code = np.minimum(np.searchsorted(levels, v), len(levels) - 1)
            known = levels[code] == v
            hot = np.arange(len(levels)) == code[:, None]
            part[known] = hot[known][:, -part.shape[1] :]
        return states

    def decode(self, states: np.ndarray) -> np.ndarray:
        """Converts states or means to values; columns without units are NaN."""
        found = np.full((len(states), self._num_columns), np.nan)
        for column, value in self.constants.items():
            found[:, column] = value
        for column, place in self.slices.items():
            part = states[:, place].astype("float64")
            if column in self._numbers:
                found[:, column] = self._numbers[column].backward(part[:, 0])
            elif part.shape[1] == 1:
                code = (part[:, 0] > 0.5).astype(int)
                found[:, column] = self._levels[column][code]
            else:
                found[:, column] = self._levels[column][part.argmax(axis=1)]
        return found.astype(self._dtype)

    def _add(self, column, v):
        levels = np.unique(v)
        if len(levels) and not _differ(levels[0], levels[-1]):
            self.constants[column] = levels[0]
        elif len(levels) == 2 or (
            len(levels) <= min(_MOST_CATEGORIES, len(v) / _ROWS_OF_CATEGORY)
            and (levels == np.rint(levels)).all()
        ):
            self._levels[column] = levels
        elif len(levels):
            with np.errstate(over="ignore", invalid="ignore"):
                deviation = v.std()
            _check_deviation(column, deviation, levels[0], levels[-1])
            heavy = has_heavy_tails(v)
            self._numbers[column] = (
                Quantiles.of(v) if heavy else Real(v.mean(), deviation)
            )

    def _discrete_units(self):
        yield 2, units.Bernoulli
        for size in range(3, _MOST_CATEGORIES + 1):
            yield size, functools.partial(units.Softmax, categories=size)

    def _width(self, column):
        levels = self._levels.get(column, ())
        return len(levels) if len(levels) > 2 else 1


class Table(Encoder):
    """Encodes rows of a data frame by a schema.

    Args:
        schema: A `keras_rbm.data.Schema`.
        names: The names of the data frame's columns, in the order of the
            columns of an array. The schema may have another order, and further
            columns that it drops.
    """

    def __init__(self, schema: Schema, names: Sequence[Hashable]):
        self.schema = schema
        self.names = list(names)
        if schema.width:
            self.units = schema.units

    def __setstate__(self, state):
        # Pickles of earlier versions have no names.
        self.__dict__.update({"names": list(state["schema"].columns)} | state)

    def encode(self, X: Any) -> np.ndarray:
        if not is_frame(X):
            X = self.named(X.toarray() if sparse.issparse(X) else X)
        return self.schema.encode(dense_frame(X))

    def decode(self, states: np.ndarray) -> Any:
        return self.schema.decode(states)

    def named(self, x: np.ndarray) -> Any:
        """Converts an array to a data frame like that of `fit`.

        Args:
            x: Array of shape `(examples, features)`, whose columns are in the
                order of `fit`.
        """
        if self.schema.library == "pandas":
            import pandas

            return pandas.DataFrame(x, columns=self.names)
        nw, library = frames.library("narwhals"), self.schema.library
        return nw.from_numpy(x, self.names, backend=library).to_native()


def units_of(
    name: str, function: Callable[[int], Units] | None, size: int
) -> Units:
    """Returns the `Units` that `visible_units` or `hidden_units` describes.

    Args:
        name: The argument's name, for the error.
        function: A function of the number of units, or `None` for
            `Bernoulli`.
        size: Number of units.

    Raises:
        ValueError: If `function` does not return units.
    """
    if function is None:
        return units.Bernoulli(size)
    found = function(size) if callable(function) else None
    if not isinstance(found, Units):
        raise ValueError(
            f"`{name}` must be a function of the number of units that returns "
            f"Units, such as keras_rbm.units.Gaussian. Received: {name}="
            f"{function!r}"
        )
    return found


def _differ(low, high):
    """Whether two bounds of values differ by more than rounding errors."""
    size = np.maximum(np.abs(low), np.abs(high))
    # Halves, because the difference of two large numbers may overflow.
    return high / 2 - low / 2 > _ROUNDING / 2 * size


def _check_deviation(column, deviation, low, high):
    """Refuses a column that cannot be standardized."""
    if not 0 < deviation < np.inf:
        raise ValueError(
            "`X` must have columns whose variance float64 can hold. Multiply "
            f"the column by a constant. Received: X[:, {column}] from {low:g} "
            f"to {high:g}"
        )


def _matrix(estimator, X, reset):
    """Rows as an array or a CSR matrix of finite floating numbers."""
    kinds = _sparse_kinds(X)
    if kinds and (
        len(kinds) < X.shape[1]
        or any(k.fill_value != 0 for k in kinds.values())
    ):
        X = dense_frame(X)  # scipy's matrices store all entries but zeros.
    x = validated(
        estimator,
        X,
        reset,
        accept_sparse="csr",
        dtype=(np.float64, np.float32),
    )
    # scikit-learn leaves booleans of pandas' Sparse columns as they are.
    return x if x.dtype.kind == "f" else x.astype("float64")


def is_frame(X: Any) -> bool:
    """Whether `X` is a pandas or Polars data frame, or a pyarrow table.

    Args:
        X: The rows that an estimator was given.
    """
    return hasattr(X, "columns") and (
        hasattr(X, "dtypes") or hasattr(X, "column_names")
    )


def dense_frame(X: Any) -> Any:
    """Returns a data frame whose columns store all entries.

    Arrow, by which tables are read, has no type for pandas' Sparse columns.

    Args:
        X: Data frame of pandas, of which Sparse columns are converted; or of
            Polars, or a pyarrow table, which is returned unchanged.
    """
    kinds = _sparse_kinds(X)
    if not kinds:
        return X
    return X.astype({name: kind.subtype for name, kind in kinds.items()})


def _sparse_kinds(X):
    """The types of pandas' Sparse columns, by name."""
    if not is_frame(X) or not _wrapped(X).implementation.is_pandas():
        return {}
    import pandas

    kinds = dict(X.dtypes)
    return {n: k for n, k in kinds.items() if isinstance(k, pandas.SparseDtype)}


def _in_order(X, names):
    """Returns a data frame with its columns in the order of `names`.

    If names that are text differ, scikit-learn reports it. An array has no
    names, nor has a data frame whose columns are named 0, 1, 2, ...: it may
    stand for an array.
    """
    frame = _wrapped(X)
    own = {name: number for number, name in enumerate(frame.columns)}
    if list(own) == names:
        return X
    if own.keys() == set(names):
        return frame[:, [own[name] for name in names]].to_native()
    default = list(own) == list(range(len(own)))
    if names and not default and _are_integers([*names, *own]):
        absent = [name for name in names if name not in own]
        strange = [name for name in own if name not in names]
        raise ValueError(
            "`X` must have the columns of `fit`, in any order. Rename, add or "
            "remove columns, or pass an array. Received: "
            f"{len(absent)} absent columns {absent[:5]}, and {len(strange)} "
            f"unknown ones {strange[:5]}"
        )
    return X


def _are_integers(names):
    return all(isinstance(name, int) for name in names)


def _holds_numbers(X):
    """Whether all columns of a data frame hold numbers or booleans."""
    nw = frames.library("narwhals")
    # The types of Sparse columns are known when they are dense.
    empty = _wrapped(X).head(0).to_native()
    types = _wrapped(dense_frame(empty)).schema.values()
    return all(kind.is_numeric() or kind == nw.Boolean for kind in types)


def _wrapped(X):
    return frames.library("narwhals").from_native(X, eager_only=True)


def _not_as_described(visible_units):
    return ValueError(
        '`visible_units` must be "auto", a schema, a function of the number '
        "of features that returns Units, such as keras_rbm.units.Gaussian, or "
        f"None. Received: visible_units={visible_units!r}"
    )
