"""What a sampler is, and the entries that it holds.

A sampler is a small object without state, an argument of `RBM.sample`. What
it moves is a tensor of rows, with the states of each chain, in a loop of the
compiled graph.
"""

import abc
from typing import NamedTuple

from keras import ops

from keras_rbm import gibbs, random
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Tensor

# Streams of a sweep: 0 and 1 are its own, this one is that of a mean.
_MEAN = 2


class Clamp(NamedTuple):
    """Entries that stay as they are, so that the rest is drawn given them.

    A sweep that sets them back after each draw of v is one of the machine
    whose other visible units are free: v -> h from p(h | v), and then the
    free ones from p(v_free | h), since units are independent given the other
    side. It leaves p(v_free | v_held) unchanged.

    Attributes:
        mask: Boolean tensor of shape `(width,)` or `(chains, width)`: `True`
            where an entry is held.
        values: Tensor of shape `(chains, width)`, what it is held at.
    """

    mask: Tensor
    values: Tensor

    def of_rows(self, rows: slice) -> "Clamp":
        """The clamp of some of the chains, a slice."""
        mask = self.mask if len(self.mask.shape) == 1 else self.mask[rows]
        return Clamp(mask, self.values[rows])

    def hold(self, v: Tensor) -> Tensor:
        """Sets the held entries back, in rows that repeat the chains."""
        copies = v.shape[0] // self.values.shape[0]

        def repeated(x):
            x = ops.broadcast_to(x, self.values.shape)
            return ops.tile(x, (copies, 1)) if copies > 1 else x

        return ops.where(
            repeated(self.mask), ops.cast(repeated(self.values), v.dtype), v
        )


class Sampler(abc.ABC):
    """A Markov chain that leaves p(v) unchanged.

    Samplers compare by their arguments, so that a function of one is compiled
    once for all that are alike.
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
        """How many rows a chain has."""
        return 1

    def start(self, v: Tensor) -> Tensor:
        """The rows of chains that start at `v`.

        Args:
            v: Tensor of shape `(chains, visible.width)`.

        Returns:
            Tensor of shape `(rows * chains, visible.width)`.
        """
        return ops.tile(v, (self.rows, 1)) if self.rows > 1 else v

    def samples(self, state: Tensor) -> Tensor:
        """Those of the rows that are samples, `(chains, visible.width)`."""
        return state[: state.shape[0] // self.rows]

    @abc.abstractmethod
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
        """Moves all rows on.

        Args:
            base: A `Machine` without coupling, as `machine.decouple` returns.
            machine: A `Machine`.
            state: What `start` or `run` returned.
            stream: A `keras_rbm.random.Stream`; sweep i draws from
                `fold_in(stream, i)`.
            first: Number of the first sweep, an integer or a scalar integer
                tensor, so that a run can be made in parts.
            num_sweeps: How many, the same.
            clamp: A `Clamp`, or `None`.

        Returns:
            Tensor of the shape and dtype of `state`.
        """

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
        """`run`, which before each sweep draws an h and adds up E[v | h].

        They are added to `total`, of shape `(chains, visible.width)`. Returns
        a tuple of the state and the total.

        Reference: Gelfand and Smith (1990), "Sampling-based approaches to
            calculating marginal densities", section 2.3.
        """

        def one(i, carried):
            state, total = carried
            here = random.fold_in(random.fold_in(stream, first + i), _MEAN)
            h = gibbs.sample_hidden(machine, self.samples(state), here)
            total = total + machine_lib.visible_mean(machine, h)
            return self.run(
                base, machine, state, stream, first + i, 1, clamp
            ), total

        return ops.fori_loop(0, num_sweeps, one, (state, total))
