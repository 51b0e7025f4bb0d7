"""Functions behind `MachineModel.log_likelihood` and `log_partition`."""

import html
import math
import warnings
from itertools import islice
from typing import NamedTuple, Self

import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import checks, devices, gibbs, likelihood, random, samplers
from keras_rbm import machine as machine_lib
from keras_rbm import rows as rows_lib
from keras_rbm.compiled import compiled
from keras_rbm.models import examples
from keras_rbm.random import Use
from keras_rbm.typing import Array
from keras_rbm.units import Bernoulli, Units

# Examples in a batch for free energies; most examples that AIS uses, and most
# numbers in them.
_BATCH, _EXAMPLES, _NUMBERS = 1000, 10_000, 2**24
# For `warn_of_short_run`: sites of an example; about how many examples are
# compared first; the standard errors and the examples that then suffice.
_SITES, _FIRST_EXAMPLES, _CLEAR, _FEW = 10, 100, 3, 30


class MeanLogLikelihood(NamedTuple):
    """Lower and upper estimates of mean log p(v) = -mean F(v) - log Z.

    The baseline is the log-likelihood of the same examples under independent
    units with the moments of the training data. A model that has learned
    anything exceeds the baseline.

    Attributes:
        scores: -F(v), `float64` array of shape `(examples,)`, in nats.
        log_partition: `likelihood.Exact` or `likelihood.Bracket`: log Z.
        is_bound: Whether the scores are variational lower bounds. log p(v) may
            then exceed `upper`, too.
        baseline_scores: log p(v) under independent units, `float64` array of
            shape `(examples,)`, in nats; `None` for a model that has seen no
            data (`adapt`, which `fit` calls, was never called).
        columns: Number of columns of an example, where a site of `Softmax`
            units counts as one column; `None` if it is not known.
        upper_scores: If missing entries were summed out by sampling, the
            scores estimated from above, an array like `scores`; `scores` are
            then estimated from below. `None` if all scores are exact.
        scores_error: The standard error of the mean score due to this
            sampling, in nats, or half the distance between the means of
            `scores` and `upper_scores`, whichever is larger.
        scores_warnings: Reasons not to trust these estimates, as a tuple of
            sentences.
        log_jacobian: The numbers that `in_own_units` added to the scores,
            `float64` array of shape `(examples,)`, in nats; `None` if it was
            not called.

    Example:
        result = rbm.log_likelihood(x)
        print(result)
        print(result.lower, result.gain)
    """

    scores: np.ndarray
    log_partition: likelihood.Exact | likelihood.Bracket
    is_bound: bool = False
    baseline_scores: np.ndarray | None = None
    columns: int | None = None
    log_jacobian: np.ndarray | None = None
    upper_scores: np.ndarray | None = None
    scores_error: float = 0.0
    scores_warnings: tuple[str, ...] = ()

    def in_own_units(self, log_jacobian: Array) -> Self:
        """The log-likelihood of the data y, which were encoded as examples v.

            log p(y) = log p(v) + log |dv / dy|

        For real columns, the log-likelihood is a log-density of the columns
        that the model was given, such as standardized columns. Only densities
        in the data's own units can be compared with other models and other
        encodings. The baseline changes by the same number as the
        log-likelihood, so that the gain stays the same.

        Args:
            log_jacobian: log |dv / dy| of each example, of shape
                `(examples,)`, as `data.Schema.log_jacobian` returns it; or a
                number for all examples. If you have standardized the columns
                yourself, it is `-np.log(deviation).sum()`.

        Returns:
            A `MeanLogLikelihood` in the data's own units. `print` names these
            units.

        Raises:
            ValueError: If the log-likelihood is already in the data's own
                units, or if `log_jacobian` has another shape or is not finite.

        Example:
            rbm = keras_rbm.RBM(table.schema.units, 4, seed=0)
            learned = rbm.log_likelihood(table.train)
            jacobian = table.schema.log_jacobian(table.train)
            print(learned.in_own_units(jacobian))
        """
        if self.log_jacobian is not None:
            raise ValueError(
                "The log-likelihood is in the data's own units already. Call "
                "`in_own_units` once, on what `log_likelihood` returns."
            )
        added = np.asarray(log_jacobian, "float64")
        if (
            added.shape not in ((), self.scores.shape)
            or not np.isfinite(added).all()
        ):
            raise ValueError(
                "`log_jacobian` must be a finite number for each example, of "
                f"shape ({len(self.scores)},), or one for all. Received: "
                f"log_jacobian.shape={added.shape}, "
                f"{np.isfinite(added).sum()} of {added.size} finite"
            )
        base, upper = self.baseline_scores, self.upper_scores
        return self._replace(
            scores=self.scores + added,
            upper_scores=None if upper is None else upper + added,
            baseline_scores=None if base is None else base + added,
            log_jacobian=np.broadcast_to(added, self.scores.shape),
        )

    @property
    def lower(self) -> float:
        """The lower estimate, which uses the larger estimate of log Z.

        If missing entries were summed out by sampling, this property uses the
        smaller of the two estimates of the mean score. Because of sampling
        errors, this is not always the estimate from below.
        """
        return self._mean_scores()[0] - self.log_partition.upper

    @property
    def upper(self) -> float:
        """The upper estimate, which uses the smaller estimate of log Z."""
        return self._mean_scores()[1] - self.log_partition.lower

    @property
    def estimated_examples(self) -> int:
        """Number of examples whose missing entries were summed by sampling."""
        if self.upper_scores is None:
            return 0
        return int((self.scores != self.upper_scores).sum())

    @property
    def is_exact(self) -> bool:
        """Whether neither log Z nor any score is an estimate or a bound."""
        exact = isinstance(self.log_partition, likelihood.Exact)
        return exact and not (self.is_bound or self.estimated_examples)

    @property
    def standard_error(self) -> float:
        """The standard error of the log-likelihood, in nats.

        The root of the sum of the squared standard errors of the mean over
        examples, of log Z, and of an estimated sum over missing entries.
        Infinite for a single example, which does not show how much examples
        differ.
        """
        error = np.hypot(_standard_error(self.scores), self.scores_error)
        return float(np.hypot(error, self.log_partition.standard_error))

    @property
    def baseline(self) -> float | None:
        """Mean log p(v) under independent units, in nats, or `None`."""
        if self.baseline_scores is None:
            return None
        return float(self.baseline_scores.mean())

    @property
    def gain(self) -> float | None:
        """`lower - baseline`, in nats per example, or `None`."""
        if self.baseline_scores is None:
            return None
        return self.lower - self.baseline

    @property
    def gain_standard_error(self) -> float | None:
        """The standard error of the gain, or `None`.

        It combines the standard errors of log Z, of estimated sums over missing
        entries, and of the mean difference between model and baseline over the
        examples. The difference varies little for examples that are improbable
        under both. Infinite for a single example.
        """
        if self.baseline_scores is None:
            return None
        error = np.hypot(
            _standard_error(self.scores - self.baseline_scores),
            self.scores_error,
        )
        return float(np.hypot(error, self.log_partition.standard_error))

    @property
    def gain_in_bits(self) -> float | None:
        """The gain in bits per column, or `None`."""
        if self.baseline_scores is None or not self.columns:
            return None
        return self.gain / (math.log(2) * self.columns)

    @property
    def beats_baseline(self) -> bool | None:
        """Whether the gain is larger than its standard error, or `None`."""
        if self.baseline_scores is None:
            return None
        return self.gain > self.gain_standard_error

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons to distrust the result, as a tuple of sentences.

        Contains the reasons not to trust the estimates, and a warning if the
        model is no better than independent units.
        """
        found = (*self.log_partition.warnings, *self.scores_warnings)
        if self._is_no_better():
            found = (*found, no_better(self.gain, self.gain_standard_error))
        return found

    @property
    def trusted(self) -> bool:
        """Whether log Z and the sums over missing entries can be trusted."""
        return self.log_partition.trusted and not self.scores_warnings

    def __float__(self):
        return self.lower

    def __repr__(self):
        ends = ", ".join(f"{end:.3f}" for end in self._ends())
        beside = ""
        if self.baseline_scores is not None:
            beside = f", baseline={self.baseline:.3f}"
        return (
            f"MeanLogLikelihood({ends}{beside}, "
            f"standard_error={self.standard_error:.3f}, "
            f"examples={len(self.scores)})"
        )

    def __str__(self):
        # An untrusted estimate has no meaningful standard error.
        error = "not trusted"
        if self.trusted:
            error = f"+- {self.standard_error:.3f}"
        lines = [
            f"{self._name()} {self._range()} nats, {error} "
            f"({len(self.scores)} examples)"
        ]
        if self.log_jacobian is not None:
            lines.append(f"  {self._units()}")
        if self.baseline_scores is not None:
            lines.append(
                f"  independent units {self.baseline:.3f} nats; gain "
                f"{self._gain()}"
            )
            if self._is_no_better():
                lines.append(f"  warning: {self.warnings[-1]}")
        if self.estimated_examples:
            lines.append(f"  {self.about_missing}")
        lines += [f"  warning: {text}" for text in self.scores_warnings]
        return "\n".join([*lines, str(self.log_partition)])

    @property
    def about_missing(self) -> str | None:
        """A sentence about sums over missing entries that are estimates.

        `None` if all sums over missing entries are exact.
        """
        if not self.estimated_examples:
            return None
        low, high = self._mean_scores()
        return (
            f"{self.estimated_examples} of {len(self.scores)} examples miss "
            "too many entries for an exact sum, so the sum is estimated by "
            "sampling, from below and from above. The two estimates of the "
            f"mean are {high - low:.4f} nats apart, and the standard error "
            f"due to sampling is {self.scores_error:.4f}"
        )

    def _repr_html_(self):
        """A small table for notebooks."""
        rows = [(self._name(), f"{self._range()} nats")]
        if self.baseline_scores is not None:
            rows += [
                ("independent units", f"{self.baseline:.3f} nats"),
                ("gain", self._gain()),
            ]
        rows += [
            ("standard error", f"{self.standard_error:.3f} nats"),
            ("examples", f"{len(self.scores)}"),
            *([] if self.log_jacobian is None else [("units", self._units())]),
            *(("warning", text) for text in self.warnings),
        ]
        cells = "".join(
            f"<tr><th style='text-align: left'>{html.escape(name)}</th>"
            f"<td style='text-align: left'>{html.escape(text)}</td></tr>"
            for name, text in rows
        )
        return f"<table>{cells}</table>"

    def _is_no_better(self):
        """Whether the gain and its error are known, and the error is larger."""
        return self.beats_baseline is False and bool(
            np.isfinite([self.gain, self.gain_standard_error]).all()
        )

    def _name(self):
        bound = "bound on the log-likelihood"
        return bound if self.is_bound else "log-likelihood"

    def _units(self):
        mean = self.log_jacobian.mean()
        return (
            f"in the data's own units: {mean:+.3f} nats (the log Jacobian of "
            "the scaling) are added"
        )

    def _mean_scores(self):
        """The smaller and the larger estimate of the mean score."""
        found = [float(self.scores.mean())]
        if self.upper_scores is not None:
            found.append(float(self.upper_scores.mean()))
        return float(np.min(found)), float(np.max(found))

    def _ends(self):
        return dict.fromkeys((self.lower, self.upper))

    def _range(self):
        return " to ".join(f"{end:.3f}" for end in self._ends())

    def _gain(self):
        text = f"{self.gain:+.3f}"
        if self.trusted:
            text += f" +- {self.gain_standard_error:.3f}"
        text += " nats"
        if self.columns:
            text += f", {self.gain_in_bits:+.4f} bits a column"
        return text


def no_better(gain: float, error: float) -> str:
    """The warning that a model does not beat independent units.

    Args:
        gain: The gain of the model over independent units, in nats.
        error: The standard error of the gain.
    """
    return (
        f"the model is no better than independent units: its gain is "
        f"{gain:+.3f} +- {error:.3f} nats. Likely causes: too few updates "
        "(most data need 2,000 or more), a kernel that starts too small (try "
        "kernel_initializer=RandomNormal(stddev=0.1)), or a step size that is "
        "too small, or so large that training diverges"
    )


def warn_of_short_run(updates, machine, base, rows, sample_weight, stream):
    """Warns of a machine that does not beat independent units yet.

    The machine and the independent units predict the same random sites of the
    same examples, so that the difference of their pseudo-log-likelihoods has
    little noise. Most machines are clearly better: about 100 examples are
    compared first, and the others only if the difference is below 3 standard
    errors. For binary units, data between 0 and 1 are replaced by a draw. For
    other data that are not states, there is no warning.

    Args:
        updates: Number of updates that were made.
        machine: A `Machine` whose visible units have a list of states.
        base: A `Machine` without coupling, with the moments of the data.
        rows: Tensor of shape `(examples, visible.width)`.
        sample_weight: Array of shape `(examples,)`.
        stream: A `Stream`.
    """
    visible = machine.visible
    columns = visible.width + machine.hidden.width
    rows = rows[: max(_NUMBERS // (_SITES * columns), 2)]
    if isinstance(visible, Bernoulli):
        u = random.uniform(random.fold_in(stream, Use.BINARIZE), rows.shape)
        rows = ops.cast(ops.cast(u, rows.dtype) < rows, rows.dtype)
    elif np.any(visible.nearest(rows) != rows):
        return
    weight = np.asarray(sample_weight, "float64")[: len(rows)]
    kept = np.flatnonzero(weight)
    if not len(kept):
        return
    # A clear difference shows in few examples, from all parts of the data.
    some = kept[:: -(-len(kept) // _FIRST_EXAMPLES)]
    if len(some) < len(kept) and _effective_number(weight[some]) >= _FEW:
        *_, gain, error = _compare(
            machine, base, ops.take(rows, some, axis=0), weight[some], stream
        )
        if gain > _CLEAR * error:
            return
    ours, theirs, gain, error = _compare(machine, base, rows, weight, stream)
    if gain > error:
        return
    warnings.warn(
        f"After {updates:,} updates the model does not predict the data better "
        "than independent units: its pseudo-log-likelihood is "
        f"{ours:.3f} nats an example, theirs {theirs:.3f} (difference "
        f"{gain:+.3f} +- {error:.3f}, {len(rows)} examples). Most data need "
        "2,000 updates or more: call `fit(x, updates=20_000)`, or set "
        "`run.updates`. If the columns of the data are independent of each "
        "other, no model is better.",
        UserWarning,
        stacklevel=4,
    )


def _compare(machine, base, rows, weight, stream):
    """Pseudo-log-likelihoods of two machines, by the same sites of examples.

    Args:
        machine: A `Machine`.
        base: Another one, of the same visible units.
        rows: Tensor of states, of shape `(examples, visible.width)`.
        weight: Array of shape `(examples,)`, not all 0.
        stream: A `Stream`.

    Returns:
        The means of both machines, their difference, and its standard error.
    """
    ours, theirs = (
        np.asarray(
            likelihood.stochastic_pseudo_log_likelihood(
                each, rows, random.fold_in(stream, Use.SITES), _SITES
            ),
            "float64",
        )
        for each in (machine, base)
    )
    ours, theirs, gain, square = (
        float(np.average(x, weights=weight))
        for x in (ours, theirs, ours - theirs, (ours - theirs) ** 2)
    )
    count = _effective_number(weight)
    error = math.sqrt(max(square - gain**2, 0.0) / max(count - 1, 1))
    return ours, theirs, gain, error


def _effective_number(weight):
    return weight.sum() ** 2 / (weight**2).sum()


class Baseline:
    """log p(v) under independent units, collected batch by batch.

    The baseline has the same units as the model's examples. Their parameters
    give the moments of the training data (`Units.fit_parameters`), and avoid
    probabilities of 0, so that all numbers are finite.

    Args:
        units: `Units` of the examples.
        mean: Mean of the training data, of shape `(units.width,)`.
        variance: Variance of the training data, of the same shape.
    """

    def __init__(self, units: Units, mean: Array, variance: Array):
        self._units = units
        fitted = units.fit_parameters(mean, variance)
        self._params = {k: ops.cast(p, "float64") for k, p in fitted.items()}
        no_inputs = ops.zeros((1, units.width), "float64")
        self._log_partition = units.log_partition(no_inputs, self._params)
        self._batches = []

    def add(self, v: Array) -> None:
        """Adds a batch of examples, of shape `(batch, units.width)`.

        Missing entries (NaN) do not count.
        """
        v = np.asarray(ops.cast(v, "float64"))
        lost = np.isnan(v)
        energy = self._units.energy(
            ops.convert_to_tensor(np.where(lost, 0.0, v)), self._params
        )
        scores = np.asarray(-energy - self._log_partition)
        if lost.any():
            nothing = ops.zeros((1, self._units.width), "float64")
            terms = self._units.log_partitions(nothing, self._params)[0]
            units = lost[:, self._units.first_columns]
            scores = scores + units @ np.asarray(terms)
        self._batches.append(scores)

    @property
    def scores(self) -> np.ndarray:
        """Log-likelihoods of all examples so far, in nats."""
        return np.concatenate(self._batches)


def _standard_error(values):
    """The standard error of a mean; infinite for a single value."""
    if len(values) < 2:
        return np.inf
    return values.std() / np.sqrt(len(values) - 1)


def check_arguments(method, log_partition, others):
    """Checks the arguments of `RBM.log_likelihood` against each other.

    Args:
        method: The method to compute log Z by.
        log_partition: log Z, or `None`.
        others: Dict of the further arguments. `seed` and `verbose` also belong
            to the sums over missing entries.

    Raises:
        ValueError: If log Z is given together with arguments of its
            computation, or is not a result of `RBM.log_partition`.
    """
    others = set(others) - {"seed", "verbose"}
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
        ValueError: If `method` is unknown.
    """
    if method not in ("auto", "exact", "ais"):
        raise ValueError(
            '`method` must be "auto", "exact" or "ais". Received: '
            f"method={method!r}"
        )
    return method == "exact" or (
        method == "auto" and likelihood.can_be_exact(machine)
    )


def scores(machine, v, watch=None):
    """-F(v) of all examples.

    Args:
        machine: A `Machine`.
        v: Array of shape `(examples, visible.width)`, or a finite
            `tf.data.Dataset` of batches of examples.
        watch: Function that is called with each batch of examples, or `None`.

    Returns:
        `float64` array of shape `(examples,)`, in nats.

    Raises:
        ValueError: If the data are not states of the visible units.
    """
    machine = machine_lib.cast(machine, "float64")
    return -by_batch(_free_energy, machine, v, watch=watch)


def observed_scores(machine, base, v, stream, watch=None, verbose="auto"):
    """`likelihood.observed` of all examples, which have missing entries.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling.
        v: Data as for `scores`, with NaN.
        stream: A `Stream`.
        watch: See `scores`.
        verbose: `"auto"`, 1 or 0.

    Returns:
        A `likelihood.Observed`.

    Raises:
        ValueError: If observed entries are not states of the visible units.
    """
    units, found = machine.visible, []
    size = rows_lib.of_width(units.width, _BATCH)
    for number, batch in enumerate(
        examples.states(v, units, size, may_miss=True)
    ):
        if watch is not None:
            watch(batch)
        own = random.fold_in(stream, number)
        found.append(
            likelihood.observed(machine, base, batch, own, verbose=verbose)
        )
    lower, upper, error = (
        np.concatenate([each[i] for each in found]) for i in range(3)
    )
    texts = dict.fromkeys(text for each in found for text in each.warnings)
    return likelihood.Observed(lower, upper, error, tuple(texts))


def observed_error(observed):
    """The standard error of the mean of a `likelihood.Observed`.

    The sampling errors of the rows are independent of each other. But each
    estimate has the same bias in all rows: the lower one is too low on average,
    and the upper one too high. The distance of the two means measures this
    bias. The standard error is therefore at least half of the distance.
    """
    error = np.sqrt(np.square(observed.standard_error).sum())
    gap = abs((observed.upper - observed.lower).mean())
    return float(max(error / len(observed.lower), gap / 2))


def surprise(machine, v):
    """-log p(v_i | v_rest) = S(v_rest) - S(v), for each unit i of each row.

    S(v) is log sum exp(-F), where the sum runs over the missing entries.

    Args:
        machine: A `Machine`, in float64.
        v: Array of shape `(rows, visible.width)`, with NaN.

    Returns:
        `float64` array of shape `(rows, visible.size)`, NaN where missing.

    Raises:
        ValueError: If a sum has too many terms.
    """
    units, v = machine.visible, np.asarray(v, "float64")
    starts = units.first_columns
    ends = np.append(starts[1:], units.width)
    found = np.full((len(v), len(starts)), np.nan)
    # S(v) of the rows that `is_known` marks. The sums for the other rows may
    # have too many terms.
    whole, is_known = np.empty(len(v)), np.zeros(len(v), bool)
    for unit, (start, end) in enumerate(zip(starts, ends, strict=True)):
        known = ~np.isnan(v[:, start])
        if not known.any():
            continue
        rest = v[known].copy()
        rest[:, start:end] = np.nan
        if not likelihood.exact_rows(machine, rest).all():
            raise ValueError(
                "The surprise of an entry needs a hidden side of few joint "
                "states, or rows in which few entries are missing (see "
                f"likelihood.exact_rows). Received: unit {unit} of {units}, "
                f"with {machine.hidden}"
            )
        new = known & ~is_known
        if new.any():
            # `rest` misses one more unit, and its sums are exact: so are these.
            whole[new] = likelihood.exact_observed(machine, v[new], verbose=0)
            is_known |= new
        own = likelihood.exact_observed(machine, rest, verbose=0)
        found[known, unit] = own - whole[known]
    return found


def pseudo_log_likelihood(machine, v):
    """sum_i log p(v_i | v_-i) of all examples, in the machine's dtype.

    For real units, log-densities are computed in float64.
    """
    if likelihood.has_density(machine.visible, machine.hidden):
        machine = machine_lib.cast(machine, "float64")
        return by_batch(_pseudo_density, machine, v)
    return by_batch(_pseudo, machine, v).astype("float64")


def first_examples(v, units, may_miss=False):
    """The first 10,000 examples, or fewer if they are wide.

    Args:
        v: Data as for `scores`, or `None` to return `None`.
        units: `Units` of the examples.
        may_miss: Whether entries may be missing.

    Raises:
        ValueError: If the data are not states of the units.
    """
    if v is None:
        return None
    size = rows_lib.of_width(units.width, _BATCH)
    count = rows_lib.of_width(units.width, _EXAMPLES, _NUMBERS)
    batches = examples.states(v, units, size, may_miss=may_miss)
    return np.concatenate(list(islice(batches, count // size)))


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
    """`likelihood.bracket`, with samples as starts of reverse AIS.

    Half of the chains of reverse AIS start from samples, and half from data.
    Without data, as many sweeps start from patterns (visible states under
    hidden states that are far from each other), and their states count as
    visited.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling, with the moments of the data;
            `None` to use the moments of the data or patterns that the sweeps
            start from.
        start: Tensor of shape `(particles, visible.width)`. `num_sweeps`
            sweeps from these rows, repeated as needed for half of the chains,
            give the samples. `None` to start from draws of the base.
        v: Rows of the data, array of shape `(rows, visible.width)`, or
            `None`.
        num_betas: Number of steps of the annealing.
        num_chains: Number of chains.
        num_sweeps: Number of sweeps from `start`.
        seed: Integer from 0 to 2**64 - 1; `None` for a new seed at each call.
        sampler: The `samplers.Sampler` of these sweeps.
        verbose: `"auto"`, 1 or 0.

    Returns:
        A `likelihood.Bracket`.

    Raises:
        ValueError: If `num_betas`, `num_chains` or `num_sweeps` is not a
            positive integer.
    """
    num_betas = checks.positive_integer("num_betas", num_betas)
    num_chains = checks.positive_integer("num_chains", num_chains)
    num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
    checks.in_memory("num_chains", (num_chains, machine.visible.width))
    stream = random.stream(seed)
    dtype = machine_lib.dtype(machine)
    count = max(num_chains // 2, 1)
    patterns = likelihood.from_patterns(
        machine, count, random.fold_in(stream, Use.LOG_PARTITION_PATTERNS)
    )
    if v is None:
        others = patterns
    else:
        v = ops.cast(v, dtype)
        others = likelihood.spaced(v, count)
    sweeps = random.fold_in(stream, Use.LOG_PARTITION_SWEEPS)
    if base is None:
        mean, variance = (
            ops.mean(others, axis=0),
            ops.var(others, axis=0),
        )
        base = machine_lib.decouple(machine, mean, variance)
    number = max(num_chains - len(others), 1)
    if start is None:
        start = gibbs.sample_without_inputs(
            base, number, random.fold_in(stream, Use.LOG_PARTITION_START)
        )
    rows = np.arange(number) % len(start)
    start = ops.take(ops.cast(start, dtype), rows, axis=0)
    start = ops.concatenate([start, others])

    def run(first, count):
        state = sampler.init(machine, start[first : first + count], base)
        own = sweeps._replace(first_row=first)
        state = sampler.tune(machine, state, own)
        return _run(sampler, machine, state, own, tf.constant(num_sweeps))

    found = devices.by_rows(run, len(start))
    samples, moved = found[:number], found[number:]
    return likelihood.bracket(
        machine,
        base,
        samples,
        random.fold_in(stream, Use.LOG_PARTITION_BRACKET),
        v,
        num_betas,
        num_chains,
        verbose,
        v_moved=None if v is None else moved,
        visited=[patterns, moved],
    )


def by_batch(function, machine, v, units=None, watch=None):
    """`function(machine, batch)` of all examples, joined.

    Args:
        function: Compiled function of a machine and a batch of 1,000 examples,
            or fewer if they are wide.
        machine: A `Machine`.
        v: Data as for `scores`.
        units: `Units` of the examples; `None` for the machine's visible units.
        watch: See `scores`.

    Returns:
        Array of shape `(examples,)`.
    """
    units = units or machine.visible
    results, size = [], rows_lib.of_width(units.width, _BATCH)
    for batch in examples.states(v, units, size):
        if watch is not None:
            watch(batch)
        # The last batch is padded: XLA would compile another shape again.
        rows = np.resize(batch, (size, batch.shape[1]))
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
