"""Sampling with units of other kinds than two states."""

import itertools

import numpy as np
import pytest

from keras_rbm import (
    RBM,
    Bernoulli,
    Gaussian,
    NoisyReLU,
    Softmax,
    Spin,
    Tempered,
)
from keras_rbm.constraints import SpectralBound
from keras_rbm.units import Composite
from tests.machines import assert_means

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


MISSING = np.array([True, False, False, True])


@pytest.mark.parametrize("sampler", [None, Tempered(3)])
def test_real_values_are_held_and_drawn(gaussian, sampler):
    count, v = 4000, np.array([np.nan, 0.3, -0.4, np.nan])
    rows = np.tile(v, (count, 1))
    mean, variance = mixture(gaussian, v, MISSING)
    # The components are apart: within them the variance is another.
    assert (variance > 1.2 / np.array([0.7, 2.0])).all()
    drawn = gaussian.inpaint(rows, MISSING, 60, seed=1, sampler=sampler)
    drawn = drawn.numpy()
    assert (drawn[:, ~MISSING] == v[~MISSING]).all()
    distance = drawn[:, MISSING] - mean
    assert_means(distance, 0.0)
    assert_means(np.square(distance), variance)
    # Means along the chains are nearer than draws are.
    means = gaussian.predict_missing(
        rows[:400], MISSING, 120, seed=2, sampler=sampler
    ).numpy()
    assert (means[:, ~MISSING] == v[~MISSING]).all()
    assert_means(means[:, MISSING], mean)
    assert (means[:, MISSING].var(axis=0) < variance / 4).all()


def test_real_values_cannot_be_enumerated(gaussian):
    with pytest.raises(ValueError, match="`mask` must leave out units"):
        gaussian.conditional(np.zeros((2, 4)), MISSING)


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
        with pytest.raises(ValueError, match="chains must stay finite"):
            draw()
