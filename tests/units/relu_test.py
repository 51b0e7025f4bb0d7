import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from keras_rbm import ReLU, random
from tests.machines import rounding

T = [-1e4, -30.0, -3.0, -0.5, 0.0, 1e-3, 0.5, 3.0, 30.0, 1e3, 1e4]


def excess_law(t):
    """P(y - t < x | y > t), of a standard normal y, without cancellation."""

    def mills(t):
        return special.erfcx(t / np.sqrt(2))

    if t < 0:
        return lambda x: 1 - special.ndtr(-t - x) / special.ndtr(-t)
    return lambda x: (
        -np.expm1(-x * (t + x / 2) + np.log(mills(t + x) / mills(t)))
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_draws_of_a_tail(jit_compile):
    draw = tf.function(random.truncated_normal, jit_compile=jit_compile)
    x = draw(random.stream(4), tf.constant(np.tile(T, (40_000, 1)), tf.float32))
    assert x.dtype == tf.float32
    x = x.numpy().astype("float64")
    assert (x >= 0).all()
    for column, t in enumerate(T):
        assert stats.kstest(x[:, column], excess_law(t)).pvalue > 1e-4


def test_draws_are_the_quantiles_of_uniform_ones(monkeypatch):
    """To the rounding of float32, out to the last ones."""
    words = np.linspace(0, 2**32 - 1, 1001).astype("uint32")[:, None]
    monkeypatch.setattr(
        random,
        "bits",
        lambda stream, shape: tf.constant(np.tile(words, len(T))),
    )
    t = tf.constant(np.tile(T, (1001, 1)), tf.float32)
    x = random.truncated_normal(random.stream(0), t).numpy().astype("float64")
    u = ((words[:, 0] >> 9) + 0.5) / 2**23
    for column, value in enumerate(T):
        # Far out the draw is on the scale of 1 / t.
        error = rounding("float32", 1 / max(1.0, value) + max(0.0, -value), 16)
        slope = special.ndtr(-value) if value < 0 else 1.0
        assert slope > 0
        law = excess_law(value)
        low = law(np.maximum(x[:, column] - error, 0.0))
        high = law(x[:, column] + error)
        # A probability is rounded to float32 too, where it is near 1.
        rounded = rounding("float32", 1.0, 4)
        share = 1 - u
        assert (low <= share + rounded * share).all()
        assert (share - rounded * share <= high).all()


@pytest.mark.parametrize("precision", [None, 0.3])
def test_samples_are_truncated_normal(precision):
    z, q = np.array([-8.0, -1.0, 0.0, 2.5]), precision or 2.0
    params = {"bias": tf.zeros(4), "precision": tf.fill((4,), tf.constant(q))}
    x = ReLU(4, precision).sample(
        tf.tile(tf.constant(z[None], tf.float32), (40_000, 1)),
        params,
        random.stream(6),
    )
    for column, mean in enumerate(z / q):
        width = q**-0.5
        law = stats.truncnorm(-mean / width, np.inf, mean, width)
        assert stats.kstest(x[:, column].numpy(), law.cdf).pvalue > 1e-4


def test_formulas_far_out():
    """Of z from -1e6 to 1e6, by the law of the tail."""
    z = np.array([-1e6, -1e3, -40.0, 40.0, 1e6])
    unit, q = ReLU(5), 4.0
    params = {
        "bias": tf.zeros(5, "float64"),
        "precision": tf.fill((5,), tf.constant(q, "float64")),
    }
    inputs = tf.constant(np.diag(z))
    a = z / np.sqrt(q)
    log_tail = special.log_ndtr(a) + a**2 / 2
    t = -a[:2]
    # Beyond what SciPy's logarithm holds, 1 / t and its first corrections.
    log_tail[:2] = -np.log(t * np.sqrt(2 * np.pi)) + np.log1p(
        -(t**-2.0) + 3 * t**-4.0
    )
    expected = log_tail + 0.5 * np.log(2 * np.pi / q)
    others = 4 * 0.5 * np.log(np.pi / (2 * q))
    np.testing.assert_allclose(
        unit.log_partition(inputs, params),
        expected + others,
        rtol=rounding("float64", 1.0, 30),
    )
    mean = np.diag(unit.mean(inputs, params))
    np.testing.assert_allclose(mean[:2], (1 / t - 2 / t**3) / 2, rtol=1e-9)
    np.testing.assert_allclose(mean[3:], z[3:] / q, rtol=1e-14)


@pytest.mark.parametrize("mean", [1e-3, 0.1, 0.8, 3.0, 1e4])
def test_fitted_parameters_of_any_mean(mean):
    unit = ReLU(1)
    params = unit.fit_parameters(np.array([mean]), np.array([1.0]))
    np.testing.assert_allclose(
        unit.mean(tf.zeros((1, 1), "float64"), params)[0], mean, rtol=1e-9
    )
    # A unit that is always off starts at the least mean there is.
    params = unit.fit_parameters(np.array([0.0]), np.array([1.0]))
    assert np.isfinite(params["bias"]).all()


def test_data_are_not_negative():
    ReLU(2).check(np.array([[0.0, 1e9]]))
    with pytest.raises(ValueError, match=r"from 0 to inf.*x\[0, 1\]=-0.1"):
        ReLU(2).check(np.array([[0.0, -0.1]]))
