import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_rbm import (
    Gibbs,
    Tempered,
    TrajectoryTempering,
    gibbs,
    random,
    samplers,
)
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


@compiled
def run(sampler, machine, state, stream, num_sweeps, first, clamp=None):
    """The state after the sweeps; one program serves all tensors of a shape."""
    state, _ = samplers.run(
        sampler, machine, state, stream, num_sweeps, first, clamp
    )
    return state


def stream_of(seed, first_row=0):
    """A stream whose first row is a tensor, so that `run` serves any."""
    return random.stream(seed)._replace(first_row=tf.constant(first_row))


def started(sampler, rows):
    """The state of replicas that are at these rows."""
    rows = tf.convert_to_tensor(rows)
    state = sampler.init(MACHINE, rows[: len(rows) // sampler.rows], BASE)
    return state._replace(v=rows)


def annealed(beta):
    """The oracle on the way from the base (0) to the machine (1)."""
    bias = np.log(MEAN) - np.log1p(-MEAN)
    return Oracle(
        1.5 * beta * ORACLE.kernel,
        (1 - beta) * bias + 1.5 * beta * ORACLE.visible_bias,
        1.5 * beta * ORACLE.hidden_bias,
    )


# Of the same laws as the replicas of `Tempered(3)`.
SAMPLERS = [
    Gibbs(),
    Tempered(3),
    TrajectoryTempering([machine(annealed(beta)) for beta in (0.0, 0.5)]),
]
NAMES = [type(sampler).__name__ for sampler in SAMPLERS]


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


@pytest.mark.parametrize("sampler", SAMPLERS, ids=NAMES)
def test_sweeps_leave_the_laws_unchanged(sampler):
    expected = laws(sampler)
    start = draw(expected)
    for num_sweeps in (1, 4):
        state = run(
            sampler,
            MACHINE,
            started(sampler, start),
            stream_of(1),
            tf.constant(num_sweeps),
            tf.constant(0),
        )
        moved = state.v
        for rows, law in zip(
            np.split(moved.numpy(), len(expected)), expected, strict=True
        ):
            assert_law(rows, law)
        assert (moved != start).numpy().any(axis=1).mean() > 0.1
    np.testing.assert_array_equal(sampler.samples(state), moved[:CHAINS])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=NAMES)
def test_sweeps_leave_the_law_of_the_free_given_the_held_unchanged(sampler):
    values = np.array([1.0, 0.0])
    expected = laws(sampler, HELD, values)
    start = draw(expected)
    clamp = samplers.Clamp(tf.constant(HELD), start[:CHAINS])
    for num_sweeps in (1, 4):
        moved = run(
            sampler,
            MACHINE,
            started(sampler, start),
            stream_of(1),
            tf.constant(num_sweeps),
            tf.constant(0),
            clamp,
        ).v.numpy()
        assert (moved[:, HELD] == values).all()
        for rows, law in zip(
            np.split(moved, len(expected)), expected, strict=True
        ):
            assert_law(rows, law)
    # The check can fail: the base's law is another.
    other = law_given(annealed(0.0), HELD, values)
    floor = total_variation_floor(other, CHAINS)
    assert total_variation(moved[:CHAINS], other) > 4 * floor


def test_a_replica_without_rows_clamps_nothing():
    clamp = samplers.Clamp(tf.zeros((0, 5), bool), tf.zeros((0, 5)))
    assert clamp.hold(tf.zeros((0, 5))).shape == (0, 5)


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
        MACHINE,
        sampler.init(MACHINE, tf.constant(chains), BASE),
        stream_of(3),
        tf.constant(60),
        tf.constant(0),
        clamp,
    )
    for rows, mask, value in zip(
        np.split(sampler.samples(moved).numpy(), 2), masks, values, strict=True
    ):
        assert_law(rows, law_given(ORACLE, mask, value[mask]))
    part = clamp.of_rows(slice(half, None))
    np.testing.assert_array_equal(part.mask[0], masks[1])
    np.testing.assert_array_equal(part.values, chains[half:])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=NAMES)
def test_parts_of_a_run_and_of_the_chains_are_the_same(sampler):
    """Alone, the last chains draw what they draw among all.

    They are many: a wrong draw of a move shows in few of them, and the sweeps
    that follow bring most of these back.
    """
    start = draw(laws(Gibbs()))

    def part(state, num_sweeps, first, first_row=0):
        return run(
            sampler,
            MACHINE,
            state,
            stream_of(2, first_row),
            tf.constant(num_sweeps),
            tf.constant(first),
        )

    state = sampler.init(MACHINE, start, BASE)
    whole, begin = part(state, 7, 0), part(state, 3, 0)
    assert (begin.v != whole.v).numpy().any()
    rest = part(begin, 4, 3)
    tf.nest.map_structure(np.testing.assert_array_equal, rest, whole)
    first = CHAINS - 1000
    alone = part(sampler.init(MACHINE, start[first:], BASE), 3, 0, first)
    np.testing.assert_array_equal(
        sampler.samples(alone), sampler.samples(begin)[first:]
    )


@pytest.mark.parametrize("sampler", SAMPLERS, ids=NAMES)
def test_run_makes_the_steps_and_shows_them(sampler):
    """A loop of `step` by hand, eagerly, is the same as `run`."""
    stream, v = random.stream(4), draw(laws(Gibbs()))[:9]
    state, means = sampler.init(MACHINE, v, BASE), []
    for i in range(3):
        before = sampler.samples(state)
        here = random.fold_in(stream, i + 2)
        state, info = sampler.step(MACHINE, state, here)
        assert info.h.shape == (9, 4)
        means.append([before.numpy().mean(), info.h.numpy().mean()])

    def observe(i, before, info, after, seen):
        row = tf.stack(
            [
                tf.reduce_mean(sampler.samples(before)),
                tf.reduce_mean(info.h),
            ]
        )
        return ops.slice_update(seen, (i, 0), row[None])

    moved, seen = samplers.run(
        sampler,
        MACHINE,
        sampler.init(MACHINE, v, BASE),
        stream,
        3,
        first=2,
        observe=observe,
        seen=tf.zeros((3, 2)),
    )
    tf.nest.map_structure(np.testing.assert_array_equal, moved, state)
    np.testing.assert_allclose(seen, means, rtol=1e-6)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=NAMES)
def test_v_is_drawn_from_the_hidden_states_of_the_info(sampler):
    """E[v | h] of what `Info` shows has the mean of v: Rao-Blackwell."""
    start = draw(laws(sampler))
    state, info = sampler.step(
        MACHINE, started(sampler, start), random.stream(5)
    )
    means = machine_lib.visible_mean(MACHINE, info.h).numpy()
    assert_means(means, ORACLE.p_visible @ ORACLE.visible_states)
    error = means - sampler.samples(state).numpy()
    assert_means(error, np.zeros(5))
    # Given h, the draws vary around these very means.
    assert (np.abs(error).mean(axis=0) < 0.5).all()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=NAMES)
def test_what_a_persistent_chain_keeps_gives_the_state_back(sampler):
    v = draw(laws(Gibbs()))[:6]
    state = sampler.init(MACHINE, v, BASE)
    inputs = machine_lib.hidden_inputs(MACHINE, v)
    shapes = sampler.kept(6, 5, 4)
    kept = {
        "mean": tf.constant(MEAN, tf.float32),
        "variance": tf.ones(5),
        **sampler.pack(state),
        **sampler.refresh(MACHINE, inputs, random.stream(6)),
    }
    kept = {name: kept[name] for name in shapes}
    for name, value in kept.items():
        assert tuple(value.shape) == shapes[name].shape
        axis = shapes[name].chains_axis
        assert axis is None or value.shape[axis] == 6
    particles = sampler.particles(MACHINE, kept, random.stream(7))
    assert particles.shape == (6, 5)
    again = sampler.unpack(MACHINE, kept)
    moved, _ = sampler.step(MACHINE, again, random.stream(8))
    if not isinstance(sampler, Gibbs):
        expected, _ = sampler.step(MACHINE, state, random.stream(8))
        tf.nest.map_structure(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6),
            moved,
            expected,
        )
    else:  # The half-sweep up was made when it was kept.
        h = kept["particles"]
        expected = gibbs.sample_visible(MACHINE, h, random.stream(8))
        np.testing.assert_array_equal(moved.v, expected)


def test_replicas_mix_where_gibbs_chains_do_not():
    """Two modes that no sweep leaves; their shares are known."""
    oracle = bimodal()
    target = machine(oracle)
    base = machine_lib.decouple(target, np.full(6, 0.5))
    chains, on = 1000, oracle.p_hidden[1]
    assert 0.6 < on < 0.8
    trajectory = [machine(bimodal(strength)) for strength in (0, 2, 4, 7)]
    modes = []
    for sampler in (Gibbs(), Tempered(8), TrajectoryTempering(trajectory)):
        state = run(
            sampler,
            target,
            sampler.init(target, tf.zeros((chains, 6)), base),
            random.stream(1),
            tf.constant(200),
            tf.constant(0),
        )
        modes.append(sampler.samples(state).numpy().mean(axis=1) > 0.5)
    assert not modes[0].any()
    assert_means(modes[1], on)
    assert_means(modes[2], on)
    assert (state.swap_rates.numpy() > 0.1).all()
    # Each chain has brought configurations from the one end to the other.
    assert state.round_trips.numpy().min() > 1
    rate = state.round_trips.numpy().mean() / 200
    assert 0.5 * rate < float(state.trip_rate) < 2 * rate


@pytest.mark.parametrize("sampler", [*SAMPLERS, Tempered(3, 0.2)])
def test_samplers_are_saved_by_their_arguments(sampler):
    config = keras.saving.serialize_keras_object(sampler)
    assert keras.saving.deserialize_keras_object(config) == sampler


def test_samplers_compare_by_their_arguments():
    assert Gibbs() == Gibbs() != Tempered()
    assert Tempered(3) == Tempered(3) != Tempered(4)
    assert hash(Tempered(3)) == hash(Tempered(3))
    assert repr(Tempered(3)) == "Tempered(num_betas=3, adaptation=0.01)"


def test_states_are_counted_right():
    """What `law_given` puts in order is what `total_variation` counts."""
    law = law_given(ORACLE, HELD, np.array([1.0, 0.0]))
    places = index(ORACLE.visible_states[law > 0])
    np.testing.assert_array_equal(np.flatnonzero(law), places)


def test_without_a_sampler_it_is_gibbs_sampling():
    assert samplers.get(None) == Gibbs()
    tempered = Tempered(3)
    assert samplers.get(tempered) is tempered


@pytest.mark.parametrize("value", [Gibbs, "gibbs", 3])
def test_what_is_no_sampler(value):
    with pytest.raises(ValueError, match="`sampler` must be a sampler"):
        samplers.get(value)
