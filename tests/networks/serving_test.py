import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, DeepBeliefNetwork
from tests import machines

V = machines.data(40, 6)


def network(*widths):
    return DeepBeliefNetwork(
        [
            machines.randomized(RBM(*side, seed=number), number)
            for number, side in enumerate(itertools.pairwise(widths))
        ]
    )


@pytest.fixture(scope="module")
def model():
    return network(6, 5, 4, 3)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "model"
    model.export(folder, verbose=False)  # Without a call before.
    return folder


@pytest.fixture(scope="module")
def served(folder):
    return tf.saved_model.load(folder)


def test_served_features_are_those_of_the_network(served, model):
    # Three layers of sums of products up to 4, of slopes up to 1.
    bound = machines.rounding("float32", 4.0, 3 * 8)
    for name in ("serve", "features"):
        found = getattr(served, name)(V)
        np.testing.assert_allclose(found, model(V), rtol=0, atol=bound)
        (found,) = served.signatures[name](tf.constant(V)).values()
        np.testing.assert_allclose(found, model(V), rtol=0, atol=bound)


@pytest.mark.parametrize(
    ("sweeps", "seed"), [(1, 0), (20, 2**40 + 1), (3, 2**63 - 1)]
)
def test_served_samples_are_those_of_the_network(served, model, sweeps, seed):
    """Up by draws, sweeps in the topmost RBM, and draws down."""
    below_the_top = DeepBeliefNetwork(model.rbms[:-1])
    start = below_the_top.sample_up(V, seed)
    expected = model.sample(None, sweeps, seed, start=start)
    # Were a probability within rounding of its draw (2e-7 of 10,000 draws of
    # fixed seeds), a state could differ.
    found = served.sample(V, sweeps, tf.constant(seed, tf.int64))
    np.testing.assert_array_equal(found, expected)


def test_of_one_layer_samples_are_the_rbms(tmp_path):
    model = network(6, 4)
    model.export(tmp_path / "model", verbose=False)
    served = tf.saved_model.load(tmp_path / "model")
    found = served.sample(V, 5, 7)
    expected = model.rbms[0].sample(start=V, num_sweeps=5, seed=7)
    np.testing.assert_array_equal(found, expected)


def test_xla_is_not_needed(folder):
    assert not machines.xla_in(folder)


def test_what_is_served_is_a_keras_layer(folder, served):
    layer = keras.layers.TFSMLayer(folder, call_endpoint="features")
    np.testing.assert_array_equal(layer(V), served.features(V))


def test_layers_of_other_dtypes(tmp_path):
    lowest = machines.randomized(RBM(6, 5, seed=0, dtype="float64"))
    model = DeepBeliefNetwork([lowest, RBM(5, 4, seed=1)])
    model.export(tmp_path / "model", verbose=False)
    served = tf.saved_model.load(tmp_path / "model")
    found = served.sample(V, 2, 3)
    start = DeepBeliefNetwork([lowest]).sample_up(V, 3)
    expected = model.sample(None, 2, 3, start=start)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_other_formats_know_the_shape_without_a_call(model, monkeypatch):
    given = []
    monkeypatch.setattr(keras.Model, "export", lambda *args: given.extend(args))
    model.export("model.onnx", "onnx")
    assert given[:3] == [model, "model.onnx", "onnx"]
    (spec,) = given[4]
    assert (spec.shape, spec.dtype) == ((None, 6), "float32")
