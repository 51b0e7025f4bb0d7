"""No negative phase."""

import keras

from keras_rbm.chains.base import Chain
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Tensor


@keras.saving.register_keras_serializable("keras_rbm")
class NoChain(Chain):
    """No samples at all, for an objective that needs none.

    Such is that of a `ClassRBM` that learns p(y | x) alone.
    """

    def num_samples(self, examples: float) -> float:
        return 0

    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """Returns samples, of which there are none: `(0, visible.width)`."""
        return v_data[:0]

    samples = advance
