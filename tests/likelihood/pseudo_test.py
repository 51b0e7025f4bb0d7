import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

import keras_rbm
from keras_rbm import Bernoulli, Composite, Softmax, likelihood, random
from keras_rbm.compiled import compiled
from keras_rbm.likelihood import (
    pseudo_log_likelihood,
    stochastic_pseudo_log_likelihood,
)
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


@pytest.mark.parametrize("num_sites", [2, 5])
def test_several_sites_are_averaged(num_sites):
    v = np.tile(ORACLE.visible_states, (DRAWS, 1))
    values = stochastic_pseudo_log_likelihood(
        machine(ORACLE), tf.constant(v, tf.float32), STREAM, num_sites
    )
    values = values.numpy().reshape(DRAWS, -1).astype("float64")
    exact = 5 * ORACLE.log_conditionals(ORACLE.visible_states)
    # Of independent sites: the variance is that of one by their number.
    variance = exact.var(axis=1) / num_sites
    error = np.sqrt(variance / DRAWS)
    distance = np.abs(values.mean(axis=0) - exact.mean(axis=1))
    assert (distance < 4 * error + ERROR).all()
    ratio = values.var(axis=0).mean() / variance.mean()
    # The error of a variance, for states whose sites differ so much.
    spread = ((values - exact.mean(axis=1)) ** 2).std() / variance.mean()
    assert abs(ratio - 1) < 4 * spread / np.sqrt(values.size)


def test_values_in_float64():
    v = ORACLE.visible_states
    values = stochastic_pseudo_log_likelihood(
        machine(ORACLE, "float64"), tf.constant(v), STREAM
    )
    exact = 5 * ORACLE.log_conditionals(v)
    distance = np.abs(values.numpy()[:, None] - exact).min(axis=1)
    assert distance.max() < rounding("float64", 5 * 20.0, 10)


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


def test_units_without_a_list_of_states_have_none():
    class Many(Bernoulli):
        states = None

    machine_ = machine(ORACLE)._replace(visible=Many(5))
    with pytest.raises(ValueError, match=r"list of states. Received: .*Many"):
        stochastic_pseudo_log_likelihood(machine_, tf.zeros((2, 5)), STREAM)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(5, 4), (3, 6), (1, 3)])
def test_over_all_sites_it_is_exact(dtype, sizes):
    oracle = Oracle.draw(*sizes, seed=1)
    v = oracle.visible_states
    value = pseudo_log_likelihood(machine(oracle, dtype), tf.constant(v, dtype))
    assert value.dtype == dtype
    np.testing.assert_allclose(
        value,
        oracle.pseudo_log_likelihood(v),
        rtol=0,
        atol=rounding(dtype, 5 * 20.0, 10),
    )


def test_states_may_be_rows_of_any_numbers():
    class Pairs(Softmax):
        states = np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, -1.0]])

    pairs = Pairs(2, 2)
    v = np.array([[*a, *b] for a in pairs.states for b in pairs.states])
    rng = np.random.default_rng(0)
    oracle = Oracle(
        rng.normal(size=(4, 3)),
        rng.normal(size=4),
        rng.normal(size=3),
        visible=(v, np.zeros(len(v))),
    )
    value = pseudo_log_likelihood(
        machine(oracle, "float64")._replace(visible=pairs), tf.constant(v)
    )
    np.testing.assert_allclose(
        value,
        oracle.pseudo_log_likelihood(v, [slice(0, 2), slice(2, 4)]),
        rtol=0,
        atol=rounding("float64", 5 * 20.0, 10),
    )


def test_sites_may_begin_after_other_units():
    visible = Composite(Bernoulli(2), Softmax(2, 3))
    bits = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    hot = [[*a, *b] for a in np.eye(3) for b in np.eye(3)]
    v = np.array([[*a, *b] for a in bits for b in hot])
    rng = np.random.default_rng(0)
    oracle = Oracle(
        rng.normal(size=(8, 3)),
        rng.normal(size=8),
        rng.normal(size=3),
        visible=(v, np.zeros(len(v))),
    )
    sites = [slice(0, 1), slice(1, 2), slice(2, 5), slice(5, 8)]
    machine_ = machine(oracle, "float64")._replace(visible=visible)
    for function in (pseudo_log_likelihood, compiled(pseudo_log_likelihood)):
        np.testing.assert_allclose(
            function(machine_, tf.constant(v)),
            oracle.pseudo_log_likelihood(v, sites),
            rtol=0,
            atol=rounding("float64", 5 * 20.0, 10),
        )


def test_over_all_sites_with_another_strength_of_the_coupling():
    v, beta = ORACLE.visible_states, np.linspace(0.0, 2.0, 32)[:, None]
    value = pseudo_log_likelihood(
        machine(ORACLE, "float64")._replace(beta=tf.constant(beta)),
        tf.constant(v),
    )
    for row, strength in enumerate(beta[:, 0]):
        oracle = Oracle(
            strength * ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias
        )
        assert value[row].numpy() == pytest.approx(
            oracle.pseudo_log_likelihood(v[row : row + 1])[0],
            abs=rounding("float64", 5 * 20.0, 10),
        )


def test_over_all_sites_without_coupling_it_is_the_likelihood():
    oracle = Oracle(np.zeros((5, 4)), np.linspace(-2, 2, 5), np.ones(4))
    np.testing.assert_allclose(
        pseudo_log_likelihood(
            machine(oracle, "float64"), tf.constant(oracle.visible_states)
        ),
        oracle.log_p_visible,
        atol=rounding("float64", 5 * 20.0, 10),
    )


def test_over_all_sites_units_without_a_list_of_states_have_none():
    class Many(Bernoulli):
        states = None

    machine_ = machine(ORACLE)._replace(visible=Many(5))
    with pytest.raises(ValueError, match=r"list of states. Received: .*Many"):
        pseudo_log_likelihood(machine_, tf.zeros((2, 5)))


def _integrated(rbm, v):
    """sum_i log p(v_i | v_-i) by adaptive integration of exp(-F)."""
    w, c = (
        rbm.kernel.numpy().astype("float64"),
        np.asarray(rbm.hidden_params["bias"], "float64"),
    )
    b, p = (
        np.asarray(rbm.visible_params[name], "float64")
        for name in ("bias", "precision")
    )

    def log_weight(x):
        if isinstance(rbm.hidden, keras_rbm.Gaussian):
            q = np.asarray(rbm.hidden_params["precision"], "float64")
            hidden = np.sum((c + x @ w) ** 2 / (2 * q))
        elif isinstance(rbm.hidden, keras_rbm.Spin):
            hidden = np.logaddexp(c + x @ w, -c - x @ w).sum()
        else:
            hidden = np.logaddexp(0, c + x @ w).sum()
        return hidden + b @ x - 0.5 * p @ x**2

    total = 0.0
    for i in range(len(v)):
        own = log_weight(v)

        def ratio(value, i=i, own=own):
            x = v.copy()
            x[i] = value
            return np.exp(log_weight(x) - own)

        area, _ = integrate.quad(
            ratio, -40, 40, points=np.linspace(-20, 20, 41), limit=500
        )
        total -= np.log(area)
    return total


@pytest.mark.parametrize(
    "hidden",
    [
        keras_rbm.Bernoulli(4),
        keras_rbm.Spin(4),
        keras_rbm.Gaussian(4, precision=2.0),
    ],
)
def test_densities_are_those_of_numerical_integration(hidden):
    rng = np.random.default_rng(0)
    rbm = keras_rbm.RBM(
        keras_rbm.Gaussian(3),
        hidden,
        kernel_constraint=keras_rbm.SpectralBound(0.13),
        seed=0,
    )
    real = isinstance(hidden, keras_rbm.Gaussian)
    rbm.kernel.assign((0.2 if real else 1.5) * rng.standard_normal((3, 4)))
    rbm.visible_params["bias"].assign(rng.standard_normal(3))
    rbm.visible_params["precision"].assign([0.5, 1.0, 4.0])
    rbm.hidden_params["bias"].assign(rng.standard_normal(4))
    assert rbm.has_pseudo_likelihood
    v = rng.standard_normal((5, 3)).astype("float32")
    found = rbm.pseudo_log_likelihood(v)
    assert found.dtype == np.float64
    expected = [_integrated(rbm, x.astype("float64")) for x in v]
    # The error that scipy's rule aims at, of three sites.
    np.testing.assert_allclose(found, expected, rtol=0, atol=3 * 1.5e-8)


def test_densities_of_other_hidden_units_are_refused():
    rbm = keras_rbm.RBM(
        keras_rbm.Gaussian(3),
        keras_rbm.ReLU(2, precision=1.0),
        kernel_constraint=keras_rbm.SpectralBound(0.09),
    )
    assert not rbm.has_pseudo_likelihood
    with pytest.raises(ValueError, match=r"list of states"):
        rbm.pseudo_log_likelihood(np.zeros((1, 3), "float32"))
    with pytest.raises(ValueError, match=r"bounded or Gaussian"):
        likelihood.pseudo_log_density(rbm.machine(), np.zeros((1, 3)))
