"""Small machines learn what they are taught."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_rbm import (
    RBM,
    Chain,
    PersistentChain,
)
from keras_rbm import machine as machine_lib
from tests.machines import (
    oracle_of,
)
from tests.oracle import Oracle, all_states, divergence


class Exact(Chain):
    """Samples in exact proportion to p(v): the negative phase enumerated."""

    count = 8192

    def advance(self, machine, v_data, stream):
        states = tf.constant(all_states(machine.visible.width), v_data.dtype)
        p = ops.softmax(-machine_lib.free_energy(machine, states))
        places = (tf.range(self.count, dtype=p.dtype) + 0.5) / self.count
        # The state in whose share of [0, 1] each place is.
        above = places[:, None] > tf.cumsum(p)[None]
        index = tf.reduce_sum(tf.cast(above, tf.int32), axis=1)
        return tf.gather(states, tf.minimum(index, states.shape[0] - 1))

    samples = advance


def bimodal(hidden=2):
    """A machine that favours no state of any one unit."""
    kernel = Oracle.draw(5, hidden, scale=3.0).kernel
    return Oracle(kernel, -kernel.sum(1) / 2, -kernel.sum(0) / 2)


def test_with_exact_samples_it_recovers_a_teacher():
    teacher = bimodal().p_visible
    rng = np.random.default_rng(0)
    # All states, each as often as it is expected.
    counts = np.round(2048 * teacher).astype(int)
    x = np.repeat(all_states(5), counts, axis=0)[rng.permutation(counts.sum())]
    law = counts / counts.sum()
    model = RBM(5, 4, Exact(), seed=0)
    optimizer = keras.optimizers.SGD(0.5, momentum=0.9)
    model.compile(optimizer, steps_per_execution=100)
    model.adapt(x)

    def distance():
        return divergence(law, oracle_of(model).log_p_visible)

    start = distance()
    dataset = tf.data.Dataset.from_tensors(x.astype("float32")).cache().repeat()
    model.fit(dataset, steps_per_epoch=600, verbose=0)
    assert start > 0.3
    assert distance() < 0.01 * start


def bars_and_stripes(size=3):
    """All pictures of bars or of stripes, once each."""
    lines = all_states(size)
    bars = np.repeat(lines, size, axis=0).reshape(-1, size, size)
    pictures = np.concatenate([bars, bars.transpose(0, 2, 1)])
    return np.unique(pictures.reshape(-1, size * size), axis=0)


@pytest.mark.slow
def test_persistent_chains_learn_bars_and_stripes():
    x = bars_and_stripes().astype("float32")
    assert len(x) == 14
    model = RBM(9, 8, PersistentChain(200, 5), seed=1)
    model.compile(keras.optimizers.SGD(0.3), steps_per_execution=100)
    model.adapt(x)
    start = oracle_of(model).log_likelihood(x).mean()
    # Every unit is on half the time: 9 bits.
    assert start == pytest.approx(-9 * np.log(2), abs=0.01)
    dataset = tf.data.Dataset.from_tensors(x).cache().repeat()
    model.fit(dataset, steps_per_epoch=1500, verbose=0)
    end = oracle_of(model).log_likelihood(x).mean()
    # At best log(1 / 14) = -2.64: most of the way there.
    assert end > start + 0.8 * (-np.log(14) - start)
