"""Persistent contrastive divergence: chains that never start again."""

import keras

from keras_rbm import checks, gibbs, random
from keras_rbm.chains.base import Chain

# Streams beside those of the sweeps, which are counted from 0.
_START, _PERSIST = 2**32, 2**32 + 1


@keras.saving.register_keras_serializable("keras_rbm")
class PersistentChain(Chain):
    """PCD-k: each update moves the same fantasy particles on by k sweeps.

    The particles (the chains of stochastic maximum likelihood) follow the
    model while its parameters change slowly. What is kept, and saved with the
    model, are their hidden states: drawn from inputs that the gradient needs
    anyway, they spare each update a matrix product.

    Args:
        num_chains: Number of fantasy particles; it need not be the batch
            size.
        num_sweeps: k, a positive integer.

    Raises:
        ValueError: If either is not a positive integer.

    Reference: Tieleman (2008), "Training restricted Boltzmann machines using
        approximations to the likelihood gradient", section 3.
    """

    def __init__(self, num_chains=100, num_sweeps=1, **kwargs):
        super().__init__(num_sweeps=num_sweeps, **kwargs)
        self.num_chains = checks.positive_integer("num_chains", num_chains)

    def build(self, visible_shape, hidden_shape):
        super().build(visible_shape, hidden_shape)
        self.particles = self.add_weight(
            name="particles",
            shape=(self.num_chains, hidden_shape[-1]),
            initializer="zeros",
            trainable=False,
            autocast=False,
        )

    def start(self, machine, stream, mean=None):
        """Draws the particles from visible units that have no inputs."""
        v = gibbs.sample_without_inputs(
            machine, self.num_chains, random.fold_in(stream, _START)
        )
        self.particles.assign(gibbs.sample_hidden(machine, v, stream))

    def advance(self, machine, v_data, stream):
        return gibbs.run_from_hidden(
            machine, self.particles.value, stream, self.num_sweeps.value
        )

    def persist(self, machine, inputs, stream):
        self.particles.assign(
            machine.hidden.sample(
                inputs, machine.hidden_params, random.fold_in(stream, _PERSIST)
            )
        )

    def samples(self, machine, v_data, stream):
        return gibbs.sample_visible(machine, self.particles.value, stream)

    def get_config(self):
        return {**super().get_config(), "num_chains": self.num_chains}
