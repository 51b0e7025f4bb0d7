"""Units that take any real value."""

import math

import keras
from keras import ops

from keras_rbm import random
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units.precision import Quadratic


@keras.saving.register_keras_serializable("keras_rbm")
class Gaussian(Quadratic):
    """Normal units: energy(x) = <precision, x^2> / 2 - <bias, x>.

    With z = bias + inputs, p(x_i | inputs) is the normal law of mean
    z_i / precision_i and variance 1 / precision_i. Standardize data first.

    Args:
        size: Number of units.
        precision: A positive number that the precision is fixed at, or `None`
            for one that is learned, of each unit, from a start of 1.
        minimum_precision: What a learned precision does not fall below.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Krizhevsky (2009), "Learning multiple layers of features from
        tiny images", section 1.4, with other parameters: here the energy is
        linear in them.
    """

    activation = "linear"

    def affine(self, kernel: Array, params: Params) -> tuple[Tensor, Tensor]:
        """Both divided by the precision, as in `mean`."""
        precision = params["precision"]
        return kernel / precision, params["bias"] / precision

    def square_and_rest(
        self, z: Array, precision: Array
    ) -> tuple[Tensor, Tensor]:
        """log_partition = z^2 / (2 precision) + log(2 pi / precision) / 2."""
        rest = 0.5 * (math.log(2 * math.pi) - ops.log(precision))
        return z, ops.broadcast_to(rest, ops.shape(z))

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """(bias + inputs) / precision."""
        return (inputs + params["bias"]) / params["precision"]

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """The mean and a normal draw of standard deviation precision^-1/2."""
        draws = random.normal(stream, ops.shape(inputs))
        draws = ops.cast(draws, inputs.dtype)
        return self.mean(inputs, params) + draws * ops.rsqrt(
            params["precision"]
        )

    def fitted_bias(self, mean: Array, precision: Array) -> Tensor:
        return mean * precision
