"""Which values units take, and which data they can stand for."""

from typing import Any, NamedTuple, Self

import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm.typing import Array, Config, Tensor
from keras_rbm.units import data_checks
from keras_rbm.units.sites import Sites


class Columns(NamedTuple):
    """What there is to know of the columns of data, to check their scale.

    Attributes:
        mean: Array of shape `(width,)`.
        variance: The same.
        are_bits: Booleans of the same shape: whether a column holds 0 and 1
            alone.
        first: The number of the first column in the data.
    """

    mean: np.ndarray
    variance: np.ndarray
    are_bits: np.ndarray
    first: int = 0


class Domain:
    """The values that one side of a machine takes, and how many columns.

    Args:
        size: Number of units, a positive integer.

    Raises:
        ValueError: If `size` is not a positive integer.
    """

    #: Smallest and largest value that data may have on this side: numbers,
    #: or arrays of shape `(width,)`.
    support = (-np.inf, np.inf)

    #: The states of a unit, if they are few: numbers, or rows of numbers
    #: where a unit takes several columns.
    states: Any = None

    def __init__(self, size: int):
        self.size = checks.positive_integer("size", size)

    @property
    def width(self) -> int:
        """Number of columns that these units take in a batch."""
        return self.size

    @property
    def first_columns(self) -> np.ndarray:
        """The number of the first column of each unit, shape `(size,)`."""
        return np.arange(0, self.width, self.width // self.size)

    @property
    def default_row(self) -> np.ndarray:
        """A valid state of each unit, `float32` array of shape `(width,)`.

        The first of a list of states, else 0.
        """
        row = np.zeros(self.width, "float32")
        for sites in self.sites:
            states = np.tile(sites.states[0], sites.size)
            row[sites.first : sites.end] = states
        return row

    @property
    def sites(self) -> tuple[Sites, ...]:
        """The sites of the units that have few states, a tuple of `Sites`."""
        if self.states is None:
            return ()
        states = np.asarray(self.states, "float64")
        return (Sites(0, self.size, states.reshape(len(states), -1)),)

    @property
    def num_joint_states(self) -> int | None:
        """How many states all units have together; `None` if uncountable."""
        return None if self.states is None else len(self.states) ** self.size

    def joint_states(self, index: Tensor) -> Tensor:
        """The joint states of these numbers, by the digits of them.

        Args:
            index: Integer tensor of shape `(count,)`, from 0 to
                `num_joint_states - 1`.

        Returns:
            Tensor of shape `(count, width)`, `float32`.

        Raises:
            ValueError: If the states cannot be enumerated.
        """
        if self.states is None:
            raise ValueError(f"The states of {self} cannot be enumerated.")
        return self.sites[0].joint_states(index)

    def fits(self, x: Array, xp: Any = np) -> Any:
        """Which values can be part of data on this side: states or means.

        Args:
            x: Array of shape `(examples, width)`.
            xp: `numpy`, or `keras.ops` for a tensor.

        Returns:
            Array of booleans of the same shape.
        """
        low, high = self.support
        # Written so that NaN, for which every comparison fails, is an error.
        return (x >= low) & (x <= high) & xp.isfinite(x)

    def nearest(self, x: Array) -> Tensor:
        """The states that are nearest to data.

        Args:
            x: Tensor of shape `(batch, width)`.

        Returns:
            Tensor of the same shape; units that have no list of states are
            as they were.
        """
        parts, end = [], 0
        for sites in self.sites:
            parts += [x[:, end : sites.first], sites.nearest(x)]
            end = sites.end
        return ops.concatenate([*parts, x[:, end:]], axis=1)

    def as_rows(self, x: Any, name: str = "x") -> Any:
        """Data as rows of states, if these have another form.

        Args:
            x: Array, or `keras_rbm.rows.Rows`.
            name: What to call it in an error.

        Returns:
            `Rows` of shape `(examples, width)` of data in a form that these
            units have besides rows of states, such as integer categories;
            `x` itself of other data.
        """
        return x

    def check(self, x: Array, name: str = "x") -> None:
        """Checks that data can be states of these units.

        Args:
            x: Array of shape `(batch, width)`.
            name: What to call it in an error.

        Raises:
            ValueError: If the shape is wrong, there are no rows, or a value
                is not a number or outside the support. The first offender is
                named.
        """
        data_checks.check(self, x, name)

    def check_states(self, x: Array, name: str = "x") -> None:
        """Checks that data are states of these units, not means of them.

        The log-likelihood of grey values is none: where units have a list of
        states, only these are accepted.

        Args:
            x: Array of shape `(batch, width)`.
            name: What to call it in an error.

        Raises:
            ValueError: If `check` fails or a value is in between.
        """
        self.check(x, name)
        data_checks.check_states(self, x, name)

    def check_scale(self, columns: Columns, name: str = "x") -> None:
        """Checks that data are of a scale that these units can learn.

        Data can be states of units and still be meant for others, such as
        bits for `Spin`. Training looks once, at all of them.

        Args:
            columns: `Columns` of the data.
            name: What to call the data in an error.

        Raises:
            ValueError: If they are not; a column is named, and the way out.
        """

    @property
    def description(self) -> str:
        """What data must be, for errors."""
        low, high = self.support
        return f"finite values from {np.min(low):g} to {np.max(high):g}"

    def get_config(self) -> Config:
        """Returns the constructor's arguments."""
        return {"size": self.size}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Returns units from what `get_config` returned."""
        return cls(**config)

    # As samplers do: TensorFlow would trace units by a weak reference, and
    # compile anew for equal units of another model once the first is gone.
    def __tf_flatten__(self):
        return (self,), ()

    @classmethod
    def __tf_unflatten__(cls, metadata, components):
        return metadata[0]

    def __eq__(self, other):
        return (
            type(self) is type(other)
            and self.get_config() == other.get_config()
        )

    def __hash__(self):
        return hash((type(self), repr(sorted(self.get_config().items()))))

    def __repr__(self):
        arguments = ", ".join(
            f"{k}={v!r}" for k, v in self.get_config().items()
        )
        return f"{type(self).__name__}({arguments})"
