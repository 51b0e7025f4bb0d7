"""Estimates of log Z from below and above, and reasons not to trust them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_rbm import checks, random
from keras_rbm.likelihood.ais import ais, reverse_ais
from keras_rbm.likelihood.estimate import Estimate, estimate
from keras_rbm.likelihood.fit import Fit, compare
from keras_rbm.likelihood.starts import spaced
from keras_rbm.likelihood.visited import visited_states
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.typing import Array, Verbose

#: Below this effective sample size a few chains carry all the weight.
MIN_EFFECTIVE_SAMPLE_SIZE = 50
#: The same limit for reverse AIS, where half of the chains start from data.
MIN_REVERSE_EFFECTIVE_SAMPLE_SIZE = 25
#: The largest trusted distance between AIS and reverse AIS, in nats.
MAX_GAP = 1.0
#: The largest trusted change when the number of betas is doubled, in nats, in
#: excess of two standard errors of the change.
MAX_CHANGE = 0.2
#: Without data, `MAX_GAP` and `MAX_CHANGE` are multiplied by this factor,
#: because only data can reveal a mode that no chain has visited.
STRICTER = 0.5
# Maximum number of examples whose states count as visited.
_VISITED = 1000


class Bracket(NamedTuple):
    """Bounds of log Z from annealed importance sampling and its reverse.

    On average, `forward` is below log Z and `reverse` is above it, provided
    that the reverse chains start from true samples of the model. Chains that
    miss a mode miss it in both directions. Two further values therefore look
    for modes:

    - `from_data` is the estimate of reverse AIS with starts from data. If the
      data lie in modes S of probability P(S), `from_data` is on average at
      least log Z + log P(S). If no chain has found a mode that contains data,
      `from_data` is above the other estimates.
    - `visited` is the log of the sum of exp(-F) over the distinct states among
      particles, samples and examples. No sampling error can make `visited`
      larger than log Z.

    `warnings` concern the estimates of log Z. `fit` tells whether the model
    fits the data.

    Attributes:
        forward: `Estimate` by `ais`.
        reverse: `Estimate` by `reverse_ais`.
        half: `Estimate` by `ais` with half the betas.
        from_data: `Estimate` by `reverse_ais` from data, or from states that
            sweeps have reached from data. `None` without data.
        visited: Log of the sum of exp(-F) over the visited states, or `None`
            if the states of neither side can be listed.
        fit: `Fit` of the model to the data, or `None` without data.

    Example:
        log_z = rbm.log_partition("ais", x, num_betas=100, num_sweeps=20)
        print(log_z.lower, log_z.upper, log_z.trusted)
    """

    forward: Estimate
    reverse: Estimate
    half: Estimate
    from_data: Estimate | None = None
    visited: float | None = None
    fit: Fit | None = None

    @property
    def lower(self) -> float:
        """The lower bound of log Z, at least `visited`.

        It gives the higher, optimistic log-likelihood.
        """
        lowest = np.minimum(self.forward.log_z, self.reverse.log_z)
        return float(np.maximum(lowest, self._visited))

    @property
    def upper(self) -> float:
        """The upper bound of log Z.

        It gives the lower, pessimistic log-likelihood.
        """
        values = [e.log_z for e in self._estimates().values()]
        return float(np.max([*values, self._visited]))

    @property
    def gap(self) -> float:
        """`upper - lower`, in nats."""
        return self.upper - self.lower

    @property
    def standard_error(self) -> float:
        """The larger standard error of AIS and reverse AIS, in nats.

        Chains that miss the same mode agree with each other. The spread of
        their weights therefore understates the error. If the bracket is not
        trusted, the error is at least half of `gap`, and at least the change
        of AIS when the number of betas is doubled.
        """
        error = self._sampling_error
        if self.trusted:
            return error
        change = abs(self.forward.log_z - self.half.log_z)
        return float(np.max([error, self.gap / 2, change]))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons not to trust the bracket, as a tuple of sentences."""
        reasons = []
        forward, reverse = self.forward, self.reverse
        strict = STRICTER if self.from_data is None else 1.0
        for name, found, least in (
            ("AIS", forward, MIN_EFFECTIVE_SAMPLE_SIZE),
            ("reverse AIS", reverse, MIN_REVERSE_EFFECTIVE_SAMPLE_SIZE),
        ):
            size = found.effective_sample_size
            if not size >= least:
                reasons.append(
                    f"the effective sample size of {name} is {size:.1f} of "
                    f"{len(found.log_weights)}, below {least}: take more "
                    "chains or betas"
                )
        gap = abs(forward.log_z - reverse.log_z)
        if not gap <= strict * MAX_GAP:
            reasons.append(
                f"AIS and reverse AIS are {gap:.2f} nats apart, more "
                f"than {strict * MAX_GAP:g}: take more betas"
            )
        inverted = forward.log_z - reverse.log_z
        errors = (e.standard_error for e in (forward, reverse))
        if inverted > 3 * math.hypot(*errors):
            reasons.append(
                f"reverse AIS is {inverted:.2f} nats below AIS: its samples "
                "miss a part of the model; take more sweeps"
            )
        change = forward.log_z - self.half.log_z
        errors = (e.standard_error for e in (forward, self.half))
        if not abs(change) - 2 * math.hypot(*errors) <= strict * MAX_CHANGE:
            reasons.append(
                f"doubling the betas changed AIS by {change:+.2f} nats, more "
                f"than {strict * MAX_CHANGE:g}: take more betas"
            )
        highest = max(forward.log_z, reverse.log_z)
        if self.from_data is not None:
            above = self.from_data.log_z - highest
            if not above <= MAX_GAP:
                reasons.append(
                    f"reverse AIS from the data is {above:.2f} nats above AIS "
                    f"and its reverse, more than {MAX_GAP:g}: the data lie in "
                    "modes that the chains have not found; take more betas"
                )
        above = self._visited - highest
        # The sum over visited states is exact, the other estimates are not.
        if above > 3 * self._sampling_error:
            reasons.append(
                "the log Z of the visited states alone is "
                f"{above:.2f} nats above AIS and its reverse, which have "
                "missed a mode: take more betas"
            )
        return tuple(reasons)

    @property
    def trusted(self) -> bool:
        """Whether there are no warnings."""
        return not self.warnings

    def __str__(self):
        lines = [f"log Z from {self.lower:.3f} to {self.upper:.3f} nats"]
        for name, found in self._estimates().items():
            # The spread of weights understates the error if not trusted.
            error = f" +- {found.standard_error:.3f}" if self.trusted else ""
            lines.append(
                f"  {name:<22} {found.log_z:.3f}{error} (effective sample size "
                f"{found.effective_sample_size:.0f} of "
                f"{len(found.log_weights)})"
            )
        lines += [f"  not to be trusted: {each}" for each in self.warnings]
        if self.trusted:
            lines.append("  trusted: the estimates agree with each other")
        if self.from_data is None:
            lines.append(
                "  no data were given: a mode that no chain has met remains "
                "unnoticed"
            )
        # Particles that miss a mode say nothing about the model.
        if self.fit is not None and self.trusted:
            lines += [f"  {each}" for each in self.fit.warnings]
        return "\n".join(lines)

    @property
    def _sampling_error(self):
        return max(self.forward.standard_error, self.reverse.standard_error)

    @property
    def _visited(self):
        return -np.inf if self.visited is None else self.visited

    def _estimates(self):
        found = {"AIS": self.forward, "reverse AIS": self.reverse}
        if self.from_data is not None:
            found["reverse AIS from data"] = self.from_data
        return found


def bracket(
    machine: Machine,
    base: Machine,
    v_model: Array,
    stream: Stream,
    v: Array | None = None,
    num_betas: int = 10_000,
    num_chains: int = 100,
    verbose: Verbose = "auto",
    v_moved: Array | None = None,
    visited: Sequence[Array] = (),
) -> Bracket:
    """Runs `ais` and `reverse_ais`, and `ais` again with half the betas.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling, as `machine.decouple` returns.
        v_model: Independent samples of the machine, of shape `(samples,
            visible.width)`, from which reverse AIS starts. The same number of
            chains starts from each sample and from each start from data, with
            at least `num_chains` chains in total.
        stream: A `keras_rbm.random.Stream`.
        v: Data of shape `(examples, visible.width)`, with which `fit` compares
            the particles, or `None`.
        num_betas: Number of steps of the annealing.
        num_chains: Number of chains of `ais`.
        verbose: See `ais`.
        v_moved: Starts of reverse AIS from data, of shape `(starts,
            visible.width)`: held-out examples after some sweeps. If `None`,
            evenly spaced examples of `v`, at most as many as `v_model` has
            samples.
        visited: Arrays of further visible states, of shape `(rows,
            visible.width)`, that count as visited.

    Returns:
        A `Bracket`.

    Raises:
        ValueError: If a number is not a positive integer. See also `ais` and
            `reverse_ais`.

    Example:
        found = likelihood.bracket(
            rbm.machine(),
            rbm.base_machine(),
            rbm.sample(20, num_sweeps=20, seed=0),
            random.stream(0),
            num_betas=20,
            num_chains=20,
        )
        print(found.lower, found.upper, found.warnings)
    """
    num_betas = checks.positive_integer("num_betas", num_betas)
    half, forward = (
        ais(
            machine,
            base,
            random.fold_in(stream, use),
            betas,
            num_chains,
            verbose,
        )
        for use, betas in (
            (Use.HALF, (num_betas + 1) // 2),
            (Use.FORWARD, num_betas),
        )
    )

    starts, fit = [v_model], None
    rows = [forward.particles, v_model, *visited]
    if v is not None:
        if v_moved is None:
            v_moved = spaced(v, len(v_model))
        fit = compare(machine, v, forward.particles)
        starts.append(v_moved)
        rows += [v_moved, spaced(v, _VISITED)]
    starts = np.concatenate([np.asarray(x) for x in starts])
    both = reverse_ais(
        machine,
        base,
        starts,
        random.fold_in(stream, Use.REVERSE),
        num_betas,
        -(-num_chains // max(len(starts), 1)),
        verbose,
    )
    from_model = _part(base, both, slice(None, len(v_model)))
    from_data = None
    if v is not None:
        from_data = _part(base, both, slice(len(v_model), None))
    bound = visited_states(
        machine,
        np.concatenate([np.asarray(x) for x in rows]),
        random.fold_in(stream, Use.VISITED),
    )
    return Bracket(forward, from_model, half, from_data, bound, fit)


def _part(base, both, rows):
    """The estimate of `reverse_ais` from a slice of its starts."""
    repeats = len(both.particles) // len(both.log_weights)
    particles = both.particles.reshape(-1, repeats, both.particles.shape[1])
    particles = particles[rows].reshape(-1, both.particles.shape[1])
    return estimate(base, both.log_weights[rows], particles, reverse=True)
