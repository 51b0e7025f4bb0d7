"""Layouts: from examples to rows of a machine, and back."""

import keras
import numpy as np
import pytest

from keras_rbm import ClassRBM, DeepBoltzmannMachine, RatingsRBM, Softmax
from keras_rbm.models.layouts import Identity
from tests import eager, machines
from tests.machines import batches, data, rounding
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
MACHINE = machines.machine(ORACLE)
LAYOUT = Identity(MACHINE.visible, MACHINE.hidden)
# Sums of some 30 numbers, up to 20 altogether.
ERROR = rounding("float32", 20.0, 30)


MODELS = {
    "labels": lambda: ClassRBM(Softmax(2, 2), 3, 4, seed=0),
    "a top layer": lambda: DeepBoltzmannMachine(5, 4, 3, seed=0),
    "ratings": lambda: RatingsRBM(3, [1, 2], 4, seed=0),
}


@pytest.fixture(params=["examples", *MODELS])
def pair(request):
    """A layout of this module or of a model, and a machine for it."""
    if request.param == "examples":
        return LAYOUT, MACHINE
    model = MODELS[request.param]()
    return model.layout, model.machine()


def test_a_row_holds_its_example(pair):
    layout, machine = pair
    width, own = machine.visible.width, layout.units.width
    v = data(7, own)
    with eager.functions():
        for rows in (
            layout.rows(machine, keras.ops.convert_to_tensor(v)),
            layout.start(machine, v, seed=1),
        ):
            assert rows.shape == (7, width)
            np.testing.assert_array_equal(layout.examples(rows), v)
    frames = np.zeros((2, 7, width), "float32")
    assert layout.examples(frames).shape == (2, 7, own)


@pytest.mark.parametrize("rows", [(), (7,)])
def test_columns_beyond_the_example_are_free_and_missing(pair, rows):
    layout, machine = pair
    width, own = machine.visible.width, layout.units.width
    mask = np.random.default_rng(0).random((*rows, own)) < 0.5
    held = layout.clamped(mask)
    assert held.shape == (*rows, width)
    np.testing.assert_array_equal(held[..., :own], mask)
    assert not held[..., own:].any()
    v = data(7, own)
    filled, missing = layout.with_missing(v, mask)
    assert missing.shape == (*rows, width)
    np.testing.assert_array_equal(missing[..., :own], mask)
    assert missing[..., own:].all()
    np.testing.assert_array_equal(filled[:, :own], v)
    v[0, 0] = np.nan
    filled, none = layout.with_missing(v, None)
    assert none is None
    assert np.isnan(filled).sum() == 1 + 7 * (width - own)


def test_moments_are_those_of_the_examples(pair):
    layout, machine = pair
    width, own = machine.visible.width, layout.units.width
    mean, variance = np.linspace(0.1, 0.9, own), np.full(own, 0.2)
    for of_rows, of_examples in zip(
        layout.moments(mean, variance), (mean, variance), strict=True
    ):
        assert of_rows.shape == (width,)
        np.testing.assert_array_equal(of_rows[:own], of_examples)
    before, later = np.full(width, 0.3), np.full(width, 0.6)
    base = np.asarray(layout.base_mean(before, later))
    np.testing.assert_array_equal(base[:own], before[:own])
    # Of what no example says, training alone knows the mean.
    np.testing.assert_array_equal(base[own:], later[own:])


def test_answers_for_examples_as_rows():
    v = data(7)
    for mean in (LAYOUT.encode, LAYOUT.hidden_mean):
        found = mean(MACHINE, v)
        np.testing.assert_allclose(found, ORACLE.hidden_mean(v), atol=ERROR)
    energy = LAYOUT.free_energy(MACHINE, v)
    np.testing.assert_allclose(energy, ORACLE.free_energy(v), atol=ERROR)


def test_scores_are_of_all_batches_which_are_watched():
    v, seen = data(48), []
    expected = -ORACLE.free_energy(v)
    found = LAYOUT.scores(MACHINE, v)
    assert found.dtype == np.float64
    # The parameters alone are rounded to float32.
    error = rounding("float32", 3.0, 30)
    np.testing.assert_allclose(found, expected, atol=error)
    found = LAYOUT.scores(MACHINE, batches(v, size=20), seen.append)
    np.testing.assert_allclose(found, expected, atol=error)
    np.testing.assert_array_equal(np.concatenate(seen), v)
    with pytest.raises(ValueError, match="`v` must hold"):
        LAYOUT.scores(MACHINE, v + 1.0)


def test_draws_of_the_hidden_units_have_their_means():
    v = np.tile(data(3), (500, 1))
    h = np.asarray(LAYOUT.sample_hidden(MACHINE, v, seed=1))
    assert set(np.unique(h)) == {0.0, 1.0}
    means = ORACLE.hidden_mean(data(3))
    machines.assert_means(h.reshape(500, 3, 4), means)
    again, other = (LAYOUT.sample_hidden(MACHINE, v, seed) for seed in (1, 2))
    np.testing.assert_array_equal(again, h)
    assert (np.asarray(other) != h).any()
