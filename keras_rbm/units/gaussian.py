"""Units that take any real value."""

import math

import keras
from keras import ops

from keras_rbm import random
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

    def log_partitions(self, inputs, params):
        """z^2 / (2 precision) + log(2 pi / precision) / 2, of each unit."""
        z, precision = inputs + params["bias"], params["precision"]
        log_width = math.log(2 * math.pi) - ops.log(precision)
        return 0.5 * (ops.square(z) / precision + log_width)

    def log_partition_change(self, inputs, params, new_inputs, new_params):
        """The same of the last two, less that of the first.

        z'^2 / q' - z^2 / q = (z'^2 - z^2) / q' + z^2 (q - q') / (q q'), with
        q the precision: no difference of large squares.
        """
        old, new = inputs + params["bias"], new_inputs + new_params["bias"]
        q, new_q = params["precision"], new_params["precision"]
        squares = (new - old) * (new + old) / new_q
        squares = squares + ops.square(old) / q * (q - new_q) / new_q
        log_widths = ops.log(new_q / q)
        return 0.5 * ops.sum(squares - log_widths, axis=-1)

    def mean(self, inputs, params):
        """(bias + inputs) / precision."""
        return (inputs + params["bias"]) / params["precision"]

    def sample(self, inputs, params, stream):
        """The mean and a normal draw of standard deviation precision^-1/2."""
        draws = random.normal(stream, ops.shape(inputs))
        draws = ops.cast(draws, inputs.dtype)
        return self.mean(inputs, params) + draws * ops.rsqrt(
            params["precision"]
        )

    def fitted_bias(self, mean, precision):
        return mean * precision
