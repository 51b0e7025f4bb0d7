import numpy as np
import pytest
from sklearn.datasets import load_digits

from keras_rbm.data import digits


def test_splits_hold_every_digit_once():
    data = digits()
    sizes = [len(x) for x in (data.train, data.validation, data.test)]
    assert sizes == [1437, 180, 180]
    assert data.image_shape == (8, 8)
    x = np.concatenate([data.train, data.validation, data.test])
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == (0, 1)
    raw = load_digits().data
    order = np.lexsort(raw.T)
    np.testing.assert_array_equal(16 * x[np.lexsort(x.T)], raw[order])


def test_the_seed_decides_the_splits():
    np.testing.assert_array_equal(digits().test, digits(seed=0).test)
    assert (digits(seed=1).test != digits().test).any()


def test_splits_can_be_left_out():
    data = digits(0, 0)
    assert len(data.train) == 1797
    assert data.validation is None
    assert data.test is None


def test_sizes_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match=r"at least one of 1797 examples"):
        digits(1000, 797)
