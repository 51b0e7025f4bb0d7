import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import SpectralBound, ZeroSum
from keras_rbm.constraints import AtLeast, Within
from tests.machines import rounding


def norm(w):
    return np.linalg.norm(np.asarray(w, "float64"), 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(7, 7), (30, 4), (1, 9), (200, 100)])
def test_the_norm_is_never_above_the_bound(shape, dtype):
    rng = np.random.default_rng(0)
    for w in (
        rng.normal(size=shape),
        np.ones(shape),
        np.outer(rng.normal(size=shape[0]), rng.normal(size=shape[1])),
    ):
        kept = SpectralBound(0.7)(tf.constant(w, dtype))
        assert kept.dtype == dtype
        assert norm(kept) < 0.7
        # The direction stays.
        np.testing.assert_allclose(
            kept / np.abs(kept).max(), w / np.abs(w).max(), atol=1e-6
        )


def test_a_matrix_of_rank_one_is_scaled_to_the_bound():
    w = np.outer([3.0, 0.0, 4.0], [1.0, -2.0])
    assert abs(norm(SpectralBound(2.0)(tf.constant(w))) - 2.0) < 1e-4


def test_what_is_small_stays_to_the_bit():
    w = tf.random.stateless_normal((5, 4), (1, 2)) * 0.01
    np.testing.assert_array_equal(SpectralBound(1.0)(w), w)
    zeros = tf.zeros((3, 2))
    np.testing.assert_array_equal(SpectralBound(1.0)(zeros), zeros)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, None, "1"])
def test_values_are_positive_numbers(value):
    with pytest.raises(ValueError, match="`value` must be positive"):
        SpectralBound(value)


def test_round_trip():
    config = keras.saving.serialize_keras_object(SpectralBound(0.5))
    copy = keras.saving.deserialize_keras_object(config)
    assert isinstance(copy, SpectralBound)
    assert copy.value == 0.5


def test_zero_sum_over_the_categories_of_each_site():
    w = np.random.default_rng(0).normal(size=(6, 4))
    kept = ZeroSum(3)(tf.constant(w)).numpy().reshape(2, 3, 4)
    np.testing.assert_allclose(kept.sum(axis=1), 0, atol=1e-12)
    # Differences of categories, which alone matter, stay.
    w = w.reshape(2, 3, 4)
    np.testing.assert_allclose(kept - kept[:, :1], w - w[:, :1], atol=1e-12)
    config = keras.constraints.serialize(ZeroSum(3))
    assert keras.constraints.deserialize(config).categories == 3
    with pytest.raises(ValueError, match="must divide the number of rows"):
        ZeroSum(4)(tf.constant(np.ones((6, 4))))
    with pytest.raises(ValueError, match="at least 2"):
        ZeroSum(1)


def test_within():
    w = tf.constant([-3.0, -0.5, 0.0, 2.0])
    np.testing.assert_allclose(Within(1.0)(w), [-1.0, -0.5, 0.0, 1.0])
    assert Within.from_config(Within(2.0).get_config()).maximum == 2.0


def test_at_least():
    constraint = AtLeast.from_config(AtLeast(0.5).get_config())
    w = constraint(tf.constant([-1.0, 0.5, 0.7], "float64"))
    assert w.dtype == "float64"
    np.testing.assert_allclose(w, [0.5, 0.5, 0.7], rtol=rounding("float64", 1))
