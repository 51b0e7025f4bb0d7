"""Samples, predictions and completions of a model, against enumeration."""

import contextlib
import itertools
import math
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    Gaussian,
    NoisyReLU,
    PersistentChain,
    Softmax,
    Spin,
    Tempered,
    gibbs,
    random,
)
from keras_rbm.constraints import SpectralBound
from keras_rbm.models import missing
from keras_rbm.units import Composite
from tests.machines import (
    assert_law,
    assert_means,
    data,
    rbm,
    rounding,
    sweeps,
    total_variation,
    total_variation_floor,
)
from tests.oracle import Oracle, all_states, index, log_sum_exp

PLAIN = Oracle.draw(5, 4, seed=1)

ORACLE = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.8)
# Its betas are not tuned, which would compile another program.
FIXED = Tempered(3, adaptation=0.0)


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
    run = tf.function(sweeps, jit_compile=True)
    expected = run(
        model.machine(),
        gibbs.sample_without_inputs(
            model.machine(), 9, random.fold_in(stream, 2**32)
        ),
        stream,
        tf.constant(3),
    )
    np.testing.assert_array_equal(model.sample(9, 3, seed=1), expected)


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


@pytest.mark.parametrize(
    "chain", [PersistentChain(6), PersistentChain(6, sampler=Tempered(3))]
)
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


def test_where_no_particles_are_kept_the_error_says_so():
    model = rbm(ORACLE, chain=ContrastiveDivergence())
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


# Draws given a part: hidden units, visible units, missing entries.


MISSING = np.array([True, False, True, True, False])

COUNT = 20_000


def test_draws_of_the_hidden_units(model):
    v = np.tile(np.float32([1, 0, 0, 1, 1]), (COUNT, 1))
    h = model.sample_hidden(v, seed=1)
    assert h.shape == (COUNT, 4)
    assert_law(h, ORACLE.p_hidden_given(v[:1])[0])


def test_draws_of_the_visible_units(model):
    h = np.tile(np.float32([1, 0, 0, 1]), (COUNT, 1))
    v = model.sample_visible(h, seed=1)
    assert v.shape == (COUNT, 5)
    assert_law(v, ORACLE.p_visible_given(h[:1])[0])


def test_a_reconstruction_is_a_draw_so_many_sweeps_on(model):
    state = 25
    v = np.tile(ORACLE.visible_states[state], (COUNT, 1)).astype("uint8")
    for num_sweeps in (1, 2):
        law = np.linalg.matrix_power(ORACLE.transition(), num_sweeps)[state]
        drawn = model.reconstruct(v, num_sweeps, seed=1)
        assert_law(drawn, law)
    np.testing.assert_array_equal(
        model.reconstruct(v, 2, inverse_temperature=2.0, seed=1),
        model.sample(num_sweeps=2, start=v, inverse_temperature=2.0, seed=1),
    )


def test_seeds_of_draws(model):
    v, h = data(40), data(40, width=4)
    for draw in (
        lambda seed: model.sample_hidden(v, seed),
        lambda seed: model.sample_visible(h, seed),
        lambda seed: model.reconstruct(v, seed=seed),
        lambda seed: model.inpaint(v, MISSING, 3, seed),
    ):
        first, again, other, one, two = map(draw, (1, 1, 2, None, None))
        np.testing.assert_array_equal(first, again)
        assert (first != other).numpy().any()
        assert (one != two).numpy().any()
    # Draws of the sides are not the same numbers.
    wide = RBM(40, 40, seed=0)
    hidden = wide.sample_hidden(np.zeros((2, 40)), seed=1)
    visible = wide.sample_visible(np.zeros((2, 40)), seed=1)
    assert (hidden != visible).numpy().any()


@pytest.mark.parametrize("sampler", [None, Tempered(3)])
def test_inpainting_draws_what_is_missing_given_the_rest(model, sampler):
    v = np.tile(np.float32([0, 1, 0, 0, 1]), (COUNT, 1))
    drawn = model.inpaint(v, MISSING, 30, seed=1, sampler=sampler)
    agrees = (ORACLE.visible_states == v[0])[:, ~MISSING].all(axis=1)
    law = ORACLE.p_visible * agrees
    assert_law(drawn, law / law.sum())


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "uint8", "int64", "bool"]
)
@pytest.mark.parametrize("rows", [False, True])
def test_what_is_known_never_changes_to_the_bit(model, dtype, rows):
    rng = np.random.default_rng(0)
    v = rng.random((9, 5)) if "float" in dtype else data(9)
    v = v.astype(dtype)
    mask = rng.random((9, 5)) < 0.5 if rows else MISSING
    known = ~np.broadcast_to(mask, v.shape)
    for x in (v, tf.constant(v)):
        drawn = model.inpaint(x, mask, 3, seed=1).numpy()
        assert (drawn[known] == v[known]).all()
        assert np.isin(drawn[~known], [0.0, 1.0]).all()
    nothing = np.zeros(5, bool)
    np.testing.assert_array_equal(model.inpaint(v, nothing, 3), v)


def test_what_is_missing_is_not_looked_at(model):
    v = data(9)
    expected = model.inpaint(v, MISSING, 3, seed=1)
    for value in (0.0, 1.0, 17.0, np.nan, -np.inf):
        other = np.where(MISSING, value, v)
        np.testing.assert_array_equal(
            model.inpaint(other, MISSING, 3, seed=1), expected
        )
    # With everything missing, it is a sample of the model.
    nowhere = model.inpaint(np.full((9, 5), np.nan), ~np.zeros(5, bool), 3, 1)
    np.testing.assert_array_equal(nowhere, model.sample(9, 3, seed=1))


def test_missing_is_what_is_nan_where_there_is_no_mask(model):
    v = np.where(MISSING, np.nan, data(9))
    for method in (model.inpaint, model.predict_missing):
        np.testing.assert_array_equal(
            method(v, num_sweeps=3, seed=1), method(v, MISSING, 3, seed=1)
        )
    for mask in (None, np.tile(MISSING, (9, 1))):
        found = model.conditional(v, mask)
        for x, y in zip(found, model.conditional(v, MISSING), strict=True):
            np.testing.assert_array_equal(x, y)
    # Of integers nothing is missing.
    np.testing.assert_array_equal(model.inpaint(np.uint8(data(9))), data(9))
    v[0, MISSING] = 0
    with pytest.raises(ValueError, match="the same in all examples"):
        model.conditional(v)


def test_methods_without_holes_say_what_fills_them(model):
    v = np.where(MISSING, np.nan, data(9))
    for method in (model.reconstruct, model.denoise, model.sample_hidden):
        with pytest.raises(ValueError, match="by `inpaint`"):
            method(v)


def test_what_is_known_is_looked_at(model):
    for value in (np.nan, 2.0, -1.0):
        v = data(9).astype("float64")
        v[3, 1] = value
        with pytest.raises(ValueError, match=r"`v` must .*v\[3, 1\]="):
            model.inpaint(v, MISSING, 3)


@pytest.mark.parametrize(
    "v", [np.zeros((3, 4)), np.zeros((0, 5)), np.zeros(5), "v", [[0.0] * 5]]
)
def test_bad_examples(model, v):
    for method in (model.inpaint, model.predict_missing, model.conditional):
        with pytest.raises(ValueError, match="`v` must"):
            method(v, MISSING)
    for method in (model.reconstruct, model.denoise, model.sample_hidden):
        with pytest.raises(ValueError, match="`v` must"):
            method(v)
    for method in (model.sample_visible, model.predict_visible):
        with pytest.raises(ValueError, match="`h` must"):
            method(v if np.shape(v) != (3, 4) else np.zeros((3, 5)))


def test_the_law_has_no_other_states(model):
    """What is drawn are states in the order that the laws are in."""
    drawn = model.inpaint(data(40), MISSING, 3, seed=1).numpy()
    assert index(drawn).max() < len(ORACLE.p_visible)


# Predictions: means, and the law of what is missing.


# Sums of some 30 numbers, up to 20 altogether.
ERROR = rounding("float32", 20.0, 30)


def completions(v, mask):
    """Each example with all states of what is missing."""
    states = all_states(int(mask.sum()))
    rows = np.repeat(np.asarray(v, "float64")[:, None], len(states), axis=1)
    rows[:, :, mask] = states
    return rows, states


def exact(v, mask):
    """Log p(v_missing | v_known), from the oracle's energies."""
    rows, states = completions(v, mask)
    scores = np.array([-ORACLE.free_energy(example) for example in rows])
    return states, scores - log_sum_exp(scores, axis=1)[:, None]


def test_means_of_the_sides(model):
    v, h = data(9), data(9, width=4)
    np.testing.assert_allclose(
        model.predict_hidden(v), ORACLE.hidden_mean(v), atol=ERROR
    )
    np.testing.assert_array_equal(model.predict_hidden(v), model(v))
    np.testing.assert_allclose(
        model.predict_visible(h), ORACLE.visible_mean(h), atol=ERROR
    )


@pytest.mark.parametrize("blocks", [2**21, 8])
@pytest.mark.parametrize("count", [1, 7])
def test_conditional_is_that_of_the_enumeration(
    model, monkeypatch, blocks, count
):
    monkeypatch.setattr(missing, "_BLOCK_NUMBERS", 5 * blocks)
    v = np.random.default_rng(0).random((count, 5))
    found = model.conditional(v, MISSING)
    states, expected = exact(v, MISSING)
    np.testing.assert_array_equal(found.states, states)
    assert found.log_probabilities.shape == (count, 8)
    # The parameters are float32, all else is float64.
    np.testing.assert_allclose(
        found.log_probabilities, expected, atol=ERROR, rtol=0
    )
    hidden = np.where(MISSING, np.nan, v)
    np.testing.assert_array_equal(
        model.conditional(hidden, MISSING).log_probabilities,
        found.log_probabilities,
    )


def test_of_everything_it_is_the_law_of_the_model(model):
    found = model.conditional(data(1), np.ones(5, bool))
    np.testing.assert_array_equal(found.states, ORACLE.visible_states)
    np.testing.assert_allclose(
        found.log_probabilities[0], ORACLE.log_p_visible, atol=ERROR, rtol=0
    )


def test_of_nothing_it_is_certain(model):
    found = model.conditional(data(3), np.zeros(5, bool))
    assert found.states.shape == (1, 0)
    np.testing.assert_array_equal(found.log_probabilities, np.zeros((3, 1)))


def test_what_cannot_be_enumerated(model):
    wide = RBM(20, 2, kernel_initializer="zeros")
    mask = np.arange(20) < 17
    with pytest.raises(ValueError, match=r"`mask` .*mask of 17 entries"):
        wide.conditional(data(2, width=20), mask)
    assert wide.conditional(
        data(2, width=20), np.arange(20) < 3
    ).log_probabilities == pytest.approx(np.full((2, 8), -np.log(8)))
    with pytest.raises(ValueError, match=r"`mask` must have shape \(5,\)"):
        model.conditional(data(3), np.tri(3, 5, dtype=bool))


def test_missing_values_are_predicted(model):
    v = data(400)[:, :]
    mask = MISSING
    states, log_p = exact(v, mask)
    means = model.predict_missing(v, mask, 400, seed=1).numpy()
    np.testing.assert_array_equal(means[:, ~mask], v[:, ~mask])
    distance = means[:, mask] - np.exp(log_p) @ states
    # Examples draw for themselves, and so tell the error.
    error = distance.std(axis=0, ddof=1) / np.sqrt(len(v))
    assert (np.abs(distance.mean(axis=0)) < 4 * error).all()
    assert distance.std() < 0.5 / np.sqrt(200 / 10)  # Ten sweeps a draw.
    other = np.where(mask, np.nan, v.astype("float64"))
    np.testing.assert_array_equal(
        model.predict_missing(other, mask, 400, seed=1), means
    )


@pytest.mark.slow
def test_missing_values_at_another_temperature_by_another_sampler(model):
    warm = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.4)
    v = np.tile(np.float32([0, 1, 0, 0, 1]), (8000, 1))
    law = warm.p_visible * (
        warm.visible_states[:, ~MISSING] == v[0, ~MISSING]
    ).all(axis=1)
    law /= law.sum()
    expected = law @ warm.visible_states
    for sampler in (None, Tempered(3)):
        options = {
            "seed": 1,
            "sampler": sampler,
            "inverse_temperature": 0.5,
            "verbose": 0,
        }
        drawn = model.inpaint(v, MISSING, 30, **options)
        assert_law(drawn, law)
        means = model.predict_missing(v, MISSING, 60, **options).numpy()
        np.testing.assert_array_equal(means[:, ~MISSING], v[:, ~MISSING])
        error = means[:, MISSING].std(axis=0, ddof=1) / np.sqrt(len(v))
        distance = np.abs(means.mean(axis=0) - expected)[MISSING]
        assert (distance < 4 * error).all()
        # Means of 30 sweeps, of which each has less variance than a draw.
        variance = expected * (1 - expected)
        assert (means.var(axis=0) < 0.25 * variance)[MISSING].all()


def test_a_tempered_reconstruction(model):
    v = data(9)
    found = model.reconstruct(v, 3, seed=1, sampler=Tempered(3))
    np.testing.assert_array_equal(
        found, model.sample(None, 3, start=v, seed=1, sampler=Tempered(3))
    )
    assert (found != model.reconstruct(v, 3, seed=1)).numpy().any()


def denoised(v, num_sweeps, oracle=ORACLE):
    """The mean of what `denoise` gives, over all draws."""
    up = oracle.p_hidden_given(oracle.visible_states)
    means = up @ oracle.visible_mean(oracle.hidden_states)
    start = np.all(oracle.visible_states[None] == v[:, None], axis=2)
    laws = [
        start @ np.linalg.matrix_power(oracle.transition(), i)
        for i in range(num_sweeps // 2, num_sweeps)
    ]
    return np.mean([law @ means for law in laws], axis=0)


@pytest.mark.parametrize("num_sweeps", [1, 2, 5])
def test_denoising_is_the_mean_over_the_later_half(model, num_sweeps):
    v = np.repeat(data(2, seed=3), 5000, axis=0)
    found = model.denoise(v, num_sweeps, seed=1).numpy().reshape(2, 5000, 5)
    error = found.std(axis=1, ddof=1) / np.sqrt(5000)
    distance = np.abs(found.mean(axis=1) - denoised(v[::5000], num_sweeps))
    assert (distance < 4 * error).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_denoising_at_another_temperature(model):
    warm = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.4)
    v = np.repeat(data(2, seed=3), 5000, axis=0)
    found = model.denoise(v, 5, seed=1, inverse_temperature=0.5).numpy()
    expected = denoised(v[::5000], 5, warm)
    distance = found.reshape(2, 5000, 5) - expected[:, None]
    error = distance.std(axis=1, ddof=1) / np.sqrt(5000)
    assert (np.abs(distance.mean(axis=1)) < 4 * error).all()


def test_seeds_of_predictions(model):
    v = data(9)
    for predict in (
        lambda seed: model.denoise(v, 3, seed),
        lambda seed: model.predict_missing(v, MISSING, 3, seed),
    ):
        first, again, other = map(predict, (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert (first != other).numpy().any()


@pytest.mark.parametrize("num_sweeps", [0, 1.5, None])
def test_bad_numbers_of_sweeps(model, num_sweeps):
    for action in (
        lambda: model.denoise(data(3), num_sweeps),
        lambda: model.reconstruct(data(3), num_sweeps),
        lambda: model.inpaint(data(3), MISSING, num_sweeps),
        lambda: model.predict_missing(data(3), MISSING, num_sweeps),
    ):
        with pytest.raises(ValueError, match="`num_sweeps` must be a positive"):
            action()


def test_bad_arguments_of_predictions(model):
    for predict in (
        lambda **options: model.denoise(data(3), 2, **options),
        lambda **options: model.predict_missing(
            data(3), np.arange(5) < 2, 2, **options
        ),
        lambda **options: model.inpaint(
            data(3), np.arange(5) < 2, 2, **options
        ),
        lambda **options: model.reconstruct(data(3), 2, **options),
    ):
        with pytest.raises(ValueError, match="`sampler` must be"):
            predict(sampler="tempered")
        with pytest.raises(ValueError, match="`verbose` must be"):
            predict(verbose="no")
        with pytest.raises(ValueError, match="`inverse_temperature` must be"):
            predict(inverse_temperature=0)


# Units of other kinds than two states.


VISIBLE = {
    "spin": Spin(4),
    "softmax": Softmax(2, 3),
    "composite": Composite([Bernoulli(2), Softmax(1, 3)]),
}


def all_states_of(units):
    """All states of the visible units, as rows."""
    return np.array(units.joint_states(np.arange(units.num_joint_states)))


def drawn(units):
    """A model with a normal kernel and biases."""
    rng = np.random.default_rng(0)
    model = RBM(units, 3, seed=0)
    biases = model.visible_params["bias"], model.hidden_params["bias"]
    for variable in (model.kernel, *biases):
        variable.assign(0.7 * rng.normal(size=variable.shape))
    return model


def missing_of(units):
    """A mask of the last unit, and of the first where there are several."""
    mask = np.zeros(units.width, bool)
    last = units.sites[-1]
    mask[last.end - last.columns : last.end] = True
    if units.width > 2 * last.columns:
        mask[0] = True
    return mask


@pytest.mark.parametrize(
    "kind",
    [
        # Each kind's draws given its inputs are tested with the units.
        pytest.param("spin", marks=pytest.mark.slow),
        pytest.param("softmax", marks=pytest.mark.slow),
        "composite",
    ],
)
def test_what_is_missing_is_drawn_given_the_rest(kind):
    units, count = VISIBLE[kind], 20_000
    model, states = drawn(units), all_states_of(units)
    mask, row = missing_of(units), states[1]
    agrees = (states == row)[:, ~mask].all(axis=1)
    scores = -model.free_energy(states[agrees]).numpy().astype("float64")
    law = np.exp(scores - scores.max())
    law /= law.sum()
    # As `conditional` has it, whose states are in an order of their own.
    found = model.conditional(np.where(mask, np.nan, row)[None], mask)
    assert found.states.shape == (len(law), mask.sum())
    parts = states[agrees][:, mask]
    same = (found.states[:, None] == parts[None]).all(axis=2).argmax(axis=1)
    eps = np.finfo("float32").eps
    np.testing.assert_allclose(
        found.log_probabilities[0], np.log(law[same]), atol=100 * eps
    )
    for sampler in (None, FIXED):
        samples = model.inpaint(
            np.tile(row, (count, 1)), mask, 30, seed=1, sampler=sampler
        ).numpy()
        assert (samples[:, ~mask] == row[~mask]).all()
        counts = (samples[:, None] == states[agrees][None]).all(axis=2)
        assert counts.sum() == count
        error = np.sqrt(law * (1 - law) / count)
        assert (np.abs(counts.mean(axis=0) - law) < 4 * error).all()
    means = model.predict_missing(np.tile(row, (50, 1)), mask, 200, seed=1)
    expected = law @ states[agrees]
    # Examples draw for themselves, and so tell the error.
    spread = means.numpy()[:, mask].std(axis=0, ddof=1) / np.sqrt(50)
    distance = np.abs(means.numpy().mean(axis=0) - expected)[mask]
    assert (distance < 4 * spread + 100 * eps).all()


def test_a_mask_parts_no_unit():
    model = drawn(VISIBLE["softmax"])
    start = all_states_of(VISIBLE["softmax"])[:2]
    for mask in itertools.product([False, True], repeat=6):
        mask = np.array(mask)
        parts = mask.reshape(2, 3)
        if (parts.any(axis=1) == parts.all(axis=1)).all():
            continue
        with pytest.raises(ValueError, match="`mask` must take all columns"):
            model.inpaint(start, mask)
        with pytest.raises(ValueError, match="`clamp` must take all columns"):
            model.sample(start=start, clamp=mask)


def mixture(model, v, mask):
    """Mean and variance of p(v_missing | v_known), for a Gaussian side.

    A mixture over the states of h: of normal laws, with the weights p(h |
    v_known) ~ exp(<c, h> + <z, v>_known + <z^2 / (2 precision)>_missing),
    where z = b + W h.
    """
    kernel, b, precision, c = (
        np.asarray(x, "float64")
        for x in (
            model.kernel,
            *(model.visible_params[k] for k in ("bias", "precision")),
            model.hidden_params["bias"],
        )
    )
    h = np.array(list(itertools.product([0.0, 1.0], repeat=len(c))))
    z = b + h @ kernel.T
    known = z[:, ~mask] @ v[~mask]
    missing = np.square(z[:, mask]) / (2 * precision[mask])
    weights = np.exp(h @ c + known + missing.sum(axis=1))
    weights /= weights.sum()
    means = z[:, mask] / precision[mask]
    mean = weights @ means
    spread = weights @ np.square(means - mean)
    return mean, spread + 1 / precision[mask]


@pytest.fixture(scope="module")
def gaussian():
    """A Gaussian model, whose conditional laws are mixtures of several."""
    model = drawn(Gaussian(4))
    model.kernel.assign(2 * model.kernel)
    model.visible_params["precision"].assign([0.7, 1.0, 1.3, 2.0])
    return model


MISSING_OF_FOUR = np.array([True, False, False, True])


@pytest.mark.parametrize("sampler", [None, FIXED])
def test_real_values_are_held_and_drawn(gaussian, sampler):
    count, v = 4000, np.array([np.nan, 0.3, -0.4, np.nan])
    rows = np.tile(v, (count, 1))
    mean, variance = mixture(gaussian, v, MISSING_OF_FOUR)
    # The components are apart: within them the variance is another.
    assert (variance > 1.2 / np.array([0.7, 2.0])).all()
    drawn = gaussian.inpaint(rows, MISSING_OF_FOUR, 60, seed=1, sampler=sampler)
    drawn = drawn.numpy()
    assert (drawn[:, ~MISSING_OF_FOUR] == v[~MISSING_OF_FOUR]).all()
    distance = drawn[:, MISSING_OF_FOUR] - mean
    assert_means(distance, 0.0)
    assert_means(np.square(distance), variance)
    # Means along the chains are nearer than draws are.
    means = gaussian.predict_missing(
        rows[:400], MISSING_OF_FOUR, 120, seed=2, sampler=sampler
    ).numpy()
    assert (means[:, ~MISSING_OF_FOUR] == v[~MISSING_OF_FOUR]).all()
    assert_means(means[:, MISSING_OF_FOUR], mean)
    assert (means[:, MISSING_OF_FOUR].var(axis=0) < variance / 4).all()


def test_real_values_cannot_be_enumerated(gaussian):
    with pytest.raises(ValueError, match="`mask` must leave out units"):
        gaussian.conditional(np.zeros((2, 4)), MISSING_OF_FOUR)


def test_a_temperature_at_which_there_is_no_law_is_refused():
    """Of noisy rectified units the curvature does not grow as W does."""
    model = RBM(
        Gaussian(2, precision=1.0),
        NoisyReLU(2),
        kernel_constraint=SpectralBound(0.9),
        seed=0,
    )
    for draw in (
        lambda beta: model.sample(3, 2, inverse_temperature=beta),
        lambda beta: model.denoise(
            np.ones((3, 2)), 2, inverse_temperature=beta
        ),
    ):
        with pytest.raises(
            ValueError, match=r"without .*inverse_temperature=4"
        ):
            draw(4.0)
        assert draw(0.5).shape == (3, 2)


def test_draws_that_grow_without_bound_are_refused():
    """Of an energy that has no lower bound: each sweep is 9 times as far."""
    model = RBM(
        Gaussian(2, precision=1.0),
        Gaussian(2, precision=1.0),
        kernel_constraint=SpectralBound(0.5),
        seed=0,
    )
    model.kernel.assign(3 * np.eye(2))
    for draw in (
        lambda: model.sample(3, 200, seed=1),
        lambda: model.denoise(np.ones((3, 2)), 200, seed=1),
    ):
        with pytest.raises(ValueError, match="normalizable"):
            draw()


def _pair(visible, hidden, kernel):
    rbm = keras_rbm.RBM(
        visible, hidden, kernel_constraint=keras_rbm.SpectralBound(0.9), seed=0
    )
    rbm.kernel.assign(kernel)
    return rbm


def test_what_is_not_normalizable_is_not_sampled_from(tmp_path):
    sides = [keras_rbm.Gaussian(2, precision=1.0) for _ in range(2)]
    rbm = _pair(*sides, 2 * np.eye(2))
    rbm.compile("sgd")
    v = np.zeros((3, 2), "float32")
    v[0] = 1.0
    mask = np.array([True, False])
    for call in (
        lambda: rbm.sample(2, 10, seed=0),
        lambda: rbm.reconstruct(v),
        lambda: rbm.denoise(v),
        lambda: rbm.sample_hidden(v),
        lambda: rbm.sample_visible(v),
        lambda: rbm.inpaint(v, mask, 10),
        lambda: rbm.predict_missing(v, mask, 10),
        lambda: rbm.log_partition("ais"),
        lambda: rbm.evaluate(v, verbose=0),
        lambda: rbm.fit(v, epochs=1, verbose=0),
        lambda: rbm.export(tmp_path / "model"),
    ):
        with pytest.raises(ValueError, match=r"normalizable.*value.* is 2;"):
            call()
    with pytest.raises(ValueError, match=r"not normalizable"):
        rbm.log_partition()
    rbm.kernel.assign(0.8 * np.eye(2))
    rbm.sample(2, 10, seed=0)


@pytest.mark.parametrize(
    ("visible", "kernel", "fits"),
    [
        (keras_rbm.Gaussian(2, precision=1.0), 1.01, False),
        (keras_rbm.Gaussian(2, precision=1.0), -1.01, False),
        (keras_rbm.Gaussian(2, precision=9.0), 2.99, True),
        (keras_rbm.Gaussian(2, precision=9.0), 3.01, False),
        (keras_rbm.ReLU(2, precision=1.0), 1.01, False),
        (keras_rbm.Bernoulli(2), 100.0, True),
        (
            keras_rbm.Composite(
                keras_rbm.Bernoulli(1), keras_rbm.Gaussian(1, precision=1.0)
            ),
            1.01,
            False,
        ),
    ],
)
def test_which_kernels_are_normalizable(visible, kernel, fits):
    rbm = _pair(visible, keras_rbm.Gaussian(2, precision=1.0), 0.0 * np.eye(2))
    rbm.kernel.assign(kernel * np.eye(2))
    if fits:
        rbm.check_to_sample()
        return
    with pytest.raises(ValueError, match=r"must be normalizable"):
        rbm.check_to_sample()


@pytest.mark.parametrize(
    ("hidden", "values", "kernel", "fits"),
    [
        # The smaller of two precisions counts, here 0.1.
        (keras_rbm.XReLU(2), {"asymmetry": 0.9}, 0.31, True),
        (keras_rbm.XReLU(2), {"asymmetry": 0.9}, 0.32, False),
        (keras_rbm.XReLU(2), {"asymmetry": -0.9}, 0.32, False),
        (keras_rbm.DReLU(2), {}, 0.99, True),
        (keras_rbm.DReLU(2), {}, 1.01, False),
        (keras_rbm.DReLU(2), {"precision_below": 0.25}, 0.51, False),
        (keras_rbm.DReLU(2), {"precision_above": 0.25}, 0.49, True),
        (keras_rbm.NoisyReLU(2), {}, 0.99, True),
    ],
)
def test_the_curvature_is_that_of_the_present_parameters(
    hidden, values, kernel, fits
):
    rbm = keras_rbm.RBM(
        keras_rbm.Gaussian(2, precision=1.0),
        hidden,
        kernel_constraint=keras_rbm.SpectralBound(0.09),
        seed=0,
    )
    for name, value in values.items():
        rbm.hidden_params[name].assign([value, value])
    rbm.kernel.assign(kernel * np.eye(2))
    with contextlib.ExitStack() as stack:
        if not fits:
            stack.enter_context(pytest.raises(ValueError, match="normalizable"))
        rbm.check_to_sample()


def test_positive_units_that_inhibit_each_other_are_normalizable():
    sides = [keras_rbm.ReLU(2, precision=1.0) for _ in range(2)]
    _pair(*sides, -5.0 * np.eye(2)).check_to_sample()


def told_by(call):
    """What a call returns, and its only warning of this package."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = call()
    (told,) = (str(w.message) for w in found if w.category is UserWarning)
    return result, told


def ten_spins():
    """Two modes, of which Gibbs sampling leaves one in some 1,000 sweeps."""
    model = RBM(Spin(10), Gaussian(1, precision=1.0), seed=0)
    model.kernel.assign(np.full((10, 1), 0.5))
    model.visible_params["bias"].assign(np.full(10, 0.03))
    return model


def test_too_few_sweeps_give_a_warning_and_enough_give_none():
    model = ten_spins()
    _, told = told_by(lambda: model.sample(200, num_sweeps=1000, seed=0))
    assert "the chains remember where they were" in told
    v = model.sample(200, num_sweeps=10_000, seed=0).numpy()
    total = np.arange(-10, 11, 2)
    # The number of ways to each sum, times its weight.
    ways = [math.comb(10, k) for k in range(11)]
    p = ways * np.exp(0.03 * total + 0.125 * total**2)
    positive = p[total > 0].sum() / p.sum()
    assert_means(v.sum(axis=1) > 0, positive)


def broad_and_sharp():
    """A softmax unit chooses the cluster: a broad one, or a sharp one."""
    logits = np.zeros((9, 100))
    rng = np.random.default_rng(0)
    logits[0] = rng.choice([-2.0, 2.0], 100)
    for row in logits[1:]:
        row[rng.permutation(100)[:50]] = rng.choice([-6.0, 6.0], 50)
    model = RBM(100, Softmax(1, 9), seed=0)
    model.adapt((rng.random((500, 100)) < 0.5).astype("float32"))
    b, c = logits.mean(axis=0), -np.logaddexp(0, logits).sum(axis=1)
    model.kernel.assign((logits - b).T)
    model.visible_params["bias"].assign(b)
    bias = model.hidden_params["bias"]
    bias.assign(np.reshape(c - c.mean(), bias.shape))
    return model


def test_chains_from_different_starts_that_have_not_met_give_a_warning():
    model = broad_and_sharp()
    v, told = told_by(
        lambda: model.sample(250, 300, seed=0, sampler=Tempered(5, 0.0))
    )
    assert "chains from different starts have not met" in told
    # A ninth of the mass is in the cluster that has most of the samples.
    chosen = np.argmax(model.predict_hidden(v.numpy()), axis=1)
    assert (chosen == 0).mean() > 0.5


def test_the_check_changes_no_sample(model):
    """Rows of a run with further chains are those of a run without."""
    few = model.sample(19, 50, seed=3)
    many = model.sample(40, 50, seed=3)
    np.testing.assert_array_equal(few, many[:19])
    few = model.sample(19, 50, seed=3, sampler=FIXED)
    many = model.sample(40, 50, seed=3, sampler=FIXED)
    np.testing.assert_array_equal(few, many[:19])


def test_inpaint_records_draws_of_each_chain(model):
    v = np.zeros((9, 5), "float32")
    frames = np.asarray(model.inpaint(v, HELD, 6, seed=1, every=2))
    assert frames.shape == (3, 9, 5)
    last = np.asarray(model.inpaint(v, HELD, 6, seed=1))
    np.testing.assert_array_equal(frames[-1], last)
    assert (frames[..., ~HELD] == 0).all()
    assert (frames[0] != frames[1]).any()
