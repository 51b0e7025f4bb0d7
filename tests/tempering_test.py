import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import random, tempering
from tests.machines import (
    assert_law,
    assert_means,
    exact_draws,
    machine,
    rounding,
    total_variation,
    total_variation_floor,
)
from tests.machines import (
    sweeps as gibbs_sweeps,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
MACHINE = machine(ORACLE)
MEAN = np.linspace(0.2, 0.7, 5)
BASE = machine_lib.decouple(MACHINE, MEAN)
BETAS = np.array([1.0, 0.6, 0.25, 0.0], "float32")
CHAINS = 40_000


def bimodal(strength=12.0, advantage=1.0, visible=6):
    """All units on, with the odds exp(advantage), or all off."""
    return Oracle(
        np.full((visible, 1), strength),
        np.full(visible, -strength / 2),
        [advantage - strength * visible / 2],
    )


def annealed(beta):
    """The oracle at a beta of the ladder."""
    bias = np.log(MEAN) - np.log1p(-MEAN)
    return Oracle(
        beta * ORACLE.kernel,
        (1 - beta) * bias + beta * ORACLE.visible_bias,
        beta * ORACLE.hidden_bias,
    )


@pytest.fixture(scope="module")
def laws():
    return [annealed(float(beta)).p_visible for beta in BETAS]


@pytest.fixture(scope="module")
def v(laws):
    """Exact draws for all replicas."""
    rng = np.random.default_rng(0)
    states = ORACLE.visible_states
    return tf.constant(
        np.concatenate([exact_draws(rng, p, states, CHAINS) for p in laws])
    )


@pytest.fixture(scope="module")
def sweeps():
    @tf.function(jit_compile=True)
    def run(machine, base, betas, v, stream, num_sweeps):
        return ops.fori_loop(
            0,
            num_sweeps,
            lambda i, v: tempering.sweep(
                base, machine, betas, v, i, random.fold_in(stream, i)
            )[0],
            v,
        )

    return run


def test_log_ratio_is_that_of_the_enumerated_laws():
    others = np.array([0.6, 0.25, 0.0, 1.0], "float32")
    states = ORACLE.visible_states
    v = tf.constant(np.tile(states, (4, 1)), tf.float32)
    inputs = machine_lib.hidden_inputs(MACHINE, v)
    actual = tempering.log_ratio(
        BASE, MACHINE, tf.constant(BETAS), tf.constant(others), v, inputs
    )
    expected = [
        annealed(own).free_energy(states) - annealed(other).free_energy(states)
        for own, other in zip(BETAS, others, strict=True)
    ]
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=rounding("float32", 20.0, 32)
    )


@pytest.mark.parametrize("num_sweeps", [1, 4, 16])
def test_sweeps_leave_all_laws_unchanged(sweeps, v, laws, num_sweeps):
    moved = sweeps(
        MACHINE,
        BASE,
        tf.constant(BETAS),
        v,
        random.stream(1),
        tf.constant(num_sweeps),
    ).numpy()
    for replica, law in zip(np.split(moved, len(BETAS)), laws, strict=True):
        assert_law(replica, law)
    assert (moved != v.numpy()).any(axis=1).mean() > 0.5


@pytest.mark.parametrize("parity", [0, 1])
def test_an_exchange_alone_leaves_all_laws_unchanged(v, laws, parity):
    inputs = machine_lib.hidden_inputs(MACHINE, v)
    moved, moved_inputs, probability, source = tempering.exchange(
        BASE,
        MACHINE,
        tf.constant(BETAS),
        v,
        inputs,
        tf.constant(parity),
        random.stream(2),
    )
    # The inputs go with their states.
    np.testing.assert_allclose(
        moved_inputs,
        machine_lib.hidden_inputs(MACHINE, moved),
        atol=rounding("float32", 10.0, 8),
    )
    rows = tf.reshape(v, (len(BETAS), -1, v.shape[1]))
    np.testing.assert_array_equal(
        tf.reshape(moved, rows.shape),
        np.take_along_axis(rows.numpy(), source.numpy()[:, :, None], axis=0),
    )
    before, after = (np.split(x.numpy(), len(BETAS)) for x in (v, moved))
    for replica, law in zip(after, laws, strict=True):
        assert_law(replica, law)
    for first in range(len(BETAS) - 1):
        changed = (after[first] != before[first]).any(axis=1)
        if first % 2 != parity:
            assert probability[first] == 0
            continue
        # Both or none, and as often as is said.
        taken = np.where(changed[:, None], before[first + 1], before[first])
        np.testing.assert_array_equal(after[first], taken)
        np.testing.assert_array_equal(
            after[first + 1][changed], before[first][changed]
        )
        distinct = (before[first] != before[first + 1]).any(axis=1)
        # Exchanged states that are alike do not show.
        assert changed.sum() <= distinct.sum()
        expected = acceptance(
            annealed(BETAS[first]), annealed(BETAS[first + 1])
        )
        error = 4 * 0.5 / np.sqrt(CHAINS)
        assert abs(probability[first] - expected) < error


def acceptance(one, other):
    """Mean probability of an exchange, over the product of both laws."""
    states = one.visible_states
    first, second = one.free_energy(states), other.free_energy(states)
    change = (first - second)[:, None] + (second - first)[None, :]
    law = one.p_visible[:, None] * other.p_visible[None, :]
    return (law * np.exp(np.minimum(change, 0.0))).sum()


def test_chains_change_places_each_on_its_own(v):
    """As many chains, or fewer, and the same draws for those there are."""
    rows = v.numpy().reshape(len(BETAS), CHAINS, 5)
    moved = [
        tempering.sweep(
            BASE,
            MACHINE,
            tf.constant(BETAS[:2]),
            tf.constant(rows[:2, :count].reshape(-1, 5)),
            tf.constant(0),
            random.stream(3),
        )[0].numpy()[:5]
        for count in (5, 50)
    ]
    np.testing.assert_array_equal(*moved)


def test_both_modes_get_their_weight_where_gibbs_chains_stay_in_one(sweeps):
    oracle = bimodal()
    target = machine(oracle)
    base = machine_lib.decouple(target, np.full(6, 0.5))
    chains, betas = 200, tf.constant(np.linspace(1.0, 0.0, 8), tf.float32)
    on = oracle.p_hidden[1]
    assert 0.6 < on < 0.8
    stuck = tf.function(gibbs_sweeps, jit_compile=True)(
        target, tf.zeros((chains, 6)), random.stream(1), tf.constant(1000)
    )
    assert (stuck.numpy().mean(axis=1) < 0.5).all()
    v = tf.zeros((8 * chains, 6))
    visits = np.zeros(chains)
    for step in range(60):
        stream = random.fold_in(random.stream(2), step)
        v = sweeps(target, base, betas, v, stream, tf.constant(20))
        if step >= 20:
            visits += v.numpy()[:chains].mean(axis=1) > 0.5
    # Ladders know nothing of each other: their spread is the error.
    assert_means(visits / 40, on)


def test_even_out_moves_neighbours_that_swap_often_apart():
    betas = tf.constant([1.0, 0.8, 0.3, 0.0])
    moved = tempering.even_out(betas, tf.constant([0.9, 0.1, 0.5]), 0.1)
    assert moved[0] == 1.0
    assert moved[-1] == 0.0
    distances = -np.diff(moved) / -np.diff(betas)
    assert distances[0] > distances[2] > distances[1]
    assert (np.diff(moved) < 0).all()
    np.testing.assert_allclose(
        tempering.even_out(betas, tf.fill((3,), 0.4), 0.1),
        betas,
        atol=rounding("float32", 1.0, 4),
    )


def test_the_laws_differ_so_that_the_checks_can_fail(v, laws):
    rows = np.split(v.numpy(), len(BETAS))
    floor = total_variation_floor(laws[1], CHAINS)
    assert total_variation(rows[0], laws[1]) > 4 * floor
