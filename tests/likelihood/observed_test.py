"""The likelihood of what is observed, against sums over all states."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, likelihood, random
from keras_rbm import machine as machine_lib
from tests import machines
from tests.oracle import Oracle, all_states, log_sum_exp
from tests.units import laws

# The module: the package has a function of this name.
observed_lib = sys.modules["keras_rbm.likelihood.observed"]
ORACLE = Oracle.draw(5, 4, seed=1)
MACHINE = machines.machine(ORACLE)
BASE = machine_lib.decouple(MACHINE, np.full(5, 0.4, "float32"))
NOT = np.nan
ROWS = np.array(
    [
        [0, 1, 1, 0, 1],
        [NOT, 1, 1, 0, 1],
        [0, NOT, 1, NOT, NOT],
        [NOT, NOT, NOT, NOT, NOT],
    ]
)


def expected_rows(rows):
    """log sum exp(-F(v)) over all v that agree with a row, and E[h]."""
    v = ORACLE.visible_states
    fits = ((rows[:, None] == v) | np.isnan(rows)[:, None]).all(axis=2)
    scores = -ORACLE.free_energy(v)
    logs = np.array([log_sum_exp(scores[fit]) for fit in fits])
    law = fits * np.exp(scores)
    law /= law.sum(axis=1, keepdims=True)
    return logs, law @ ORACLE.p_hidden_given(v) @ ORACLE.hidden_states


@pytest.mark.parametrize("most", [2**16, 0])
def test_sums_over_either_side_are_exact(monkeypatch, most):
    monkeypatch.setattr(observed_lib, "MAX_HIDDEN_STATES", most)
    logs, h = expected_rows(ROWS)
    assert likelihood.exact_rows(MACHINE, ROWS).all()
    found = likelihood.exact_observed(MACHINE, ROWS)
    np.testing.assert_allclose(found, logs, rtol=1e-6)
    found = likelihood.exact_hidden_mean(MACHINE, ROWS)
    np.testing.assert_allclose(found, h, rtol=1e-5)


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
