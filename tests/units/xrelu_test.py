import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import DReLU, XReLU, random
from tests.machines import rounding


def test_it_is_a_double_rectified_unit_of_an_asymmetry():
    """Its precisions are 2 + 1.5 above 0 and 2 - 1.5 below."""
    shared = {"bias": [0.5, -1.0], "delta": [0.25, -2.0]}
    own = shared | {"precision": [2.0, 2.0], "asymmetry": [1.5, 1.5]}
    other = shared | {
        "precision_above": [3.5] * 2,
        "precision_below": [0.5] * 2,
    }
    own, other = (
        {name: tf.constant(x, "float64") for name, x in params.items()}
        for params in (own, other)
    )
    x = tf.constant(3 * np.random.default_rng(0).normal(size=(50, 2)))
    for method in ("energy", "log_partitions", "mean"):
        np.testing.assert_allclose(
            getattr(XReLU(2, 2.0), method)(x, own),
            getattr(DReLU(2), method)(x, other),
            rtol=rounding("float64", 1.0, 10),
            atol=rounding("float64", 40.0, 4),
        )
    stream = random.stream(1)
    np.testing.assert_array_equal(
        XReLU(2, 2.0).sample(x, own, stream), DReLU(2).sample(x, other, stream)
    )


def test_the_scale_is_fixed_and_the_asymmetry_has_a_bound():
    unit = XReLU(3, precision=2.0, max_asymmetry=0.75)
    parameters = unit.parameters()
    assert not parameters["precision"].trainable
    assert parameters["precision"].initializer((1,)).numpy() == 2.0
    assert parameters["asymmetry"].trainable
    np.testing.assert_array_equal(
        parameters["asymmetry"].constraint(tf.constant([-9.0, 1.2, 9.0])),
        np.array([-1.5, 1.2, 1.5], "float32"),
    )
    # The least precision of a side is 2 - 1.5.
    assert unit.least_curvature() == 0.5
    assert unit.least_curvature(2.0) == 1.0


def test_parameters_of_the_mean_of_data():
    mean, variance = np.array([3.0, -1.0]), np.array([4.0, 0.5])
    expected = {
        "bias": 2 * mean,
        "delta": np.zeros(2),
        "precision": np.full(2, 2.0),
        "asymmetry": np.zeros(2),
    }
    unit = XReLU(2, precision=2.0)
    fitted = unit.fit_parameters(mean, variance)
    assert fitted.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(fitted[name], value)
    # The precision of a model is no one's to start.
    started = unit.start_parameters(mean, variance, 4.0)
    assert started.keys() == expected.keys() - {"precision"}
    np.testing.assert_array_equal(started["bias"], 2 * mean)
    # That of a machine may have been scaled.
    scaled = {"precision": tf.constant([1.0, 0.5])}
    base = unit.base_parameters(mean, variance, scaled)
    np.testing.assert_array_equal(base["precision"], [1.0, 0.5])
    np.testing.assert_array_equal(base["bias"], [3.0, -0.5])


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "1", True, None])
def test_arguments_are_numbers(value):
    with pytest.raises(ValueError, match="`precision` must be positive"):
        XReLU(3, precision=value)
    with pytest.raises(
        ValueError, match="`max_asymmetry` must be a number bet"
    ):
        XReLU(3, max_asymmetry=value)


def test_an_asymmetry_leaves_both_precisions_positive():
    with pytest.raises(
        ValueError, match="`max_asymmetry` must be a number bet"
    ):
        XReLU(3, max_asymmetry=1.0)
