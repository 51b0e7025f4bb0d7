import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, Tempered
from tests.machines import assert_law, data, rbm
from tests.oracle import Oracle, index

PLAIN = Oracle.draw(5, 4, seed=1)
ORACLE = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.8)
MISSING = np.array([True, False, True, True, False])
COUNT = 20_000


@pytest.fixture(scope="module")
def model():
    return rbm(ORACLE)


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


def test_seeds(model):
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
