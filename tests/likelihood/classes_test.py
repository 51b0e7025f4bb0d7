"""Log p(y | x), against sums over all states of the hidden units."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, Composite, Softmax, Spin, likelihood
from keras_rbm.machine import Machine
from tests.oracle import all_states, log_sum_exp

FEATURES, CLASSES = 4, 3
X = all_states(FEATURES)
# Sums of some 20 numbers up to 20.
ERROR = 1e-12
HIDDEN = {
    "bernoulli": (Bernoulli(3), all_states(3)),
    "spin": (Spin(3), all_states(3, (-1.0, 1.0))),
    "softmax": (
        Softmax(2, 3),
        np.array([np.ravel(x) for x in itertools.product(np.eye(3), repeat=2)]),
    ),
}


def machine_of(hidden, beta=1.0, seed=0):
    """A machine in float64 whose last columns are a label."""
    rng, width = np.random.default_rng(seed), FEATURES + CLASSES
    return Machine(
        Composite(Bernoulli(FEATURES), Softmax(1, CLASSES)),
        hidden,
        tf.constant(rng.normal(size=(width, hidden.width))),
        {"bias": tf.constant(rng.normal(size=width))},
        {"bias": tf.constant(rng.normal(size=hidden.width))},
        beta=beta,
    )


def log_law(machine, states, x):
    """Log p(y | x), from exp(-E(x, y, h)) of all y and h."""
    kernel, b, c = (
        np.asarray(p)
        for p in (
            machine.kernel,
            machine.visible_params["bias"],
            machine.hidden_params["bias"],
        )
    )
    scores = []
    for label in np.eye(CLASSES):
        v = np.concatenate([x, np.tile(label, (len(x), 1))], axis=1)
        pairs = machine.beta * (v @ kernel) @ states.T + states @ c
        scores.append(log_sum_exp(pairs, axis=1) + v @ b)
    scores = np.stack(scores, axis=1)
    return scores - log_sum_exp(scores, axis=1)[:, None]


@pytest.mark.parametrize("beta", [1.0, 0.5])
@pytest.mark.parametrize("kind", HIDDEN)
def test_hidden_units_of_any_type_are_summed_out(kind, beta):
    hidden, states = HIDDEN[kind]
    machine = machine_of(hidden, beta)
    inputs = likelihood.feature_inputs(machine, X)
    found = likelihood.log_class_probabilities(machine, CLASSES, inputs)
    expected = log_law(machine, states, X)
    np.testing.assert_allclose(found, expected, rtol=0, atol=ERROR)
    # The examples differ, and so do their classes.
    assert expected.std(axis=0).min() > 0.02


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_inputs_of_features_and_of_a_class_add_up(beta):
    machine = machine_of(Bernoulli(3), beta)
    kernel = beta * machine.kernel.numpy()
    features = likelihood.feature_inputs(machine, X)
    np.testing.assert_allclose(features, X @ kernel[:FEATURES], atol=ERROR)
    classes = likelihood.class_inputs(machine, CLASSES)
    np.testing.assert_allclose(classes, kernel[FEATURES:], atol=ERROR)


def test_features_may_be_some_of_the_first_columns():
    machine = machine_of(Bernoulli(3))
    found = likelihood.feature_inputs(machine, X[:, :2])
    expected = X[:, :2] @ machine.kernel.numpy()[:2]
    np.testing.assert_allclose(found, expected, atol=ERROR)


def test_classes_that_are_almost_impossible_have_finite_logarithms():
    machine = machine_of(Bernoulli(3))
    bias = np.zeros(FEATURES + CLASSES)
    bias[FEATURES:] = [0.0, 1e4, -1e4]
    machine = machine._replace(visible_params={"bias": tf.constant(bias)})
    inputs = likelihood.feature_inputs(machine, X)
    found = likelihood.log_class_probabilities(machine, CLASSES, inputs)
    np.testing.assert_allclose(
        found, np.tile([-1e4, 0.0, -2e4], (len(X), 1)), atol=20
    )
    np.testing.assert_array_equal(np.asarray(found)[:, 1], 0.0)
