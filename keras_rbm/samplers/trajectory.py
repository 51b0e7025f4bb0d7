"""Parallel trajectory tempering: replicas at earlier machines of training."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import keras
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import random, tempering
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.samplers.base import Clamp, Info
from keras_rbm.samplers.ladder import LadderSampler
from keras_rbm.typing import Config, Params, Tensor


class TrajectoryState(NamedTuple):
    """States of the replicas along a trajectory of machines.

    Attributes:
        v: Tensor of shape `(num_replicas * chains, visible.width)`. The
            samples of the machine come first, the samples of the earliest
            machine last.
        swap_rates: Running swap rates of neighbours, of shape `(num_replicas -
            1,)`.
        parity: 0 if even pairs may swap next, 1 if odd pairs may.
        directions: `int32` tensor of shape `(num_replicas, chains)`, the end
            of the trajectory that each replica visited last: 1 for the
            machine, 2 for the earliest machine, 0 for neither.
        round_trips: Number of times that a replica has returned to the machine
            after a visit to the earliest machine, of shape `(chains,)`.
        trip_rate: Running mean of round trips, per chain and sweep.

    Example:
        sampler = keras_rbm.TrajectoryTempering([rbm.base_machine()])
        state = sampler.init(rbm.machine(), x)
        print(state.v.shape)  # (60, 16)
    """

    v: Tensor
    swap_rates: Tensor
    parity: Tensor
    directions: Tensor
    round_trips: Tensor
    trip_rate: Tensor


@keras.saving.register_keras_serializable("keras_rbm")
class TrajectoryTempering(LadderSampler):
    """Parallel trajectory tempering: replicas at earlier machines of the run.

    Each chain has a replica at the machine to sample from, and a replica at
    each of the `machines`, which are earlier machines of its training run.
    Neighbours swap states with probability

        min(1, exp(F_k(v_k) + F_k+1(v_k+1) - F_k(v_k+1) - F_k+1(v_k)))

    which leaves the product of their distributions unchanged. During training,
    the modes of a machine split off one after the other, and earlier machines
    mix well. If a mode has little weight at higher temperatures, the replicas
    of `Tempered` do not find it, but the replicas of a trajectory do. A step
    costs about as much as a Gibbs sweep for each replica, plus one matrix
    product.

    Clamped entries are the same in all replicas of a chain, as in `Tempered`.
    `.keras` files include the machines.

    Args:
        machines: List of `Machine` of the same units, the earliest first, such
            as `Snapshots.machines`, without the machine to sample from. The
            first machine should mix fast. A machine without coupling, such as
            `rbm.base_machine()`, gives independent draws.

    Raises:
        ValueError: If there are no machines, or their units differ.

    Reference: Béreux, Decelle, Furtlehner, Rosset and Seoane (2025), "Fast
        training and sampling of restricted Boltzmann machines".

    Example:
        rbm = keras_rbm.RBM(16, 8, keras_rbm.PersistentChain(20), seed=0)
        rbm.compile()
        snapshots = callbacks.Snapshots()
        rbm.fit(x, epochs=2, callbacks=[snapshots], verbose=0)
        sampler = keras_rbm.TrajectoryTempering(
            [rbm.base_machine(), *snapshots.machines]
        )
        v = rbm.sample(20, num_sweeps=20, sampler=sampler)
    """

    def __init__(self, machines: Sequence[Machine]):
        machine_lib.check_alike(machines)
        dtype = machine_lib.dtype(machines[0])
        # The latest machine comes first, next to the machine to sample from.
        alike = [
            machine_lib.cast(machine_lib.absorb_beta(machine), dtype)
            for machine in reversed(machines)
        ]
        first = alike[0]

        def stacked(side):
            return {
                name: ops.stack([getattr(m, side)[name] for m in alike])
                for name in getattr(first, side)
            }

        self._begin(
            first._replace(
                kernel=ops.stack([machine.kernel for machine in alike]),
                visible_params=stacked("visible_params"),
                hidden_params=stacked("hidden_params"),
            )
        )

    def _begin(self, stacked):
        # A machine whose kernel has shape `(machines, visible.width,
        # hidden.width)` and whose parameters have shape `(machines, width)`,
        # the latest machine first.
        self._stacked = stacked

    # The tensors of the machines are arguments of compiled functions. A
    # function of the sampler is compiled once for all machines of the same
    # shapes and units.
    def __tf_flatten__(self) -> tuple[Any, Any]:
        return (), (self._stacked,)

    @classmethod
    def __tf_unflatten__(cls, metadata: Any, components: Any) -> Self:
        sampler = object.__new__(cls)
        sampler._begin(*components)
        return sampler

    @property
    def machines(self) -> list[Machine]:
        """List of the earlier machines, the earliest first."""
        stacked = self._stacked

        def of_one(params, i):
            return {name: p[i] for name, p in params.items()}

        return [
            stacked._replace(
                kernel=stacked.kernel[i],
                visible_params=of_one(stacked.visible_params, i),
                hidden_params=of_one(stacked.hidden_params, i),
            )
            for i in reversed(range(self.rows - 1))
        ]

    @property
    def rows(self) -> int:
        return self._stacked.kernel.shape[0] + 1

    def init(
        self,
        machine: Machine,
        v: Tensor,
        base: Machine | None = None,
    ) -> TrajectoryState:
        """Starts all replicas of a chain at its row of `v`."""
        known = self._stacked
        if (machine.visible, machine.hidden) != (known.visible, known.hidden):
            raise ValueError(
                "`machines` of the sampler must have the units of the machine "
                f"to sample from. Received: machines of {known.visible} and "
                f"{known.hidden}, a machine of {machine.visible} and "
                f"{machine.hidden}"
            )
        return TrajectoryState(**self.fresh(v))

    def step(
        self,
        machine: Machine,
        state: TrajectoryState,
        stream: Stream,
        clamp: Clamp | None = None,
    ) -> tuple[TrajectoryState, Info]:
        chains = self.chains_of(state.v)
        # A machine with one row of parameters for each replica of each chain.
        replicas = machine._replace(
            visible_params=self._rows(machine, "visible_params", chains),
            hidden_params=self._rows(machine, "hidden_params", chains),
        )
        v = ops.cast(state.v, machine_lib.dtype(machine))
        partner = tempering.partners(self.rows, state.parity)
        others = tempering.exchanged(
            v, ops.ones((self.rows, chains), "bool"), partner
        )
        inputs, their_inputs = (
            self._hidden_inputs(machine, rows) for rows in (v, others)
        )
        # F_k(v_k) - F_k(v_k') of each replica k, with k' its partner.
        change = machine_lib.free_energy(
            replicas, v, inputs
        ) - machine_lib.free_energy(replicas, others, their_inputs)
        accepted, swaps = tempering.accept(
            ops.reshape(change, (self.rows, chains)),
            partner,
            random.fold_in(stream, Use.EXCHANGE),
        )
        moved = ops.reshape(accepted, (-1, 1))
        inputs = ops.where(moved, their_inputs, inputs)
        here = tempering.replica_rows(stream, self.rows, chains)
        h = machine.hidden.sample(
            inputs, replicas.hidden_params, random.fold_in(here, Use.HIDDEN)
        )
        v = machine.visible.sample(
            self._visible_inputs(machine, h),
            replicas.visible_params,
            random.fold_in(here, Use.VISIBLE),
        )
        v = ops.cast(v, state.v.dtype)
        if clamp is not None:
            v = clamp.hold(v)
        source = tempering.sources(accepted, partner)
        return self.moved(state, v, swaps, source), Info(h[:chains], swaps)

    def unpack(
        self, machine: Machine, kept: dict[str, Tensor]
    ) -> TrajectoryState:
        return TrajectoryState(**self.unpacked(machine, kept))

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
        stacked = self._stacked
        return hash((stacked.visible, stacked.hidden, self.rows))

    def __repr__(self) -> str:
        return f"TrajectoryTempering({self.rows - 1} machines)"

    def _rows(self, machine: Machine, side: str, chains: int) -> Params:
        """Parameters of a side, one row for each replica of each chain."""

        def of_all(own, others):
            width = own.shape[-1]
            each = ops.concatenate([own[None], ops.cast(others, own.dtype)])
            shape = (self.rows, chains, width)
            return ops.reshape(
                ops.broadcast_to(each[:, None], shape), (-1, width)
            )

        others = getattr(self._stacked, side)
        return {
            name: of_all(value, others[name])
            for name, value in getattr(machine, side).items()
        }

    def _hidden_inputs(self, machine, v):
        """Hidden inputs of each row, from the kernel of its replica."""
        return self._inputs(machine, machine_lib.hidden_inputs, v, False)

    def _visible_inputs(self, machine, h):
        return self._inputs(machine, machine_lib.visible_inputs, h, True)

    def _inputs(self, machine, own_inputs, x, transposed):
        chains = self.chains_of(x)
        found = [own_inputs(machine, x[:chains])]
        kernels = ops.cast(self._stacked.kernel, machine.kernel.dtype)
        # In a loop, because XLA's batched products are slow on CPUs.
        for i in range(self.rows - 1):
            rows = x[(i + 1) * chains : (i + 2) * chains]
            kernel = ops.transpose(kernels[i]) if transposed else kernels[i]
            product = ops.matmul(ops.cast(rows, kernel.dtype), kernel)
            found.append(ops.cast(product, found[0].dtype))
        return ops.concatenate(found)
