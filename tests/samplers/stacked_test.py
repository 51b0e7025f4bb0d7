"""Stacked tempering, against enumeration of each machine of a stack."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import (
    Gibbs,
    Spin,
    StackedTempering,
    TrajectoryTempering,
    callbacks,
    random,
    samplers,
)
from keras_rbm import machine as machine_lib
from tests.callbacks import events
from tests.machines import (
    assert_law,
    assert_means,
    assert_same_states,
    data,
    exact_draws,
    machine,
    rbm,
)
from tests.oracle import Oracle
from tests.samplers.base_test import run, stream_of

# Widths 5, 4, 3 and 4: no layer can be mistaken for another one.
ORACLES = [
    Oracle.draw(5, 4, seed=1),
    Oracle.draw(4, 3, seed=2, scale=0.7),
    Oracle.draw(3, 4, seed=3, scale=0.7),
]
LOWEST, *OTHERS = (machine(oracle) for oracle in ORACLES)
SAMPLER = StackedTempering(OTHERS)
CHAINS = 30_000


@pytest.fixture(scope="module")
def start():
    """Exact draws for all machines."""
    rng = np.random.default_rng(0)
    v, *upper = (
        tf.constant(
            exact_draws(rng, oracle.p_visible, oracle.visible_states, CHAINS)
        )
        for oracle in ORACLES
    )
    state = SAMPLER.init(LOWEST, v)
    return state._replace(upper=tuple(upper))


@pytest.fixture(scope="module")
def moved(start):
    """The states after one step and after four."""
    return [
        run(
            SAMPLER,
            LOWEST,
            start,
            stream_of(1),
            tf.constant(num_sweeps),
            tf.constant(0),
        )
        for num_sweeps in (1, 4)
    ]


def test_sweeps_leave_the_laws_of_all_machines_unchanged(start, moved):
    for state in moved:
        for v, oracle in zip((state.v, *state.upper), ORACLES, strict=True):
            assert_law(v, oracle.p_visible)
        assert (state.v != start.v).numpy().any(axis=1).mean() > 0.1
    np.testing.assert_array_equal(SAMPLER.samples(moved[0]), moved[0].v)


def test_machines_stay_independent_of_each_other(moved):
    """The law of all states is the product of those of the machines."""
    both = np.concatenate(
        [x.numpy() for x in (moved[0].v, moved[0].upper[0])], 1
    )
    law = np.outer(ORACLES[0].p_visible, ORACLES[1].p_visible).ravel()
    assert_law(both, law)


def test_configurations_change_places(start):
    """The probability of exchange is that of the rule, by enumeration."""
    _, info = SAMPLER.step(LOWEST, start, random.stream(2))
    below, above = ORACLES[0].p_hidden, ORACLES[1].p_visible
    # Rows are h and columns v, both states of four units.
    ratio = np.outer(above, below) / np.outer(below, above)
    expected = (np.outer(below, above) * np.minimum(1, ratio)).sum()
    assert 0.2 < expected < 0.9
    # Each probability is at most 1, so that its deviation is at most 1/2.
    assert abs(float(info.swaps[0]) - expected) < 4 * 0.5 / np.sqrt(CHAINS)


def test_v_is_drawn_from_the_hidden_states_of_the_info(start):
    state, info = SAMPLER.step(LOWEST, start, random.stream(5))
    means = machine_lib.visible_mean(LOWEST, info.h).numpy()
    assert_means(means, ORACLES[0].p_visible @ ORACLES[0].visible_states)
    assert_means(means - state.v.numpy(), np.zeros(5))


def test_clamped_chains_have_the_law_of_the_free_given_the_held():
    held, values = np.array([0, 1, 0, 1, 0], bool), np.array([1.0, 0.0])
    oracle = ORACLES[0]
    agrees = (oracle.visible_states[:, held] == values).all(axis=1)
    law = oracle.p_visible * agrees
    v = exact_draws(
        np.random.default_rng(0), law, oracle.visible_states, CHAINS
    )
    clamp = samplers.Clamp(tf.constant(held), tf.constant(v))
    state = run(
        SAMPLER,
        LOWEST,
        SAMPLER.init(LOWEST, tf.constant(v)),
        random.stream(1),
        tf.constant(4),
        tf.constant(0),
        clamp,
    )
    assert (state.v.numpy()[:, held] == values).all()
    assert_law(state.v, law / law.sum())
    assert float(state.swap_rates[0]) < 0.5  # Nothing was exchanged here.


def test_parts_of_a_run_and_of_the_chains_are_the_same(start):
    def part(state, num_sweeps, first, first_row=0):
        numbers = tf.constant(num_sweeps), tf.constant(first)
        return run(SAMPLER, LOWEST, state, stream_of(2, first_row), *numbers)

    whole = part(start, 7, 0)
    rest = part(part(start, 3, 0), 4, 3)
    tf.nest.map_structure(np.testing.assert_array_equal, rest, whole)
    rows = slice(CHAINS - 1000, None)
    last = start._replace(
        v=start.v[rows], upper=tuple(x[rows] for x in start.upper)
    )
    alone = part(last, 7, 0, rows.start)
    np.testing.assert_array_equal(alone.v, whole.v[rows])


def modes(strength, visible=6):
    """All visible units on if the one hidden unit is, or all off."""
    return Oracle(
        np.full((visible, 1), strength),
        np.full(visible, -strength / 2),
        [1.0 - strength * visible / 2],
    )


def test_upper_machines_bring_modes_that_gibbs_chains_do_not_find():
    oracle = modes(12.0)
    # The machine above knows how often the hidden unit is on.
    on = oracle.p_hidden[1]
    above = Oracle(np.zeros((1, 2)), [np.log(on / (1 - on))], np.zeros(2))
    target, v = machine(oracle), tf.zeros((2000, 6))
    sampler = StackedTempering([machine(above)])
    found = []
    for each in (Gibbs(), sampler):
        state = run(
            each,
            target,
            each.init(target, v),
            random.stream(1),
            tf.constant(50),
            tf.constant(0),
        )
        found.append(state.v.numpy().mean(axis=1) > 0.5)
    assert not found[0].any()
    assert_means(found[1], on)
    assert float(state.swap_rates[0]) > 0.6


@pytest.fixture(scope="module")
def model():
    """A model with a chain of a stack."""
    model = rbm(ORACLES[0], chain=keras_rbm.PersistentChain(20, 1, SAMPLER))
    model.adapt(data(400))
    model.visible_params["bias"].assign(ORACLES[0].visible_bias)
    return model


@pytest.mark.slow
def test_a_network_and_its_lowest_model(model):
    v = model.sample(5000, num_sweeps=50, seed=0, sampler=SAMPLER)
    assert_law(v, ORACLES[0].p_visible)
    found = model.log_partition(
        "ais", num_betas=500, num_sweeps=20, seed=0, sampler=SAMPLER
    )
    error = 4 * found.standard_error
    assert found.lower - error < ORACLES[0].log_z < found.upper + error


def test_particles_go_on_after_saving(model, tmp_path):
    model.compile(keras.optimizers.SGD(0.05), run_eagerly=True)
    model.fit(data(), epochs=1, batch_size=16, verbose=0)
    assert model.chain.particles_2.shape == (20, 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.chain.sampler == SAMPLER
    assert_same_states(model, loaded)
    for twin in (model, loaded):
        twin.fit(data(), epochs=1, batch_size=16, verbose=0, shuffle=False)
    assert_same_states(model, loaded)


def test_chains_of_a_stack_have_a_health(model, tmp_path):
    callback = callbacks.ChainHealth(tmp_path, data(40))
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    callback.on_train_end()
    values = events.read(tmp_path / "train")
    assert "3 Chains/swap_rate_min" in values
    assert "3 Chains/round_trip_rate" not in values


def test_machines_of_two_precisions_are_stacked():
    lowest = machine_lib.cast(LOWEST, "float64")
    v = np.zeros((6, LOWEST.visible.width))
    state = SAMPLER.init(lowest, tf.constant(v))
    state, _ = SAMPLER.step(lowest, state, random.stream(0))
    assert [v.dtype for v in (state.v, *state.upper)] == ["float64"] * 3
    kept = {k: tf.cast(x, "float32") for k, x in SAMPLER.pack(state).items()}
    particles = SAMPLER.particles(lowest, kept, random.stream(0))
    assert particles.dtype == "float64"


def test_samplers_of_the_same_machines_are_equal():
    assert StackedTempering(OTHERS) == SAMPLER
    assert hash(StackedTempering(OTHERS)) == hash(SAMPLER)
    assert StackedTempering(OTHERS[:1]) != SAMPLER
    one = StackedTempering(OTHERS[:1])
    assert one != TrajectoryTempering(OTHERS[:1])
    twice = OTHERS[0]._replace(beta=2.0)
    assert one != StackedTempering([twice])
    assert repr(SAMPLER) == "StackedTempering(2 machines)"


def test_bad_machines():
    with pytest.raises(ValueError, match="`machines` must be a list of one"):
        StackedTempering([])
    with pytest.raises(ValueError, match="`machines` must hold machines"):
        StackedTempering([3])
    with pytest.raises(ValueError, match="`machines` must fit on each other"):
        StackedTempering([OTHERS[0], OTHERS[0]])
    with pytest.raises(ValueError, match="`machines` must fit on each other"):
        SAMPLER.init(LOWEST._replace(hidden=Spin(4)), data(3))
