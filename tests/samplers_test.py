import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Gibbs, Tempered, random, samplers
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from tests.machines import (
    assert_law,
    assert_means,
    exact_draws,
    machine,
    total_variation,
    total_variation_floor,
)
from tests.oracle import Oracle, index
from tests.tempering_test import bimodal

PLAIN = Oracle.draw(5, 4, seed=1)
# The same machine colder, so that its scaling is tested too.
ORACLE = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 1.5)
MACHINE = machine_lib.scale(machine(PLAIN), 1.5)
MEAN = np.linspace(0.2, 0.7, 5)
BASE = machine_lib.decouple(MACHINE, MEAN)
CHAINS = 30_000
HELD = np.array([False, True, False, True, False])
SAMPLERS = [Gibbs(), Tempered(3)]


@compiled
def run(sampler, base, machine, state, stream, first, num_sweeps, clamp=None):
    return sampler.run(base, machine, state, stream, first, num_sweeps, clamp)


def annealed(beta):
    """The oracle on the way from the base (0) to the machine (1)."""
    bias = np.log(MEAN) - np.log1p(-MEAN)
    return Oracle(
        1.5 * beta * ORACLE.kernel,
        (1 - beta) * bias + 1.5 * beta * ORACLE.visible_bias,
        1.5 * beta * ORACLE.hidden_bias,
    )


def law_given(oracle, held, values):
    """p(v) of all v, 0 where the held entries are not these values."""
    agrees = (oracle.visible_states[:, held] == values).all(axis=1)
    law = oracle.p_visible * agrees
    return law / law.sum()


def laws(sampler, held=None, values=()):
    """The law of the rows of each replica."""
    betas = np.linspace(1.0, 0.0, sampler.rows)
    oracles = [annealed(beta) for beta in betas]
    if held is None:
        return [oracle.p_visible for oracle in oracles]
    return [law_given(oracle, held, values) for oracle in oracles]


def draw(expected, seed=0):
    """Exact draws for all replicas."""
    rng = np.random.default_rng(seed)
    states = ORACLE.visible_states
    rows = [exact_draws(rng, law, states, CHAINS) for law in expected]
    return tf.constant(np.concatenate(rows))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sweeps_leave_the_laws_unchanged(sampler):
    expected = laws(sampler)
    start = draw(expected)
    for num_sweeps in (1, 4):
        moved = run(
            sampler,
            BASE,
            MACHINE,
            start,
            random.stream(1),
            tf.constant(0),
            tf.constant(num_sweeps),
        )
        for rows, law in zip(
            np.split(moved.numpy(), len(expected)), expected, strict=True
        ):
            assert_law(rows, law)
        assert (moved != start).numpy().any(axis=1).mean() > 0.5
    np.testing.assert_array_equal(sampler.samples(moved), moved[:CHAINS])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sweeps_leave_the_law_of_the_free_given_the_held_unchanged(sampler):
    values = np.array([1.0, 0.0])
    expected = laws(sampler, HELD, values)
    start = draw(expected)
    clamp = samplers.Clamp(tf.constant(HELD), start[:CHAINS])
    for num_sweeps in (1, 4):
        moved = run(
            sampler,
            BASE,
            MACHINE,
            start,
            random.stream(1),
            tf.constant(0),
            tf.constant(num_sweeps),
            clamp,
        ).numpy()
        assert (moved[:, HELD] == values).all()
        for rows, law in zip(
            np.split(moved, len(expected)), expected, strict=True
        ):
            assert_law(rows, law)
    # The check can fail: the base's law is another.
    other = law_given(annealed(0.0), HELD, values)
    floor = total_variation_floor(other, CHAINS)
    assert total_variation(moved[:CHAINS], other) > 4 * floor


def test_entries_of_each_chain_may_be_held_on_their_own():
    """Half of the chains hold other entries, at other values."""
    masks = np.stack([HELD, ~HELD])
    values = np.array([[0, 1, 0, 0, 0], [1, 0, 0, 0, 1]], "float32")
    half = CHAINS // 2
    sampler = Tempered(3)
    chains = np.repeat(values, half, axis=0)
    clamp = samplers.Clamp(
        tf.constant(np.repeat(masks, half, axis=0)), tf.constant(chains)
    )
    moved = run(
        sampler,
        BASE,
        MACHINE,
        sampler.start(tf.constant(chains)),
        random.stream(3),
        tf.constant(0),
        tf.constant(60),
        clamp,
    )
    for rows, mask, value in zip(
        np.split(sampler.samples(moved).numpy(), 2), masks, values, strict=True
    ):
        assert_law(rows, law_given(ORACLE, mask, value[mask]))
    part = clamp.of_rows(slice(half, None))
    np.testing.assert_array_equal(part.mask[0], masks[1])
    np.testing.assert_array_equal(part.values, chains[half:])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_run_in_parts_is_the_same_run(sampler):
    start = sampler.start(tf.constant(draw(laws(Gibbs()))[:20]))
    arguments = sampler, BASE, MACHINE
    stream = random.stream(2)
    whole = run(*arguments, start, stream, tf.constant(0), tf.constant(7))
    part = run(*arguments, start, stream, tf.constant(0), tf.constant(3))
    assert (part != whole).numpy().any()
    rest = run(*arguments, part, stream, tf.constant(3), tf.constant(4))
    np.testing.assert_array_equal(rest, whole)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_chains_draw_for_themselves(sampler):
    """Alone, the last chains draw what they draw among all."""
    start = draw(laws(Gibbs()))[:20]
    whole, part = (
        sampler.samples(
            run(
                sampler,
                BASE,
                MACHINE,
                sampler.start(start[first:]),
                random.stream(2)._replace(first_row=first),
                tf.constant(0),
                tf.constant(5),
            )
        )
        for first in (0, 13)
    )
    np.testing.assert_array_equal(part, whole[13:])


def test_tempered_chains_mix_where_gibbs_chains_do_not():
    oracle = bimodal()
    target = machine(oracle)
    base = machine_lib.decouple(target, np.full(6, 0.5))
    chains, on = 2000, oracle.p_hidden[1]
    assert 0.6 < on < 0.8
    modes = []
    for sampler in (Gibbs(), Tempered(8)):
        state = run(
            sampler,
            base,
            target,
            sampler.start(tf.zeros((chains, 6))),
            random.stream(1),
            tf.constant(0),
            tf.constant(400),
        )
        modes.append(sampler.samples(state).numpy().mean(axis=1) > 0.5)
    assert not modes[0].any()
    assert_means(modes[1], on)


def test_samplers_compare_by_their_arguments():
    assert Gibbs() == Gibbs() != Tempered()
    assert Tempered(3) == Tempered(3) != Tempered(4)
    assert hash(Tempered(3)) == hash(Tempered(3))
    assert repr(Tempered(3)) == "Tempered(num_betas=3)"
    assert samplers.check(None) == Gibbs()


@pytest.mark.parametrize("value", [0, 1, -2, 2.5, "3", None, True])
def test_bad_numbers_of_betas(value):
    with pytest.raises(ValueError, match="`num_betas` must be"):
        Tempered(value)


@pytest.mark.parametrize("value", [Gibbs, "gibbs", 3])
def test_what_is_no_sampler(value):
    with pytest.raises(ValueError, match="`sampler` must be a sampler"):
        samplers.check(value)


def test_states_are_counted_right():
    """What `law_given` puts in order is what `total_variation` counts."""
    law = law_given(ORACLE, HELD, np.array([1.0, 0.0]))
    places = index(ORACLE.visible_states[law > 0])
    np.testing.assert_array_equal(np.flatnonzero(law), places)
