"""Special functions that Keras does not have, accurate in each dtype."""

import math

import numpy as np
from keras import ops
from scipy import special


def normal_excess(t):
    """G(t) = E[y - t | y > t] for a standard normal y, and t >= 0.

    With phi the density of y and Q(t) = P(y > t),

        G(t) = phi(t) / Q(t) - t = 1 / (t + 2 / (t + 3 / (t + ...)))

    which decreases from sqrt(2 / pi) at 0, and like 1 / t for large t. (t + 1)
    G(t) is computed as a Chebyshev series in (t - 3) / (t + 3), without
    cancellation for any t.

    Args:
        t: Tensor of numbers that are not negative.

    Returns:
        Tensor of the shape and dtype of `t`, to a few roundings.

    Reference: Abramowitz and Stegun (1964), "Handbook of mathematical
        functions", equation 26.2.14, for the continued fraction.
    """

    @ops.custom_gradient
    def excess(t):
        value = chebyshev(_EXCESS, (t - 3) / (t + 3)) / (t + 1)

        def gradient(*args, upstream=None):
            # G' = G (t + G) - 1, since phi' = -t phi.
            (upstream,) = args if upstream is None else (upstream,)
            return upstream * (value * (t + value) - 1)

        return value, gradient

    return excess(t)


def normal_tail(t):
    """Q(t) = P(y > t) = phi(t) / (t + G(t)) for a standard normal y, t >= 0.

    Args:
        t: Tensor of numbers that are not negative.

    Returns:
        Tensor of the shape and dtype of `t`.
    """
    return normal_density(t) / (t + normal_excess(t))


def normal_density(t):
    """phi(t) = exp(-t^2 / 2) / sqrt(2 pi).

    Args:
        t: Tensor.

    Returns:
        Tensor of the shape and dtype of `t`.
    """
    return ops.exp(-0.5 * ops.square(t) - 0.5 * math.log(2 * math.pi))


def softplus_integral(z):
    """The integral of log(1 + exp(s)) over s from -infinity to z: -Li2(-e^z).

    With S the result, S(z) + S(-z) = z^2 / 2 + pi^2 / 6; and S(z) / e^z is
    computed as a Chebyshev series in e^z for z <= 0.

    Args:
        z: Tensor.

    Returns:
        Tensor of the shape and dtype of `z`, to a few roundings.

    Reference: Lewin (1981), "Polylogarithms and associated functions",
        equation 1.7.
    """

    @ops.custom_gradient
    def integral(z):
        size = ops.abs(z)
        small = ops.exp(-size)
        below = small * chebyshev(_DILOGARITHM, 2 * small - 1)
        above = 0.5 * ops.square(z) + math.pi**2 / 6 - below

        def gradient(*args, upstream=None):
            (upstream,) = args if upstream is None else (upstream,)
            return upstream * (0.5 * (z + size) + ops.log1p(small))

        return ops.where(z > 0, above, below), gradient

    return integral(z)


def chebyshev(coefficients, x):
    """sum_k c_k T_k(x), by Clenshaw's recurrence, for x from -1 to 1.

    Args:
        coefficients: `float64` array c of decreasing size; coefficients below
            the rounding of the dtype of `x` are left out.
        x: Tensor.

    Returns:
        Tensor of the shape and dtype of `x`.
    """
    dtype = str(getattr(x.dtype, "name", x.dtype))
    rounding = np.finfo(dtype).eps if dtype != "bfloat16" else 2.0**-8
    large = np.abs(coefficients) > 0.1 * rounding * np.abs(coefficients).max()
    c = [
        float(value) for value in coefficients[: np.flatnonzero(large)[-1] + 1]
    ]
    one, two = ops.zeros_like(x), ops.zeros_like(x)
    for value in reversed(c[1:]):
        one, two = 2 * x * one - two + value, one
    return x * one - two + c[0]


def _excess_series(x):
    """(t + 1) G(t), by the continued fraction where it converges fast."""
    t = 3 * (1 + x) / (1 - x)
    small, large = np.minimum(t, 1.0), np.maximum(t, 1.0)
    mills = math.sqrt(math.pi / 2) * special.erfcx(small / math.sqrt(2))
    fraction = large
    for k in range(1000, 1, -1):
        fraction = large + k / fraction
    return (t + 1) * np.where(t < 1.0, 1 / mills - small, 1 / fraction)


def _dilogarithm_series(x):
    """-Li2(-y) / y, by the power series where it converges fast."""
    y = (1 + x) / 2
    k = np.arange(60)
    powers = np.minimum(y, 0.5)[:, None] ** k
    series = powers @ ((-1.0) ** k / (k + 1) ** 2)
    return np.where(y < 0.5, series, -special.spence(1 + y) / y)


def _coefficients(function, count, points=128):
    """The first Chebyshev coefficients of a function, in float64."""
    # Multiples of an angle modulo full turns: large angles would be rounded.
    multiple = np.outer(np.arange(count), 2 * np.arange(points) + 1)
    cosine = np.cos(multiple % (4 * points) * (np.pi / (2 * points)))
    c = cosine @ function(cosine[1]) * (2 / points)
    return np.concatenate([[c[0] / 2], c[1:]])


_EXCESS = _coefficients(_excess_series, 29)
_DILOGARITHM = _coefficients(_dilogarithm_series, 23)
