"""A chain for objectives without a negative phase."""

import keras

from keras_rbm.chains.base import Chain
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Tensor


@keras.saving.register_keras_serializable("keras_rbm")
class NoChain(Chain):
    """A chain without samples, for objectives that do not need samples.

    A `ClassRBM` that learns only p(y | x) has such an objective.

    Example:
        model = keras_rbm.ClassRBM(16, 2, 8, generative_weight=0)
        assert isinstance(model.chain, keras_rbm.chains.NoChain)
    """

    depends_on_batch = False

    def num_samples(self, examples: float) -> float:
        return 0

    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """Returns an empty array of samples, `(0, visible.width)`."""
        return v_data[:0]

    samples = advance
