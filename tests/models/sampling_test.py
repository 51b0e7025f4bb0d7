import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import PersistentChain, Tempered, TemperedChain, gibbs, random
from keras_rbm.models import sampling, starts
from tests.machines import (
    assert_law,
    data,
    rbm,
    total_variation,
    total_variation_floor,
)
from tests.oracle import Oracle

PLAIN = Oracle.draw(5, 4, seed=1)
ORACLE = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.8)


@pytest.fixture(scope="module")
def model():
    return rbm(ORACLE)


def test_samples_are_states(model):
    samples = model.sample(9, 3)
    assert samples.shape == (9, 5)
    assert samples.dtype == tf.float32
    assert np.isin(samples, [0.0, 1.0]).all()


def test_samples_follow_the_law(model):
    # So many sweeps forget the start of this machine: what is left of it
    # shrinks by the second eigenvalue of the transition at each.
    eigenvalues = np.sort(np.abs(np.linalg.eigvals(ORACLE.transition())))
    assert eigenvalues[-2] ** 60 < 1e-4
    assert_law(model.sample(50_000, 60, seed=1), ORACLE.p_visible)


@pytest.fixture(scope="module")
def slow():
    """A machine that forgets its start slowly enough to count sweeps."""
    kernel = 3 * PLAIN.kernel
    return Oracle(kernel, -kernel.sum(axis=1) / 2, -kernel.sum(axis=0) / 2)


@pytest.mark.parametrize("num_sweeps", [1, 2])
def test_samples_are_so_many_sweeps_from_the_start(slow, num_sweeps):
    count, state = 20_000, 25
    laws = [
        np.linalg.matrix_power(slow.transition(), k)[state]
        for k in (num_sweeps, num_sweeps - 1, num_sweeps + 1)
    ]
    start = np.tile(slow.visible_states[state], (count, 1)).astype("uint8")
    samples = rbm(slow).sample(num_sweeps=num_sweeps, start=start, seed=2)
    assert_law(samples, laws[0])
    for law in laws[1:]:
        floor = total_variation_floor(law, count)
        assert total_variation(samples.numpy(), law) > 4 * floor


def test_without_a_start_chains_start_from_the_visible_units_alone(model):
    alone = Oracle(np.zeros((5, 4)), PLAIN.visible_bias, np.zeros(4), 0.8)
    assert_law(
        model.sample(50_000, 1, seed=4),
        alone.p_visible @ ORACLE.transition(),
    )


def test_seeds(model):
    first, again, other = (model.sample(9, 3, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).numpy().any()
    # Another number of sweeps is another sample, of the same chains.
    longer = model.sample(9, 4, seed=1)
    assert (first != longer).numpy().any()
    start = data(9)
    np.testing.assert_array_equal(
        model.sample(start=start, num_sweeps=3, seed=1),
        model.sample(start=start, num_sweeps=3, seed=1),
    )


def test_without_a_seed_each_call_draws_others(model):
    keras.utils.set_random_seed(1)
    first, second = model.sample(20, 3), model.sample(20, 3)
    assert (first != second).numpy().any()
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(model.sample(20, 3), first)


def test_sampling_changes_nothing(model):
    before = [variable.numpy() for variable in model.variables]
    model.sample(9, 3)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_samples_are_those_of_the_current_parameters():
    model = rbm(ORACLE)
    first = model.sample(20, 3, seed=1)
    model.visible_params["bias"].assign(np.full(5, 50.0))
    np.testing.assert_array_equal(model.sample(20, 3, seed=1), np.ones((20, 5)))
    model.visible_params["bias"].assign(PLAIN.visible_bias)
    np.testing.assert_array_equal(model.sample(20, 3, seed=1), first)


@pytest.mark.parametrize("name", ["num_samples", "num_sweeps"])
@pytest.mark.parametrize("value", [0, -3, 1.5, "2", None, True])
def test_numbers_are_positive_integers(model, name, value):
    arguments = {"num_samples": 3, "num_sweeps": 2, name: value}
    if arguments["num_samples"] is None:
        with pytest.raises(
            ValueError, match="Give `num_samples`, or a `start`"
        ):
            model.sample(**arguments)
        return
    with pytest.raises(ValueError, match=f"`{name}` must be a positive"):
        model.sample(**arguments)


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, "1"])
def test_bad_seeds(model, seed):
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        model.sample(3, 2, seed=seed)


@pytest.mark.parametrize(
    "start",
    [np.zeros((3, 4)), np.zeros((0, 5)), np.full((3, 5), 2.0), [[0.0] * 5]],
)
def test_bad_starts(model, start):
    with pytest.raises(ValueError, match=r"`start` must"):
        model.sample(start=start)


def test_draws_are_those_of_gibbs_run(model):
    """As they have always been, with a seed."""
    stream = random.fold_in(random.stream(1), 2**33)
    run = tf.function(gibbs.run, jit_compile=True)
    expected = run(
        model.machine(),
        gibbs.sample_without_inputs(
            model.machine(), 9, random.fold_in(stream, 2**32)
        ),
        stream,
        tf.constant(3),
    )
    np.testing.assert_array_equal(model.sample(9, 3, seed=1), expected)


@pytest.mark.parametrize("sampler", [None, Tempered(3)])
def test_neither_blocks_nor_frames_change_a_draw(model, monkeypatch, sampler):
    whole = model.sample(4, 7, seed=1, sampler=sampler)
    film = model.sample(4, 7, seed=1, sampler=sampler, every=1)
    assert film.shape == (7, 4, 5)
    np.testing.assert_array_equal(film[-1], whole)
    for block in (1, 2, 3):
        work = max(4 * 20 * (sampler.rows if sampler else 1), sampling._LEAST)
        monkeypatch.setattr(sampling, "_WORK", block * work)
        for every in (1, 2, 3, 5, 7):
            part = model.sample(4, 7, seed=1, sampler=sampler, every=every)
            np.testing.assert_array_equal(part, film[every - 1 :: every])
        np.testing.assert_array_equal(
            model.sample(4, 7, seed=1, sampler=sampler), whole
        )


def test_long_runs_show_their_progress(model, monkeypatch, capsys):
    monkeypatch.setattr("keras_rbm.progress_bar._PATIENCE", 0.0)
    monkeypatch.setattr(sampling, "_WORK", sampling._LEAST)
    model.sample(4, 7, verbose=1)
    told = capsys.readouterr().out
    assert "Sampling" in told
    assert "28/28" in told
    model.sample(4, 7, verbose=0)
    assert not capsys.readouterr().out


def test_another_number_of_sweeps_is_not_compiled_anew(model):
    count = sampling._advance.experimental_get_tracing_count
    model.sample(4, 7)
    model.sample(4, 7, sampler=Tempered(3))
    before = count()
    starts_before = starts._without_inputs.experimental_get_tracing_count()
    model.sample(4, 9, seed=3, inverse_temperature=0.7)
    model.sample(4, 9, start=data(4))
    # Another object, which compares the same.
    model.sample(4, 9, sampler=Tempered(3))
    assert count() == before
    assert (
        starts._without_inputs.experimental_get_tracing_count() == starts_before
    )
    model.sample(4, 9, sampler=Tempered(4))
    assert count() == before + 1


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_inverse_temperature_multiplies_that_of_the_model(model, factor):
    expected = Oracle(
        PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.8 * factor
    )
    eigenvalues = np.sort(np.abs(np.linalg.eigvals(expected.transition())))
    assert eigenvalues[-2] ** 60 < 1e-3
    samples = model.sample(50_000, 60, inverse_temperature=factor, seed=1)
    assert_law(samples, expected.p_visible)
    floor = total_variation_floor(ORACLE.p_visible, 50_000)
    assert total_variation(samples.numpy(), ORACLE.p_visible) > 4 * floor


HELD = np.array([False, True, False, True, False])


def law_given(state):
    law = ORACLE.p_visible * (
        ORACLE.visible_states[:, HELD] == state[HELD]
    ).all(axis=1)
    return law / law.sum()


@pytest.mark.parametrize("sampler", [None, Tempered(3)])
def test_what_is_not_held_is_drawn_given_what_is(model, sampler):
    state = np.array([0, 1, 0, 0, 0], "float32")
    samples = model.sample(
        num_sweeps=30,
        start=np.tile(state, (20_000, 1)),
        clamp=HELD,
        seed=1,
        sampler=sampler,
    )
    assert_law(samples, law_given(state))


def test_held_entries_never_change_to_the_bit(model):
    rng = np.random.default_rng(0)
    start = rng.random((9, 5))
    assert (start != start.astype("float32")).any()
    for mask in (HELD, rng.random((9, 5)) < 0.5):
        where = np.broadcast_to(mask, start.shape)
        for every in (None, 3):
            samples = model.sample(
                num_sweeps=6, start=start, clamp=mask, every=every
            )
            last = samples.numpy().reshape(-1, 9, 5)
            for frame in last:
                assert (frame[where] == start[where]).all()
                assert np.isin(frame[~where], [0.0, 1.0]).all()
    whole = model.sample(num_sweeps=2, start=start, clamp=np.full(5, True))
    np.testing.assert_array_equal(whole, start)
    free = model.sample(num_sweeps=2, start=start, clamp=~np.full(5, True))
    assert np.isin(free, [0.0, 1.0]).all()
    small = model.sample(num_sweeps=2, start=data(9), clamp=HELD)
    assert small.dtype == tf.float32


@pytest.mark.parametrize("chain", [PersistentChain(6), TemperedChain(6, 3)])
def test_chains_start_from_the_fantasy_particles(chain):
    model = rbm(ORACLE, chain=chain)
    particles = model.fantasy_particles
    expected = model.sample(start=particles, num_sweeps=2, seed=1)
    assert expected.shape == (6, 5)
    for count in (None, 6, 4):
        samples = model.sample(count, 2, start="chains", seed=1)
        np.testing.assert_array_equal(samples, expected[:count])
    with pytest.raises(ValueError, match=r"`num_samples` must be at most .* 6"):
        model.sample(7, start="chains")


def test_where_no_particles_are_kept_the_error_says_so(model):
    with pytest.raises(ValueError, match="chain=ContrastiveDivergence"):
        model.sample(start="chains")
    with pytest.raises(ValueError, match=r"`start` .* start='data'"):
        model.sample(start="data")


def test_as_many_samples_of_a_start(model):
    start = data(9)
    np.testing.assert_array_equal(
        model.sample(4, 3, start=start, seed=1),
        model.sample(num_sweeps=3, start=start[:4], seed=1),
    )
    with pytest.raises(ValueError, match="`num_samples` must be at most"):
        model.sample(10, start=start)


def test_masks_may_be_lists(model):
    start = data(2)
    for mask in (HELD, np.array([HELD, ~HELD])):
        first, again, other = (
            model.sample(start=start, num_sweeps=3, clamp=m, seed=1)
            for m in (mask, mask.tolist(), tuple(mask))
        )
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(first, other)
    np.testing.assert_array_equal(
        model.inpaint(start, HELD.tolist(), 3, seed=1),
        model.inpaint(start, HELD, 3, seed=1),
    )


BAD_MASKS = [
    [1.0] * 5,
    [True] * 4,
    [[True] * 5, [True] * 4],
    [],
    np.ones(5),
    np.ones(4, bool),
    np.ones((8, 5), bool),
    np.ones((5, 9), bool),
    np.ma.masked_array(np.ones(5, bool)),
    "all",
    True,
]


@pytest.mark.parametrize("mask", BAD_MASKS)
def test_bad_masks(model, mask):
    with pytest.raises(ValueError, match="`clamp` must be a boolean array"):
        model.sample(start=data(9), clamp=mask)
    for method in (model.inpaint, model.predict_missing, model.conditional):
        with pytest.raises(ValueError, match="`mask` must be a boolean array"):
            method(data(9), mask)


def test_bad_arguments(model):
    with pytest.raises(ValueError, match="`clamp` needs a `start`"):
        model.sample(3, clamp=HELD)
    with pytest.raises(ValueError, match="`every` must be at most"):
        model.sample(3, 10, every=11)
    with pytest.raises(ValueError, match="`every` must be a positive"):
        model.sample(3, 10, every=0)
    with pytest.raises(ValueError, match="`sampler` must be"):
        model.sample(3, 10, sampler="tempered")
    with pytest.raises(ValueError, match="`verbose` must be"):
        model.sample(3, 10, verbose="no")
    with pytest.raises(ValueError, match="`every` must fit into memory"):
        model.sample(2**20, 2**30, every=1)
    for factor in (0, -1.0, np.inf, np.nan, "2", None):
        with pytest.raises(ValueError, match="`inverse_temperature` must be"):
            model.sample(3, 10, inverse_temperature=factor)


def test_a_diverged_model_draws_nothing():
    model = rbm(ORACLE)
    model.hidden_params["bias"].assign(np.full(4, np.nan))
    v, h = data(9), np.zeros((9, 4))
    for action in (
        lambda: model.sample(3),
        lambda: model.sample_hidden(v),
        lambda: model.sample_visible(h),
        lambda: model.reconstruct(v),
        lambda: model.denoise(v),
        lambda: model.inpaint(v, HELD),
        lambda: model.predict_missing(v, HELD),
        lambda: model.conditional(v, HELD),
    ):
        with pytest.raises(ValueError, match="must have finite parameters"):
            action()
