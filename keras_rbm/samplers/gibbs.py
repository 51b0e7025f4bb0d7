"""Block Gibbs sampling as a sampler."""

import dataclasses
from typing import NamedTuple

import keras
from keras import ops

from keras_rbm import gibbs
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.samplers.base import Clamp, Info, Kept, Sampler
from keras_rbm.typing import Tensor


class GibbsState(NamedTuple):
    """State of the chains of block Gibbs sampling.

    Attributes:
        v: Tensor of shape `(chains, visible.width)`.

    Example:
        state = keras_rbm.Gibbs().init(rbm.machine(), x)
        print(state.v.shape)  # (30, 16)
    """

    v: Tensor


class HiddenState(NamedTuple):
    """State of chains of which only the hidden states were kept.

    Attributes:
        h: Tensor of shape `(chains, hidden.width)`. The next step draws v from
            p(v | h).

    Example:
        state = samplers.HiddenState(rbm.predict_hidden(x))
        gibbs, stream = keras_rbm.Gibbs(), keras_rbm.random.stream(0)
        state, info = gibbs.step(rbm.machine(), state, stream)
    """

    h: Tensor


@keras.saving.register_keras_serializable("keras_rbm")
@dataclasses.dataclass(frozen=True)
class Gibbs(Sampler):
    """Block Gibbs sampling: draws h from p(h | v) and then v from p(v | h).

    Persistent chains keep hidden states. They are drawn from hidden inputs that
    the gradient needs in any case, which saves each update a matrix product.

    Reference: Fischer and Igel (2014), "Training restricted Boltzmann
        machines: an introduction", section 4.3.

    Example:
        samples = rbm.sample(10, num_sweeps=100, sampler=keras_rbm.Gibbs())
    """

    def init(
        self,
        machine: Machine,
        v: Tensor,
        base: Machine | None = None,
    ) -> GibbsState:
        return GibbsState(v)

    def step(
        self,
        machine: Machine,
        state: GibbsState | HiddenState,
        stream: Stream,
        clamp: Clamp | None = None,
    ) -> tuple[GibbsState, Info]:
        if isinstance(state, HiddenState):
            h = state.h
            v = gibbs.sample_visible(machine, h, stream)
        else:
            h = gibbs.sample_hidden(machine, state.v, stream)
            v = gibbs.sample_visible(machine, h, stream)
            v = ops.cast(v, state.v.dtype)
        if clamp is not None:
            v = clamp.hold(v)
        return GibbsState(v), Info(h)

    def samples(self, state: GibbsState) -> Tensor:
        return state.v

    def kept(
        self, num_chains: int, visible_width: int, hidden_width: int
    ) -> dict[str, Kept]:
        return {"particles": Kept((num_chains, hidden_width), chains_axis=0)}

    def pack(self, state: GibbsState) -> dict[str, Tensor]:
        return {}  # `refresh` returns the hidden states.

    def unpack(self, machine: Machine, kept: dict[str, Tensor]) -> HiddenState:
        h = ops.cast(kept["particles"], machine_lib.dtype(machine))
        return HiddenState(h)

    def particles(
        self, machine: Machine, kept: dict[str, Tensor], stream: Stream
    ) -> Tensor:
        return gibbs.sample_visible(machine, kept["particles"], stream)

    def refresh(
        self, machine: Machine, inputs: Tensor, stream: Stream
    ) -> dict[str, Tensor]:
        h = machine.hidden.sample(inputs, machine.hidden_params, stream)
        return {"particles": h}
