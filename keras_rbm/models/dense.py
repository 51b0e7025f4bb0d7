"""One way through a machine as a dense layer of Keras."""

import keras

from keras_rbm import machine as machine_lib


def layer(machine, **kwargs):
    """A `Dense` layer that gives E[h | v], with copies of the parameters.

    `layer(machine_lib.flip(machine))` is the way down, E[v | h].

    Args:
        machine: A `Machine`, without a `beta`.
        **kwargs: Arguments of `keras.layers.Dense`, such as `name`, `dtype`
            or `kernel_constraint`. An `activation` takes the place of that of
            the units.

    Returns:
        A `keras.layers.Dense` that is built.

    Raises:
        ValueError: If the units' mean is no activation of Keras.
    """
    units = machine.hidden
    if "activation" not in kwargs and units.activation is None:
        raise ValueError(
            f"the mean of {type(units).__name__} units is no activation of a "
            "Dense layer: use the RBM itself as a layer, or give an "
            f"`activation`. Received: {units!r}"
        )
    kwargs = {"activation": units.activation, **kwargs}
    dense = keras.layers.Dense(units.width, use_bias=True, **kwargs)
    dense.build((None, machine.visible.width))
    kernel, bias = units.affine(machine.kernel, machine.hidden_params)
    dense.kernel.assign(kernel)
    dense.bias.assign(bias)
    if dense.kernel_constraint is not None:  # From the start.
        dense.kernel.assign(dense.kernel_constraint(dense.kernel.value))
    return dense


def encoder(rbm, **kwargs):
    """The way up of an `RBM`, at its temperature and in its dtype."""
    return layer(_machine(rbm), **{"dtype": rbm.dtype_policy, **kwargs})


def decoder(rbm, **kwargs):
    """The way down of an `RBM`, at its temperature and in its dtype."""
    machine = machine_lib.flip(_machine(rbm))
    return layer(machine, **{"dtype": rbm.dtype_policy, **kwargs})


def _machine(rbm):
    machine = rbm.parameters.machine()  # In the dtype of the variables.
    return machine_lib.scale(machine, rbm.inverse_temperature)
