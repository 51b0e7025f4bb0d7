import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    Gaussian,
    GroupLasso,
    Softmax,
    SquaredCouplings,
    SquaredL1,
    couplings,
)

W = np.random.default_rng(0).normal(size=(6, 4))


def slope(penalty, w):
    w = tf.constant(w)
    with tf.GradientTape() as tape:
        tape.watch(w)
        value = penalty(w)
    return value.numpy(), tape.gradient(value, w).numpy()


def test_squared_l1():
    value, gradient = slope(SquaredL1(0.5), W)
    sums = np.abs(W).sum(axis=0)
    assert np.isclose(value, 0.5 / 12 * (sums**2).sum())
    np.testing.assert_allclose(gradient, 0.5 / 6 * sums * np.sign(W))


def test_group_lasso():
    w = W.copy()
    w[:3, 1] = 0  # A site that a hidden unit does not look at.
    value, gradient = slope(GroupLasso(0.2, 3), w)
    norms = np.sqrt((w.reshape(2, 3, 4) ** 2).sum(axis=1))
    assert np.isclose(value, 0.2 * norms.sum())
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[:3, 1], 0)
    np.testing.assert_allclose(gradient[3:, 1], 0.2 * w[3:, 1] / norms[1, 1])


def test_with_one_column_a_site_it_is_l1():
    value, _ = slope(GroupLasso(0.2, 1), W)
    assert np.isclose(value, 0.2 * np.abs(W).sum())


@pytest.mark.parametrize("num_hidden", [4, 9])
def test_squared_couplings(num_hidden):
    w = np.random.default_rng(1).normal(size=(6, num_hidden))
    value, gradient = slope(SquaredCouplings(0.3, 2), w)
    by_site = w.reshape(3, 2, num_hidden)
    expected = np.zeros_like(by_site)
    total = 0.0
    for s, t in itertools.permutations(range(3), 2):
        coupling = by_site[s] @ by_site[t].T
        total += 0.3 / 2 * (coupling**2).sum()
        expected[s] += 0.3 * 2 * coupling @ by_site[t]
    assert np.isclose(value, total)
    np.testing.assert_allclose(gradient, expected.reshape(w.shape))


def test_squared_couplings_are_those_of_a_potts_model():
    rbm = RBM(Softmax(3, 2), Gaussian(4, precision=1.0), seed=0)
    w = np.random.default_rng(0).normal(size=(3, 2, 4))
    w -= w.mean(axis=1, keepdims=True)  # The zero-sum gauge of `effective`.
    rbm.kernel.assign(w.reshape(6, 4))
    pairs = couplings.effective(rbm.machine()).pairs
    value = SquaredCouplings(0.3, 2)(rbm.kernel.value)
    assert np.isclose(value, 0.3 / 2 * (pairs**2).sum(), rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_site_has_no_couplings(dtype):
    w = W.astype(dtype)
    error = 100 * np.finfo(dtype).eps * (w @ w.T).var()
    assert 0 <= slope(SquaredCouplings(1.0, 6), w)[0] <= error


def test_a_vector_is_no_kernel():
    with pytest.raises(ValueError, match=r"two axes.*shape \(4,\)"):
        SquaredCouplings(0.1, 2)(tf.zeros(4))


@pytest.mark.parametrize(
    "penalty",
    [SquaredL1(0.3), GroupLasso(0.3, 2), SquaredCouplings(0.3, 2)],
)
def test_config_round_trip(penalty):
    config = keras.regularizers.serialize(penalty)
    copy = keras.regularizers.deserialize(config)
    assert type(copy) is type(penalty)
    assert copy.get_config() == penalty.get_config()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`factor`"):
        SquaredL1(-1)
    with pytest.raises(ValueError, match="`categories`"):
        GroupLasso(0.1, 0)
    with pytest.raises(ValueError, match="`factor`"):
        SquaredCouplings(-1, 2)
    for penalty in (GroupLasso(0.1, 4), SquaredCouplings(0.1, 4)):
        with pytest.raises(ValueError, match="must divide the number of rows"):
            penalty(tf.constant(W))
