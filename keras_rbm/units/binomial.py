"""Units that count how many binary copies with the same weights are on."""

from typing import Any

import keras
import numpy as np
from keras import ops
from scipy import special

from keras_rbm import checks, random
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Config, Params, Tensor
from keras_rbm.units.base import Parameter, Units
from keras_rbm.units.bernoulli import Bernoulli


@keras.saving.register_keras_serializable("keras_rbm")
class Binomial(Units):
    """Binomial units: energy(x) = -log C(n, x) - <bias, x>.

    With x in {0, 1, ..., n} and z = bias + inputs, x_i given its inputs is
    binomial, with n trials of probability sigmoid(z_i). It is the sum of n
    `Bernoulli` units that share their weights and their bias. Data may also
    lie between the integers, as means do.

    Args:
        size: Number of units.
        trials: n, the number of copies.

    Raises:
        ValueError: If an argument is not a positive integer.

    Reference: Teh and Hinton (2001), "Rate-coded restricted Boltzmann
        machines for face recognition", section 2.

    Example:
        rbm = keras_rbm.RBM(keras_rbm.Binomial(16, 2), 8)  # Counts from 0 to 2.
    """

    def __init__(self, size: int, trials: int):
        super().__init__(size)
        self.trials = checks.positive_integer("trials", trials)
        self._copy = Bernoulli(size)

    @property
    def support(self) -> tuple[Any, Any]:
        """0 and the number of trials."""
        return 0.0, float(self.trials)

    @property
    def states(self) -> tuple[float, ...]:
        """0, 1, ..., trials."""
        return tuple(float(x) for x in range(self.trials + 1))

    def parameters(self) -> dict[str, Parameter]:
        return self._copy.parameters()

    def base_energy(self, x: Array) -> Tensor:
        """-sum_i log C(n, x_i), interpolated linearly between integers.

        With this interpolation, a unit of one trial equals a `Bernoulli` unit,
        whose energy is linear in x between 0 and 1.
        """
        n, k = self.trials, np.arange(self.trials + 1)
        logs = special.gammaln([n + 1]) - (
            special.gammaln(k + 1) + special.gammaln(n - k + 1)
        )
        logs = ops.cast(logs, x.dtype)
        low = ops.clip(ops.floor(x), 0, n - 1)
        index = ops.cast(low, "int32")
        below, above = (ops.take(logs, index + i, axis=0) for i in (0, 1))
        return -ops.sum(below + (x - low) * (above - below), axis=-1)

    def log_partition(self, inputs: Array, params: Params) -> Tensor:
        """The sum over units of n log(1 + exp(bias_i + inputs_i)), in nats."""
        return self.trials * self._copy.log_partition(inputs, params)

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """The terms n log(1 + exp(bias_i + inputs_i)), in nats."""
        return self.trials * self._copy.log_partitions(inputs, params)

    def log_partition_change(
        self,
        inputs: Array,
        params: Params,
        new_inputs: Array,
        new_params: Params,
    ) -> Tensor:
        return self.trials * self._copy.log_partition_change(
            inputs, params, new_inputs, new_params
        )

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """The product n sigmoid(bias + inputs)."""
        return self.trials * self._copy.mean(inputs, params)

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """The sum of n binary draws for each unit, each from its own stream.

        Inverting the cumulative distribution would need only one draw, but
        with many trials some probabilities are too small for float32. The
        draws are made in a loop, so that memory does not grow with n.
        """
        p = ops.cast(self._copy.mean(inputs, params), "float32")

        def add(trial, total):
            return total + random.bernoulli(random.fold_in(stream, trial), p)

        first = random.bernoulli(stream, p)
        return ops.cast(ops.fori_loop(1, self.trials, add, first), inputs.dtype)

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """The log-odds of mean / n, as for `Bernoulli` units."""
        return self._copy.fit_parameters(
            ops.cast(mean, "float64") / self.trials
        )

    def get_config(self) -> Config:
        return {**super().get_config(), "trials": self.trials}
