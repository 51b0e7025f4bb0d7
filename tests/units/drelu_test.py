import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import DReLU, Gaussian
from tests.machines import rounding


def test_the_energy_has_a_precision_on_each_side():
    params = {
        "bias": tf.constant([0.5]),
        "delta": tf.constant([0.25]),
        "precision_above": tf.constant([2.0]),
        "precision_below": tf.constant([4.0]),
    }
    energy = DReLU(1).energy(tf.constant([[2.0], [0.0], [-3.0]]), params)
    expected = [4 - 1 - 0.5, 0.0, 18 + 1.5 - 0.75]
    np.testing.assert_array_equal(energy, expected)


def test_units_of_equal_sides_are_gaussian():
    rng = np.random.default_rng(0)
    bias, inputs = rng.normal(size=3), 5 * rng.normal(size=(8, 3))
    precision = np.array([0.5, 1.0, 4.0])
    own = {
        "bias": bias,
        "delta": np.zeros(3),
        "precision_above": precision,
        "precision_below": precision,
    }
    own = {name: tf.constant(value) for name, value in own.items()}
    params = {
        name: tf.constant(x)
        for name, x in (("bias", bias), ("precision", precision))
    }
    for method in ("energy", "log_partitions", "mean"):
        np.testing.assert_allclose(
            getattr(DReLU(3), method)(inputs, own),
            getattr(Gaussian(3), method)(inputs, params),
            rtol=rounding("float64", 1.0, 30),
            atol=rounding("float64", 10.0, 30),
        )


def test_parameters_of_the_moments_of_data():
    mean, variance = np.array([3.0, -1.0, 5.0]), np.array([4.0, 0.0, 1e3])
    params = DReLU(3).fit_parameters(mean, variance)
    for name in ("precision_above", "precision_below"):
        np.testing.assert_allclose(params[name], [0.25, 1000.0, 0.01])
    np.testing.assert_allclose(params["bias"], [0.75, -1000.0, 0.05])
    np.testing.assert_array_equal(params["delta"], np.zeros(3))
    params = DReLU(3).fit_parameters(mean)
    np.testing.assert_allclose(params["precision_above"], 1.0)
    np.testing.assert_allclose(params["bias"], mean)
    # Twice the precision is 1 / variance.
    params = DReLU(3).start_parameters(mean, variance, 2.0)
    np.testing.assert_allclose(params["precision_below"], [0.125, 500.0, 0.01])
    np.testing.assert_allclose(params["bias"], [0.375, -500.0, 0.05])


def test_the_precisions_stay_above_their_bound():
    for least, start in ((0.1, 1.0), (2.5, 2.5)):
        unit = DReLU(3, minimum_precision=least)
        for name in ("precision_above", "precision_below"):
            precision = unit.parameters()[name]
            assert precision.trainable
            assert precision.initializer((1,)).numpy() == start
            np.testing.assert_allclose(
                precision.constraint(tf.constant([-1.0, 7.0])), [least, 7.0]
            )
        assert unit.least_curvature() == least
        assert unit.least_curvature(2.0) == 2 * least


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "1", True, None])
def test_the_minimum_is_a_positive_number(value):
    with pytest.raises(
        ValueError, match="`minimum_precision` must be positive"
    ):
        DReLU(3, value)
