"""Parallel tempering."""

import dataclasses

from keras import ops

from keras_rbm import checks, random, tempering
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.samplers.base import Clamp, Sampler
from keras_rbm.typing import Tensor

# Rows that the addresses of all betas have in common: far more than there are.
_ROWS = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Tempered(Sampler):
    """Parallel tempering, for machines in which Gibbs sampling does not mix.

    Each chain has replicas at betas that are evenly spaced from 1, the
    machine, to 0, units that have the mean of the data and no coupling.
    Neighbours change places with the probability that leaves all their laws
    unchanged. A sweep costs about `num_betas` times one of Gibbs sampling.

    Held entries are the same in all replicas of a chain. What is exchanged
    then are draws of p_beta(v_free | v_held), whose normalizers, of which
    each stands above and below, cancel.

    Args:
        num_betas: Number of replicas of each chain, at least 2. More of them
            change places more often.

    Raises:
        ValueError: If `num_betas` is not such a number.

    Reference: Desjardins, Courville, Bengio, Vincent and Delalleau (2010),
        "Tempered Markov chain Monte Carlo for training of restricted
        Boltzmann machines", section 3.
    """

    num_betas: int = 10

    def __post_init__(self):
        if checks.positive_integer("num_betas", self.num_betas) < 2:
            raise ValueError(
                "`num_betas` must be at least 2, for beta = 1 and beta = 0. "
                f"Received: num_betas={self.num_betas}"
            )

    @property
    def rows(self) -> int:
        return self.num_betas

    def run(
        self,
        base: Machine,
        machine: Machine,
        state: Tensor,
        stream: Stream,
        first: int | Tensor,
        num_sweeps: int | Tensor,
        clamp: Clamp | None = None,
    ) -> Tensor:
        betas = ops.linspace(1.0, 0.0, self.num_betas, dtype="float32")

        def one(i, v):
            sweep = first + i
            v, _ = tempering.sweep(
                base,
                machine,
                betas,
                v,
                sweep,
                random.fold_in(stream, sweep),
                # The draws of a chain do not depend on how many there are.
                num_chains=_ROWS // self.num_betas,
            )
            v = ops.cast(v, state.dtype)
            return v if clamp is None else clamp.hold(v)

        return ops.fori_loop(0, num_sweeps, one, state)
