"""Units that are on or off."""

import keras
from keras import ops

from keras_rbm import random
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units.base import Parameter, Units


@keras.saving.register_keras_serializable("keras_rbm")
class Bernoulli(Units):
    """Binary units: energy(x) = -<bias, x>, with x in {0, 1}.

    p(x_i = 1 | inputs) = sigmoid(bias_i + inputs_i). Data may also be
    probabilities between 0 and 1, which are then used as means of x.

    Args:
        size: Number of units.

    Reference: Fischer and Igel (2014), "Training restricted Boltzmann
        machines: an introduction", equations 20 and 21.

    Example:
        rbm = keras_rbm.RBM(keras_rbm.Bernoulli(16), 8)  # As RBM(16, 8).
    """

    support = (0.0, 1.0)
    states = (0.0, 1.0)
    activation = "sigmoid"

    def parameters(self) -> dict[str, Parameter]:
        return {"bias": Parameter((self.size,))}

    def log_partition(self, inputs: Array, params: Params) -> Tensor:
        """sum_i log(1 + exp(bias_i + inputs_i)), in nats."""
        return ops.sum(softplus(inputs + params["bias"]), axis=-1)

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """log(1 + exp(bias_i + inputs_i)) for each unit i, in nats."""
        return softplus(inputs + params["bias"])

    def log_partition_change(
        self,
        inputs: Array,
        params: Params,
        new_inputs: Array,
        new_params: Params,
    ) -> Tensor:
        """sum_i log((1 + exp(new_i)) / (1 + exp(old_i))), in nats.

        Here old and new are bias + inputs. One logarithm of the ratio is
        computed instead of two logarithms.
        """
        old, new = inputs + params["bias"], new_inputs + new_params["bias"]
        old_size, new_size = ops.abs(old), ops.abs(new)
        ratio = (1.0 + ops.exp(-new_size)) / (1.0 + ops.exp(-old_size))
        linear = 0.5 * ((new - old) + (new_size - old_size))
        return ops.sum(linear + ops.log(ratio), axis=-1)

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """sigmoid(bias + inputs)."""
        return ops.sigmoid(inputs + params["bias"])

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        return random.bernoulli(stream, self.mean(inputs, params))

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """The log-odds of the mean, log(mean / (1 - mean)).

        The mean is clipped to [0.001, 0.999], so that a unit that is always
        off in the data starts with a finite bias, -6.9.

        Reference: Hinton (2010), "A practical guide to training restricted
            Boltzmann machines", section 8.
        """
        mean = ops.clip(ops.cast(mean, "float64"), 1e-3, 1 - 1e-3)
        return {"bias": ops.log(mean) - ops.log1p(-mean)}


def softplus(x):
    """log(1 + exp(x)), with an absolute error of one rounding.

    The formula (x + |x|) / 2 + log(1 + exp(-|x|)) takes a third of the time
    of a log1p under XLA. Its gradient is also correct at 0, where max(x, 0)
    has no gradient.
    """
    size = ops.abs(x)
    return 0.5 * (x + size) + ops.log(1.0 + ops.exp(-size))
