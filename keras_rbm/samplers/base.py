"""How states of the visible units are moved on: Gibbs sampling, or tempered.

A sampler is a small object without state, an argument of `RBM.sample`. What
it moves is a tensor of rows, with the states of each chain, in a loop of the
compiled graph.
"""

import abc
import dataclasses
from typing import NamedTuple

from keras import ops

from keras_rbm import checks, gibbs, random, tempering
from keras_rbm import machine as machine_lib

# Rows that the addresses of all betas have in common: far more than there are.
_ROWS = 2**31 - 1
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

    mask: object
    values: object

    def of_rows(self, rows):
        """The clamp of some of the chains, a slice."""
        mask = self.mask if len(self.mask.shape) == 1 else self.mask[rows]
        return Clamp(mask, self.values[rows])

    def hold(self, v):
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

    #: How many rows a chain has.
    rows = 1

    def start(self, v):
        """The rows of chains that start at `v`.

        Args:
            v: Tensor of shape `(chains, visible.width)`.

        Returns:
            Tensor of shape `(rows * chains, visible.width)`.
        """
        return ops.tile(v, (self.rows, 1)) if self.rows > 1 else v

    def samples(self, state):
        """Those of the rows that are samples, `(chains, visible.width)`."""
        return state[: state.shape[0] // self.rows]

    @abc.abstractmethod
    def run(self, base, machine, state, stream, first, num_sweeps, clamp=None):
        """Moves all rows on.

        Args:
            base: A `Machine` without coupling, as `machine.decouple` returns.
            machine: A `Machine`.
            state: What `start` or `run` returned.
            stream: A `keras_rbm.random.Stream`; sweep i draws from
                `fold_in(stream, i)`.
            first: Number of the first sweep, a scalar integer tensor, so that
                a run can be made in parts.
            num_sweeps: How many, a scalar integer tensor.
            clamp: A `Clamp`, or `None`.

        Returns:
            Tensor of the shape and dtype of `state`.
        """

    def run_mean(
        self, base, machine, state, total, stream, first, num_sweeps, clamp=None
    ):
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


@dataclasses.dataclass(frozen=True)
class Gibbs(Sampler):
    """Block Gibbs sampling, h from p(h | v) and then v from p(v | h).

    Reference: Fischer and Igel (2014), "Training restricted Boltzmann
        machines: an introduction", section 4.3.
    """

    def run(self, base, machine, state, stream, first, num_sweeps, clamp=None):
        flipped = machine_lib.flip(machine)

        def one(i, v):
            here = random.fold_in(stream, first + i)
            v = gibbs.sweep(machine, v, here, flipped)
            return v if clamp is None else clamp.hold(v)

        return ops.fori_loop(0, num_sweeps, one, state)

    def run_mean(
        self, base, machine, state, total, stream, first, num_sweeps, clamp=None
    ):
        """The same with the h of the sweep itself, at no further product."""
        flipped = machine_lib.flip(machine)

        def one(i, carried):
            v, total = carried
            here = random.fold_in(stream, first + i)
            h = gibbs.sample_hidden(machine, v, here)
            total = total + machine_lib.hidden_mean(flipped, h)
            v = ops.cast(
                gibbs.sample_visible(machine, h, here, flipped), v.dtype
            )
            return v if clamp is None else clamp.hold(v), total

        return ops.fori_loop(0, num_sweeps, one, (state, total))


@dataclasses.dataclass(frozen=True)
class Tempered(Sampler):
    """Parallel tempering, for machines in which Gibbs sampling does not mix.

    Each chain has replicas at betas that are evenly spaced from 1, the
    machine, to 0, units that have the mean of the data and no coupling.
    Neighbours change places with the probability that leaves all their laws
    unchanged. A sweep costs about `num_betas` times one of Gibbs sampling.

    Held entries are the same in all replicas of a chain. What is exchanged
    then are draws of p_beta(v_free | v_held), whose normalizers, of which
    each stands above and below, cancel.

    Args:
        num_betas: Number of replicas of each chain, at least 2. More of them
            change places more often.

    Raises:
        ValueError: If `num_betas` is not such a number.

    Reference: Desjardins, Courville, Bengio, Vincent and Delalleau (2010),
        "Tempered Markov chain Monte Carlo for training of restricted
        Boltzmann machines", section 3.
    """

    num_betas: int = 10

    def __post_init__(self):
        if checks.positive_integer("num_betas", self.num_betas) < 2:
            raise ValueError(
                "`num_betas` must be at least 2, for beta = 1 and beta = 0. "
                f"Received: num_betas={self.num_betas}"
            )

    @property
    def rows(self):
        return self.num_betas

    def run(self, base, machine, state, stream, first, num_sweeps, clamp=None):
        betas = ops.linspace(1.0, 0.0, self.num_betas, dtype="float32")

        def one(i, v):
            sweep = first + i
            v, _ = tempering.sweep(
                base,
                machine,
                betas,
                v,
                sweep,
                random.fold_in(stream, sweep),
                # The draws of a chain do not depend on how many there are.
                num_chains=_ROWS // self.num_betas,
            )
            v = ops.cast(v, state.dtype)
            return v if clamp is None else clamp.hold(v)

        return ops.fori_loop(0, num_sweeps, one, state)


def check(sampler):
    """Returns the sampler, `Gibbs()` for `None`.

    Raises:
        ValueError: If it is none.
    """
    sampler = Gibbs() if sampler is None else sampler
    if not isinstance(sampler, Sampler):
        raise ValueError(
            "`sampler` must be a sampler, Gibbs() or Tempered(), or None. "
            f"Received: sampler={sampler!r}"
        )
    return sampler
