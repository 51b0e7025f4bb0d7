"""Units that stand side by side, each with the same few states."""

from typing import NamedTuple

import numpy as np
from keras import ops


class Sites(NamedTuple):
    """Units with a list of states, in adjacent columns.

    Attributes:
        first: Column of the first one.
        size: Number of units.
        states: Array of shape `(states, columns of a unit)`.
    """

    first: int
    size: int
    states: np.ndarray

    @property
    def columns(self):
        """Number of columns of a unit."""
        return self.states.shape[1]

    @property
    def end(self):
        """The column after the last one."""
        return self.first + self.size * self.columns

    def blocks(self, x):
        """The columns of each unit, of shape `(batch, size, columns)`."""
        return x[:, self.first : self.end].reshape(
            len(x), self.size, self.columns
        )

    def joint_states(self, index):
        """The joint states of these numbers: `Units.joint_states`."""
        base = len(self.states)
        powers = np.arange(self.size - 1, -1, -1)
        # No index reaches what has more than 62 bits.
        powers = np.minimum(powers, int(62 / np.log2(base)))
        places = base ** powers.astype("int64")
        digits = ops.cast(index, "int64")[:, None] // places % base
        states = ops.cast(self.states, "float32")
        chosen = ops.take(states, digits, axis=0)
        return ops.reshape(chosen, (-1, self.size * self.columns))

    def own(self, x):
        """Which state is nearest, an integer tensor `(batch, size)`.

        Distances are |x|^2 - 2 <x, s> + |s|^2: of one-hot states the nearest
        is that of the largest column. Else they are summed up by columns, of
        which most units have one, so that nothing of shape `(batch, size,
        states, columns)` is made.

        Args:
            x: Tensor of shape `(batch, width)`, of all columns.
        """
        block = x[:, self.first : self.end]
        block = ops.reshape(block, (-1, self.size, self.columns))
        if np.array_equal(self.states, np.eye(self.columns)):
            return ops.argmax(block, axis=-1)
        states = ops.cast(self.states, x.dtype)
        if self.states.shape == (2, 1):  # The same, without an axis more.
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

    def nearest(self, x):
        """The nearest states, `(batch, size * columns)`."""
        states = ops.cast(self.states, x.dtype)
        if self.states.shape == (2, 1):
            return ops.where(self.own(x) == 1, states[1, 0], states[0, 0])
        chosen = ops.take(states, self.own(x), axis=0)
        return ops.reshape(chosen, (-1, self.size * self.columns))
