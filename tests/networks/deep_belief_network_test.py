"""A stack of RBMs as a Keras model, a distribution, and dense layers."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    Gaussian,
    Softmax,
    Spin,
)
from tests import machines
from tests.machines import (
    assert_law,
    assert_means,
    assert_same_states,
    data,
    rounding,
)
from tests.oracle import all_states


def network(*widths):
    """Bernoulli layers, the law of each far from uniform."""
    rbms = []
    for number, (visible, hidden) in enumerate(itertools.pairwise(widths)):
        rbm = RBM(visible, hidden, seed=number)
        rng = np.random.default_rng(number)
        for variable in rbm.trainable_variables:
            variable.assign(rng.normal(size=variable.shape))
        rbms.append(rbm)
    return DeepBeliefNetwork(rbms)


NETWORK = network(4, 3, 3, 2)
V = data(30, 4)
ERROR = rounding("float32", 1.0, operations=20)


def conditional(rbm, h, v):
    """p(v | h) of binary units, a row for each h and a column for each v."""
    p = np.asarray(rbm.predict_visible(h.astype("float32")), "float64")[:, None]
    return np.where(v == 1, p, 1 - p).prod(axis=2)


def law(network):
    """p(v) of all states of the data, by the definition."""
    *lower, top = network.rbms
    states = all_states(top.visible.width)
    p = np.exp(-np.asarray(top.free_energy(states), "float64"))
    p = p / p.sum()
    for rbm in reversed(lower):
        v = all_states(rbm.visible.width)
        p, states = p @ conditional(rbm, states, v), v
    return p, states


def test_samples_have_the_law_of_the_network():
    p, states = law(NETWORK)
    samples = NETWORK.sample(20_000, num_sweeps=50, seed=0)
    assert_law(samples, p)
    top_alone = np.exp(-np.asarray(NETWORK.rbms[0].free_energy(states)))
    top_alone = top_alone / top_alone.sum()
    assert np.abs(p - top_alone).sum() > 0.1  # It is not the lowest RBM's.
    means = np.asarray(NETWORK.predict_sample(20_000, num_sweeps=50, seed=1))
    assert_means(means, p @ states)
    assert ((means > 0) & (means < 1)).all()


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("num_samples", [1, 5])
def test_states_on_the_way_go_down_too(layers, num_samples):
    network = DeepBeliefNetwork(NETWORK.rbms[:layers])
    options = {"num_sweeps": 4, "seed": 0, "verbose": 0}
    for method in (network.sample, network.predict_sample):
        found = np.asarray(method(num_samples, every=2, **options))
        assert found.shape == (2, num_samples, 4)
    assert ((found > 0) & (found < 1)).all()
    assert (found[0] != found[1]).any()


def test_of_one_layer_samples_are_the_rbms():
    single = DeepBeliefNetwork(NETWORK.rbms[:1])
    p, states = law(single)
    assert_law(single.sample(20_000, num_sweeps=50, seed=0), p)
    means = single.predict_sample(20_000, num_sweeps=50, seed=0)
    assert_means(means, p @ states)


def test_a_seed_gives_the_same_draws():
    for method, argument in (
        (NETWORK.sample_up, V),
        (NETWORK.reconstruct, V),
        (NETWORK.sample_down, data(30, 2)),
        (functools.partial(NETWORK.sample, num_sweeps=3), 30),
    ):
        first = method(argument, seed=1)
        np.testing.assert_array_equal(first, method(argument, seed=1))
        other = np.asarray(method(argument, seed=2))
        assert (np.asarray(first) != other).any()
        assert set(np.unique(first)) == {0.0, 1.0}


def test_the_way_up_and_down_is_that_of_the_layers():
    first, second, third = NETWORK.rbms
    up = third(second(first(V)))
    for found in (NETWORK(V), NETWORK.up(V), NETWORK.predict(V, verbose=0)):
        np.testing.assert_allclose(found, up, atol=ERROR)
    down = up
    for rbm in (third, second, first):
        down = rbm.predict_visible(down)
    np.testing.assert_allclose(NETWORK.down(up), down, atol=ERROR)
    np.testing.assert_allclose(
        NETWORK.predict_reconstruction(V), down, atol=ERROR
    )


def test_draws_of_layers_are_apart():
    """Of two equal layers without weights, the draws are independent."""
    rbms = [RBM(50, 50, seed=0) for _ in range(2)]
    for rbm in rbms:
        rbm.kernel.assign(0 * rbm.kernel)
    v = np.zeros((40, 50), "float32")
    lower = np.asarray(DeepBeliefNetwork(rbms[:1]).sample_up(v, seed=1))
    upper = np.asarray(DeepBeliefNetwork(rbms).sample_up(v, seed=1))
    # 2,000 pairs of fair coins, which agree in half, give or take.
    assert abs((lower == upper).mean() - 0.5) < 4 * 0.5 / np.sqrt(2000)


def test_saved_and_loaded_all_layers_are_as_they_were(tmp_path):
    rbm = RBM(4, 3, seed=1)
    rbm.compile("adam", run_eagerly=True)
    rbm.fit(V, epochs=1, verbose=0)
    model = DeepBeliefNetwork([rbm, RBM(3, Gaussian(2), seed=2)], name="deep")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is DeepBeliefNetwork
    assert_same_states(loaded, model)
    assert_same_states(loaded.rbms[0], rbm)
    assert loaded.rbms[1].hidden == Gaussian(2)
    np.testing.assert_array_equal(loaded(V), model(V))
    np.testing.assert_array_equal(
        loaded.sample(5, 3, seed=0), model.sample(5, 3, seed=0)
    )


def test_it_is_a_keras_model_and_a_layer():
    """Any warning, such as of a missing gradient, would be an error."""
    model = network(4, 3, 2)
    biases = [rbm.visible_params["bias"].numpy() for rbm in model.rbms]
    model.compile(
        keras.optimizers.AdamW(0.1), "sparse_categorical_crossentropy"
    )
    outer = keras.Sequential([model, keras.layers.Dense(2)])
    outer.compile(keras.optimizers.AdamW(0.1), "mse", run_eagerly=True)
    before = model.rbms[0].kernel.numpy()
    outer.fit(V, V[:, :2], epochs=1, verbose=0)
    assert (model.rbms[0].kernel.numpy() != before).any()
    assert len(outer.trainable_variables) == 6
    for rbm, bias in zip(model.rbms, biases, strict=True):
        np.testing.assert_array_equal(rbm.visible_params["bias"], bias)
    v = keras.Input((4,))
    assert model(v).shape == (None, 2)


@pytest.mark.parametrize(
    ("rbms", "message"),
    [
        ([], "a list of one or more RBMs"),
        (RBM(4, 3, seed=0), "a list of one or more RBMs"),
        ([RBM(4, 3, seed=0), 3], "a list of one or more RBMs"),
        ([DeepBoltzmannMachine(4, 3, 2)], "a list of one or more RBMs"),
        ([NETWORK.rbms[1]] * 2, "one stands there twice"),
        (
            [RBM(4, 3, seed=0), RBM(4, 3, seed=0)],
            r"rbms\[0\].hidden=Bernoulli\(size=3\), rbms\[1\].visible",
        ),
        ([RBM(4, Spin(3), seed=0), RBM(3, 2, seed=0)], "must fit"),
        ([RBM(4, 6, seed=0), RBM(Softmax(2, 3), 2, seed=0)], "must fit"),
    ],
)
def test_what_does_not_fit_is_refused(rbms, message):
    with pytest.raises(ValueError, match=message):
        DeepBeliefNetwork(rbms)


def test_bad_examples_are_refused():
    for method in (NETWORK, NETWORK.up, NETWORK.reconstruct):
        with pytest.raises(ValueError, match=r"`v` must have shape .*, 4\)"):
            method(np.zeros((3, 5), "float32"))


# The network as dense layers.

PIXELS = data(32, 6)
CLASSES = PIXELS[:, :3].argmax(axis=1)
DENSE_ERROR = rounding("float32", 2.0, operations=30)


def two_layers(hidden=3, **kwargs):
    rbms = [RBM(6, 4, seed=1, **kwargs), RBM(4, hidden, seed=2, **kwargs)]
    for number, rbm in enumerate(rbms):
        rng = np.random.default_rng(number)
        for variable in rbm.trainable_variables:
            if "precision" not in variable.name:
                variable.assign(rng.normal(size=variable.shape))
    return DeepBeliefNetwork(rbms)


def test_a_classifier_goes_up_as_the_network_does():
    model = two_layers(inverse_temperature=1.5)
    classifier = model.to_classifier(3)
    names = [layer.name for layer in classifier.layers]
    assert names == ["layer_1", "layer_2", "classes"]
    below = keras.Model(classifier.inputs[0], classifier.layers[1].output)
    np.testing.assert_allclose(below(PIXELS), model(PIXELS), atol=DENSE_ERROR)
    # At the start it knows nothing of the classes.
    np.testing.assert_allclose(classifier(PIXELS), 1 / 3, atol=DENSE_ERROR)
    before = model.rbms[0].kernel.numpy()
    classifier.compile(
        keras.optimizers.Adam(0.1),
        "sparse_categorical_crossentropy",
        run_eagerly=True,
    )
    first, *_, last = classifier.fit(
        PIXELS, CLASSES, epochs=15, verbose=0
    ).history["loss"]
    assert last < 0.9 * first
    np.testing.assert_array_equal(model.rbms[0].kernel, before)


def test_dropout_and_the_norm_are_where_they_are_said_to_be():
    classifier = two_layers().to_classifier(
        3, dropout=[0.5, 0.4], input_dropout=0.2, max_norm=1.0
    )
    rates = [getattr(layer, "rate", None) for layer in classifier.layers]
    assert rates == [0.2, None, 0.5, None, 0.4, None]
    for layer in classifier.layers[1:4:2]:
        # MaxNorm adds Keras's epsilon to what it divides by.
        norms = np.linalg.norm(layer.kernel, axis=0)
        assert norms.max() <= 1.0 + DENSE_ERROR
        assert layer.kernel_constraint.axis == 0
    assert classifier.layers[-1].kernel_constraint is None


def test_the_same_network_from_a_random_start():
    classifier = two_layers().to_classifier(3, dropout=0.5)
    other = keras.models.clone_model(classifier)
    assert [type(layer) for layer in other.layers] == [
        type(layer) for layer in classifier.layers
    ]
    first, second = classifier.layers[0].kernel, other.layers[0].kernel
    assert first.shape == second.shape
    assert (first.numpy() != second.numpy()).any()
    # Glorot's uniform start, of a variance of 2 / (6 + 4).
    assert np.abs(second).max() <= np.sqrt(6 / 10)


@pytest.mark.parametrize("hidden", [3, Gaussian(3, precision=2.0)], ids=repr)
def test_an_autoencoder_is_the_way_up_and_down(hidden):
    model = two_layers(hidden)
    autoencoder = model.to_autoencoder()
    names = [layer.name for layer in autoencoder.layers]
    assert names == ["encoder_1", "code", "decoder_2", "decoder_1"]
    np.testing.assert_allclose(
        autoencoder(PIXELS),
        model.predict_reconstruction(PIXELS),
        atol=DENSE_ERROR,
    )
    encoder = keras.Model(
        autoencoder.inputs[0], autoencoder.get_layer("code").output
    )
    np.testing.assert_allclose(encoder(PIXELS), model(PIXELS), atol=DENSE_ERROR)


def test_the_activation_of_the_code():
    autoencoder = two_layers().to_autoencoder(code_activation="linear")
    assert autoencoder.get_layer("code").activation is (
        keras.activations.linear
    )
    assert autoencoder.layers[0].activation is keras.activations.sigmoid


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"dropout": 1.0}, "`dropout` must be a number between 0 and 1"),
        ({"dropout": [0.5]}, "`dropout` must be one value, or a list of 2"),
        ({"input_dropout": -0.1}, "`input_dropout` must be a number"),
        ({"max_norm": 0}, "`max_norm` must be positive"),
    ],
)
def test_bad_arguments_of_a_classifier_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        two_layers().to_classifier(**{"num_classes": 3, **kwargs})


def test_units_without_an_activation_are_refused():
    model = two_layers(Softmax(2, 2))
    with pytest.raises(ValueError, match="use the RBM itself as a layer"):
        model.to_classifier(3)
    assert model.to_autoencoder(code_activation="linear").built


def test_images_come_out_in_full_precision_under_a_mixed_policy():
    rbms = [
        RBM(4, 3, dtype="mixed_bfloat16"),
        RBM(3, 2, dtype="mixed_bfloat16"),
    ]
    autoencoder = DeepBeliefNetwork(rbms).to_autoencoder()
    assert autoencoder(np.zeros((1, 4), "float32")).dtype == "float32"
    assert autoencoder.get_layer("code").compute_dtype == "bfloat16"


# The network as a SavedModel.

EXAMPLES = machines.data(40, 6)


def randomized(*widths):
    return DeepBeliefNetwork(
        [
            machines.randomized(RBM(*side, seed=number), number)
            for number, side in enumerate(itertools.pairwise(widths))
        ]
    )


@pytest.fixture(scope="module")
def exported():
    return randomized(6, 5, 4, 3)


@pytest.fixture(scope="module")
def folder(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "model"
    exported.export(folder, verbose=False)  # Without a call before.
    return folder


@pytest.fixture(scope="module")
def served(folder):
    return tf.saved_model.load(folder)


def test_served_features_are_those_of_the_network(served, exported):
    # Three layers of sums of products up to 4, of slopes up to 1.
    bound = machines.rounding("float32", 4.0, 3 * 8)
    for name in ("serve", "features"):
        found = getattr(served, name)(EXAMPLES)
        np.testing.assert_allclose(
            found, exported(EXAMPLES), rtol=0, atol=bound
        )
        (found,) = served.signatures[name](tf.constant(EXAMPLES)).values()
        np.testing.assert_allclose(
            found, exported(EXAMPLES), rtol=0, atol=bound
        )


@pytest.mark.parametrize(
    ("sweeps", "seed"), [(1, 0), (20, 2**40 + 1), (3, 2**63 - 1)]
)
def test_served_samples_are_those_of_the_network(
    served, exported, sweeps, seed
):
    """Up by draws, sweeps in the topmost RBM, and draws down."""
    below_the_top = DeepBeliefNetwork(exported.rbms[:-1])
    start = below_the_top.sample_up(EXAMPLES, seed)
    expected = exported.sample(None, sweeps, seed, start=start)
    # Were a probability within rounding of its draw (2e-7 of 10,000 draws of
    # fixed seeds), a state could differ.
    found = served.sample(EXAMPLES, sweeps, tf.constant(seed, tf.int64))
    np.testing.assert_array_equal(found, expected)


def test_of_one_layer_served_samples_are_the_rbms(tmp_path):
    model = randomized(6, 4)
    model.export(tmp_path / "model", verbose=False)
    served = tf.saved_model.load(tmp_path / "model")
    found = served.sample(EXAMPLES, 5, 7)
    expected = model.rbms[0].sample(start=EXAMPLES, num_sweeps=5, seed=7)
    np.testing.assert_array_equal(found, expected)


def test_xla_is_not_needed(folder):
    assert not machines.xla_in(folder)


def test_what_is_served_is_a_keras_layer(folder, served):
    layer = keras.layers.TFSMLayer(folder, call_endpoint="features")
    np.testing.assert_array_equal(layer(EXAMPLES), served.features(EXAMPLES))


def test_layers_of_other_dtypes(tmp_path):
    lowest = machines.randomized(RBM(6, 5, seed=0, dtype="float64"))
    model = DeepBeliefNetwork([lowest, RBM(5, 4, seed=1)])
    model.export(tmp_path / "model", verbose=False)
    served = tf.saved_model.load(tmp_path / "model")
    found = served.sample(EXAMPLES, 2, 3)
    start = DeepBeliefNetwork([lowest]).sample_up(EXAMPLES, 3)
    expected = model.sample(None, 2, 3, start=start)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_other_formats_know_the_shape_without_a_call(exported, monkeypatch):
    given = []
    monkeypatch.setattr(keras.Model, "export", lambda *args: given.extend(args))
    exported.export("model.onnx", "onnx")
    assert given[:3] == [exported, "model.onnx", "onnx"]
    (spec,) = given[4]
    assert (spec.shape, spec.dtype) == ((None, 6), "float32")
