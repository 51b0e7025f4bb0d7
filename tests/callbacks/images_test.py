import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import callbacks, plots
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


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_callback_writes_all_pictures(tmp_path, examples, policy):
    model = rbm(keras_rbm.PersistentChain(4), dtype=policy)
    callback = callbacks.Images(tmp_path, SHAPE, examples)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(4)
    callback.on_train_end()
    expected = {
        "filters": plots.filters(model, SHAPE, ax=plots.offscreen()),
        "sample_means": plots.samples(model, SHAPE, ax=plots.offscreen()),
        "reconstructions": plots.reconstructions(
            model, examples, SHAPE, ax=plots.offscreen()
        ),
    }
    for name, ax in expected.items():
        written = events.pictures(tmp_path / "train", f"1 Images/{name}")
        assert list(written) == [5]
        np.testing.assert_array_equal(written[5], plots.pixels(ax))


def test_callback_without_examples_or_shape(tmp_path):
    callback = callbacks.Images(tmp_path)
    callback.set_model(rbm(keras_rbm.PersistentChain(4)))
    callback.on_train_begin()
    callback.on_epoch_end(0)
    assert set(events.read(tmp_path / "train")) == {
        "1 Images/filters",
        "1 Images/sample_means",
    }


def test_callback_without_a_shape_draws_bars(tmp_path, examples):
    names = [f"column {i}" for i in range(12)]
    model = rbm(keras_rbm.PersistentChain(4))
    folder = tmp_path / "filters"
    callback = callbacks.Images(
        tmp_path, examples=examples, names=names, filters_dir=folder
    )
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    found = events.pictures(tmp_path / "train", "1 Images/filters")
    ax = plots.filters(model, names=names, ax=plots.offscreen())
    np.testing.assert_array_equal(found[1], plots.pixels(ax))
    written = tf.io.read_file(str(folder / "epoch-0001.png"))
    picture = tf.io.decode_png(written, channels=3).numpy()
    np.testing.assert_array_equal(picture, found[1])


def test_callback_survives_diverged_weights(tmp_path, examples):
    model = rbm(keras_rbm.PersistentChain(4))
    model.kernel.assign(np.full((12, 6), np.nan))
    callback = callbacks.Images(tmp_path, SHAPE, examples)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    assert events.pictures(tmp_path / "train", "1 Images/filters")
