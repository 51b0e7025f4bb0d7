"""Samples of a model, drawn in the compiled graph."""

import numpy as np
import tensorflow as tf

from keras_rbm import checks, devices, gibbs, random
from keras_rbm.compiled import compiled

# The stream of samples, which a model of the same seed does not train with.
_SAMPLE = 2**33
# The stream of the start, beside those of the sweeps from 0.
_START = 2**32


def sample(machine, num_samples, num_sweeps, start=None, seed=None):
    """Draws from the machine by block Gibbs sampling.

    Args:
        machine: A `Machine`.
        num_samples: Number of chains, if `start` is `None`.
        num_sweeps: Number of sweeps of each chain.
        start: Tensor of shape `(chains, visible.width)`, or `None` for draws
            from the visible units without inputs.
        seed: Integer from 0 to 2**64 - 1, or `None` for another each time.

    Returns:
        Tensor of shape `(chains, visible.width)`, of states.

    Raises:
        ValueError: If a number is not a positive integer, or the parameters
            of the machine are not finite: draws would look like samples.
    """
    stream = random.fold_in(random.stream(seed), _SAMPLE)
    num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
    for x in tf.nest.flatten(machine[2:5]):
        if not np.isfinite(tf.cast(x, "float64")).all():
            raise ValueError(
                "The model must have finite parameters to be sampled from: "
                "has its training diverged? Received: parameters that hold "
                "NaN or infinity"
            )
    if start is None:
        num_samples = checks.positive_integer("num_samples", num_samples)
        checks.in_memory("num_samples", (num_samples, machine.visible.width))
        start = gibbs.sample_without_inputs(
            machine, num_samples, random.fold_in(stream, _START)
        )
    start = tf.convert_to_tensor(start)

    def run(first, count):
        here = stream._replace(first_row=first)
        v = start[first : first + count]
        return _run(machine, v, here, tf.constant(num_sweeps))

    return tf.convert_to_tensor(devices.by_rows(run, len(start)))


@compiled
def _run(machine, v, stream, num_sweeps):
    return gibbs.run(machine, v, stream, num_sweeps)
