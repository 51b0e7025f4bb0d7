import numpy as np
import tensorflow as tf

from keras_rbm import DeepBoltzmannMachine, likelihood
from tests import machines


def test_under_a_mixed_policy_the_bound_is_that_of_the_rounded_kernel():
    model = DeepBoltzmannMachine(60, 40, 30, seed=0, dtype="mixed_bfloat16")
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    twin = DeepBoltzmannMachine(60, 40, 30, seed=0)
    twin.set_weights(model.get_weights())
    twin.kernel.assign(tf.cast(tf.cast(model.kernel, "bfloat16"), "float32"))
    v = (rng.random((20, 60)) < 0.5).astype("float32")
    log_z = likelihood.Exact(0.0)
    expected = twin.log_likelihood(v, log_partition=log_z).scores
    found = model.log_likelihood(v, log_partition=log_z).scores
    # Sums of 90 numbers. With products in bfloat16, scores are 0.1 off.
    error = machines.rounding("float32", np.abs(expected).max(), 90)
    np.testing.assert_allclose(found, expected, rtol=0, atol=error)
    energies = model.free_energy(v)
    np.testing.assert_allclose(energies, -expected, rtol=0, atol=error)
