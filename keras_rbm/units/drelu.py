"""Units with a learned truncated normal law on each side of 0."""

import keras
from keras import ops

from keras_rbm import checks
from keras_rbm.constraints import AtLeast
from keras_rbm.typing import Array, Config, Params, Tensor
from keras_rbm.units.base import Parameter
from keras_rbm.units.two_sided import TwoSided

# Smaller variances of data are raised to this value to fit a precision.
_MIN_VARIANCE = 1e-3


@keras.saving.register_keras_serializable("keras_rbm")
class DReLU(TwoSided):
    """Double rectified units: energy(x) = p_s x^2 / 2 - bias x - delta |x|.

    p_s is `precision_above` for positive x and `precision_below` for negative
    x. With equal precisions and a delta of 0 the units are `Gaussian`. With
    different precisions the response to the inputs is weak on one side and
    strong on the other. A positive delta gives two modes, a negative delta a
    peak at 0. Hidden units learn these shapes from the data. Draws are exact.

    The scale of a hidden unit is not determined: if all its weights are
    multiplied by a factor, other precisions give the same model. To fix the
    scale, use a penalty on the weights, or use `XReLU` units.

    Args:
        size: Number of units.
        minimum_precision: Lower bound of the precisions, a positive number.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Tubiana, Cocco and Monasson (2019), "Learning protein
        constitutive motifs from sequence data", equation 5. Its theta_+ and
        theta_- are -bias - delta and -bias + delta.

    Example:
        rbm = keras_rbm.RBM(
            keras_rbm.Softmax(10, 21),
            keras_rbm.DReLU(20),
            kernel_regularizer=keras_rbm.SquaredL1(0.25),
        )
    """

    def __init__(self, size: int, minimum_precision: float = 0.01):
        super().__init__(size)
        self.minimum_precision = checks.positive_number(
            "minimum_precision", minimum_precision
        )

    def least_curvature(self, inverse_temperature: float = 1.0) -> float:
        return inverse_temperature * self.minimum_precision

    def parameters(self) -> dict[str, Parameter]:
        precision = Parameter(
            (self.size,),
            keras.initializers.Constant(max(1.0, self.minimum_precision)),
            AtLeast(self.minimum_precision),
        )
        plain = Parameter((self.size,))
        return {
            "bias": plain,
            "delta": plain,
            "precision_above": precision,
            "precision_below": precision,
        }

    def statistics(self, x: Array) -> dict[str, Tensor]:
        return {
            "bias": x,
            "delta": ops.abs(x),
            "precision_above": -0.5 * ops.square(ops.relu(x)),
            "precision_below": -0.5 * ops.square(ops.relu(-x)),
        }

    def precisions(self, params: Params) -> tuple[Tensor, Tensor]:
        return params["precision_above"], params["precision_below"]

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """Parameters that make the units `Gaussian` with these moments."""
        return self.start_parameters(mean, variance, 1.0)

    def start_parameters(
        self, mean: Array, variance: Array | None, inverse_temperature: float
    ) -> dict[str, Tensor]:
        mean = ops.cast(mean, "float64")
        variance = ops.ones_like(mean) if variance is None else variance
        variance = ops.maximum(ops.cast(variance, "float64"), _MIN_VARIANCE)
        precision = ops.maximum(
            1.0 / (inverse_temperature * variance), self.minimum_precision
        )
        return {
            "bias": mean * precision,
            "delta": ops.zeros_like(mean),
            "precision_above": precision,
            "precision_below": precision,
        }

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "minimum_precision": self.minimum_precision,
        }
