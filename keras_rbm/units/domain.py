"""The values that units can take, and the data that they accept."""

from typing import Any, NamedTuple, Self

import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm.typing import Array, Config, Tensor
from keras_rbm.units import data_checks
from keras_rbm.units.sites import Sites

# Data that were scaled to the support may lie outside it by rounding errors of
# at most this number, multiplied by the absolute value of the end of the
# support if that value is above 1.
_ROUNDING = 1e-6


class ColumnStatistics(NamedTuple):
    """Statistics of columns of data, to check their scale.

    Attributes:
        mean: Array of shape `(width,)`, the mean of each column.
        variance: Array of shape `(width,)`, the variance of each column.
        are_bits: Boolean array of shape `(width,)`, whether a column holds
            only 0 and 1.
        first: Index of the first of these columns in the data.
    """

    mean: np.ndarray
    variance: np.ndarray
    are_bits: np.ndarray
    first: int = 0


class Domain:
    """The values and the number of columns of one side of a machine.

    Args:
        size: Number of units, a positive integer.

    Raises:
        ValueError: If `size` is not a positive integer.
    """

    #: Smallest and largest value of data on this side, as numbers or as
    #: arrays of shape `(width,)`.
    support = (-np.inf, np.inf)

    #: The list of states of a unit, or `None` if the states cannot be listed.
    #: A state is a number, or a row of numbers if a unit has several columns.
    states: Any = None

    def __init__(self, size: int):
        self.size = checks.positive_integer("size", size)

    @property
    def width(self) -> int:
        """Number of columns of these units in a batch."""
        return self.size

    @property
    def first_columns(self) -> np.ndarray:
        """Indices of the first column of each unit, of shape `(size,)`."""
        return np.arange(0, self.width, self.width // self.size)

    @property
    def default_row(self) -> np.ndarray:
        """A valid state of each unit, `float32` array of shape `(width,)`.

        Units with a list of states take the first state, all others take 0.
        """
        row = np.zeros(self.width, "float32")
        for sites in self.sites:
            states = np.tile(sites.states[0], sites.size)
            row[sites.first : sites.end] = states
        return row

    @property
    def sites(self) -> tuple[Sites, ...]:
        """The units that have a list of states, as a tuple of `Sites`."""
        if self.states is None:
            return ()
        states = np.asarray(self.states, "float64")
        return (Sites(0, self.size, states.reshape(len(states), -1)),)

    @property
    def num_joint_states(self) -> int | None:
        """Number of joint states of all units; `None` if not enumerable."""
        return None if self.states is None else len(self.states) ** self.size

    def joint_states(self, index: Tensor) -> Tensor:
        """The joint states with these indices.

        The digits of an index, in the base of the number of states, give the
        states of the units.

        Args:
            index: Integer tensor of shape `(count,)`, with values from 0 to
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
        """Whether each value is valid in data: a state, or a mean of states.

        Values that are outside the support by no more than 1e-6, or by this
        share of an end of the support above 1, are valid: data that were scaled
        to the support have such rounding errors.

        Args:
            x: Array of shape `(examples, width)`.
            xp: `numpy`, or `keras.ops` for a tensor.

        Returns:
            Boolean array of the shape of `x`.
        """
        # NaN does not fit, because every comparison with NaN is false.
        return self._is_near(x) & xp.isfinite(x)

    def without_rounding(self, x: Array, xp: Any = np) -> Any:
        """Sets values that are just outside the support to its ends.

        Args:
            x: Floating array of shape `(..., width)`.
            xp: `numpy`, or `keras.ops` for a tensor.

        Returns:
            Array of the shape and dtype of `x`. Values within the support, NaN,
            and values that `fits` refuses are unchanged.
        """
        low, high = self.support
        return xp.where(self._is_near(x), xp.clip(x, low, high), x)

    def _is_near(self, x):
        low, high = self.support
        low -= _ROUNDING * max(1.0, abs(low))
        high += _ROUNDING * max(1.0, abs(high))
        return (x >= low) & (x <= high)

    def nearest(self, x: Array) -> Tensor:
        """The states that are nearest to data.

        Args:
            x: Tensor of shape `(batch, width)`.

        Returns:
            Tensor of the shape of `x`. Values of units without a list of
            states are unchanged.
        """
        parts, end = [], 0
        for sites in self.sites:
            parts += [x[:, end : sites.first], sites.nearest(x)]
            end = sites.end
        return ops.concatenate([*parts, x[:, end:]], axis=1)

    def intensities(self, x: np.ndarray) -> np.ndarray:
        """States, or their means, as intensities of pixels.

        These are the values themselves, except for `Spin`.

        Args:
            x: Array of shape `(batch, width)`.

        Returns:
            Array of the shape of `x`: 0 is black, and 1 is white.
        """
        return x

    def as_rows(self, x: Any, name: str = "x") -> Any:
        """Converts data in another format, if any, to rows of states.

        Args:
            x: Array, or `keras_rbm.rows.Rows`.
            name: Name of the data in error messages.

        Returns:
            `Rows` of shape `(examples, width)` if `x` has another format that
            these units accept, such as integer categories. Otherwise `x`.
        """
        return x

    def check(self, x: Array, name: str = "x") -> None:
        """Checks that data can be states of these units.

        Args:
            x: Array of shape `(batch, width)`.
            name: Name of the data in error messages.

        Raises:
            ValueError: If the shape is wrong, there are no rows, or a value
                is not a number or is outside the support. The message names
                the first wrong value.
        """
        data_checks.check(self, x, name)

    def check_states(self, x: Array, name: str = "x") -> None:
        """Checks that data are states of these units, not means of states.

        Values between two states, such as grey values, have no log-likelihood.
        If units have a list of states, only these states are accepted.

        Args:
            x: Array of shape `(batch, width)`.
            name: Name of the data in error messages.

        Raises:
            ValueError: If `check` fails, or if a value is not a state.
        """
        self.check(x, name)
        data_checks.check_states(self, x, name)

    def check_scale(self, columns: ColumnStatistics, name: str = "x") -> None:
        """Checks that data have a scale that these units can learn.

        Data can be valid states of these units although they are meant for
        another type, such as bits passed to `Spin`. Training checks the whole
        data once.

        Args:
            columns: `ColumnStatistics` of the data.
            name: Name of the data in error messages.

        Raises:
            ValueError: If the scale is wrong. The message names a column and
                says how to rescale the data.
        """

    @property
    def description(self) -> str:
        """Description of valid data, for error messages."""
        low, high = self.support
        return f"finite values from {np.min(low):g} to {np.max(high):g}"

    def get_config(self) -> Config:
        """Returns the constructor's arguments."""
        return {"size": self.size}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Returns units from a configuration that `get_config` returned."""
        return cls(**config)

    # Without these two methods (samplers have them too), TensorFlow would
    # trace units by a weak reference. It would then compile again for equal
    # units of another model once the first units are deleted.
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
