"""Kinds of columns: their units, and how their values are encoded."""

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

# Tails are heavy above this kurtosis. An exponential distribution has 9.
_HEAVY_KURTOSIS = 10.0
# The most knots of a map to normal quantiles, and the least distances between
# two knots: as a share of the column's range, and as a share of the size of a
# knot and of most values. The smaller distance counts, because one huge value
# makes the range far larger than the distances between all other values.
_MOST_KNOTS, _LEAST_GAP, _LEAST_RELATIVE_GAP = 65, 1e-9, 1e-12


class Column(abc.ABC):
    """One column of a table: converts its values to states of units, and back.

    You can leave out arguments, such as the mean of a `Real()`; `fitted`
    computes them from data.

    Example:
        column = table.schema.columns["age"]
        print(column.kind, column.width)
    """

    #: The name of the kind in a schema.
    kind: str

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """Number of columns of the array that encode this column."""

    @property
    @abc.abstractmethod
    def is_fitted(self) -> bool:
        """Whether all arguments are known."""

    @property
    @abc.abstractmethod
    def description(self) -> str:
        """A short description of the values that the column takes."""

    def labels(self, name: str | int) -> list[str]:
        """The meaning of each of the `width` columns of the array.

        Args:
            name: Name of the column.

        Example:
            print(data.Category(["no", "yes"]).labels("smoker"))
        """
        return [str(name)] * self.width

    @abc.abstractmethod
    def units(self, count: int) -> Units | None:
        """Returns the units of `count` columns that have the same `units(1)`.

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
            values: `pyarrow.ChunkedArray` of all rows, from which categories
                and bounds are taken.
            training: Indices of the rows from which moments and quantiles are
                taken; `None` for all.
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
            ValueError: If the column does not allow a value.
        """

    @abc.abstractmethod
    def decode(self, x: np.ndarray) -> Any:
        """Returns states of units as values.

        Args:
            x: Array of shape `(rows, width)`, of states or of means.

        Returns:
            `pyarrow.Array` of values, or of floating-point numbers.
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
        """Returns the constructor's arguments as a JSON-serializable dict."""
        return {
            field.name: _plain_value(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Returns a column from the result of `get_config`."""
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
        reason: Why the column is dropped, for readers of the schema.

    Example:
        schema = table.schema.replace({"zip": keras_rbm.data.Dropped()})
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
            ValueError: If a value is not in `self.values`.
        """
        pa = frames.library("pyarrow")
        compute = frames.library("pyarrow.compute")
        values = plain(values)
        known = _typed(pa, self.values)
        if family(known) == "bool" and family(values) in ("integer", "float"):
            # A cast would make true what is neither 0 nor 1.
            known, values = (
                x.cast(pa.int8()).cast(pa.float64())
                if family(x) == "bool"
                else x.cast(pa.float64(), safe=False)
                for x in (known, values)
            )
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
        """Returns the values of codes as a `pyarrow.Array`.

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
        values: The two values: the first becomes 0, the second 1. `None` for
            the values of the data, in order.

    Example:
        smoker = keras_rbm.data.Binary(values=("no", "yes"))
        schema = table.schema.replace({"smoker": smoker})
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
                f"Column {name!r} must hold two values to be `Binary`. Pass a "
                f"`Category` instead. Received: {_listed(found)}"
            )
        return Binary(found)

    def labels(self, name: str | int) -> list[str]:
        return [f"{name}={self.values[1]}"]

    def encode(self, name: str | int, values: Any) -> np.ndarray:
        codes = self.codes(name, values)
        _refuse_missing(name, codes < 0, "keras_rbm.data.Category()")
        return codes[:, None].astype("float32")

    def decode(self, x: np.ndarray) -> Any:
        return self.take((x[:, 0] > 0.5).astype("int32"))


@dataclasses.dataclass(frozen=True)
class Category(Discrete):
    """A column of some values without an order: a `Softmax` unit.

    Args:
        values: The values: text, integers, booleans or numbers. `None` for
            the values of the data, in order.
        missing: Whether a missing value is one more category, the last one.
            `None` for `True` if the data have missing values.

    Example:
        city = keras_rbm.data.Category(values=("Bern", "Paris", "Rome"))
        schema = table.schema.replace({"city": city})
    """

    values: tuple | None = None
    missing: bool | None = None
    kind = "category"

    def __post_init__(self):
        object.__setattr__(self, "values", _as_tuple(self.values))
        _check_values(self.values, 1)
        if self.values is not None and self.num_categories < 2:
            raise ValueError(
                "`values` must be two or more categories, or one beside "
                f"missing values. Received: values={self.values}, "
                f"missing={self.missing}"
            )

    @property
    def is_fitted(self) -> bool:
        return self.values is not None and self.missing is not None

    @property
    def num_categories(self) -> int:
        """Number of categories, including that of a missing value."""
        return len(self.values) + (self.missing is not False)

    @property
    def width(self) -> int:
        return self.num_categories

    @property
    def description(self) -> str:
        return _listed(self.values) + (", missing" if self.missing else "")

    def labels(self, name: str | int) -> list[str]:
        words = [*map(str, self.values), *(["missing"] * bool(self.missing))]
        return [f"{name}={word}" for word in words]

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
    """A column of numbers, each encoded as one number."""

    @property
    def width(self) -> int:
        return 1

    @abc.abstractmethod
    def forward(self, values: np.ndarray) -> np.ndarray:
        """Values as states, of shape `(rows,)`; NaN for invalid values."""

    @abc.abstractmethod
    def backward(self, x: np.ndarray) -> np.ndarray:
        """States as values, of shape `(rows,)`."""

    def encode(self, name: str | int, values: Any) -> np.ndarray:
        v = numbers(name, values)
        # Only a model that learns from incomplete rows accepts NaN.
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
        x = x[:, 0].astype("float32")
        values, beside = (
            self.backward(state.astype("float64"))
            for state in (x, np.nextafter(x, np.float32(np.inf)))
        )
        return pa.array(_rounded(values, beside))


def _rounded(values, beside):
    """Rounds values to the precision of their float32 states.

    Args:
        values: Values of states, of shape `(rows,)`.
        beside: Values of the next larger states.

    Returns:
        For each value, the number with the fewest decimals and the same state.
    """
    if values.dtype.kind != "f":
        return values
    found = values.copy()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        step = np.abs(beside - values)
        finest = -np.floor(np.log10(step))
        # From many decimals to few: the last number that fits is kept.
        for fewer in range(9):
            scale = 10.0 ** (finest - fewer)
            rounded = np.rint(values * scale) / scale
            fits = np.abs(rounded - values) <= 0.51 * step
            found = np.where(fits & (step < np.abs(values)), rounded, found)
    return found


@dataclasses.dataclass(frozen=True)
class Count(Number):
    """A column of integers between two bounds: a `Binomial` unit.

        x = value - least, from 0 to most - least trials

    Args:
        most: The largest allowed value; `None` for the largest value of the
            data.
        least: The smallest allowed value; `None` for the smallest value of the
            data.

    Example:
        age = keras_rbm.data.Count(least=0, most=110)
        schema = table.schema.replace({"age": age})
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
class Standardized(Number):
    """Abstract base: numbers, or functions of them, as `Gaussian` units.

    Args:
        mean: Mean; `None` for the mean of the training rows.
        deviation: Standard deviation, positive; `None` for the standard
            deviation of the training rows.
    """

    mean: float | None = None
    deviation: float | None = None

    def __post_init__(self):
        _check_positive("deviation", self.deviation)

    @property
    def is_fitted(self) -> bool:
        return self.mean is not None and self.deviation is not None

    def units(self, count: int) -> Units:
        return Gaussian(count)


@dataclasses.dataclass(frozen=True)
class Real(Standardized):
    """A column of real numbers, standardized: a `Gaussian` unit.

        x = (value - mean) / deviation

    Args:
        mean: Mean of the values; `None` for the mean of the training rows.
        deviation: Standard deviation of the values, positive; `None` for the
            standard deviation of the training rows.

    Example:
        schema = table.schema.replace({"age": keras_rbm.data.Real()})
    """

    kind = "real"

    @property
    def description(self) -> str:
        return f"numbers, mean {self.mean:.4g}, deviation {self.deviation:.4g}"

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
class Logarithm(Standardized):
    """A column of positive numbers, as logarithms: a `Gaussian` unit.

        x = (log value - mean) / deviation

    Args:
        mean: Mean of the logarithms; `None` for the mean of the training rows.
        deviation: Standard deviation of the logarithms, positive; `None` for
            the standard deviation of the training rows.

    Example:
        schema = table.schema.replace({"income": keras_rbm.data.Logarithm()})
    """

    kind = "logarithm"

    @property
    def description(self) -> str:
        return (
            f"positive numbers, logarithms of mean {self.mean:.4g} and "
            f"deviation {self.deviation:.4g}"
        )

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        v = _present(name, values, training)
        if v.min() <= 0:
            raise ValueError(
                f"Column {name!r} must hold positive numbers to be encoded by "
                "their logarithms. Pass `Real()` or `Quantiles()` instead. "
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

    x is a piecewise linear function of the value. The function maps quantiles
    of the training rows to quantiles of the standard normal distribution, and
    is linear beyond the smallest and the largest value. Use `Quantiles` for
    columns with heavy tails, which standardization does not remove.

    Args:
        values: Quantiles of the values, rising; `None` to take them from
            the training rows.
        normal: Quantiles of the normal distribution to which `values` are
            mapped, rising; `None` if `values` is `None`.

    Example:
        schema = table.schema.replace({"income": keras_rbm.data.Quantiles()})
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
                "`values` and `normal` must be equally many rising numbers, "
                "two or more. Received: "
                f"values={self.values}, normal={self.normal}"
            )

    @property
    def is_fitted(self) -> bool:
        return self.values is not None

    @property
    def description(self) -> str:
        low, high = self.values[0], self.values[-1]
        return f"numbers by quantiles, {low:.4g} to {high:.4g}"

    def units(self, count: int) -> Units:
        return Gaussian(count)

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """Returns a column with the quantiles of values.

        Args:
            values: Finite numbers, of shape `(rows,)`.
        """
        return cls(*_knots(values))

    def fitted(
        self, name: str | int, values: Any, training: np.ndarray | None
    ) -> Self:
        v = _present(name, values, training)
        _moments(name, v, Real())
        return Quantiles.of(v)

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
        scale: Root mean square of the values, positive; `None` for the root
            mean square of the training rows.

    Example:
        schema = table.schema.replace({"rain": keras_rbm.data.Positive()})
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
        return f"numbers of 0 or more, root mean square {self.scale:.4g}"

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


#: The kinds of columns, by name.
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
    """A column without a dictionary; text and floats each get one type."""
    pa = frames.library("pyarrow")
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if family(values) == "text":
        values = values.cast(pa.large_string())
    if pa.types.is_floating(values.type):
        values = values.cast(pa.float64())
        # This turns -0.0 into 0.0.
        values = frames.library("pyarrow.compute").add(values, 0.0)
    return values


def family(values):
    """Returns the type of a column's values, as one of a few words.

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
    """Number of distinct values of a column, without missing ones."""
    found = plain(values).unique()
    return len(found) - num_missing(found)


def num_missing(values):
    """Number of missing values of a column."""
    compute = frames.library("pyarrow.compute")
    missing = compute.is_null(values, nan_is_null=True)
    return compute.sum(missing).as_py() or 0


def has_heavy_tails(v):
    """Whether the kurtosis (3 for a normal distribution) exceeds 10.

    Args:
        v: Array of shape `(rows,)`, of finite numbers that are not all equal.
    """
    return (((v - v.mean()) / v.std()) ** 4).mean() > _HEAVY_KURTOSIS


def numbers(name, values):
    """A column as float64, with NaN for missing values.

    Args:
        name: Name of the column, for the error.
        values: `pyarrow.ChunkedArray`.

    Raises:
        ValueError: If the column does not hold numbers.
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
            f"its values. Received: {values.type}: {error}"
        ) from error


def _present(name, values, training=None):
    """The numbers of the training rows, without missing ones."""
    v = numbers(name, values)
    v = v if training is None else v[training]
    v = v[~np.isnan(v)]
    if not len(v) or not np.isfinite(v).all():
        raise ValueError(
            f"Column {name!r} must hold finite numbers. Received: "
            f"{v[~np.isfinite(v)][0] if len(v) else 'only missing values'}"
        )
    return v


def _moments(name, v, known):
    """Mean and deviation, computed where they are not known already."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(v.mean()), float(v.std())
    if not np.isfinite([mean, deviation]).all():
        raise ValueError(
            f"Column {name!r} must hold numbers whose variance is finite. "
            "Divide them by a constant. Received: numbers from "
            f"{v.min():g} to {v.max():g}"
        )
    # The deviation of a constant column may be a rounding error instead of 0.
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
    # Equal and almost equal values become one knot.
    gap = np.minimum(
        _LEAST_GAP * (values[-1] - values[0]),
        _LEAST_RELATIVE_GAP
        * np.maximum(np.abs(values), np.quantile(np.abs(v), 0.9)),
    )
    groups = np.cumsum(np.diff(values, prepend=values[0]) > gap)
    counts = np.bincount(groups)
    normal = np.bincount(groups, normal) / counts
    values = values[np.flatnonzero(np.diff(groups, prepend=-1))]
    if len(values) < 2:
        values, normal = values[0] + np.array([0.0, 1.0]), np.array([0.0, 1.0])
    return tuple(values.tolist()), tuple(normal.tolist())


def _plain_value(value):
    """A value for JSON: tuples become lists, NumPy's numbers Python's."""
    if isinstance(value, tuple):
        return [_plain_value(x) for x in value]
    return value.item() if isinstance(value, np.generic) else value


def _piece(x, knots):
    """The index of the piece in which each value lies."""
    return np.clip(np.searchsorted(knots, x) - 1, 0, len(knots) - 2)


def _piecewise(x, knots, values):
    """The piecewise linear function that maps knots to values."""
    knots, values = np.asarray(knots), np.asarray(values)
    piece = _piece(x, knots)
    slopes = np.diff(values) / np.diff(knots)
    return values[piece] + (x - knots[piece]) * slopes[piece]


def _typed(pa, values):
    """Converts values to an Arrow array of one of four types."""
    kinds = {type(value) for value in values}
    is_large = kinds == {int} and max(values) > np.iinfo("int64").max
    for kind, of in (
        ({bool}, pa.bool_()),
        ({str}, pa.large_string()),
        ({int}, pa.uint64() if is_large else pa.int64()),
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
    """Lists values in a few words."""
    values = list(values)
    words = [repr(value) for value in values[:5]]
    more = [f"... ({len(values)})"] if len(values) > 5 else []
    return ", ".join(words + more) or "none"
