"""Kinds of columns: which units stand for their values, and how."""

import abc
import dataclasses
from typing import Any, Self

import numpy as np
from scipy import special

from keras_rbm.data import frames
from keras_rbm.typing import Config
from keras_rbm.units import (
    Bernoulli,
    Binomial,
    Gaussian,
    ReLU,
    Softmax,
    Units,
)

# Knots of a map to normal quantiles, at most, and the least share of the range
# of a column between two of them.
_MOST_KNOTS, _LEAST_GAP = 65, 1e-9


class Column(abc.ABC):
    """One column of a table: its values as states of units, and back.

    What a column does not say, such as the mean of a `Real()`, `fitted` takes
    from data.
    """

    #: What the kind is called, in a schema.
    kind: str

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """Number of columns of the array that stand for this one."""

    @property
    @abc.abstractmethod
    def is_fitted(self) -> bool:
        """Whether all arguments are known."""

    @property
    @abc.abstractmethod
    def description(self) -> str:
        """The values that the column takes, in a few words."""

    @abc.abstractmethod
    def units(self, count: int) -> Units | None:
        """Units for so many columns that are the same in `units(1)`.

        Args:
            count: Number of columns.

        Returns:
            `Units`, or `None` for a column that is dropped.
        """

    @abc.abstractmethod
    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        """Returns the column with all arguments known.

        Args:
            name: Name of the column, for errors.
            values: `pyarrow.ChunkedArray` of all rows, which say which values
                there are.
            training: Numbers of the rows that moments and quantiles are taken
                from; `None` for all.
        """

    @abc.abstractmethod
    def encode(self, name: str | int, values: Any) -> np.ndarray:
        """Returns values as states of units.

        Args:
            name: Name of the column, for errors.
            values: `pyarrow.ChunkedArray`.

        Returns:
            Array of shape `(rows, width)`.

        Raises:
            ValueError: If a value is none that the column takes.
        """

    @abc.abstractmethod
    def decode(self, x: np.ndarray) -> Any:
        """Returns states of units as values.

        Args:
            x: Array of shape `(rows, width)`, of states or of means.

        Returns:
            `pyarrow.Array`: of values, or of floating numbers.
        """

    def log_jacobian(self, x: np.ndarray) -> np.ndarray | float:
        """Log |dx / dvalue|, in nats; 0 where values are discrete.

        Args:
            x: Array of shape `(rows, width)`.

        Returns:
            A number, or an array of shape `(rows,)`.
        """
        return 0.0

    def get_config(self) -> Config:
        """Returns the constructor's arguments, as JSON has them."""
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in dataclasses.fields(self)
            for value in [getattr(self, field.name)]
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Returns a column from what `get_config` returned."""
        return cls(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in config.items()
            }
        )


@dataclasses.dataclass(frozen=True)
class Dropped(Column):
    """A column that the model does not see.

    Args:
        reason: Why it is left out, for whoever reads the schema.
    """

    reason: str = "by choice"
    kind = "dropped"

    @property
    def width(self) -> int:
        return 0

    @property
    def is_fitted(self) -> bool:
        return True

    @property
    def description(self) -> str:
        return self.reason

    def units(self, count: int) -> None:
        return None

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        return self

    def encode(self, name: str | int, values: Any) -> np.ndarray:
        return np.empty((len(values), 0), "float32")

    def decode(self, x: np.ndarray) -> Any:
        raise ValueError("A column that was dropped has no values.")


class Discrete(Column):
    """A column of a few values, each of which has a code: 0, 1, 2, ..."""

    values: tuple | None

    @property
    def is_fitted(self) -> bool:
        return self.values is not None

    def codes(self, name: str | int, values: Any) -> np.ndarray:
        """The code of each value, of shape `(rows,)`; -1 for a missing one.

        Args:
            name: Name of the column, for errors.
            values: `pyarrow.ChunkedArray`.

        Raises:
            ValueError: If a value is none of `self.values`.
        """
        pa = frames.library("pyarrow")
        compute = frames.library("pyarrow.compute")
        values = plain(values)
        known = _typed(pa, self.values)
        missing = compute.is_null(values, nan_is_null=True)
        try:
            alike = values.cast(known.type)
            found = compute.index_in(alike, known)
        except pa.ArrowException as error:
            raise ValueError(
                f"Column {name!r} must hold the values of its schema, of type "
                f"{known.type}. Received: {values.type}: {error}"
            ) from error
        new = compute.and_(compute.is_null(found), compute.invert(missing))
        new = values.filter(new)
        if len(new):
            raise ValueError(
                f"Column {name!r} must hold the values of its schema, "
                f"{_listed(self.values)}. Replace others, or infer the schema "
                "from data that have them all. Received: "
                f"{_listed(new.unique().to_pylist())} in {len(new)} rows"
            )
        codes = compute.fill_null(found, -1).to_numpy()
        return np.where(missing.to_numpy(), -1, codes)

    def take(self, codes: np.ndarray, missing: np.ndarray | None = None) -> Any:
        """The values of codes, as `pyarrow.Array`.

        Args:
            codes: Integers of shape `(rows,)`.
            missing: Booleans of the same shape, `True` for a missing value.
        """
        pa = frames.library("pyarrow")
        mask = np.zeros(len(codes), bool) if missing is None else missing
        return _typed(pa, self.values).take(pa.array(codes, mask=mask))


@dataclasses.dataclass(frozen=True)
class Binary(Discrete):
    """A column of two values, none of them missing: a `Bernoulli` unit.

    Args:
        values: The two values: the first is 0, the second 1. `None` for those
            that the data have, in order.
    """

    values: tuple | None = None
    kind = "binary"

    def __post_init__(self):
        object.__setattr__(self, "values", _as_tuple(self.values))
        _check_values(self.values, 2, 2)

    @property
    def width(self) -> int:
        return 1

    @property
    def description(self) -> str:
        return _listed(self.values)

    def units(self, count: int) -> Units:
        return Bernoulli(count)

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        found = distinct(values)
        if len(found) != 2:
            raise ValueError(
                f"Column {name!r} must hold two values to be `Binary`. Make it "
                f"a `Category`. Received: {_listed(found)}"
            )
        return Binary(found)

    def encode(self, name: str | int, values: Any) -> np.ndarray:
        codes = self.codes(name, values)
        _refuse_missing(name, codes < 0, "keras_rbm.data.Category()")
        return codes[:, None].astype("float32")

    def decode(self, x: np.ndarray) -> Any:
        return self.take((x[:, 0] > 0.5).astype("int32"))


@dataclasses.dataclass(frozen=True)
class Category(Discrete):
    """A column of some values without an order: a site of `Softmax`.

    Args:
        values: The values: text, integers, booleans or numbers. `None` for
            those that the data have, in order.
        missing: Whether a missing value is one more category, the last one;
            `None` for whether the data have any.
    """

    values: tuple | None = None
    missing: bool | None = None
    kind = "category"

    def __post_init__(self):
        object.__setattr__(self, "values", _as_tuple(self.values))
        _check_values(self.values, 1)
        if self.values is not None and self.num_categories < 2:
            raise ValueError(
                "`values` must be two or more categories, of which a missing "
                f"value may be one. Received: values={self.values}, "
                f"missing={self.missing}"
            )

    @property
    def is_fitted(self) -> bool:
        return self.values is not None and self.missing is not None

    @property
    def num_categories(self) -> int:
        """Number of categories, that of a missing value included."""
        return len(self.values) + (self.missing is not False)

    @property
    def width(self) -> int:
        return self.num_categories

    @property
    def description(self) -> str:
        return _listed(self.values) + (", missing" if self.missing else "")

    def units(self, count: int) -> Units:
        return Softmax(count, self.num_categories)

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        known, missing = self.values, self.missing
        if known is None:
            known = distinct(values)
        if missing is None:
            missing = num_missing(values) > 0
        if len(known) + missing < 2:
            raise ValueError(
                f"Column {name!r} must hold two values or more to be a "
                f"`Category`. Drop it. Received: {_listed(known)}"
            )
        return Category(known, missing)

    def encode(self, name: str | int, values: Any) -> np.ndarray:
        codes = self.codes(name, values)
        if self.missing:
            codes = np.where(codes < 0, len(self.values), codes)
        else:
            _refuse_missing(
                name, codes < 0, "keras_rbm.data.Category(missing=True)"
            )
        hot = np.zeros((len(codes), self.width), "float32")
        hot[np.arange(len(codes)), codes] = 1.0
        return hot

    def decode(self, x: np.ndarray) -> Any:
        codes = x.argmax(axis=1).astype("int32")
        return self.take(codes, codes == len(self.values))


class Number(Column):
    """A column of numbers, each of which is one number for its unit."""

    @property
    def width(self) -> int:
        return 1

    @abc.abstractmethod
    def forward(self, values: np.ndarray) -> np.ndarray:
        """Values as states, of shape `(rows,)`; NaN where there is none."""

    @abc.abstractmethod
    def backward(self, x: np.ndarray) -> np.ndarray:
        """States as values, of shape `(rows,)`."""

    def encode(self, name: str | int, values: Any) -> np.ndarray:
        v = numbers(name, values)
        # A model that learns from rows with missing numbers would take NaN.
        _refuse_missing(name, np.isnan(v), "keras_rbm.data.Dropped()")
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            x = self.forward(v).astype("float32")
        wrong = np.flatnonzero(~np.isfinite(x))
        if len(wrong):
            raise ValueError(
                f"Column {name!r} must hold {self.description}; {len(wrong)} "
                f"of {len(v)} rows do not. Correct or remove them. Received: "
                f"{v[wrong[0]]:g} in row {wrong[0]}"
            )
        return x[:, None]

    def decode(self, x: np.ndarray) -> Any:
        pa = frames.library("pyarrow")
        return pa.array(self.backward(x[:, 0].astype("float64")))


@dataclasses.dataclass(frozen=True)
class Count(Number):
    """A column of integers between two bounds: a `Binomial` unit.

        x = value - least, from 0 to most - least trials

    Args:
        most: The largest value that there may be; `None` for that of the data.
        least: The smallest one; `None` for that of the data.
    """

    most: int | None = None
    least: int | None = None
    kind = "count"

    def __post_init__(self):
        if self.is_fitted and not self.least < self.most:
            raise ValueError(
                "`most` must be greater than `least`. Received: "
                f"most={self.most}, least={self.least}"
            )

    @property
    def is_fitted(self) -> bool:
        return self.most is not None and self.least is not None

    @property
    def description(self) -> str:
        return f"integers from {self.least} to {self.most}"

    def units(self, count: int) -> Units:
        return Binomial(count, self.most - self.least)

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        v = _present(name, values)
        return Count(
            int(v.max()) if self.most is None else self.most,
            int(v.min()) if self.least is None else self.least,
        )

    def forward(self, values: np.ndarray) -> np.ndarray:
        taken = (values >= self.least) & (values <= self.most)
        taken &= values == np.rint(values)
        return np.where(taken, values - self.least, np.nan)

    def backward(self, x: np.ndarray) -> np.ndarray:
        return self.least + np.clip(np.rint(x), 0, self.most - self.least)


@dataclasses.dataclass(frozen=True)
class Real(Number):
    """A column of real numbers, standardized: a `Gaussian` unit.

        x = (value - mean) / deviation

    Args:
        mean: Mean of the training rows; `None` for that of the data.
        deviation: Their standard deviation, positive; `None` for that of the
            data.
    """

    mean: float | None = None
    deviation: float | None = None
    kind = "real"

    def __post_init__(self):
        _check_positive("deviation", self.deviation)

    @property
    def is_fitted(self) -> bool:
        return self.mean is not None and self.deviation is not None

    @property
    def description(self) -> str:
        return f"numbers, mean {self.mean:.4g}, deviation {self.deviation:.4g}"

    def units(self, count: int) -> Units:
        return Gaussian(count)

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        return Real(*_moments(name, _present(name, values, training), self))

    def forward(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean) / self.deviation

    def backward(self, x: np.ndarray) -> np.ndarray:
        return self.mean + self.deviation * x

    def log_jacobian(self, x: np.ndarray) -> np.ndarray | float:
        """-log deviation."""
        return -np.log(self.deviation)


@dataclasses.dataclass(frozen=True)
class Logarithm(Number):
    """A column of positive numbers, by their logarithms: a `Gaussian` unit.

        x = (log value - mean) / deviation

    Args:
        mean: Mean of the logarithms of the training rows; `None` for that of
            the data.
        deviation: Their standard deviation, positive; `None` for that of the
            data.
    """

    mean: float | None = None
    deviation: float | None = None
    kind = "logarithm"

    def __post_init__(self):
        _check_positive("deviation", self.deviation)

    @property
    def is_fitted(self) -> bool:
        return self.mean is not None and self.deviation is not None

    @property
    def description(self) -> str:
        return (
            f"positive numbers, logarithms of mean {self.mean:.4g} and "
            f"deviation {self.deviation:.4g}"
        )

    def units(self, count: int) -> Units:
        return Gaussian(count)

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        v = _present(name, values, training)
        if v.min() <= 0:
            raise ValueError(
                f"Column {name!r} must hold positive numbers to be taken by "
                "their logarithms. Take it as `Real` or by `Quantiles`. "
                f"Received: {v.min():g}"
            )
        return Logarithm(*_moments(name, np.log(v), self))

    def forward(self, values: np.ndarray) -> np.ndarray:
        return (np.log(values) - self.mean) / self.deviation

    def backward(self, x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.exp(self.mean + self.deviation * x)

    def log_jacobian(self, x: np.ndarray) -> np.ndarray | float:
        """-log value - log deviation."""
        logs = self.mean + self.deviation * x[:, 0].astype("float64")
        return -logs - np.log(self.deviation)


@dataclasses.dataclass(frozen=True)
class Quantiles(Number):
    """A column of real numbers, by their quantiles: a `Gaussian` unit.

    x is a piecewise linear function of the value that takes quantiles of the
    training rows to those of the standard normal law. Beyond the least and the
    greatest value it goes on in a straight line. For heavy tails, which
    standardized values would have too.

    Args:
        values: Quantiles of the training rows, rising; `None` for those of
            the data.
        normal: The quantiles of the normal law that they become, rising;
            `None` together with `values`.
    """

    values: tuple | None = None
    normal: tuple | None = None
    kind = "quantiles"

    def __post_init__(self):
        if self.values is None and self.normal is None:
            return
        knots = np.array([self.values or [0], self.normal or [0]], "float64")
        if knots.shape[1] < 2 or not (np.diff(knots) > 0).all():
            raise ValueError(
                "`values` and `normal` must be as many rising numbers, two or "
                f"more. Received: values={self.values}, normal={self.normal}"
            )

    @property
    def is_fitted(self) -> bool:
        return self.values is not None

    @property
    def description(self) -> str:
        middle = np.interp(0.0, self.normal, self.values)
        return (
            f"numbers by quantiles, {self.values[0]:.4g} to "
            f"{self.values[-1]:.4g}, median {middle:.4g}"
        )

    def units(self, count: int) -> Units:
        return Gaussian(count)

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        v = _present(name, values, training)
        _moments(name, v, Real())
        return Quantiles(*_knots(v))

    def forward(self, values: np.ndarray) -> np.ndarray:
        return _piecewise(values, self.values, self.normal)

    def backward(self, x: np.ndarray) -> np.ndarray:
        return _piecewise(x, self.normal, self.values)

    def log_jacobian(self, x: np.ndarray) -> np.ndarray | float:
        """The logarithm of the slope at each value."""
        slopes = np.diff(self.normal) / np.diff(self.values)
        return np.log(slopes)[_piece(x[:, 0], self.normal)]


@dataclasses.dataclass(frozen=True)
class Positive(Number):
    """A column of numbers of 0 or more: a `ReLU` unit.

        x = value / scale

    Args:
        scale: Root of the mean square of the training rows, positive; `None`
            for that of the data.
    """

    scale: float | None = None
    kind = "positive"

    def __post_init__(self):
        _check_positive("scale", self.scale)

    @property
    def is_fitted(self) -> bool:
        return self.scale is not None

    @property
    def description(self) -> str:
        return f"numbers of 0 or more, of size {self.scale:.4g}"

    def units(self, count: int) -> Units:
        return ReLU(count)

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        mean, deviation = _moments(
            name, _present(name, values, training), Real()
        )
        return Positive(float(np.hypot(mean, deviation)))

    def forward(self, values: np.ndarray) -> np.ndarray:
        return np.where(values >= 0, values / self.scale, np.nan)

    def backward(self, x: np.ndarray) -> np.ndarray:
        return self.scale * np.maximum(x, 0)

    def log_jacobian(self, x: np.ndarray) -> np.ndarray | float:
        """-log scale."""
        return -np.log(self.scale)


#: The kinds, by what they are called.
KINDS = {
    kind.kind: kind
    for kind in (
        Binary,
        Category,
        Count,
        Real,
        Positive,
        Logarithm,
        Quantiles,
        Dropped,
    )
}


def plain(values):
    """A column without a dictionary, text and numbers always of one type."""
    pa = frames.library("pyarrow")
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if family(values) == "text":
        values = values.cast(pa.large_string())
    if pa.types.is_floating(values.type):
        values = values.cast(pa.float64())
        # So that -0.0 is 0.0.
        values = frames.library("pyarrow.compute").add(values, 0.0)
    return values


def family(values):
    """What the values of a column are, as one of a few words.

    Args:
        values: `pyarrow.ChunkedArray`.

    Returns:
        `"bool"`, `"integer"`, `"float"`, `"text"`, `"null"` or `"other"`.
    """
    types = frames.library("pyarrow").types
    kind = values.type
    if types.is_dictionary(kind):
        kind = kind.value_type
    for word, found in (
        ("bool", types.is_boolean(kind)),
        ("integer", types.is_integer(kind)),
        ("float", types.is_floating(kind) or types.is_decimal(kind)),
        (
            "text",
            types.is_string(kind)
            or types.is_large_string(kind)
            or types.is_string_view(kind),
        ),
        ("null", types.is_null(kind)),
    ):
        if found:
            return word
    return "other"


def distinct(values):
    """The distinct values of a column, in order, without missing ones."""
    pa = frames.library("pyarrow")
    found = plain(values).unique()
    if pa.types.is_decimal(found.type):
        found = found.cast(pa.float64())
    found = [x for x in found.to_pylist() if x is not None and x == x]
    return tuple(sorted(found))


def num_distinct(values):
    """Number of the distinct values of a column, without missing ones."""
    found = plain(values).unique()
    return len(found) - num_missing(found)


def num_missing(values):
    """Number of the missing values of a column."""
    compute = frames.library("pyarrow.compute")
    missing = compute.is_null(values, nan_is_null=True)
    return compute.sum(missing).as_py() or 0


def numbers(name, values):
    """A column as float64, with NaN for missing values.

    Args:
        name: Name of the column, for the error.
        values: `pyarrow.ChunkedArray`.

    Raises:
        ValueError: If it does not hold numbers.
    """
    pa = frames.library("pyarrow")
    values = plain(values)
    try:
        if family(values) == "bool":
            values = values.cast(pa.uint8())
        return values.cast(pa.float64(), safe=False).to_numpy()
    except pa.ArrowException as error:
        raise ValueError(
            f"Column {name!r} must hold numbers, as its schema says. Convert "
            f"it. Received: {values.type}: {error}"
        ) from error


def _present(name, values, training=None):
    """The numbers of the training rows, without missing ones."""
    v = numbers(name, values)
    v = v if training is None else v[training]
    v = v[~np.isnan(v)]
    if not len(v) or not np.isfinite(v).all():
        raise ValueError(
            f"Column {name!r} must hold finite numbers. Received: "
            f"{v[~np.isfinite(v)][0] if len(v) else 'missing values alone'}"
        )
    return v


def _moments(name, v, known):
    """Mean and deviation, where they are not known already."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(v.mean()), float(v.std())
    if not np.isfinite([mean, deviation]).all():
        raise ValueError(
            f"Column {name!r} must hold numbers whose variance is a number "
            f"too. Divide them. Received: {v.min():g} to {v.max():g}"
        )
    # What is left of the deviation of a constant is rounding.
    if deviation <= 1e-12 * abs(mean):
        deviation = 1.0
    return (
        mean if known.mean is None else known.mean,
        (deviation or 1.0) if known.deviation is None else known.deviation,
    )


def _knots(v):
    """Values and normal quantiles at evenly spaced normal quantiles."""
    high = special.ndtri(1 - 0.5 / len(v))
    normal = np.linspace(-high, high, min(len(v), _MOST_KNOTS))
    values = np.quantile(v, special.ndtr(normal))
    values[0], values[-1] = v.min(), v.max()
    # Values that are the same, or almost so, become one knot.
    gap = _LEAST_GAP * (values[-1] - values[0])
    groups = np.cumsum(np.diff(values, prepend=values[0]) > gap)
    counts = np.bincount(groups)
    normal = np.bincount(groups, normal) / counts
    values = values[np.flatnonzero(np.diff(groups, prepend=-1))]
    if len(values) < 2:
        values, normal = values[0] + np.array([0.0, 1.0]), np.array([0.0, 1.0])
    return tuple(values.tolist()), tuple(normal.tolist())


def _piece(x, knots):
    """The number of the piece that each value is in."""
    return np.clip(np.searchsorted(knots, x) - 1, 0, len(knots) - 2)


def _piecewise(x, knots, values):
    """The piecewise linear function that takes knots to values."""
    knots, values = np.asarray(knots), np.asarray(values)
    piece = _piece(x, knots)
    slopes = np.diff(values) / np.diff(knots)
    return values[piece] + (x - knots[piece]) * slopes[piece]


def _typed(pa, values):
    """Values as an Arrow array of one of four types."""
    kinds = {type(value) for value in values}
    for kind, of in (
        ({bool}, pa.bool_()),
        ({str}, pa.large_string()),
        ({int}, pa.int64()),
        ({int, float}, pa.float64()),
    ):
        if kinds <= kind:
            return pa.array(values, of)
    raise ValueError(
        "`values` must be of one type: text, integers, booleans or numbers. "
        f"Received: values={values}"
    )


def _as_tuple(values):
    if isinstance(values, np.ndarray):
        values = values.tolist()
    return tuple(values) if isinstance(values, list) else values


def _check_values(values, least, most=None):
    if values is None:
        return
    if (
        not isinstance(values, tuple)
        or len(values) < least
        or len(values) > (most or len(values))
        or len(set(values)) < len(values)
    ):
        number = str(least) if least == most else f"{least} or more"
        raise ValueError(
            f"`values` must be a list of {number} different values. "
            f"Received: values={values!r}"
        )
    if {type(v) for v in values} not in (
        {bool},
        {str},
        {int},
        {float},
        {int, float},
    ):
        raise ValueError(
            "`values` must be of one type: text, integers, booleans or "
            f"numbers. Received: values={values!r}"
        )


def _check_positive(name, value):
    if value is not None and not 0 < value < np.inf:
        raise ValueError(
            f"`{name}` must be a positive, finite number. Received: "
            f"{name}={value!r}"
        )


def _refuse_missing(name, missing, instead):
    count = int(missing.sum())
    if count:
        raise ValueError(
            f"Column {name!r} must have no missing values; {count} of "
            f"{len(missing)} rows have one. Fill them in, remove these rows, "
            f"or pass schema={{{name!r}: {instead}}} to keras_rbm.data.table. "
            f"Received: a missing value in row {int(np.argmax(missing))}"
        )


def _listed(values):
    """Values in a few words."""
    values = list(values)
    words = [repr(value) for value in values[:5]]
    more = [f"... ({len(values)})"] if len(values) > 5 else []
    return ", ".join(words + more) or "none"
