import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import callbacks, plots
from keras_rbm.units import Composite, Gaussian, Softmax
from tests.callbacks import events

TAG = "1 Images/projection"


def examples(count=40, width=12, seed=0):
    draws = np.random.default_rng(seed).random((count, width))
    return (draws < np.linspace(0.1, 0.9, width)).astype("float32")


def written(log_dir, model, v, epoch=4):
    """The picture of an epoch, or `None`."""
    callback = callbacks.Projection(log_dir, v)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(epoch)
    callback.on_train_end()
    found = events.read(log_dir / "train").get(TAG)
    if found is None:
        return None
    assert list(found) == [epoch + 1]
    return tf.io.decode_png(found[epoch + 1][2]).numpy()


def test_the_picture_shows_data_and_particles(tmp_path):
    v = examples()
    model = keras_rbm.RBM(12, 6, keras_rbm.PersistentChain(7), seed=3)
    expected = plots.pixels(plots.projection(model, v, ax=plots.offscreen()))
    np.testing.assert_array_equal(written(tmp_path, model, v), expected)


def test_examples_may_be_pictures(tmp_path):
    v = examples()
    model = keras_rbm.RBM(12, 6, keras_rbm.PersistentChain(7), seed=3)
    np.testing.assert_array_equal(
        written(tmp_path / "pictures", model, v.reshape(-1, 3, 4)),
        written(tmp_path / "rows", model, v),
    )


def test_rows_with_missing_entries_are_completed(tmp_path):
    v = examples()
    lost = np.random.default_rng(1).random(v.shape) < 0.3
    holed = np.where(lost, np.nan, v)
    model = keras_rbm.RBM(12, 6, keras_rbm.PersistentChain(7), seed=3)
    means = np.where(lost, np.nanmean(holed, axis=0), v)
    whole = model.inpaint(holed, lost, num_sweeps=100, seed=0, verbose=0)
    ax = plots.projection(
        model, whole.numpy(), plots.plane_of(means), plots.offscreen()
    )
    found = written(tmp_path / "whole", model, holed)
    np.testing.assert_array_equal(found, plots.pixels(ax))
    # A model that has diverged completes nothing.
    model.kernel.assign(np.full((12, 6), np.nan))
    assert written(tmp_path / "diverged", model, holed) is not None


def test_the_axes_stay_where_they_are(tmp_path):
    callback = callbacks.Projection(tmp_path, examples(), every=1)
    model = keras_rbm.RBM(12, 6, keras_rbm.PersistentChain(7), seed=3)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, bias in enumerate((-99.0, 99.0, -99.0)):  # All off, all on.
        model.visible_params["bias"].assign(np.full(12, bias))
        callback.on_epoch_end(epoch)
    first, second, third = (
        array[2] for array in events.read(tmp_path / "train")[TAG].values()
    )
    assert first == third != second


MODELS = {
    "draws": lambda: keras_rbm.RBM(
        12, 6, keras_rbm.ContrastiveDivergence(1), seed=3
    ),
    "composite": lambda: keras_rbm.RBM(
        Composite([Softmax(2, 3), Gaussian(6)]),
        6,
        keras_rbm.PersistentChain(7),
        seed=3,
    ),
    "deep": lambda: keras_rbm.DeepBoltzmannMachine(
        12, 6, 5, keras_rbm.PersistentChain(7), seed=3
    ),
    "bfloat16": lambda: keras_rbm.RBM(
        12,
        6,
        keras_rbm.PersistentChain(7),
        seed=3,
        dtype="mixed_bfloat16",
    ),
    "generative": lambda: keras_rbm.ClassRBM(
        9, 3, 6, keras_rbm.PersistentChain(7), seed=3
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_all_kinds(tmp_path, name):
    picture = written(tmp_path, MODELS[name](), examples())
    assert picture.shape == (805, 805, 3)
    assert len(np.unique(picture)) > 2


def test_what_cannot_draw_has_no_picture(tmp_path):
    model = keras_rbm.ClassRBM(9, 3, 6, generative_weight=0, seed=3)
    assert written(tmp_path, model, examples()) is None
