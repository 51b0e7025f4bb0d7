"""Stacked tempering: swaps with machines on top of a machine."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import keras
from keras import ops

from keras_rbm import gibbs, random
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.samplers.base import Clamp, Info, Kept, Sampler
from keras_rbm.typing import Config, Tensor

# Weight of the past in the running swap rates.
_MOMENTUM = 0.99


class StackedState(NamedTuple):
    """States of the chains of a stack of machines.

    Attributes:
        v: Tensor of shape `(chains, visible.width)`, visible states of the
            lowest machine.
        upper: Tuple of the visible states of the machines above.
        swap_rates: Running swap rates of neighbouring machines, of shape
            `(machines - 1,)`.

    Example:
        upper = keras_rbm.RBM(8, 4, seed=0)
        sampler = keras_rbm.StackedTempering([upper.machine()])
        state = sampler.init(rbm.machine(), x)
        print(state.v.shape, state.upper[0].shape)  # (30, 16) (30, 8)
    """

    v: Tensor
    upper: tuple[Tensor, ...]
    swap_rates: Tensor


@keras.saving.register_keras_serializable("keras_rbm")
class StackedTempering(Sampler):
    """Stacked tempering: swaps states with machines on top of a machine.

    Each machine of a stack, such as the RBMs of a `DeepBeliefNetwork`, has its
    own chains. The hidden state h of a machine and the visible state v of the
    machine above are swapped with probability

        min(1, p_below(v) p_above(h) / (p_below(h) p_above(v)))

    Here p_below is the law of the hidden side of the lower machine, with the
    visible units summed out, and p_above is the law of the visible side of the
    upper machine. The swaps leave the product of the laws of all machines
    unchanged. If each machine was trained on the hidden states of the machine
    below, upper machines have simpler laws and mix faster, like replicas at
    higher temperatures.

    With clamped entries, the machine and its upper neighbour do not swap,
    because p_below would have to be conditional on the clamped entries. The
    chains of the machine then move as in `Gibbs()`.

    Args:
        machines: List of the machines above the machine to sample from, from
            the lowest to the highest. The visible units of each machine match
            the hidden units of the machine below.

    Raises:
        ValueError: If there are no machines, or neighbours do not match.

    Reference: Fernandez-de-Cossio-Diaz, Roussel, Cocco and Monasson (2024),
        "Accelerated sampling with stacked restricted Boltzmann machines".

    Example:
        network = keras_rbm.DeepBeliefNetwork(
            [keras_rbm.RBM(16, 8, seed=0), keras_rbm.RBM(8, 4, seed=1)]
        )
        # Train the layers here: network.pretrain(x)
        lowest, *others = network.rbms
        sampler = keras_rbm.StackedTempering([r.machine() for r in others])
        v = lowest.sample(20, num_sweeps=20, sampler=sampler)
    """

    def __init__(self, machines: Sequence[Machine]):
        if not isinstance(machines, list | tuple) or not machines:
            raise ValueError(
                "`machines` must be a list of one or more machines, such as "
                f"`rbm.machine()` returns. Received: machines={machines!r}"
            )
        for number, machine in enumerate(machines):
            if not isinstance(machine, Machine):
                raise ValueError(
                    "`machines` must hold machines, such as `rbm.machine()` "
                    f"returns. Received: machines[{number}]={machine!r}"
                )
            if number:
                _check_fit(machines[number - 1], machine, number)
        #: The machines above the machine to sample from, the lowest first.
        self.machines = tuple(machine_lib.absorb_beta(m) for m in machines)

    # The tensors of the machines are arguments of compiled functions. A
    # function of the sampler is compiled once for all machines of the same
    # shapes and units.
    def __tf_flatten__(self) -> tuple[Any, Any]:
        return (), (self.machines,)

    @classmethod
    def __tf_unflatten__(cls, metadata: Any, components: Any) -> Self:
        sampler = object.__new__(cls)
        (sampler.machines,) = components
        return sampler

    @property
    def rows(self) -> int:
        return len(self.machines) + 1

    def init(
        self,
        machine: Machine,
        v: Tensor,
        base: Machine | None = None,
    ) -> StackedState:
        """Starts upper chains at the states nearest to means from below."""
        _check_fit(machine, self.machines[0], 0)
        upper, below, mean = [], machine, v
        for above in self.machines:
            mean = machine_lib.hidden_mean(below, mean)
            upper.append(above.visible.nearest(ops.cast(mean, v.dtype)))
            below = above
        return StackedState(
            v, tuple(upper), ops.full((self.rows - 1,), 0.5, "float32")
        )

    def step(
        self,
        machine: Machine,
        state: StackedState,
        stream: Stream,
        clamp: Clamp | None = None,
    ) -> tuple[StackedState, Info]:
        machines = (machine, *self.machines)
        all_v = [
            ops.cast(v, machine_lib.dtype(m))
            for v, m in zip((state.v, *state.upper), machines, strict=True)
        ]
        swaps, first_h = [], None
        # Upwards, so that a state can pass several machines in one step.
        for number, own in enumerate(machines):
            here = random.fold_in(stream, number)
            h = gibbs.sample_hidden(own, all_v[number], here)
            if number + 1 < self.rows:
                accepted, swap = _exchange(
                    own, machines[number + 1], h, all_v[number + 1], here
                )
                if clamp is not None and number == 0:
                    accepted = ops.zeros_like(accepted)
                    swap = ops.zeros_like(swap)
                above = all_v[number + 1]
                h, all_v[number + 1] = (
                    ops.where(accepted, ops.cast(above, h.dtype), h),
                    ops.where(accepted, ops.cast(h, above.dtype), above),
                )
                swaps.append(swap)
            all_v[number] = gibbs.sample_visible(own, h, here)
            first_h = h if first_h is None else first_h
        v, *upper = (
            ops.cast(new, old.dtype)
            for new, old in zip(all_v, (state.v, *state.upper), strict=True)
        )
        if clamp is not None:
            v = clamp.hold(v)
        swaps = ops.stack(swaps)
        rates = state.swap_rates
        change = (1 - _MOMENTUM) * (ops.cast(swaps, rates.dtype) - rates)
        return (
            StackedState(v, tuple(upper), rates + change),
            Info(first_h, swaps),
        )

    def samples(self, state: StackedState) -> Tensor:
        return state.v

    def kept(
        self, num_chains: int, visible_width: int, hidden_width: int
    ) -> dict[str, Kept]:
        upper = {
            f"particles_{number}": Kept(
                (num_chains, machine.visible.width), chains_axis=0
            )
            for number, machine in enumerate(self.machines, 1)
        }
        return {
            "particles": Kept((num_chains, visible_width), chains_axis=0),
            **upper,
            "swap_rates": Kept((self.rows - 1,), averaged=True),
        }

    def pack(self, state: StackedState) -> dict[str, Tensor]:
        upper = {
            f"particles_{number}": v for number, v in enumerate(state.upper, 1)
        }
        return {
            "particles": state.v,
            **upper,
            "swap_rates": state.swap_rates,
        }

    def unpack(self, machine: Machine, kept: dict[str, Tensor]) -> StackedState:
        dtype = machine_lib.dtype(machine)
        v, *upper = (
            ops.cast(kept[name], dtype)
            for name in (
                "particles",
                *(f"particles_{i}" for i in range(1, self.rows)),
            )
        )
        return StackedState(v, tuple(upper), kept["swap_rates"])

    def particles(
        self, machine: Machine, kept: dict[str, Tensor], stream: Stream
    ) -> Tensor:
        return ops.cast(kept["particles"], machine_lib.dtype(machine))

    def get_config(self) -> Config:
        return {"machines": [machine_lib.get_config(m) for m in self.machines]}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls([machine_lib.from_config(m) for m in config["machines"]])

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (
            self is other
            or machine_lib.are_equal(self.machines, other.machines)
        )

    def __hash__(self) -> int:
        return hash(tuple((m.visible, m.hidden) for m in self.machines))

    def __repr__(self) -> str:
        return f"StackedTempering({len(self.machines)} machines)"


def _exchange(below, above, h, v, stream):
    """Draws whether h of the lower and v of the upper machine are swapped.

    Args:
        below: A `Machine`.
        above: The `Machine` on top of `below`.
        h: Tensor of shape `(chains, width)`, hidden states of `below`.
        v: Tensor of shape `(chains, width)`, visible states of `above`.
        stream: A `Stream`.

    Returns:
        Boolean tensor of shape `(chains, 1)`, and the mean swap probability.
    """
    hidden_side = machine_lib.flip(below)
    gain = machine_lib.free_energy(hidden_side, h) - machine_lib.free_energy(
        hidden_side, ops.cast(v, h.dtype)
    )
    gain += ops.cast(
        machine_lib.free_energy(above, v)
        - machine_lib.free_energy(above, ops.cast(h, v.dtype)),
        gain.dtype,
    )
    u = random.uniform(
        random.fold_in(stream, Use.EXCHANGE), (ops.shape(gain)[0], 1)
    )
    accepted = ops.log(ops.cast(u, gain.dtype)) < gain[:, None]
    return accepted, ops.mean(ops.exp(ops.minimum(gain, 0.0)))


def _check_fit(below, above, number):
    hidden, visible = below.hidden, above.visible
    if (
        hidden.width != visible.width
        or hidden.description != visible.description
    ):
        raise ValueError(
            "`machines` must fit on each other: the visible units of each must "
            "be such as the hidden units of the one below. Received: "
            f"machines[{number}] with visible={visible}, above hidden={hidden}"
        )
