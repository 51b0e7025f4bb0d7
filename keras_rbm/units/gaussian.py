"""Units that take any real value."""

import math

import keras
import numpy as np
from keras import ops

from keras_rbm import random
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units import quadrature
from keras_rbm.units.domain import ColumnStatistics
from keras_rbm.units.precision import Quadratic

# Limits, in standard deviations, for data that are not quite standardized.
# docs/design.md explains them.
_LEAST_DEVIATIONS, _MOST_DEVIATIONS, _MOST_MEAN = 0.01, 10.0, 10.0


@keras.saving.register_keras_serializable("keras_rbm")
class Gaussian(Quadratic):
    """Normal units: energy(x) = <precision, x^2> / 2 - <bias, x>.

    With z = bias + inputs, p(x_i | inputs) is the normal law of mean
    z_i / precision_i and variance 1 / precision_i. Standardize data first.

    Args:
        size: Number of units.
        precision: Fixed precision of all units, a positive number. If `None`,
            each unit learns its precision, which starts at 1.
        minimum_precision: Lower bound of learned precisions.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Krizhevsky (2009), "Learning multiple layers of features from
        tiny images", section 1.4. The parameters differ: here the energy is
        linear in the parameters.

    Example:
        rbm = keras_rbm.RBM(keras_rbm.Gaussian(16), 8)  # Standardized columns.
    """

    activation = "linear"

    def check_scale(self, columns: ColumnStatistics, name: str = "x") -> None:
        """Refuses columns that are far from standardized.

        The standard deviation of a column must be from 0.01 to 10 times the
        deviation of a unit of precision 1 (or of the fixed precision). The
        mean must be at most 10 deviations from 0. A `minimum_precision` below
        0.01 allows larger deviations. Constant columns are not checked.
        """
        unit = 1.0 / math.sqrt(self.precision or 1.0)
        most = _MOST_DEVIATIONS * unit
        if self.precision is None:
            most = max(most, 1.0 / math.sqrt(self.minimum_precision))
        mean, deviation = columns.mean, np.sqrt(columns.variance)
        # The computed variance of a constant is not quite 0: rounding errors.
        varies = deviation > 1e-6 * np.abs(mean)
        wrong = varies & (
            (deviation > most)
            | (deviation < _LEAST_DEVIATIONS * unit)
            | (np.abs(mean) > _MOST_MEAN * deviation)
        )
        if wrong.any():
            column = int(np.argmax(wrong))
            factor = "" if unit == 1.0 else f" * {unit:g}"
            raise ValueError(
                f"`{name}` must be standardized for Gaussian units, each "
                f"column to mean 0 and deviation {unit:g}; {wrong.sum()} of "
                f"{wrong.size} columns are far from it. Pass `({name} - "
                f"{name}.mean(axis=0)) / {name}.std(axis=0){factor}`. "
                f"Received: {name}[:, {columns.first + column}] with mean "
                f"{mean[column]:.4g} and deviation {deviation[column]:.4g}"
            )

    def affine(self, kernel: Array, params: Params) -> tuple[Tensor, Tensor]:
        """The kernel and the bias, divided by the precision as in `mean`."""
        precision = params["precision"]
        return kernel / precision, params["bias"] / precision

    def square_and_rest(
        self, z: Array, precision: Array
    ) -> tuple[Tensor, Tensor]:
        """log_partition = z^2 / (2 precision) + log(2 pi / precision) / 2."""
        rest = 0.5 * (math.log(2 * math.pi) - ops.log(precision))
        return z, ops.broadcast_to(rest, ops.shape(z))

    def integration_rule(
        self, low: float, high: float, precision: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Nodes on the whole line; see `quadrature.line`."""
        return quadrature.line(low, high, precision)

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """(bias + inputs) / precision."""
        return (inputs + params["bias"]) / params["precision"]

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """The mean plus normal noise of standard deviation precision^-1/2."""
        draws = random.normal(stream, ops.shape(inputs))
        draws = ops.cast(draws, inputs.dtype)
        return self.mean(inputs, params) + draws * ops.rsqrt(
            params["precision"]
        )

    def fitted_bias(self, mean: Array, precision: Array) -> Tensor:
        return mean * precision
