"""What several tests need: machines, laws of samples, and tolerances."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_rbm import RBM, Bernoulli, Chain, Gibbs, random, samplers
from keras_rbm.machine import Machine
from tests import oracle as oracle_lib

METRICS = [
    "loss",
    "reconstruction_error",
    "cross_entropy",
    "pseudo_log_likelihood",
    "hidden_activity",
]


def machine(oracle, dtype="float32"):
    """The oracle's parameters as a `Machine` of Bernoulli units.

    At beta = 1: the oracle's inverse temperature is left out.
    """
    visible, hidden = oracle.kernel.shape
    return Machine(
        visible=Bernoulli(visible),
        hidden=Bernoulli(hidden),
        kernel=tf.constant(oracle.kernel, dtype),
        visible_params={"bias": tf.constant(oracle.visible_bias, dtype)},
        hidden_params={"bias": tf.constant(oracle.hidden_bias, dtype)},
    )


def sweeps(machine, v, stream, num_sweeps):
    """v after so many sweeps of block Gibbs sampling."""
    state = Gibbs().init(machine, tf.convert_to_tensor(v))
    state, _ = samplers.run(Gibbs(), machine, state, stream, num_sweeps)
    return state.v


def sweeps_from_hidden(machine, h, stream, num_sweeps):
    """The same from hidden states, with which the first sweep begins."""
    kept = Gibbs().unpack(machine, {"particles": tf.convert_to_tensor(h)})
    state, _ = Gibbs().step(machine, kept, random.fold_in(stream, 0))
    state, _ = samplers.run(
        Gibbs(), machine, state, stream, num_sweeps - 1, first=1
    )
    return state.v


def rounding(dtype, scale, operations=1):
    """Bound for the error of some operations on numbers of size `scale`."""
    epsilon = 2.0**-7 if dtype == "bfloat16" else np.finfo(dtype).eps
    return float(operations * epsilon * scale)


def exact_draws(rng, law, states, count):
    """Rows of `states`, drawn independently from their probabilities."""
    chosen = rng.choice(len(law), size=count, p=law / law.sum())
    return states[chosen].astype("float32")


def total_variation(samples, law, states=None):
    """Distance of the samples' frequencies from the law of all states.

    Those of binary units, or the `states` that are given.
    """
    if states is None:
        index = oracle_lib.index(samples)
    else:
        index = oracle_lib.nearest(samples, states)
    counts = np.bincount(index, minlength=len(law))
    return 0.5 * np.abs(counts / counts.sum() - law).sum()


def total_variation_floor(law, count, repeats=20):
    """What `total_variation` is on average for independent exact draws."""
    counts = np.random.default_rng(0).multinomial(count, law, size=repeats)
    return 0.5 * np.abs(counts / count - law).sum(axis=1).mean()


def assert_law(samples, law, factor=4.0, states=None):
    """The samples are, up to Monte-Carlo error, independent draws."""
    samples = np.asarray(samples)
    floor = total_variation_floor(law, len(samples))
    assert total_variation(samples, law, states) < factor * floor


def assert_means(samples, means, axis=0, errors=4.0, slack=0.0):
    """Means over `axis` are as expected, within so many standard errors.

    And `slack`, for what is rounded.
    """
    samples = np.asarray(samples, "float64")
    count = samples.shape[axis]
    error = samples.std(axis=axis, ddof=1) / np.sqrt(count)
    distance = np.abs(samples.mean(axis=axis) - means)
    # One count more: samples that never vary have no standard error.
    bound = errors * error + 1.0 / count + slack
    np.testing.assert_array_less(distance, bound)


def states_of(model):
    """All variables of a model and of its optimizer, as arrays."""
    variables = [*model.variables]
    if getattr(model, "optimizer", None) is not None:
        variables += model.optimizer.variables
    return [variable.numpy() for variable in variables]


def assert_same_states(first, second):
    """All variables of both models are equal to the last bit."""
    first, second = states_of(first), states_of(second)
    assert len(first) == len(second)
    for x, y in zip(first, second, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


def restarting(model):
    """Returns a function that undoes all updates of a model.

    The function returns the model. What is compiled stays: a further `fit`
    computes what it would compute with a new model, without a compilation.
    """
    model.optimizer.build(model.trainable_variables)
    variables = model.variables + model.optimizer.variables
    values = [keras.ops.convert_to_numpy(variable) for variable in variables]

    def restart():
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        model.stop_training = False
        return model

    return restart


def rbm(oracle, **kwargs):
    """An RBM with the oracle's parameters and inverse temperature."""
    visible, hidden = oracle.kernel.shape
    model = RBM(
        visible,
        hidden,
        **{"seed": 0, "inverse_temperature": oracle.beta, **kwargs},
    )
    model.kernel.assign(oracle.kernel)
    model.visible_params["bias"].assign(oracle.visible_bias)
    model.hidden_params["bias"].assign(oracle.hidden_bias)
    return model


def oracle_of(model):
    """The oracle with the parameters of an RBM."""
    return oracle_lib.Oracle(
        model.kernel.numpy(),
        model.visible_params["bias"].numpy(),
        model.hidden_params["bias"].numpy(),
        model.inverse_temperature,
    )


def data(count=48, width=5, seed=0):
    """Examples of binary units with different means."""
    u = np.random.default_rng(seed).random((count, width))
    return (u < np.linspace(0.2, 0.7, width)).astype("float32")


def batches(*columns, size=16):
    """A `tf.data.Dataset` of batches of some columns."""
    columns = columns[0] if len(columns) == 1 else columns
    return tf.data.Dataset.from_tensor_slices(columns).batch(size)


class Parts(keras.utils.PyDataset):
    """Three batches of some parts, each of which may be `None`."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = parts
        rows = next((len(x) for x in parts if x is not None), 0)
        self.size = rows // 3

    def __len__(self):
        return 3

    def __getitem__(self, number):
        rows = slice(self.size * number, self.size * (number + 1))
        return tuple(None if x is None else x[rows] for x in self.parts)


def weights(model):
    """The trainable variables, as arrays."""
    return [variable.numpy() for variable in model.trainable_variables]


@keras.saving.register_keras_serializable("keras_rbm_tests")
class Given(Chain):
    """Samples of the model that are given beforehand."""

    v_model = data(20, seed=5)

    def advance(self, machine, v_data, stream):
        return tf.constant(self.v_model, v_data.dtype)

    samples = advance


def given(oracle, centered=False, optimizer=None, **kwargs):
    """A model whose updates can be computed by hand, run eagerly."""
    model = rbm(oracle, chain=Given(), centered=centered, **kwargs)
    # Eagerly: faster than a compilation, for a few steps.
    model.compile(optimizer or keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def xla_in(folder):
    """Names of the functions of a SavedModel that XLA would compile."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    return [
        function.signature.name
        for function in graph.graph_def.library.function
        if function.attr["_XlaMustCompile"].b
    ]


def randomized(model, seed=0):
    """The model with trainable variables from a normal distribution."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return model
