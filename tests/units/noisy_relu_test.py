import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_rbm import Bernoulli, NoisyReLU, likelihood, random
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from tests.machines import assert_means, rounding
from tests.oracle import Oracle

Z = np.linspace(-12.0, 12.0, 97)
PARAMS = {"bias": tf.zeros(len(Z), "float64")}
UNIT = NoisyReLU(len(Z))
STREAM = random.stream(5)


def each(function):
    """A function of sums over units, of each z alone."""
    one = {"bias": tf.zeros(1, "float64")}
    return function(tf.constant(Z[:, None]), one).numpy()


def copies(count=200):
    """The binary copies' z - 1/2, z - 3/2, ..., as rows."""
    return Z - np.arange(count)[:, None] - 0.5


def test_the_log_partition_is_above_that_of_the_copies_by_a_share():
    expected = np.logaddexp(0.0, copies()).sum(axis=0)
    excess = each(NoisyReLU(1).log_partition) - expected
    # The midpoint rule: less than the integral of a convex function, to first
    # order by a 24th of its slope at the end.
    error = rounding("float64", 80.0, 200)
    assert (excess > -error).all()
    assert (excess < 1 / 24 + error).all()
    assert np.abs(excess - 1 / (1 + np.exp(-Z)) / 24).max() < 0.0003


def test_the_mean_is_near_that_of_the_copies():
    expected = 1 / (1 + np.exp(-copies()))
    distance = np.abs(each(NoisyReLU(1).mean)[:, 0] - expected.sum(axis=0))
    assert 0.010 < distance.max() < 0.011


def test_the_noise_has_the_variance_of_the_copies():
    p = 1 / (1 + np.exp(-copies()))
    variance = (p * (1 - p)).sum(axis=0)
    assert np.abs(variance - 1 / (1 + np.exp(-Z))).max() < 0.0042


def test_the_base_energy_is_that_of_the_number_of_copies():
    """Euler's identity: the law of the sum of stepped binary units."""
    n = np.arange(40)
    base = NoisyReLU(1).base_energy(tf.constant(n[:, None], "float64")).numpy()
    expected = n**2 / 2 + np.concatenate(
        [[0.0], np.cumsum(np.log1p(-np.exp(-n[1:])))]
    )
    np.testing.assert_allclose(
        base, expected, rtol=rounding("float64", 1.0, 40), atol=1e-15
    )
    np.testing.assert_allclose(
        np.logaddexp.reduce(n[:, None] * Z - base[:, None], axis=0),
        np.logaddexp(0.0, copies()).sum(axis=0),
        rtol=0,
        atol=rounding("float64", 80.0, 200),
    )


def test_the_base_energy_goes_on_between_integers():
    """With the recursion of the numbers: E(x + 1) - E(x), for all x."""
    x = np.linspace(0.0, 12.0, 121)
    unit = NoisyReLU(1)
    below, above = (
        unit.base_energy(tf.constant(y[:, None])).numpy() for y in (x, x + 1)
    )
    np.testing.assert_allclose(
        above - below,
        x + 0.5 + np.log1p(-np.exp(-x - 1)),
        rtol=0,
        atol=rounding("float64", 80.0, 40),
    )


def test_draws_are_rectified_normal():
    count = 40_000
    x = UNIT.sample(
        tf.tile(tf.constant(Z[None], tf.float32), (count, 1)),
        {"bias": tf.zeros(len(Z))},
        random.stream(2),
    )
    p = 1 / (1 + np.exp(-Z))
    spread = np.sqrt(p)
    law = stats.norm(0, 1)
    share, density = law.cdf(Z / spread), law.pdf(Z / spread)
    mean = Z * share + spread * density
    assert_means(x, mean)
    assert_means(x.numpy() ** 2, (Z**2 + p) * share + Z * spread * density)
    # Where a draw of 0 is rare, one more or less.
    assert_means(x.numpy() > 0, share, slack=1 / count)
    # Their mean is less than the one that learning takes, near 0 alone.
    lack = np.log1p(np.exp(Z)) - mean
    assert 0 < lack.min()
    assert 0.41 < lack.max() < 0.42
    assert lack[np.abs(Z) > 6].max() < 0.003


def test_it_says_that_it_is_approximate():
    assert "drawn as max(0, z + noise)" in UNIT.approximation
    assert UNIT.least_curvature() == 1.0


def test_fitted_parameters_of_no_activity_are_finite():
    bias = NoisyReLU(2).fit_parameters(np.array([0.0, 50.0]))["bias"]
    np.testing.assert_allclose(bias, [np.log(np.expm1(1e-3)), 50.0])


def noisy():
    rng = np.random.default_rng(3)
    return Machine(
        Bernoulli(4),
        NoisyReLU(2),
        tf.constant(rng.normal(size=(4, 2))),
        {"bias": tf.constant(rng.normal(size=4))},
        {"bias": tf.constant(rng.normal(size=2))},
    )


def test_values_without_a_law_of_their_own_have_no_likelihood():
    visible = machine_lib.flip(noisy())
    with pytest.raises(ValueError, match="visible units with a law of their"):
        likelihood.exact(visible)
    assert likelihood.exact(noisy()).trusted


def test_approximate_draws_allow_no_estimate_that_rests_on_them():
    machine = noisy()
    base = machine_lib.decouple(machine, np.full(4, 0.5))
    v = np.zeros((3, 4))
    for call in (
        lambda: likelihood.ais(machine, base, STREAM, 3, 3),
        lambda: likelihood.reverse_ais(machine, base, v, STREAM, 3),
        lambda: likelihood.bennett(machine, base, STREAM, 3, 3, 3, 3),
        lambda: likelihood.bracket(machine, base, v, STREAM, None, 3, 3),
        lambda: likelihood.ais(
            machine_lib.flip(machine), machine_lib.flip(base), STREAM, 3, 3
        ),
    ):
        with pytest.raises(
            ValueError,
            match=r"exact, .*drawn as max\(0, z \+ noise\).*Received",
        ):
            call()


def test_log_z_of_approximate_units_by_the_other_side():
    machine = noisy()
    n = np.arange(60)
    logs = np.concatenate([[0], np.cumsum(np.log1p(-np.exp(-n[1:])))])
    weights = -(n**2) / 2 - logs
    oracle = Oracle(
        machine.kernel,
        machine.visible_params["bias"],
        machine.hidden_params["bias"],
        hidden=(
            np.array(list(itertools.product(n, n)), "float64"),
            np.add.outer(weights, weights).ravel(),
        ),
    )
    excess = likelihood.exact(machine).log_z - oracle.log_z
    assert 0 < excess < 2 / 24
