"""Long runs: samples, films and means, in blocks and in parts of the chains."""

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Gaussian, Gibbs, Tempered, devices, random, samplers
from keras_rbm import machine as machine_lib
from keras_rbm.models import sampling
from keras_rbm.samplers import long_runs
from tests import eager
from tests.hostile import HUGE
from tests.machines import data, machine, rbm, rounding
from tests.oracle import Oracle

PLAIN = Oracle.draw(5, 4, seed=1)
ORACLE = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.8)
MACHINE = machine(PLAIN)
BASE = machine_lib.decouple(MACHINE, np.linspace(0.2, 0.7, 5, dtype="float32"))
STREAM = random.stream(3)
V = tf.constant(data(6))
MASK = np.array([False, True, False, True, False])
SAMPLERS = [Gibbs(), Tempered(3)]
# Not tuned, which would take hundreds of sweeps.
FIXED = [Gibbs(), Tempered(3, adaptation=0.0)]


@pytest.fixture(scope="module")
def model():
    return rbm(ORACLE)


def by_hand(sampler, num_sweeps, clamp=None):
    """A list of (state, info), one pair for each step."""
    state, found = sampler.init(MACHINE, V, BASE), []
    for i in range(num_sweeps):
        here = random.fold_in(STREAM, i)
        state, info = sampler.step(MACHINE, state, here, clamp)
        found.append((state, info))
    return found


@pytest.mark.parametrize("sampler", FIXED)
def test_samples_are_those_after_so_many_steps(sampler):
    clamp = samplers.Clamp(tf.constant(MASK), 1 - V)
    steps = by_hand(sampler, 5, clamp)
    with eager.functions():
        last, film = (
            samplers.sample(
                sampler, MACHINE, V, STREAM, 5, BASE, clamp, every, verbose=0
            )
            for every in (None, 2)
        )
    np.testing.assert_array_equal(last, sampler.samples(steps[4][0]))
    # The fifth sweep is part of no frame.
    np.testing.assert_array_equal(
        film, [sampler.samples(steps[i][0]) for i in (1, 3)]
    )
    assert (film[0] != film[1]).numpy().any()


@pytest.mark.parametrize(
    ("sampler", "blocks"), [(FIXED[0], 1), (FIXED[0], 100), (FIXED[1], 2)]
)
def test_a_watched_run_is_seen_halfway_and_at_its_end(
    sampler, blocks, monkeypatch
):
    monkeypatch.setattr(long_runs, "_WORK", blocks * long_runs._LEAST)
    steps = by_hand(sampler, 7)
    with eager.functions():
        found = samplers.watched_sample(
            sampler, MACHINE, V, STREAM, 7, BASE, verbose=0
        )
    end, halfway = steps[6][0], steps[2][0]
    np.testing.assert_array_equal(found.v, sampler.samples(end))
    np.testing.assert_array_equal(found.halfway, sampler.samples(halfway))
    start = sampler.init(MACHINE, tf.constant(V), BASE)
    ladder = sampler.ladder_of_run(start, end, 7)
    if ladder is None:
        assert found.ladder is None
    else:
        tf.nest.map_structure(np.testing.assert_allclose, found.ladder, ladder)


@pytest.mark.parametrize("num_sweeps", [1, 4])
def test_means_of_clamped_chains_are_those_given_their_hidden_states(
    num_sweeps,
):
    clamp = samplers.Clamp(tf.constant(MASK), 1 - V)
    steps = by_hand(Gibbs(), num_sweeps, clamp)[num_sweeps // 2 :]
    means = [PLAIN.visible_mean(info.h.numpy()) for _, info in steps]
    with eager.functions():
        found = samplers.average_visible(
            Gibbs(), MACHINE, V, STREAM, num_sweeps, BASE, clamp, verbose=0
        )
    np.testing.assert_allclose(found, np.mean(means, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("sampler", "first"), [(FIXED[0], [0, 0, 7, 7, 7, 2]), (FIXED[1], 4)]
)
def test_parts_of_the_chains_draw_what_they_draw_among_all(
    sampler, first, monkeypatch
):
    """As devices do, with the clamp and the addresses of their chains."""
    mask = np.random.default_rng(0).random((6, 5)) < 0.4
    clamp = samplers.Clamp(tf.constant(mask), 1 - V)
    stream = STREAM._replace(first_row=tf.constant(first, "int32"))

    def runs():
        # A replica needs three sweeps to reach the other end and return.
        given = sampler, MACHINE, V, stream, 6, BASE
        film = samplers.sample(*given, clamp, 1, verbose=0)
        means = samplers.average_visible(*given, clamp, verbose=0)
        seen = samplers.watched_sample(*given, verbose=0)
        trips = seen.ladder.round_trips if seen.ladder else seen.v
        return film, means, seen.v, seen.halfway, trips

    with eager.functions():
        whole = runs()
        assert np.asarray(whole[-1]).any()
        monkeypatch.setattr(
            devices,
            "by_rows",
            lambda function, count: tf.nest.map_structure(
                lambda *parts: np.concatenate(parts),
                *(function(0, 1), function(1, 3), function(4, count - 4)),
            ),
        )
        parts = runs()
    for x, y in zip(parts, whole, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-6)


@pytest.mark.parametrize(
    ("sampler", "blocks"), [(FIXED[0], (1, 2, 3)), (FIXED[1], (1, 2))]
)
def test_neither_blocks_nor_frames_change_a_draw(
    model, monkeypatch, sampler, blocks
):
    whole = model.sample(4, 7, seed=1, sampler=sampler)
    film = model.sample(4, 7, seed=1, sampler=sampler, every=1)
    assert film.shape == (7, 4, 5)
    np.testing.assert_array_equal(film[-1], whole)
    for block in blocks:
        work = max(4 * 20 * sampler.rows, long_runs._LEAST)
        monkeypatch.setattr(long_runs, "_WORK", block * work)
        for every in (1, 3, 5, 7):
            part = model.sample(4, 7, seed=1, sampler=sampler, every=every)
            np.testing.assert_array_equal(part, film[every - 1 :: every])
        np.testing.assert_array_equal(
            model.sample(4, 7, seed=1, sampler=sampler), whole
        )


def test_long_runs_show_their_progress(model, monkeypatch, capsys):
    monkeypatch.setattr("keras_rbm.progress_bar._PATIENCE", 0.0)
    monkeypatch.setattr(long_runs, "_WORK", long_runs._LEAST)
    model.sample(4, 7, verbose=1)
    told = capsys.readouterr().out
    assert "Sampling" in told
    assert "28/28" in told
    model.sample(4, 7, verbose=0)
    assert not capsys.readouterr().out


def test_another_number_of_sweeps_is_not_compiled_anew(model):
    count = long_runs._frames.experimental_get_tracing_count
    model.sample(4, 7)
    model.sample(4, 7, sampler=Tempered(3))
    before = count()
    without_inputs = sampling._without_inputs.experimental_get_tracing_count
    starts_before = without_inputs()
    model.sample(4, 9, seed=3, inverse_temperature=0.7)
    model.sample(4, 9, start=data(4))
    # Another object, which compares the same.
    model.sample(4, 9, sampler=Tempered(3))
    assert count() == before
    assert without_inputs() == starts_before
    model.sample(4, 9, sampler=Tempered(4))
    assert count() == before + 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_blocks_change_no_mean(model, monkeypatch, sampler):
    v = data(4)
    whole = model.denoise(v, 7, seed=1, sampler=sampler)
    count = long_runs._sums.experimental_get_tracing_count
    before = count()
    for block in (1, 2, 3, 5):
        work = max(4 * 20 * sampler.rows, long_runs._LEAST)
        monkeypatch.setattr(long_runs, "_WORK", block * work)
        np.testing.assert_array_equal(
            model.denoise(v, 7, seed=1, sampler=sampler), whole
        )
    # Nor is another number of sweeps compiled anew.
    assert (model.denoise(v, 8, seed=1, sampler=sampler) != whole).numpy().any()
    assert count() == before


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_means_are_of_the_hidden_states_of_the_later_half(model, sampler):
    """The loop by hand: of 7 sweeps, the last 4 count."""
    v, machine = data(4), model.machine()
    stream = sampling.stream(1, random.Use.DENOISE)
    base = machine_lib.decouple(machine, model.data_mean, model.data_variance)
    state, total = sampler.init(machine, tf.constant(v), base), 0.0
    state = sampler.tune(machine, state, stream)
    for i in range(7):
        here = random.fold_in(stream, i)
        state, info = sampler.step(machine, state, here)
        if i >= 3:
            total += machine_lib.visible_mean(machine, info.h)
    np.testing.assert_allclose(
        model.denoise(v, 7, seed=1, sampler=sampler),
        total / 4,
        atol=rounding("float32", 1.0, 8),
    )


def test_means_show_their_progress(model, monkeypatch, capsys):
    monkeypatch.setattr("keras_rbm.progress_bar._PATIENCE", 0.0)
    monkeypatch.setattr(long_runs, "_WORK", long_runs._LEAST)
    mask = np.arange(5) < 2
    for predict in (
        lambda verbose: model.denoise(data(4), 7, verbose=verbose),
        lambda verbose: model.predict_missing(
            data(4), mask, 7, verbose=verbose
        ),
    ):
        predict(1)
        told = capsys.readouterr().out
        assert "Averaging" in told
        assert "28/28" in told
        predict(0)
        assert not capsys.readouterr().out


def test_bad_numbers_of_sweeps_and_frames_are_refused():
    for call in (samplers.sample, samplers.average_visible):
        for number in (0, -1, 1.5, "3", None):
            with pytest.raises(ValueError, match="`num_sweeps` must be"):
                call(Gibbs(), MACHINE, V, STREAM, number)
    for every, message in (
        (0, "`every` must be a positive"),
        (1.5, "`every` must be a positive"),
        (4, "`every` must be at most `num_sweeps`"),
    ):
        with pytest.raises(ValueError, match=message):
            samplers.sample(Gibbs(), MACHINE, V, STREAM, 3, every=every)


def test_states_that_do_not_fit_into_memory_are_refused():
    huge = np.broadcast_to(np.float32(0), (HUGE, 5))

    def refused(name, call, v, *args, **options):
        with pytest.raises(ValueError, match=f"`{name}` must fit into memory"):
            call(Gibbs(), MACHINE, v, STREAM, *args, **options)

    refused("start", samplers.sample, huge, 3)
    refused("every", samplers.sample, np.zeros((1000, 5)), 2**31 - 1, every=1)
    refused("sampler", samplers.average_visible, huge, 3)
    refused("sampler", samplers.watched_sample, huge, 3)


def test_chains_that_grow_without_bound_are_refused():
    """Each sweep is 9 times as far, beyond what float32 can hold."""
    params = {"bias": tf.zeros(2), "precision": tf.ones(2)}
    steep = machine_lib.Machine(
        Gaussian(2), Gaussian(2), 3 * tf.eye(2), params, params
    )
    v = tf.constant([[1e37, 0.0], [0.0, 0.0]])
    for call in (
        samplers.sample,
        samplers.watched_sample,
        samplers.average_visible,
    ):
        with (
            eager.functions(),
            pytest.raises(ValueError, match=r"must stay finite.* are NaN or"),
        ):
            call(Gibbs(), steep, v, STREAM, 4, verbose=0)
