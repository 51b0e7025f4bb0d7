"""p(v_observed) and E[h | v_observed] of rows with missing entries.

The missing entries are summed out. The sum over the joint states of the hidden
side, or of the missing entries, is exact; if both sides are `Gaussian`, it is
an integral in closed form. A missing entry of `Gaussian` or `ReLU` units is
integrated out by a sum over nodes (`Units.nodes`) if all hidden units are
bounded; the error of a row is below 1e-8 nats. In all other cases, annealed
importance sampling, with the observed entries clamped, gives a lower and an
upper estimate.
"""

import math
from typing import NamedTuple

import numpy as np
from keras import ops
from scipy import special

from keras_rbm import checks, gibbs, random, samplers
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.likelihood import gaussian
from keras_rbm.likelihood.ais import anneal, betas
from keras_rbm.likelihood.estimate import check_base
from keras_rbm.machine import Machine
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.random import Stream, Use
from keras_rbm.typing import Array, Verbose
from keras_rbm.units.sites import joint_index

#: The largest number of joint states of the hidden side that is summed over for
#: all rows.
MAX_HIDDEN_STATES = 2**16
#: The largest numbers of joint states of the missing entries that are summed
#: over: for one row, and for all rows together.
MAX_MISSING_STATES = 2**18
MAX_ALL_STATES = 2**22
# Numbers in an array of a block of the sums: 16 MiB in float64.
_BLOCK_NUMBERS = 2**21
# The estimates are not trusted if the mean gap of the two estimates of a row is
# larger than `_MOST_GAP` nats, or if the effective sample size is a smaller
# share of the chains than `_LEAST_SHARE`.
_MOST_GAP, _LEAST_SHARE = 1.0, 0.05


class Observed(NamedTuple):
    """Log sum exp(-E) over the missing entries and h, for each row.

    Attributes:
        lower: `float64` array of shape `(rows,)`, in nats. Exact values, or
            estimates by annealed importance sampling, which are on average
            too low.
        upper: `float64` array of shape `(rows,)`, in nats. Exact values, or
            estimates by reverse annealed importance sampling, which are on
            average too high.
        standard_error: `float64` array of shape `(rows,)`, the larger standard
            error of the two estimates of each row. 0 if the value is exact.
        warnings: Reasons not to trust the estimates, as a tuple of sentences.

    Example:
        v = np.where(np.arange(16) < 4, np.nan, x)
        found = likelihood.observed(
            rbm.machine(), rbm.base_machine(), v, random.stream(0)
        )
        print(found.lower, found.warnings)
    """

    lower: np.ndarray
    upper: np.ndarray
    standard_error: np.ndarray
    warnings: tuple[str, ...] = ()


def observed(
    machine: Machine,
    base: Machine,
    v: Array,
    stream: Stream,
    num_betas: int = 1000,
    num_chains: int = 20,
    num_sweeps: int = 200,
    verbose: Verbose = "auto",
) -> Observed:
    """-F(v_observed) = log sum_missing exp(-F(v)), for each row.

    The values are exact for the rows that `exact_rows` selects. For all other
    rows, there is a lower and an upper estimate.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling, as `machine.decouple` returns.
        v: Array of shape `(rows, visible.width)`, where NaN marks a missing
            entry.
        stream: A `keras_rbm.random.Stream`.
        num_betas: Number of steps of the annealing.
        num_chains: Number of chains for each row.
        num_sweeps: Number of clamped sweeps that draw the samples from which
            reverse annealing starts.
        verbose: See `ais`.

    Returns:
        An `Observed`.

    Reference: Neal (2001), "Annealed importance sampling".

    Example:
        machine = rbm.machine()
        v = np.where(np.arange(16) < 8, x, np.nan)  # The upper half is known.
        found = likelihood.observed(
            machine, rbm.base_machine(), v, random.stream(0)
        )
    """
    v = np.asarray(checks.unmasked(v), "float64")
    exact = exact_rows(machine, v)
    lower, upper = np.empty(len(v)), np.empty(len(v))
    error, warnings = np.zeros(len(v)), ()
    if exact.any():
        found = exact_observed(machine, v[exact], verbose)
        lower[exact] = upper[exact] = found
    if not exact.all():
        rest = ~exact
        lower[rest], upper[rest], error[rest], warnings = _annealed(
            machine,
            base,
            v[rest],
            stream,
            checks.positive_integer("num_betas", num_betas),
            checks.positive_integer("num_chains", num_chains),
            checks.positive_integer("num_sweeps", num_sweeps),
            verbose,
        )
    return Observed(lower, upper, error, warnings)


def exact_rows(machine: Machine, v: Array) -> np.ndarray:
    """Whether `exact_observed` can sum out the missing entries of each row.

    This holds for all rows if the hidden side has at most 2**16 joint states,
    or if both sides are `Gaussian`. Otherwise it holds for rows whose missing
    entries have at most 2**18 joint states, as long as these rows have at most
    2**22 joint states in total; the rows with the fewest states come first.
    Whether a row is among them can therefore depend on the other rows.

    The nodes of a missing entry of `Gaussian` or `ReLU` units (see
    `Units.nodes`) count as its states. Entries of other real units have neither
    states nor nodes, and no real entry has nodes if a hidden unit is unbounded.
    The result is `False` for rows that miss such an entry.

    Args:
        machine: A `Machine`.
        v: Array of shape `(rows, visible.width)`, where NaN marks a missing
            entry.

    Returns:
        Boolean array of shape `(rows,)`.

    Example:
        half = np.where(np.arange(16) < 8, x, np.nan)
        print(likelihood.exact_rows(rbm.machine(), half).all())  # True
    """
    is_missing = np.isnan(checks.unmasked(v))
    if gaussian.is_gaussian(machine) or _sums_over_hidden(machine):
        return np.ones(len(is_missing), bool)
    return _are_few(_num_states(machine, is_missing))


def exact_observed(
    machine: Machine, v: Array, verbose: Verbose = "auto"
) -> np.ndarray:
    """-F(v_observed) of each row, without sampling.

    If the hidden side has at most 2**16 joint states, this is

        log sum_h exp(<v_observed, W h> - E_h(h) + sum_missing A_i(W h))
            - E_v(v_observed)

    where A_i are the `log_partitions` of the visible units. If both sides are
    `Gaussian`, it is a normal integral in closed form. Otherwise it is
    log sum_missing exp(-F(v)), over all joint states of the missing entries
    and over the nodes of missing real entries.

    Args:
        machine: A `Machine`.
        v: Array of shape `(rows, visible.width)`, where NaN marks a missing
            entry. `exact_rows` must be true for all rows.
        verbose: See `ais`.

    Returns:
        `float64` array of shape `(rows,)`, in nats. NaN if both sides are
        `Gaussian` and the kernel or a precision is not finite.

    Raises:
        ValueError: If `exact_rows` is false for a row, or if a Gaussian machine
            is not normalizable for it.

    Example:
        half = np.where(np.arange(16) < 8, x, np.nan)
        log_z = likelihood.exact(rbm.machine()).log_z
        log_p = likelihood.exact_observed(rbm.machine(), half) - log_z
    """
    v = np.asarray(checks.unmasked(v), "float64")
    if gaussian.is_gaussian(machine):
        return gaussian.observed(machine, v)
    total = np.full(len(v), -np.inf)

    def add(rows, logs, _):
        rows, sums = _log_sums(rows, logs)
        total[rows] = np.logaddexp(total[rows], sums)

    _each_state(machine, v, add, verbose)
    return total


def exact_hidden_mean(machine: Machine, v: Array) -> np.ndarray:
    """E[h | v_observed] of each row, by the sums of `exact_observed`.

    Args:
        machine: A `Machine`.
        v: See `exact_observed`.

    Returns:
        `float64` array of shape `(rows, hidden.width)`. NaN if both sides
        are `Gaussian` and the kernel or a precision is not finite.

    Raises:
        ValueError: If `exact_rows` is false for a row, or if a Gaussian machine
            is not normalizable for it.

    Example:
        half = np.where(np.arange(16) < 8, x, np.nan)
        means = likelihood.exact_hidden_mean(rbm.machine(), half)
    """
    v = np.asarray(checks.unmasked(v), "float64")
    if gaussian.is_gaussian(machine):
        return gaussian.hidden_mean(machine, v)
    log_z = exact_observed(machine, v, verbose=0)
    found = np.zeros((len(v), machine.hidden.width))

    def add(rows, logs, h):
        p, first = np.exp(logs - log_z[rows]), _first_terms(rows)
        found[rows[first]] += np.add.reduceat(p[:, None] * h(), first)

    _each_state(machine, v, add, verbose=0)
    return found


def _log_sums(rows, logs):
    """For each row in `rows`, log sum exp of the `logs` of that row.

    Args:
        rows: Integer array that does not decrease, the row of each term.
        logs: Array of the shape of `rows`, the logs of the terms.

    Returns:
        The distinct rows, and an array of the same shape.
    """
    first = _first_terms(rows)
    top = np.maximum.reduceat(logs, first)
    counts = np.diff(np.append(first, len(rows)))
    # A row without any finite term must not become NaN.
    shift = np.where(np.isneginf(top), 0.0, top)
    total = np.add.reduceat(np.exp(logs - np.repeat(shift, counts)), first)
    with np.errstate(divide="ignore"):
        return rows[first], np.log(total) + shift


def _first_terms(rows):
    """The index of the first term of each row."""
    return np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))


def _sums_over_hidden(machine):
    """Whether all rows are summed over the hidden states."""
    states = machine.hidden.num_joint_states
    return bool(states) and states <= MAX_HIDDEN_STATES


def _are_few(num_states):
    """Which rows are summed over the states of their missing entries.

    Rows that are chosen remain chosen if other rows are left out, and also if
    fewer of their own entries are then missing.

    Args:
        num_states: See `_num_states`.

    Returns:
        Boolean array of shape `(rows,)`.
    """
    few = num_states <= MAX_MISSING_STATES * (1 + 1e-9)
    order = np.argsort(num_states, kind="stable")
    total = np.cumsum(num_states[order])
    few[order] &= total <= MAX_ALL_STATES * (1 + 1e-9)
    return few


def _each_state(machine, v, add, verbose):
    """Calls `add(rows, logs, h)` with all states of all rows, in blocks.

    A block has one entry for each pair of a row and a state. `rows` holds the
    row numbers, which do not decrease, and `logs` the logs of the terms of the
    sum. `h` is a function that returns the hidden states (or the hidden means,
    in the sum over missing entries). It is called only if they are needed,
    because computing them takes most of the time.
    """
    is_missing = np.isnan(v)
    if _sums_over_hidden(machine):
        each, total = _each_hidden_state, machine.hidden.num_joint_states
        total *= len(v)
    else:
        num_states = _num_states(machine, is_missing)
        each, total = _each_missing_state, num_states.sum()
        few = _are_few(num_states)
        if not few.all():
            raise ValueError(
                "`v` must have few missing entries in all rows, or the hidden "
                "side few joint states (see likelihood.exact_rows). Received: "
                f"{(~few).sum()} of {len(v)} rows with too many states, with "
                f"{machine.visible} and {machine.hidden}"
            )
    bar = ProgressBar(round(total), "Summing over states", verbose)

    def add_and_show(rows, logs, h):
        add(rows, logs, h)
        bar.add(len(rows))

    machine = machine_lib.cast(machine_lib.absorb_beta(machine), "float64")
    each(machine, np.where(is_missing, 0.0, v), is_missing, add_and_show)


def _each_hidden_state(machine, known, is_missing, add):
    states, width = machine.hidden.num_joint_states, machine.hidden.width
    units = is_missing[:, machine.visible.first_columns].astype("float64")
    size = max(1, _BLOCK_NUMBERS // (machine.visible.width + width))
    size = min(states, size)
    energy = np.asarray(
        machine.visible.energy(
            ops.convert_to_tensor(known), machine.visible_params
        )
    )
    step = max(1, _BLOCK_NUMBERS // (size * width))
    for first in range(0, states, size):
        index = np.minimum(np.arange(first, first + size), states - 1)
        h, inputs, terms, own = map(
            np.asarray, _of_hidden(machine, ops.convert_to_tensor(index))
        )
        here = min(size, states - first)
        h, inputs, terms, own = (x[:here] for x in (h, inputs, terms, own))
        for row in range(0, len(known), step):
            rows = np.arange(row, min(row + step, len(known)))
            logs = known[rows] @ inputs.T + units[rows] @ terms.T - own
            logs = logs - energy[rows, None]
            add(
                np.repeat(rows, here),
                logs.ravel(),
                lambda h=h, rows=rows: np.tile(h, (len(rows), 1)),
            )


@compiled
def _of_hidden(machine, index):
    h = ops.cast(machine.hidden.joint_states(index), "float64")
    inputs = machine_lib.visible_inputs(machine, h)
    terms = machine.visible.log_partitions(inputs, machine.visible_params)
    return h, inputs, terms, machine.hidden.energy(h, machine.hidden_params)


def _each_missing_state(machine, known, is_missing, add):
    units, nodes = machine.visible, _nodes(machine)
    width = max(units.width + machine.hidden.width, 64)
    size = max(1, _BLOCK_NUMBERS // width)
    # A block of completed rows, their numbers, and the logs of their weights.
    # All blocks have one shape: XLA would compile another shape again.
    v, rows = np.zeros((size, units.width)), np.zeros(size, int)
    log_weights, filled = np.zeros(size), 0

    def flush():
        logs, h = _of_visible(machine, ops.convert_to_tensor(v))
        add(
            rows[:filled],
            np.asarray(logs)[:filled] + log_weights[:filled],
            lambda: np.asarray(h)[:filled],
        )

    for row, (values, lost) in enumerate(zip(known, is_missing, strict=True)):
        columns, states, weights = _missing_states(units, nodes, lost)
        counts = [len(own) for own in states]
        total, first = math.prod(counts), 0
        while first < total:
            end = min(total, first + size - filled)
            part = slice(filled, filled + end - first)
            v[part], rows[part], log_weights[part] = values, row, 0.0
            for column, own, logs, index in zip(
                columns,
                states,
                weights,
                joint_index(counts, first, end),
                strict=True,
            ):
                v[part, column] = own[index]
                log_weights[part] += logs[index]
            filled, first = part.stop, end
            if filled == size:
                flush()
                filled = 0
    if filled:
        flush()


@compiled
def _of_visible(machine, v):
    inputs = machine_lib.hidden_inputs(machine, v)
    logs = -machine_lib.free_energy(machine, v, inputs)
    return logs, machine.hidden.mean(inputs, machine.hidden_params)


def _nodes(machine):
    """The nodes of the visible units, for all inputs that h can give them.

    If a hidden unit is unbounded, the result is empty.
    """
    low, high = (
        np.broadcast_to(np.asarray(end, "float64"), machine.hidden.width)
        for end in machine.hidden.support
    )
    kernel = ops.convert_to_numpy(machine_lib.absorb_beta(machine).kernel)
    kernel = np.asarray(kernel, "float64")
    bounded = np.isfinite(low).all() and np.isfinite(high).all()
    if not bounded or not np.isfinite(kernel).all():
        return ()
    return machine.visible.nodes(
        np.minimum(kernel * low, kernel * high).sum(axis=1),
        np.maximum(kernel * low, kernel * high).sum(axis=1),
        machine.visible_params,
    )


def _missing_states(units, nodes, lost):
    """The states of each missing unit of a row.

    Args:
        units: The visible units.
        nodes: Their `Nodes`.
        lost: Boolean array of shape `(width,)`, where entries are missing.

    Returns:
        Three lists with an item for each missing unit: the slice of its
        columns, its states, and the logs of the weights of these states.
    """
    columns, states, log_weights = [], [], []
    for sites in units.sites:
        for first in range(sites.first, sites.end, sites.columns):
            if lost[first]:
                columns.append(slice(first, first + sites.columns))
                states.append(sites.states)
                log_weights.append(np.zeros(len(sites.states)))
    for own in nodes:
        if lost[own.column]:
            columns.append(slice(own.column, own.column + 1))
            states.append(own.points[:, None])
            log_weights.append(own.log_weights)
    return columns, states, log_weights


def _num_states(machine, is_missing):
    """The number of joint states of the missing entries of each row.

    It is infinite if a missing entry belongs to a unit that has neither a list
    of states nor nodes.

    Args:
        machine: A `Machine`.
        is_missing: Boolean array of shape `(rows, visible.width)`.

    Returns:
        `float64` array of shape `(rows,)`.
    """
    units = machine.visible
    logs = np.zeros(len(is_missing))
    covered = np.zeros(units.width, bool)
    for sites in units.sites:
        covered[sites.first : sites.end] = True
        first = is_missing[:, sites.first : sites.end : sites.columns]
        logs += first.sum(axis=1) * math.log(len(sites.states))
    for own in _nodes(machine):
        covered[own.column] = True
        logs += is_missing[:, own.column] * math.log(len(own.points))
    logs[is_missing[:, ~covered].any(axis=1)] = np.inf
    with np.errstate(over="ignore"):
        return np.exp(logs)


def _annealed(
    machine, base, v, stream, num_betas, num_chains, num_sweeps, verbose
):
    """Lower and upper estimates of each row, their errors, and warnings."""
    check_base(machine, base)
    path = betas(num_betas)
    dtype = machine_lib.dtype(machine)
    copies = np.repeat(v, num_chains, axis=0)
    checks.in_memory("num_chains", (4, *copies.shape))
    is_missing = np.isnan(copies)
    values = ops.cast(np.where(is_missing, 0.0, copies), dtype)
    clamp = samplers.Clamp(ops.convert_to_tensor(~is_missing), values)
    bar = ProgressBar(
        2 * num_betas * len(copies), "Summing out missing entries", verbose
    )

    def annealed(path, start, use):
        log_weights, _ = anneal(
            machine,
            base,
            path,
            len(copies),
            start,
            random.fold_in(stream, use),
            bar,
            clamp,
        )
        log_weights = log_weights.reshape(len(v), num_chains)
        mean = special.logsumexp(log_weights, axis=1) - np.log(num_chains)
        p = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
        sizes = p.sum(axis=1) ** 2 / np.square(p).sum(axis=1)
        spread = np.maximum(num_chains / sizes - 1.0, 0.0)
        if num_chains == 1:  # One weight says nothing of its error.
            misses = np.isnan(v).any(axis=1)
            return mean, np.where(misses, np.inf, 0.0), sizes
        return mean, np.sqrt(spread / (num_chains - 1)), sizes

    def first(first, count):
        own = random.fold_in(stream, Use.START)._replace(first_row=first)
        v = gibbs.sample_without_inputs(base, count, own)
        return clamp.of_rows(slice(first, first + count)).hold(v)

    def last(first_row, count):
        own = random.fold_in(stream, Use.COMPLETE)._replace(
            first_row=ops.convert_to_tensor(first_row, "int32")
        )
        part = clamp.of_rows(slice(first_row, first_row + count))
        return _swept(
            machine,
            first(first_row, count),
            part,
            own,
            ops.convert_to_tensor(num_sweeps, "int32"),
        )

    up, up_error, up_size = annealed(path, first, Use.FORWARD)
    down, down_error, down_size = annealed(path[::-1], last, Use.REVERSE)
    start = _log_z_of_base(base, v)
    lower, upper = start + up, start - down
    warnings = []
    gap = float((upper - lower).mean())
    if not gap <= _MOST_GAP:
        warnings.append(
            "the estimates of the sum over missing entries are "
            f"{gap:.2f} nats apart on average (more than {_MOST_GAP:g})"
        )
    error = np.sqrt((np.square(up_error) + np.square(down_error)).sum())
    if -gap > 3 * error / len(v):
        warnings.append(
            "the upper estimate of the sum over missing entries is "
            f"{-gap:.3f} nats below the lower one on average: its samples "
            "miss a part of the model"
        )
    share = float(min(up_size.mean(), down_size.mean()) / num_chains)
    if not share >= _LEAST_SHARE:
        warnings.append(
            f"{share:.1%} of the chains carry the weight of the sum over "
            f"missing entries (less than {_LEAST_SHARE:.0%})"
        )
    return lower, upper, np.maximum(up_error, down_error), tuple(warnings)


def _log_z_of_base(base, v):
    """Log sum exp(-E_base) over the missing entries and h, for each row."""
    base = machine_lib.cast(base, "float64")
    is_missing = np.isnan(v)
    known = ops.convert_to_tensor(np.where(is_missing, 0.0, v))
    nothing = ops.zeros((1, base.visible.width), "float64")
    terms = base.visible.log_partitions(nothing, base.visible_params)[0]
    units = is_missing[:, base.visible.first_columns]
    nothing = ops.zeros((1, base.hidden.width), "float64")
    hidden = base.hidden.log_partition(nothing, base.hidden_params)[0]
    energy = base.visible.energy(known, base.visible_params)
    return units @ np.asarray(terms) + float(hidden) - np.asarray(energy)


@compiled
def _swept(machine, v, clamp, stream, num_sweeps):
    sampler = samplers.Gibbs()
    state, _ = samplers.run(
        sampler,
        machine,
        sampler.init(machine, v),
        stream,
        num_sweeps,
        clamp=clamp,
    )
    return sampler.samples(state)
