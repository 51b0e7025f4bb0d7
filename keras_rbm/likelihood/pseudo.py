"""Pseudo-likelihood: each visible unit given all the others."""

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import random


def stochastic_pseudo_log_likelihood(machine, v, stream, inputs=None):
    """N log p(v_i | v_-i) at a random site i of each example.

    An unbiased estimate of sum_i log p(v_i | v_-i), the pseudo-log-likelihood,
    for visible units with two states. With v' equal to v but for site i,

        p(v_i | v_-i) = sigmoid(F(v') - F(v)).

    The hidden inputs of v' differ from those of v by one row of W, so that no
    matrix product is needed beyond that for v.

    Args:
        machine: A `Machine` whose visible units have two states.
        v: Tensor of shape `(batch, visible.width)`, of such states.
        stream: A `keras_rbm.random.Stream`, from which the sites are drawn.
        inputs: `hidden_inputs(machine, v)`, where it is known already.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Raises:
        ValueError: If the visible units do not have two states.

    Reference: Besag (1975), "Statistical analysis of non-lattice data"; the
        estimate is that of the Theano tutorial on RBMs, with a site of its
        own for each example.
    """
    states = machine.visible.states
    if states is None:
        raise ValueError(
            "The pseudo-likelihood of a random site needs visible units with "
            f"two states. Received: machine.visible={machine.visible}"
        )
    if inputs is None:
        inputs = machine_lib.hidden_inputs(machine, v)
    batch, width = ops.shape(v)[0], machine.visible.width
    site = ops.cast(random.uniform(stream, (batch, 1)) * width, "int32")
    # The uniform draws end at 1 - 2**-24; rounding could still reach width.
    site = ops.minimum(site, width - 1)
    # How v changes at the site, and not at all elsewhere.
    change = (sum(states) - 2.0 * v) * ops.cast(
        site == ops.arange(width, dtype="int32"), v.dtype
    )
    rows = ops.take(machine.kernel, site[:, 0], axis=0)
    moved = ops.sum(change, axis=1, keepdims=True) * ops.cast(
        rows, inputs.dtype
    )
    gap = machine_lib.free_energy(
        machine, v + change, inputs + moved
    ) - machine_lib.free_energy(machine, v, inputs)
    return width * ops.log_sigmoid(gap)
