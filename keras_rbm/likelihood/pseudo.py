"""Pseudo-likelihood: each visible unit given all the others."""

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import random


def pseudo_log_likelihood(machine, v):
    """sum_i log p(v_i | v_-i), over all sites i.

    With v' equal to v but for site i, p(v_i | v_-i) = sigmoid(F(v') - F(v)).
    The sites are a loop, so that memory does not grow with their number.

    Args:
        machine: A `Machine` whose visible units have two states.
        v: Tensor of shape `(batch, visible.width)`, of such states.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Raises:
        ValueError: If the visible units do not have two states.

    Reference: Besag (1975), "Statistical analysis of non-lattice data".
    """
    total = _sum_of_states(machine)
    inputs = machine_lib.hidden_inputs(machine, v)
    base = machine_lib.free_energy(machine, v, inputs)
    sites = ops.arange(machine.visible.width, dtype="int32")

    def add(site, log_sum):
        change = (total - 2.0 * v) * ops.cast(sites == site, v.dtype)
        flipped = machine_lib.free_energy(
            machine, v + change, _moved(machine, inputs, change, site)
        )
        return log_sum + ops.log_sigmoid(flipped - base)

    return ops.fori_loop(0, machine.visible.width, add, ops.zeros_like(base))


def stochastic_pseudo_log_likelihood(machine, v, stream, num_sites=1):
    """N log p(v_i | v_-i), averaged over random sites i of each example.

    An unbiased estimate of sum_i log p(v_i | v_-i), the pseudo-log-likelihood,
    for visible units with two states. With v' equal to v but for site i,

        p(v_i | v_-i) = sigmoid(F(v') - F(v)).

    The hidden inputs of v' differ from those of v by one row of W, so that no
    matrix product is needed beyond that for v.

    Args:
        machine: A `Machine` whose visible units have two states.
        v: Tensor of shape `(batch, visible.width)`, of such states.
        stream: A `keras_rbm.random.Stream`, from which the sites are drawn.
        num_sites: Number of sites for each example, drawn with replacement.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Raises:
        ValueError: If the visible units do not have two states.

    Reference: Besag (1975), "Statistical analysis of non-lattice data"; the
        estimate is that of the Theano tutorial on RBMs, with a site of its
        own for each example.
    """
    total = _sum_of_states(machine)
    inputs = machine_lib.hidden_inputs(machine, v)
    base = machine_lib.free_energy(machine, v, inputs)
    width = machine.visible.width
    site = random.uniform(stream, (ops.shape(v)[0], num_sites)) * width
    site = ops.cast(ops.reshape(site, (-1, 1)), "int32")
    v, inputs = (ops.repeat(x, num_sites, axis=0) for x in (v, inputs))
    # How v changes at the site, and not at all elsewhere.
    change = (total - 2.0 * v) * ops.cast(
        site == ops.arange(width, dtype="int32"), v.dtype
    )
    flipped = machine_lib.free_energy(
        machine, v + change, _moved(machine, inputs, change, site[:, 0])
    )
    gap = ops.reshape(flipped, (-1, num_sites)) - base[:, None]
    return width * ops.mean(ops.log_sigmoid(gap), axis=1)


def _sum_of_states(machine):
    """The number that a state is flipped by: low + high - v."""
    states = machine.visible.states
    if states is None:
        raise ValueError(
            "The pseudo-likelihood of a site needs visible units with two "
            f"states. Received: machine.visible={machine.visible}"
        )
    return sum(states)


def _moved(machine, inputs, change, site):
    """The hidden inputs once v has changed at one site of each row."""
    row = ops.cast(ops.take(machine.kernel, site, axis=0), inputs.dtype)
    return inputs + machine.beta * ops.sum(change, axis=1, keepdims=True) * row
