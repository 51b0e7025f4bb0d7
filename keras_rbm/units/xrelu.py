"""Units of fixed scale with a truncated normal law on each side of 0."""

import keras
from keras import ops

from keras_rbm import checks
from keras_rbm.constraints import Within
from keras_rbm.typing import Array, Config, Params, Tensor
from keras_rbm.units.base import Parameter
from keras_rbm.units.two_sided import TwoSided


@keras.saving.register_keras_serializable("keras_rbm")
class XReLU(TwoSided):
    """Double rectified units of a fixed scale, with a learned asymmetry.

    energy(x) = precision x^2 / 2 + asymmetry x |x| / 2 - bias x - delta |x|

    These are `DReLU` units whose precisions are precision + asymmetry above
    0 and precision - asymmetry below 0. Their mean, `precision`, is fixed,
    because changing it has the same effect as a factor of the weights of the
    unit. The scale of the weights is thus determined without a penalty.

    Args:
        size: Number of units.
        precision: Mean of the two precisions, a positive number.
        max_asymmetry: Largest absolute value of the asymmetry, as a share of
            `precision`, a number between 0 and 1.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Tubiana, Cocco and Monasson (2019), "Learning protein
        constitutive motifs from sequence data". Its methods section describes
        potentials with a fixed scale and an asymmetry.

    Example:
        rbm = keras_rbm.RBM(keras_rbm.Softmax(10, 21), keras_rbm.XReLU(20))
    """

    def __init__(
        self, size: int, precision: float = 1.0, max_asymmetry: float = 0.95
    ):
        super().__init__(size)
        self.precision = checks.positive_number("precision", precision)
        self.max_asymmetry = checks.fraction("max_asymmetry", max_asymmetry)

    def least_curvature(self, inverse_temperature: float = 1.0) -> float:
        return inverse_temperature * self.precision * (1 - self.max_asymmetry)

    def parameters(self) -> dict[str, Parameter]:
        plain = Parameter((self.size,))
        return {
            "bias": plain,
            "delta": plain,
            "precision": Parameter(
                (self.size,),
                keras.initializers.Constant(self.precision),
                trainable=False,
            ),
            "asymmetry": Parameter(
                (self.size,),
                constraint=Within(self.precision * self.max_asymmetry),
            ),
        }

    def statistics(self, x: Array) -> dict[str, Tensor]:
        return {
            "bias": x,
            "delta": ops.abs(x),
            "precision": -0.5 * ops.square(x),
            "asymmetry": -0.5 * x * ops.abs(x),
        }

    def precisions(self, params: Params) -> tuple[Tensor, Tensor]:
        precision, asymmetry = params["precision"], params["asymmetry"]
        return precision + asymmetry, precision - asymmetry

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """Parameters of `Gaussian` units with this mean and `precision`."""
        precision = ops.full_like(ops.cast(mean, "float64"), self.precision)
        return self._fitted(mean, precision)

    def base_parameters(
        self, mean: Array, variance: Array | None, params: Params
    ) -> dict[str, Tensor]:
        return self._fitted(mean, ops.cast(params["precision"], "float64"))

    def start_parameters(
        self, mean: Array, variance: Array | None, inverse_temperature: float
    ) -> dict[str, Tensor]:
        fitted = self.fit_parameters(mean, variance)
        del fitted["precision"]
        return fitted

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "precision": self.precision,
            "max_asymmetry": self.max_asymmetry,
        }

    def _fitted(self, mean, precision):
        mean = ops.cast(mean, "float64")
        zeros = ops.zeros_like(mean)
        return {
            "bias": mean * precision,
            "delta": zeros,
            "precision": precision,
            "asymmetry": zeros,
        }
