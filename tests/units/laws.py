"""What units do, by sums and quadrature in float64: no code of the package.

A `Case` describes units by their sites. For each, a function of the natural
parameters gives points x, as rows, and the logarithms of their weights: the
law of the site is exp(<z, x> + weight(x)), with z = bias + inputs.
"""

import itertools
import math
import pathlib
import re
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_rbm import (
    Bernoulli,
    Binomial,
    Composite,
    DReLU,
    Gaussian,
    NoisyReLU,
    ReLU,
    Softmax,
    Spin,
    XReLU,
)

# Inputs, small and large ones.
SMALL = [0.0, 0.5, -2.0, 5.0, -7.0]
LARGE = [1e4, -1e4, 30.0, -30.0, 0.0]


class Case(NamedTuple):
    """Units and what is known of them.

    Attributes:
        unit: `Units`.
        sites: For each site its number of columns, and the function
            `(z, params) -> (points, log_weights)`.
        means: Means that the units can have, of shape `(width,)`.
        continuous: Whether some sites have no list of states.
        slack: By how much the log-partition, and the mean, may be larger than
            those of the law, for each unit.
    """

    unit: object
    sites: list
    means: np.ndarray
    continuous: bool = False
    slack: tuple = (0.0, 0.0)

    def __str__(self):
        return repr(self.unit).replace(", minimum_precision=0.01", "")


def listed(*values, log_weights=None):
    """A site with a list of states: numbers, or rows of them."""
    points = np.array(values, "float64").reshape(len(values), -1)
    weights = np.zeros(len(points)) if log_weights is None else log_weights
    return points.shape[1], lambda z, params: (points, np.asarray(weights))


def log_comb(n):
    """Log of the number of subsets of each size, of n things."""
    return np.array([math.log(math.comb(n, k)) for k in range(n + 1)])


def quadratic(z, params, low=-np.inf):
    """A site with exp(-precision x^2 / 2): Gauss-Legendre where the mass is."""
    precision = params["precision"]
    mode, width = z[0] / precision, 1 / np.sqrt(precision)
    ends = [mode - 12 * width, mode + 12 * width]
    if ends[0] < low:
        # Below 0 the slope at 0 may be what bounds the mass.
        ends = [low, max(ends[1], low + 12 * width)]
        if z[0] < 0:
            ends[1] = min(low + 12 * width, low - 45 / z[0])
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges, half = np.linspace(*ends, 41), (ends[1] - ends[0]) / 80
    x = (edges[:-1, None] + half * (1 + nodes)).ravel()
    weights = np.tile(half * weights, 40)
    return x[:, None], np.log(weights) - precision * x**2 / 2


def positive(z, params):
    """The same for x >= 0."""
    return quadratic(z, params, low=0.0)


def two_sided(z, params):
    """A side above 0 and one below, each with its slope and precision."""
    if "asymmetry" in params:
        above = params["precision"] + params["asymmetry"]
        below = params["precision"] - params["asymmetry"]
    else:
        above, below = params["precision_above"], params["precision_below"]
    delta = params["delta"]
    x, log_x = positive(z + delta, {"precision": above})
    y, log_y = positive(delta - z, {"precision": below})
    points = np.concatenate([x, -y])
    return points, np.concatenate(
        [log_x + delta * x[:, 0], log_y + delta * y[:, 0]]
    )


#: What the parameters beside the bias are the coefficients of.
STATISTICS = {
    "precision": lambda x: -(x**2) / 2,
    "delta": np.abs,
    "precision_above": lambda x: -(np.maximum(x, 0) ** 2) / 2,
    "precision_below": lambda x: -(np.minimum(x, 0) ** 2) / 2,
    "asymmetry": lambda x: -x * np.abs(x) / 2,
}


def copies(z, params):
    """n of infinitely many binary units that are on, their biases stepped."""
    first = 0 if z is None else max(0, int(z[0]) - 60)
    n = np.arange(first + 121)
    logs = np.cumsum(np.log1p(-np.exp(-np.maximum(n, 1e-9))) * (n > 0))
    return n[first:, None], (-(n**2) / 2 - logs)[first:]


def between(z, params):
    """All of [0, 1], evenly: where the mass is, which is at one end."""
    if z is None:
        return np.array([[0.5]]), np.zeros(1)
    width = min(1.0, 45 / max(abs(z[0]), 1.0))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    x = width * (1 + nodes) / 2
    if z[0] > 0:
        x = 1 - x
    return x[:, None], np.log(width * weights / 2)


def of_the_page():
    """The type of docs/developer/new_unit_type.md, as it stands there."""
    root = pathlib.Path(__file__).parents[2]
    page = root / "docs" / "developer" / "new_unit_type.md"
    block = re.search(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names = {"__name__": page.stem}
    exec(compile(block[1], page.name, "exec"), names)
    return names["TruncatedExponential"]


BINARY = listed(0.0, 1.0)
SPIN = listed(-1.0, 1.0)
REAL, POSITIVE, COPIES = (1, quadratic), (1, positive), (1, copies)
INTENSITY, TWO_SIDED = (1, between), (1, two_sided)
PROBABILITIES = np.array([0.1, 0.3, 0.6, 0.25, 0.25, 0.5])

CASES = [
    Case(Bernoulli(5), [BINARY] * 5, np.array([0.02, 0.3, 0.5, 0.8, 0.999])),
    Case(Spin(5), [SPIN] * 5, np.array([-0.99, -0.5, 0.0, 0.3, 0.99])),
    Case(Softmax(2, 3), [listed(*np.eye(3))] * 2, PROBABILITIES),
    Case(Gaussian(5), [REAL] * 5, np.array([-3.0, -0.1, 0.0, 1.0, 7.0]), True),
    Case(
        Gaussian(3, precision=2.0), [REAL] * 3, np.array([-3.0, 0.2, 1.0]), True
    ),
    Case(ReLU(5), [POSITIVE] * 5, np.array([0.01, 0.3, 0.8, 1.0, 7.0]), True),
    Case(
        ReLU(3, precision=2.0), [POSITIVE] * 3, np.array([0.1, 0.2, 2.0]), True
    ),
    Case(
        DReLU(5), [TWO_SIDED] * 5, np.array([-3.0, -0.1, 0.0, 1.0, 7.0]), True
    ),
    Case(
        XReLU(3, precision=2.0),
        [TWO_SIDED] * 3,
        np.array([-3.0, 0.2, 1.0]),
        True,
    ),
    Case(
        NoisyReLU(5),
        [COPIES] * 5,
        np.array([0.01, 0.3, 0.7, 2.0, 20.0]),
        True,
        (1 / 24, 0.011),
    ),
    Case(
        Binomial(5, 4),
        [listed(*range(5), log_weights=log_comb(4))] * 5,
        np.array([0.1, 1.0, 2.0, 3.2, 3.99]),
    ),
    Case(
        of_the_page()(5),
        [INTENSITY] * 5,
        np.array([0.01, 0.3, 0.5, 0.8, 0.99]),
        True,
        (3e-9, 3e-8),  # The first terms that its series leave out.
    ),
    Case(
        Composite(Bernoulli(2), Softmax(1, 3), Spin(1)),
        [BINARY] * 2 + [listed(*np.eye(3)), SPIN],
        np.array([0.1, 0.9, 0.2, 0.3, 0.5, -0.8]),
    ),
    Case(
        Composite([Gaussian(2), Bernoulli(1), Gaussian(1, precision=0.5)]),
        [REAL, REAL, BINARY, REAL],
        np.array([-2.0, 1.5, 0.2, 3.0]),
        True,
    ),
]
DISCRETE = [case for case in CASES if not case.continuous]


def columns(case):
    """The columns of each site, as slices."""
    widths = [width for width, _ in case.sites]
    ends = np.cumsum(widths)
    return list(map(slice, ends - widths, ends))


def own(case, params, site):
    """The parameters of one site, by the names that its type has for them."""
    place, result = columns(case)[site], {}
    for name, value in params.items():
        if name == "bias":
            result[name] = value[place]
            continue
        # Those of a part of a composite stand at the columns of that part.
        first = 0
        if isinstance(case.unit, Composite):
            number, name = name.split("_")
            first = sum(p.width for p in case.unit.parts[: int(number)])
        if 0 <= place.start - first < len(value):
            result[name] = value[place.start - first]
    return result


def site_laws(case, inputs, params):
    """For each site its points, their probabilities, and log Z.

    Args:
        case: A `Case`.
        inputs: Array of shape `(width,)`.
        params: Tensors by name, each with one row.
    """
    params = {k: np.asarray(p, "float64") for k, p in params.items()}
    inputs = np.asarray(inputs, "float64")
    for site, (place, (_, points_of)) in enumerate(
        zip(columns(case), case.sites, strict=True)
    ):
        here = own(case, params, site)
        z = inputs[place] + here["bias"]
        points, log_weights = points_of(z, here)
        exponents = points @ z + log_weights
        log_z = np.logaddexp.reduce(exponents)
        yield points, np.exp(exponents - log_z), log_z


def log_partition(case, inputs, params):
    """Log Z for each row of the inputs."""
    return np.array(
        [
            sum(log_z for *_, log_z in site_laws(case, row, params))
            for row in inputs
        ]
    )


def mean(case, inputs, params):
    """E[x] for each row of the inputs."""
    return np.array(
        [
            np.concatenate([p @ x for x, p, _ in site_laws(case, row, params)])
            for row in inputs
        ]
    )


def mean_statistic(case, inputs, params, name):
    """E[statistic] of each unit that has this parameter, for one row."""
    whole = site_laws(case, inputs, params)
    if name == "bias":
        return np.concatenate([p @ x for x, p, _ in whole])
    plain = name.split("_", 1)[1] if isinstance(case.unit, Composite) else name
    return np.array(
        [
            p @ STATISTICS[plain](x[:, 0])
            for site, (x, p, _) in enumerate(whole)
            if plain in _has(case, params, site, name)
        ]
    )


def _has(case, params, site, name):
    """The names of a site's parameters, of this one alone."""
    return own(case, {name: params[name]}, site)


def covariance(case, inputs, params):
    """Covariance matrix for one row of inputs."""
    result = np.zeros((case.unit.width, case.unit.width))
    for place, (x, p, _) in zip(
        columns(case), site_laws(case, inputs, params), strict=True
    ):
        x = x - p @ x
        result[place, place] = np.einsum("n,ni,nj->ij", p, x, x)
    return result


def energy(case, x, params):
    """-<bias, x> - log weight(x) of each row, without that of a grid."""
    params = {k: np.asarray(p, "float64") for k, p in params.items()}
    total = -(x @ params["bias"])
    for site, place in enumerate(columns(case)):
        here = own(case, params, site)
        block = np.asarray(x[:, place], "float64")
        if here.keys() & STATISTICS.keys():
            for name in here.keys() & STATISTICS.keys():
                total = total - here[name] * STATISTICS[name](block[:, 0])
        else:
            points, weights = case.sites[site][1](None, here)
            nearest = ((block[:, None] - points) ** 2).sum(2).argmin(axis=1)
            total = total - weights[nearest]
    return total


def slope(unit, inputs, params):
    """The largest sum of |mean| over the units, for rounded inputs."""
    wide = tf.cast(inputs, "float64")
    return np.abs(unit.mean(wide, params)).sum(axis=1).max() + unit.width


def all_states(case):
    """All joint states of units that have lists of them, as rows."""
    points = [points_of(None, None)[0] for _, points_of in case.sites]
    return np.array([np.concatenate(x) for x in itertools.product(*points)])


def some_states(case, count=5, seed=0):
    """States of the units, of each kind that there are."""
    rng = np.random.default_rng(seed)
    params = starting(case.unit)
    rows = []
    for _ in range(count):
        laws = site_laws(case, np.zeros(case.unit.width), params)
        rows.append(
            np.concatenate(
                [x[rng.choice(len(p), p=p / p.sum())] for x, p, _ in laws]
            )
        )
    return np.array(rows, "float64")


def starting(unit, dtype="float32"):
    """Parameters as they are at first: biases of 0, precisions of 1."""
    return {
        name: tf.constant(
            np.full(p.shape, 1.0 if "precision" in name else 0.0), dtype
        )
        for name, p in unit.parameters().items()
    }


def parameters(unit, dtype="float32", seed=1, rows=()):
    """Random parameters, of which precisions are positive."""
    rng = np.random.default_rng(seed)
    result = {}
    for name, parameter in unit.parameters().items():
        value = rng.normal(size=(*rows, *parameter.shape))
        if "precision" in name:
            value = np.exp(0.5 * value)
        if name == "asymmetry":  # Smaller than all precisions.
            value = 0.2 * np.tanh(value)
        result[name] = tf.constant(value, dtype)
    return result


def inputs(unit, values, dtype="float32"):
    """Every value on every column, in rows that mix them."""
    shifts = [np.roll(np.resize(values, unit.width), i) for i in range(5)]
    return tf.constant(np.stack(shifts), dtype)
