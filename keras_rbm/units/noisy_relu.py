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
    """Sums of binary copies: infinitely many, with one weight each.

    The copies have biases of z - 1/2, z - 3/2, ..., with z = bias + inputs.
    How many of them are on is x = 0, 1, 2, ..., with

        energy(x) = x^2 / 2 + sum_(j <= x) log(1 - e^-j) - <bias, x>

    by Euler's identity, prod_i (1 + q^(i - 1/2) e^z) = sum_n q^(n^2 / 2)
    e^(n z) / ((1 - q) ... (1 - q^n)) with q = 1 / e.

    That is approximated twice. Sums over the copies are taken as integrals,
    which makes the log-partition larger by about sigmoid(z) / 24, less than
    1/24, and the mean by at most 0.011. And a draw is max(0, z + noise) with
    noise of the copies' variance: its mean is less than log(1 + e^z), by 0.42
    near z = 0 and by nothing far from it. So nothing that needs exact draws is
    to be had, such as annealed importance sampling.

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
        """That of the base energy."""
        return 1.0

    def parameters(self) -> dict[str, Parameter]:
        return {"bias": Parameter((self.size,))}

    def base_energy(self, x: Array) -> Tensor:
        """x^2 / 2 - sum_k (1 - e^(-k x)) / (k (e^k - 1)), for real x >= 0.

        Which is the sum of the logarithms for integers, by their series.
        """
        power, total = ops.exp(-x), ops.zeros_like(x)
        for k in range(36, 0, -1):  # Horner's rule, to float64.
            total = power * (total + 1 / (k * math.expm1(k)))
        return ops.sum(0.5 * ops.square(x) + total - _AT_0, axis=-1)

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """-Li2(-exp(z)), the integral of the mean, of each unit."""
        return special.softplus_integral(inputs + params["bias"])

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """log(1 + exp(bias + inputs))."""
        return ops.softplus(inputs + params["bias"])

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """max(0, z + noise), the noise normal of variance sigmoid(z)."""
        z = inputs + params["bias"]
        noise = ops.cast(random.normal(stream, ops.shape(z)), z.dtype)
        return ops.relu(z + ops.sqrt(ops.sigmoid(z)) * noise)

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """log(exp(mean) - 1), with a mean of 0.001 or more."""
        mean = ops.maximum(ops.cast(mean, "float64"), 1e-3)
        return {"bias": mean + ops.log(-ops.expm1(-mean))}


_AT_0 = sum(1 / (k * math.expm1(k)) for k in range(1, 37))
