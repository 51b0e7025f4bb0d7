import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import callbacks, data, tiles
from tests.callbacks import events

SHAPE = (3, 4)


@pytest.fixture
def examples():
    x = np.random.default_rng(0).integers(0, 2, (8, 12))
    return x.astype("float32")


def rbm(chain=None, **kwargs):
    model = keras_rbm.RBM(12, 6, chain, seed=3, **kwargs)
    kernel = np.random.default_rng(1).normal(size=(12, 6))
    kernel[:, 2] = 0
    model.kernel.assign(kernel)
    return model


def test_filters_are_columns_of_the_kernel_in_order():
    model = rbm()
    picture = callbacks.filters(model, SHAPE)
    # Three columns and two rows of tiles, each 7 times larger.
    assert picture.shape == (2 * 22 + 1, 3 * 29 + 1)
    greys = tiles.signed_grey(keras.ops.convert_to_numpy(model.kernel))
    for unit in range(6):
        top, left = 1 + unit // 3 * 22, 1 + unit % 3 * 29
        np.testing.assert_array_equal(
            picture[top : top + 21 : 7, left : left + 28 : 7].ravel(),
            greys[:, unit],
        )
    assert (picture[1:22, 59:87] == 128).all()


def test_filters_shows_no_more_than_asked_for():
    picture = callbacks.filters(rbm(), SHAPE, num_filters=2)
    assert picture.shape == (23, 59)


def test_samples_shows_means_of_the_fantasy_particles():
    model = rbm(keras_rbm.PersistentChain(4))
    means = keras.ops.convert_to_numpy(
        model.predict_reconstruction(model.fantasy_particles)
    )
    np.testing.assert_array_equal(
        callbacks.samples(model, SHAPE), tiles.tile(tiles.grey(means), SHAPE)
    )
    assert callbacks.samples(model, SHAPE, num_samples=1).shape == (23, 30)


def test_samples_draws_where_the_chain_keeps_none():
    model = rbm(keras_rbm.ContrastiveDivergence(1))
    draws = model.sample(4, num_sweeps=3, seed=5)
    means = keras.ops.convert_to_numpy(model.predict_reconstruction(draws))
    picture = callbacks.samples(
        model, SHAPE, num_samples=4, num_sweeps=3, seed=5
    )
    np.testing.assert_array_equal(picture, tiles.tile(tiles.grey(means), SHAPE))


def test_reconstructions_stand_below_their_originals(examples):
    model = rbm()
    picture = callbacks.reconstructions(model, examples, SHAPE, num_examples=1)
    means = keras.ops.convert_to_numpy(
        model.predict_reconstruction(examples[:1])
    )
    for top, values in ((5, examples[:1]), (5 + 21 + 1, means)):
        np.testing.assert_array_equal(
            picture[top : top + 21 : 7, 5:33:7].ravel(),
            tiles.grey(values).ravel(),
        )


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_callback_writes_all_pictures(tmp_path, examples, policy):
    model = rbm(keras_rbm.PersistentChain(4), dtype=policy)
    callback = callbacks.Images(tmp_path, SHAPE, examples)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(4)
    callback.on_train_end()
    expected = {
        "filters": callbacks.filters(model, SHAPE),
        "sample_means": callbacks.samples(model, SHAPE),
        "reconstructions": callbacks.reconstructions(model, examples, SHAPE),
    }
    for name, picture in expected.items():
        written = events.pictures(tmp_path / "train", f"5 Images/{name}")
        assert list(written) == [5]
        np.testing.assert_array_equal(written[5], picture)


def test_callback_without_examples_or_shape(tmp_path):
    callback = callbacks.Images(tmp_path)
    callback.set_model(rbm(keras_rbm.PersistentChain(4)))
    callback.on_train_begin()
    callback.on_epoch_end(0)
    assert set(events.read(tmp_path / "train")) == {
        "5 Images/filters",
        "5 Images/sample_means",
    }


def test_callback_survives_diverged_weights(tmp_path, examples):
    model = rbm(keras_rbm.PersistentChain(4))
    model.kernel.assign(np.full((12, 6), np.nan))
    callback = callbacks.Images(tmp_path, SHAPE, examples)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    (picture,) = events.pictures(
        tmp_path / "train", "5 Images/filters"
    ).values()
    assert set(np.unique(picture)) == {64, 128}


def test_pictures_of_data_that_are_no_pixels(tmp_path, examples):
    model = rbm(keras_rbm.PersistentChain(4))
    # Half the columns are shown, upside down.
    matrix = -np.eye(12, dtype="float32")[:, 6:]
    shown = {"picture": data.Picture(matrix, 1.0), "image_shape": (2, 3)}
    callback = callbacks.Images(tmp_path, examples=examples, **shown)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    means = callbacks.images._array(
        model.predict_reconstruction(model.fantasy_particles)
    )
    weights = callbacks.images._array(model.kernel).T
    again = callbacks.images._array(model.predict_reconstruction(examples))
    for name, expected in (
        ("filters", tiles.tile(tiles.signed_grey(-weights[:, 6:]), (2, 3))),
        ("sample_means", tiles.tile(tiles.grey(1 - means[:, 6:]), (2, 3))),
        (
            "reconstructions",
            tiles.tile_pairs(
                tiles.grey(1 - examples[:, 6:]),
                tiles.grey(1 - again[:, 6:]),
                (2, 3),
            ),
        ),
    ):
        (found,) = events.pictures(
            tmp_path / "train", f"5 Images/{name}"
        ).values()
        np.testing.assert_array_equal(found, expected)


def test_write_png_makes_its_directory(tmp_path):
    picture = np.arange(12, dtype="uint8").reshape(3, 4)
    path = tmp_path / "pictures" / "filters.png"
    callbacks.write_png(path, picture)
    read = tf.io.decode_png(path.read_bytes()).numpy()
    np.testing.assert_array_equal(read[:, :, 0], picture)


def test_missing_pixels_have_a_colour_of_their_own(tmp_path, examples):
    model, x = rbm(), examples.copy()
    x[0, :5] = np.nan
    grey = callbacks.reconstructions(model, examples, SHAPE)
    picture = callbacks.reconstructions(model, x, SHAPE)
    assert picture.shape == (*grey.shape, 3)
    is_grey = (picture == picture[:, :, :1]).all(axis=2)
    # Each pixel of an example is 7 x 7 in the picture.
    assert (~is_grey).sum() == 5 * 7**2
    shown = data.Picture(np.eye(12))
    again = callbacks.reconstructions(model, x, SHAPE, picture=shown)
    np.testing.assert_array_equal(picture, again)
    path = tmp_path / "holes.png"
    callbacks.write_png(path, picture)
    read = tf.io.decode_png(path.read_bytes()).numpy()
    np.testing.assert_array_equal(read, picture)


def test_samples_of_a_class_have_a_row():
    model = keras_rbm.ClassRBM(12, 3, 4, seed=0)
    # Pixels of the class and no others.
    kernel = np.zeros((15, 4))
    kernel[:12, :3] = 20 * np.kron(np.eye(3), np.ones((4, 1))) - 10
    kernel[12:, :3] = 20 * np.eye(3) - 10
    model.kernel.assign(kernel)
    model.hidden_params["bias"].assign(np.zeros(4))
    shown = data.Picture(np.eye(15, 12))
    picture = callbacks.class_samples(
        model, (3, 4), num_samples=2, num_sweeps=3, picture=shown
    )
    labels = np.repeat(np.arange(3), 2)
    drawn = model.sample_class(labels, num_sweeps=3, seed=0)
    means = model.predict_reconstruction(model.join(drawn, labels))
    expected = tiles.tile(tiles.grey(means[:, :12]), (3, 4), columns=2)
    np.testing.assert_array_equal(picture, expected)
