"""Nodes and weights that integrate over real units with a sum."""

from typing import NamedTuple

import numpy as np

# Distances between nodes. On the line, the unit is a standard deviation, and
# the relative error is 2 exp(-2 pi^2 / step^2), which is 5e-11. On the
# half-line, the error of exponential laws is the largest: 2 |Gamma(1 + 2 pi i /
# step)|, which is 4e-10.
_STEP, _HALF_LINE_STEP = 0.9, 0.4
# Standard deviations beyond the outermost means. The normal law has less than
# 1e-10 of its mass there.
_TAIL = 6.5
# The steepest law has a share of exp(-_NEAR_ZERO) below the first node.
_NEAR_ZERO = 25.0
#: The largest number of nodes of a unit. Only diverged machines need more.
MAX_NODES = 2**16


class Nodes(NamedTuple):
    """Points and weights that turn an integral over a unit into a sum.

    The integral of f(x) is sum_k exp(log_weights[k]) f(points[k]).

    Attributes:
        column: The column of the unit.
        points: `float64` array of shape `(nodes,)`, values of the unit.
        log_weights: `float64` array of shape `(nodes,)`.

    Example:
        units, params = keras_rbm.ReLU(1), {
            "bias": np.zeros(1),
            "precision": np.ones(1),
        }
        (nodes,) = units.nodes(np.zeros(1), np.zeros(1), params)
        law = np.exp(nodes.log_weights - nodes.points**2 / 2)
        print(law.sum())  # The root of pi / 2.
    """

    column: int
    points: np.ndarray
    log_weights: np.ndarray


def line(low: float, high: float, precision: float):
    """Nodes for normal laws with one precision, and means in an interval.

    The trapezoidal rule gives the nodes. For a normal law of standard
    deviation s and nodes at a distance of d s, its relative error is
    2 exp(-2 pi^2 / d^2), whatever the mean. A mixture of such laws therefore
    has no larger error.

    Args:
        low: The least mean.
        high: The largest mean.
        precision: 1 / variance of the laws.

    Returns:
        Points and log weights, two `float64` arrays of shape `(nodes,)`; empty
        if there would be too many, or if an argument is not finite.

    Reference: Trefethen and Weideman (2014), "The exponentially convergent
        trapezoidal rule".
    """
    root = np.sqrt(precision)
    first, last = low * root - _TAIL, high * root + _TAIL
    count = _count(last - first, _STEP)
    points = (first + _STEP * np.arange(count)) / root
    return points, np.full(count, np.log(_STEP / root))


def half_line(low: float, high: float, precision: float):
    """Nodes for normal laws truncated to positive values.

    The trapezoidal rule is applied to t, where
    x = log(1 + exp(t)) / sqrt(precision). Laws with negative means fall
    steeply from 0 on; for these laws, the nodes approach 0 geometrically. The
    relative error of the steepest laws, which are
    exponential, is 2 |Gamma(1 + 2 pi i / d)| for nodes at a distance of d in
    t. Other laws have smaller errors.

    Args:
        low: The least mean before the truncation.
        high: The largest mean before the truncation.
        precision: 1 / variance before the truncation.

    Returns:
        Points and log weights, two `float64` arrays of shape `(nodes,)`; empty
        if there would be too many, or if an argument is not finite.

    Reference: Trefethen and Weideman (2014), as for `line`.
    """
    root = np.sqrt(precision)
    first = -_NEAR_ZERO - np.log1p(max(-low * root, 0.0))
    last = max(high * root, 0.0) + _TAIL
    count = _count(last - first, _HALF_LINE_STEP)
    t = first + _HALF_LINE_STEP * np.arange(count)
    points = np.logaddexp(0.0, t) / root
    log_slope = -np.logaddexp(0.0, -t)
    return points, np.log(_HALF_LINE_STEP / root) + log_slope


def _count(length, step):
    """The number of nodes, or 0 if there are too many."""
    if not length <= step * (MAX_NODES - 1):  # Also if it is NaN.
        return 0
    return int(np.ceil(length / step)) + 1
