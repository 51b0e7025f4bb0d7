"""A restricted Boltzmann machine as a value: its parameters and energies."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_rbm import json_arrays
from keras_rbm.typing import Array, Config, DType, Params, Tensor
from keras_rbm.units import Composite, Softmax, Units


class Machine(NamedTuple):
    """p(v, h) ~ exp(beta <v, W h> - visible.energy(v) - hidden.energy(h)).

    Attributes:
        visible: `Units` of the visible side.
        hidden: `Units` of the hidden side.
        kernel: W, tensor of shape `(visible.width, hidden.width)`.
        visible_params: Dict of tensors with the names of
            `visible.parameters()`.
        hidden_params: Dict of tensors with the names of `hidden.parameters()`.
        beta: Strength of the coupling: a number, a scalar tensor, or one
            value for each row of a batch, of shape `(batch, 1)`. In this case,
            the parameters of the units may also have a row for each.
        transposed: W^T, if it is already computed (see `with_transposed`), or
            `None`.

    Example:
        machine = rbm.machine()
        colder = keras_rbm.machine.scale(machine, 2.0)
        energies = keras_rbm.machine.free_energy(colder, x)
    """

    visible: Units
    hidden: Units
    kernel: Tensor
    visible_params: Params
    hidden_params: Params
    beta: float | Tensor = 1.0
    transposed: Tensor | None = None


def hidden_inputs(machine: Machine, v: Array) -> Tensor:
    """Returns beta v W, the inputs of the hidden units.

    The product is computed in the dtype of the kernel, and returned in the
    dtype of the units' parameters.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`.

    Returns:
        Tensor of shape `(batch, hidden.width)`.

    Example:
        machine = rbm.machine()
        inputs = keras_rbm.machine.hidden_inputs(machine, x)  # (len(x), 8)
    """
    product = ops.matmul(ops.cast(v, machine.kernel.dtype), machine.kernel)
    return _coupled(machine, ops.cast(product, dtype(machine)))


def visible_inputs(machine: Machine, h: Array) -> Tensor:
    """Returns beta h W^T, the inputs of the visible units.

    Args:
        machine: A `Machine`.
        h: Tensor of shape `(batch, hidden.width)`.

    Returns:
        Tensor of shape `(batch, visible.width)`.

    Example:
        machine = rbm.machine()
        h = np.ones((5, 8), "float32")
        inputs = keras_rbm.machine.visible_inputs(machine, h)  # (5, 16)
    """
    return hidden_inputs(flip(machine), h)


def hidden_mean(machine: Machine, v: Array) -> Tensor:
    """E[h | v], of shape `(batch, hidden.width)`, for `v` as it is.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`, of states or means.

    Example:
        machine = rbm.machine()
        means = keras_rbm.machine.hidden_mean(machine, x)  # (len(x), 8)
    """
    inputs = hidden_inputs(machine, v)
    return machine.hidden.mean(inputs, machine.hidden_params)


def visible_mean(machine: Machine, h: Array) -> Tensor:
    """E[v | h], of shape `(batch, visible.width)`, for `h` as it is.

    Args:
        machine: A `Machine`.
        h: Tensor of shape `(batch, hidden.width)`, of states or means.

    Example:
        machine = rbm.machine()
        h = keras_rbm.machine.hidden_mean(machine, x)
        means = keras_rbm.machine.visible_mean(machine, h)  # (len(x), 16)
    """
    return hidden_mean(flip(machine), h)


def energy(machine: Machine, v: Array, h: Array) -> Tensor:
    """E(v, h) = -beta <v, W h> + visible.energy(v) + hidden.energy(h).

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`.
        h: Tensor of shape `(batch, hidden.width)`.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Reference: Fischer and Igel (2014), equation 18.

    Example:
        machine = rbm.machine()
        h = keras_rbm.machine.hidden_mean(machine, x)
        energies = keras_rbm.machine.energy(machine, x, np.round(h))  # In nats.
    """
    coupling = ops.sum(hidden_inputs(machine, v) * h, axis=-1)
    return (
        machine.visible.energy(v, machine.visible_params)
        + machine.hidden.energy(h, machine.hidden_params)
        - coupling
    )


def free_energy(
    machine: Machine, v: Array, inputs: Array | None = None
) -> Tensor:
    """F(v) = -log sum_h exp(-E(v, h)), so that p(v) = exp(-F(v)) / Z.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`.
        inputs: `hidden_inputs(machine, v)`, if already computed.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Reference: Fischer and Igel (2014), equation 24.

    Example:
        machine = rbm.machine()
        first, second = keras_rbm.machine.free_energy(machine, x[:2])
        print(np.exp(first - second))  # p(x[1]) / p(x[0])
    """
    if inputs is None:
        inputs = hidden_inputs(machine, v)
    own = machine.visible.energy(v, machine.visible_params)
    return own - machine.hidden.log_partition(inputs, machine.hidden_params)


def flip(machine: Machine) -> Machine:
    """Returns the machine with its visible and hidden sides swapped.

    Example:
        machine = rbm.machine()
        flipped = keras_rbm.machine.flip(machine)
        print(flipped.visible.width, flipped.hidden.width)  # 8, 16
    """
    ready = machine.transposed is not None
    return Machine(
        visible=machine.hidden,
        hidden=machine.visible,
        kernel=machine.transposed if ready else ops.transpose(machine.kernel),
        visible_params=machine.hidden_params,
        hidden_params=machine.visible_params,
        beta=machine.beta,
        transposed=machine.kernel if ready else None,
    )


def with_transposed(machine: Machine) -> Machine:
    """Returns the machine with W^T, for many sweeps in one compiled call.

    A loop of sweeps takes a quarter less time with W^T: otherwise, the compiled
    program would transpose W in each iteration.
    """
    return machine._replace(transposed=ops.transpose(machine.kernel))


def decouple(
    machine: Machine,
    visible_mean: Array,
    visible_variance: Array | None = None,
) -> Machine:
    """The base-rate machine: no coupling, and a given mean of v.

    The hidden units have a bias of 0; their other parameters are not changed.
    `gibbs.sample_without_inputs` draws from such a machine exactly, and
    `log_partition_decoupled` is its log Z.

    Args:
        machine: A `Machine`.
        visible_mean: Tensor of shape `(visible.width,)`, such as the mean of
            the training data.
        visible_variance: Tensor of the same shape, the variance, or `None`.

    Returns:
        A `Machine` with `beta=0`.

    Reference: Salakhutdinov and Murray (2008), "On the quantitative analysis
        of deep belief networks", section 4.1, and the code of this paper.

    Example:
        machine = rbm.machine()
        base = keras_rbm.machine.decouple(machine, np.full(16, 0.5, "float32"))
        log_z = keras_rbm.machine.log_partition_decoupled(base)
    """
    fitted = machine.visible.base_parameters(
        visible_mean, visible_variance, machine.visible_params
    )
    fitted = {k: ops.cast(p, dtype(machine)) for k, p in fitted.items()}
    bias = machine.hidden_params["bias"]
    return machine._replace(
        visible_params={**machine.visible_params, **fitted},
        hidden_params={**machine.hidden_params, "bias": ops.zeros_like(bias)},
        beta=0.0,
    )


def log_partition_decoupled(machine: Machine) -> Tensor:
    """Log Z of a machine without coupling, a scalar in nats.

    Example:
        log_z = keras_rbm.machine.log_partition_decoupled(rbm.base_machine())
    """

    def of_hidden(machine):
        inputs = ops.zeros((1, machine.hidden.width), dtype(machine))
        return machine.hidden.log_partition(inputs, machine.hidden_params)[0]

    return of_hidden(flip(machine)) + of_hidden(machine)


def anneal(base: Machine, machine: Machine, beta: float | Tensor) -> Machine:
    """The machine between `base` (beta = 0) and `machine` (beta = 1).

    p(v, h) ~ p_base(v, h)^(1 - beta) p_machine(v, h)^beta: all natural
    parameters are interpolated linearly. The kernel is not copied, so that the
    rows of a batch can have different betas in one matrix product.

    Args:
        base: A `Machine` without coupling, such as `decouple` returns.
        machine: A `Machine` of the same units.
        beta: Scalar, or tensor of shape `(batch, 1)`.

    Returns:
        A `Machine`; its parameters have shape `(width,)`, or `(batch,
        width)` for a column of betas.

    Reference: Salakhutdinov and Murray (2008), equation 14 ff.

    Example:
        machine = rbm.machine()
        halfway = keras_rbm.machine.anneal(rbm.base_machine(), machine, 0.5)
        energies = keras_rbm.machine.free_energy(halfway, x)
    """

    def between(start, end):
        return {k: (1 - beta) * start[k] + beta * end[k] for k in end}

    return machine._replace(
        visible_params=between(base.visible_params, machine.visible_params),
        hidden_params=between(base.hidden_params, machine.hidden_params),
        beta=beta * machine.beta,
    )


def scale(machine: Machine, inverse_temperature: float | Tensor) -> Machine:
    """The machine with p(v, h) ~ exp(-inverse_temperature E(v, h)).

    The energy is linear in the kernel and in the units' parameters, so all of
    them are multiplied. The base measure of the units (`Units.base_energy`) is
    not changed.

    Args:
        machine: A `Machine`.
        inverse_temperature: Number or scalar tensor.

    Returns:
        A `Machine`.

    Example:
        machine = rbm.machine()
        colder = keras_rbm.machine.scale(machine, 2.0)  # p(v, h)^2, normalized.
        energies = keras_rbm.machine.free_energy(colder, x)
    """
    return _each(machine, lambda x: inverse_temperature * x)


def absorb_beta(machine: Machine) -> Machine:
    """The same distribution with `beta=1`: multiplies the kernel by `beta`.

    Args:
        machine: A `Machine` whose `beta` is a number or a scalar tensor.

    Returns:
        A `Machine` without `transposed`.

    Example:
        machine = rbm.machine()
        colder = keras_rbm.machine.scale(machine, 2.0)
        colder = keras_rbm.machine.absorb_beta(colder)
        print(colder.beta)  # 1: the factor is in the kernel and the biases.
    """
    return machine._replace(
        kernel=_coupled(machine, machine.kernel), beta=1.0, transposed=None
    )


def zero_sum(machine: Machine) -> Machine:
    """The same distribution in the zero-sum gauge of `Softmax` sites.

    A site is in exactly one category. Adding c_j to all its rows of W therefore
    adds c_j to the input of hidden unit j, whatever the category is. The mean
    of the rows moves to the bias of the hidden units, and the mean of the
    site's biases to log Z. `Softmax` hidden units are treated in the same way.
    p(v, h) does not change. Units of other types have no such freedom, and are
    left unchanged.

    Args:
        machine: A `Machine` whose `beta` is a number or a scalar tensor.

    Returns:
        A `Machine` with `beta=1`, without `transposed`.

    Reference: Tubiana, Cocco and Monasson (2019), "Learning protein
        constitutive motifs from sequence data", methods, "Gauge choice".

    Example:
        shown = keras_rbm.machine.zero_sum(rbm.machine())
    """

    def of_visible(machine):
        kernel = machine.kernel
        bias = machine.visible_params["bias"]
        given = ops.zeros_like(machine.hidden_params["bias"])
        for first, size, categories in _softmax_sites(machine.visible):
            end = first + size * categories
            rows = ops.reshape(kernel[first:end], (size, categories, -1))
            means = ops.mean(rows, axis=1, keepdims=True)
            given = given + ops.cast(ops.sum(means[:, 0], axis=0), given.dtype)
            rows = ops.reshape(rows - means, (end - first, -1))
            kernel = ops.concatenate([kernel[:first], rows, kernel[end:]])
            own = ops.reshape(bias[first:end], (size, categories))
            own = own - ops.mean(own, axis=1, keepdims=True)
            own = ops.reshape(own, (-1,))
            bias = ops.concatenate([bias[:first], own, bias[end:]])
        hidden = machine.hidden_params
        return machine._replace(
            kernel=kernel,
            visible_params={**machine.visible_params, "bias": bias},
            hidden_params={**hidden, "bias": hidden["bias"] + given},
        )

    machine = of_visible(absorb_beta(machine))
    return flip(of_visible(flip(machine)))


def check_alike(machines: Sequence[Machine], name: str = "machines") -> None:
    """Checks that there is a machine, and that all have the same units.

    Args:
        machines: Sequence of `Machine`.
        name: Name of the argument, for error messages.

    Raises:
        ValueError: If there is no machine, if one is not a `Machine`, or if one
            has other units than the first.

    Example:
        machine = rbm.machine()
        warmer = keras_rbm.machine.scale(machine, 0.5)
        keras_rbm.machine.check_alike([machine, warmer])
    """
    if not isinstance(machines, list | tuple) or not machines:
        raise ValueError(
            f"`{name}` must be a list of one or more machines, such as "
            f"`Snapshots.machines`. Received: {name}={machines!r}"
        )
    for number, machine in enumerate(machines):
        if not isinstance(machine, Machine):
            raise ValueError(
                f"`{name}` must hold machines, such as `rbm.machine()` "
                f"returns. Received: {name}[{number}]={machine!r}"
            )
        first = machines[0]
        if (machine.visible, machine.hidden) != (first.visible, first.hidden):
            raise ValueError(
                f"`{name}` must have the same units. Received: "
                f"{name}[0] with {first.visible} and {first.hidden}, "
                f"{name}[{number}] with {machine.visible} and "
                f"{machine.hidden}"
            )


def get_config(machine: Machine) -> Config:
    """Returns the machine as a JSON-serializable dict, exact to the bit.

    Args:
        machine: A `Machine` whose `beta` is a number or a scalar tensor.

    Returns:
        Dictionary for `from_config`.

    Example:
        machine = rbm.machine()
        text = json.dumps(keras_rbm.machine.get_config(machine))
        again = keras_rbm.machine.from_config(json.loads(text))
    """
    machine = absorb_beta(machine)
    serialize = keras.saving.serialize_keras_object

    def encoded(params):
        return {
            name: json_arrays.encode(ops.convert_to_numpy(p))
            for name, p in params.items()
        }

    return {
        "visible": serialize(machine.visible),
        "hidden": serialize(machine.hidden),
        **encoded({"kernel": machine.kernel}),
        "visible_params": encoded(machine.visible_params),
        "hidden_params": encoded(machine.hidden_params),
    }


def from_config(config: Config) -> Machine:
    """Returns the machine from the result of `get_config`.

    Args:
        config: Dictionary from `get_config`.

    Returns:
        A `Machine`.

    Example:
        machine = rbm.machine()
        config = keras_rbm.machine.get_config(machine)
        again = keras_rbm.machine.from_config(config)
        print(keras_rbm.machine.are_equal([machine], [again]))  # True
    """
    deserialize = keras.saving.deserialize_keras_object

    def decoded(params):
        return {
            name: ops.convert_to_tensor(json_arrays.decode(text))
            for name, text in params.items()
        }

    return Machine(
        visible=deserialize(config["visible"]),
        hidden=deserialize(config["hidden"]),
        kernel=decoded({"kernel": config["kernel"]})["kernel"],
        visible_params=decoded(config["visible_params"]),
        hidden_params=decoded(config["hidden_params"]),
    )


def are_equal(machines: Sequence[Machine], others: Sequence[Machine]) -> bool:
    """Whether machines have the same units and bit-identical parameters.

    Args:
        machines: Sequence of `Machine`.
        others: Sequence of `Machine`.

    Example:
        machine = rbm.machine()
        print(keras_rbm.machine.are_equal([machine], [rbm.machine()]))  # True
    """

    def numbers(machine):
        return {
            "kernel": machine.kernel,
            **{f"visible {k}": p for k, p in machine.visible_params.items()},
            **{f"hidden {k}": p for k, p in machine.hidden_params.items()},
        }

    def equal(one, other):
        if (one.visible, one.hidden) != (other.visible, other.hidden):
            return False
        first, second = (numbers(absorb_beta(m)) for m in (one, other))
        return first.keys() == second.keys() and all(
            np.array_equal(
                ops.convert_to_numpy(x), ops.convert_to_numpy(second[name])
            )
            for name, x in first.items()
        )

    return len(machines) == len(others) and all(
        equal(*pair) for pair in zip(machines, others, strict=True)
    )


def cast(machine: Machine, dtype: DType) -> Machine:
    """Casts all tensors of the machine to a dtype.

    Example:
        machine = rbm.machine()
        machine = keras_rbm.machine.cast(machine, "float64")
        x = np.asarray(x, "float64")
        energies = keras_rbm.machine.free_energy(machine, x)
    """
    beta = machine.beta
    return _each(machine, lambda x: ops.cast(x, dtype))._replace(
        beta=ops.cast(beta, dtype) if hasattr(beta, "dtype") else beta
    )


def dtype(machine: Machine) -> DType:
    """The dtype of the units' parameters, and of states in computations.

    Example:
        machine = rbm.machine()
        print(keras_rbm.machine.dtype(machine))  # float32
    """
    return next(iter(machine.hidden_params.values())).dtype


def _each(machine, function):
    """Applies a function to the kernel and to all parameters."""

    def of_all(params):
        return {name: function(p) for name, p in params.items()}

    ready = machine.transposed is not None
    return machine._replace(
        kernel=function(machine.kernel),
        visible_params=of_all(machine.visible_params),
        hidden_params=of_all(machine.hidden_params),
        transposed=function(machine.transposed) if ready else None,
    )


def _softmax_sites(units):
    """First column, number of sites, and categories of `Softmax` parts."""
    parts = units.parts if isinstance(units, Composite) else [units]
    first = 0
    for part in parts:
        if isinstance(part, Composite):
            for start, size, categories in _softmax_sites(part):
                yield first + start, size, categories
        elif isinstance(part, Softmax):
            yield first, part.size, part.categories
        first += part.width


def _coupled(machine, inputs):
    beta = machine.beta
    if isinstance(beta, float | int):  # A cast would round it to float32.
        return inputs if beta == 1 else float(beta) * inputs
    return ops.cast(beta, inputs.dtype) * inputs
