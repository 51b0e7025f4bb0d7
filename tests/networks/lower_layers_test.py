"""What finished layers make of data."""

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, Bernoulli, Composite, DeepBeliefNetwork, Spin, data
from keras_rbm.models import examples
from keras_rbm.networks import LowerLayers, PictureOfLayer
from tests.machines import assert_means, batches, rounding
from tests.machines import data as made_up


def stack():
    """Layers of 5, 4 and 3 units, of which each is far from a coin."""
    rbms = [RBM(5, 4, seed=1), RBM(4, 3, seed=2)]
    for number, rbm in enumerate(rbms):
        rng = np.random.default_rng(number)
        rbm.kernel.assign(6 * rng.normal(size=rbm.kernel.shape))
    return rbms


RBMS = stack()
X = made_up(48)
MEANS = np.asarray(DeepBeliefNetwork(stack()).up(X))
ERROR = rounding("float32", 1.0, operations=20)


def test_means_of_batches_and_of_arrays(monkeypatch):
    lower_layers = LowerLayers(RBMS)
    found = np.concatenate(list(lower_layers.batches(batches(X))))
    np.testing.assert_allclose(found, MEANS, atol=ERROR)
    np.testing.assert_allclose(lower_layers.array(X), MEANS, atol=ERROR)
    pixels = np.round(255 * X).astype("uint8")
    np.testing.assert_allclose(lower_layers.array(pixels), MEANS, atol=ERROR)
    assert lower_layers.array(X).dtype == np.float32


def test_without_layers_data_are_as_they_were():
    dataset = batches(X)
    assert LowerLayers([]).batches(dataset) is dataset
    assert LowerLayers([]).array(X) is X


def test_labels_and_weights_stay():
    y, weight = np.arange(48), np.linspace(0, 1, 48)
    dataset = LowerLayers(RBMS).batches(batches(X, y, weight, size=24))
    h, found_y, found_weight = next(iter(dataset))
    np.testing.assert_allclose(h, MEANS[:24], atol=ERROR)
    np.testing.assert_array_equal(found_y, y[:24])
    np.testing.assert_array_equal(found_weight, weight[:24])


def test_later_learning_does_not_count():
    rbms = stack()
    lower_layers = LowerLayers(rbms)
    dataset = lower_layers.batches(batches(X, size=48))
    rbms[0].kernel.assign(0 * rbms[0].kernel)
    np.testing.assert_allclose(next(iter(dataset)), MEANS, atol=ERROR)
    assert lower_layers.settings() == LowerLayers(RBMS).settings()
    assert lower_layers.settings() != LowerLayers(rbms).settings()


def test_draws_depend_on_the_seed_the_step_and_the_row_alone():
    lower_layers = LowerLayers(RBMS, "draws", seed=3)
    endless = data.batches(X, 16, seed=5)
    four = list(lower_layers.batches(endless).take(4))
    for x, y in zip(four, lower_layers.batches(endless).take(4), strict=True):
        np.testing.assert_array_equal(x, y)
    # Resumed at step 2, with the batches of then.
    rest = data.batches(X, 16, seed=5, first_step=2)
    for x, y in zip(
        four[2:], lower_layers.batches(rest, 2).take(2), strict=True
    ):
        np.testing.assert_array_equal(x, y)
    same = batches(np.repeat(X[:1], 48, axis=0), size=16)
    first, second, _ = lower_layers.batches(same)
    assert (first.numpy() != second.numpy()).any()
    other = next(iter(LowerLayers(RBMS, "draws", seed=4).batches(same)))
    assert (first.numpy() != other.numpy()).any()
    assert set(np.unique(four)) == {0.0, 1.0}


def test_draws_of_arrays_do_not_depend_on_how_they_are_cut(monkeypatch):
    lower_layers = LowerLayers(RBMS, "draws", seed=3)
    whole = lower_layers.array(X)
    monkeypatch.setattr("keras_rbm.networks.lower_layers._ROWS", 24)
    np.testing.assert_array_equal(lower_layers.array(X), whole)


def test_draws_have_the_law_of_draws_in_each_layer():
    """E[h_2] over draws of h_1, by enumeration of the 16 states of h_1."""
    v = np.repeat(X[:1], 20_000, axis=0)
    h = LowerLayers(RBMS, "draws", seed=0).array(v)
    p = np.asarray(RBMS[0].predict_hidden(X[:1]))[0]
    states = np.array(np.meshgrid(*[[0.0, 1.0]] * 4)).reshape(4, -1).T
    law = np.prod(np.where(states == 1, p, 1 - p), axis=1)
    expected = law @ np.asarray(RBMS[1].predict_hidden(states))
    assert_means(h, expected)
    # The layers' draws are apart: the means of means are another law.
    assert np.abs(expected - MEANS[0]).max() > 8 * 0.5 / np.sqrt(len(v))


def test_fit_need_not_look_at_the_batches():
    dataset = LowerLayers(RBMS[:1]).batches(data.batches(X, 16))
    assert examples.is_known(dataset, RBMS[1].visible)
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    assert dataset.element_spec.shape == (16, 4)


def test_the_number_of_examples_goes_up_too():
    """`AutoSGD` divides its penalties by it."""
    layers = LowerLayers(RBMS)
    assert examples.count(layers.batches(data.batches(X, 16)), 16) == 48
    assert examples.count(layers.batches(batches(X, size=16)), 16) == 48


def test_a_layer_is_drawn_by_means_all_the_way_down():
    network = DeepBeliefNetwork(stack())
    picture = LowerLayers(RBMS).picture(None)
    assert isinstance(picture, PictureOfLayer)
    down = np.asarray(network.down(MEANS))
    np.testing.assert_allclose(picture.intensities(MEANS), down, atol=ERROR)
    first, second = (np.asarray(rbm.kernel) for rbm in RBMS)
    steps = np.eye(3, dtype="float32")
    expected = steps @ second.T @ first.T
    np.testing.assert_allclose(picture.directions(steps), expected, rtol=1e-5)
    # The data have a picture of their own.
    own = data.Picture(2 * np.eye(5, dtype="float32"), 1.0)
    picture = LowerLayers(RBMS).picture(own)
    np.testing.assert_allclose(
        picture.intensities(MEANS), 2 * down + 1, atol=3 * ERROR
    )
    np.testing.assert_allclose(
        picture.directions(steps), 2 * expected, rtol=1e-5
    )
    assert LowerLayers([]).picture(own) is own


def test_other_states_are_refused():
    with pytest.raises(ValueError, match="`states` must be one of"):
        LowerLayers(RBMS, "samples")


def test_pictures_of_layers_on_spins_are_intensities():
    visible = Composite(Spin(2), Bernoulli(1))
    first = RBM(visible, 2, seed=0)
    first.kernel.assign(np.zeros((3, 2)))
    first.visible_params["bias"].assign([20.0, 0.0, 0.0])
    found = PictureOfLayer((first.machine(),)).intensities(np.ones((1, 2)))
    np.testing.assert_allclose(found, [[1.0, 0.5, 0.5]], atol=1e-6)
