"""Parallel tempering from a machine of low rank."""

from typing import Any, NamedTuple, Self

import keras
import numpy as np
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import random, tempering
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.samplers.base import Clamp, Info, Kept
from keras_rbm.samplers.ladder import LadderSampler, adapted
from keras_rbm.samplers.tempered import check_ladder, tuned
from keras_rbm.typing import Config, Tensor
from keras_rbm.units import Bernoulli, Spin

# The largest number of hidden units whose joint states are enumerated.
MAX_UNITS = 10


class LowRankState(NamedTuple):
    """States of the replicas between two machines.

    Attributes:
        v: Tensor of shape `(num_betas * chains, visible.width)`, ordered by
            beta. The samples of the machine come first.
        betas: See `TemperedState`.
        swap_rates: See `TemperedState`.
        parity: See `TemperedState`.
        directions: See `TemperedState`.
        round_trips: See `TemperedState`.
        trip_rate: See `TemperedState`.

    Example:
        found = low_rank.start(keras_rbm.RBM(16, 8, seed=0), x, rank=1)
        sampler = keras_rbm.LowRankTempering(found.machine)
        print(sampler.init(rbm.machine(), x).betas)  # From 1 to 0.
    """

    v: Tensor
    betas: Tensor
    swap_rates: Tensor
    parity: Tensor
    directions: Tensor
    round_trips: Tensor
    trip_rate: Tensor


@keras.saving.register_keras_serializable("keras_rbm")
class LowRankTempering(LadderSampler):
    """Parallel tempering between the machine and a base of low rank.

    Each chain has replicas at betas from 1 to 0, with the laws

        p_beta(v, h) ~ p_base(v, h)^(1 - beta) p(v, h)^beta

    Neighbours swap states as in `Tempered`. In the base, only a few hidden
    units are coupled. `low_rank.start` fits such a base to the modes of
    clustered data. Each step draws the replicas of the base independently, by
    enumeration of the joint states of the coupled units. `Tempered` connects
    two modes through independent units, where neither mode exists. This ladder
    connects them through a base that has both modes. A step costs as much as
    a step of `Tempered` with the same number of betas.

    Clamped entries are the same in all replicas of a chain. With clamped
    entries, Gibbs sampling moves the replicas of the base. `.keras` files
    include the base.

    Args:
        base: A `Machine` in which at most 10 hidden units have nonzero
            weights, such as the `machine` of a `LowRankStart`.
        num_betas: Number of replicas of each chain, at least 2.
        adaptation: See `Tempered`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Béreux, Decelle, Furtlehner, Rosset and Seoane (2025), "Fast
        training and sampling of restricted Boltzmann machines". Their replicas
        are at earlier machines of a training run that starts from such a base.

    Example:
        found = low_rank.start(keras_rbm.RBM(16, 8, seed=0), x, rank=1)
        sampler = keras_rbm.LowRankTempering(found.machine)
        rbm = keras_rbm.RBM(
            16, 8, keras_rbm.PersistentChain(100, sampler=sampler), seed=0
        )
        low_rank.start(rbm, x, rank=1)
        rbm.compile()
        rbm.fit(x)
    """

    def __init__(
        self, base: Machine, num_betas: int = 10, adaptation: float = 0.01
    ):
        check_ladder(num_betas, adaptation)
        if not isinstance(base, Machine):
            raise ValueError(
                "`base` must be a machine, such as the `machine` of "
                f"`low_rank.start`. Received: base={base!r}"
            )
        base = machine_lib.absorb_beta(base)
        units = np.flatnonzero(ops.convert_to_numpy(base.kernel).any(axis=0))
        binary = isinstance(base.hidden, Bernoulli | Spin)
        if not binary or len(units) > MAX_UNITS:
            raise ValueError(
                f"`base` must have at most {MAX_UNITS} hidden units with "
                "weights other than 0, of type Bernoulli or Spin, as the "
                "`machine` of `low_rank.start` has. Received: base with "
                f"hidden={base.hidden} and {len(units)} such units"
            )
        self.num_betas, self.adaptation = num_betas, adaptation
        self._begin(base, *_patterns(base, units))

    def _begin(self, base, units, patterns, cumulative):
        # `units` are the coupled units, one-hot rows of shape `(units,
        # hidden.width)`. `patterns` are their joint states, of shape
        # `(2**units, units)`. `cumulative` are the cumulative probabilities of
        # the joint states, without the last one, which is 1.
        self.base, self._units = base, units
        self._patterns, self._cumulative = patterns, cumulative

    # The tensors of the base are arguments of compiled functions. A function of
    # the sampler is compiled once for all bases of the same shapes and units.
    def __tf_flatten__(self) -> tuple[Any, Any]:
        components = self.base, self._units, self._patterns, self._cumulative
        return (self.num_betas, self.adaptation), components

    @classmethod
    def __tf_unflatten__(cls, metadata: Any, components: Any) -> Self:
        sampler = object.__new__(cls)
        sampler.num_betas, sampler.adaptation = metadata
        sampler._begin(*components)
        return sampler

    @property
    def rows(self) -> int:
        return self.num_betas

    def init(
        self,
        machine: Machine,
        v: Tensor,
        base: Machine | None = None,
    ) -> LowRankState:
        """Starts all replicas of a chain at its row of `v`."""
        known = self.base
        if (machine.visible, machine.hidden) != (known.visible, known.hidden):
            raise ValueError(
                "`base` of the sampler must have the units of the machine to "
                f"sample from. Received: a base of {known.visible} and "
                f"{known.hidden}, a machine of {machine.visible} and "
                f"{machine.hidden}"
            )
        return LowRankState(
            betas=ops.linspace(1.0, 0.0, self.num_betas, dtype="float32"),
            **self.fresh(v),
        )

    def tune(
        self, machine: Machine, state: LowRankState, stream: Stream
    ) -> LowRankState:
        """Tunes the betas in a short run, to make the swap rates more even."""
        if self.num_betas == 2 or not self.adaptation:
            return state
        start = machine_lib.cast(self.base, machine_lib.dtype(machine))
        betas, rates = tuned(self, machine, start, stream._replace(first_row=0))
        return state._replace(betas=betas, swap_rates=rates)

    def step(
        self,
        machine: Machine,
        state: LowRankState,
        stream: Stream,
        clamp: Clamp | None = None,
    ) -> tuple[LowRankState, Info]:
        base = machine_lib.cast(self.base, machine_lib.dtype(machine))
        v = ops.cast(state.v, base.kernel.dtype)
        chains = self.chains_of(v)
        units = ops.cast(self._units, v.dtype)
        kernel = ops.matmul(base.kernel, ops.transpose(units))
        # The hidden inputs from the kernels of both ends of the ladder.
        inputs = machine_lib.hidden_inputs(machine, v)
        base_inputs = ops.matmul(ops.matmul(v, kernel), units)

        def annealed(betas):
            """The betas as rows, the machines there, and the hidden inputs."""
            beta = ops.repeat(ops.cast(betas, v.dtype), chains)[:, None]
            mixed = beta * inputs + (1 - beta) * base_inputs
            return beta, machine_lib.anneal(base, machine, beta), mixed

        def free_energy(betas):
            _, replicas, mixed = annealed(betas)
            return machine_lib.free_energy(replicas, v, mixed)

        partner = tempering.partners(self.num_betas, state.parity)
        change = free_energy(state.betas) - free_energy(
            ops.take(state.betas, partner)
        )
        accepted, swaps = tempering.accept(
            ops.reshape(change, (self.num_betas, chains)),
            partner,
            random.fold_in(stream, Use.EXCHANGE),
        )
        inputs, base_inputs = (
            tempering.exchanged(x, accepted, partner)
            for x in (inputs, base_inputs)
        )
        beta, replicas, mixed = annealed(state.betas)
        here = tempering.replica_rows(stream, self.num_betas, chains)
        h = machine.hidden.sample(
            mixed, replicas.hidden_params, random.fold_in(here, Use.HIDDEN)
        )
        if clamp is None:
            h = self._independent(h, chains, stream)
        base_part = ops.matmul(
            ops.matmul(h, ops.transpose(units)), ops.transpose(kernel)
        )
        v = machine.visible.sample(
            beta * machine_lib.visible_inputs(machine, h)
            + (1 - beta) * base_part,
            replicas.visible_params,
            random.fold_in(here, Use.VISIBLE),
        )
        v = ops.cast(v, state.v.dtype)
        if clamp is not None:
            v = clamp.hold(v)
        source = tempering.sources(accepted, partner)
        return self.moved(state, v, swaps, source), Info(h[:chains], swaps)

    def _independent(self, h, chains, stream):
        """Redraws the coupled units of the base's replicas independently."""
        u = random.uniform(random.fold_in(stream, Use.PATTERN), (chains, 1))
        drawn = ops.sum(ops.cast(u > self._cumulative, "int32"), axis=1)
        own = ops.take(self._patterns, drawn, axis=0)
        units = ops.cast(self._units, h.dtype)
        coupled = ops.sum(units, axis=0) > 0
        last = ops.where(
            coupled, ops.matmul(ops.cast(own, h.dtype), units), h[-chains:]
        )
        return ops.concatenate([h[:-chains], last])

    def kept(
        self, num_chains: int, visible_width: int, hidden_width: int
    ) -> dict[str, Kept]:
        ladder = super().kept(num_chains, visible_width, hidden_width)
        return {**ladder, "betas": Kept((self.num_betas,))}

    def pack(self, state: LowRankState) -> dict[str, Tensor]:
        return {**super().pack(state), "betas": state.betas}

    def unpack(self, machine: Machine, kept: dict[str, Tensor]) -> LowRankState:
        fields = self.unpacked(machine, kept)
        return LowRankState(betas=kept["betas"], **fields)

    def adapt(self, kept: dict[str, Tensor]) -> dict[str, Tensor]:
        """Moves the betas to make the swap rates more even."""
        return adapted(kept, self.adaptation)

    def get_config(self) -> Config:
        return {
            "base": machine_lib.get_config(self.base),
            "num_betas": self.num_betas,
            "adaptation": self.adaptation,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config | {"base": machine_lib.from_config(config["base"])})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (
            self is other
            or (
                (self.num_betas, self.adaptation)
                == (other.num_betas, other.adaptation)
                and machine_lib.are_equal([self.base], [other.base])
            )
        )

    def __hash__(self) -> int:
        base = self.base
        return hash((base.visible, base.hidden, self.num_betas))

    def __repr__(self) -> str:
        return f"LowRankTempering(num_betas={self.num_betas})"


def _patterns(base, units):
    """The coupled units, their joint states, and the law of the joint states.

    Args:
        base: A `Machine`.
        units: Integer array, the indices of its coupled hidden units.

    Returns:
        Tuple of tensors: one-hot rows of shape `(units, hidden.width)`, states
        of shape `(2**units, units)`, and cumulative probabilities of shape
        `(2**units - 1,)`.
    """
    base = machine_lib.cast(base, "float64")
    width = base.hidden.width
    one_hot = np.eye(width)[units]
    low, high = base.hidden.states
    bits = (np.arange(2 ** len(units))[:, None] >> np.arange(len(units))) & 1
    states = low + (high - low) * bits
    # The values of the other units do not matter: all their weights are 0.
    h = np.full((len(states), width), low)
    h[:, units] = states
    log_p = -ops.convert_to_numpy(
        machine_lib.free_energy(machine_lib.flip(base), ops.array(h))
    )
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    return tuple(
        ops.convert_to_tensor(x, "float32")
        for x in (one_hot, states, np.cumsum(p)[:-1])
    )
