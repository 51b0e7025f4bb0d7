"""The base class of samplers whose chains have a ladder of replicas."""

from typing import Any

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import tempering
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.samplers.base import Kept, Ladder, Sampler
from keras_rbm.typing import Tensor

# Weight of the past in the running swap rates of a ladder of replicas.
_MOMENTUM = 0.99
# The end of the ladder that a replica visited last.
_COLD, _HOT = 1, 2


class LadderSampler(Sampler):
    """Abstract sampler whose chains have replicas that swap states.

    The states have the fields `v`, `swap_rates`, `parity`, `directions`,
    `round_trips` and `trip_rate`. `v` has shape `(rows * chains,
    visible.width)` and begins with the samples of the machine. See
    `TemperedState` for the other fields.

    Example:
        sampler = keras_rbm.Tempered(5)
        isinstance(sampler, samplers.LadderSampler)  # True
        state = sampler.init(rbm.machine(), x)
        print(state.v.shape)  # (150, 16)
    """

    def chains_of(self, rows: Tensor) -> int:
        """Number of chains that have these rows as replicas."""
        return rows.shape[0] // self.rows

    def fresh(self, v: Tensor) -> dict[str, Tensor]:
        """Fields of a state in which all replicas of a chain equal its `v`.

        Args:
            v: Tensor of shape `(chains, visible.width)`.
        """
        chains = v.shape[0]
        return {
            "v": ops.tile(v, (self.rows, 1)),
            "swap_rates": ops.full((self.rows - 1,), 0.5, "float32"),
            "parity": ops.zeros((), "int32"),
            "directions": ops.zeros((self.rows, chains), "int32"),
            "round_trips": ops.zeros((chains,), "float32"),
            "trip_rate": ops.zeros((), "float32"),
        }

    def moved(
        self, state: Any, v: Tensor, swaps: Tensor, source: Tensor
    ) -> Any:
        """The state after a step.

        Args:
            state: The state before the step.
            v: All replicas after the step.
            swaps: Swap probabilities of neighbours, of shape `(rows - 1,)`.
            source: Positions of the replicas on the ladder before the step,
                of shape `(rows, chains)`.
        """
        pair = ops.arange(swaps.shape[0], dtype="int32")
        turn = ops.equal((pair + state.parity) % 2, 0)
        rates = state.swap_rates
        change = (1 - _MOMENTUM) * (ops.cast(swaps, rates.dtype) - rates)
        directions = ops.take_along_axis(state.directions, source, axis=0)
        arrived = ops.cast(ops.equal(directions[0], _HOT), "float32")
        trips = ops.cast(ops.mean(arrived), rates.dtype) - state.trip_rate
        ends = [ops.full_like(directions[:1], end) for end in (_COLD, _HOT)]
        return state._replace(
            v=v,
            swap_rates=ops.where(turn, rates + change, rates),
            parity=1 - state.parity,
            directions=ops.concatenate([ends[0], directions[1:-1], ends[1]]),
            round_trips=state.round_trips + arrived,
            trip_rate=state.trip_rate + (1 - _MOMENTUM) * trips,
        )

    def ladder(self, state: Any) -> Ladder:
        rates, trips = state.swap_rates[None], state.round_trips
        shape = (trips.shape[0], rates.shape[1])
        return Ladder(ops.broadcast_to(rates, shape), trips)

    def ladder_of_run(self, before: Any, after: Any, num_sweeps: int) -> Ladder:
        pair = ops.arange(self.rows - 1, dtype="int32")
        tries = (num_sweeps + 1 - (pair + before.parity) % 2) // 2
        past = _MOMENTUM ** ops.cast(tries, "float32")
        rates = (after.swap_rates - past * before.swap_rates) / (1 - past)
        return self.ladder(after._replace(swap_rates=ops.clip(rates, 0, 1)))

    def samples(self, state: Any) -> Tensor:
        return state.v[: self.chains_of(state.v)]

    def kept(
        self, num_chains: int, visible_width: int, hidden_width: int
    ) -> dict[str, Kept]:
        rows = self.rows
        return {
            "particles": Kept((rows, num_chains, visible_width), chains_axis=1),
            "swap_rates": Kept((rows - 1,), averaged=True),
            "parity": Kept((), dtype="int64"),
            "directions": Kept(
                (rows, num_chains), chains_axis=1, dtype="int64"
            ),
            "trip_rate": Kept((), averaged=True),
        }

    def pack(self, state: Any) -> dict[str, Tensor]:
        v = state.v
        shape = (self.rows, self.chains_of(v), v.shape[-1])
        return {
            "particles": ops.reshape(v, shape),
            "swap_rates": state.swap_rates,
            "parity": state.parity,
            "directions": state.directions,
            "trip_rate": state.trip_rate,
        }

    def unpacked(
        self, machine: Machine, kept: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Fields of a state, from the values of the kept variables."""
        v = ops.cast(kept["particles"], machine_lib.dtype(machine))
        chains = v.shape[1]
        return {
            "v": ops.reshape(v, (-1, v.shape[-1])),
            "swap_rates": kept["swap_rates"],
            "parity": ops.cast(kept["parity"], "int32"),
            "directions": ops.cast(
                ops.reshape(kept["directions"], (self.rows, chains)), "int32"
            ),
            "round_trips": ops.zeros((chains,), "float32"),
            "trip_rate": kept["trip_rate"],
        }

    def particles(
        self, machine: Machine, kept: dict[str, Tensor], stream: Stream
    ) -> Tensor:
        return ops.cast(kept["particles"][0], machine_lib.dtype(machine))


def adapted(kept: dict[str, Tensor], gain: float) -> dict[str, Tensor]:
    """Moves the betas of a ladder to make the swap rates more even.

    Args:
        kept: Values of the kept variables, with `betas` and `swap_rates`.
        gain: How far to move the betas, see `tempering.even_out`. If 0, they
            do not move.

    Returns:
        `kept` with the new betas.
    """
    if not gain:
        return kept
    betas = tempering.even_out(kept["betas"], kept["swap_rates"], gain)
    return kept | {"betas": betas}
