from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_rbm import Bernoulli
from keras_rbm.compiled import compiled


class Pair(NamedTuple):
    units: Bernoulli
    x: tf.Tensor


def test_it_is_compiled_once_for_each_program():
    traces = []

    @compiled
    def double(pair, times=2):
        traces.append(tf.executing_eagerly())
        return times * pair.x, pair.units.size * tf.ones(())

    units = Bernoulli(5), Bernoulli(5)
    for unit, value in zip(units, (1.0, 3.0), strict=True):
        x, size = double(Pair(unit, tf.constant([value])))
        np.testing.assert_array_equal(x, [2 * value])
        assert size == 5
    # In a graph, and with units that are equal no second time.
    assert traces == [False]
    other = Pair(Bernoulli(6), tf.constant([1.0]))
    assert double(other)[1] == 6
    x, _ = double(other, times=3)
    assert x == 3.0
    assert len(traces) == 3


def test_xla_makes_the_program():
    @compiled
    def sums(x):
        return tf.reduce_sum(tf.exp(x) * tf.exp(-x))

    x = tf.ones((100,))
    program = sums.experimental_get_compiler_ir(x)(stage="optimized_hlo")
    assert "fusion" in program
    assert sums(x).numpy() == 100.0


def test_many_programs_of_a_function_are_no_cause_for_a_warning(monkeypatch):
    @compiled
    def double(x):
        return 2 * x

    warned = []
    monkeypatch.setattr(
        tf.get_logger(), "warning", lambda *args, **kwargs: warned.append(args)
    )
    for size in range(1, 9):
        double(tf.ones(size))
    assert double.experimental_get_tracing_count() == 8
    assert not warned
