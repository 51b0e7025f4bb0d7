"""Real units with a different law on each side of 0."""

import abc

from keras import ops

from keras_rbm import random
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units.relu import log_integral_beside_square, rectified_mean
from keras_rbm.units.termwise import Termwise


class TwoSided(Termwise):
    """Real units with a truncated normal law on each side of 0.

    With z = bias + inputs, x > 0 has the weight exp((z + delta) x -
    p_+ x^2 / 2), and x < 0 the weight exp((-z + delta) |x| - p_- x^2 / 2).
    Subclasses compute the precisions p_+ and p_- in `precisions`.
    """

    @abc.abstractmethod
    def precisions(self, params: Params) -> tuple[Tensor, Tensor]:
        """The precisions above and below 0.

        Args:
            params: Dictionary of tensors with the keys of `parameters`.

        Returns:
            Positive tensors p_+ and p_- of shape `(width,)` or
            `(batch, width)`.
        """

    def curvature(self, params: Params) -> Array | float:
        return ops.minimum(*self.precisions(params))

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """The log of the sum of the integrals of both sides, for each unit.

        As for `ReLU` units, the integral of a side of slope s and precision p
        is exp(s^2 / (2 p)) Phi(s / sqrt(p)) sqrt(2 pi / p).
        """
        above, below = (_log_integral(*x) for x in self._sides(inputs, params))
        # The gradient of `logaddexp` would be wrong where both are equal.
        return below + ops.softplus(above - below)

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """P(x > 0) E[x | x > 0] + P(x < 0) E[x | x < 0]."""
        above, below = self._sides(inputs, params)
        odds = _log_integral(*above) - _log_integral(*below)
        positive, negative = (
            rectified_mean(slope * ops.rsqrt(p)) * ops.rsqrt(p)
            for slope, p in (above, below)
        )
        return ops.sigmoid(odds) * positive - ops.sigmoid(-odds) * negative

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """Draws a side, then |x| from the truncated normal law of that side."""
        above, below = self._sides(inputs, params)
        odds = _log_integral(*above) - _log_integral(*below)
        u = random.uniform(
            random.fold_in(stream, random.Use.SIDE), ops.shape(odds)
        )
        is_above = ops.cast(u, odds.dtype) < ops.sigmoid(odds)
        slope = ops.where(is_above, above[0], below[0])
        root = ops.rsqrt(ops.where(is_above, above[1], below[1]))
        beyond = ops.cast(-slope * root, "float32")
        size = ops.cast(random.truncated_normal(stream, beyond), inputs.dtype)
        size = size * ops.cast(root, inputs.dtype)
        return ops.where(is_above, size, -size)

    def _sides(self, inputs, params):
        """Slope at 0 and precision of each side, of the shape of `inputs`."""
        z = inputs + params["bias"]
        above, below = self.precisions(params)
        spread = ops.zeros_like(z)
        return (
            (z + params["delta"], above + spread),
            (params["delta"] - z, below + spread),
        )


def _log_integral(slope, precision):
    """Log of the integral of exp(slope x - precision x^2 / 2) over x > 0."""
    a = slope * ops.rsqrt(precision)
    square = 0.5 * ops.square(ops.relu(a))
    return square + log_integral_beside_square(a) - 0.5 * ops.log(precision)
