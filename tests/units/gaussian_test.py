import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_rbm import Gaussian, ReLU, random
from keras_rbm.constraints import AtLeast
from tests.machines import rounding

PRECISION = np.array([0.5, 1.0, 4.0])


def test_draws_are_normal():
    inputs = np.array([[-3.0, 0.0, 2.0]])
    params = {
        "bias": tf.constant([1.0, 0.5, 0.0]),
        "precision": tf.constant(PRECISION, tf.float32),
    }
    x = Gaussian(3).sample(
        tf.tile(tf.constant(inputs, tf.float32), (50_000, 1)),
        params,
        random.stream(3),
    )
    mean = (inputs[0] + [1.0, 0.5, 0.0]) / PRECISION
    for column in range(3):
        law = stats.norm(mean[column], PRECISION[column] ** -0.5)
        assert stats.kstest(x[:, column].numpy(), law.cdf).pvalue > 1e-4


@pytest.mark.parametrize("kind", [Gaussian, ReLU])
def test_the_precision_is_learned_or_fixed(kind):
    learned = kind(3, minimum_precision=0.1).parameters()["precision"]
    assert learned.trainable
    assert learned.initializer((1,)).numpy() == 1.0
    np.testing.assert_allclose(
        learned.constraint(tf.constant([-1.0, 2.0])), [0.1, 2.0]
    )
    fixed = kind(3, precision=2.5).parameters()["precision"]
    assert not fixed.trainable
    assert fixed.constraint is None
    assert fixed.initializer((1,)).numpy() == 2.5
    assert kind(3).least_curvature() == 0.01
    assert kind(3, minimum_precision=0.1).least_curvature() == 0.1
    assert kind(3, precision=2.5).least_curvature() == 2.5


def test_parameters_of_the_moments_of_data():
    mean, variance = np.array([3.0, -1.0, 0.0]), np.array([4.0, 0.0, 1e3])
    params = Gaussian(3).fit_parameters(mean, variance)
    precision = [0.25, 1000.0, 0.01]
    np.testing.assert_allclose(params["precision"], precision)
    np.testing.assert_allclose(params["bias"], mean * precision)
    params = Gaussian(3).fit_parameters(mean)
    np.testing.assert_allclose(params["precision"], 1.0)
    params = Gaussian(3, precision=2.0).fit_parameters(mean, variance)
    np.testing.assert_allclose(params["precision"], 2.0)
    np.testing.assert_allclose(params["bias"], 2.0 * mean)


def test_a_start_at_an_inverse_temperature():
    mean, variance = np.array([3.0]), np.array([4.0])
    params = Gaussian(1).start_parameters(mean, variance, 2.0)
    # Twice the precision is 1 / variance.
    np.testing.assert_allclose(params["precision"], 0.125)
    np.testing.assert_allclose(params["bias"], 0.375)
    params = Gaussian(1, precision=2.0).start_parameters(mean, variance, 2.0)
    assert params.keys() == {"bias"}
    np.testing.assert_allclose(params["bias"], 6.0)


@pytest.mark.parametrize("kind", [Gaussian, ReLU])
@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "1", True])
def test_precisions_are_positive_numbers(kind, value):
    for name in ("precision", "minimum_precision"):
        with pytest.raises(ValueError, match=f"`{name}` must be positive"):
            kind(3, **{name: value})


def test_any_number_is_a_state():
    Gaussian(2).check_states(np.array([[-1e30, 0.3]]))


def test_at_least():
    constraint = AtLeast.from_config(AtLeast(0.5).get_config())
    w = constraint(tf.constant([-1.0, 0.5, 0.7], "float64"))
    assert w.dtype == "float64"
    np.testing.assert_allclose(w, [0.5, 0.5, 0.7], rtol=rounding("float64", 1))
