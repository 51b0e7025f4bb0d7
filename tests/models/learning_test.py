"""Small machines learn what they are taught."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, ExactChain, PersistentChain
from tests.machines import oracle_of
from tests.oracle import Oracle, all_states, divergence, entropy


def bimodal(hidden=2):
    """A machine that favours no state of any one unit."""
    kernel = Oracle.draw(5, hidden, scale=3.0).kernel
    return Oracle(kernel, -kernel.sum(1) / 2, -kernel.sum(0) / 2)


def test_with_the_exact_negative_phase_it_recovers_a_teacher():
    """Without any sampling error: its distribution, if not its parameters."""
    teacher = bimodal().p_visible
    x = all_states(5).astype("float32")
    weight = (32 * teacher).astype("float32")
    model = RBM(5, 4, ExactChain(), seed=0)
    optimizer = keras.optimizers.SGD(0.5, momentum=0.9)
    model.compile(optimizer, steps_per_execution=100)
    model.adapt(x, weight)

    def distance():
        return divergence(teacher, oracle_of(model).log_p_visible)

    start = distance()
    dataset = tf.data.Dataset.from_tensors((x, x, weight)).cache().repeat()
    model.fit(dataset, steps_per_epoch=1000, verbose=0)
    assert start > 0.3
    assert distance() < 0.001 * start
    # Which is what the mean log-likelihood lacks to minus the entropy.
    mean = teacher @ oracle_of(model).log_likelihood(x)
    assert mean == pytest.approx(-entropy(teacher), abs=0.001 * start)


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
