"""Means of the visible units along chains, in the compiled graph."""

import tensorflow as tf
from keras import ops

from keras_rbm import checks, devices
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.models import sampling
from keras_rbm.progress import Progress


def visible_mean(
    sampler,
    base,
    machine,
    start,
    stream,
    num_sweeps,
    clamp=None,
    verbose="auto",
):
    """Mean of E[v | h] over the later half of the sweeps from `start`.

    The sweeps are made in blocks, as those of `sampling.sample` are.

    Args:
        sampler: A `samplers.Sampler`.
        base: A `Machine` without coupling.
        machine: A `Machine` with finite parameters.
        start: Tensor of shape `(chains, visible.width)`.
        stream: A `keras_rbm.random.Stream`; sweep i draws from
            `fold_in(stream, i)`.
        num_sweeps: Number of sweeps, of which the first `num_sweeps // 2` are
            left out.
        clamp: A `samplers.Clamp`, or `None`.
        verbose: `"auto"`, 1 or 0.

    Returns:
        Tensor of shape `(chains, visible.width)`.

    Raises:
        ValueError: If `num_sweeps` is not a positive integer, the states
            would not fit into memory, or a mean is not finite.

    Reference: Gelfand and Smith (1990), "Sampling-based approaches to
        calculating marginal densities", section 2.3.
    """
    num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
    checks.in_memory("sampler", (sampler.rows, *start.shape))
    bar = Progress(
        num_sweeps * len(start), "Averaging (sweeps of a chain)", verbose
    )

    def run(first, count):
        rows = slice(first, first + count)
        return _mean(
            sampler,
            base,
            machine,
            start[rows],
            stream._replace(first_row=first),
            num_sweeps,
            clamp and clamp.of_rows(rows),
            bar,
        )

    found = devices.by_rows(run, len(start))
    return sampling.check_drawn(tf.convert_to_tensor(found))


def _mean(sampler, base, machine, v, stream, num_sweeps, clamp, bar):
    """The mean for the chains of a device, `(chains, width)`."""
    block = sampling.sweeps_of_a_call(sampler, machine, len(v))
    skipped, done = num_sweeps // 2, 0
    state = sampler.start(v)
    total = ops.zeros(v.shape, machine_lib.dtype(machine))
    while done < num_sweeps:
        skip = min(block, max(0, skipped - done))
        count = min(block - skip, num_sweeps - done - skip)
        state, total = _advance(
            sampler,
            base,
            machine,
            state,
            total,
            stream,
            clamp,
            tf.constant(done),
            tf.constant(skip),
            tf.constant(count),
        )
        done += skip + count
        bar.add((skip + count) * len(v))
    return total / (num_sweeps - skipped)


@compiled
def _advance(
    sampler, base, machine, state, total, stream, clamp, first, skip, count
):
    """`skip` sweeps without a mean, then `count` sweeps with one."""
    state = sampler.run(base, machine, state, stream, first, skip, clamp)
    return sampler.run_mean(
        base, machine, state, total, stream, first + skip, count, clamp
    )
