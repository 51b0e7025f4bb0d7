"""Functions behind `MachineModel.export` and `to_dense`."""

import keras
import tensorflow as tf

from keras_rbm import machine as machine_lib
from keras_rbm import samplers
from keras_rbm.models import sampling
from keras_rbm.random import Use


def write_saved_model(model, endpoints, filepath, verbose=None, **kwargs):
    """Writes a SavedModel with these endpoints.

    Args:
        model: The Keras model whose variables are saved.
        endpoints: Dict from names of endpoints to pairs of a function and the
            list of its arguments' specs (`keras.InputSpec`, or the like).
        filepath: The folder to write to.
        verbose: Whether to print a summary of the endpoints; `None` for yes.
        **kwargs: Arguments of `keras.export.ExportArchive`.
    """
    archive = keras.export.ExportArchive(**kwargs)
    archive.track(model)
    for name, endpoint in endpoints.items():
        archive.add_endpoint(name, *endpoint)
    archive.write_out(filepath, verbose=True if verbose is None else verbose)


def signature(model):
    """List with the `keras.InputSpec` of any number of examples of a model."""
    shape = (None, model.example_units.width)
    return [keras.InputSpec(shape=shape, dtype=model.variable_dtype)]


def endpoints(model, v, sample):
    """The endpoints that every model serves.

    Args:
        model: A Keras model of examples.
        v: The `keras.InputSpec`, or the like, of examples.
        sample: Function of examples, the number of sweeps and a seed.

    Returns:
        Dict for the argument `endpoints` of `write_saved_model`.
    """
    numbers = tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.int64)

    # The names of the arguments become the names in the signature.
    def drawn(v, num_sweeps, seed):
        return sample(v, num_sweeps, seed)

    # Keras traces a function only once, so each endpoint has its own function.
    return {
        "serve": (lambda v: model(v), [v]),
        "features": (lambda v: model(v), [v]),
        "sample": (drawn, [v, *numbers]),
    }


def sample(model, v, num_sweeps, seed):
    """The draws of `model.sample(start=v, ...)`, in a graph without XLA.

    Args:
        model: A `MachineModel`.
        v: Tensor of examples.
        num_sweeps: Scalar tensor.
        seed: Scalar tensor.

    Returns:
        Tensor of examples.
    """
    machine, sampler = model.machine(), samplers.Gibbs()
    start = tf.cast(v, model.variable_dtype)
    state = sampler.init(machine, model.layout.start(machine, start, seed))
    stream = sampling.stream(seed, Use.SAMPLE)
    state, _ = samplers.run(sampler, machine, state, stream, num_sweeps)
    return model.layout.examples(sampler.samples(state))


def encoder(model, **kwargs):
    """E[h | v] as a `Dense` layer: see `MachineModel.to_dense`."""
    return _dense(model, _scaled(model), kwargs)


def decoder(model, **kwargs):
    """E[v | h] as a `Dense` layer."""
    return _dense(model, machine_lib.flip(_scaled(model)), kwargs)


def _scaled(model):
    """The machine, scaled by beta, in the dtype of the model's variables."""
    return machine_lib.scale(
        model.parameters.machine(), model.inverse_temperature
    )


def _dense(model, machine, kwargs):
    units = machine.hidden
    if "activation" not in kwargs and units.activation is None:
        raise ValueError(
            f"the mean of {type(units).__name__} units is no activation of a "
            "Dense layer: use the RBM itself as a layer, or give an "
            f"`activation`. Received: {units!r}"
        )
    kwargs = {
        "dtype": model.dtype_policy,
        "activation": units.activation,
        **kwargs,
    }
    dense = keras.layers.Dense(units.width, use_bias=True, **kwargs)
    dense.build((None, machine.visible.width))
    kernel, bias = units.affine(machine.kernel, machine.hidden_params)
    dense.kernel.assign(kernel)
    dense.bias.assign(bias)
    if dense.kernel_constraint is not None:  # Holds from the start.
        dense.kernel.assign(dense.kernel_constraint(dense.kernel.value))
    return dense
