"""Units whose energy has a quadratic part, precision x^2 / 2."""

import abc

import keras
from keras import ops

from keras_rbm import checks
from keras_rbm.constraints import AtLeast
from keras_rbm.typing import Array, Config, Params, Tensor
from keras_rbm.units.base import Parameter, Units

# The least variance of data that a precision is fitted to.
_MIN_VARIANCE = 1e-3


class Quadratic(Units):
    """Real units: energy(x) = <precision, x^2> / 2 - <bias, x>.

    With z = bias + inputs, subclasses give log_partition as a square and a
    rest, of each unit: s^2 / (2 precision) + r.

    Args:
        size: Number of units.
        precision: A positive number that the precision is fixed at, or `None`
            for one that is learned, of each unit, from a start of 1 or the
            minimum.
        minimum_precision: What a learned precision does not fall below.

    Raises:
        ValueError: If an argument is not as described.
    """

    def __init__(
        self,
        size: int,
        precision: float | None = None,
        minimum_precision: float = 0.01,
    ):
        super().__init__(size)
        self.precision = precision
        if precision is not None:
            self.precision = checks.positive_number("precision", precision)
        self.minimum_precision = checks.positive_number(
            "minimum_precision", minimum_precision
        )

    def least_curvature(self, inverse_temperature: float = 1.0) -> float:
        """The fixed precision, or the least that a learned one can have."""
        return inverse_temperature * (self.precision or self.minimum_precision)

    def parameters(self) -> dict[str, Parameter]:
        fixed = self.precision is not None
        precision = Parameter(
            (self.size,),
            keras.initializers.Constant(
                self.precision if fixed else max(1.0, self.minimum_precision)
            ),
            None if fixed else AtLeast(self.minimum_precision),
            trainable=not fixed,
        )
        return {"bias": Parameter((self.size,)), "precision": precision}

    def statistics(self, x: Array) -> dict[str, Tensor]:
        return {"bias": x, "precision": -0.5 * ops.square(x)}

    @abc.abstractmethod
    def square_and_rest(
        self, z: Array, precision: Array
    ) -> tuple[Tensor, Tensor]:
        """S and r of the log-partition s^2 / (2 precision) + r.

        Args:
            z: bias + inputs, tensor of shape `(batch, width)`.
            precision: Tensor of shape `(width,)` or `(batch, width)`.

        Returns:
            Two tensors of the shape of `z`.
        """

    def log_partition(self, inputs: Array, params: Params) -> Tensor:
        z, precision = inputs + params["bias"], params["precision"]
        s, rest = self.square_and_rest(z, precision)
        return ops.sum(0.5 * ops.square(s) / precision + rest, axis=-1)

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        z, precision = inputs + params["bias"], params["precision"]
        s, rest = self.square_and_rest(z, precision)
        return 0.5 * ops.square(s) / precision + rest

    def log_partition_change(
        self,
        inputs: Array,
        params: Params,
        new_inputs: Array,
        new_params: Params,
    ) -> Tensor:
        """`log_partition` of the last two arguments minus that at the first.

        s'^2 / q' - s^2 / q = ((s' - s) (s' + s) + s^2 (q - q') / q) / q',
        with q the precision: no difference of large squares.
        """
        q, new_q = params["precision"], new_params["precision"]
        s, rest = self.square_and_rest(inputs + params["bias"], q)
        new_s, new_rest = self.square_and_rest(
            new_inputs + new_params["bias"], new_q
        )
        change = (new_s - s) * (new_s + s) + ops.square(s) * (q - new_q) / q
        return ops.sum(0.5 * change / new_q + (new_rest - rest), axis=-1)

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """The precision 1 / variance, and the bias that gives the mean.

        The variance is taken to be at least 0.001, so that what is constant
        in the data has a finite precision, and the precision to be at least
        the minimum; without a variance it is 1. A fixed one stays.
        """
        return self._fitted(mean, variance, 1.0)

    def base_parameters(
        self, mean: Array, variance: Array | None, params: Params
    ) -> dict[str, Tensor]:
        """As `fit_parameters`, but with a fixed precision as it is scaled."""
        if self.precision is None:
            return self.fit_parameters(mean, variance)
        precision = ops.cast(params["precision"], "float64")
        bias = self.fitted_bias(ops.cast(mean, "float64"), precision)
        return {"bias": bias, "precision": precision}

    def start_parameters(
        self, mean: Array, variance: Array | None, inverse_temperature: float
    ) -> dict[str, Tensor]:
        """The same at that inverse temperature, which multiplies both.

        A fixed precision is not set.
        """
        fitted = self._fitted(mean, variance, inverse_temperature)
        if self.precision is not None:
            del fitted["precision"]
        return fitted

    @abc.abstractmethod
    def fitted_bias(self, mean: Array, precision: Array) -> Tensor:
        """The bias that gives the units this mean, of the same shape."""

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "precision": self.precision,
            "minimum_precision": self.minimum_precision,
        }

    def _fitted(self, mean, variance, beta):
        mean = ops.cast(mean, "float64")
        if self.precision is not None:
            precision = ops.full_like(mean, self.precision)
        else:
            variance = ops.ones_like(mean) if variance is None else variance
            variance = ops.maximum(ops.cast(variance, "float64"), _MIN_VARIANCE)
            precision = ops.maximum(
                1.0 / (beta * variance), self.minimum_precision
            )
        bias = self.fitted_bias(mean, beta * precision) / beta
        return {"bias": bias, "precision": precision}
