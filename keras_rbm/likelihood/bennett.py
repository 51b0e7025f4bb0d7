"""Bennett's acceptance ratio over a ladder of tempered replicas."""

from typing import NamedTuple

import numpy as np
from keras import ops
from scipy import optimize, special

from keras_rbm import checks, gibbs, random, samplers, tempering
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.likelihood.estimate import check_base
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.random import Use
from keras_rbm.typing import Verbose

# Sweeps in one compiled call.
_SWEEPS = 50
# How far the betas move after each of the burn-in.
_GAIN = 0.5


#: Below this rate of exchange neighbours hardly overlap.
MIN_SWAP_RATE = 0.05


class BennettEstimate(NamedTuple):
    """Log Z as the overlap of neighbouring replicas tells it.

    It can stand where a `Bracket` does, in `RBM.log_likelihood` for example.

    Attributes:
        log_z: The estimate, in nats.
        standard_error: That of `log_z`, in nats. It comes from the spread of
            the chains, which know nothing of each other, so that it counts
            the autocorrelation within a chain.
        swap_rates: Array of shape `(num_betas,)`, how often neighbours
            changed places, from beta = 1 down to 0. Where one of them is
            near 0 the ladder is broken.
        particles: Array of shape `(num_chains, visible.width)`, where the
            replicas at beta = 1 ended.
    """

    log_z: float
    standard_error: float
    swap_rates: np.ndarray
    particles: np.ndarray

    @property
    def lower(self) -> float:
        """Two standard errors below `log_z`."""
        return self.log_z - 2 * self.standard_error

    @property
    def upper(self) -> float:
        """Two standard errors above `log_z`."""
        return self.log_z + 2 * self.standard_error

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons not to trust the estimate, as a tuple of sentences."""
        reasons = []
        if not np.isfinite([self.log_z, self.standard_error]).all():
            reasons.append("it, or its standard error, is not finite")
        if not self.swap_rates.min() >= MIN_SWAP_RATE:
            reasons.append(
                f"two neighbours change places at a rate of "
                f"{self.swap_rates.min():.3f} alone: take more betas"
            )
        return tuple(reasons)

    @property
    def trusted(self) -> bool:
        return not self.warnings

    def __str__(self):
        lines = [
            f"log Z = {self.log_z:.3f} +- {self.standard_error:.3f} nats "
            f"(Bennett, {len(self.particles)} chains, smallest swap rate "
            f"{self.swap_rates.min():.2f})",
            *(f"  not to be trusted: {x}" for x in self.warnings),
        ]
        return "\n".join(lines)


def bennett(
    machine: machine_lib.Machine,
    base: machine_lib.Machine,
    stream: random.Stream,
    num_betas: int = 50,
    num_chains: int = 100,
    num_sweeps: int = 1000,
    num_burn_in: int = 500,
    verbose: Verbose = "auto",
) -> BennettEstimate:
    """Log Z = log Z_base + sum_k r_k, with r_k = log Z_k / Z_k-1.

    With w = log p*_k(v) - log p*_k-1(v), each r_k solves

        mean_k-1 sigmoid(w - r_k) = mean_k sigmoid(r_k - w)

    over samples v at beta_k-1 and at beta_k, which come from parallel
    tempering. During the burn-in the betas move towards even rates of
    exchange.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling, as `machine.decouple` returns.
        stream: A `keras_rbm.random.Stream`.
        num_betas: Number of steps of the ladder, which has one replica more.
        num_chains: Number of independent ladders.
        num_sweeps: Number of sweeps that count; 16 bytes are kept for each
            step, chain and such sweep.
        num_burn_in: Number of sweeps before these.
        verbose: As for `ais`.

    Returns:
        A `BennettEstimate`.

    Raises:
        ValueError: If a number is not a positive integer, or `base` is
            coupled or of other units.

    Reference: Bennett (1976), "Efficient estimation of free energy
        differences from Monte Carlo data", equation 12; Krause, Fischer and
        Igel (2020), as for `reverse_ais`, section 4.4.
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
    v = gibbs.sample_without_inputs(
        base,
        sampler.num_betas * num_chains,
        random.fold_in(stream, Use.START),
    )
    # Each replica has a start of its own.
    state = sampler.init(machine, v[:num_chains], base)._replace(v=v)
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
            # How often each pair had its turn: by turns, even and odd ones.
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
    log_ratios, influences = zip(
        *(_ratio(ups[:, k], downs[:, k]) for k in range(num_betas)),
        strict=True,
    )
    base = machine_lib.cast(base, "float64")
    base_log_z = machine_lib.log_partition_decoupled(base)
    influence = np.sum(influences, axis=0)
    spread = influence.std(ddof=1) if num_chains > 1 else np.inf
    return BennettEstimate(
        float(base_log_z + np.sum(log_ratios)),
        float(spread / np.sqrt(num_chains)),
        swaps / np.maximum(turns, 1),
        ops.convert_to_numpy(sampler.samples(state)),
    )


def _ratio(up, down):
    """One log Z_k / Z_k-1, and what each chain has to do with it.

    Args:
        up: log p*_k - log p*_k-1 of samples at beta_k-1, of shape `(sweeps,
            chains)`.
        down: The same of samples at beta_k.

    Returns:
        The ratio, and an array of shape `(chains,)` of mean 0: by how much a
        chain alone would move it, to first order.
    """

    def excess(ratio):
        return special.expit(up - ratio) - special.expit(ratio - down)

    if not np.isfinite([up, down]).all():
        return np.nan, np.full(up.shape[1], np.nan)
    # The ratio lies between the smallest and the largest change.
    low = min(up.min(), down.min()) - 1.0
    high = max(up.max(), down.max()) + 1.0
    ratio = optimize.brentq(lambda r: excess(r).mean(), low, high, xtol=1e-10)
    slope = sum(
        (p * (1 - p)).mean()
        for p in (special.expit(up - ratio), special.expit(ratio - down))
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # No overlap at all.
        return ratio, excess(ratio).mean(axis=0) / slope


@compiled
def _sweeps(sampler, machine, state, stream, first, num_sweeps):
    """Sweeps, and what the samples before each say of neighbouring betas."""
    pairs = sampler.num_betas - 1
    chains = state.v.shape[0] // sampler.num_betas
    empty = ops.zeros((_SWEEPS, pairs, chains), "float64")

    def observe(i, before, info, after, seen):
        swaps, ups, downs = seen
        betas, v = before.betas, before.v
        base = sampler.base(machine, before)
        # The compiler takes the product once for this and for the step.
        inputs = machine_lib.hidden_inputs(machine, v)
        # Betas fall from row to row: the colder neighbour is the one before.
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
