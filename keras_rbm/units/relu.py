"""Units that take any positive value."""

import math

import keras
import numpy as np
from keras import ops

from keras_rbm import random, special
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units import quadrature
from keras_rbm.units.precision import Quadratic

# The log of sqrt(2 pi).
_LOG_ROOT = 0.5 * math.log(2 * math.pi)
# The least mean to which a bias is fitted, in standard deviations of the normal
# law before truncation, and the number of steps of Newton's method that find
# its bias in float64.
_MIN_MEAN, _STEPS = 1e-3, 6


@keras.saving.register_keras_serializable("keras_rbm")
class ReLU(Quadratic):
    """Rectified normal units: energy(x) = <precision, x^2> / 2 - <bias, x>.

    With x >= 0 and z = bias + inputs, x_i given its inputs follows the normal
    law of mean z_i / precision_i and variance 1 / precision_i, truncated to
    positive values. Draws are exact. (In the literature, "ReLU" often stands
    for the units that are called `NoisyReLU` here.)

    Args:
        size: Number of units.
        precision: Fixed precision of all units, a positive number. If `None`,
            each unit learns its precision, which starts at 1.
        minimum_precision: Lower bound of learned precisions.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Tubiana, Cocco and Monasson (2019), "Learning protein
        constitutive motifs from sequence data". On the positive side, their
        potential equals this one.

    Example:
        rbm = keras_rbm.RBM(16, keras_rbm.ReLU(8))
    """

    support = (0.0, np.inf)

    def square_and_rest(
        self, z: Array, precision: Array
    ) -> tuple[Tensor, Tensor]:
        """The log-partition, with a = z / sqrt(precision).

            z^2 / (2 precision) + log(Phi(a) sqrt(2 pi / precision)), a >= 0
            -log((G(-a) - a) sqrt(precision)),                        a < 0

        Here Phi is the normal distribution function, and G is
        `special.normal_excess`.
        """
        rest = log_integral_beside_square(z * ops.rsqrt(precision))
        return ops.relu(z), rest - 0.5 * ops.log(precision)

    def integration_rule(
        self, low: float, high: float, precision: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Nodes on the positive half-line; see `quadrature.half_line`."""
        return quadrature.half_line(low, high, precision)

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """The mean of the truncated law.

        For a >= 0 it is (a + phi(a) / Phi(a)) / sqrt(precision). For a < 0 it
        is G(-a) / sqrt(precision), the same value without cancellation.
        """
        root = ops.rsqrt(params["precision"])
        return rectified_mean((inputs + params["bias"]) * root) * root

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """(y + a) / sqrt(precision), with y a normal draw above -a."""
        root = ops.rsqrt(params["precision"])
        a = (inputs + params["bias"]) * root
        draws = random.truncated_normal(stream, ops.cast(-a, "float32"))
        return ops.cast(draws, inputs.dtype) * root

    def fitted_bias(self, mean: Array, precision: Array) -> Tensor:
        """The bias that gives the units this mean, by Newton's method for a.

        The method converges because the mean is an increasing and convex
        function of a. In units of max(1, |a|), its error is below 1e-6 after
        three steps and below 1e-12 after four; after five, only roundings are
        left. Means below 0.001 standard deviations are raised to it.
        """
        target = ops.maximum(mean * ops.sqrt(precision), _MIN_MEAN)

        def step(_, a):
            mean = rectified_mean(a)
            variance = 1 + a * mean - ops.square(mean)
            return a + (target - mean) / variance

        a = ops.fori_loop(0, _STEPS, step, target - 1 / target)
        return a * ops.sqrt(precision)


def log_integral_beside_square(a: Tensor) -> Tensor:
    """Log of the integral of exp(a x - x^2 / 2) over x > 0, less relu(a)^2 / 2.

    The integral is exp(a^2 / 2) Phi(a) sqrt(2 pi). For a < 0, the logarithm of
    all of it is -log(G(-a) - a), where G is `special.normal_excess`.

    Args:
        a: Tensor.
    """
    size = _size(a)
    reach = size + special.normal_excess(size)
    positive = _LOG_ROOT + ops.log1p(-special.normal_density(size) / reach)
    return ops.where(a < 0, -ops.log(reach), positive)


def rectified_mean(a: Tensor) -> Tensor:
    """E[y + a | y + a > 0] for a standard normal y.

    Args:
        a: Tensor.
    """
    size = _size(a)
    excess, density = special.normal_excess(size), special.normal_density(size)
    # The density is (|a| + G) (1 - Phi(|a|)).
    hazard = density / (1 - density / (size + excess))
    return ops.where(a < 0, excess, size + hazard)


def _size(a):
    """|a|, with a nonzero gradient at 0, unlike `ops.abs`."""
    return ops.where(a < 0, -a, a)
