"""Starts of chains, chosen to find modes that other chains miss."""

import numpy as np
from keras import ops

from keras_rbm import gibbs, random
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.typing import Array, Tensor


def spaced(v: Array, count: int) -> Array:
    """Up to `count` rows of an array, evenly spaced.

    Args:
        v: Array of shape `(rows, width)`.
        count: A positive integer.

    Returns:
        Array of shape `(at most count, width)`.

    Example:
        few = likelihood.spaced(x, 10)  # Every third of 30 rows.
    """
    return v[:: -(-len(v) // count)]


def from_patterns(machine: Machine, count: int, stream: Stream) -> Tensor:
    """Visible states drawn given hidden states that are far from each other.

    If the hidden units are bounded, a single unit is on in up to half of the
    hidden states. All other hidden states are drawn with inputs and biases of
    0, so that all states of a bounded unit are about equally likely.

    Args:
        machine: A `Machine`.
        count: Number of visible states, a positive integer.
        stream: A `keras_rbm.random.Stream`.

    Returns:
        Tensor of shape `(count, visible.width)`.

    Example:
        starts = likelihood.from_patterns(rbm.machine(), 20, random.stream(0))
        v = rbm.sample(None, num_sweeps=20, seed=0, start=starts)
    """
    hidden = machine.hidden
    bias = ops.zeros_like(machine.hidden_params["bias"])
    h = hidden.sample(
        ops.zeros((count, hidden.width), machine_lib.dtype(machine)),
        {**machine.hidden_params, "bias": bias},
        random.fold_in(stream, Use.HIDDEN),
    )
    low, high = (np.broadcast_to(x, hidden.width) for x in hidden.support)
    if np.isfinite([low, high]).all():
        alone = np.where(np.eye(hidden.width, dtype=bool), high, low)
        alone = spaced(alone, max(count // 2, 1))
        alone = hidden.nearest(ops.cast(alone, h.dtype))
        h = ops.concatenate([alone, h])[:count]
    return gibbs.sample_visible(machine, h, stream)
