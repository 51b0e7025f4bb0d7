import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import GroupLasso, SquaredL1

W = np.random.default_rng(0).normal(size=(6, 4))


def slope(penalty, w):
    w = tf.constant(w)
    with tf.GradientTape() as tape:
        tape.watch(w)
        value = penalty(w)
    return value.numpy(), tape.gradient(value, w).numpy()


def test_squared_l1():
    value, gradient = slope(SquaredL1(0.5), W)
    sums = np.abs(W).sum(axis=0)
    assert np.isclose(value, 0.5 / 12 * (sums**2).sum())
    np.testing.assert_allclose(gradient, 0.5 / 6 * sums * np.sign(W))


def test_group_lasso():
    w = W.copy()
    w[:3, 1] = 0  # A site that a hidden unit does not look at.
    value, gradient = slope(GroupLasso(0.2, 3), w)
    norms = np.sqrt((w.reshape(2, 3, 4) ** 2).sum(axis=1))
    assert np.isclose(value, 0.2 * norms.sum())
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[:3, 1], 0)
    np.testing.assert_allclose(gradient[3:, 1], 0.2 * w[3:, 1] / norms[1, 1])


def test_with_one_column_a_site_it_is_l1():
    value, _ = slope(GroupLasso(0.2, 1), W)
    assert np.isclose(value, 0.2 * np.abs(W).sum())


@pytest.mark.parametrize("penalty", [SquaredL1(0.3), GroupLasso(0.3, 2)])
def test_config_round_trip(penalty):
    config = keras.regularizers.serialize(penalty)
    copy = keras.regularizers.deserialize(config)
    assert type(copy) is type(penalty)
    assert copy.get_config() == penalty.get_config()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`factor`"):
        SquaredL1(-1)
    with pytest.raises(ValueError, match="`categories`"):
        GroupLasso(0.1, 0)
    with pytest.raises(ValueError, match="must divide the number of rows"):
        GroupLasso(0.1, 4)(tf.constant(W))
