"""Units that are up or down."""

import keras
import numpy as np
from keras import ops

from keras_rbm import random
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units.base import Parameter
from keras_rbm.units.domain import ColumnStatistics
from keras_rbm.units.termwise import Termwise


@keras.saving.register_keras_serializable("keras_rbm")
class Spin(Termwise):
    """Ising spins: energy(x) = -<bias, x>, with x in {-1, 1}.

    With z = bias + inputs, p(x_i | inputs) = exp(x_i z_i) / (2 cosh z_i).
    The substitution y = (1 + x) / 2 gives binary units: for each machine of
    spins there is a machine of binary units with the same law, and vice versa.

    Args:
        size: Number of units.

    Reference: Ackley, Hinton and Sejnowski (1985), "A learning algorithm for
        Boltzmann machines", where the units are binary instead of spins.

    Example:
        rbm = keras_rbm.RBM(keras_rbm.Spin(16), 8)  # States -1 and 1.
    """

    support = (-1.0, 1.0)
    states = (-1.0, 1.0)
    activation = "tanh"

    def check_scale(self, columns: ColumnStatistics, name: str = "x") -> None:
        """Refuses bits: columns that hold only 0 and 1, with at least one 0."""
        if columns.are_bits.all() and (columns.mean < 1).any():
            column = columns.first + int(np.argmax(columns.mean < 1))
            raise ValueError(
                f"`{name}` must hold spins, -1 and 1; it holds 0 and 1 alone, "
                "which are bits. Convert them by `2 * x - 1`, or take "
                f"Bernoulli units. Received: {name}[:, {column}] of 0 and 1"
            )

    def intensities(self, x: np.ndarray) -> np.ndarray:
        """(1 + x) / 2: -1 is black, and 1 is white."""
        return (1.0 + x) / 2.0

    def parameters(self) -> dict[str, Parameter]:
        return {"bias": Parameter((self.size,))}

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """log(2 cosh z) = |z| + log(1 + exp(-2 |z|)) for each unit."""
        size = ops.abs(inputs + params["bias"])
        return size + ops.log(1.0 + ops.exp(-2.0 * size))

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """The tanh of bias + inputs."""
        return ops.tanh(inputs + params["bias"])

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """1 with probability sigmoid(2 z), else -1."""
        p = ops.sigmoid(2.0 * (inputs + params["bias"]))
        return 2.0 * random.bernoulli(stream, p) - 1.0

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """Artanh of the mean, log((1 + mean) / (1 - mean)) / 2.

        The mean is clipped to [-0.998, 0.998], so that a unit that is always
        up in the data starts with a finite bias, 3.5.
        """
        mean = ops.clip(ops.cast(mean, "float64"), -0.998, 0.998)
        return {"bias": 0.5 * (ops.log1p(mean) - ops.log1p(-mean))}
