import numpy as np
import pytest
from scipy import stats

from keras_rbm import diagnostics, gibbs, random
from keras_rbm import machine as machine_lib
from tests.machines import exact_draws, machine
from tests.oracle import Oracle


def autoregressive(rho, sweeps, chains, seed=0):
    """x_t = rho x_{t-1} + noise, stationary: autocorrelation rho^t."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(sweeps, chains))
    x = np.empty((sweeps, chains))
    x[0] = noise[0]
    for t in range(1, sweeps):
        x[t] = rho * x[t - 1] + np.sqrt(1 - rho**2) * noise[t]
    return x


def standard_error(tau, sweeps, chains):
    """That of tau by Sokal's formula, with a window of 5 tau."""
    window = np.ceil(5 * tau)
    return tau * np.sqrt(2 * (2 * window + 1) / (sweeps * chains))


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.5, 0.9])
def test_autoregressive_process(rho):
    sweeps, chains = 1000, 100
    x = autoregressive(rho, sweeps, chains)
    found = diagnostics.autocorrelation_time(x)
    tau = (1 + rho) / (1 - rho)
    # What the window leaves out: at most that from 5 tau on.
    rest = 2 * abs(rho) ** (5 * tau) / (1 - abs(rho))
    assert found.converged
    error = 4 * standard_error(tau, sweeps, chains)
    assert abs(found.sweeps - tau) < error + rest
    # Bartlett's variance of rho(t) is at most tau / (sweeps chains).
    rhos = diagnostics.autocorrelation(x)[:20]
    np.testing.assert_allclose(
        rhos,
        rho ** np.arange(20.0),
        rtol=0,
        atol=5 * np.sqrt(max(tau, 1) / (sweeps * chains)),
    )


def test_autocorrelation_is_that_of_the_definition():
    x = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    y = x.astype("float64") - x.astype("float64").mean()
    expected = [np.mean(y[: 7 - t] * y[t:]) for t in range(7)]
    np.testing.assert_allclose(
        diagnostics.autocorrelation(x),
        np.array(expected) / expected[0],
        rtol=0,
        atol=100 * np.finfo("float64").eps,
    )


def test_chains_that_stay_apart_do_not_mix():
    x = autoregressive(0.0, 200, 10) + 3.0 * np.arange(10)
    memory = 1 - 1 / x.var()
    rho = diagnostics.autocorrelation(x)
    assert abs(rho[100] - memory) < 4 / np.sqrt(100 * 10)
    found = diagnostics.autocorrelation_time(x)
    assert not found.converged
    # The sum over half of the run.
    assert found.sweeps == pytest.approx(1 + 2 * rho[1:101].sum())


def test_one_that_takes_longer_than_the_run_is_not_known():
    x = autoregressive(0.995, 100, 50)
    found = diagnostics.autocorrelation_time(x)
    assert not found.converged
    assert 20 < found.sweeps < (1 + 0.995) / (1 - 0.995)


@pytest.mark.parametrize("x", [np.full((9, 4), -3.7), np.zeros((9, 4), int)])
def test_what_does_not_vary_has_none(x):
    assert np.isnan(diagnostics.autocorrelation(x)).all()
    found = diagnostics.autocorrelation_time(x)
    assert np.isnan(found.sweeps)
    assert not found.converged


def test_rounding_is_no_variation():
    x = np.full((9, 4), -300.0, "float32")
    x[::2] = np.nextafter(x[::2], np.float32(0.0))
    assert np.isnan(diagnostics.autocorrelation(x)).all()


@pytest.fixture(scope="module")
def run():
    """An oracle, and a run from equilibrium of its machine."""
    kernel = np.full((6, 4), 1.5)  # Mostly all units on, or all off.
    oracle = Oracle(kernel, 0.3 - kernel.sum(1) / 2, -kernel.sum(0) / 2)
    rng = np.random.default_rng(0)
    start = exact_draws(rng, oracle.p_visible, oracle.visible_states, 400)
    ours = machine(oracle)
    return oracle, ours, start, diagnostics.run(ours, start, STREAM, SWEEPS)


STREAM, SWEEPS = random.stream(5), 300


def test_the_run_is_that_of_plain_sweeps(run):
    _, ours, start, found = run
    v, flipped = start, np.zeros(6, bool)
    rows = []
    for sweep in range(3):
        rows.append(np.asarray(machine_lib.free_energy(ours, v)))
        new = np.asarray(gibbs.sweep(ours, v, random.fold_in(STREAM, sweep)))
        flipped |= (new != v).any(axis=0)
        v = new
    short = diagnostics.run(ours, start, STREAM, 3)
    scale = np.abs(rows).max()
    for free_energy in (short.free_energy, found.free_energy[:3]):
        np.testing.assert_allclose(
            free_energy, rows, rtol=0, atol=20 * np.finfo("f4").eps * scale
        )
    np.testing.assert_array_equal(short.v, v)
    np.testing.assert_array_equal(short.flipped, flipped)


def test_autocorrelation_time_of_an_enumerated_machine(run):
    oracle, _, start, found = run
    p = oracle.p_visible
    f = oracle.free_energy(oracle.visible_states)
    f = f - p @ f
    powers, rhos = f, []
    for _ in range(SWEEPS):
        rhos.append((p * f) @ powers / (p @ f**2))
        powers = oracle.transition() @ powers
    tau = 2 * np.sum(rhos) - 1
    assert tau > 2  # Or else there would be nothing to see.
    x = np.asarray(found.free_energy)
    ours = diagnostics.autocorrelation_time(x)
    error = standard_error(tau, SWEEPS, len(start))
    rest = 2 * np.sum(rhos[int(5 * tau) :])
    assert ours.converged
    assert abs(ours.sweeps - tau) < 4 * error + rest


def test_units_that_cannot_flip(run):
    oracle, _, start, found = run
    assert np.asarray(found.flipped).all()
    bias = oracle.visible_bias.copy()
    bias[[1, 4]] = -100.0, 100.0
    start = start.copy()
    start[:, 1], start[:, 4] = 0, 1
    frozen = machine(Oracle(oracle.kernel, bias, oracle.hidden_bias))
    flipped = diagnostics.run(frozen, start, STREAM, SWEEPS).flipped
    np.testing.assert_array_equal(flipped, [1, 0, 1, 1, 0, 1])


def two_clusters(rng, share, count, width=20):
    """Rows of two far clusters, the first of which has this share."""
    centres = np.repeat([[0.1, 0.9]], width, axis=0).T
    own = np.asarray(rng.random(count) > share, int)
    return (rng.random((count, width)) < centres[own]).astype("float32"), own


def test_chains_that_have_mixed():
    rng = np.random.default_rng(0)
    halfway, end = (two_clusters(rng, 0.3, 120)[0] for _ in range(2))
    found = diagnostics.mixing(halfway, end, 20)
    assert found.warnings == ()
    assert found.distance.alike
    assert abs(found.memory) < 4 * found.memory_error
    assert found.memory_error == pytest.approx(1 / np.sqrt(120))


def test_chains_that_stay_in_their_clusters_remember():
    rng = np.random.default_rng(0)
    halfway, own = two_clusters(rng, 0.3, 120)
    end = two_clusters(rng, 0.0, 120)[0] * own[:, None] + two_clusters(
        rng, 1.0, 120
    )[0] * (1 - own[:, None])
    found = diagnostics.mixing(halfway, end)
    assert found.memory > 0.9
    (told,) = found.warnings
    assert "remember where they were after half of the sweeps" in told
    assert found.distance is None


def test_chains_from_different_starts_that_have_not_met():
    rng = np.random.default_rng(0)

    def rows():
        near, far = (two_clusters(rng, x, 60)[0] for x in (0.95, 0.1))
        return np.concatenate([near, far])

    found = diagnostics.mixing(rows(), rows(), 60)
    assert any("different starts have not met" in x for x in found.warnings)
    assert found.distance.largest > 0.6


def test_two_samples_of_one_law_are_alike_and_others_are_not():
    rng = np.random.default_rng(0)
    limits = []
    for _ in range(200):
        found = diagnostics.two_sample(
            rng.normal(size=(100, 2)), rng.normal(size=(30, 2))
        )
        assert found.alike
        limits.append(found.limit)
    # The asymptotic quantile of Kolmogorov's law, for two axes.
    expected = np.sqrt(np.log(4e4) / 2 * 130 / 3000)
    np.testing.assert_allclose(limits, expected)
    x, y = rng.normal(size=(100, 1)), rng.normal(size=(80, 1)) + 2.0
    found = diagnostics.two_sample(x, y)
    assert not found.alike
    expected = stats.ks_2samp(x[:, 0], y[:, 0]).statistic
    assert found.largest == pytest.approx(expected)
    # Equal values but for rounding.
    x = np.ones((50, 1))
    assert diagnostics.two_sample(x, x * (1 + 1e-9)).largest == 0


@pytest.mark.parametrize("shape", [(200, 5), (10, 40)])
def test_principal_axes_are_those_of_the_singular_values(shape):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape) * np.linspace(5, 1, shape[1])
    axes, mean = diagnostics.principal_axes(x)
    expected = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:3]
    np.testing.assert_allclose(mean, x.mean(0))
    np.testing.assert_allclose(np.abs(axes @ expected.T), np.eye(3), atol=1e-6)
    flat = diagnostics.principal_axes(np.ones((4, 3)))[0]
    assert flat.shape == (0, 3)
    assert diagnostics.mixing(np.ones((4, 3)), np.ones((4, 3)), 2).memory == 0


def test_a_ladder_is_judged_by_swaps_and_round_trips():
    assert diagnostics.ladder_warnings(None, None, None) == []
    rates = np.array([0.5, 0.6])
    assert diagnostics.ladder_warnings(rates, 450.0, 500.0) == []
    # Too few to be missed.
    assert diagnostics.ladder_warnings(rates, 0.0, 90.0) == []
    (told,) = diagnostics.ladder_warnings(rates, 30.0, 500.0)
    assert "do not travel" in told
    assert "30 round trips, of 500 if they moved freely" in told
    assert "TrajectoryTempering" in told
    (told,) = diagnostics.ladder_warnings(np.array([0.5, 0.01]), 0.0, 0.0)
    assert "exchange at a rate of 0.010, below 0.05: take more betas" in told
