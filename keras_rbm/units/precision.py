"""`Quadratic`: units whose energy has a quadratic part, precision x^2 / 2."""

import abc

import keras
import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm.constraints import AtLeast
from keras_rbm.typing import Array, Config, Params, Tensor
from keras_rbm.units import quadrature
from keras_rbm.units.base import Parameter, Units

# Smaller variances of data are raised to this value to fit a precision.
_MIN_VARIANCE = 1e-3


class Quadratic(Units):
    """Real units: energy(x) = <precision, x^2> / 2 - <bias, x>.

    Subclasses implement `square_and_rest`, which returns s and r, and
    `integration_rule`. The log-partition of a unit is then
    s^2 / (2 precision) + r.

    Args:
        size: Number of units.
        precision: Fixed precision of all units, a positive number. If `None`,
            each unit learns its precision, which starts at 1, or at the
            minimum if that is larger.
        minimum_precision: Lower bound of learned precisions.

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
        """`inverse_temperature` times the fixed or the minimum precision."""
        return inverse_temperature * (self.precision or self.minimum_precision)

    def curvature(self, params: Params) -> Array | float:
        return params["precision"]

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
        """The terms s and r of the log-partition s^2 / (2 precision) + r.

        Args:
            z: The sum bias + inputs, a tensor of shape `(batch, width)`.
            precision: Tensor of shape `(width,)` or `(batch, width)`.

        Returns:
            The tensors s and r, of the shape of `z`.
        """

    def log_partition(self, inputs: Array, params: Params) -> Tensor:
        z, precision = inputs + params["bias"], params["precision"]
        s, rest = self.square_and_rest(z, precision)
        return ops.sum(0.5 * ops.square(s) / precision + rest, axis=-1)

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        z, precision = inputs + params["bias"], params["precision"]
        s, rest = self.square_and_rest(z, precision)
        return 0.5 * ops.square(s) / precision + rest

    @abc.abstractmethod
    def integration_rule(
        self, low: float, high: float, precision: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Nodes that integrate over a unit, for means between two bounds.

        Args:
            low: The least mean (bias + inputs) / precision.
            high: The largest mean.
            precision: The precision of the unit.

        Returns:
            Points and log weights, two `float64` arrays of shape `(nodes,)`;
            empty if there is no rule for these means.
        """

    def nodes(
        self, low: np.ndarray, high: np.ndarray, params: Params
    ) -> tuple[quadrature.Nodes, ...]:
        """Nodes for normal or truncated normal laws, by `integration_rule`.

        Units that would need more than 2**16 nodes, or whose parameters are not
        finite, are left out.
        """
        bias, precision = (
            np.asarray(ops.convert_to_numpy(params[name]), "float64")
            for name in ("bias", "precision")
        )
        means = (low + bias) / precision, (high + bias) / precision
        every = (
            quadrature.Nodes(column, *self.integration_rule(*arguments))
            for column, arguments in enumerate(
                zip(*means, precision, strict=True)
            )
        )
        return tuple(nodes for nodes in every if len(nodes.points))

    def log_partition_change(
        self,
        inputs: Array,
        params: Params,
        new_inputs: Array,
        new_params: Params,
    ) -> Tensor:
        """`log_partition` at the last two arguments minus at the first two.

        To avoid a difference of large squares, the code uses the identity
        s'^2 / q' - s^2 / q = ((s' - s) (s' + s) + s^2 (q - q') / q) / q',
        where q is the precision.
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

        The variance is raised to 0.001 if smaller, so that constant columns
        get a finite precision. The default variance is 1. The precision is
        raised to `minimum_precision` if smaller. A fixed precision is kept.
        """
        return self._fitted(mean, variance, 1.0)

    def base_parameters(
        self, mean: Array, variance: Array | None, params: Params
    ) -> dict[str, Tensor]:
        """Like `fit_parameters`, but a fixed precision is kept from `params`.

        In `params`, a fixed precision may have been scaled.
        """
        if self.precision is None:
            return self.fit_parameters(mean, variance)
        precision = ops.cast(params["precision"], "float64")
        bias = self.fitted_bias(ops.cast(mean, "float64"), precision)
        return {"bias": bias, "precision": precision}

    def start_parameters(
        self, mean: Array, variance: Array | None, inverse_temperature: float
    ) -> dict[str, Tensor]:
        """Like `fit_parameters`, for a model that scales its parameters.

        The model multiplies the bias and the precision by
        `inverse_temperature`. A fixed precision is not returned.
        """
        fitted = self._fitted(mean, variance, inverse_temperature)
        if self.precision is not None:
            del fitted["precision"]
        return fitted

    @abc.abstractmethod
    def fitted_bias(self, mean: Array, precision: Array) -> Tensor:
        """The bias that gives the units this mean, of the shape of `mean`."""

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
