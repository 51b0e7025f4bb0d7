"""A lower bound on log Z: the sum over states that were visited."""

import numpy as np
from keras import ops

from keras_rbm import gibbs
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Array


def visited_states(machine: Machine, v: Array, stream: Stream) -> float | None:
    """Log sum_x exp(-F(x)) over distinct states x, never above log Z.

    There are two sums: over the rows of v, and over states of h drawn given v.
    The result is the larger one, computed in float64. If few states of one
    side carry most of the probability, as in a mixture, the bound is close to
    log Z.

    Args:
        machine: A `Machine`.
        v: Array of shape `(rows, visible.width)`.
        stream: A `keras_rbm.random.Stream`, for the draws of h.

    Returns:
        The bound, in nats, or `None` if the states of neither side can be
        listed.

    Example:
        found = likelihood.visited_states(rbm.machine(), x, random.stream(0))
        print(found, likelihood.exact(rbm.machine()).log_z)  # Never above it.
    """
    sides = []
    machine = machine_lib.cast(machine, "float64")
    v = ops.convert_to_tensor(v, "float64")
    if machine.visible.num_joint_states is not None:
        sides.append((machine, machine.visible.nearest(v)))
    if machine.hidden.num_joint_states is not None:
        means = machine_lib.hidden_mean(machine, v)
        h = ops.concatenate(
            [
                gibbs.sample_hidden(machine, v, stream),
                machine.hidden.nearest(means),
            ]
        )
        sides.append((machine_lib.flip(machine), h))
    return max((_log_sum(*side) for side in sides), default=None)


def _log_sum(machine, x):
    distinct = np.unique(ops.convert_to_numpy(x), axis=0)
    log_p = -machine_lib.free_energy(machine, ops.convert_to_tensor(distinct))
    return float(ops.logsumexp(log_p))
