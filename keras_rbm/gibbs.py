"""Block Gibbs sampling: whole sides at a time, in the compiled graph."""

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import random
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Tensor

# Streams of a sweep, one for each side.
_HIDDEN, _VISIBLE = 0, 1


def sample_hidden(machine: Machine, v: Array, stream: Stream) -> Tensor:
    """A draw of h from p(h | v).

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(chains, visible.width)`.
        stream: A `keras_rbm.random.Stream`.

    Returns:
        Tensor of shape `(chains, hidden.width)`.

    Reference: Fischer and Igel (2014), equation 20.
    """
    inputs = machine_lib.hidden_inputs(machine, v)
    return machine.hidden.sample(
        inputs, machine.hidden_params, random.fold_in(stream, _HIDDEN)
    )


def sample_visible(
    machine: Machine,
    h: Array,
    stream: Stream,
    flipped: Machine | None = None,
) -> Tensor:
    """A draw of v from p(v | h).

    Args:
        machine: A `Machine`.
        h: Tensor of shape `(chains, hidden.width)`.
        stream: A `keras_rbm.random.Stream`.
        flipped: `machine.flip(machine)`, where it is at hand: a loop in which
            the transposed kernel lies ready takes a quarter less time.

    Returns:
        Tensor of shape `(chains, visible.width)`.

    Reference: Fischer and Igel (2014), equation 21.
    """
    flipped = flipped or machine_lib.flip(machine)
    inputs = machine_lib.hidden_inputs(flipped, h)
    return machine.visible.sample(
        inputs, machine.visible_params, random.fold_in(stream, _VISIBLE)
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
    """
    shape = (num_samples, machine.visible.width)
    inputs = ops.zeros(shape, machine_lib.dtype(machine))
    return machine.visible.sample(inputs, machine.visible_params, stream)


def sweep(
    machine: Machine,
    v: Array,
    stream: Stream,
    flipped: Machine | None = None,
) -> Tensor:
    """One block-Gibbs update, h from p(h | v) and then v from p(v | h).

    Leaves p(v) of the machine unchanged.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(chains, visible.width)`.
        stream: A `keras_rbm.random.Stream`, another for every sweep.
        flipped: As for `sample_visible`.

    Returns:
        Tensor of the shape and dtype of `v`.

    Reference: Fischer and Igel (2014), section 4.3.
    """
    h = sample_hidden(machine, v, stream)
    return ops.cast(sample_visible(machine, h, stream, flipped), v.dtype)


def run(
    machine: Machine, v: Array, stream: Stream, num_sweeps: int | Tensor
) -> Tensor:
    """`num_sweeps` block-Gibbs updates of each chain.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(chains, visible.width)`, where the chains start.
        stream: A `keras_rbm.random.Stream`; sweep i draws from
            `fold_in(stream, i)`.
        num_sweeps: Integer, or scalar integer tensor.

    Returns:
        Tensor of the shape and dtype of `v`.
    """
    return ops.fori_loop(
        0,
        num_sweeps,
        lambda i, v: sweep(machine, v, random.fold_in(stream, i)),
        v,
    )


def run_from_hidden(
    machine: Machine, h: Array, stream: Stream, num_sweeps: int | Tensor
) -> Tensor:
    """The same from hidden states: v of the last of `num_sweeps` sweeps.

    The first sweep has its hidden states given, which spares a matrix
    product.

    Args:
        machine: A `Machine`.
        h: Tensor of shape `(chains, hidden.width)`, where the chains start.
        stream: As for `run`.
        num_sweeps: Integer, or scalar integer tensor, at least 1.

    Returns:
        Tensor of shape `(chains, visible.width)`.
    """
    h = ops.cast(h, machine_lib.dtype(machine))

    def one(i, v):
        here = random.fold_in(stream, i)
        start = ops.cond(
            ops.equal(i, 0), lambda: h, lambda: sample_hidden(machine, v, here)
        )
        return sample_visible(machine, start, here)

    v = ops.zeros((ops.shape(h)[0], machine.visible.width), h.dtype)
    return ops.fori_loop(0, num_sweeps, one, v)
