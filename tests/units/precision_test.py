import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, Gaussian, PersistentChain, ReLU
from keras_rbm.units.precision import Quadratic


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


@pytest.mark.parametrize("kind", [Gaussian, ReLU])
@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "1", True])
def test_precisions_are_positive_numbers(kind, value):
    for name in ("precision", "minimum_precision"):
        with pytest.raises(ValueError, match=f"`{name}` must be positive"):
            kind(3, **{name: value})


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


def test_a_learned_precision_stays_above_its_bound():
    x = 6 * np.random.default_rng(4).normal(size=(40, 2)).astype("float32")
    visible, chain = Gaussian(2, minimum_precision=0.5), PersistentChain(100)
    model = RBM(visible, 3, chain=chain, seed=0)
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    model.fit(x, batch_size=20, epochs=1, verbose=0)
    np.testing.assert_array_equal(model.visible_params["precision"], [0.5, 0.5])


@pytest.mark.parametrize("units", [Gaussian(3), ReLU(3)])
def test_diverged_units_have_no_nodes(units):
    params = {"bias": np.array([0, np.nan, 0]), "precision": np.ones(3)}
    low = np.array([0.0, 0.0, -1.0])
    high = np.array([1.0, 1.0, 1e12])
    nodes = units.nodes(low, high, params)
    assert [own.column for own in nodes] == [0]


def test_each_quadratic_type_names_its_rule():
    """The rule of another support would give wrong likelihoods in silence."""

    class Bounded(Quadratic):
        support = (-1.0, 1.0)
        square_and_rest = mean = sample = fitted_bias = None

    with pytest.raises(TypeError, match="integration_rule"):
        Bounded(3)


def test_a_base_keeps_a_fixed_precision_that_was_scaled():
    mean, variance = np.array([3.0]), np.array([4.0])
    params = {"precision": tf.constant([1.0])}
    base = Gaussian(1, precision=2.0).base_parameters(mean, variance, params)
    np.testing.assert_array_equal(base["precision"], [1.0])
    np.testing.assert_array_equal(base["bias"], [3.0])
    # A learned one is fitted.
    base = Gaussian(1).base_parameters(mean, variance, params)
    np.testing.assert_allclose(base["precision"], [0.25])
    np.testing.assert_allclose(base["bias"], [0.75])


@pytest.mark.parametrize("kind", [Gaussian, ReLU])
def test_a_small_change_of_the_precision_is_not_lost(kind):
    """Both log-partitions are near 4.5e6, where float32 has steps of 0.5."""
    z, old, new = 3000.0, 1.0, 1 + 2.0**-20
    params, new_params = (
        {"bias": tf.zeros(1), "precision": tf.constant([q])} for q in (old, new)
    )
    inputs = tf.constant([[z]])
    change = kind(1).log_partition_change(inputs, params, inputs, new_params)
    expected = -(z**2) / 2 * (new - old) / new - 0.5 * np.log(new)
    np.testing.assert_allclose(change, [expected], rtol=1e-6)
