import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, Softmax, random
from keras_rbm import machine as machine_lib
from keras_rbm.likelihood import BennettEstimate, bennett
from keras_rbm.machine import Machine
from tests.machines import assert_means, machine, rounding
from tests.oracle import Oracle
from tests.tempering_test import bimodal


@functools.cache
def kept(oracle):
    """A machine whose units stay alive, which spares compilations."""
    return machine(oracle)


def estimate(oracle, seed=0, mean=0.5, **kwargs):
    target = kept(oracle)
    base = machine_lib.decouple(target, np.full(len(oracle.visible_bias), mean))
    arguments = {
        "num_betas": 6,
        "num_chains": 20,
        "num_sweeps": 200,
        "num_burn_in": 200,
    }
    return bennett(target, base, random.stream(seed), **{**arguments, **kwargs})


@pytest.fixture(scope="module")
def repeated():
    """Several estimates of one machine."""
    oracle = Oracle.draw(7, 5, seed=1, scale=1.5)
    return oracle, [estimate(oracle, seed) for seed in range(12)]


def test_it_agrees_with_enumeration(repeated):
    oracle, estimates = repeated
    values = np.array([e.log_z for e in estimates])
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean() - oracle.log_z) < 4 * error


def test_the_standard_error_is_the_spread_of_estimates(repeated):
    oracle, estimates = repeated
    scores = [(e.log_z - oracle.log_z) / e.standard_error for e in estimates]
    # Twelve squares of nearly normal numbers: chi-squared, 0.1 % to 99.9 %.
    assert 1.9 < np.sum(np.square(scores)) < 33.0


def test_it_finds_both_modes():
    oracle = bimodal()
    result = estimate(oracle)
    assert abs(result.log_z - oracle.log_z) < 4 * result.standard_error
    # One mode alone would be clearly less.
    assert 8 * result.standard_error < np.log(1 / oracle.p_hidden[1])


def test_the_burn_in_evens_out_the_rates_of_exchange(repeated):
    rates = repeated[1][0].swap_rates
    assert rates.shape == (6,)
    assert np.ptp(rates) < 0.2
    assert (rates > 0.3).all()
    result = repeated[1][0]
    assert result.trusted
    assert result.lower < result.log_z < result.upper


def test_rates_count_turns_whatever_the_number_of_sweeps():
    oracle = Oracle(np.zeros((4, 3)), np.zeros(4), np.zeros(3))
    result = estimate(oracle, num_sweeps=3, num_burn_in=51)
    # Without coupling all exchanges are accepted.
    np.testing.assert_allclose(result.swap_rates, 1.0, atol=1e-5)


def test_a_broken_ladder_is_not_trusted():
    oracle = bimodal(strength=60.0)
    result = estimate(oracle, num_betas=1, num_sweeps=10, num_burn_in=2)
    assert result.swap_rates.min() < 0.05
    assert not result.trusted
    assert "not to be trusted: two neighbours change places" in str(result)
    assert "+-" not in str(result)


def hidden_mode():
    """Three clusters of equal weight, of which annealing finds the broad one.

    Units of the broad cluster are on with probability 0.8, at all betas; those
    of the two others are nearly always on, or nearly always off.
    """
    odds = np.full((60, 3), 12.0)
    odds[:, 0] = np.log(4.0)
    odds[:, 2] = -12.0
    bias = -np.logaddexp(0, odds).sum(axis=0)
    target = Machine(
        Bernoulli(60),
        Softmax(1, 3),
        tf.constant(odds, "float32"),
        {"bias": tf.zeros(60)},
        {"bias": tf.constant(bias, "float32")},
    )
    v = np.repeat([[1.0], [0.0]], 60, axis=1).astype("float32")
    return target, v, np.log(3.0)


@pytest.mark.parametrize("with_data", [True, False])
def test_a_missed_mode_is_not_trusted(with_data):
    target, v, log_z = hidden_mode()
    base = machine_lib.decouple(target, np.full(60, 0.8))
    result = bennett(
        target,
        base,
        random.stream(0),
        num_betas=6,
        num_chains=20,
        num_sweeps=200,
        num_burn_in=200,
        v=v if with_data else None,
    )
    (from_base, error), (from_others, _) = result.groups
    # The ladders from the base have found a third of Z, without a sign.
    assert abs(from_base - (log_z - np.log(3.0))) < 0.1
    assert error < 0.1
    assert from_others > from_base + 0.3
    assert not result.trusted
    assert "the standard error of half of the ladders is" in str(result)
    assert result.standard_error >= (from_others - from_base) / 2
    assert result.lower <= log_z + 1e-3
    assert log_z - 1e-3 <= result.upper
    # The states of the hidden unit were all visited.
    assert abs(result.visited - log_z) < 1e-3


def estimated(groups, visited=None, error=0.1):
    rates, particles = np.full(3, 0.5), np.zeros((2, 4))
    return BennettEstimate(10.0, error, rates, particles, groups, visited)


def test_the_groups_decide_error_and_trust():
    agree = estimated(((9.9, 0.1), (10.1, 0.1)))
    assert agree.trusted
    assert agree.standard_error == 0.1
    assert (agree.lower, agree.upper) == (9.8, 10.2)
    differ = estimated(((9.5, 0.1), (10.5, 0.1)))
    assert not differ.trusted
    assert differ.standard_error == 0.5
    assert (differ.lower, differ.upper) == (9.0, 11.0)
    assert "differ by 1.00 nats, more than 4 standard errors" in str(differ)
    # Groups that say nothing: their difference is within four errors.
    vague = estimated(((9.5, 0.1), (10.5, 0.3)))
    (reason,) = vague.warnings
    assert "half of the ladders is 0.30 nats, more than 0.2" in reason
    assert vague.standard_error == 0.5
    # A difference of no weight, whatever the errors are.
    assert estimated(((9.995, 0.0), (10.005, 0.0)), error=0.001).trusted
    assert not estimated(None, error=np.inf).trusted


def test_visited_states_are_a_lower_bound():
    result = estimated(((9.9, 0.1), (10.1, 0.1)), visited=10.5)
    assert (result.lower, result.upper) == (10.5, 10.5)
    assert "visited states alone is 0.50 nats above" in str(result)
    assert estimated(None, visited=10.2).trusted


def test_a_base_with_coupling_is_refused():
    target = machine(Oracle.draw(3, 2))
    with pytest.raises(ValueError, match=r"`base` .* base.beta=1.0"):
        bennett(target, target, random.stream(0))


def test_no_coupling_is_exact_to_rounding():
    bias, hidden_bias = np.full(4, -1.0), np.zeros(3)
    oracle = Oracle(np.zeros((4, 3)), bias, hidden_bias)
    result = estimate(oracle, mean=1 / (1 + np.exp(1.0)), num_sweeps=3)
    np.testing.assert_allclose(
        result.log_z,
        4 * np.log1p(np.exp(-1.0)) + 3 * np.log(2.0),
        atol=rounding("float32", 10.0, 12),
    )
    assert result.standard_error < rounding("float32", 10.0, 12)


def test_seeds_reproduce_and_one_chain_has_no_error():
    oracle = Oracle.draw(3, 2, seed=1)
    results = [
        estimate(oracle, seed, num_chains=1, num_sweeps=5, num_burn_in=5)
        for seed in (0, 0, 1)
    ]
    assert results[0].log_z == results[1].log_z != results[2].log_z
    assert results[0].standard_error == np.inf
    assert results[0].particles.shape == (1, 3)
    assert "Bennett, 1 chains" in str(results[0])


@pytest.mark.parametrize(
    "name", ["num_betas", "num_chains", "num_sweeps", "num_burn_in"]
)
def test_numbers_are_positive_integers(name):
    with pytest.raises(ValueError, match=rf"`{name}` .* Received: {name}=0"):
        estimate(Oracle.draw(3, 2), **{name: 0})


def test_particles_are_samples_of_the_machine():
    oracle = Oracle.draw(3, 2, seed=1)
    result = estimate(oracle, num_chains=4000, num_sweeps=2, num_burn_in=50)
    assert_means(result.particles, oracle.moments()[1])
    assert isinstance(result.particles, np.ndarray)
    assert not isinstance(result.log_z, tf.Tensor)
