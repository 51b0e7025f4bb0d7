"""Persistent contrastive divergence: chains that never start again."""

import keras
from keras import ops

from keras_rbm import checks, gibbs, random, replicas
from keras_rbm.chains.base import Chain
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Config, Shape, Tensor

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

    def __init__(self, num_chains: int = 100, num_sweeps: int = 1, **kwargs):
        super().__init__(num_sweeps=num_sweeps, **kwargs)
        self.num_chains = checks.positive_integer("num_chains", num_chains)

    def build(self, visible_shape: Shape, hidden_shape: Shape) -> None:
        super().build(visible_shape, hidden_shape)
        checks.in_memory("num_chains", (self.num_chains, hidden_shape[-1]))
        self.particles = self.add_weight(
            name="particles",
            shape=(self.num_chains, hidden_shape[-1]),
            initializer="zeros",
            trainable=False,
            autocast=False,
        )

    def start(
        self,
        machine: Machine,
        stream: Stream,
        mean: Tensor | None = None,
        variance: Tensor | None = None,
    ) -> None:
        """Draws the particles from visible units that have no inputs."""
        v = gibbs.sample_without_inputs(
            machine, self.num_chains, random.fold_in(stream, _START)
        )
        self.particles.assign(gibbs.sample_hidden(machine, v, stream))

    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        h = replicas.own_rows(self.particles.value)
        return gibbs.run_from_hidden(
            machine, h, self._own(stream), self.num_sweeps.value
        )

    def num_samples(self, examples: float) -> float:
        return self.num_chains

    def persist(self, machine: Machine, inputs: Tensor, stream: Stream) -> None:
        here = random.fold_in(self._own(stream), _PERSIST)
        h = machine.hidden.sample(inputs, machine.hidden_params, here)
        h = ops.cast(h, self.particles.dtype)
        self.particles.assign(replicas.all_rows(h, self.num_chains))

    def samples(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        h = replicas.own_rows(self.particles.value)
        return gibbs.sample_visible(machine, h, self._own(stream))

    def get_config(self) -> Config:
        return {**super().get_config(), "num_chains": self.num_chains}

    def _own(self, stream):
        """The stream of this replica's particles."""
        return stream._replace(first_row=replicas.first_row(self.num_chains))
