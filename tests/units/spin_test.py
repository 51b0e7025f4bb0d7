import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, Spin, random
from tests.machines import rounding


def test_spins_are_binary_units_under_other_names():
    """x = 2 y - 1, with biases of y that are twice those of x."""
    z = np.linspace(-6.0, 6.0, 5)
    inputs, stream = tf.zeros((200, 5), "float64"), random.stream(2)
    params = {"bias": tf.constant(z)}, {"bias": tf.constant(2 * z)}
    spin, binary = Spin(5), Bernoulli(5)
    np.testing.assert_array_equal(
        spin.sample(inputs, params[0], stream),
        2 * binary.sample(inputs, params[1], stream) - 1,
    )
    np.testing.assert_allclose(
        spin.log_partition(inputs, params[0]),
        binary.log_partition(inputs, params[1]) - z.sum(),
        rtol=rounding("float64", 12.0, 10),
    )


def test_formulas():
    z = np.array([[-3.0, 0.0, 1.5]])
    params = {"bias": tf.constant([0.5, -0.5, 0.0], "float64")}
    inputs = tf.constant(z) - params["bias"]
    unit = Spin(3)
    np.testing.assert_allclose(unit.mean(inputs, params), np.tanh(z))
    np.testing.assert_allclose(
        unit.log_partition(inputs, params), np.log(2 * np.cosh(z)).sum(axis=1)
    )


def test_a_mean_at_an_end_has_a_finite_bias():
    bias = Spin(3).fit_parameters(np.array([-1.0, 0.0, 1.0]))["bias"]
    end = np.arctanh(0.998)
    np.testing.assert_allclose(bias, [-end, 0.0, end], atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.5, -0.999])
def test_data_in_between_are_no_states(value):
    x = np.ones((4, 5))
    x[1, 2] = value
    Spin(5).check(x)
    with pytest.raises(ValueError, match=r"-1 and 1 alone.*x\[1, 2\]="):
        Spin(5).check_states(x)
