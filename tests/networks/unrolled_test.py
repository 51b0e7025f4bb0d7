"""Stacks of RBMs as networks of dense layers."""

import keras
import numpy as np
import pytest

from keras_rbm import RBM, DeepBeliefNetwork, Gaussian, Softmax
from tests.machines import data, rounding

V = data(32, 6)
Y = V[:, :3].argmax(axis=1)
ERROR = rounding("float32", 2.0, operations=30)


def network(hidden=3, **kwargs):
    rbms = [RBM(6, 4, seed=1, **kwargs), RBM(4, hidden, seed=2, **kwargs)]
    for number, rbm in enumerate(rbms):
        rng = np.random.default_rng(number)
        for variable in rbm.trainable_variables:
            if "precision" not in variable.name:
                variable.assign(rng.normal(size=variable.shape))
    return DeepBeliefNetwork(rbms)


def test_a_classifier_goes_up_as_the_network_does():
    model = network(inverse_temperature=1.5)
    classifier = model.to_classifier(3)
    names = [layer.name for layer in classifier.layers]
    assert names == ["layer_1", "layer_2", "classes"]
    below = keras.Model(classifier.inputs[0], classifier.layers[1].output)
    np.testing.assert_allclose(below(V), model(V), atol=ERROR)
    # At the start it knows nothing of the classes.
    np.testing.assert_allclose(classifier(V), 1 / 3, atol=ERROR)
    before = model.rbms[0].kernel.numpy()
    classifier.compile(
        keras.optimizers.Adam(0.1),
        "sparse_categorical_crossentropy",
        run_eagerly=True,
    )
    first, *_, last = classifier.fit(V, Y, epochs=15, verbose=0).history["loss"]
    assert last < 0.9 * first
    np.testing.assert_array_equal(model.rbms[0].kernel, before)


def test_dropout_and_the_norm_are_where_they_are_said_to_be():
    classifier = network().to_classifier(
        3, dropout=[0.5, 0.4], input_dropout=0.2, max_norm=1.0
    )
    rates = [getattr(layer, "rate", None) for layer in classifier.layers]
    assert rates == [0.2, None, 0.5, None, 0.4, None]
    for layer in classifier.layers[1:4:2]:
        # MaxNorm adds Keras's epsilon to what it divides by.
        norms = np.linalg.norm(layer.kernel, axis=0)
        assert norms.max() <= 1.0 + ERROR
        assert layer.kernel_constraint.axis == 0
    assert classifier.layers[-1].kernel_constraint is None


def test_the_same_network_from_a_random_start():
    classifier = network().to_classifier(3, dropout=0.5)
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
    model = network(hidden)
    autoencoder = model.to_autoencoder()
    names = [layer.name for layer in autoencoder.layers]
    assert names == ["encoder_1", "code", "decoder_2", "decoder_1"]
    np.testing.assert_allclose(
        autoencoder(V), model.predict_reconstruction(V), atol=ERROR
    )
    encoder = keras.Model(
        autoencoder.inputs[0], autoencoder.get_layer("code").output
    )
    np.testing.assert_allclose(encoder(V), model(V), atol=ERROR)


def test_the_activation_of_the_code():
    autoencoder = network().to_autoencoder(code_activation="linear")
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
def test_bad_arguments_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        network().to_classifier(**{"num_classes": 3, **kwargs})


def test_units_without_an_activation_are_told():
    model = network(Softmax(2, 2))
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
