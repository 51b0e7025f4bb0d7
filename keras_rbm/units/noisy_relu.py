"""Rectified linear units with noise."""

import math

import keras
import numpy as np
from keras import ops

from keras_rbm import random, special
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units.base import Parameter
from keras_rbm.units.termwise import Termwise


@keras.saving.register_keras_serializable("keras_rbm")
class NoisyReLU(Termwise):
    """Sums of infinitely many binary copies that share their weights.

    The inputs of the copies are z - 1/2, z - 3/2, ..., with z = bias + inputs.
    x = 0, 1, 2, ... is the number of copies that are on, with

        energy(x) = x^2 / 2 + sum_(j <= x) log(1 - e^-j) - <bias, x>

    by Euler's identity, prod_i (1 + q^(i - 1/2) e^z) = sum_n q^(n^2 / 2)
    e^(n z) / ((1 - q) ... (1 - q^n)) with q = 1 / e.

    There are two approximations. First, integrals replace the sums over the
    copies. This increases the log-partition by about sigmoid(z) / 24, which
    is less than 1/24, and the mean by at most 0.011. Second, a draw is
    max(0, z + noise), where the noise has the variance of the sum of the
    copies. The mean of such draws is smaller than log(1 + e^z): by 0.42 near
    z = 0, and by almost nothing far from 0. Methods that need exact draws,
    such as annealed importance sampling, therefore refuse these units.

    Args:
        size: Number of units.

    Reference: Nair and Hinton (2010), "Rectified linear units improve
        restricted Boltzmann machines", section 2; Andrews (1976), "The theory
        of partitions", corollary 2.2, for the identity.

    Example:
        rbm = keras_rbm.RBM(16, keras_rbm.NoisyReLU(8))
    """

    support = (0.0, np.inf)
    activation = "softplus"
    approximation = (
        "NoisyReLU units are drawn as max(0, z + noise), not from the law that "
        "their energy belongs to"
    )

    def least_curvature(self, inverse_temperature: float = 1.0) -> float:
        """The least curvature of the base energy, 1."""
        return 1.0

    def parameters(self) -> dict[str, Parameter]:
        return {"bias": Parameter((self.size,))}

    def base_energy(self, x: Array) -> Tensor:
        """x^2 / 2 - sum_k (1 - e^(-k x)) / (k (e^k - 1)), for real x >= 0.

        For integer x, the sum over k with its sign equals the sum of
        log(1 - e^-j) over j <= x, by the series of the logarithm.
        """
        power, total = ops.exp(-x), ops.zeros_like(x)
        for k in range(36, 0, -1):  # Horner's rule, to float64 accuracy.
            total = power * (total + 1 / (k * math.expm1(k)))
        return ops.sum(0.5 * ops.square(x) + total - _AT_0, axis=-1)

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """-Li2(-exp(z)), the integral of the mean, for each unit."""
        return special.softplus_integral(inputs + params["bias"])

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """log(1 + exp(bias + inputs))."""
        return ops.softplus(inputs + params["bias"])

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """max(0, z + noise), with normal noise of variance sigmoid(z)."""
        z = inputs + params["bias"]
        noise = ops.cast(random.normal(stream, ops.shape(z)), z.dtype)
        return ops.relu(z + ops.sqrt(ops.sigmoid(z)) * noise)

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """log(exp(mean) - 1), with the mean raised to 0.001 if smaller."""
        mean = ops.maximum(ops.cast(mean, "float64"), 1e-3)
        return {"bias": mean + ops.log(-ops.expm1(-mean))}


_AT_0 = sum(1 / (k * math.expm1(k)) for k in range(1, 37))
