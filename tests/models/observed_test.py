"""What models say of rows with missing entries."""

import sys

import numpy as np
import pytest

from keras_rbm import ClassRBM, FreshCompletion, likelihood
from keras_rbm.models import log_likelihood
from keras_rbm.models.log_likelihood import MeanLogLikelihood
from tests.likelihood.observed_test import ORACLE, ROWS, expected_rows
from tests.machines import assert_means, batches, rbm
from tests.oracle import all_states

# The module: the package has a function of this name.
observed_lib = sys.modules["keras_rbm.likelihood.observed"]


@pytest.fixture(scope="module")
def model():
    return rbm(ORACLE)


def test_the_likelihood_is_that_of_the_observed_entries(model):
    logs, _ = expected_rows(ROWS)
    found = model.log_likelihood(ROWS, verbose=0)
    np.testing.assert_allclose(found.scores, logs, rtol=1e-5)
    np.testing.assert_allclose(float(found), logs.mean() - ORACLE.log_z)
    assert found.upper_scores is None
    # Without any observed entry it is 0.
    np.testing.assert_allclose(found.scores[3], ORACLE.log_z, rtol=1e-6)


def test_estimates_stand_on_both_sides(model, monkeypatch):
    monkeypatch.setattr(
        observed_lib, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    found = model.log_likelihood(ROWS, seed=0, verbose=0)
    logs, _ = expected_rows(ROWS)
    value = logs.mean() - ORACLE.log_z
    assert found.lower - 5 * found.scores_error < value
    assert value < found.upper + 5 * found.scores_error + 1e-3
    assert found.trusted
    assert found.scores_error > 0
    assert "nats" in str(found)


def test_estimates_that_cross_are_in_order(model):
    """By chance, the estimate from below may be above the other one."""
    scores = np.array([1.0, 2.0, 3.0])
    found = MeanLogLikelihood(
        scores,
        likelihood.Exact(0.5),
        upper_scores=scores - [0.0, 0.03, 0.0],
        scores_error=0.02,
    )
    assert (found.lower, found.upper) == pytest.approx((1.49, 1.5))
    assert found.estimated_examples == 1
    assert not found.is_exact
    text = str(found)
    assert "1.490 to 1.500 nats" in text
    assert "1 of 3 examples" in text
    assert "0.0100 nats apart, and the standard error due to" in text
    assert found.about_missing.endswith("due to sampling is 0.0200")
    assert found.standard_error > scores.std() / np.sqrt(2)
    plain = found._replace(upper_scores=None, scores_error=0.0)
    assert plain.is_exact
    assert plain.about_missing is None
    assert not plain._replace(is_bound=True).is_exact
    assert "sampling" not in str(plain)
    assert plain.in_own_units(1.0).is_exact
    assert found.in_own_units(1.0).estimated_examples == 1


def test_the_error_is_at_least_half_of_the_gap():
    lower = np.zeros(100)
    error = np.full(100, 0.1)
    for gap, expected in ((0.0, 0.01), (0.5, 0.25), (-0.5, 0.25)):
        found = likelihood.Observed(lower, lower + gap, error)
        assert log_likelihood.observed_error(found) == pytest.approx(expected)


def test_the_gain_has_the_error_of_the_sums():
    found = MeanLogLikelihood(
        np.ones(3),
        likelihood.Exact(0.0),
        baseline_scores=np.zeros(3),
        upper_scores=np.full(3, 1.1),
        scores_error=0.3,
    )
    assert found.gain_standard_error == pytest.approx(0.3)


def test_free_energies_and_hidden_means(model):
    logs, h = expected_rows(ROWS)
    np.testing.assert_allclose(model.free_energy(ROWS), -logs, rtol=1e-5)
    np.testing.assert_allclose(model.predict_hidden(ROWS), h, rtol=1e-4)
    np.testing.assert_allclose(model(ROWS), h, rtol=1e-4)
    np.testing.assert_allclose(model.predict(ROWS, verbose=0), h, rtol=1e-4)
    with pytest.raises(ValueError, match="`start` must hold"):
        model.sample(start=ROWS)
    with pytest.raises(ValueError, match="must hold"):
        model.predict(batches(ROWS.astype("float32")), verbose=0)


def test_streams_with_missing_entries():
    model = rbm(ORACLE, missing=FreshCompletion())
    logs, h = expected_rows(ROWS)
    found = model.predict(batches(ROWS, size=2), verbose=0)
    np.testing.assert_allclose(found, h, rtol=1e-4)
    scores = model.log_likelihood(batches(ROWS, size=2), verbose=0).scores
    np.testing.assert_allclose(scores, logs, rtol=1e-5)


def test_means_by_sampling(model, monkeypatch):
    monkeypatch.setattr(
        likelihood, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    rows = np.repeat(ROWS[1:], 200, axis=0)
    found = np.asarray(model.predict_hidden(rows)).reshape(3, 200, 4)
    _, h = expected_rows(ROWS[1:])
    assert_means(found, h, axis=1, errors=5.0)


def test_the_surprise_of_each_entry(model, monkeypatch):
    expected = np.full(ROWS.shape, np.nan)
    for (row, column), value in np.ndenumerate(ROWS):
        if not np.isnan(value):
            rest = ROWS[row : row + 1].copy()
            rest[0, column] = np.nan
            whole, _ = expected_rows(ROWS[row : row + 1])
            other, _ = expected_rows(rest)
            expected[row, column] = other[0] - whole[0]
    found = model.surprise(ROWS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    pseudo = model.pseudo_log_likelihood(ROWS[:1])
    np.testing.assert_allclose(-found[:1].sum(axis=1), pseudo, rtol=1e-4)
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", 0)
    np.testing.assert_allclose(model.surprise(ROWS), expected, rtol=1e-5)
    monkeypatch.setattr(observed_lib, "MAX_MISSING_STATES", 1)
    with pytest.raises(ValueError, match="surprise of an entry needs"):
        model.surprise(ROWS)


def test_the_surprise_of_rows_with_many_states_in_all(model, monkeypatch):
    """One unit alone has few states to sum over; all rows have too many."""
    rows = np.where(np.eye(5) == 1, [1.0, 0, 1, 1, 0], np.nan)
    expected = model.surprise(rows)
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", 0)
    monkeypatch.setattr(observed_lib, "MAX_ALL_STATES", 32)
    assert not likelihood.exact_rows(model.machine(), rows).all()
    np.testing.assert_allclose(model.surprise(rows), expected, rtol=1e-5)


def class_law(model, x):
    """p(y | x_observed) by sums over all v and h."""
    kernel, b, c = (
        np.asarray(p, "float64")
        for p in (
            model.kernel,
            model.visible_params["bias"],
            model.hidden_params["bias"],
        )
    )
    states = all_states(4)
    fits = ((x[:, None] == states) | np.isnan(x)[:, None]).all(axis=2)
    logs = []
    for label in np.eye(3):
        v = np.concatenate([states, np.tile(label, (16, 1))], axis=1)
        scores = v @ b + np.logaddexp(0, v @ kernel + c).sum(axis=1)
        logs.append(np.log(fits @ np.exp(scores)))
    p = np.exp(np.stack(logs, axis=1))
    return p / p.sum(axis=1, keepdims=True)


def test_classes_of_features_with_missing_entries(monkeypatch):
    model = ClassRBM(4, 3, 4, seed=0)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    x = ROWS[:, 1:]
    expected = class_law(model, x)
    found = model.class_probabilities(x)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    monkeypatch.setattr(
        likelihood, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    many = model.class_probabilities(np.repeat(x, 200, axis=0))
    assert_means(many.reshape(4, 200, 3), expected, axis=1, errors=5.0)
