import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_rbm import Bernoulli, random
from keras_rbm import machine as machine_lib
from keras_rbm.likelihood import stochastic_pseudo_log_likelihood
from tests.machines import machine, rounding
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
STREAM = random.stream(3)
DRAWS = 2_000
# Each value is 5 times a difference of two free energies up to 20.
ERROR = rounding("float32", 5 * 20.0, 10)


@pytest.fixture(scope="module")
def values():
    """Estimates of shape (draws, states): a column for each state."""
    v = np.tile(ORACLE.visible_states, (DRAWS, 1))
    estimates = stochastic_pseudo_log_likelihood(
        machine(ORACLE), tf.constant(v, tf.float32), STREAM
    )
    assert estimates.dtype == tf.float32
    return estimates.numpy().reshape(DRAWS, -1).astype("float64")


@pytest.fixture(scope="module")
def sites(values):
    """The site whose value each estimate is."""
    exact = 5 * ORACLE.log_conditionals(ORACLE.visible_states)
    distance = np.abs(values[:, :, None] - exact[None])
    assert distance.min(axis=2).max() < ERROR
    return distance.argmin(axis=2)


def test_the_mean_is_the_pseudo_log_likelihood(values):
    exact = ORACLE.pseudo_log_likelihood(ORACLE.visible_states)
    error = values.std(axis=0, ddof=1) / np.sqrt(DRAWS)
    assert (np.abs(values.mean(axis=0) - exact) < 4 * error + ERROR).all()
    error = np.sqrt((error**2).mean() / 32)
    assert abs(values.mean() - exact.mean()) < 4 * error


def test_every_site_is_as_likely_for_every_example(sites):
    counts = np.bincount(sites.ravel(), minlength=5)
    assert 1e-4 < stats.chisquare(counts).pvalue
    # Examples have sites of their own, also within a batch.
    assert len(np.unique(sites[0])) > 1
    same = (sites[:, 1:] == sites[:, :-1]).mean()
    assert abs(same - 1 / 5) < 4 * np.sqrt(0.16 / sites[:, 1:].size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_known_inputs_change_nothing(dtype):
    machine_ = machine(ORACLE, dtype)
    v = tf.constant(ORACLE.visible_states, dtype)
    inputs = machine_lib.hidden_inputs(machine_, v)
    np.testing.assert_array_equal(
        stochastic_pseudo_log_likelihood(machine_, v, STREAM, inputs),
        stochastic_pseudo_log_likelihood(machine_, v, STREAM),
    )


def test_values_are_the_same_in_every_mode():
    v = tf.constant(ORACLE.visible_states, tf.float32)
    eager = stochastic_pseudo_log_likelihood(machine(ORACLE), v, STREAM)
    for jit_compile in (False, True):
        compiled = tf.function(
            lambda v: stochastic_pseudo_log_likelihood(
                machine(ORACLE), v, STREAM
            ),
            jit_compile=jit_compile,
        )
        np.testing.assert_allclose(compiled(v), eager, rtol=0, atol=ERROR)


def test_a_machine_of_one_site_has_its_likelihood():
    oracle = Oracle.draw(1, 3, seed=2)
    np.testing.assert_allclose(
        stochastic_pseudo_log_likelihood(
            machine(oracle, "float64"),
            tf.constant([[0.0], [1.0]], "float64"),
            STREAM,
        ),
        oracle.log_p_visible,
        atol=rounding("float64", 20.0, 10),
    )


def test_very_unlikely_sites_have_finite_values():
    oracle = Oracle(np.zeros((5, 4)), np.full(5, -200.0), np.zeros(4))
    value = stochastic_pseudo_log_likelihood(
        machine(oracle), tf.ones((1, 5)), STREAM
    )
    assert value.numpy() == pytest.approx(5 * -200.0)


def test_units_without_two_states_have_none():
    class Many(Bernoulli):
        states = None

    machine_ = machine(ORACLE)._replace(visible=Many(5))
    with pytest.raises(ValueError, match=r"two states. Received: .*Many"):
        stochastic_pseudo_log_likelihood(machine_, tf.zeros((2, 5)), STREAM)
