import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli
from keras_rbm.units.bernoulli import softplus


def test_bernoulli_energy_and_formulas():
    unit, bias = Bernoulli(3), np.array([0.5, -1.0, 2.0])
    params = {"bias": tf.constant(bias)}
    x = np.array([[1.0, 0.0, 1.0], [0.2, 0.5, 1.0]])
    np.testing.assert_allclose(unit.energy(tf.constant(x), params), -x @ bias)
    inputs = np.array([[1.0, -2.0, 0.0]])
    np.testing.assert_allclose(
        unit.mean(tf.constant(inputs), params),
        1 / (1 + np.exp(-inputs - bias)),
    )
    np.testing.assert_allclose(
        unit.log_partition(tf.constant(inputs), params),
        np.log1p(np.exp(inputs + bias)).sum(axis=1),
    )
    assert unit.states == (0.0, 1.0)
    assert unit.width == unit.size == 3


@pytest.mark.parametrize("value", [-1e-5, 1.0001, 255.0])
def test_bernoulli_data_are_between_0_and_1(value):
    x = np.full((4, 5), 0.5)
    Bernoulli(5).check(x)
    x[1, 2] = -1e-6  # A rounding error.
    Bernoulli(5).check(x)
    x[1, 2] = value
    with pytest.raises(
        ValueError,
        match=rf"from 0 to 1, .* Bernoulli .* Received: x\[1, 2\]={value}$",
    ):
        Bernoulli(5).check(x)


def test_bernoulli_fits_a_mean_of_0_or_1_with_a_finite_bias():
    bias = Bernoulli(3).fit_parameters(np.array([0.0, 0.5, 1.0]))["bias"]
    end = np.log(0.001 / 0.999)
    np.testing.assert_allclose(bias, [end, 0.0, -end], atol=1e-12)


def test_softplus_is_accurate_everywhere():
    x = np.concatenate([np.linspace(-100, 100, 2001), [-1e30, 1e30]])
    expected = np.logaddexp(0.0, x)
    for dtype in ("float32", "float64"):
        x_ = tf.constant(x, dtype)
        expected = np.logaddexp(0.0, x_.numpy().astype("float64"))
        actual = softplus(x_).numpy()
        error = np.finfo(dtype).eps * np.maximum(1.0, expected)
        assert (np.abs(actual - expected) <= error).all()
