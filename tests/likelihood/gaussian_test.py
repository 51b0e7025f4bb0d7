"""Machines of Gaussian units on both sides, against their normal law."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_rbm import Bernoulli, Composite, Gaussian, ReLU, likelihood
from keras_rbm import machine as machine_lib
from keras_rbm.likelihood import gaussian
from tests.units.normal import Normal

# A closed form, or a sum of terms up to 20.
ERROR = 1e-9
MISSING = np.nan


def test_only_two_gaussian_sides_have_the_closed_form():
    machine = Normal().machine
    assert gaussian.is_gaussian(machine)
    for units in (Bernoulli(3), ReLU(3), Composite(Gaussian(2), Gaussian(1))):
        other = machine._replace(visible=units)
        assert not gaussian.is_gaussian(other)
        assert not gaussian.is_gaussian(machine_lib.flip(other))


def test_log_z_and_free_energy_are_those_of_the_normal_law():
    normal = Normal()
    assert likelihood.can_be_exact(normal.machine)
    result = likelihood.exact(normal.machine)
    assert result.log_z == pytest.approx(normal.log_z, abs=ERROR)
    half = normal.machine._replace(beta=0.0)
    assert likelihood.exact(half).log_z == pytest.approx(
        float(machine_lib.log_partition_decoupled(half)), abs=ERROR
    )
    v = normal.draws(20).numpy().astype("float64")
    log_p = stats.multivariate_normal(
        normal.mean[normal.visible],
        normal.covariance[normal.visible, normal.visible],
    ).logpdf(v)
    np.testing.assert_allclose(
        -machine_lib.free_energy(normal.machine, tf.constant(v)) - result.log_z,
        log_p,
        rtol=0,
        atol=ERROR,
    )


def test_a_gaussian_machine_by_quadrature():
    normal = Normal(1, 1)
    x = np.linspace(-20, 20, 801)
    v, h = (g.ravel() for g in np.meshgrid(x, x))
    energy = machine_lib.energy(
        normal.machine, tf.constant(v[:, None]), tf.constant(h[:, None])
    )
    total = np.logaddexp.reduce(-energy.numpy()) + 2 * np.log(x[1] - x[0])
    assert likelihood.exact(normal.machine).log_z == pytest.approx(
        total, abs=ERROR
    )


@pytest.mark.parametrize("beta", [0.7, -0.7])
def test_the_coupling_counts_with_its_strength(beta):
    """One unit on each side, whose matrix of precisions is 2 x 2."""
    normal = Normal(1, 1)
    w, p, q, b, c = (
        float(np.ravel(x)[0])
        for x in (
            normal.machine.kernel,
            *(
                params[name]
                for name in ("precision", "bias")
                for params in normal.machine[3:5]
            ),
        )
    )
    w = beta * w
    least = p * q - w * w
    expected = np.log(2 * np.pi) - np.log(least) / 2
    expected += (b * b * q + c * c * p + 2 * b * c * w) / (2 * least)
    found = gaussian.log_partition(normal.machine._replace(beta=beta))
    assert found == pytest.approx(expected, abs=ERROR)


def test_rows_with_missing_entries_have_a_closed_form():
    """Against the joint normal law of all columns of v."""
    rng = np.random.default_rng(1)
    precision, own = np.array([1.5, 2.0, 4.0]), np.array([3.0, 2.0])
    b, c = rng.normal(size=3), rng.normal(size=2)
    kernel = 0.4 * rng.normal(size=(3, 2))
    machine = machine_lib.Machine(
        Gaussian(3),
        Gaussian(2),
        tf.constant(kernel),
        {"bias": tf.constant(b), "precision": tf.constant(precision)},
        {"bias": tf.constant(c), "precision": tf.constant(own)},
        beta=0.7,
    )
    joint = np.diag(np.concatenate([precision, own]))
    joint[:3, 3:] = -0.7 * kernel
    joint[3:, :3] = joint[:3, 3:].T
    covariance = np.linalg.inv(joint)
    mean = covariance @ np.concatenate([b, c])
    rows = np.array(
        [
            [0.3, -1, 2],
            [MISSING, 1, 0],
            [0.5, MISSING, MISSING],
            [1, 1, MISSING],
            [MISSING] * 3,
        ]
    )
    assert likelihood.exact_rows(machine, rows).all()
    log_z = likelihood.exact(machine).log_z
    found = likelihood.exact_observed(machine, rows)
    h = likelihood.exact_hidden_mean(machine, rows)
    for row, log, average in zip(rows, found, h, strict=True):
        (seen,) = np.nonzero(~np.isnan(row))
        far, part = row[seen] - mean[seen], covariance[np.ix_(seen, seen)]
        solved = np.linalg.solve(part, far)
        expected = -0.5 * (
            far @ solved + np.linalg.slogdet(2 * np.pi * part)[1]
        )
        assert log - log_z == pytest.approx(expected, abs=1e-10)
        expected = mean[3:] + covariance[3:][:, seen] @ solved
        np.testing.assert_allclose(average, expected, atol=1e-10)


def test_gaussian_machines_integrate_over_the_hidden_side_alone(monkeypatch):
    """The cost of a pattern grows with the cube of the hidden width."""
    rng = np.random.default_rng(2)
    width, shapes = 60, []
    machine = machine_lib.Machine(
        Gaussian(width),
        Gaussian(2),
        tf.constant(0.1 * rng.normal(size=(width, 2))),
        {
            "bias": tf.constant(rng.normal(size=width)),
            "precision": tf.constant(rng.uniform(1, 3, size=width)),
        },
        {
            "bias": tf.constant(rng.normal(size=2)),
            "precision": tf.constant([2.0, 3.0], "float64"),
        },
    )
    log_z = likelihood.exact(machine).log_z
    cholesky = np.linalg.cholesky
    monkeypatch.setattr(
        np.linalg,
        "cholesky",
        lambda x: shapes.append(x.shape) or cholesky(x),
    )
    found = likelihood.exact_observed(machine, np.full((1, width), MISSING))
    assert shapes == [(2, 2)]
    assert found[0] == pytest.approx(log_z, rel=1e-12)
    # A machine that is not normalizable is refused for a row of holes alone.
    wide = machine._replace(kernel=5 * machine.kernel)
    assert np.isfinite(likelihood.exact_observed(wide, np.ones((1, width))))
    assert np.isfinite(
        likelihood.exact_hidden_mean(wide, np.ones((1, width)))
    ).all()
    for function in likelihood.exact_observed, likelihood.exact_hidden_mean:
        with pytest.raises(ValueError, match="is not normalizable"):
            function(wide, np.full((1, width), MISSING))


def test_each_row_has_its_own_pattern_of_missing_entries():
    """Rows of all patterns, in any order, have the values that each has."""
    machine, rng = Normal().machine, np.random.default_rng(0)
    patterns = list(itertools.product([False, True], repeat=3)) * 2
    lost = rng.permutation(patterns)
    rows = np.where(lost, MISSING, rng.normal(size=lost.shape))
    logs = gaussian.observed(machine, rows)
    means = gaussian.hidden_mean(machine, rows)
    for row, log, mean in zip(rows, logs, means, strict=True):
        alone = gaussian.observed(machine, row[None])
        assert log == pytest.approx(alone[0], abs=ERROR)
        alone = gaussian.hidden_mean(machine, row[None])
        np.testing.assert_allclose(mean, alone[0], atol=ERROR)


def test_a_machine_that_is_not_normalizable_is_refused():
    machine = Normal().machine
    machine = machine._replace(kernel=10 * machine.kernel)
    with pytest.raises(
        ValueError,
        match=r"not normalizable: .*Received: a least eigenvalue of -",
    ):
        likelihood.exact(machine)
    machine = machine._replace(kernel=np.nan * machine.kernel)
    assert not likelihood.exact(machine).trusted


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["bias", "precision", "kernel"])
def test_log_z_is_nan_if_a_parameter_is_not_finite(name, value):
    machine = Normal().machine
    if name == "kernel":
        spoiled = machine._replace(kernel=value * machine.kernel)
    else:
        params = {**machine.hidden_params}
        params[name] = tf.constant([1.0, value], "float64")
        spoiled = machine._replace(hidden_params=params)
    assert np.isnan(gaussian.log_partition(spoiled))


@pytest.mark.parametrize("name", ["bias", "precision", "kernel"])
def test_rows_of_a_diverged_machine_are_nan(name):
    machine = Normal().machine
    if name == "kernel":
        diverged = machine._replace(kernel=np.nan * machine.kernel)
    else:
        params = {**machine.hidden_params}
        params[name] = tf.constant([1.0, np.nan], "float64")
        diverged = machine._replace(hidden_params=params)
    rows = np.full((1, machine.visible.width), MISSING)
    assert np.isnan(likelihood.exact_observed(diverged, rows)).all()
    assert np.isnan(likelihood.exact_hidden_mean(diverged, rows)).any()
