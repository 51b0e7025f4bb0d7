"""Units in adjacent columns that share one list of states."""

from typing import NamedTuple

import numpy as np
from keras import ops


def joint_index(counts, first, end):
    """Indices of the states of units in some of their joint states.

    Args:
        counts: List of the number of states of each unit.
        first: Index of the first joint state. The last unit changes fastest.
        end: Index after the last joint state.

    Returns:
        A tuple with an integer array of shape `(end - first,)` for each unit.
    """
    if not counts:
        return ()
    return np.unravel_index(np.arange(first, end), counts)


class Sites(NamedTuple):
    """Units with a list of states, in adjacent columns.

    Attributes:
        first: Index of the first column of the first unit.
        size: Number of units.
        states: Array of shape `(states, columns of a unit)`.
    """

    first: int
    size: int
    states: np.ndarray

    @property
    def columns(self):
        """Number of columns of one unit."""
        return self.states.shape[1]

    @property
    def end(self):
        """Index of the column after the last unit."""
        return self.first + self.size * self.columns

    @property
    def is_one_hot(self):
        """Whether the states are the rows of the identity matrix."""
        return np.array_equal(self.states, np.eye(self.columns))

    def blocks(self, x):
        """The columns of each unit, of shape `(batch, size, columns)`."""
        return x[:, self.first : self.end].reshape(
            len(x), self.size, self.columns
        )

    def joint_states(self, index):
        """The joint states with these indices. See `Units.joint_states`."""
        base = len(self.states)
        powers = np.arange(self.size - 1, -1, -1)
        # No index has more than 62 bits: larger powers are not needed.
        powers = np.minimum(powers, int(62 / np.log2(base)))
        places = base ** powers.astype("int64")
        digits = ops.cast(index, "int64")[:, None] // places % base
        states = ops.cast(self.states, "float32")
        chosen = ops.take(states, digits, axis=0)
        return ops.reshape(chosen, (-1, self.size * self.columns))

    def own(self, x):
        """Index of the nearest state, integer tensor of shape `(batch, size)`.

        The squared distance to a state s is |x|^2 - 2 <x, s> + |s|^2. The
        nearest one-hot state is therefore given by the largest column. For
        other states, the distances are added column by column, so that no
        tensor of shape `(batch, size, states, columns)` is needed. Most units
        have only one column.

        Args:
            x: Tensor of shape `(batch, width)`, with all columns of the side.
        """
        block = x[:, self.first : self.end]
        block = ops.reshape(block, (-1, self.size, self.columns))
        if self.is_one_hot:
            return ops.argmax(block, axis=-1)
        states = ops.cast(self.states, x.dtype)
        if self.states.shape == (2, 1):  # As below, without another axis.
            first = ops.square(block[:, :, 0] - states[0, 0])
            second = ops.square(block[:, :, 0] - states[1, 0])
            return ops.cast(second < first, "int32")
        return ops.argmin(
            sum(
                ops.square(block[:, :, column, None] - states[:, column])
                for column in range(self.columns)
            ),
            axis=-1,
        )

    def scatter(self, values, site, width):
        """Places the columns of one unit in rows of the side, 0 elsewhere.

        Args:
            values: Tensor of shape `(batch, columns)`.
            site: Number of the unit of each row, of shape `(batch,)`.
            width: Number of columns of the side.

        Returns:
            Tensor of shape `(batch, width)`.
        """
        where = np.arange(self.size * self.columns) // self.columns
        chosen = ops.cast(
            ops.cast(where, site.dtype) == site[:, None], values.dtype
        )
        chosen = chosen * ops.tile(values, (1, self.size))
        return ops.pad(chosen, ((0, 0), (self.first, width - self.end)))

    def nearest(self, x):
        """The nearest states, of shape `(batch, size * columns)`."""
        states = ops.cast(self.states, x.dtype)
        if self.states.shape == (2, 1):
            return ops.where(self.own(x) == 1, states[1, 0], states[0, 0])
        chosen = ops.take(states, self.own(x), axis=0)
        return ops.reshape(chosen, (-1, self.size * self.columns))
