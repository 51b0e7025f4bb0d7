import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, ClassRBM, DeepBoltzmannMachine, PersistentChain
from tests import machines

VISIBLE, HIDDEN = 6, 4
# What a stranger does who has TensorFlow and not this package.
STRANGER = """
import json, sys
sys.path = [p for p in sys.path if p]
sys.modules["keras_rbm"] = None  # An import of it fails.
import numpy as np
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1])
v = tf.constant(json.loads(sys.argv[2]), tf.float32)
found = served.signatures["features"](v)["output_0"]
moved = served.sample(v, 5, 7)
print(json.dumps([found.numpy().tolist(), moved.numpy().tolist()]))
"""


@pytest.fixture(scope="module")
def model():
    return machines.randomized(RBM(VISIBLE, HIDDEN, PersistentChain(5), seed=0))


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("served") / "model")
    model.export(folder, verbose=False)  # Without a call before.
    return folder


@pytest.fixture(scope="module")
def served(folder):
    return tf.saved_model.load(folder)


def examples(count):
    rng = np.random.default_rng(1)
    return rng.integers(0, 2, (count, VISIBLE)).astype("float32")


def assert_features(found, model, v):
    # A sum of products of size up to 4, a sigmoid of slope up to 1/4.
    expected = model.predict_hidden(v).numpy()
    bound = machines.rounding("float32", 4.0, VISIBLE + 2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("count", [1, 3, 50])
@pytest.mark.parametrize("endpoint", ["serve", "features"])
def test_served_features_are_those_of_the_model(served, model, endpoint, count):
    v = examples(count)
    assert_features(getattr(served, endpoint)(v), model, v)
    (found,) = served.signatures[endpoint](tf.constant(v)).values()
    assert_features(found, model, v)


@pytest.mark.parametrize(("count", "sweeps", "seed"), [(3, 1, 0), (50, 20, 3)])
def test_served_samples_are_those_of_the_model(
    served, model, count, sweeps, seed
):
    v = examples(count)
    expected = model.sample(start=v, num_sweeps=sweeps, seed=seed)
    found = served.sample(v, sweeps, seed)
    # Were a probability within rounding of its draw (2e-7 of 10,000 draws of
    # fixed seeds), a state could differ.
    np.testing.assert_array_equal(found, expected)
    (found,) = served.signatures["sample"](
        v=tf.constant(v),
        num_sweeps=tf.constant(sweeps),
        seed=tf.constant(seed, tf.int64),
    ).values()
    np.testing.assert_array_equal(found, expected)


def test_seeds_of_more_than_32_bits_give_other_samples(served, model):
    v, seed = examples(50), 2**40 + 1
    found = served.sample(v, 3, tf.constant(seed, tf.int64))
    assert np.any(found != served.sample(v, 3, 1))
    expected = model.sample(start=v, num_sweeps=3, seed=seed)
    np.testing.assert_array_equal(found, expected)


def test_no_sweep_is_the_start(served):
    v = examples(4)
    np.testing.assert_array_equal(served.sample(v, 0, 0), v)


def test_xla_is_not_needed(folder):
    assert not machines.xla_in(pathlib.Path(folder))


def test_what_is_served_is_a_keras_layer(folder, model):
    v = examples(5)
    for endpoint in ("serve", "features"):
        layer = keras.layers.TFSMLayer(folder, call_endpoint=endpoint)
        assert_features(layer(v), model, v)


def test_the_weights_are_those_of_the_export(model, tmp_path):
    v = examples(5)
    kernel = model.kernel.numpy()
    try:
        model.kernel.assign(-kernel)
        model.export(str(tmp_path / "model"), verbose=False)
        later = tf.saved_model.load(str(tmp_path / "model"))
        found = later.serve(v)
        assert_features(found, model, v)
    finally:
        model.kernel.assign(kernel)
    assert np.abs(found - model.predict_hidden(v)).max() > 0.1


def test_the_signature_of_v_can_be_chosen(model, tmp_path):
    model.export(
        str(tmp_path / "model"),
        verbose=False,
        input_signature=[keras.InputSpec(shape=(2, VISIBLE), dtype="uint8")],
    )
    served = tf.saved_model.load(str(tmp_path / "model"))
    v = examples(2)
    assert_features(served.serve(v.astype("uint8")), model, v)
    assert set(np.unique(served.sample(v.astype("uint8"), 2, 0))) <= {0, 1}


def test_a_deep_boltzmann_machine_is_served_examples(tmp_path):
    model = machines.randomized(DeepBoltzmannMachine(VISIBLE, 5, 3, seed=0))
    model.export(tmp_path / "model", verbose=False)  # Without a call before.
    assert not machines.xla_in(tmp_path / "model")
    served = tf.saved_model.load(tmp_path / "model")
    v = examples(50)
    for found in (served.serve(v), served.features(v)):
        assert found.shape == (50, 3)
        # Each of 10 steps, of slope below 1, rounds as a pass does.
        bound = machines.rounding("float32", 4.0, 10 * (VISIBLE + 10))
        np.testing.assert_allclose(found, model(v), rtol=0, atol=bound)
    seed = 2**40 + 1
    found = served.sample(v, 20, tf.constant(seed, tf.int64))
    expected = model.sample(start=v, num_sweeps=20, seed=seed)
    np.testing.assert_array_equal(found, expected)
    # The first top layer is drawn from the seed as well.
    other = served.sample(v, 1, tf.constant(3, tf.int64))
    expected = model.sample(start=v, num_sweeps=1, seed=3)
    np.testing.assert_array_equal(other, expected)


@pytest.mark.parametrize("generative", [0.0, 0.5])
def test_a_class_rbm_serves_the_law_of_the_label(generative, tmp_path):
    model = ClassRBM(VISIBLE, 3, HIDDEN, generative_weight=generative, seed=0)
    machines.randomized(model).export(tmp_path / "model", verbose=False)
    assert not machines.xla_in(tmp_path / "model")
    served = tf.saved_model.load(tmp_path / "model")
    x = examples(20)
    found = served.class_probabilities(x)
    expected = model.class_probabilities(x)
    bound = machines.rounding("float32", 20.0, VISIBLE + HIDDEN + 10)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)
    rows = model.join(x, np.arange(20) % 3)
    assert_features(served.features(rows), model, rows)
    assert hasattr(served, "sample") == bool(generative)
    if generative:
        expected = model.sample(start=rows, num_sweeps=5, seed=1)
        np.testing.assert_array_equal(served.sample(rows, 5, 1), expected)


def test_other_formats_are_those_of_keras(model, tmp_path):
    with pytest.raises(ValueError, match="Unrecognized format"):
        model.export(str(tmp_path / "model"), format="none")


def test_verbose_says_what_is_served(model, tmp_path, capsys):
    model.export(str(tmp_path / "model"))
    assert "sample" in capsys.readouterr().out


@pytest.mark.slow
def test_a_process_without_this_package_serves_it(folder, model, tmp_path):
    v = examples(3)
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, folder, json.dumps(v.tolist())],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    found, moved = json.loads(done.stdout.splitlines()[-1])
    assert_features(found, model, v)
    expected = model.sample(start=v, num_sweeps=5, seed=7)
    np.testing.assert_array_equal(moved, expected)


def test_export_for_serving(tmp_path):
    model, v = RBM(5, 4, seed=1), machines.data()
    model.adapt(v)
    model(v)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(
        served.serve(v), model(v), rtol=4 * np.finfo("float32").eps
    )
