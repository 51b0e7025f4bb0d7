"""Bad data are refused before anything is done."""

import keras
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


BAD_WEIGHTS = {
    "negative": np.where(np.arange(48) == 30, -1.0, 1.0),
    "not_a_number": np.where(np.arange(48) == 30, np.nan, 1.0),
    "infinite": np.where(np.arange(48) == 30, np.inf, 1.0),
    "too_few": np.ones(47),
    "a_column": np.ones((48, 1)),
    "strings": np.full(48, "1"),
}


@pytest.mark.parametrize("kind", BAD_WEIGHTS)
def test_bad_weights_are_refused(fresh, kind):
    weight = BAD_WEIGHTS[kind]
    assert_refused(fresh, data(), sample_weight=weight)
    assert_refused(fresh, data(), validation_data=(data(), None, weight))
    for method in (fresh.evaluate, fresh.adapt):
        with pytest.raises(
            ValueError, match=r"`sample_weight` must (have|hold)"
        ):
            method(data(), sample_weight=weight)
    if weight.shape == (48,) and kind != "strings":
        dataset = batches(data()[::-1], np.zeros(48), weight[::-1], size=20)
        assert_refused(fresh, dataset)


def test_bad_weights_are_refused_by_a_model_that_has_started():
    """Which does not look at the data's mean any more."""
    model = RBM(5, 4, seed=0)
    model.visible_params["bias"].assign(np.ones(5))
    model.compile("adam", run_eagerly=True)
    assert_refused(model, data(), sample_weight=BAD_WEIGHTS["negative"])


def test_weights_that_leave_no_example_are_refused(fresh):
    zeros = np.zeros(48)
    assert_refused(fresh, data(), sample_weight=zeros)
    assert_refused(fresh, batches(data(), zeros, zeros))


def test_bad_data_in_a_later_batch_do_not_reach_the_parameters(fresh):
    assert_refused(fresh, batches(corrupted(np.nan)))


@pytest.mark.parametrize("with_validation", [False, True])
def test_a_callback_is_refused_bad_data_by_evaluate(with_validation):
    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with pytest.raises(ValueError, match=r"`x` must hold .*=7"):
                self.model.evaluate(7 * np.ones((3, 5), "float32"), verbose=0)
            seen.append(epoch)

    seen, model = [], RBM(5, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    validation = (data(),) if with_validation else None
    model.fit(data(), callbacks=[Look()], validation_data=validation, verbose=0)
    assert seen == [0]
