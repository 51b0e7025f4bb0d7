"""The likelihood of what is observed, against sums over all states."""

import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    Bernoulli,
    Binomial,
    Composite,
    Gaussian,
    ReLU,
    Softmax,
    likelihood,
    progress_bar,
    random,
)
from keras_rbm import machine as machine_lib
from tests import machines
from tests.made_up_rows import (
    NOT,
    ORACLE,
    ROWS,
    expected_rows,
    observed_lib,
)
from tests.oracle import all_states
from tests.units import laws

MACHINE = machines.machine(ORACLE)
BASE = machine_lib.decouple(MACHINE, np.full(5, 0.4, "float32"))


@pytest.mark.parametrize("most", [2**16, 0])
def test_sums_over_either_side_are_exact(monkeypatch, most):
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", most)
    logs, h = expected_rows(ROWS)
    assert likelihood.exact_rows(MACHINE, ROWS).all()
    found = likelihood.exact_observed(MACHINE, ROWS)
    np.testing.assert_allclose(found, logs, rtol=1e-6)
    found = likelihood.exact_hidden_mean(MACHINE, ROWS)
    np.testing.assert_allclose(found, h, rtol=1e-5)
    # A masked entry is missing, whatever its value.
    masked = np.ma.array(np.nan_to_num(ROWS, nan=1.0), mask=np.isnan(ROWS))
    found = likelihood.exact_observed(MACHINE, masked)
    np.testing.assert_allclose(found, logs, rtol=1e-6)


def test_blocks_change_nothing(monkeypatch):
    found = likelihood.exact_observed(MACHINE, ROWS)
    for most in (2**16, 0):
        monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", most)
        monkeypatch.setattr(observed_lib, "_BLOCK_NUMBERS", 35)
        again = likelihood.exact_observed(MACHINE, ROWS)
        np.testing.assert_allclose(again, found, rtol=1e-12)


@pytest.mark.parametrize("number", [0, 2, 3, 5, 7, 8, 10, 12, 13])
def test_all_types_of_units_are_summed_out(number):
    case = laws.CASES[number]
    rng = np.random.default_rng(0)
    width = case.unit.width
    machine = machine_lib.Machine(
        case.unit,
        Bernoulli(3),
        tf.constant(0.5 * rng.normal(size=(width, 3)), "float64"),
        laws.parameters(case.unit, "float64"),
        {"bias": tf.constant(rng.normal(size=3))},
    )
    params = {k: np.asarray(p) for k, p in machine.visible_params.items()}
    for missing in ([], [0], range(len(case.sites))):
        v = laws.some_states(case, 1)[0]
        for site in missing:
            v[laws.columns(case)[site]] = NOT
        known = np.where(np.isnan(v), 0.0, v)
        logs = []
        for h in all_states(3):
            inputs = np.asarray(machine.kernel) @ h
            total = h @ np.asarray(machine.hidden_params["bias"])
            total += known @ inputs - laws.energy(case, known[None], params)[0]
            for site, (*_, log_z) in enumerate(
                laws.site_laws(case, inputs, params)
            ):
                total += log_z * (site in missing)
            logs.append(total)
        found = likelihood.exact_observed(machine, v[None])
        np.testing.assert_allclose(found, np.logaddexp.reduce(logs), rtol=1e-6)


def test_two_estimates_are_on_both_sides(monkeypatch):
    monkeypatch.setattr(
        observed_lib, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    logs, _ = expected_rows(ROWS)
    found = likelihood.observed(
        MACHINE, BASE, ROWS, random.stream(0), 100, 100, 50, verbose=0
    )
    slack = 5 * found.standard_error + 1e-4
    assert (found.lower < logs + slack).all()
    assert (found.upper > logs - slack).all()
    assert np.abs(found.upper - found.lower).max() < 0.5
    assert not found.warnings
    # Nothing is missing: nothing is estimated.
    np.testing.assert_allclose(found.lower[0], logs[0], rtol=1e-4)


def test_one_chain_has_no_standard_error(monkeypatch):
    monkeypatch.setattr(
        observed_lib, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    found = likelihood.observed(
        MACHINE, BASE, ROWS, random.stream(0), 5, 1, 1, verbose=0
    )
    misses = np.isnan(ROWS).any(axis=1)
    np.testing.assert_array_equal(
        found.standard_error, np.where(misses, np.inf, 0.0)
    )


def test_estimates_that_are_poor_say_so(monkeypatch):
    monkeypatch.setattr(
        observed_lib, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    cold = machine_lib.scale(MACHINE, 30.0)
    found = likelihood.observed(
        cold, BASE, ROWS[2:], random.stream(0), 1, 50, 1, verbose=0
    )
    assert found.warnings


def test_rows_with_too_many_states_are_not_exact(monkeypatch):
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", 0)
    monkeypatch.setattr(observed_lib, "MAX_MISSING_STATES", 8)
    np.testing.assert_array_equal(
        likelihood.exact_rows(MACHINE, ROWS), [True, True, True, False]
    )
    monkeypatch.setattr(observed_lib, "MAX_ALL_STATES", 5)
    np.testing.assert_array_equal(
        likelihood.exact_rows(MACHINE, ROWS), [True, True, False, False]
    )


def test_sums_of_too_many_states_are_refused(monkeypatch):
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", 0)
    monkeypatch.setattr(observed_lib, "MAX_MISSING_STATES", 8)
    for sums in (likelihood.exact_observed, likelihood.exact_hidden_mean):
        with pytest.raises(ValueError, match="1 of 4 rows with too many"):
            sums(MACHINE, ROWS)
        assert np.isfinite(sums(MACHINE, ROWS[:3])).all()


def test_the_cheapest_rows_come_first(monkeypatch):
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", 0)
    monkeypatch.setattr(observed_lib, "MAX_ALL_STATES", 11)
    rows = ROWS[::-1]
    np.testing.assert_array_equal(
        likelihood.exact_rows(MACHINE, rows), [False, True, True, True]
    )


def test_only_small_hidden_sides_are_summed_over():
    """A larger one would take minutes, and without need if rows are few."""
    rng = np.random.default_rng(0)
    rows = np.full((2, 20), NOT)
    rows[1, 2:] = 1.0
    for width, exact in ((16, [True, True]), (17, [False, True])):
        machine = machine_lib.Machine(
            Bernoulli(20),
            Bernoulli(width),
            tf.constant(rng.normal(size=(20, width))),
            {"bias": tf.zeros(20, "float64")},
            {"bias": tf.zeros(width, "float64")},
        )
        np.testing.assert_array_equal(
            likelihood.exact_rows(machine, rows), exact
        )


@pytest.mark.parametrize("most", [2**16, 0])
def test_long_sums_have_a_progress_bar(monkeypatch, capsys, most):
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", most)
    monkeypatch.setattr(observed_lib, "_BLOCK_NUMBERS", 35)
    monkeypatch.setattr(progress_bar, "_PATIENCE", 0.0)
    likelihood.observed(MACHINE, BASE, ROWS, random.stream(0), verbose=1)
    shown = capsys.readouterr().out
    assert "Summing over states" in shown
    # 16 hidden states, or 1 + 2 + 8 + 32 states of the missing entries.
    assert (f"{4 * 16}/{4 * 16}" if most else "43/43") in shown
    likelihood.exact_observed(MACHINE, ROWS, verbose=0)
    assert not capsys.readouterr().out


def test_a_row_with_many_states_needs_little_memory(monkeypatch):
    """Its completions are made in slices of a block."""
    machine = machine_lib.Machine(
        Bernoulli(200),
        Bernoulli(3),
        tf.constant(0.1 * np.random.default_rng(0).normal(size=(200, 3))),
        {"bias": tf.zeros(200, "float64")},
        {"bias": tf.zeros(3, "float64")},
    )
    rows = np.ones((2, 200))
    rows[0, :14], rows[1, 3] = NOT, NOT
    logs = likelihood.exact_observed(machine, rows)
    h = likelihood.exact_hidden_mean(machine, rows)
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", 0)
    monkeypatch.setattr(observed_lib, "_BLOCK_NUMBERS", 2**17)
    likelihood.exact_observed(machine, rows[1:])  # Compiles the program.
    tracemalloc.start()
    try:
        found = likelihood.exact_observed(machine, rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A block has 1 MiB, and all completions of the first row have 25 MiB.
    assert peak < 5 * 2**20
    np.testing.assert_allclose(found, logs, rtol=1e-12)
    np.testing.assert_allclose(
        likelihood.exact_hidden_mean(machine, rows), h, rtol=1e-9
    )


def mixed_machine(rng, scale=1.0):
    """A machine of real, positive, whole and categorical columns, in float64.

    The inputs of the real columns range over more than ten deviations.
    """
    visible = Composite(
        Gaussian(2), Softmax(1, 3), ReLU(2), Binomial(1, 3), Gaussian(1)
    )
    params = {
        "bias": tf.constant(rng.normal(size=visible.width)),
        "0_precision": tf.constant([0.4, 6.0], "float64"),
        "2_precision": tf.constant([2.0, 0.5], "float64"),
        "4_precision": tf.constant([1.0], "float64"),
    }
    kernel = scale * rng.normal(size=(visible.width, 6))
    hidden = {"bias": tf.constant(rng.normal(size=6))}
    return machine_lib.Machine(
        visible, Bernoulli(6), tf.constant(kernel), params, hidden
    )


@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_real_entries_are_integrated_out(monkeypatch, scale):
    """Sums over nodes agree with the sum over h, whose terms are closed."""
    machine = mixed_machine(np.random.default_rng(2), scale)
    row = np.array([0.3, -1.0, 0, 1, 0, 0.7, 0.0, 2, 1.5])
    missing = ([], [0], [1, 7], [5], [6, 2, 3, 4], [0, 8], [1, 6])
    rows = np.tile(row, (len(missing), 1))
    for own, columns in zip(rows, missing, strict=True):
        own[columns] = NOT
    expected = likelihood.exact_observed(machine, rows)
    h = likelihood.exact_hidden_mean(machine, rows)
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", 0)
    assert likelihood.exact_rows(machine, rows).all()
    found = likelihood.exact_observed(machine, rows)
    np.testing.assert_allclose(found, expected, atol=1e-8, rtol=0)
    found = likelihood.exact_hidden_mean(machine, rows)
    np.testing.assert_allclose(found, h, atol=1e-8)


def test_two_steep_entries_have_the_promised_error(monkeypatch):
    """The errors of the entries of a row add up."""
    rng = np.random.default_rng(3)
    machine = machine_lib.Machine(
        ReLU(3),
        Bernoulli(2),
        tf.constant(rng.normal(size=(3, 2))),
        {
            "bias": tf.constant([-3e3, -3e3, 0.0], "float64"),
            "precision": tf.ones(3, "float64"),
        },
        {"bias": tf.constant(rng.normal(size=2))},
    )
    for slope in np.linspace(3e3, 9e3, 41):
        bias = tf.constant([-slope, -slope, 0.0], "float64")
        params = {**machine.visible_params, "bias": bias}
        steep = machine._replace(visible_params=params)
        row = np.array([[NOT, NOT, 0.5]])
        expected = likelihood.exact_observed(steep, row)
        with monkeypatch.context() as patch:
            patch.setattr(observed_lib, "MAX_HIDDEN_STATES", 0)
            found = likelihood.exact_observed(steep, row)
        np.testing.assert_allclose(found, expected, atol=2e-9, rtol=0)


def test_without_bounds_of_the_hidden_side_there_are_no_nodes():
    rng = np.random.default_rng(0)
    machine = mixed_machine(rng)._replace(
        hidden=ReLU(6),
        hidden_params={
            "bias": tf.zeros(6, "float64"),
            "precision": tf.fill(6, tf.constant(100.0, "float64")),
        },
    )
    row = np.array([[0.3, -1.0, 0, 1, 0, 0.7, 0.0, 2, 1.5]])
    assert likelihood.exact_rows(machine, row).all()
    row[0, 0] = NOT
    assert not likelihood.exact_rows(machine, row).any()


@pytest.mark.parametrize(("inverted", "doubt"), [(0.0, False), (0.2, True)])
def test_an_upper_estimate_below_the_lower_one_is_reported(
    monkeypatch, inverted, doubt
):
    """If the distance cannot be due to the spread of the weights."""
    rng = np.random.default_rng(0)
    means = iter([inverted, 0.0])

    def anneal(machine, base, path, count, *others):
        return next(means) + 0.1 * rng.normal(size=count), None

    monkeypatch.setattr(observed_lib, "anneal", anneal)
    monkeypatch.setattr(
        observed_lib, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    found = likelihood.observed(
        MACHINE, BASE, ROWS[1:], random.stream(0), 10, 100, 1, verbose=0
    )
    assert (found.upper - found.lower).mean() < 0
    told = [text for text in found.warnings if "below the lower one" in text]
    assert bool(told) == doubt
