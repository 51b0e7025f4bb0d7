"""Sampling with units of other kinds than two states."""

import itertools

import numpy as np
import pytest

from keras_rbm import RBM, Bernoulli, Gaussian, Softmax, Spin, Tempered
from keras_rbm.units import Composite

VISIBLE = {
    "spin": Spin(4),
    "softmax": Softmax(2, 3),
    "composite": Composite([Bernoulli(2), Softmax(1, 3)]),
}


def states_of(units):
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


@pytest.mark.parametrize("kind", VISIBLE)
def test_what_is_missing_is_drawn_given_the_rest(kind):
    units, count = VISIBLE[kind], 20_000
    model, states = drawn(units), states_of(units)
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
    for sampler in (None, Tempered(3)):
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
    start = states_of(VISIBLE["softmax"])[:2]
    for mask in itertools.product([False, True], repeat=6):
        mask = np.array(mask)
        parts = mask.reshape(2, 3)
        if (parts.any(axis=1) == parts.all(axis=1)).all():
            continue
        with pytest.raises(ValueError, match="`mask` must take all columns"):
            model.inpaint(start, mask)
        with pytest.raises(ValueError, match="`clamp` must take all columns"):
            model.sample(start=start, clamp=mask)


def test_real_values_are_held_and_drawn():
    model = drawn(Gaussian(4))
    v = np.random.default_rng(1).normal(size=(2000, 4))
    mask = np.array([True, False, False, True])
    for sampler in (None, Tempered(3)):
        samples = model.inpaint(v, mask, 20, seed=1, sampler=sampler).numpy()
        assert (samples[:, ~mask] == v[:, ~mask]).all()
        assert (samples[:, mask] != v[:, mask]).all()
    with pytest.raises(ValueError, match="`mask` must leave out units"):
        model.conditional(v, mask)
    # Gibbs sampling and means along it agree.
    one = np.tile(v[:1], (2000, 1))
    samples = model.inpaint(one, mask, 30, seed=1).numpy()[:, mask]
    error = samples.std(axis=0, ddof=1) / np.sqrt(2000)
    means = model.predict_missing(one, mask, 60, seed=2).numpy()[:, mask]
    distance = np.abs(samples.mean(axis=0) - means.mean(axis=0))
    assert (distance < 4 * np.hypot(error, error)).all()
