"""Log-likelihood of data, with its uncertainty; log Z of a model."""

from itertools import islice
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import checks, devices, gibbs, likelihood, random, samplers
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.models import examples
from keras_rbm.random import Use

# Examples whose free energy is taken at once, and that AIS looks at.
_BATCH, _EXAMPLES = 1000, 10_000


class LogLikelihood(NamedTuple):
    """mean log p(v) = -mean F(v) - log Z, from below and from above.

    Attributes:
        scores: -F(v), `float64` array of shape `(examples,)`, in nats.
        log_partition: `likelihood.Exact` or `likelihood.Bracket`: log Z.
        is_bound: Whether the scores are variational bounds from below, of
            which log p(v) may be above `upper` too.
    """

    scores: np.ndarray
    log_partition: likelihood.Exact | likelihood.Bracket
    is_bound: bool = False

    @property
    def lower(self) -> float:
        """The pessimistic end, with the larger estimate of log Z."""
        return float(self.scores.mean()) - self.log_partition.upper

    @property
    def upper(self) -> float:
        """The optimistic end, with the smaller estimate of log Z."""
        return float(self.scores.mean()) - self.log_partition.lower

    @property
    def standard_error(self) -> float:
        """That of the mean over examples and that of log Z, in quadrature."""
        spread = self.scores.std() / np.sqrt(max(len(self.scores) - 1, 1))
        return float(np.hypot(spread, self.log_partition.standard_error))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons not to trust the estimate, as a tuple of sentences."""
        return self.log_partition.warnings

    @property
    def trusted(self) -> bool:
        """Whether there are no warnings."""
        return self.log_partition.trusted

    def __float__(self):
        return self.lower

    def __str__(self):
        ends = f"{self.lower:.3f}"
        if self.lower != self.upper:
            ends += f" to {self.upper:.3f}"
        name = (
            "bound on the log-likelihood"
            if self.is_bound
            else ("log-likelihood")
        )
        return (
            f"{name} {ends} nats, +- {self.standard_error:.3f} "
            f"({len(self.scores)} examples)\n{self.log_partition}"
        )


def check_arguments(method, log_partition, others):
    """Checks the arguments of `RBM.log_likelihood` against each other.

    Args:
        method: The method to compute log Z by.
        log_partition: log Z, or `None`.
        others: Dict of the further arguments.

    Raises:
        ValueError: If log Z is given with arguments that say how to compute
            it, or is not one.
    """
    if log_partition is not None and (method != "auto" or others):
        raise ValueError(
            "`log_partition` is log Z already: leave out how to compute "
            f"it. Received: method={method!r}, {sorted(others)}"
        )
    if log_partition is not None and not hasattr(log_partition, "upper"):
        raise ValueError(
            "`log_partition` must be what RBM.log_partition returns. "
            f"Received: log_partition={log_partition!r}"
        )


def is_exact(method, machine):
    """Whether log Z is computed by enumeration or in closed form.

    Args:
        method: The method to compute log Z by.
        machine: A `Machine`.

    Raises:
        ValueError: If there is no such method.
    """
    if method not in ("auto", "exact", "ais"):
        raise ValueError(
            '`method` must be "auto", "exact" or "ais". Received: '
            f"method={method!r}"
        )
    return method == "exact" or (
        method == "auto" and likelihood.can_be_exact(machine)
    )


def scores(machine, v):
    """-F(v) of all examples.

    Args:
        machine: A `Machine`.
        v: Array of shape `(examples, visible.width)`, or a finite
            `tf.data.Dataset` of batches of them.

    Returns:
        `float64` array of shape `(examples,)`, in nats.

    Raises:
        ValueError: If the data are not states of the visible units.
    """
    return -by_batch(_free_energy, machine_lib.cast(machine, "float64"), v)


def pseudo_log_likelihood(machine, v):
    """sum_i log p(v_i | v_-i) of all examples, in the machine's dtype.

    Densities, of real units, are computed in float64.
    """
    if likelihood.has_density(machine.visible, machine.hidden):
        machine = machine_lib.cast(machine, "float64")
        return by_batch(_pseudo_density, machine, v)
    return by_batch(_pseudo, machine, v).astype("float64")


def first_examples(v, units):
    """The first 10,000 examples, as an array, or `None` of `None`.

    Args:
        v: Data as for `scores`, or `None`.
        units: `Units` that they are states of.

    Raises:
        ValueError: If the data are not states of the units.
    """
    if v is None:
        return None
    batches = examples.states(v, units, _BATCH)
    return np.concatenate(list(islice(batches, _EXAMPLES // _BATCH)))


def bracket(
    machine,
    base,
    start,
    v,
    num_betas,
    num_chains,
    num_sweeps,
    seed,
    sampler,
    verbose,
):
    """`likelihood.bracket`, with samples that the reverse starts from.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling.
        start: Tensor of shape `(particles, visible.width)`, cut to the number
            of chains, from which `num_sweeps` sweeps lead to the samples that
            the reverse starts from; `None` for draws from the base.
        v: Rows of the data, array of shape `(rows, visible.width)`, or
            `None`.
        num_betas: Number of steps of the annealing.
        num_chains: Number of chains.
        num_sweeps: Number of sweeps from `start`.
        seed: Integer from 0 to 2**64 - 1, or `None` for another each time.
        sampler: The `samplers.Sampler` that makes the sweeps.
        verbose: `"auto"`, 1 or 0.

    Returns:
        A `likelihood.Bracket`.

    Raises:
        ValueError: If a number is not a positive integer.
    """
    num_betas = checks.positive_integer("num_betas", num_betas)
    num_chains = checks.positive_integer("num_chains", num_chains)
    num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
    checks.in_memory("num_chains", (num_chains, machine.visible.width))
    stream = random.stream(seed)
    if v is not None:
        v = ops.cast(v, machine_lib.dtype(machine))
    if start is None:
        start = gibbs.sample_without_inputs(
            base, num_chains, random.fold_in(stream, Use.LOG_PARTITION_START)
        )
    start = ops.cast(start[:num_chains], machine_lib.dtype(machine))
    sweeps = random.fold_in(stream, Use.LOG_PARTITION_SWEEPS)

    def run(first, count):
        state = sampler.init(machine, start[first : first + count], base)
        own = sweeps._replace(first_row=first)
        return _run(sampler, machine, state, own, tf.constant(num_sweeps))

    return likelihood.bracket(
        machine,
        base,
        devices.by_rows(run, len(start)),
        random.fold_in(stream, Use.LOG_PARTITION_BRACKET),
        v,
        num_betas,
        num_chains,
        verbose,
    )


def by_batch(function, machine, v, units=None):
    """`function(machine, batch)` of all examples, joined.

    Args:
        function: Compiled function of a machine and 1,000 examples.
        machine: A `Machine`.
        v: Data as for `scores`.
        units: `Units` that they are states of; `None` for the visible ones.

    Returns:
        Array of shape `(examples,)`.
    """
    results = []
    for batch in examples.states(v, units or machine.visible, _BATCH):
        # The last batch is filled up: another shape would be compiled anew.
        rows = np.resize(batch, (_BATCH, batch.shape[1]))
        result = function(machine, ops.cast(rows, machine_lib.dtype(machine)))
        results.append(result[: len(batch)].numpy())
    return np.concatenate(results)


@compiled
def _free_energy(machine, v):
    return machine_lib.free_energy(machine, v)


@compiled
def _pseudo(machine, v):
    return likelihood.pseudo_log_likelihood(machine, v)


@compiled
def _pseudo_density(machine, v):
    return likelihood.pseudo_log_density(machine, v)


@compiled
def _run(sampler, machine, state, stream, num_sweeps):
    state, _ = samplers.run(sampler, machine, state, stream, num_sweeps)
    return sampler.samples(state)
