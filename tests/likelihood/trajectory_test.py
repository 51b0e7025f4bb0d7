"""Annealing along a trajectory of machines, against enumeration."""

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, Gaussian, likelihood, random
from keras_rbm import machine as machine_lib
from keras_rbm.likelihood.estimate import estimate
from tests.machines import assert_law, exact_draws, machine, rounding
from tests.oracle import Oracle

# The trajectory leads over a machine that is not on the straight line.
FIRST = Oracle.draw(5, 4, seed=4, scale=0.7)
LAST = Oracle.draw(5, 4, seed=3, scale=1.2)
MACHINES = [machine(FIRST), machine(LAST)]
BASE = machine_lib.decouple(MACHINES[-1], np.linspace(0.3, 0.6, 5))
BASE_LOG_Z = estimate(BASE, np.zeros(1), None).log_z
STREAM = random.stream(7)
CHAINS = 20_000
# All runs in blocks of one size, for one compiled program.
BLOCK = 1000


@pytest.fixture(scope="module")
def forward():
    """So few steps that the weights vary, and very many chains."""
    return likelihood.trajectory_ais(MACHINES, BASE, STREAM, 2, CHAINS)


@pytest.fixture(scope="module")
def reverse():
    rng = np.random.default_rng(0)
    v = exact_draws(rng, LAST.p_visible, LAST.visible_states, CHAINS)
    return likelihood.reverse_trajectory_ais(MACHINES, BASE, v, STREAM, 2)


@pytest.fixture(scope="module")
def fine():
    return likelihood.trajectory_ais(MACHINES, BASE, STREAM, 50, CHAINS)


def test_the_mean_weight_is_the_ratio_of_partition_functions(forward, reverse):
    ratio = LAST.log_z - BASE_LOG_Z
    for log_weights in (
        forward.log_weights - ratio,
        reverse.log_weights + ratio,
    ):
        weights = np.exp(log_weights)
        error = weights.std(ddof=1) / np.sqrt(CHAINS)
        assert 0.001 < error < 0.05
        assert abs(weights.mean() - 1.0) < 4 * error


def test_all_chains_find_log_z(forward, reverse, fine):
    for result in (forward, reverse, fine):
        assert result.particles.shape == (CHAINS, 5)
        distance = abs(result.log_z - LAST.log_z)
        assert distance < 4 * result.standard_error
    assert fine.standard_error < 0.5 * forward.standard_error


def test_few_chains_are_below_forward_and_above_in_reverse(forward, reverse):
    for result, sign in ((forward, 1), (reverse, -1)):
        bias = sign * result.log_weights + BASE_LOG_Z - LAST.log_z
        error = bias.std(ddof=1) / np.sqrt(CHAINS)
        assert sign * bias.mean() < -4 * error


def test_weighted_particles_have_the_law_of_the_last_machine(fine):
    weights = np.exp(fine.log_weights - fine.log_weights.max())
    keep = np.random.default_rng(1).random(CHAINS) < weights
    assert keep.mean() > 0.2
    assert_law(fine.particles[keep], LAST.p_visible)


@pytest.mark.parametrize("state", [9, 22])
def test_a_step_weighs_and_then_sweeps_the_next_machine(state):
    """Half of the way first, and then the other half."""
    middle = Oracle(
        (FIRST.kernel + LAST.kernel) / 2,
        (FIRST.visible_bias + LAST.visible_bias) / 2,
        (FIRST.hidden_bias + LAST.hidden_bias) / 2,
    )
    for ends, oracles in (
        ((MACHINES[0], machine(middle)), (FIRST, middle)),
        ((machine(middle), MACHINES[1]), (middle, LAST)),
    ):
        v = np.tile(LAST.visible_states[state], (BLOCK, 1))
        moved, log_weights = likelihood.anneal_between(
            *ends,
            tf.constant(v, tf.float32),
            tf.zeros((BLOCK,), "float64"),
            tf.constant(1),
            STREAM._replace(first_row=tf.constant(0)),
            tf.constant(0, "int64"),
        )
        old, new = (oracle.free_energy(v[:1])[0] for oracle in oracles)
        # Sums of some 30 numbers up to 10 in float32.
        error = rounding("float32", 10.0, 30)
        np.testing.assert_allclose(log_weights, old - new, rtol=0, atol=error)
        assert_law(moved, oracles[1].transition()[state])


def test_parts_of_a_way_are_the_whole_way():
    """A chain that stops at the first machine goes on from there."""
    half = likelihood.trajectory_ais(MACHINES[:1], BASE, STREAM, 3, BLOCK)
    v, log_weights = likelihood.anneal_between(
        *MACHINES,
        tf.constant(half.particles),
        tf.constant(half.log_weights),
        tf.constant(3),
        STREAM._replace(first_row=tf.constant(0)),
        tf.constant(3, "int64"),
    )
    whole = likelihood.trajectory_ais(MACHINES, BASE, STREAM, 3, BLOCK)
    np.testing.assert_array_equal(v, whole.particles)
    np.testing.assert_array_equal(log_weights, whole.log_weights)


def test_beta_of_a_machine_counts():
    """A kernel of half the size at a beta of 2 is the same machine."""
    last = MACHINES[1]
    twice = last._replace(kernel=last.kernel / 2, beta=2.0)
    found, expected = (
        likelihood.trajectory_ais([MACHINES[0], m], BASE, STREAM, 3, BLOCK)
        for m in (twice, last)
    )
    np.testing.assert_array_equal(found.log_weights, expected.log_weights)


def test_the_reverse_averages_repeats():
    v = LAST.visible_states[:10].astype("float32")
    result = likelihood.reverse_trajectory_ais(
        MACHINES, BASE, v, STREAM, 2, repeats=BLOCK // 10
    )
    assert result.log_weights.shape == (10,)
    assert result.particles.shape == (BLOCK, 5)


def test_bad_arguments():
    other = MACHINES[0]._replace(visible=Gaussian(5))
    uncoupled = [([], "of one or more machines"), ([MACHINES[0], 3], "hold")]
    uncoupled.append(([MACHINES[0], other], "have the same units"))
    for machines, text in uncoupled:
        with pytest.raises(ValueError, match=f"`machines` must .*{text}"):
            likelihood.trajectory_ais(machines, BASE, STREAM)
    with pytest.raises(ValueError, match="`base` must be a machine"):
        likelihood.trajectory_ais(MACHINES, MACHINES[0], STREAM)
    with pytest.raises(ValueError, match="`num_betas` must be"):
        likelihood.trajectory_ais(MACHINES, BASE, STREAM, 0)
    with pytest.raises(ValueError, match="`num_chains` must be"):
        likelihood.trajectory_ais(MACHINES, BASE, STREAM, 2, 0)
    with pytest.raises(ValueError, match="`v_model` must"):
        likelihood.reverse_trajectory_ais(
            MACHINES, BASE, np.zeros((3, 4)), STREAM
        )
    assert MACHINES[0].visible == Bernoulli(5)
