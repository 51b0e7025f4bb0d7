import numpy as np
import pytest
import tensorflow as tf
from keras_rbm.models.moments import moments

from keras_rbm import Bernoulli
from tests.machines import data

UNITS = Bernoulli(5)


def dataset(*columns, batch=10):
    columns = columns[0] if len(columns) == 1 else columns
    return tf.data.Dataset.from_tensor_slices(columns).batch(batch)


def test_mean_is_taken_in_float64():
    x = data(1000).astype("float16")
    mean, variance = moments(x, UNITS)
    assert mean.dtype == variance.dtype == "float64"
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype="float64"))
    np.testing.assert_allclose(variance, x.var(axis=0, dtype="float64"))
    np.testing.assert_array_equal(moments(x.astype(bool), UNITS)[0], mean)
    np.testing.assert_array_equal(moments(x.astype("uint8"), UNITS)[0], mean)


def test_mean_of_a_data_set_weighs_examples_alike():
    x = data(43)
    expected = x.astype("float64").mean(axis=0)
    for columns in ((x,), (x, x)):
        np.testing.assert_allclose(
            moments(dataset(*columns), UNITS)[0], expected, rtol=1e-12
        )


def test_mean_of_a_data_set_without_end():
    x = data(40)
    mean, _ = moments(dataset(x).repeat(), UNITS)
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype="float64"))
    # No more than 100 batches: the others are never asked for.
    endless = tf.data.Dataset.from_tensors(np.ones((2, 5), "float32"))
    broken = endless.repeat(100).concatenate(
        tf.data.Dataset.from_tensors(np.zeros((2, 5), "float32"))
    )
    np.testing.assert_array_equal(moments(broken, UNITS)[0], np.ones(5))


@pytest.mark.parametrize("row", [0, 30])
def test_mean_refuses_what_is_not_a_state(row):
    x = data()
    x[row, 2] = np.nan
    for x_ in (x, dataset(x)):
        with pytest.raises(ValueError, match="must hold finite values"):
            moments(x_, UNITS)


def test_variance_counts_weights_and_is_never_negative():
    x, weight = data(3000), np.linspace(0.0, 2.0, 3000)
    mean, variance = moments(x, UNITS, sample_weight=weight)
    p = weight / weight.sum()
    np.testing.assert_allclose(mean, p @ x)
    np.testing.assert_allclose(variance, p @ (x - p @ x) ** 2)
    assert (moments(np.full((7, 5), 0.1), UNITS)[1] >= 0).all()
