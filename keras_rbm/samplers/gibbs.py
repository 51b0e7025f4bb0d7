"""Block Gibbs sampling."""

import dataclasses

from keras import ops

from keras_rbm import gibbs, random
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.samplers.base import Clamp, Sampler
from keras_rbm.typing import Tensor


@dataclasses.dataclass(frozen=True)
class Gibbs(Sampler):
    """Block Gibbs sampling, h from p(h | v) and then v from p(v | h).

    Reference: Fischer and Igel (2014), "Training restricted Boltzmann
        machines: an introduction", section 4.3.
    """

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
        flipped = machine_lib.flip(machine)

        def one(i, v):
            here = random.fold_in(stream, first + i)
            v = gibbs.sweep(machine, v, here, flipped)
            return v if clamp is None else clamp.hold(v)

        return ops.fori_loop(0, num_sweeps, one, state)

    def run_mean(
        self,
        base: Machine,
        machine: Machine,
        state: Tensor,
        total: Tensor,
        stream: Stream,
        first: int | Tensor,
        num_sweeps: int | Tensor,
        clamp: Clamp | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The same with the h of the sweep itself, at no further product."""
        flipped = machine_lib.flip(machine)

        def one(i, carried):
            v, total = carried
            here = random.fold_in(stream, first + i)
            h = gibbs.sample_hidden(machine, v, here)
            total = total + machine_lib.hidden_mean(flipped, h)
            v = ops.cast(
                gibbs.sample_visible(machine, h, here, flipped), v.dtype
            )
            return v if clamp is None else clamp.hold(v), total

        return ops.fori_loop(0, num_sweeps, one, (state, total))


def check(sampler: Sampler | None) -> Sampler:
    """Returns the sampler, `Gibbs()` for `None`.

    Raises:
        ValueError: If it is none.
    """
    sampler = Gibbs() if sampler is None else sampler
    if not isinstance(sampler, Sampler):
        raise ValueError(
            "`sampler` must be a sampler, Gibbs() or Tempered(), or None. "
            f"Received: sampler={sampler!r}"
        )
    return sampler
