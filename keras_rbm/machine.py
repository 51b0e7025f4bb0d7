"""A restricted Boltzmann machine as a value: its parameters and energies."""

from typing import NamedTuple

from keras import ops

from keras_rbm.units import Units


class Machine(NamedTuple):
    """p(v, h) ~ exp(<v, W h> - visible.energy(v) - hidden.energy(h)).

    Attributes:
        visible: `Units` of the visible side.
        hidden: `Units` of the hidden side.
        kernel: W, tensor of shape `(visible.width, hidden.width)`.
        visible_params: Tensors by the names of `visible.parameters()`.
        hidden_params: Tensors by the names of `hidden.parameters()`.
    """

    visible: Units
    hidden: Units
    kernel: object
    visible_params: dict
    hidden_params: dict


def hidden_inputs(machine, v):
    """What the hidden units receive, v W.

    The product is taken in the dtype of the kernel, and returned in that of
    the units' parameters.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`.

    Returns:
        Tensor of shape `(batch, hidden.width)`.
    """
    product = ops.matmul(ops.cast(v, machine.kernel.dtype), machine.kernel)
    return ops.cast(product, dtype(machine))


def visible_inputs(machine, h):
    """What the visible units receive, h W^T.

    Args:
        machine: A `Machine`.
        h: Tensor of shape `(batch, hidden.width)`.

    Returns:
        Tensor of shape `(batch, visible.width)`.
    """
    return hidden_inputs(flip(machine), h)


def hidden_mean(machine, v):
    """E[h | v], of shape `(batch, hidden.width)`, for `v` as it is."""
    inputs = hidden_inputs(machine, v)
    return machine.hidden.mean(inputs, machine.hidden_params)


def visible_mean(machine, h):
    """E[v | h], of shape `(batch, visible.width)`, for `h` as it is."""
    return hidden_mean(flip(machine), h)


def energy(machine, v, h):
    """E(v, h) = -<v, W h> + visible.energy(v) + hidden.energy(h).

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`.
        h: Tensor of shape `(batch, hidden.width)`.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Reference: Fischer and Igel (2014), equation 18.
    """
    coupling = ops.sum(hidden_inputs(machine, v) * h, axis=-1)
    return (
        machine.visible.energy(v, machine.visible_params)
        + machine.hidden.energy(h, machine.hidden_params)
        - coupling
    )


def free_energy(machine, v, inputs=None):
    """F(v) = -log sum_h exp(-E(v, h)), so that p(v) = exp(-F(v)) / Z.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`.
        inputs: `hidden_inputs(machine, v)`, where it is known already.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Reference: Fischer and Igel (2014), equation 24.
    """
    if inputs is None:
        inputs = hidden_inputs(machine, v)
    return machine.visible.energy(
        v, machine.visible_params
    ) - machine.hidden.log_partition(inputs, machine.hidden_params)


def flip(machine):
    """The same machine with its sides swapped."""
    return Machine(
        visible=machine.hidden,
        hidden=machine.visible,
        kernel=ops.transpose(machine.kernel),
        visible_params=machine.hidden_params,
        hidden_params=machine.visible_params,
    )


def scale(machine, inverse_temperature):
    """The machine with p(v, h) ~ exp(-inverse_temperature E(v, h)).

    The energy is linear in the kernel and in the units' parameters, so all
    of them are multiplied.

    Args:
        machine: A `Machine`.
        inverse_temperature: Number or scalar tensor.

    Returns:
        A `Machine`.
    """

    def scaled(params):
        return {name: inverse_temperature * p for name, p in params.items()}

    return machine._replace(
        kernel=inverse_temperature * machine.kernel,
        visible_params=scaled(machine.visible_params),
        hidden_params=scaled(machine.hidden_params),
    )


def dtype(machine):
    """The dtype of the units' parameters, and of states in computations."""
    return next(iter(machine.hidden_params.values())).dtype
