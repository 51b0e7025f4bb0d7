"""What a model reports, against enumeration."""

import numpy as np
import pytest
import tensorflow as tf

from tests.machines import (
    METRICS,
    Given,
    data,
    given,
    oracle_of,
    rounding,
    states_of,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
# Means of some 50 energies up to 20.
ERROR = rounding("float32", 20.0, 50)


def expected_figures(model, v, weight=None):
    """The figures by enumeration, but for the pseudo-likelihood."""
    oracle = oracle_of(model)
    hidden = oracle.hidden_mean(v)
    visible = oracle.visible_mean(hidden)
    figures = {
        "loss": oracle.free_energy(v)
        - oracle.free_energy(Given.v_model).mean(),
        "reconstruction_error": np.square(v - visible).mean(axis=1),
        "cross_entropy": -(
            v * np.log(visible) + (1 - v) * np.log(1 - visible)
        ).sum(axis=1),
        "hidden_activity": hidden.mean(axis=1),
    }
    return {
        name: np.average(value, weights=weight)
        for name, value in figures.items()
    }


def assert_figures(actual, expected):
    assert list(actual) == sorted(METRICS)
    for name, value in expected.items():
        assert actual[name] == pytest.approx(value, abs=ERROR), name


def test_evaluate_gives_the_figures():
    model = given(ORACLE)
    before = states_of(model)
    for batch_size in (48, 16, 10):
        actual = model.evaluate(
            data(), batch_size=batch_size, verbose=0, return_dict=True
        )
        assert_figures(actual, expected_figures(model, data()))
    for x, y in zip(before, states_of(model), strict=True):
        np.testing.assert_array_equal(x, y)


def test_evaluate_gives_the_loss_first():
    model = given(ORACLE)
    values = model.evaluate(data(), verbose=0)
    assert model.metrics_names[0] == "loss"
    figures = expected_figures(model, data())
    assert values[0] == pytest.approx(figures["loss"], abs=ERROR)
    assert len(values) == len(METRICS)


def test_evaluate_estimates_the_pseudo_likelihood():
    model = given(ORACLE)
    x = np.tile(data(), (100, 1))
    actual = model.evaluate(x, batch_size=500, verbose=0, return_dict=True)
    sites = 5 * ORACLE.log_conditionals(data())
    # Of 5 sites for each example.
    error = np.sqrt(sites.var(axis=1).mean() / (5 * len(x)))
    expected = sites.mean()
    assert abs(actual["pseudo_log_likelihood"] - expected) < 4 * error
    assert model.evaluate(x, batch_size=500, verbose=0, return_dict=True) == (
        actual
    )


def test_every_batch_has_sites_of_its_own():
    model = given(ORACLE)
    once, twice = (
        model.evaluate(x, batch_size=48, verbose=0, return_dict=True)
        for x in (data(), np.tile(data(), (2, 1)))
    )
    assert once["pseudo_log_likelihood"] != twice["pseudo_log_likelihood"]
    assert once["cross_entropy"] == pytest.approx(
        twice["cross_entropy"], abs=ERROR
    )


def test_evaluate_takes_data_sets_and_weights():
    model = given(ORACLE)
    weight = np.random.default_rng(0).random(48).astype("float32")
    expected = expected_figures(model, data(), weight)
    arguments = {"verbose": 0, "return_dict": True}
    assert_figures(
        model.evaluate(data(), sample_weight=weight, **arguments), expected
    )
    columns = data(), np.zeros(48), weight
    dataset = tf.data.Dataset.from_tensor_slices(columns).batch(10)
    assert_figures(model.evaluate(dataset, **arguments), expected)


def test_fit_reports_every_metric():
    model = given(ORACLE)
    history = model.fit(
        data(), batch_size=16, epochs=2, verbose=0, validation_data=data()
    ).history
    assert set(history) == {*METRICS, *(f"val_{name}" for name in METRICS)}
    assert all(len(values) == 2 for values in history.values())
    last = {n: history[f"val_{n}"][-1] for n in sorted(METRICS)}
    assert_figures(last, expected_figures(model, data()))


@pytest.mark.parametrize("x", [data(), (data(),), (data(), np.zeros(48))])
def test_validation_data(x):
    model = given(ORACLE)
    history = model.fit(
        data(), batch_size=16, verbose=0, validation_data=x
    ).history
    assert history["val_loss"] == [
        pytest.approx(expected_figures(model, data())["loss"], abs=ERROR)
    ]


@pytest.mark.parametrize("targets", [np.zeros(48), None])
def test_weights_of_validation_data(targets):
    model = given(ORACLE)
    weight = np.repeat([0.0, 2.0, 1.0], 16)
    history = model.fit(
        data(),
        batch_size=16,
        verbose=0,
        validation_data=(data(), targets, weight),
    ).history
    figures = expected_figures(model, data(), weight)
    assert history["val_cross_entropy"] == [
        pytest.approx(figures["cross_entropy"], abs=ERROR)
    ]


def test_validation_split():
    model = given(ORACLE)
    history = model.fit(
        data(), batch_size=12, verbose=0, validation_split=0.25
    ).history
    assert int(model.updates) == 3
    figures = expected_figures(model, data()[36:])
    assert history["val_loss"] == [pytest.approx(figures["loss"], abs=ERROR)]
