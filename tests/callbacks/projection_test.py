import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA

import keras_rbm
from keras_rbm import callbacks
from keras_rbm.callbacks import projection
from keras_rbm.units import Composite, Gaussian, Softmax
from tests.callbacks import events

TAG = "5 Images/projection"


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


@pytest.mark.parametrize("shape", [(300, 20), (20, 300)])
def test_the_plane_is_that_of_scikit_learn(shape):
    generator = np.random.default_rng(0)
    # Two directions stand out; the rest is noise.
    v = generator.normal(size=shape)
    for size in (9.0, 5.0):
        column = generator.normal(size=(shape[0], 1))
        v += size * column * generator.normal(size=shape[1]) / shape[1] ** 0.5
    found, expected = projection.plane(v), PCA(2, svd_solver="full").fit(v)
    np.testing.assert_allclose(
        found.shares, expected.explained_variance_ratio_, rtol=1e-6
    )
    alike = np.sum(found.axes.T * expected.components_, axis=1)
    np.testing.assert_allclose(np.abs(alike), 1.0, rtol=1e-6)
    assert (found.axes.max(axis=0) == np.abs(found.axes).max(axis=0)).all()
    places = projection.project(found, v)
    variances = places.var(axis=0) / v.var(axis=0).sum()
    np.testing.assert_allclose(variances, found.shares, rtol=1e-6)


@pytest.mark.parametrize(
    ("v", "shares"),
    [
        (np.zeros((5, 3)), [0, 0]),
        (np.ones((1, 7)), [0, 0]),
        (np.arange(9.0)[:, None], [1, 0]),
        (np.outer(np.arange(20), [1, 2, 0]), [1, 0]),
    ],
)
def test_data_that_do_not_fill_a_plane(v, shares):
    plane = projection.plane(v)
    np.testing.assert_allclose(plane.shares, shares)
    places = projection.project(plane, v)
    assert (places[:, np.equal(shares, 0)] == 0).all()
    assert projection.draw(places, places, plane.shares).shape[2] == 3


def test_samples_are_drawn_where_they_are():
    data = np.array([[0.0, 0.0], [4.0, 4.0]])

    def orange(*samples):
        picture = projection.draw(data, np.array(samples), (0.5, 0.5))
        picture = picture[35:].astype(int)  # Without the legend.
        return np.argwhere(picture[..., 0] - picture[..., 2] > 150)

    assert len(orange((np.nan, 1.0))) == 0
    low, high = (orange(at).mean(axis=0) for at in ((1.0, 1.0), (3.0, 3.0)))
    assert low[0] > high[0]  # Rows run downwards.
    assert low[1] < high[1]
    # The range is the data's: what is far away is drawn on the frame.
    np.testing.assert_array_equal(orange((9.0, 9.0)), orange((1000.0, 1000.0)))
    np.testing.assert_array_equal(
        orange((1.0, 1.0), (9.0, 9.0))[-1], orange((1.0, 1.0))[-1]
    )


def test_the_picture_shows_data_and_particles(tmp_path):
    v = examples()
    model = keras_rbm.RBM(12, 6, keras_rbm.PersistentChain(7), seed=3)
    plane = projection.plane(v)
    particles = keras.ops.convert_to_numpy(model.fantasy_particles)
    expected = projection.draw(
        projection.project(plane, v),
        projection.project(plane, particles),
        plane.shares,
    )
    picture = written(tmp_path, model, v)
    assert picture.shape == (350, 350, 3)
    np.testing.assert_array_equal(picture, expected)


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
    assert picture.shape == (350, 350, 3)
    assert len(np.unique(picture)) > 2


def test_what_cannot_draw_has_no_picture(tmp_path):
    model = keras_rbm.ClassRBM(9, 3, 6, generative_weight=0, seed=3)
    assert written(tmp_path, model, examples()) is None
