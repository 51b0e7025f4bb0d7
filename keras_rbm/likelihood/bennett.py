"""Bennett's acceptance ratio, applied to a ladder of tempered replicas."""

import math
from typing import NamedTuple

import numpy as np
from keras import ops
from scipy import optimize, special

from keras_rbm import checks, gibbs, random, samplers, tempering
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.likelihood.estimate import check_base
from keras_rbm.likelihood.starts import from_patterns, spaced
from keras_rbm.likelihood.visited import visited_states
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.random import Use
from keras_rbm.typing import Array, Verbose

# Sweeps in one compiled call.
_SWEEPS = 50
# Gain of `tempering.even_out` after each compiled call of the burn-in.
_GAIN = 0.5


#: Below this swap rate, neighbouring replicas hardly overlap.
MIN_SWAP_RATE = 0.05
#: Two groups of ladders disagree if their estimates differ by more than this
#: number of standard errors of the difference, and by more than `MIN_GAP`.
MAX_ERRORS = 4.0
#: A smaller difference of the two groups, in nats, never counts as
#: disagreement.
MIN_GAP = 0.02
#: The largest standard error of a group, in nats. Above this value the two
#: groups cannot be compared.
MAX_GROUP_ERROR = 0.2
# Maximum number of examples whose states count as visited.
_VISITED = 1000


class BennettEstimate(NamedTuple):
    """Log Z, estimated from the overlap of neighbouring replicas.

    You can use it in place of a `Bracket`, for example in
    `RBM.log_likelihood`.

    Half of the ladders start from the base. The other half starts from data
    or, without data, from visible states drawn given hidden states that are
    far from each other. Ladders that mix forget their start. If the two groups
    disagree, one group has missed a mode. The estimate is then not trusted,
    and `standard_error` is at least half the distance of the two groups.

    Attributes:
        log_z: The estimate from all ladders, in nats.
        chain_error: The standard error of `log_z` from the spread of the
            ladders, in nats. The ladders are independent of each other, so
            this error includes the autocorrelation within a ladder.
        swap_rates: Array of shape `(num_betas,)`, the rates at which
            neighbouring replicas were swapped, from beta = 1 down to 0. If a
            rate is near 0, the ladder is broken there.
        particles: Array of shape `(num_chains, visible.width)`, the final
            states of the replicas at beta = 1.
        groups: Two pairs of log Z and its standard error: from the ladders
            that started from the base, and from all other ladders. `None` if
            there is only one ladder.
        visited: The log of the sum of exp(-F) over the distinct states among
            the particles, up to 1,000 examples, and visible states drawn given
            hidden states that are far from each other. Never above log Z.
            `None` if the states of neither side can be listed.

    Example:
        log_z = likelihood.bennett(
            rbm.machine(),
            rbm.base_machine(),
            random.stream(0),
            num_betas=5,
            num_sweeps=100,
        )
        print(log_z.lower, log_z.upper, log_z.trusted)
    """

    log_z: float
    chain_error: float
    swap_rates: np.ndarray
    particles: np.ndarray
    groups: tuple[tuple[float, float], tuple[float, float]] | None = None
    visited: float | None = None

    @property
    def standard_error(self) -> float:
        """`chain_error`, or a larger error if the estimate is not trusted.

        In this case the error is at least half the distance of the two groups.
        """
        if self.trusted or self.groups is None:
            return self.chain_error
        return float(np.maximum(self.chain_error, self._distance / 2))

    @property
    def lower(self) -> float:
        """Two standard errors below `log_z`, and at least `visited`."""
        return max(self.log_z - 2 * self.standard_error, self._visited)

    @property
    def upper(self) -> float:
        """Two standard errors above `log_z`, and at least `visited`."""
        return max(self.log_z + 2 * self.standard_error, self._visited)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons not to trust the estimate, as a tuple of sentences."""
        reasons = []
        if not np.isfinite([self.log_z, self.chain_error]).all():
            reasons.append(
                "the estimate or its standard error is not finite: take more "
                "chains"
            )
        if not self.swap_rates.min() >= MIN_SWAP_RATE:
            reasons.append(
                f"two neighbours change places at a rate of only "
                f"{self.swap_rates.min():.3f}: take more betas"
            )
        vague = self.groups and np.max([e for _, e in self.groups])
        if vague is not None and not vague <= MAX_GROUP_ERROR:
            reasons.append(
                "the standard error of half of the ladders is "
                f"{vague:.2f} nats, more than {MAX_GROUP_ERROR:g}: take more "
                "betas, sweeps or chains"
            )
        if self._disagree:
            reasons.append(
                "ladders from different starts differ by "
                f"{self._distance:.2f} nats, more than {MAX_ERRORS:g} standard "
                "errors: one group has missed a mode; take more sweeps"
            )
        above = self._visited - self.log_z
        if above > 3 * self.chain_error:
            reasons.append(
                f"the log Z of the visited states alone is {above:.2f} nats "
                "above the estimate, which has missed a mode; take more sweeps"
            )
        return tuple(reasons)

    @property
    def trusted(self) -> bool:
        """Whether there are no warnings."""
        return not self.warnings

    def __str__(self):
        error = f" +- {self.standard_error:.3f}" if self.trusted else ""
        lines = [
            f"log Z = {self.log_z:.3f}{error} nats "
            f"(Bennett, {len(self.particles)} chains, smallest swap rate "
            f"{self.swap_rates.min():.2f})",
        ]
        if not self.trusted:
            lines.append(
                f"  between {self.lower:.3f} and {self.upper:.3f} nats, or "
                "outside"
            )
        lines += [f"  not to be trusted: {each}" for each in self.warnings]
        return "\n".join(lines)

    @property
    def _visited(self):
        return -np.inf if self.visited is None else self.visited

    @property
    def _distance(self):
        first, second = self.groups
        return abs(first[0] - second[0])

    @property
    def _disagree(self):
        if self.groups is None:
            return False
        error = math.hypot(*(error for _, error in self.groups))
        return self._distance > max(MAX_ERRORS * error, MIN_GAP)


def bennett(
    machine: machine_lib.Machine,
    base: machine_lib.Machine,
    stream: random.Stream,
    num_betas: int = 50,
    num_chains: int = 100,
    num_sweeps: int = 1000,
    num_burn_in: int = 500,
    verbose: Verbose = "auto",
    v: Array | None = None,
) -> BennettEstimate:
    """Log Z = log Z_base + sum_k r_k, with r_k = log Z_k / Z_k-1.

    With w = log p*_k(v) - log p*_k-1(v), each r_k solves

        mean_k-1 sigmoid(w - r_k) = mean_k sigmoid(r_k - w)

    over samples v at beta_k-1 and at beta_k, which parallel tempering draws.
    During the burn-in the betas are moved to make the swap rates equal. Half
    of the ladders start from the base, the others from data. If one group
    misses a mode, the estimates of the two groups differ.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling, as `machine.decouple` returns.
        stream: A `keras_rbm.random.Stream`.
        num_betas: Number of steps of the ladder, which has `num_betas + 1`
            replicas.
        num_chains: Number of independent ladders.
        num_sweeps: Number of sweeps after the burn-in. They take 16 bytes of
            memory for each step, chain and sweep.
        num_burn_in: Number of sweeps of the burn-in.
        verbose: See `ais`.
        v: Data of shape `(examples, visible.width)`, preferably held-out
            examples, from which half of the ladders start. If `None`, they
            start from visible states drawn given hidden states that are far
            from each other.

    Returns:
        A `BennettEstimate`.

    Raises:
        ValueError: If a number is not a positive integer, `base` is coupled
            or has other units than `machine`, or `v` are not valid data of
            the visible side.

    Reference: Bennett (1976), "Efficient estimation of free energy
        differences from Monte Carlo data", equation 12; Krause, Fischer and
        Igel (2020), "Algorithms for estimating the partition function of
        restricted Boltzmann machines", section 4.4.

    Example:
        found = likelihood.bennett(
            rbm.machine(),
            rbm.base_machine(),
            random.stream(0),
            num_betas=5,
            num_chains=10,
            num_sweeps=10,
            num_burn_in=5,
        )
        print(found.log_z, found.standard_error)
    """
    check_base(machine, base)
    for name, value in (
        ("num_betas", num_betas),
        ("num_chains", num_chains),
        ("num_sweeps", num_sweeps),
        ("num_burn_in", num_burn_in),
    ):
        checks.positive_integer(name, value)
    sampler = samplers.Tempered(num_betas + 1)
    rows = gibbs.sample_without_inputs(
        base,
        sampler.num_betas * num_chains,
        random.fold_in(stream, Use.START),
    )
    others = from_patterns(
        machine,
        max(num_chains // 2, 1),
        random.fold_in(stream, Use.LADDER_PATTERNS),
    )
    known = [others]
    if v is not None:
        machine.visible.check(v, "v")
        v = ops.cast(v, machine_lib.dtype(machine))
        known.append(spaced(v, _VISITED))
        others = spaced(v, len(others))
    rows = _with_starts(rows, others, sampler.num_betas)
    # Each replica has its own start.
    state = sampler.init(machine, rows[:num_chains], base)._replace(v=rows)
    bar = ProgressBar(num_burn_in + num_sweeps, "Bennett's ratio", verbose)
    swaps, turns, kept = 0.0, 0, []
    for first, last, counts in (
        (0, num_burn_in, False),
        (num_burn_in, num_burn_in + num_sweeps, True),
    ):
        for begin in range(first, last, _SWEEPS):
            count = min(_SWEEPS, last - begin)
            state, (probability, up, down) = _sweeps(
                sampler,
                machine,
                state,
                stream,
                *(ops.convert_to_tensor(x, "int32") for x in (begin, count)),
            )
            bar.add(count)
            # How often a swap of each pair was tried: even and odd pairs
            # alternate from sweep to sweep.
            sweeps = np.arange(begin, begin + count)[:, None]
            had = ((sweeps + np.arange(num_betas)) % 2 == 0).sum(axis=0)
            probability = ops.convert_to_numpy(probability)
            if counts:
                swaps, turns = swaps + probability, turns + had
                kept.append(
                    [ops.convert_to_numpy(x)[:count] for x in (up, down)]
                )
            elif had.all():
                rates = ops.cast(probability / had, state.betas.dtype)
                state = state._replace(
                    betas=tempering.even_out(state.betas, rates, _GAIN)
                )
    ups, downs = (np.concatenate(x) for x in zip(*kept, strict=True))
    base_log_z = float(
        machine_lib.log_partition_decoupled(machine_lib.cast(base, "float64"))
    )

    def estimate(chains):
        """Log Z and its standard error, from a slice of the ladders."""
        log_ratios, influences = zip(
            *(
                _ratio(ups[:, k, chains], downs[:, k, chains])
                for k in range(num_betas)
            ),
            strict=True,
        )
        influence = np.sum(influences, axis=0)
        count = len(influence)
        spread = influence.std(ddof=1) if count > 1 else np.inf
        return (
            base_log_z + float(np.sum(log_ratios)),
            float(spread / np.sqrt(count)),
        )

    half = num_chains - num_chains // 2
    groups = None
    if num_chains > 1:
        groups = estimate(slice(None, half)), estimate(slice(half, None))
    particles = ops.convert_to_numpy(sampler.samples(state))
    visited = visited_states(
        machine,
        np.concatenate([particles, *map(ops.convert_to_numpy, known)]),
        random.fold_in(stream, Use.LADDER_VISITED),
    )
    return BennettEstimate(
        *estimate(slice(None)),
        swaps / np.maximum(turns, 1),
        particles,
        groups,
        visited,
    )


def _with_starts(rows, others, num_betas):
    """Replaces the starts of the second half of the ladders, at all betas.

    Args:
        rows: Tensor of shape `(num_betas * chains, width)`, the starts of all
            replicas.
        others: Tensor of shape `(starts, width)`, the new starts. They are
            repeated if there are more ladders.
        num_betas: Number of replicas of a ladder.

    Returns:
        Tensor of the shape of `rows`.
    """
    chains, width = rows.shape[0] // num_betas, rows.shape[1]
    rows = ops.reshape(rows, (num_betas, chains, width))
    count = chains // 2
    index = np.arange(count) % len(others)
    others = ops.take(ops.cast(others, rows.dtype), index, axis=0)
    others = ops.broadcast_to(others, (num_betas, count, width))
    rows = ops.concatenate([rows[:, : chains - count], others], axis=1)
    return ops.reshape(rows, (-1, width))


def _ratio(up, down):
    """The estimate of log Z_k / Z_k-1, and the influence of each chain on it.

    Args:
        up: log p*_k - log p*_k-1 for samples at beta_k-1, array of shape
            `(sweeps, chains)`.
        down: log p*_k - log p*_k-1 for samples at beta_k, array of the same
            shape.

    Returns:
        The log ratio, and an array of shape `(chains,)` of mean 0: by how
        much each chain alone would change the log ratio, to first order.
    """

    def excess(ratio):
        return special.expit(up - ratio) - special.expit(ratio - down)

    if not np.isfinite([up, down]).all():
        return np.nan, np.full(up.shape[1], np.nan)
    # The log ratio is between the smallest and the largest difference.
    low = min(up.min(), down.min()) - 1.0
    high = max(up.max(), down.max()) + 1.0
    ratio = optimize.brentq(lambda r: excess(r).mean(), low, high, xtol=1e-10)
    slope = sum(
        (p * (1 - p)).mean()
        for p in (special.expit(up - ratio), special.expit(ratio - down))
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # If no overlap.
        return ratio, excess(ratio).mean(axis=0) / slope


@compiled
def _sweeps(sampler, machine, state, stream, first, num_sweeps):
    """Runs sweeps and collects log ratios of neighbouring betas.

    The log ratios are computed for the samples before each sweep.
    """
    pairs = sampler.num_betas - 1
    chains = state.v.shape[0] // sampler.num_betas
    empty = ops.zeros((_SWEEPS, pairs, chains), "float64")

    def observe(i, before, info, after, seen):
        swaps, ups, downs = seen
        betas, v = before.betas, before.v
        base = sampler.base(machine, before)
        # The step computes the same product: the compiler merges the two.
        inputs = machine_lib.hidden_inputs(machine, v)
        # Betas decrease from row to row: the colder neighbour comes before.
        colder = ops.concatenate([betas[:1], betas[:-1]])
        warmer = ops.concatenate([betas[1:], betas[-1:]])
        up = tempering.log_ratio(base, machine, betas, colder, v, inputs)
        down = -tempering.log_ratio(base, machine, betas, warmer, v, inputs)
        return (
            swaps + info.swaps,
            ops.slice_update(ups, (i, 0, 0), _row(up[1:])),
            ops.slice_update(downs, (i, 0, 0), _row(down[:-1])),
        )

    swaps = ops.zeros((pairs,), state.v.dtype)
    return samplers.run(
        sampler,
        machine,
        state,
        stream,
        num_sweeps,
        first,
        observe=observe,
        seen=(swaps, empty, empty),
    )


def _row(x):
    return ops.cast(x, "float64")[None]
