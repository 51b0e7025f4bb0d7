"""Parallel tempering as a sampler."""

import dataclasses
import numbers
from typing import NamedTuple

import keras
from keras import ops

from keras_rbm import checks, gibbs, random, tempering
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.samplers.base import Clamp, Info, Kept, run
from keras_rbm.samplers.ladder import LadderSampler, adapted
from keras_rbm.typing import Params, Tensor

#: Number of sweeps over which the running rate of round trips is averaged.
TRIP_SWEEPS = 100
# The run that tunes the betas before samples are drawn: the numbers of chains,
# of rounds and of sweeps in a round, and the gain after each round.
_TUNING_CHAINS, _ROUNDS, _SWEEPS, _GAIN = 16, 10, 40, 0.5


class TemperedState(NamedTuple):
    """The states of the replicas of tempered chains.

    Attributes:
        v: Tensor of shape `(num_betas * chains, visible.width)`, ordered by
            beta. The samples of the machine come first.
        base_params: Pair of the visible and the hidden parameters of the base.
        betas: Tensor of shape `(num_betas,)`, from 1 to 0.
        swap_rates: Running swap rates of neighbours, of shape `(num_betas -
            1,)`.
        parity: 0 if even pairs may swap next, 1 if odd pairs may.
        directions: `int32` tensor of shape `(num_betas, chains)`, the end of
            the ladder that each replica visited last: 1 for beta = 1, 2 for
            beta = 0, 0 for neither.
        round_trips: Number of times that a replica has returned to beta = 1
            after a visit to beta = 0, of shape `(chains,)`.
        trip_rate: Running mean of round trips, per chain and sweep.

    Example:
        state = keras_rbm.Tempered(5).init(rbm.machine(), x)
        print(state.betas)  # From 1 to 0.
    """

    v: Tensor
    base_params: tuple[Params, Params]
    betas: Tensor
    swap_rates: Tensor
    parity: Tensor
    directions: Tensor
    round_trips: Tensor
    trip_rate: Tensor


@keras.saving.register_keras_serializable("keras_rbm")
@dataclasses.dataclass(frozen=True)
class Tempered(LadderSampler):
    """Parallel tempering, for machines in which Gibbs sampling does not mix.

    Each chain has replicas at betas from 1 to 0. At beta = 1 a replica
    samples the machine. At beta = 0 it samples uncoupled units with the mean
    of the data. Neighbours swap states with a probability that leaves all
    distributions unchanged. A step costs about `num_betas` times as much as a
    Gibbs sweep.

    Clamped entries are the same in all replicas of a chain. The replicas then
    swap draws of p_beta(v_free | v_clamped), whose normalizers cancel.

    Args:
        num_betas: Number of replicas of each chain, at least 2. With more
            replicas, neighbours swap more often.
        adaptation: How far the betas between 0 and 1 move after each update
            of a model with a `PersistentChain`, to make the swap rates more
            even. `sample` tunes the betas in a short run before it draws
            samples, and does not move them afterwards. With 0, the betas stay
            evenly spaced, also in `sample`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Desjardins, Courville, Bengio, Vincent and Delalleau (2010),
        "Tempered Markov chain Monte Carlo for training of restricted
        Boltzmann machines", section 3; Cho, Raiko and Ilin (2010), "Parallel
        tempering is efficient for learning restricted Boltzmann machines".

    Example:
        samples = rbm.sample(10, num_sweeps=100, sampler=keras_rbm.Tempered(5))
    """

    num_betas: int = 10
    adaptation: float = 0.01

    def __post_init__(self):
        check_ladder(self.num_betas, self.adaptation)

    @property
    def rows(self) -> int:
        return self.num_betas

    def init(
        self,
        machine: Machine,
        v: Tensor,
        base: Machine | None = None,
    ) -> TemperedState:
        """Starts all replicas of a chain at its row of `v`."""
        if base is None:
            nothing = ops.zeros(
                (1, machine.visible.width), machine_lib.dtype(machine)
            )
            mean = machine.visible.mean(nothing, machine.visible_params)[0]
            base = machine_lib.decouple(machine, mean, ops.ones_like(mean))
        return TemperedState(
            base_params=(base.visible_params, base.hidden_params),
            betas=ops.linspace(1.0, 0.0, self.num_betas, dtype="float32"),
            **self.fresh(v),
        )

    def tune(
        self, machine: Machine, state: TemperedState, stream: Stream
    ) -> TemperedState:
        """Tunes the betas in a short run, to make the swap rates more even.

        The run has its own chains, so that the betas depend neither on the
        number of chains in `state` nor on their starts.
        """
        if self.num_betas == 2 or not self.adaptation:
            return state
        base = self.base(machine, state)
        betas, rates = tuned(self, machine, base, stream._replace(first_row=0))
        return state._replace(betas=betas, swap_rates=rates)

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
        v, h, swaps, source = tempering.sweep(
            self.base(machine, state),
            machine,
            state.betas,
            ops.cast(state.v, machine_lib.dtype(machine)),
            state.parity,
            stream,
        )
        v = ops.cast(v, state.v.dtype)
        if clamp is not None:
            v = clamp.hold(v)
        new = self.moved(state, v, swaps, source)
        return new, Info(h[: self.chains_of(h)], swaps)

    def kept(
        self, num_chains: int, visible_width: int, hidden_width: int
    ) -> dict[str, Kept]:
        return {
            **super().kept(num_chains, visible_width, hidden_width),
            "mean": Kept((visible_width,)),
            "variance": Kept((visible_width,)),
            "betas": Kept((self.num_betas,)),
        }

    def pack(self, state: TemperedState) -> dict[str, Tensor]:
        return {**super().pack(state), "betas": state.betas}

    def unpack(
        self, machine: Machine, kept: dict[str, Tensor]
    ) -> TemperedState:
        # The base depends on the current parameters of the machine.
        base = machine_lib.decouple(machine, kept["mean"], kept["variance"])
        return TemperedState(
            base_params=(base.visible_params, base.hidden_params),
            betas=kept["betas"],
            **self.unpacked(machine, kept),
        )

    def adapt(self, kept: dict[str, Tensor]) -> dict[str, Tensor]:
        """Moves the betas to make the swap rates more even."""
        return adapted(kept, self.adaptation)


def check_ladder(num_betas: int, adaptation: float) -> None:
    """Raises a `ValueError` unless both arguments are valid for `Tempered`."""
    if checks.positive_integer("num_betas", num_betas) < 2:
        raise ValueError(
            "`num_betas` must be at least 2, for beta = 1 and beta = 0. "
            f"Received: num_betas={num_betas}"
        )
    if (
        isinstance(adaptation, bool)
        or not isinstance(adaptation, numbers.Real)
        or not 0 <= adaptation < 1
    ):
        raise ValueError(
            "`adaptation` must be a number from 0 to 1. Received: "
            f"adaptation={adaptation!r}"
        )


@compiled
def tuned(sampler, machine, base, stream):
    """Tuned betas, and the swap rates of the last round."""
    stream = random.fold_in(stream, Use.TUNE)
    v = gibbs.sample_without_inputs(
        base, _TUNING_CHAINS, random.fold_in(stream, Use.START)
    )
    state = sampler.init(machine, v, base)
    pairs = sampler.num_betas - 1

    def observe(i, before, info, after, total):
        return total + ops.cast(info.swaps, "float32")

    def one_round(i, carried):
        state, _ = carried
        state, total = run(
            sampler,
            machine,
            state,
            stream,
            _SWEEPS,
            i * _SWEEPS,
            observe=observe,
            seen=ops.zeros((pairs,), "float32"),
        )
        # Each pair may swap in every other sweep.
        rates = total / (_SWEEPS / 2)
        betas = tempering.even_out(state.betas, rates, _GAIN)
        return state._replace(betas=betas), rates

    state, rates = ops.fori_loop(
        0, _ROUNDS, one_round, (state, ops.zeros((pairs,), "float32"))
    )
    return state.betas, rates
