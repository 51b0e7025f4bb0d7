"""A restricted Boltzmann machine as a value: its parameters and energies."""

from typing import NamedTuple

from keras import ops

from keras_rbm.units import Units


class Machine(NamedTuple):
    """p(v, h) ~ exp(beta <v, W h> - visible.energy(v) - hidden.energy(h)).

    Attributes:
        visible: `Units` of the visible side.
        hidden: `Units` of the hidden side.
        kernel: W, tensor of shape `(visible.width, hidden.width)`.
        visible_params: Tensors by the names of `visible.parameters()`.
        hidden_params: Tensors by the names of `hidden.parameters()`.
        beta: Strength of the coupling: a number, a scalar tensor, or one
            value for each row of a batch, of shape `(batch, 1)`. In that case
            the parameters of the units may have a row for each too.
    """

    visible: Units
    hidden: Units
    kernel: object
    visible_params: dict
    hidden_params: dict
    beta: object = 1.0


def hidden_inputs(machine, v):
    """What the hidden units receive, beta v W.

    The product is taken in the dtype of the kernel, and returned in that of
    the units' parameters.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`.

    Returns:
        Tensor of shape `(batch, hidden.width)`.
    """
    product = ops.matmul(ops.cast(v, machine.kernel.dtype), machine.kernel)
    return _coupled(machine, ops.cast(product, dtype(machine)))


def visible_inputs(machine, h):
    """What the visible units receive, beta h W^T.

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
    """E(v, h) = -beta <v, W h> + visible.energy(v) + hidden.energy(h).

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
        beta=machine.beta,
    )


def decouple(machine, visible_mean, visible_variance=None):
    """The base-rate machine: no coupling, and this mean of the visible units.

    The hidden units have a bias of 0; what parameters they have beside the
    bias stays as it is. In such a machine everything is known: draws are
    `gibbs.sample_without_inputs`, log Z is `log_partition_decoupled`.

    Args:
        machine: A `Machine`.
        visible_mean: Tensor of shape `(visible.width,)`, such as the mean of
            the training data.
        visible_variance: The same of their variance, or `None`.

    Returns:
        A `Machine` with `beta=0`.

    Reference: Salakhutdinov and Murray (2008), "On the quantitative analysis
        of deep belief networks", section 4.1, whose code does so too.
    """
    fitted = machine.visible.base_parameters(
        visible_mean, visible_variance, machine.visible_params
    )
    bias = machine.hidden_params["bias"]
    return machine._replace(
        visible_params={
            **machine.visible_params,
            **{k: ops.cast(p, dtype(machine)) for k, p in fitted.items()},
        },
        hidden_params={**machine.hidden_params, "bias": ops.zeros_like(bias)},
        beta=0.0,
    )


def log_partition_decoupled(machine):
    """Log Z of a machine without coupling, a scalar in nats."""

    def log_partition(units, params):
        inputs = ops.zeros((1, units.width), dtype(machine))
        return units.log_partition(inputs, params)[0]

    return log_partition(
        machine.visible, machine.visible_params
    ) + log_partition(machine.hidden, machine.hidden_params)


def anneal(base, machine, beta):
    """The machine on the straight line from `base` (0) to `machine` (1).

    p(v, h) ~ p_base(v, h)^(1 - beta) p_machine(v, h)^beta: all natural
    parameters are interpolated. The kernel is not copied, so that the rows of
    a batch can have different betas in one matrix product.

    Args:
        base: A `Machine` without coupling, such as `decouple` returns.
        machine: A `Machine` of the same units.
        beta: Scalar, or tensor of shape `(batch, 1)`.

    Returns:
        A `Machine`; its parameters have shape `(width,)`, or `(batch,
        width)` for a column of betas.

    Reference: Salakhutdinov and Murray (2008), equation 14 ff.
    """

    def between(start, end):
        return {k: (1 - beta) * start[k] + beta * end[k] for k in end}

    return machine._replace(
        visible_params=between(base.visible_params, machine.visible_params),
        hidden_params=between(base.hidden_params, machine.hidden_params),
        beta=beta * machine.beta,
    )


def scale(machine, inverse_temperature):
    """The machine with p(v, h) ~ exp(-inverse_temperature E(v, h)).

    The energy is linear in the kernel and in the units' parameters, so all
    of them are multiplied; the measure that the units' laws are densities of
    (`Units.base_energy`) stays.

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


def cast(machine, dtype):
    """The machine with all its tensors in another dtype."""

    def converted(params):
        return {name: ops.cast(p, dtype) for name, p in params.items()}

    beta = machine.beta
    return machine._replace(
        kernel=ops.cast(machine.kernel, dtype),
        visible_params=converted(machine.visible_params),
        hidden_params=converted(machine.hidden_params),
        beta=ops.cast(beta, dtype) if hasattr(beta, "dtype") else beta,
    )


def dtype(machine):
    """The dtype of the units' parameters, and of states in computations."""
    return next(iter(machine.hidden_params.values())).dtype


def _coupled(machine, inputs):
    beta = machine.beta
    if isinstance(beta, float | int):  # A cast would round it to float32.
        return inputs if beta == 1 else float(beta) * inputs
    return ops.cast(beta, inputs.dtype) * inputs
