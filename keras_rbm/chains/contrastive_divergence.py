"""Contrastive divergence: chains that start from the data."""

import keras

from keras_rbm import samplers
from keras_rbm.chains.base import Chain
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Tensor


@keras.saving.register_keras_serializable("keras_rbm")
class ContrastiveDivergence(Chain):
    """CD-k: draws samples by k sweeps from each example of the batch.

    CD-k is cheap but biased, because the samples stay near the data.

    Args:
        num_sweeps: k, a positive integer.

    Reference: Hinton (2002), "Training products of experts by minimizing
        contrastive divergence", section 3.

    Example:
        rbm = keras_rbm.RBM(16, 8, chain=keras_rbm.ContrastiveDivergence(1))
    """

    follows_examples = True

    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        sampler = samplers.Gibbs()
        state = sampler.init(machine, v_data)
        state, _ = samplers.run(
            sampler, machine, state, stream, self.num_sweeps.value
        )
        return sampler.samples(state)

    def samples(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        return self.advance(machine, v_data, stream)
