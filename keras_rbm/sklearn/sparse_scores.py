"""Pseudo-likelihoods of sparse examples, without dense copies of them."""

import numpy as np
from keras import ops
from scipy import sparse

from keras_rbm import random
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.units import Bernoulli


def is_possible(machine: Machine) -> bool:
    """Whether the visible units are binary and 0 is one of their states."""
    return type(machine.visible) is Bernoulli


def scores(machine: Machine, v: sparse.csr_array, stream: Stream) -> np.ndarray:
    """N log p(v_i | v_-i), at a random site i of each example.

    With v' equal to v except at site i, and log Z_h the log partition function
    of the hidden units,

        log p(v_i | v_-i) = log sigmoid(F(v') - F(v)),
        F(v') - F(v) = (v_i - v'_i) b_i + log Z_h(v W) - log Z_h(v' W)

    `likelihood.stochastic_pseudo_log_likelihood` draws the same sites, but here
    the work is proportional to the number of nonzero entries.

    Args:
        machine: A `Machine` for which `is_possible` is true.
        v: CSR matrix of shape `(examples, visible.width)`. Values above 1/2
            count as 1, others as 0.
        stream: A `keras_rbm.random.Stream`, from which the sites are drawn.

    Returns:
        Array of shape `(examples,)`, in nats, with the dtype of the machine.
    """
    kernel = ops.convert_to_numpy(machine.beta * machine.kernel)
    bias = ops.convert_to_numpy(machine.visible_params["bias"])
    count, width = v.shape
    v = v.copy()
    v.sum_duplicates()
    v.data = (v.data > 0.5).astype(kernel.dtype)
    u = ops.convert_to_numpy(random.uniform(stream, (count, 1)))[:, 0]
    site = (u * np.float32(width)).astype("int32")
    own = np.asarray(v[np.arange(count), site]).ravel()
    change = 1 - 2 * own
    inputs = v @ kernel
    moved = inputs + change[:, None] * kernel[site]
    gained = machine.hidden.log_partition_change(
        inputs, machine.hidden_params, moved, machine.hidden_params
    )
    odds = change * bias[site] + ops.convert_to_numpy(gained)
    return -width * np.logaddexp(0, odds)
