"""Functions behind `MachineModel.sample` and its other methods that draw.

Long runs are in `samplers.sample`.
"""

import warnings

import numpy as np
import tensorflow as tf

from keras_rbm import (
    checks,
    diagnostics,
    gibbs,
    likelihood,
    random,
    samplers,
)
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.models import examples
from keras_rbm.random import Use
from keras_rbm.rows import of_width, parts
from keras_rbm.units import Composite


def stream(seed, use):
    """The stream of one use of a seed.

    Args:
        seed: Integer from 0 to 2**64 - 1, or a scalar tensor; `None` for a
            new seed at each call.
        use: A `random.Use`.
    """
    return random.fold_in(random.stream(seed), use)


def check_parameters(machine):
    """Refuses a machine that has no distribution to sample from.

    Args:
        machine: A `Machine`.

    Raises:
        ValueError: If its parameters are not finite, or it is not
            normalizable.
    """
    for x in tf.nest.flatten(machine[2:5]):
        if not np.isfinite(tf.cast(x, "float64")).all():
            raise ValueError(
                "The model must have finite parameters to be sampled from: "
                "has its training diverged? Received: parameters that hold "
                "NaN or infinity"
            )
    check_kernel(machine)


def check_kernel(machine):
    """Refuses a machine whose exp(-E) has no integral.

    Let c and d be the curvatures of the energies of both sides for large
    values. The integral is finite if the largest singular value of
    beta w_ij / sqrt(c_i d_j) is less than 1. Constraints keep the kernel that
    small during training, but assigned weights can have any size. Weights of
    bounded units do not count, nor do negative weights between two units that
    are never negative.

    Args:
        machine: A `Machine` with finite parameters.

    Raises:
        ValueError: If the integral is not finite.
    """
    sides = [
        _far_out(machine.visible, machine.visible_params),
        _far_out(machine.hidden, machine.hidden_params),
    ]
    if any(np.isinf(curvature).all() for curvature, _ in sides):
        return
    (c, v_is_positive), (d, h_is_positive) = sides
    coupling = np.asarray(tf.cast(machine.kernel, "float64"))
    coupling = np.asarray(machine.beta) * coupling / np.sqrt(np.outer(c, d))
    both = np.outer(v_is_positive, h_is_positive)
    coupling = np.where(both, np.maximum(coupling, 0.0), coupling)
    # The Frobenius norm bounds the largest singular value.
    if np.linalg.norm(coupling) < 1:
        return
    largest = np.linalg.norm(coupling, 2)
    if largest >= 1:
        raise ValueError(
            "The model must be normalizable to be sampled from: its kernel "
            "outweighs the precisions, exp(-E) grows without bound, and a "
            "chain runs away. Assign a smaller kernel, such as what "
            "`SpectralBound` makes of it. "
            "Received: a kernel whose largest singular value, relative to the "
            f"precisions, is {largest:.3g}; it must be less than 1"
        )


def _far_out(units, params):
    """Curvatures of the energy for large values; infinite if bounded.

    Args:
        units: `Units`.
        params: Their parameters.

    Returns:
        Two arrays of shape `(width,)`: the curvatures, and whether values are
        never negative.
    """
    if isinstance(units, Composite):
        parts = [_far_out(*part) for part in units.with_params(params)]
        curvatures, positive = zip(*parts, strict=True)
        return np.concatenate(curvatures), np.concatenate(positive)
    curvature = units.curvature(params)
    low, high = np.asarray(units.support, "float64")
    if np.isfinite([low, high]).all():
        curvature = np.inf
    return (
        np.broadcast_to(np.asarray(curvature, "float64"), units.width),
        np.broadcast_to(low >= 0, units.width),
    )


def without_inputs(machine, num_samples, stream):
    """Draws of the visible units without inputs, the default start of chains.

    Args:
        machine: A `Machine`.
        num_samples: Number of draws.
        stream: The stream of the samples. These draws are independent of the
            draws in its sweeps.

    Returns:
        Tensor of shape `(num_samples, visible.width)`.

    Raises:
        ValueError: If `num_samples` is not a positive integer, or the draws
            would not fit into memory.
    """
    if num_samples is None:
        raise ValueError(
            "Give `num_samples`, or a `start` with one row for each. Received: "
            "num_samples=None, start=None"
        )
    num_samples = checks.positive_integer("num_samples", num_samples)
    checks.in_memory("num_samples", (num_samples, machine.visible.width))
    return _without_inputs(machine, num_samples, stream)


def start(model, start, num_samples, seed):
    """The rows that chains start from, for a `start` that is not `None`.

    Args:
        model: A `MachineModel`.
        start: Array of examples, or `"chains"` for the fantasy particles of
            the model.
        num_samples: Number of rows to use, from the first on; `None` for all.
        seed: Seed for columns that the layout draws beside the examples.

    Returns:
        Array or tensor of shape `(num_samples, visible.width)`.

    Raises:
        ValueError: If the chain keeps no particles, or there are fewer than
            `num_samples` rows.
    """
    if isinstance(start, str):
        rows = model.machine_particles if start == "chains" else None
        if rows is None:
            raise ValueError(
                '`start` must be an array, None, or "chains" for the fantasy '
                "particles of a chain that keeps some, such as "
                f"PersistentChain. Received: start={start!r}, chain="
                f"{type(model.chain).__name__}"
            )
    else:
        v = examples.checked(start, model.layout.units, "start")
        rows = model.layout.start(model.machine(), v, seed)
    if num_samples is None:
        return rows
    num_samples = checks.positive_integer("num_samples", num_samples)
    if num_samples > len(rows):
        raise ValueError(
            "`num_samples` must be at most the number of rows of `start`, "
            f"{len(rows)}. Received: num_samples={num_samples}"
        )
    return rows[:num_samples]


#: Fewer chains than this are not checked.
MIN_CHAINS = 20
# Number of chains from other starts: as a share of the samples, at least and
# at most.
_SHARE, _LEAST, _MOST = 0.2, 10, 50


def checked_sample(
    sampler,
    machine,
    v,
    stream,
    num_sweeps,
    base,
    clamp,
    particles,
    verbose,
):
    """`samplers.sample`, with a warning if the chains have not mixed.

    Further chains, at most 50, start from visible states under hidden states
    that are far from each other, and from the fantasy particles. They do not
    change the samples.

    Args:
        sampler: A `samplers.Sampler`.
        machine: A `Machine`.
        v: Tensor of shape `(chains, visible.width)`.
        stream: The stream of the samples.
        num_sweeps: Number of sweeps, at least 2.
        base: See `samplers.sample`.
        clamp: `None`, since clamped chains cannot start elsewhere.
        particles: Tensor of shape `(particles, visible.width)`, or `None`.
        verbose: `"auto"`, 1 or 0.

    Returns:
        Tensor of shape `(chains, visible.width)`.
    """
    count = int(np.clip(_SHARE * len(v), _LEAST, _MOST))
    others = likelihood.from_patterns(
        machine, count, random.fold_in(stream, Use.OTHER_STARTS)
    )
    others = tf.cast(others, v.dtype)
    if particles is not None:
        particles = tf.cast(tf.convert_to_tensor(particles), v.dtype)
        half = likelihood.spaced(particles, count // 2)
        others = tf.concat([others[: count - len(half)], half], axis=0)
    run = samplers.watched_sample(
        sampler,
        machine,
        tf.concat([v, others], axis=0),
        stream,
        num_sweeps,
        base,
        verbose,
    )
    found = diagnostics.mixing(
        run.halfway, run.v, len(others), run.ladder, num_sweeps
    )
    if found.warnings:
        warnings.warn(
            "The samples may not be samples of the model: "
            f"{'; '.join(found.warnings)}.",
            UserWarning,
            stacklevel=4,
        )
    return run.v[: len(v)]


def observed_mean(machine, v, num_sweeps, num_classes=0):
    """E[h | v_observed] of rows, or the mean of p(y | x) given x_observed.

    The result is exact for rows that `likelihood.exact_rows` selects. For the
    other rows, it is the mean over the second half of Gibbs sweeps that are
    clamped at the observed entries, with a fixed seed.

    Args:
        machine: A `Machine`.
        v: Array of shape `(rows, visible.width)`, with NaN.
        num_sweeps: Number of sweeps.
        num_classes: Number of classes of a label in the last columns, which
            are NaN; 0 for hidden means.

    Returns:
        Array of shape `(rows, hidden.width)` or `(rows, num_classes)`.
    """
    width = num_classes or machine.hidden.width
    found, exact = np.empty((len(v), width)), likelihood.exact_rows(machine, v)
    if exact.any() and num_classes:
        found[exact] = _exact_law(machine, v[exact], num_classes)
    elif exact.any():
        found[exact] = likelihood.exact_hidden_mean(machine, v[exact])
    if not exact.all():
        rest = v[~exact]
        size = min(of_width(v.shape[1]), len(rest))
        means = []
        for first, part in parts(rest, size):
            whole = np.resize(part, (size, v.shape[1]))
            own = stream(0, Use.OBSERVED)._replace(first_row=tf.constant(first))
            means.append(
                _mean_along(
                    machine,
                    tf.cast(whole, machine_lib.dtype(machine)),
                    own,
                    tf.constant(num_sweeps),
                    num_classes,
                )[: len(part)]
            )
        found[~exact] = np.concatenate(means)
    return found


def _exact_law(machine, v, num_classes):
    """p(y | x_observed) of rows (x, NaN), by an exact sum for each class."""
    logs = []
    for row in np.eye(num_classes):
        labelled = np.array(v, "float64")
        labelled[:, -num_classes:] = row
        logs.append(likelihood.exact_observed(machine, labelled, verbose=0))
    logs = np.stack(logs, axis=1)
    p = np.exp(logs - logs.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


@compiled
def _mean_along(machine, v, stream, num_sweeps, num_classes):
    clamp = samplers.Clamp(~tf.math.is_nan(v), v)
    start = machine.visible.sample(
        tf.zeros_like(v),
        machine.visible_params,
        random.fold_in(stream, Use.START),
    )
    half = num_sweeps // 2

    def observe(i, old, info, new, seen):
        if num_classes:
            inputs = likelihood.feature_inputs(machine, new.v[:, :-num_classes])
            mean = tf.exp(
                likelihood.log_class_probabilities(machine, num_classes, inputs)
            )
        else:
            mean = machine_lib.hidden_mean(machine, new.v)
        return seen + tf.where(i >= half, mean, tf.zeros_like(mean))

    sampler = samplers.Gibbs()
    width = num_classes or machine.hidden.width
    _, total = samplers.run(
        sampler,
        machine,
        sampler.init(machine, clamp.hold(start)),
        stream,
        num_sweeps,
        clamp=clamp,
        observe=observe,
        seen=tf.zeros((v.shape[0], width), v.dtype),
    )
    return total / tf.cast(num_sweeps - half, v.dtype)


@compiled
def hidden(machine, v, stream):
    """A draw of h from p(h | v)."""
    return gibbs.sample_hidden(machine, v, stream)


@compiled
def visible(machine, h, stream):
    """A draw of v from p(v | h)."""
    return gibbs.sample_visible(machine, h, stream)


@compiled
def _without_inputs(machine, num_samples, stream):
    return gibbs.sample_without_inputs(
        machine, num_samples, random.fold_in(stream, Use.START)
    )
