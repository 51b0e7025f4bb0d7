import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import PersistentChain, gibbs, random
from keras_rbm import machine as machine_lib
from tests.machines import (
    assert_law,
    exact_draws,
    machine,
    sweeps_from_hidden,
    total_variation,
    total_variation_floor,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
MACHINE = machine(ORACLE)
CHAINS = 50_000
SMALL = 20


def built(num_chains, num_sweeps=1):
    chain = PersistentChain(num_chains, num_sweeps)
    chain.build((None, 5), (None, 4))
    return chain


@pytest.fixture
def small():
    chain = built(SMALL, 3)
    chain.start(MACHINE, random.stream(1))
    return chain


@pytest.fixture(scope="module")
def large():
    return built(CHAINS)


@pytest.fixture(scope="module")
def update(large):
    """One advance and persist, as a training step makes them."""

    @tf.function(jit_compile=True)
    def update(stream):
        v = large.advance(MACHINE, None, stream)
        inputs = machine_lib.hidden_inputs(MACHINE, v)
        large.persist(MACHINE, inputs, stream)
        return v

    return update


def test_particles_start_from_the_visible_units_alone(large):
    large.start(MACHINE, random.stream(0))
    alone = Oracle(np.zeros((5, 4)), ORACLE.visible_bias, np.zeros(4))
    assert_law(
        large.particles,
        alone.p_visible @ ORACLE.p_hidden_given(ORACLE.visible_states),
    )


@pytest.mark.parametrize("num_sweeps", [1, 3])
def test_particles_keep_the_law_of_a_fixed_machine(large, update, num_sweeps):
    rng = np.random.default_rng(2)
    h = exact_draws(rng, ORACLE.p_hidden, ORACLE.hidden_states, CHAINS)
    large.particles.assign(h)
    large.num_sweeps.assign(num_sweeps)
    for step in range(5):
        v = update(random.fold_in(random.stream(3), step))
        assert_law(v, ORACLE.p_visible)
        assert_law(large.particles, ORACLE.p_hidden)
    assert (large.particles.numpy() != h).any(axis=1).mean() > 0.5


def test_particles_reach_the_law_of_a_fixed_machine(large, update):
    large.particles.assign(tf.ones((CHAINS, 4)))
    large.num_sweeps.assign(1)
    update(random.stream(1))
    floor = total_variation_floor(ORACLE.p_hidden, CHAINS)
    # One update is not enough: this is what the check would notice.
    assert total_variation(large.particles.numpy(), ORACLE.p_hidden) > 4 * floor
    for step in range(40):
        update(random.fold_in(random.stream(4), step))
    assert_law(large.particles, ORACLE.p_hidden)


def test_samples_are_draws_given_the_particles(large):
    rng = np.random.default_rng(5)
    h = exact_draws(rng, ORACLE.p_hidden, ORACLE.hidden_states, CHAINS)
    large.particles.assign(h)
    assert_law(large.samples(MACHINE, None, random.stream(6)), ORACLE.p_visible)
    np.testing.assert_array_equal(large.particles, h)


def test_advance_starts_from_the_particles_and_leaves_them(small):
    before = small.particles.numpy()
    stream = random.stream(7)
    v = small.advance(MACHINE, tf.zeros((3, 5)), stream)
    assert v.shape == (SMALL, 5)
    np.testing.assert_array_equal(
        v, sweeps_from_hidden(MACHINE, tf.constant(before), stream, 3)
    )
    np.testing.assert_array_equal(small.particles, before)


def test_persist_draws_particles_from_the_inputs(small):
    inputs = tf.constant(
        np.random.default_rng(0).choice([-1e4, 1e4], (SMALL, 4)), tf.float32
    )
    small.persist(MACHINE, inputs, random.stream(8))
    np.testing.assert_array_equal(small.particles, inputs > 0)


def test_the_next_update_goes_on_where_this_one_ended(small):
    stream = random.stream(9)
    v = small.advance(MACHINE, None, stream)
    small.persist(MACHINE, machine_lib.hidden_inputs(MACHINE, v), stream)
    assert not np.array_equal(
        small.advance(MACHINE, None, random.fold_in(stream, 1)), v
    )
    # Hidden draws of the update are not those of its sweeps.
    h = gibbs.sample_hidden(MACHINE, v, random.fold_in(stream, 3))
    assert not np.array_equal(small.particles, h)


def test_start_begins_afresh(small):
    before = small.particles.numpy()
    small.start(MACHINE, random.stream(2))
    assert (small.particles.numpy() != before).any()
    small.start(MACHINE, random.stream(1))
    np.testing.assert_array_equal(small.particles, before)


@pytest.mark.parametrize("batch", [1, SMALL, 3 * SMALL])
def test_the_number_of_chains_is_not_the_batch_size(small, batch):
    v_data = tf.ones((batch, 5))
    stream = random.stream(10)
    v = small.advance(MACHINE, v_data, stream)
    assert v.shape == (SMALL, 5)
    np.testing.assert_array_equal(v, small.advance(MACHINE, None, stream))
    assert small.samples(MACHINE, v_data, stream).shape == (SMALL, 5)


def test_the_number_of_sweeps_can_be_changed_without_a_trace(small):
    traces = []
    stream = random.stream(11)
    h = tf.constant(small.particles.numpy())

    @tf.function(jit_compile=True)
    def advance():
        traces.append(None)
        return small.advance(MACHINE, None, stream)

    for num_sweeps in (1, 5, 2):
        small.num_sweeps.assign(num_sweeps)
        np.testing.assert_array_equal(
            advance(), sweeps_from_hidden(MACHINE, h, stream, num_sweeps)
        )
    assert len(traces) == 1


def test_variables(small):
    assert [v.name for v in small.variables] == ["num_sweeps", "particles"]
    assert small.trainable_variables == []
    assert small.particles.shape == (SMALL, 4)
    assert small.particles.dtype == "float32"


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True])
def test_numbers_of_chains_are_positive_integers(value):
    with pytest.raises(ValueError, match=r"`num_chains` .* Received: num_ch"):
        PersistentChain(num_chains=value)


def test_config_round_trip():
    chain = PersistentChain(7, num_sweeps=3, name="fantasy")
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(chain)
    )
    assert type(copy) is PersistentChain
    assert copy.get_config() == chain.get_config()
    assert copy.num_chains == 7
    assert copy.get_config()["num_sweeps"] == 3
    assert PersistentChain().num_chains == 100


def test_particles_survive_a_round_trip_of_the_config_of_a_built_chain(small):
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(small)
    )
    if not copy.built:
        copy.build((None, 5), (None, 4))
    assert copy.particles.shape == small.particles.shape
