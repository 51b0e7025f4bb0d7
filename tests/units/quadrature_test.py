"""Sums over nodes, against normal integrals in closed form."""

import numpy as np
import pytest
from scipy import special

from keras_rbm import Bernoulli, Composite, DReLU, Gaussian, ReLU
from keras_rbm.units import quadrature

RULES = (quadrature.line, quadrature.half_line)
# Means in standard deviations. Steep laws near 0, and far ones.
RANGES = (
    (0.0, 0.0),
    (-3.0, 4.0),
    (-40.0, -20.0),
    (-60.0, 80.0),
    (-999.0, -500.0),
)


def log_integral(rule, mean, precision):
    """Log of the integral of exp(precision (mean x - x^2 / 2))."""
    whole = 0.5 * (precision * mean**2 + np.log(2 * np.pi / precision))
    if rule is quadrature.half_line:
        whole += special.log_ndtr(mean * np.sqrt(precision))
    return whole


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("ends", RANGES)
@pytest.mark.parametrize("precision", [0.01, 1.0, 9.0])
def test_all_laws_between_the_ends_are_integrated(rule, ends, precision):
    low, high = np.array(ends) / np.sqrt(precision)
    points, log_weights = rule(low, high, precision)
    for mean in np.linspace(low, high, 29):
        logs = precision * (mean * points - 0.5 * points**2)
        found = special.logsumexp(log_weights + logs)
        expected = log_integral(rule, mean, precision)
        # The rounding error grows with the sum.
        error = 1e-9 + 1e-14 * abs(expected)
        assert found == pytest.approx(expected, abs=error, rel=0)
    # A sum has few terms: some for each deviation between the ends.
    assert len(points) < 2.5 * (ends[1] - ends[0]) + 90


@pytest.mark.parametrize("step", [0.4, 0.5])
def test_the_error_of_steep_laws_is_that_of_an_exponential_law(
    monkeypatch, step
):
    """The formula by which the distance of the nodes was chosen."""
    monkeypatch.setattr(quadrature, "_HALF_LINE_STEP", step)
    points, log_weights = quadrature.half_line(-1e6, -1e4, 1.0)
    slopes = np.exp(np.linspace(np.log(1e4), np.log(1e6), 99))
    sums = np.exp(log_weights) @ np.exp(-np.outer(points, slopes)) * slopes
    expected = 2 * np.abs(special.gamma(1 + 2j * np.pi / step))
    assert np.abs(sums - 1).max() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("rule", RULES)
def test_laws_beyond_the_ends_are_not_integrated(rule):
    points, log_weights = rule(-1.0, 1.0, 1.0)
    logs = 20.0 * points - 0.5 * points**2
    found = special.logsumexp(log_weights + logs)
    assert found < log_integral(rule, 20.0, 1.0) - 1


def test_units_have_nodes_for_the_laws_of_their_inputs():
    units = Composite(ReLU(1), Bernoulli(2), Gaussian(2), DReLU(1))
    params = {
        "bias": np.array([0.5, 9, 9, -1.0, 2.0, 9]),
        "0_precision": np.array([4.0]),
        "2_precision": np.array([0.5, 2.0]),
        "3_delta": np.zeros(1),
        "3_precision_above": np.ones(1),
        "3_precision_below": np.ones(1),
    }
    low, high = np.full(6, -2.0), np.full(6, 3.0)
    nodes = units.nodes(low, high, params)
    # Bits have states, and the last units have neither.
    assert [own.column for own in nodes] == [0, 3, 4]
    cases = ((0, 0, 4.0), (3, 1, 0.5), (4, 1, 2.0))
    for own, (column, is_line, precision) in zip(nodes, cases, strict=True):
        for inputs in (-2.0, 0.3, 3.0):
            mean = (params["bias"][column] + inputs) / precision
            logs = precision * (mean * own.points - 0.5 * own.points**2)
            found = special.logsumexp(own.log_weights + logs)
            rule = RULES[1 - is_line]
            expected = log_integral(rule, mean, precision)
            assert found == pytest.approx(expected, abs=1e-9, rel=0)
