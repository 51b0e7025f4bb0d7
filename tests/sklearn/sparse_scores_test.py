"""Scores of sparse examples are those of dense ones, in less work."""

import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from keras_rbm import Bernoulli, Spin, likelihood, random
from keras_rbm.machine import Machine
from keras_rbm.sklearn import sparse_scores


def machine(visible, hidden=4):
    rng = np.random.default_rng(0)
    return Machine(
        visible=visible,
        hidden=Bernoulli(hidden),
        kernel=tf.constant(rng.normal(size=(visible.width, hidden))),
        visible_params={"bias": tf.constant(rng.normal(size=visible.width))},
        hidden_params={"bias": tf.constant(rng.normal(size=hidden))},
    )


def test_the_scores_are_those_of_the_dense_estimate():
    own, stream = machine(Bernoulli(7)), random.stream(3)
    x = np.random.default_rng(1).random((200, 7)) * (
        np.random.default_rng(2).random((200, 7)) < 0.5
    )
    expected = likelihood.stochastic_pseudo_log_likelihood(
        own, own.visible.nearest(x), stream
    )
    found = sparse_scores.scores(own, sparse.csr_array(x), stream)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("units", "possible"), [(Bernoulli, 1), (Spin, 0)])
def test_zeros_must_be_states(units, possible):
    assert sparse_scores.is_possible(machine(units(3))) == possible


def test_memory_is_that_of_the_entries():
    wide = machine(Bernoulli(50_000), 2)
    x = sparse.random_array((1000, 50_000), density=1e-3, rng=0, format="csr")
    sparse_scores.scores(wide, x, random.stream(0))
    tracemalloc.start()
    sparse_scores.scores(wide, x, random.stream(0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 2**20  # The dense matrix has 400 MB.
