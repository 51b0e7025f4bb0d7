import numpy as np
import pytest

from keras_rbm import machine as machine_lib
from keras_rbm.likelihood.estimate import estimate
from tests.machines import machine, rounding
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
BASE = machine_lib.decouple(machine(ORACLE), ORACLE.moments()[1])
BASE_LOG_Z = np.logaddexp(
    0, BASE.visible_params["bias"].numpy().astype("float64")
).sum() + 4 * np.log(2)
PARTICLES = np.zeros((3, 5))
ERROR = rounding("float64", 20.0, 20)


def test_log_z_is_that_of_the_base_and_of_the_mean_weight():
    log_weights = np.log([1.0, 2.0, 6.0])
    forward = estimate(BASE, log_weights, PARTICLES)
    assert forward.log_z == pytest.approx(BASE_LOG_Z + np.log(3.0), abs=ERROR)
    reverse = estimate(BASE, log_weights, PARTICLES, reverse=True)
    assert reverse.log_z == pytest.approx(BASE_LOG_Z - np.log(3.0), abs=ERROR)
    assert forward.particles is PARTICLES
    assert forward.log_weights is log_weights


def test_standard_error_and_effective_sample_size():
    weights = np.array([1.0, 2.0, 6.0])
    result = estimate(BASE, np.log(weights), PARTICLES)
    error = weights.std(ddof=1) / np.sqrt(3) / weights.mean()
    assert result.standard_error == pytest.approx(error, abs=ERROR)
    assert result.effective_sample_size == pytest.approx(81 / 41, abs=ERROR)
    for other in (
        estimate(BASE, np.log(weights), PARTICLES, reverse=True),
        # The scale of the weights has no say in it.
        estimate(BASE, np.log(weights) + 7.0, PARTICLES),
    ):
        assert other[1:3] == pytest.approx(result[1:3], abs=ERROR)


@pytest.mark.parametrize("shift", [-1e5, 1e5])
def test_weights_beyond_the_range_of_numbers(shift):
    result = estimate(BASE, np.log([1.0, 3.0]) + shift, PARTICLES)
    assert result.log_z == pytest.approx(
        BASE_LOG_Z + np.log(2.0) + shift, abs=rounding("float64", 1e5, 4)
    )
    assert result.effective_sample_size == pytest.approx(
        1.6, abs=rounding("float64", 1e5, 4)
    )


def test_equal_weights_are_sure():
    result = estimate(BASE, np.full(7, 0.3), PARTICLES)
    assert result.effective_sample_size == pytest.approx(7.0, abs=ERROR)
    # The root of what is left of 7 / 7 - 1.
    assert result.standard_error < np.sqrt(ERROR)


def test_one_weight_that_carries_all():
    result = estimate(BASE, np.array([0.0, -1e4, -1e4, -1e4]), PARTICLES)
    assert result.effective_sample_size == pytest.approx(1.0, abs=ERROR)
    assert result.standard_error == pytest.approx(1.0, abs=ERROR)


def test_a_single_weight_has_no_error_that_is_known():
    result = estimate(BASE, np.array([0.5]), PARTICLES)
    assert result.standard_error == np.inf
    assert result.effective_sample_size == 1.0
    assert "+- inf nats" in str(result)


def test_what_is_not_a_number_stays_so():
    result = estimate(BASE, np.array([0.5, np.nan]), PARTICLES)
    assert np.isnan(result[:3]).all()


def test_it_prints_its_uncertainty():
    result = estimate(BASE, np.log([1.0, 2.0, 6.0]), PARTICLES)
    assert str(result) == (
        f"log Z = {result.log_z:.3f} +- {result.standard_error:.3f} nats "
        "(3 chains, effective sample size 2.0)"
    )
