"""The start of a model from the mean of the data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    PersistentChain,
)
from tests.machines import (
    assert_law,
    assert_same_states,
    data,
    oracle_of,
    rounding,
)
from tests.oracle import Oracle


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_adapt_gives_the_units_the_mean_of_the_data(beta):
    model = RBM(5, 4, PersistentChain(20_000), inverse_temperature=beta, seed=0)
    before = model.chain.particles.numpy()
    model.adapt(data())
    mean = data().mean(axis=0)
    np.testing.assert_allclose(
        beta * model.visible_params["bias"].numpy(),
        np.log(mean / (1 - mean)),
        atol=rounding("float32", 2.0),
    )
    # The particles are drawn afresh, from the units of that mean.
    assert (model.chain.particles.numpy() != before).any()
    oracle = oracle_of(model)
    alone = Oracle(np.zeros((5, 4)), oracle.visible_bias, np.zeros(4), beta)
    np.testing.assert_allclose(
        alone.p_visible @ alone.visible_states, mean, atol=1e-6
    )
    assert_law(
        model.chain.particles,
        alone.p_visible @ oracle.p_hidden_given(oracle.visible_states),
    )


def test_adapt_takes_data_sets():
    first, second = RBM(5, 4, seed=0), RBM(5, 4, seed=0)
    first.adapt(data())
    second.adapt(tf.data.Dataset.from_tensor_slices(data()).batch(10))
    assert_same_states(first, second)


def test_adapt_weighs_the_examples():
    weight = np.random.default_rng(0).random(48).astype("float32")
    mean = np.average(data().astype("float64"), axis=0, weights=weight)
    columns = data(), np.zeros(48), weight
    dataset = tf.data.Dataset.from_tensor_slices(columns).batch(10)
    for arguments in ((data(), weight), (dataset,)):
        model = RBM(5, 4, seed=0)
        model.adapt(*arguments)
        np.testing.assert_allclose(
            model.visible_params["bias"],
            np.log(mean / (1 - mean)),
            atol=rounding("float32", 2.0),
        )
        np.testing.assert_allclose(
            model.offsets.visible, mean, atol=rounding("float32", 1.0)
        )
    # And so does the first `fit`.
    model = still()
    fit(model, data(), sample_weight=weight)
    np.testing.assert_allclose(
        model.visible_params["bias"],
        np.log(mean / (1 - mean)),
        atol=rounding("float32", 2.0),
    )


def test_adapt_leaves_a_bias_with_an_initializer():
    model = RBM(5, 4, visible_bias_initializer="ones", seed=0)
    model.adapt(data())
    np.testing.assert_array_equal(
        model.visible_params["bias"].numpy(), np.ones(5)
    )
    np.testing.assert_allclose(
        model.offsets.visible.numpy(), data().mean(axis=0), rtol=1e-6
    )


def test_adapt_refuses_bad_data():
    model = RBM(5, 4, PersistentChain(7), seed=0)
    before = [variable.numpy() for variable in model.variables]
    for x in (data() + 0.5, data()[:, :4], data()[:0], data() * np.nan):
        with pytest.raises(ValueError, match="`x` must"):
            model.adapt(x)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def still(**kwargs):
    """A model that `fit` does not change, but for `adapt`."""
    model = RBM(5, 4, **{"seed": 0, **kwargs})
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model


def fit(model, x, **kwargs):
    options = {"batch_size": 16, "verbose": 0, "shuffle": False, **kwargs}
    return model.fit(x, **options)


def test_the_first_fit_adapts_and_no_other():
    model, expected = still(), still()
    fit(model, data())
    expected.adapt(data())
    bias = expected.visible_params["bias"].numpy()
    assert bias.any()
    np.testing.assert_array_equal(model.visible_params["bias"].numpy(), bias)
    fit(model, 1.0 - data())
    np.testing.assert_array_equal(model.visible_params["bias"].numpy(), bias)


def test_fit_does_not_adapt_a_bias_with_an_initializer():
    model = still(visible_bias_initializer="zeros")
    fit(model, data())
    assert not model.visible_params["bias"].numpy().any()
    # The offsets start from the data all the same, and 3 updates move them
    # by a hundredth each.
    np.testing.assert_allclose(
        model.offsets.visible.numpy(), data().mean(axis=0), rtol=0, atol=0.03
    )


def test_fit_does_not_adapt_parameters_that_were_set():
    model, other = still(), still(seed=1)
    other.adapt(data())
    model.set_weights(other.get_weights())
    fit(model, 1.0 - data())
    np.testing.assert_array_equal(
        model.visible_params["bias"].numpy(),
        other.visible_params["bias"].numpy(),
    )


def test_fit_does_not_adapt_after_an_update():
    model = still()
    model.train_on_batch(data())
    assert not model.visible_params["bias"].numpy().any()
    fit(model, data())
    assert not model.visible_params["bias"].numpy().any()


def test_the_mean_of_the_data_is_kept_also_where_the_bias_is_given():
    model = RBM(5, 4, seed=0)
    model.visible_params["bias"].assign([1.0, 2.0, 3.0, 4.0, 5.0])
    x = data(64)
    model.prepare(x)
    np.testing.assert_allclose(model.data_mean, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(model.visible_params["bias"][0], 1.0)
