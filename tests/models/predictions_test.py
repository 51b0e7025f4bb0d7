import numpy as np
import pytest

from keras_rbm import RBM, Tempered
from keras_rbm.models import conditional as conditional_lib
from tests.machines import assert_law, data, rbm, rounding
from tests.oracle import Oracle, all_states, log_sum_exp

PLAIN = Oracle.draw(5, 4, seed=1)
ORACLE = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.8)
MISSING = np.array([True, False, True, True, False])
# Sums of some 30 numbers, up to 20 altogether.
ERROR = rounding("float32", 20.0, 30)


@pytest.fixture(scope="module")
def model():
    return rbm(ORACLE)


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
    monkeypatch.setattr(conditional_lib, "_BLOCK_NUMBERS", 5 * blocks)
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
        model.conditional(data(3), np.ones((3, 5), bool))


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


def test_missing_values_at_another_temperature_by_another_sampler(model):
    warm = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.4)
    v = np.tile(np.float32([0, 1, 0, 0, 1]), (20_000, 1))
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


def test_seeds(model):
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
