"""Ladders of replicas: how they move, and what chains keep of them."""

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Gibbs, Tempered, random, samplers, tempering
from keras_rbm import machine as machine_lib
from keras_rbm.samplers.ladder import adapted
from tests.machines import data, machine
from tests.oracle import Oracle

MACHINE = machine(Oracle.draw(5, 4, seed=1))
BASE = machine_lib.decouple(MACHINE, np.full(5, 0.5))


def moved(state, swaps, source, sampler=None):
    """The state after a step with these swaps, and other replicas."""
    return (sampler or Tempered(4)).moved(
        state,
        1 - state.v,
        tf.constant(swaps, tf.float32),
        tf.constant(source, tf.int32),
    )


def started(chains, rows=4):
    v = tf.constant(data(chains))
    return Tempered(rows).init(MACHINE, v, BASE)


# Nobody changes places.
STAYING = np.repeat(np.arange(4)[:, None], 2, axis=1)


def test_all_replicas_start_at_the_row_of_their_chain():
    fields = Tempered(4).fresh(tf.constant(data(3)))
    for replica in np.split(fields.pop("v").numpy(), 4):
        np.testing.assert_array_equal(replica, data(3))
    for name, value, shape in (
        ("swap_rates", 0.5, (3,)),
        ("parity", 0, ()),
        ("directions", 0, (4, 3)),
        ("round_trips", 0, (3,)),
        ("trip_rate", 0, ()),
    ):
        found = fields.pop(name).numpy()
        np.testing.assert_array_equal(found, np.full(shape, value))
    assert not fields


def test_rates_are_running_means_of_the_pairs_that_had_their_turn():
    first = moved(started(2), [1.0, 0.0, 0.25], STAYING)
    np.testing.assert_array_equal(first.v, 1 - started(2).v)
    second = moved(first, [0.0, 0.75, 0.0], STAYING)
    # A hundredth of the way from 0.5, pairs 0 and 2 and then pair 1.
    np.testing.assert_allclose(first.swap_rates, [0.505, 0.5, 0.4975])
    np.testing.assert_allclose(second.swap_rates, [0.505, 0.5025, 0.4975])
    assert (int(first.parity), int(second.parity)) == (1, 0)


@pytest.mark.parametrize("num_sweeps", [2, 3, 4])
@pytest.mark.parametrize("first", [0, 1])
def test_rates_of_a_run_forget_those_before_it(first, num_sweeps):
    before = started(2)._replace(parity=tf.constant(first))
    after = before
    for _ in range(num_sweeps):
        after = moved(after, [0.0, 0.25, 1.0], STAYING)
    rates, trips = Tempered(4).ladder_of_run(before, after, num_sweeps)
    np.testing.assert_allclose(rates, [[0.0, 0.25, 1.0]] * 2, atol=1e-5)
    np.testing.assert_array_equal(trips, after.round_trips)


def test_a_round_trip_is_made_where_a_replica_is_back_from_the_other_end():
    """Two replicas by hand; the second chain never changes places."""
    swapped, staying = np.array([[1, 0], [0, 1]]), np.array([[0, 0], [1, 1]])
    state, sampler, trips = started(2, rows=2), Tempered(2), []
    for source in (staying, swapped, staying, swapped):
        state = moved(state, [0.0], source, sampler)
        trips.append(state.round_trips.numpy().tolist())
        np.testing.assert_array_equal(state.directions, [[1, 1], [2, 2]])
    # One chain changes places in the second step and in the fourth.
    assert trips == [[0, 0], [1, 0], [1, 0], [2, 0]]
    # Half of the chains arrived in two of the steps.
    rate = 0.0
    for arrived in (0.0, 0.5, 0.0, 0.5):
        rate += 0.01 * (arrived - rate)
    assert float(state.trip_rate) == pytest.approx(rate, rel=1e-5)


def test_a_replica_carries_the_end_that_it_has_visited():
    """From the hot end up the ladder, one place in each step."""
    state = moved(started(1), [0.0] * 3, STAYING[:, :1])
    np.testing.assert_array_equal(state.directions[:, 0], [1, 0, 0, 2])
    for source, directions, trips in (
        ([0, 1, 3, 2], [1, 0, 2, 2], 0),
        ([0, 2, 1, 3], [1, 2, 0, 2], 0),
        ([1, 0, 2, 3], [1, 1, 0, 2], 1),
    ):
        state = moved(state, [0.0] * 3, np.array(source)[:, None])
        np.testing.assert_array_equal(state.directions[:, 0], directions)
        assert float(state.round_trips[0]) == trips


def test_round_trips_are_those_of_the_replicas_followed_one_by_one():
    sampler, chains = Tempered(4), 3
    state = sampler.init(MACHINE, tf.zeros((chains, 5)), BASE)
    # Each replica has a name, and the exchanges are made again by hand.
    ends = np.zeros((4, chains), int)
    trips = np.zeros(chains)

    @tf.function(autograph=False)
    def step(state, stream):
        *_, source = tempering.sweep(
            BASE, MACHINE, state.betas, state.v, state.parity, stream
        )
        return source, sampler.step(MACHINE, state, stream)[0]

    for sweep in range(60):
        here = random.fold_in(random.stream(3), sweep)
        source, state = step(state, here)
        ends = np.take_along_axis(ends, source.numpy(), axis=0)
        trips += ends[0] == 2
        ends[0], ends[-1] = 1, 2
    ladder = sampler.ladder(state)
    np.testing.assert_array_equal(ladder.round_trips, trips)
    assert trips.sum() > 5
    assert ladder.swap_rates.shape == (chains, 3)
    assert Gibbs().ladder(Gibbs().init(MACHINE, state.v)) is None


def test_without_coupling_replicas_travel_freely():
    free = MACHINE._replace(kernel=tf.zeros((5, 4)))
    base = machine_lib.decouple(free, np.full(5, 0.5))
    sampler = Tempered(4, adaptation=0.0)
    state = sampler.init(free, tf.zeros((2, 5)), base)
    # The same machine at both ends: all exchanges are accepted.
    state = state._replace(
        base_params=(free.visible_params, free.hidden_params)
    )
    step = tf.function(sampler.step, autograph=False)
    for sweep in range(100):
        here = random.fold_in(random.stream(3), sweep)
        state, _ = step(free, state, here)
    # Half of a sweep each: the first arrives after three sweeps.
    expected = 100 * tempering.free_trip_rate(np.ones(3), np)
    np.testing.assert_allclose(state.round_trips, expected, atol=2)


def test_all_but_the_number_of_round_trips_is_kept():
    state = started(2)._replace(
        v=tf.constant(data(8)),
        swap_rates=tf.constant([0.1, 0.2, 0.3]),
        parity=tf.constant(1),
        directions=tf.constant([[1, 1], [2, 0], [0, 2], [2, 2]]),
        round_trips=tf.constant([3.0, 4.0]),
        trip_rate=tf.constant(0.25),
    )
    sampler = Tempered(4)
    kept = samplers.LadderSampler.pack(sampler, state)
    described = samplers.LadderSampler.kept(sampler, 2, 5, 4)
    assert kept.keys() == described.keys()
    for name, value in kept.items():
        shape, axis = described[name].shape, described[name].chains_axis
        assert tuple(value.shape) == shape
        assert axis is None or shape[axis] == 2
        assert described[name].dtype in ("float32", "int64")
    # Kept in variables of these dtypes.
    kept = {k: tf.cast(x, described[k].dtype) for k, x in kept.items()}
    np.testing.assert_array_equal(
        sampler.particles(MACHINE, kept, random.stream(0)), data(8)[:2]
    )
    wide = machine_lib.cast(MACHINE, "float64")
    assert sampler.particles(wide, kept, random.stream(0)).dtype == "float64"
    again = sampler.unpacked(MACHINE, kept)
    np.testing.assert_array_equal(again.pop("round_trips"), [0, 0])
    for name, value in again.items():
        np.testing.assert_array_equal(value, getattr(state, name))
        assert value.dtype == getattr(state, name).dtype


def test_all_chains_share_the_rates_and_count_their_own_round_trips():
    state = started(3)._replace(
        swap_rates=tf.constant([0.1, 0.2, 0.3]),
        round_trips=tf.constant([0.0, 2.0, 5.0]),
    )
    rates, trips = Tempered(4).ladder(state)
    np.testing.assert_allclose(rates, [[0.1, 0.2, 0.3]] * 3)
    np.testing.assert_array_equal(trips, [0, 2, 5])
    np.testing.assert_array_equal(Tempered(4).samples(state), data(3))


def test_betas_move_apart_where_there_are_many_swaps():
    betas = tf.constant([1.0, 0.75, 0.5, 0.25, 0.0])
    kept = {"betas": betas, "swap_rates": tf.constant([0.9, 0.5, 0.5, 0.1])}
    assert adapted(kept, 0.0) is kept
    found = adapted(kept, 0.1)
    assert found["swap_rates"] is kept["swap_rates"]
    gaps = -np.diff(found["betas"])
    assert gaps.sum() == pytest.approx(1.0)
    # By the gain times the difference of the rates.
    np.testing.assert_allclose(
        gaps / gaps[1], np.exp([0.04, 0.0, 0.0, -0.04]), rtol=1e-5
    )
