"""Special functions against their series, in decimals of 50 digits."""

import decimal
from decimal import Decimal

import numpy as np
import pytest
import tensorflow as tf
from scipy import special as scipy_special

from keras_rbm import special
from tests.machines import rounding

PI = Decimal("3.14159265358979323846264338327950288419716939937510582")
T = np.concatenate([np.linspace(0.0, 8.0, 161), np.logspace(1.0, 12.0, 45)])
Z = np.concatenate([np.linspace(-30.0, 30.0, 241), [-700.0, 1e4, 1e15]])


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(autouse=True)
def digits():
    with decimal.localcontext() as context:
        context.prec = 50
        yield


def excess(t):
    """G(t), by the series of erf or by the continued fraction."""
    t = Decimal(float(t))
    if t >= 5:
        fraction = t
        for k in range(300, 1, -1):
            fraction = t + k / fraction
        return float(1 / fraction)
    area = term = t
    for k in range(1, 300):
        term = -term * t * t / (2 * k)
        area += term / (2 * k + 1)
    return float((-t * t / 2).exp() / ((PI / 2).sqrt() - area) - t)


def softplus_integral(z):
    """-Li2(-e^z), with y = e^-|z| and w = y / (1 + y) <= 1/2."""
    z = Decimal(float(z))
    y = (-abs(z)).exp()
    w = y / (1 + y)
    series = sum(w**k / k**2 for k in range(1, 180))
    below = series + (1 + y).ln() ** 2 / 2
    return float(below if z <= 0 else z * z / 2 + PI**2 / 6 - below)


def test_normal_excess(dtype):
    t = tf.constant(T, dtype)
    expected = np.array([excess(x) for x in t.numpy()])
    for function in (
        special.normal_excess,
        tf.function(special.normal_excess, jit_compile=True),
    ):
        value = function(t)
        assert value.dtype == dtype
        # Clenshaw's recurrence for some 30 terms.
        np.testing.assert_allclose(value, expected, rtol=rounding(dtype, 1, 15))


def test_slope_of_the_normal_excess(dtype):
    t = tf.constant(T, dtype)
    with tf.GradientTape() as tape:
        tape.watch(t)
        value = special.normal_excess(t)
    expected = np.array([excess(x) for x in t.numpy()])
    expected = expected * (t.numpy().astype("float64") + expected) - 1
    np.testing.assert_allclose(
        tape.gradient(value, t),
        expected,
        rtol=0,
        # The reference in float64 has an error of its own.
        atol=rounding(dtype, 1, 30),
    )


def test_normal_tail(dtype):
    t = tf.constant(np.linspace(0.0, 12.0, 121), dtype)
    # An exponent up to 72 is rounded.
    np.testing.assert_allclose(
        special.normal_tail(t),
        scipy_special.ndtr(-t.numpy().astype("float64")),
        rtol=rounding(dtype, 72, 4),
    )


def test_softplus_integral(dtype):
    z = tf.constant(Z, dtype)
    expected = np.array([softplus_integral(x) for x in z.numpy()])
    for function in (
        special.softplus_integral,
        tf.function(special.softplus_integral, jit_compile=True),
    ):
        value = function(z)
        assert value.dtype == dtype
        np.testing.assert_allclose(
            value,
            expected,
            rtol=rounding(dtype, 1, 15),
            atol=np.finfo(dtype).tiny,
        )


def test_slope_of_the_softplus_integral(dtype):
    z = tf.constant(Z, dtype)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = special.softplus_integral(z)
    np.testing.assert_allclose(
        tape.gradient(value, z),
        np.logaddexp(0.0, z.numpy().astype("float64")),
        rtol=rounding(dtype, 1, 4),
        atol=np.finfo(dtype).tiny,
    )


def test_a_chebyshev_series(dtype):
    c = np.array([0.3, -2.0, 0.7, 0.01])
    x = tf.constant(np.linspace(-1, 1, 41), dtype)
    np.testing.assert_allclose(
        special.chebyshev(c, x),
        np.polynomial.chebyshev.chebval(x.numpy().astype("float64"), c),
        rtol=0,
        atol=rounding(dtype, 3, 10),
    )


def test_terms_that_rounding_hides_are_left_out():
    c = np.array([1.0, 1e-9])
    x = tf.constant([1.0])
    assert special.chebyshev(c, x).numpy() == 1.0
    assert special.chebyshev(c, tf.cast(x, "float64")).numpy() > 1.0
