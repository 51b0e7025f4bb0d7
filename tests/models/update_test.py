"""One update of the parameters, against enumeration."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.machines import (
    Given,
    batches,
    data,
    given,
    rounding,
    weights,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
# Means of some 50 energies up to 20.
ERROR = rounding("float32", 20.0, 50)


def assert_close(first, second):
    for x, y in zip(first, second, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=ERROR)


def assert_differ(first, second):
    for x, y in zip(first, second, strict=True):
        assert np.abs(x - y).max() > 10 * ERROR


def test_an_update_follows_the_moments():
    model = given(ORACLE)
    model.fit(data(), batch_size=48, verbose=0)
    d = ORACLE.moments(data(), np.full(48, 1 / 48))
    m = ORACLE.moments(Given.v_model, np.full(20, 1 / 20))
    start = ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias
    expected = [x + 0.1 * (a - b) for x, a, b in zip(start, d, m, strict=True)]
    assert_close(weights(model), expected)


def test_momentum_keeps_a_velocity():
    """v <- 0.5 v - 0.1 g, and then a step of v."""
    model = given(ORACLE, optimizer=keras.optimizers.SGD(0.1, momentum=0.5))
    parameters = [ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias]
    velocities = [0.0, 0.0, 0.0]
    for _ in range(3):
        model.train_on_batch(data())
        oracle = Oracle(*parameters)
        d = oracle.moments(data(), np.full(48, 1 / 48))
        m = oracle.moments(Given.v_model, np.full(20, 1 / 20))
        velocities = [
            0.5 * v + 0.1 * (a - b)
            for v, a, b in zip(velocities, d, m, strict=True)
        ]
        parameters = [
            x + v for x, v in zip(parameters, velocities, strict=True)
        ]
        assert_close(weights(model), parameters)


def test_a_schedule_gives_each_update_its_learning_rate():
    rates = [0.4, 0.1, 0.025]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], rates)
    model = given(ORACLE, optimizer=keras.optimizers.SGD(schedule))
    parameters = [ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias]
    for rate in rates:
        model.train_on_batch(data())
        oracle = Oracle(*parameters)
        d = oracle.moments(data(), np.full(48, 1 / 48))
        m = oracle.moments(Given.v_model, np.full(20, 1 / 20))
        parameters = [
            x + rate * (a - b) for x, a, b in zip(parameters, d, m, strict=True)
        ]
        assert_close(weights(model), parameters)


def test_the_inverse_temperature_scales_the_gradient():
    model = given(ORACLE, inverse_temperature=0.5)
    model.fit(data(), batch_size=48, verbose=0)
    warm = Oracle(ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias, 0.5)
    d = warm.moments(data(), np.full(48, 1 / 48))
    m = warm.moments(Given.v_model, np.full(20, 1 / 20))
    expected = [
        x + 0.1 * 0.5 * (a - b)
        for x, a, b in zip(
            (warm.kernel, warm.visible_bias, warm.hidden_bias),
            d,
            m,
            strict=True,
        )
    ]
    assert_close(weights(model), expected)


def test_the_last_batch_may_be_smaller():
    model, by_hand = given(ORACLE), given(ORACLE)
    x = data(43)
    model.fit(x, batch_size=10, verbose=0, shuffle=False)
    for start in range(0, 43, 10):
        by_hand.train_on_batch(x[start : start + 10])
    assert int(model.updates) == 5
    assert_close(weights(model), weights(by_hand))


def test_the_last_batch_may_be_smaller_in_a_graph():
    model, by_hand = given(ORACLE), given(ORACLE)
    model.compile(keras.optimizers.SGD(0.1))
    x = data(23)
    model.fit(x, batch_size=10, verbose=0, shuffle=False)
    for start in (0, 10, 20):
        by_hand.train_on_batch(x[start : start + 10])
    assert_close(weights(model), weights(by_hand))


def test_data_sets_are_arrays():
    x, weight = data(), np.linspace(0, 2, 48)
    for arguments, dataset in (
        ({}, batches(x)),
        ({}, batches(x, np.zeros(48))),
        ({"sample_weight": weight}, batches(x, np.zeros(48), weight)),
    ):
        first, second = given(ORACLE), given(ORACLE)
        first.fit(x, batch_size=16, verbose=0, shuffle=False, **arguments)
        second.fit(dataset, verbose=0)
        assert int(second.updates) == 3
        assert_close(weights(first), weights(second))


def test_a_data_set_without_end_needs_a_number_of_steps():
    model = given(ORACLE)
    model.fit(batches(data()).repeat(), steps_per_epoch=4, epochs=2, verbose=0)
    assert int(model.updates) == 8


@pytest.mark.parametrize("kind", ["tensor", "uint8", "bool", "float64"])
def test_kinds_of_arrays(kind):
    first, second = given(ORACLE), given(ORACLE)
    x = tf.constant(data()) if kind == "tensor" else data().astype(kind)
    first.fit(x, batch_size=16, verbose=0, shuffle=False)
    second.fit(data(), batch_size=16, verbose=0, shuffle=False)
    assert_close(weights(first), weights(second))


@pytest.mark.parametrize("centered", [False, True])
def test_equal_weights_are_no_weights(centered):
    first, second = given(ORACLE, centered), given(ORACLE, centered)
    first.fit(data(), batch_size=16, verbose=0, shuffle=False)
    second.fit(
        data(),
        batch_size=16,
        verbose=0,
        shuffle=False,
        sample_weight=np.ones(48),
    )
    assert_close(weights(first), weights(second))


@pytest.mark.parametrize("centered", [False, True])
def test_examples_of_weight_0_are_not_there(centered):
    """But that the sum of the others is divided by the number of all."""
    x = data(16)
    padded = np.concatenate([x, np.ones((16, 5), "float32")])
    alone = given(ORACLE, centered)
    weighted = given(ORACLE, centered, keras.optimizers.SGD(0.2))
    for _ in range(5):
        alone.train_on_batch(x)
        weighted.train_on_batch(
            padded, np.zeros(32), sample_weight=np.repeat([1.0, 0.0], 16)
        )
    assert_differ(weights(alone), weights(given(ORACLE)))
    assert_close(weights(weighted), weights(alone))


def test_a_weight_of_2_is_the_example_twice():
    x = data(16)
    weight = np.where(np.arange(16) < 6, 2.0, 1.0)
    twice = np.concatenate([x[:6], x])
    first = given(ORACLE, optimizer=keras.optimizers.SGD(0.1 * 22 / 16))
    second = given(ORACLE, optimizer=keras.optimizers.SGD(0.1))
    first.train_on_batch(twice)
    second.train_on_batch(x, np.zeros(16), sample_weight=weight)
    assert_close(weights(first), weights(second))


def test_weights_do_not_need_targets():
    weight = np.linspace(0, 2, 48)
    first, second = given(ORACLE), given(ORACLE)
    options = {"batch_size": 16, "verbose": 0, "shuffle": False}
    first.fit(data(), sample_weight=weight, **options)
    second.fit(data(), np.zeros(48), sample_weight=weight, **options)
    assert_close(weights(first), weights(second))
    unweighted = given(ORACLE)
    unweighted.fit(data(), **options)
    assert_differ(weights(first), weights(unweighted))
