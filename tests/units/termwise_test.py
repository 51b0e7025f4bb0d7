import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Units
from keras_rbm.units.termwise import Termwise


class Given(Termwise):
    """Units whose terms are any function, of no law."""

    parameters = mean = sample = fit_parameters = None

    def log_partitions(self, inputs, params):
        return inputs * params["bias"]


def test_the_log_partition_is_the_sum_of_the_terms():
    rng = np.random.default_rng(0)
    inputs, rows = rng.normal(size=(2, 4, 3))
    for bias in (rows[0], rows):
        np.testing.assert_allclose(
            Given(3).log_partition(inputs, {"bias": tf.constant(bias)}),
            (inputs * bias).sum(axis=1),
        )


def test_changes_are_subtracted_term_by_term():
    """In float32, sums near 1e8 are multiples of 8."""
    old, new = tf.constant([[1e8, 1.0]]), tf.constant([[1e8, 1.5]])
    ones, more = ({"bias": tf.constant([1.0, b])} for b in (1.0, 3.0))
    unit = Given(2)
    assert unit.log_partition_change(old, ones, new, ones) == 0.5
    assert unit.log_partition_change(old, ones, new, more) == 3.5
    assert Units.log_partition_change(unit, old, ones, new, ones) == 0


def test_types_must_implement_the_terms():
    class Without(Given):
        log_partitions = Termwise.log_partitions

    with pytest.raises(TypeError, match="log_partitions"):
        Without(3)
