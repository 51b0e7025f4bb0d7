"""Bad data are refused before anything is done."""

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, PersistentChain
from tests.machines import batches, data, states_of


def corrupted(value):
    x = data()
    x[40, 3] = value
    return x


BAD = {
    "not_a_number": corrupted(np.nan),
    "infinite": corrupted(np.inf),
    "out_of_range": corrupted(1.5),
    "too_wide": np.zeros((48, 6)),
    "one_example": data()[0],
    "none": data()[:0],
    "nothing": None,
    "list": data().tolist(),
    "strings": data().astype(str),
    "empty_data_set": batches(data()).take(0),
    "data_set_too_wide": batches(np.zeros((48, 6))),
    "data_set_not_a_number": batches(corrupted(np.nan)[::-1]),
    "data_set_of_examples": tf.data.Dataset.from_tensor_slices(data()),
}


@pytest.fixture(scope="module")
def fresh():
    """A model that `fit` would start from the means of the data."""
    model = RBM(5, 4, PersistentChain(7), seed=0)
    model.compile("adam", run_eagerly=True)
    return model


def assert_refused(model, *args, **kwargs):
    before = states_of(model)
    with pytest.raises(ValueError, match=r"`[\w ]+` must "):
        model.fit(*args, verbose=0, **kwargs)
    assert int(model.updates) == 0
    for x, y in zip(before, states_of(model), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("kind", BAD)
def test_bad_data_are_refused(fresh, kind):
    assert_refused(fresh, BAD[kind])
    with pytest.raises(ValueError, match=r"`[\w ]+` must "):
        fresh.evaluate(BAD[kind], verbose=0)


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "nothing"])
def test_bad_validation_data_are_refused(fresh, kind):
    assert_refused(fresh, data(), validation_data=BAD[kind])
    assert_refused(fresh, data(), validation_data=(BAD[kind], None))


def test_fewer_examples_than_a_batch_are_refused(fresh):
    assert_refused(fresh, data(), batch_size=49)
    assert_refused(fresh, data(), None, 49)


def test_bad_data_in_a_later_batch_do_not_reach_the_parameters(fresh):
    assert_refused(fresh, batches(corrupted(np.nan)))
