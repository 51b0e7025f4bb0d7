import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from keras_rbm import random
from keras_rbm.units.two_sided import TwoSided
from tests.machines import rounding


class Given(TwoSided):
    """Units whose precisions are parameters."""

    parameters = statistics = fit_parameters = None

    def precisions(self, params):
        return params["above"], params["below"]


def params_of(delta, above, below, width=1, dtype="float64"):
    values = {"bias": 0.0, "delta": delta, "above": above, "below": below}
    return {
        name: tf.fill((width,), tf.constant(x, dtype))
        for name, x in values.items()
    }


def test_the_integrals_of_both_sides_are_added():
    """At a slope of 0, by hand: that of x exp(-p x^2 / 2) is 1 / p."""
    params, inputs = params_of(0.0, 4.0, 1.0), np.zeros((1, 1))
    half, whole = np.sqrt(2 * np.pi / 4) / 2, np.sqrt(2 * np.pi) / 2
    np.testing.assert_allclose(
        Given(1).log_partitions(inputs, params), [[np.log(half + whole)]]
    )
    np.testing.assert_allclose(
        Given(1).mean(inputs, params), [[(1 / 4 - 1) / (half + whole)]]
    )


def test_equal_sides_are_one_normal_law():
    z = np.array([[-1e3, -30.0, -1.0, 0.0, 0.5, 30.0, 1e3]])
    unit, params = Given(7), params_of(0.0, 4.0, 4.0, 7)
    np.testing.assert_allclose(
        unit.log_partitions(z, params),
        z**2 / 8 + 0.5 * np.log(2 * np.pi / 4),
        rtol=rounding("float64", 1.0, 30),
    )
    np.testing.assert_allclose(
        unit.mean(z, params),
        z / 4,
        rtol=rounding("float64", 1.0, 30),
        atol=1e-15,
    )


def test_sides_of_exchanged_precisions_are_a_reflection():
    z = np.array([[-50.0, -2.0, 0.0, 0.3, 7.0]])
    unit = Given(5)
    params, exchanged = (
        params_of(-0.8, *p, 5) for p in ((3.0, 0.5), (0.5, 3.0))
    )
    np.testing.assert_allclose(
        unit.log_partitions(z, params),
        unit.log_partitions(-z, exchanged),
        rtol=rounding("float64", 1.0, 10),
    )
    np.testing.assert_allclose(
        unit.mean(z, params),
        -unit.mean(-z, exchanged),
        rtol=rounding("float64", 1.0, 10),
    )


@pytest.mark.parametrize("p", [0.3, 2.0])
def test_the_gradient_where_both_sides_are_equal(p):
    """It is E[x] = 0 for the inputs, and E|x| for delta."""
    params, inputs = params_of(0.0, p, p), tf.zeros((1, 1), "float64")
    with tf.GradientTape() as tape:
        tape.watch([inputs, params["delta"]])
        log_partition = Given(1).log_partition(inputs, params)
    slopes = tape.gradient(log_partition, [inputs, params["delta"]])
    np.testing.assert_allclose(slopes[0], [[0.0]], atol=1e-15)
    np.testing.assert_allclose(slopes[1], [np.sqrt(2 / (np.pi * p))])


@pytest.mark.parametrize("delta", [-1.5, 0.0, 2.0])
def test_draws_are_truncated_normal_on_each_side(delta):
    z, p = np.array([-3.0, -0.4, 0.0, 2.5]), {1: 2.0, -1: 0.5}
    x = (
        Given(4)
        .sample(
            tf.tile(tf.constant(z[None], tf.float32), (40_000, 1)),
            params_of(delta, p[1], p[-1], 4, "float32"),
            random.stream(6),
        )
        .numpy()
    )
    for column in range(4):
        laws, logs = {}, {}
        for side in (1, -1):
            mean, width = (delta + side * z[column]) / p[side], p[side] ** -0.5
            laws[side] = stats.truncnorm(-mean / width, np.inf, mean, width)
            logs[side] = mean**2 * p[side] / 2 + np.log(width)
            logs[side] += special.log_ndtr(mean / width)
        above = special.expit(logs[1] - logs[-1])

        def distribution(x, laws=laws, above=above):
            below = (1 - above) * laws[-1].sf(-np.minimum(x, 0.0))
            return below + above * laws[1].cdf(np.maximum(x, 0.0))

        assert stats.kstest(x[:, column], distribution).pvalue > 1e-4
