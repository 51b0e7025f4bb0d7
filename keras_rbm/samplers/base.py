"""The interface of a sampler, and the loop that runs its steps."""

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
    """Visible entries that are clamped. All other entries are drawn given them.

    A step resets the clamped entries after each draw of v. Given h, the visible
    units are independent, so this draws h from p(h | v) and then the free units
    from p(v_free | h). The step leaves p(v_free | v_clamped) unchanged.

    Attributes:
        mask: Boolean tensor of shape `(width,)` or `(chains, width)`, `True`
            for clamped entries.
        values: Tensor of shape `(chains, width)`, with the clamped values.

    Example:
        # The first four columns keep their values in x.
        clamp, gibbs = samplers.Clamp(np.arange(16) < 4, x), keras_rbm.Gibbs()
        machine, stream = rbm.machine(), random.stream(0)
        state, info = gibbs.step(machine, gibbs.init(machine, x), stream, clamp)
    """

    mask: Tensor
    values: Tensor

    def of_rows(self, rows: slice) -> "Clamp":
        """The clamp of a slice of the chains."""
        mask = self.mask if len(self.mask.shape) == 1 else self.mask[rows]
        return Clamp(mask, self.values[rows])

    def hold(self, v: Tensor) -> Tensor:
        """Resets the clamped entries of v, whose rows may repeat the chains."""
        rows, chains = v.shape[0], self.values.shape[0]
        # If a number of rows is known only in the graph, the two are equal. A
        # replica without a share of the last batch has no rows.
        copies = rows // chains if rows and chains else 1

        def repeated(x):
            x = ops.broadcast_to(x, ops.shape(self.values))
            return ops.tile(x, (copies, 1)) if copies > 1 else x

        return ops.where(
            repeated(self.mask), ops.cast(repeated(self.values), v.dtype), v
        )


class Info(NamedTuple):
    """Information about a step, returned beside the new state.

    Attributes:
        h: Hidden states of shape `(chains, hidden.width)`, with the law p(h)
            when v has the law p(v), usually those from which v was drawn.
        swaps: Swap probabilities of neighbouring replicas, 0 for pairs that
            were not considered in this step. `None` for a sampler without
            replicas.

    Example:
        machine, gibbs = rbm.machine(), keras_rbm.Gibbs()
        state = gibbs.init(machine, x)
        state, info = gibbs.step(machine, state, random.stream(0))
        print(info.h.shape)  # (30, 8)
    """

    h: Tensor
    swaps: Tensor | None = None


class Ladder(NamedTuple):
    """Statistics of the movement of replicas along a ladder.

    Attributes:
        swap_rates: Swap rates of neighbouring replicas, of shape `(chains,
            num_replicas - 1)`.
        round_trips: Number of times that a replica has reached the machine
            from the other end of the ladder, of shape `(chains,)`.

    Example:
        sampler = keras_rbm.Tempered(5)
        state = sampler.init(rbm.machine(), x)
        print(sampler.ladder(state).swap_rates.shape)  # (30, 4)
    """

    swap_rates: Tensor
    round_trips: Tensor


class Kept(NamedTuple):
    """Description of a variable that keeps a part of a sampler's state.

    Attributes:
        shape: Shape of the variable.
        chains_axis: The axis of the chains, which are distributed over the
            devices. `None` if all chains share the value.
        dtype: Dtype of the variable. Do not use int32: TensorFlow keeps int32
            variables in host memory, which programs that XLA compiles for a
            GPU cannot read.
        averaged: Whether to keep the mean of the values of all devices, for
            estimates that differ between devices.

    Example:
        kept = keras_rbm.Gibbs().kept(100, visible_width=16, hidden_width=8)
        print(kept["particles"].shape)  # (100, 8)
    """

    shape: tuple[int, ...]
    chains_axis: int | None = None
    dtype: str = "float32"
    averaged: bool = False


class Sampler(abc.ABC):
    """A Markov chain that leaves p(v) of a machine unchanged.

    A sampler is a small object without state, such as a frozen dataclass. The
    state is a named tuple of tensors, which the sampler creates and then moves
    in the compiled graph:

        state = sampler.init(machine, v)
        state, info = sampler.step(machine, state, stream)
        v = sampler.samples(state)

    `PersistentChain(sampler=...)` keeps the state in variables between two
    updates. `kept` describes these variables, `pack` and `unpack` convert
    between them and the state, and `particles` reads samples from them.

    Samplers with equal arguments are equal, so that a function of a sampler is
    compiled only once for all equal samplers.

    Reference: The interface follows blackjax, https://blackjax-devs.github.io.

    Example:
        # All samplers have these methods.
        sampler, machine = keras_rbm.Tempered(5), rbm.machine()
        state = sampler.init(machine, x)
        state, info = sampler.step(machine, state, random.stream(0))
        v = sampler.samples(state)
    """

    # Without these two methods, TensorFlow would trace a sampler by a weak
    # reference, and would compile again for each new sampler object. With them,
    # the sampler is metadata of an empty nest, which is compared by `==`.
    def __tf_flatten__(self):
        return (self,), ()

    @classmethod
    def __tf_unflatten__(cls, metadata, components):
        return metadata[0]

    @property
    def rows(self) -> int:
        """Number of rows of a matrix product for each chain."""
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
                for samplers that temper between this base and the machine. If
                `None`, the base has the mean of the visible units with inputs
                of 0.

        Returns:
            A named tuple of tensors.
        """

    def tune(self, machine: Machine, state: Any, stream: Stream) -> Any:
        """Tunes the state to the machine before a long run.

        Args:
            machine: A `Machine`.
            state: A state that `init` returned.
            stream: The stream of the run.

        Returns:
            The tuned state.
        """
        return state

    def ladder(self, state: Any) -> Ladder | None:
        """The `Ladder` statistics, or `None` for a sampler without replicas."""
        return None

    def ladder_of_run(
        self, before: Any, after: Any, num_sweeps: int
    ) -> Ladder | None:
        """The `Ladder` of a run, without swap rates from before its start.

        Args:
            before: The state at the start.
            after: The state at the end.
            num_sweeps: Number of steps between both, at least 2.
        """
        return self.ladder(after)

    @abc.abstractmethod
    def step(
        self,
        machine: Machine,
        state: Any,
        stream: Stream,
        clamp: Clamp | None = None,
    ) -> tuple[Any, Info]:
        """Moves all chains by one step.

        Args:
            machine: A `Machine`.
            state: A state that `init`, `step` or `unpack` returned.
            stream: A `keras_rbm.random.Stream`, different for each step. Chain
                j draws only from row j of the stream.
            clamp: A `Clamp`, or `None`.

        Returns:
            Tuple of the new state and an `Info`.
        """

    @abc.abstractmethod
    def samples(self, state: Any) -> Tensor:
        """The samples of the machine, of shape `(chains, visible.width)`."""

    @abc.abstractmethod
    def kept(
        self, num_chains: int, visible_width: int, hidden_width: int
    ) -> dict[str, Kept]:
        """Descriptions of the variables that a persistent chain needs, by name.

        One variable must have the name `"particles"`. If there are variables
        named `"mean"` and `"variance"`, the chain assigns the moments of the
        data to them.
        """

    @abc.abstractmethod
    def pack(self, state: Any) -> dict[str, Tensor]:
        """Converts a state to values of the variables.

        The mean and variance of the data, and the variables that `refresh`
        returns, are left out.
        """

    @abc.abstractmethod
    def unpack(self, machine: Machine, kept: dict[str, Tensor]) -> Any:
        """Converts the values of the variables to a state for `step`."""

    @abc.abstractmethod
    def particles(
        self, machine: Machine, kept: dict[str, Tensor], stream: Stream
    ) -> Tensor:
        """Samples of v from the values of the variables.

        Returns:
            Tensor of shape `(chains, visible.width)`.
        """

    def refresh(
        self, machine: Machine, inputs: Tensor, stream: Stream
    ) -> dict[str, Tensor]:
        """Values of further variables, from the hidden inputs of the samples.

        An update of the parameters computes the hidden inputs in any case.

        Args:
            machine: A `Machine`.
            inputs: Tensor of shape `(chains, hidden.width)`.
            stream: A `keras_rbm.random.Stream`.
        """
        return {}

    def adapt(self, kept: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adapts the values of the variables a little between two updates."""
        return kept

    def get_config(self) -> Config:
        """Returns the constructor's arguments, for `.keras` files."""
        serialize = keras.saving.serialize_keras_object
        return {
            field.name: serialize(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Returns a sampler from a configuration of `get_config`."""
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
    """Runs many steps in the compiled graph.

    This is the only sweep loop of the package.

    Args:
        sampler: A `Sampler`.
        machine: A `Machine`.
        state: A state that `sampler.init` or `run` returned.
        stream: A `keras_rbm.random.Stream`. Sweep i draws from
            `fold_in(stream, i)`.
        num_sweeps: Number of steps, an integer or a scalar integer tensor.
        first: Number of the first sweep, so that you can split a run.
        clamp: A `Clamp`, or `None`.
        observe: Function `observe(i, before, info, after, seen)` that returns
            the new `seen`, or `None`. It is called after each step. i is the
            number of the step in this run, from 0. `before` and `after` are
            the states before and after the step, and `info` is its `Info`.
        seen: Initial `seen`, a tensor or a nest of tensors.

    Returns:
        Tuple of the state and `seen` after the last step.

    Example:
        machine, gibbs = rbm.machine(), keras_rbm.Gibbs()
        state = gibbs.init(machine, v)
        state, _ = samplers.run(gibbs, machine, state, random.stream(0), 20)
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
