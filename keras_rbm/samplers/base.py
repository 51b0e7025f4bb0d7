"""The contract of a sampler, and the loop that makes many of its steps."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import keras
from keras import ops

from keras_rbm import random
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Config, Tensor


class Clamp(NamedTuple):
    """Visible entries that keep their values; the others are drawn given them.

    A step that sets these entries back after each draw of v is one of the
    machine whose other visible units are free: v -> h from p(h | v), and then
    the free units from p(v_free | h), since units are independent given the
    other side. It leaves p(v_free | v_clamped) unchanged.

    Attributes:
        mask: Boolean tensor of shape `(width,)` or `(chains, width)`: `True`
            where an entry is clamped.
        values: Tensor of shape `(chains, width)`, the values to keep.
    """

    mask: Tensor
    values: Tensor

    def of_rows(self, rows: slice) -> "Clamp":
        """The clamp of some of the chains, a slice."""
        mask = self.mask if len(self.mask.shape) == 1 else self.mask[rows]
        return Clamp(mask, self.values[rows])

    def hold(self, v: Tensor) -> Tensor:
        """Sets the clamped entries back, in rows that repeat the chains."""
        rows, chains = v.shape[0], self.values.shape[0]
        # If the numbers of rows are known only in the graph, they are equal.
        copies = 1 if rows is None or chains is None else rows // chains

        def repeated(x):
            x = ops.broadcast_to(x, ops.shape(self.values))
            return ops.tile(x, (copies, 1)) if copies > 1 else x

        return ops.where(
            repeated(self.mask), ops.cast(repeated(self.values), v.dtype), v
        )


class Info(NamedTuple):
    """Information about a step, beside the new state.

    Attributes:
        h: Hidden states from which v was drawn, `(chains, hidden.width)`.
        swaps: Probabilities that neighbouring replicas exchanged their states,
            0 for pairs that could not exchange in this step; `None` for a
            sampler without replicas.
    """

    h: Tensor
    swaps: Tensor | None = None


class Ladder(NamedTuple):
    """How the replicas of a sampler have travelled.

    Attributes:
        swap_rates: Rates at which neighbouring replicas change places, of
            shape `(chains, num_replicas - 1)`.
        round_trips: How often a replica has come to the machine from the
            other end of the ladder, of shape `(chains,)`.
    """

    swap_rates: Tensor
    round_trips: Tensor


class Kept(NamedTuple):
    """A variable that a persistent chain keeps of a sampler's state.

    Attributes:
        shape: Its shape.
        chains_axis: The axis of the chains, which devices share; `None` for
            what all chains have in common.
        dtype: Its dtype, not int32: TensorFlow keeps such variables in the
            host's memory, which a program that XLA compiles for a GPU cannot
            read.
        averaged: Whether each device has an estimate of its own, of which the
            mean is kept.
    """

    shape: tuple[int, ...]
    chains_axis: int | None = None
    dtype: str = "float32"
    averaged: bool = False


class Sampler(abc.ABC):
    """A Markov chain that leaves p(v) of a machine unchanged.

    A sampler is a small object without state, a frozen dataclass; the state is
    a named tuple of tensors that it makes, and moves in the compiled graph:

        state = sampler.init(machine, v)
        state, info = sampler.step(machine, state, stream)
        v = sampler.samples(state)

    `PersistentChain(sampler=...)` keeps the state in variables between two
    updates: `kept` says in which, `pack` and `unpack` convert, and `particles`
    reads the samples from them.

    Samplers compare by their arguments, so that a function of one is compiled
    once for all that are alike.

    Reference: The contract is that of blackjax, https://blackjax-devs.github.io.
    """

    # TensorFlow traces other objects by a weak reference, for which a sampler
    # made for one call would be new at each. A nest of nothing it compares by
    # what stands beside the nothing.
    def __tf_flatten__(self):
        return (self,), ()

    @classmethod
    def __tf_unflatten__(cls, metadata, components):
        return metadata[0]

    @property
    def rows(self) -> int:
        """Number of rows of a matrix product that one chain takes."""
        return 1

    @abc.abstractmethod
    def init(
        self,
        machine: Machine,
        v: Tensor,
        base: Machine | None = None,
    ) -> Any:
        """The state of chains that start at `v`.

        Args:
            machine: A `Machine`.
            v: Tensor of shape `(chains, visible.width)`.
            base: A `Machine` without coupling, as `machine.decouple` returns,
                for samplers that visit warmer machines on the way to it;
                `None` for one with the mean of visible units without inputs.

        Returns:
            A named tuple of tensors.
        """

    def tune(self, machine: Machine, state: Any, stream: Stream) -> Any:
        """The state with what is tuned to the machine before a long run.

        Args:
            machine: A `Machine`.
            state: What `init` returned.
            stream: The stream of the run.
        """
        return state

    def ladder(self, state: Any) -> Ladder | None:
        """How replicas have travelled; `None` of a sampler without them."""
        return None

    @abc.abstractmethod
    def step(
        self,
        machine: Machine,
        state: Any,
        stream: Stream,
        clamp: Clamp | None = None,
    ) -> tuple[Any, Info]:
        """Moves all chains on, once.

        Args:
            machine: A `Machine`.
            state: What `init` or `step` returned.
            stream: A `keras_rbm.random.Stream`, another for every step. Chain
                j draws from its row j alone.
            clamp: A `Clamp`, or `None`.

        Returns:
            Tuple of a state of the same form and an `Info`.
        """

    @abc.abstractmethod
    def samples(self, state: Any) -> Tensor:
        """The samples of the machine, `(chains, visible.width)`."""

    @abc.abstractmethod
    def kept(
        self, num_chains: int, visible_width: int, hidden_width: int
    ) -> dict[str, Kept]:
        """The variables that a persistent chain needs, by name.

        One of them is called `"particles"`. To those called `"mean"` and
        `"variance"` the chain assigns the moments of the data.
        """

    @abc.abstractmethod
    def pack(self, state: Any) -> dict[str, Tensor]:
        """Values of variables from a state, without moments and `refresh`."""

    @abc.abstractmethod
    def unpack(self, machine: Machine, kept: dict[str, Tensor]) -> Any:
        """A state that `step` takes, from the values of the variables."""

    @abc.abstractmethod
    def particles(
        self, machine: Machine, kept: dict[str, Tensor], stream: Stream
    ) -> Tensor:
        """Samples of v, `(chains, visible.width)`, from the same values."""

    def refresh(
        self, machine: Machine, inputs: Tensor, stream: Stream
    ) -> dict[str, Tensor]:
        """Values of further variables, from the hidden inputs of the samples.

        An update of the parameters computes these inputs in any case.

        Args:
            machine: A `Machine`.
            inputs: Tensor of shape `(chains, hidden.width)`.
            stream: A `keras_rbm.random.Stream`.
        """
        return {}

    def adapt(self, kept: dict[str, Tensor]) -> dict[str, Tensor]:
        """Values of the variables, tuned a little between two updates."""
        return kept

    def get_config(self) -> Config:
        """The arguments, for `.keras` files."""
        serialize = keras.saving.serialize_keras_object
        return {
            field.name: serialize(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The sampler with these arguments."""
        return cls(**keras.saving.deserialize_keras_object(config))


def run(
    sampler: Sampler,
    machine: Machine,
    state: Any,
    stream: Stream,
    num_sweeps: int | Tensor,
    first: int | Tensor = 0,
    clamp: Clamp | None = None,
    observe: Callable[..., Any] | None = None,
    seen: Any = (),
) -> tuple[Any, Any]:
    """Makes many steps, in the compiled graph: the package's one sweep loop.

    Args:
        sampler: A `Sampler`.
        machine: A `Machine`.
        state: What `sampler.init` or `run` returned.
        stream: A `keras_rbm.random.Stream`; sweep i draws from
            `fold_in(stream, i)`.
        num_sweeps: Number of steps, an integer or a scalar integer tensor.
        first: Number of the first sweep, so that a run can be made in parts.
        clamp: A `Clamp`, or `None`.
        observe: Function of the number of the step (from 0), the state before
            it, its `Info`, the state after it, and `seen`, which returns the
            new `seen`; or `None`.
        seen: Tensor, or nest of tensors, that `observe` begins with.

    Returns:
        Tuple of the state and of `seen`, after the last step.

    Example:
        machine, gibbs = rbm.machine(), keras_rbm.Gibbs()
        state = gibbs.init(machine, v)
        state, _ = samplers.run(gibbs, machine, state, random.stream(0), 1000)
        v = gibbs.samples(state)
    """

    def one(i, carried):
        state, seen = carried
        here = random.fold_in(stream, first + i)
        new, info = sampler.step(machine, state, here, clamp)
        if observe is not None:
            seen = observe(i, state, info, new, seen)
        return new, seen

    if not isinstance(num_sweeps, int):
        # `Chain.num_sweeps` is an int64 variable.
        num_sweeps = ops.cast(num_sweeps, "int32")
    return ops.fori_loop(0, num_sweeps, one, (state, seen))
