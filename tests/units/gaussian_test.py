import numpy as np
import tensorflow as tf
from scipy import stats

from keras_rbm import Gaussian, likelihood, random
from keras_rbm import machine as machine_lib
from tests.machines import assert_means, sweeps
from tests.units.normal import Normal

PRECISION = np.array([0.5, 1.0, 4.0])
STREAM = random.stream(5)


def test_draws_are_normal():
    inputs = np.array([[-3.0, 0.0, 2.0]])
    params = {
        "bias": tf.constant([1.0, 0.5, 0.0]),
        "precision": tf.constant(PRECISION, tf.float32),
    }
    x = Gaussian(3).sample(
        tf.tile(tf.constant(inputs, tf.float32), (50_000, 1)),
        params,
        random.stream(3),
    )
    mean = (inputs[0] + [1.0, 0.5, 0.0]) / PRECISION
    for column in range(3):
        law = stats.norm(mean[column], PRECISION[column] ** -0.5)
        assert stats.kstest(x[:, column].numpy(), law.cdf).pvalue > 1e-4


def test_any_number_is_a_state():
    Gaussian(2).check_states(np.array([[-1e30, 0.3]]))


def test_sweeps_of_a_gaussian_machine_keep_its_covariance():
    normal, count = Normal(), 50_000
    machine = machine_lib.cast(normal.machine, "float32")
    run = tf.function(sweeps, jit_compile=True)
    v = run(machine, normal.draws(count), STREAM, tf.constant(5)).numpy()
    mean = normal.mean[normal.visible]
    covariance = normal.covariance[normal.visible, normal.visible]
    assert_means(v, mean)
    assert_means(np.einsum("ni,nj->nij", v - mean, v - mean), covariance)


def test_annealing_of_a_gaussian_machine():
    normal = Normal()
    machine = machine_lib.cast(normal.machine, "float32")
    v = normal.draws(2000)
    base = machine_lib.decouple(machine, np.mean(v, 0), np.var(v, 0))
    for estimate in (
        likelihood.ais(machine, base, STREAM, 50, 2000),
        likelihood.reverse_ais(machine, base, v, STREAM, 50),
        likelihood.bennett(machine, base, STREAM, 4, 100, 100, 50),
    ):
        error = estimate.standard_error
        assert abs(estimate.log_z - normal.log_z) < 4 * error
        assert error < 0.1
