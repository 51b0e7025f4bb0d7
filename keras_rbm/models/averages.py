"""Means of the visible units along chains, in the compiled graph."""

import tensorflow as tf
from keras import ops

from keras_rbm import devices, gibbs, random
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled


def visible_mean(machine, v, stream, num_sweeps, clamp=None):
    """Mean of E[v | h] over the later half of the sweeps from `v`.

    Args:
        machine: A `Machine` with finite parameters.
        v: Tensor of shape `(chains, visible.width)`, where the chains start.
        stream: A `keras_rbm.random.Stream`; sweep i draws from
            `fold_in(stream, i)`.
        num_sweeps: Number of sweeps, of which the first `num_sweeps // 2` are
            left out.
        clamp: A `samplers.Clamp`, or `None`.

    Returns:
        Tensor of shape `(chains, visible.width)`.

    Reference: Gelfand and Smith (1990), "Sampling-based approaches to
        calculating marginal densities", section 2.3.
    """

    def run(first, count):
        rows = slice(first, first + count)
        return _run(
            machine,
            v[rows],
            stream._replace(first_row=first),
            tf.constant(num_sweeps),
            clamp and clamp.of_rows(rows),
        )

    return tf.convert_to_tensor(devices.by_rows(run, len(v)))


@compiled
def _run(machine, v, stream, num_sweeps, clamp):
    skipped = num_sweeps // 2

    def one(i, carried):
        v, total = carried
        here = random.fold_in(stream, i)
        h = gibbs.sample_hidden(machine, v, here)
        mean = machine_lib.visible_mean(machine, h)
        total = ops.where(i >= skipped, total + mean, total)
        v = ops.cast(gibbs.sample_visible(machine, h, here), v.dtype)
        return v if clamp is None else clamp.hold(v), total

    total = ops.zeros(v.shape, machine_lib.dtype(machine))
    _, total = ops.fori_loop(0, num_sweeps, one, (v, total))
    return total / ops.cast(num_sweeps - skipped, total.dtype)
