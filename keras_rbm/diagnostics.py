"""Diagnostics of mixing: autocorrelation, and chains from different starts."""

import math
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import samplers, tempering
from keras_rbm.compiled import compiled
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Tensor

# The window, in autocorrelation times; correlations beyond it are noise.
_WINDOW = 5.0


#: The largest accepted correlation between states halfway and at the end,
#: beyond three standard errors. A chain then remembers a share of its start of
#: about the square of this number.
MAX_MEMORY = 0.2
#: The smallest p-value for which two sets of samples count as alike.
MIN_P_VALUE = 1e-4
#: Below this rate of exchange, neighbouring replicas hardly change places.
MIN_SWAP_RATE = 0.05
#: The smallest share of the round trips that a ladder would make if replicas
#: forgot their past between two exchanges. Ladders that mix make 0.9 of them.
MIN_TRAVEL = 0.2
# If fewer round trips than this are expected, a lack of them means nothing.
_MIN_TRIPS = 20
# The most principal axes, and the most rows that determine them.
_AXES, _ROWS = 3, 1000


class Run(NamedTuple):
    """Results of a run of sweeps.

    Attributes:
        free_energy: F(v) before each sweep, of shape `(sweeps, chains)`, in
            nats.
        flipped: Whether a unit has changed in any chain, of shape
            `(visible.width,)`.
        v: Final states of the chains, of shape `(chains, visible.width)`.

    Example:
        found = diagnostics.run(rbm.machine(), x, random.stream(0), 100)
        print(diagnostics.autocorrelation_time(found.free_energy))
    """

    free_energy: Tensor
    flipped: Tensor
    v: Tensor


@compiled
def run(
    machine: Machine,
    v: Array,
    stream: Stream,
    num_sweeps: int,
    sampler: samplers.Sampler | None = None,
) -> Run:
    """Runs `num_sweeps` sweeps of each chain, and records statistics.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(chains, visible.width)`, the start of the chains.
        stream: A `keras_rbm.random.Stream`; sweep i draws from
            `fold_in(stream, i)`.
        num_sweeps: Integer, a part of the compiled program.
        sampler: A `samplers.Sampler`; `None` for `Gibbs()`.

    Returns:
        A `Run` of tensors.

    Example:
        found = diagnostics.run(rbm.machine(), x, random.stream(0), 10)
        print(found.free_energy.shape)  # (10, len(x))
    """
    sampler = samplers.get(sampler)

    def observe(i, before, info, after, seen):
        free_energy, flipped = seen
        old, new = sampler.samples(before), sampler.samples(after)
        # The compiler computes the product v W once, for this and the step.
        row = machine_lib.free_energy(machine, old)[None]
        changed = ops.any(ops.not_equal(new, old), axis=0)
        return (
            ops.slice_update(free_energy, (i, 0), row),
            ops.logical_or(flipped, changed),
        )

    v = ops.cast(v, machine_lib.dtype(machine))
    state, (free_energy, flipped) = samplers.run(
        sampler,
        machine,
        sampler.init(machine, v),
        stream,
        num_sweeps,
        observe=observe,
        seen=(
            ops.zeros((num_sweeps, ops.shape(v)[0]), v.dtype),
            ops.zeros((machine.visible.width,), "bool"),
        ),
    )
    return Run(free_energy, flipped, sampler.samples(state))


def autocorrelation(x: Array) -> np.ndarray:
    """rho(t) = mean (x_s - m) (x_{s+t} - m) / mean (x_s - m)^2.

    The means are over all s and all chains, and m is the mean over all chains
    together. Chains that stay in different places therefore have a lasting
    autocorrelation, even if each chain by itself looks like noise.

    Args:
        x: Array of shape `(sweeps, chains)`.

    Returns:
        `float64` array of shape `(sweeps,)`, for t from 0 on; NaN if x does not
        vary.

    Example:
        found = diagnostics.run(rbm.machine(), x, random.stream(0), 10)
        rho = diagnostics.autocorrelation(found.free_energy)
    """
    x = np.asarray(x)
    count = len(x)
    # Smaller differences are rounding errors: free energies of equal states.
    least = 8 * np.finfo(np.result_type(x, np.float16)).eps * np.abs(x).max()
    if np.ptp(x) <= least:
        return np.full(count, np.nan)
    x = x.astype("float64")
    # Zero padding prevents correlations of a chain's end with its beginning.
    spectrum = np.fft.rfft(x - x.mean(), 2 * count, axis=0)
    products = np.fft.irfft(np.square(np.abs(spectrum)).sum(1), 2 * count)
    covariance = products[:count] / np.arange(count, 0, -1)
    return covariance / covariance[0]


class AutocorrelationTime(NamedTuple):
    """The number of sweeps that are worth one independent draw.

    Attributes:
        sweeps: tau, 1 for independent draws; NaN if nothing varies.
        converged: Whether the run was long enough, more than five tau; if not,
            `sweeps` is a lower bound.

    Example:
        draws = np.random.default_rng(0).normal(size=(1000, 10))
        tau = diagnostics.autocorrelation_time(draws)
        print(tau.sweeps, tau.converged)
    """

    sweeps: float
    converged: bool


def autocorrelation_time(x: Array) -> AutocorrelationTime:
    """Tau = 1 + 2 sum_{t=1}^M rho(t), the integrated autocorrelation time.

    M is the first number of sweeps that is at least 5 tau: a longer sum would
    add more noise than signal. The relative standard error of tau is about
    sqrt(2 (2 M + 1) / (sweeps chains)). If the run is too short for such an M,
    the sum is taken over half of the run. Since the autocorrelation of
    block-Gibbs sampling is never negative, the result is then a lower bound.

    Args:
        x: Array of shape `(sweeps, chains)`, such as free energies of chains
            in equilibrium.

    Returns:
        An `AutocorrelationTime`.

    Reference: Sokal (1997), "Monte Carlo methods in statistical mechanics:
        foundations and new algorithms", section 3.

    Example:
        draws = np.random.default_rng(0).normal(size=(1000, 10))
        print(diagnostics.autocorrelation_time(draws).sweeps)  # About 1.
    """
    times = 2.0 * np.cumsum(autocorrelation(x)) - 1.0
    wide = np.arange(len(times)) >= _WINDOW * times
    converged = bool(wide.any())
    window = np.argmax(wide) if converged else len(times) // 2
    return AutocorrelationTime(float(times[window]), converged)


class Mixing(NamedTuple):
    """Whether chains have forgotten where they started.

    Attributes:
        memory: Correlation over chains between states halfway and at the end,
            the largest over the first principal axes.
        memory_error: Standard error of `memory` for chains that have forgotten.
        distance: Distance between the states of chains from different starts
            (`two_sample`), or `None` if all chains start alike.
        swap_rates: Mean rates of exchange of neighbouring replicas, array of
            shape `(num_replicas - 1,)`, or `None`.
        round_trips: Number of round trips of replicas in all chains, or `None`.
        free_round_trips: The number for replicas that forget their past between
            two exchanges (`tempering.free_trip_rate`), or `None`.

    Example:
        run = samplers.watched_sample(
            keras_rbm.Gibbs(), rbm.machine(), x, random.stream(0), num_sweeps=20
        )
        found = diagnostics.mixing(run.halfway, run.v)
        print(found.memory, found.warnings)
    """

    memory: float
    memory_error: float
    distance: "Distance | None" = None
    swap_rates: np.ndarray | None = None
    round_trips: float | None = None
    free_round_trips: float | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Signs that the chains have not mixed, as a tuple of sentences."""
        reasons = []
        if self.memory > MAX_MEMORY + 3 * self.memory_error:
            reasons.append(
                "the chains remember where they were after half of the sweeps "
                f"(correlation {self.memory:.2f}): take more sweeps, or "
                "a sampler such as Tempered() or TrajectoryTempering(...)"
            )
        if self.distance is not None and not self.distance.alike:
            reasons.append(
                "chains from different starts have not met: on a principal "
                "axis of their states their distributions are "
                f"{self.distance.largest:.2f} apart (Kolmogorov-Smirnov). Take "
                "more sweeps, start from data (`start=v`), or use "
                "TrajectoryTempering or LowRankTempering"
            )
        reasons += ladder_warnings(
            self.swap_rates, self.round_trips, self.free_round_trips
        )
        return tuple(reasons)


def ladder_warnings(
    swap_rates: Array | None,
    round_trips: float | None,
    free_round_trips: float | None,
) -> list[str]:
    """Signs that the replicas of tempered chains do not travel.

    Args:
        swap_rates: Rates of exchange of neighbouring replicas, of shape
            `(num_replicas - 1,)`, or `None` for chains without replicas.
        round_trips: Number of round trips of all chains.
        free_round_trips: The number for replicas that forget their past
            between two exchanges.

    Returns:
        A list of sentences.

    Example:
        print(diagnostics.ladder_warnings(np.array([0.4, 0.001]), 5.0, 300.0))
    """
    if swap_rates is None:
        return []
    if not np.min(swap_rates) >= MIN_SWAP_RATE:
        return [
            "two neighbouring betas exchange at a rate of "
            f"{np.min(swap_rates):.3f}, below {MIN_SWAP_RATE:g}: take more "
            "betas"
        ]
    enough = free_round_trips >= _MIN_TRIPS / MIN_TRAVEL
    if enough and round_trips < MIN_TRAVEL * free_round_trips:
        return [
            "replicas change places, but do not travel between the hottest "
            f"and the coldest beta: {round_trips:.0f} round trips, of "
            f"{free_round_trips:.0f} if they moved freely. Take more sweeps "
            "for each exchange or more betas, or use TrajectoryTempering"
        ]
    return []


def mixing(
    halfway: Array,
    end: Array,
    num_others: int = 0,
    ladder: samplers.Ladder | None = None,
    num_sweeps: int = 0,
) -> Mixing:
    """Judges chains by their states halfway and at the end of a run.

    The states are projected on their first principal axes. If chains have
    forgotten their states halfway, the final states are not correlated with
    these, and chains from different starts have the same distribution.

    Args:
        halfway: Array of shape `(chains, visible.width)`.
        end: Array of the same shape.
        num_others: Number of chains, the last ones, that started elsewhere.
        ladder: The `samplers.Ladder` at the end of the run, or `None`.
        num_sweeps: Number of sweeps of the run, for `ladder`.

    Returns:
        A `Mixing`.

    Example:
        halfway, end = np.random.default_rng(0).normal(size=(2, 100, 16))
        print(diagnostics.mixing(halfway, end).warnings)  # No memory: ().
    """
    halfway, end = (np.asarray(x, "float64") for x in (halfway, end))
    count = len(end)
    axes, mean = principal_axes(np.concatenate([halfway, end]))
    before, after = (halfway - mean) @ axes.T, (end - mean) @ axes.T
    distance = None
    if num_others:
        distance = two_sample(after[:-num_others], after[-num_others:])
    found = Mixing(memory(before, after), 1 / math.sqrt(count), distance)
    if ladder is None:
        return found
    rates = np.mean(ladder.swap_rates, axis=0)
    free = tempering.free_trip_rate(rates, np) * num_sweeps * count
    trips = float(np.sum(ladder.round_trips))
    return found._replace(
        swap_rates=rates, round_trips=trips, free_round_trips=float(free)
    )


def principal_axes(x: Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first principal axes of rows, and the mean of the rows.

    Args:
        x: Array of shape `(rows, width)`.

    Returns:
        Tuple of `float64` arrays of shapes `(axes, width)`, with up to three
        axes of positive variance, and `(width,)`.

    Example:
        axes, mean = diagnostics.principal_axes(x)
        places = (x - mean) @ axes.T  # Of shape (len(x), 3).
    """
    x = np.asarray(x, "float64")
    mean = x.mean(axis=0)
    few = x[:: -(-len(x) // _ROWS)] - mean
    # Use the covariance or the Gram matrix, whichever is smaller.
    wide = few.shape[1] > len(few)
    values, vectors = np.linalg.eigh(few @ few.T if wide else few.T @ few)
    order = [k for k in np.argsort(-values)[:_AXES] if values[k] > 1e-9]
    axes = vectors[:, order].T
    if wide:
        axes = axes @ few / np.sqrt(values[order])[:, None]
    return axes, mean


class Distance(NamedTuple):
    """Distance between two sets of samples on some axes.

    Attributes:
        largest: The largest Kolmogorov-Smirnov distance, from 0 to 1.
        limit: Independent samples of the same distribution exceed this with a
            probability of at most `MIN_P_VALUE`.

    Example:
        draws = np.random.default_rng(0).normal(size=(2, 100, 3))
        found = diagnostics.two_sample(*draws)
        print(found.largest, found.alike)
    """

    largest: float
    limit: float

    @property
    def alike(self) -> bool:
        """Whether the samples may come from one distribution."""
        return self.largest <= self.limit


def two_sample(x: Array, y: Array) -> Distance:
    """The largest Kolmogorov-Smirnov distance over some axes.

    Args:
        x: Array of shape `(rows, axes)`.
        y: Array of shape `(other rows, axes)`.

    Returns:
        A `Distance`. Its limit comes from the Kolmogorov distribution,
        sqrt(log(2 k / p) / 2 * (n + m) / (n m)) for k axes.

    Example:
        draws = np.random.default_rng(0).normal(size=(2, 100, 3))
        print(diagnostics.two_sample(*draws).alike)
    """
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    largest = 0.0
    for a, b in zip(x.T, y.T, strict=True):
        a, b = np.sort(a), np.sort(b)
        points = np.concatenate([a, b])
        # Rounding must not separate values that are equal in exact arithmetic.
        points += 1e-6 * np.abs(points).max()
        shares = (np.searchsorted(c, points) / len(c) for c in (a, b))
        largest = max(largest, float(np.abs(np.subtract(*shares)).max()))
    n, m, k = len(x), len(y), max(x.shape[1], 1)
    limit = math.log(2 * k / MIN_P_VALUE) / 2 * (n + m) / (n * m)
    return Distance(largest, math.sqrt(limit))


def memory(before: Array, after: Array) -> float:
    """The largest correlation, of all axes, over chains between two times.

    Args:
        before: Array of shape `(chains, axes)`, projections of states.
        after: Array of the same shape, of the same chains some sweeps later.

    Returns:
        A number from -1 to 1: 0 for chains that have forgotten, 1 for chains
        that stay where they are.

    Example:
        before, after = np.random.default_rng(0).normal(size=(2, 100, 3))
        print(diagnostics.memory(before, after))  # 0.11, for 100 chains.
    """
    return max(map(_correlation, before.T, after.T), default=0.0)


def _correlation(x, y):
    least = 1e-6 * max(np.abs(x).max(), np.abs(y).max())
    if min(np.ptp(x), np.ptp(y)) <= least:  # The variation is rounding.
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))
