"""Parallel tempering as a sampler."""

import dataclasses
import numbers
from typing import NamedTuple

import keras
from keras import ops

from keras_rbm import checks, tempering
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.samplers.base import Clamp, Info, Kept, Sampler
from keras_rbm.typing import Params, Tensor

# Weight of the past in the running rates of exchange.
_MOMENTUM = 0.99


class TemperedState(NamedTuple):
    """Where the replicas of tempered chains are.

    Attributes:
        v: Tensor of shape `(num_betas * chains, visible.width)`, ordered by
            beta: the samples of the machine come first.
        base_params: Pair of the parameters of the base, those of its visible
            and of its hidden units.
        betas: Tensor of shape `(num_betas,)`, from 1 to 0.
        swap_rates: Running rates at which neighbours change places, of shape
            `(num_betas - 1,)`.
        parity: Which pairs may change places next, even (0) or odd (1) ones.
    """

    v: Tensor
    base_params: tuple[Params, Params]
    betas: Tensor
    swap_rates: Tensor
    parity: Tensor


@keras.saving.register_keras_serializable("keras_rbm")
@dataclasses.dataclass(frozen=True)
class Tempered(Sampler):
    """Parallel tempering, for machines in which Gibbs sampling does not mix.

    Each chain has replicas at betas from 1, the machine, to 0, units that have
    the mean of the data and no coupling. Neighbours change places with the
    probability that leaves all their laws unchanged. A step costs about
    `num_betas` times one of Gibbs sampling.

    Clamped entries are the same in all replicas of a chain. Exchanged are then
    draws of p_beta(v_free | v_clamped), whose normalizers cancel.

    Args:
        num_betas: Number of replicas of each chain, at least 2. More of them
            change places more often.
        adaptation: How far the betas between 0 and 1 move to even out the
            rates of exchange, after each update of a model that keeps the
            chains (`PersistentChain`); 0 to keep them evenly spaced. Betas
            never move while samples are drawn.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Desjardins, Courville, Bengio, Vincent and Delalleau (2010),
        "Tempered Markov chain Monte Carlo for training of restricted
        Boltzmann machines", section 3; Cho, Raiko and Ilin (2010), "Parallel
        tempering is efficient for learning restricted Boltzmann machines".
    """

    num_betas: int = 10
    adaptation: float = 0.01

    def __post_init__(self):
        if checks.positive_integer("num_betas", self.num_betas) < 2:
            raise ValueError(
                "`num_betas` must be at least 2, for beta = 1 and beta = 0. "
                f"Received: num_betas={self.num_betas}"
            )
        if (
            isinstance(self.adaptation, bool)
            or not isinstance(self.adaptation, numbers.Real)
            or not 0 <= self.adaptation < 1
        ):
            raise ValueError(
                "`adaptation` must be a number from 0 to 1. Received: "
                f"adaptation={self.adaptation!r}"
            )

    @property
    def rows(self) -> int:
        return self.num_betas

    def init(
        self,
        machine: Machine,
        v: Tensor,
        base: Machine | None = None,
    ) -> TemperedState:
        """All replicas of a chain start at its row of `v`."""
        if base is None:
            nothing = ops.zeros(
                (1, machine.visible.width), machine_lib.dtype(machine)
            )
            mean = machine.visible.mean(nothing, machine.visible_params)[0]
            base = machine_lib.decouple(machine, mean, ops.ones_like(mean))
        return TemperedState(
            ops.tile(v, (self.num_betas, 1)),
            (base.visible_params, base.hidden_params),
            ops.linspace(1.0, 0.0, self.num_betas, dtype="float32"),
            ops.full((self.num_betas - 1,), 0.5, "float32"),
            ops.zeros((), "int32"),
        )

    def base(self, machine: Machine, state: TemperedState) -> Machine:
        """The machine without coupling, at beta = 0."""
        visible_params, hidden_params = state.base_params
        return machine._replace(
            visible_params=visible_params, hidden_params=hidden_params, beta=0.0
        )

    def step(
        self,
        machine: Machine,
        state: TemperedState,
        stream: Stream,
        clamp: Clamp | None = None,
    ) -> tuple[TemperedState, Info]:
        v, h, swaps = tempering.sweep(
            self.base(machine, state),
            machine,
            state.betas,
            state.v,
            state.parity,
            stream,
        )
        v = ops.cast(v, state.v.dtype)
        if clamp is not None:
            v = clamp.hold(v)
        pair = ops.arange(self.num_betas - 1, dtype="int32")
        turn = ops.equal((pair + state.parity) % 2, 0)
        rates = state.swap_rates
        change = (1 - _MOMENTUM) * (ops.cast(swaps, rates.dtype) - rates)
        new = state._replace(
            v=v,
            swap_rates=ops.where(turn, rates + change, rates),
            parity=1 - state.parity,
        )
        return new, Info(h[: self._chains(h)], swaps)

    def samples(self, state: TemperedState) -> Tensor:
        return state.v[: self._chains(state.v)]

    def kept(
        self, num_chains: int, visible_width: int, hidden_width: int
    ) -> dict[str, Kept]:
        shape = (self.num_betas, num_chains, visible_width)
        return {
            "particles": Kept(shape, chains_axis=1),
            "mean": Kept((visible_width,)),
            "variance": Kept((visible_width,)),
            "betas": Kept((self.num_betas,)),
            "swap_rates": Kept((self.num_betas - 1,), averaged=True),
            "parity": Kept((), dtype="int32"),
        }

    def pack(self, state: TemperedState) -> dict[str, Tensor]:
        v = state.v
        shape = (self.num_betas, self._chains(v), v.shape[-1])
        return {
            "particles": ops.reshape(v, shape),
            "betas": state.betas,
            "swap_rates": state.swap_rates,
            "parity": state.parity,
        }

    def unpack(
        self, machine: Machine, kept: dict[str, Tensor]
    ) -> TemperedState:
        # The base goes with the parameters that the machine has now.
        base = machine_lib.decouple(machine, kept["mean"], kept["variance"])
        v = ops.cast(kept["particles"], machine_lib.dtype(machine))
        return TemperedState(
            ops.reshape(v, (-1, v.shape[-1])),
            (base.visible_params, base.hidden_params),
            kept["betas"],
            kept["swap_rates"],
            kept["parity"],
        )

    def particles(
        self, machine: Machine, kept: dict[str, Tensor], stream: Stream
    ) -> Tensor:
        return kept["particles"][0]

    def adapt(self, kept: dict[str, Tensor]) -> dict[str, Tensor]:
        """Moves the betas towards even rates of exchange."""
        if not self.adaptation:
            return kept
        betas = tempering.even_out(
            kept["betas"], kept["swap_rates"], self.adaptation
        )
        return kept | {"betas": betas}

    def _chains(self, rows):
        return rows.shape[0] // self.num_betas
