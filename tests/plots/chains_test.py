"""Pictures of particles beside data, and of the memory of chains."""

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

import keras_rbm
from keras_rbm import plots
from keras_rbm.plots import chains


@pytest.mark.parametrize("shape", [(300, 20), (20, 300)])
def test_the_plane_is_that_of_scikit_learn(shape):
    generator = np.random.default_rng(0)
    # Two directions stand out; the rest is noise.
    v = generator.normal(size=shape)
    for size in (9.0, 5.0):
        column = generator.normal(size=(shape[0], 1))
        v += size * column * generator.normal(size=shape[1]) / shape[1] ** 0.5
    found, expected = plots.plane_of(v), PCA(2, svd_solver="full").fit(v)
    np.testing.assert_allclose(
        found.shares, expected.explained_variance_ratio_, rtol=1e-6
    )
    alike = np.sum(found.axes.T * expected.components_, axis=1)
    np.testing.assert_allclose(np.abs(alike), 1.0, rtol=1e-6)
    assert (found.axes.max(axis=0) == np.abs(found.axes).max(axis=0)).all()
    places = chains.project(found, v)
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
    plane = plots.plane_of(v)
    np.testing.assert_allclose(plane.shares, shares)
    places = chains.project(plane, v)
    assert (places[:, np.equal(shares, 0)] == 0).all()
    model = keras_rbm.RBM(keras_rbm.Gaussian(v.shape[1]), 2, seed=0)
    model.visible_params["bias"].assign(np.zeros(v.shape[1]))
    ax = plots.projection(model, v.astype("float32"), ax=plots.offscreen())
    assert plots.pixels(ax).shape == (805, 805, 3)


def test_the_picture_shows_data_and_particles():
    draws = np.random.default_rng(0).random((40, 12))
    v = (draws < np.linspace(0.1, 0.9, 12)).astype("float32")
    model = keras_rbm.RBM(12, 6, keras_rbm.PersistentChain(7), seed=3)
    ax = plots.projection(model, v, ax=plots.offscreen())
    plane = plots.plane_of(v)
    particles = keras.ops.convert_to_numpy(model.fantasy_particles)
    for collection, points in zip(ax.collections, (v, particles), strict=True):
        found = np.asarray(collection.get_offsets())
        places = chains.project(plane, points)
        limits = np.array([ax.get_xlim(), ax.get_ylim()]).T
        np.testing.assert_allclose(found, np.clip(places, *limits))
    for form in (sparse.csr_array(v), v.reshape(-1, 3, 4)):
        again = plots.projection(model, form, ax=plots.offscreen())
        for one, other in zip(ax.collections, again.collections, strict=True):
            np.testing.assert_allclose(*(x.get_offsets() for x in (one, other)))
    with pytest.raises(ValueError, match="`v`"):
        plots.projection(model, v[:, :5])
    v[0, 0] = np.nan
    for options in ({}, {"plane": plane}):
        with pytest.raises(ValueError, match="`v` must hold finite numbers"):
            plots.projection(model, v, **options)


def test_particles_beyond_the_data_are_on_the_frame():
    v = np.zeros((3, 4), "float32")
    v[0, 0] = 1
    model = keras_rbm.RBM(keras_rbm.Gaussian(4), 2, seed=0)
    model.visible_params["bias"].assign([1000, 0, 0, np.nan])
    ax = plots.projection(model, v, ax=plots.offscreen())
    assert len(ax.collections[1].get_offsets()) == 0  # NaN is nowhere.
    model.visible_params["bias"].assign([1000, 0, 0, 0])
    ax = plots.projection(model, v, ax=plots.offscreen())
    places = ax.collections[1].get_offsets()
    assert set(places[:, 0]) == {ax.get_xlim()[1]}


def test_the_memory_of_chains():
    model = keras_rbm.RBM(12, 6, keras_rbm.PersistentChain(7), seed=3)
    ax = plots.chain_health(model, num_sweeps=40, ax=plots.offscreen())
    memory = ax.lines[0].get_ydata()
    assert memory.shape == (21,)
    assert memory[0] == pytest.approx(1)
    assert "7 chains, autocorrelation time" in ax.get_title()
    assert plots.pixels(ax).shape[1] == 900
    none = keras_rbm.RBM(12, 6, keras_rbm.ContrastiveDivergence(1))
    with pytest.raises(ValueError, match="a chain that keeps particles"):
        plots.chain_health(none)
