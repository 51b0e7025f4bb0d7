"""Block Gibbs sampling: draws of one side given the other, and sweeps.

`samplers.run` runs many sweeps.
"""

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import random
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.typing import Array, Tensor


def sample_hidden(machine: Machine, v: Array, stream: Stream) -> Tensor:
    """A draw of h from p(h | v).

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(chains, visible.width)`.
        stream: A `keras_rbm.random.Stream`.

    Returns:
        Tensor of shape `(chains, hidden.width)`.

    Reference: Fischer and Igel (2014), equation 20.

    Example:
        machine = rbm.machine()
        h = gibbs.sample_hidden(machine, x, random.stream(0))  # (len(x), 8)
    """
    inputs = machine_lib.hidden_inputs(machine, v)
    return machine.hidden.sample(
        inputs, machine.hidden_params, random.fold_in(stream, Use.HIDDEN)
    )


def sample_visible(machine: Machine, h: Array, stream: Stream) -> Tensor:
    """A draw of v from p(v | h).

    Args:
        machine: A `Machine`.
        h: Tensor of shape `(chains, hidden.width)`.
        stream: A `keras_rbm.random.Stream`.

    Returns:
        Tensor of shape `(chains, visible.width)`.

    Reference: Fischer and Igel (2014), equation 21.

    Example:
        machine = rbm.machine()
        h = np.zeros((5, 8), "float32")
        v = gibbs.sample_visible(machine, h, random.stream(0))  # (5, 16)
    """
    inputs = machine_lib.visible_inputs(machine, h)
    return machine.visible.sample(
        inputs, machine.visible_params, random.fold_in(stream, Use.VISIBLE)
    )


def sample_without_inputs(
    machine: Machine, num_samples: int, stream: Stream
) -> Tensor:
    """Draws of v from the visible units alone.

    Args:
        machine: A `Machine`.
        num_samples: Number of draws.
        stream: A `keras_rbm.random.Stream`.

    Returns:
        Tensor of shape `(num_samples, visible.width)`.

    Example:
        machine = rbm.machine()
        v = gibbs.sample_without_inputs(machine, 5, random.stream(0))  # (5, 16)
    """
    shape = (num_samples, machine.visible.width)
    inputs = ops.zeros(shape, machine_lib.dtype(machine))
    return machine.visible.sample(inputs, machine.visible_params, stream)


def sweep(machine: Machine, v: Array, stream: Stream) -> Tensor:
    """One block-Gibbs update: h from p(h | v), then v from p(v | h).

    Leaves p(v) of the machine unchanged.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(chains, visible.width)`.
        stream: A `keras_rbm.random.Stream`, a different one for each sweep.

    Returns:
        Tensor of the shape and dtype of `v`.

    Reference: Fischer and Igel (2014), section 4.3.

    Example:
        machine = rbm.machine()
        v, stream = x, random.stream(0)
        for number in range(3):
            v = gibbs.sweep(machine, v, random.fold_in(stream, number))
    """
    h = sample_hidden(machine, v, stream)
    return ops.cast(sample_visible(machine, h, stream), v.dtype)
