import keras
import numpy as np
import pytest

from keras_rbm import RBM, PersistentChain, callbacks
from tests.machines import data


@pytest.fixture
def model():
    model = RBM(5, 4, PersistentChain(7), seed=0)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


class Break(keras.callbacks.Callback):
    """Puts a number into the parameters at the beginning of a batch."""

    def __init__(self, batch, value):
        super().__init__()
        self.batch, self.value = batch, value

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.batch:
            self.model.kernel.assign(np.full((5, 4), self.value))


def fit(model, *others, **kwargs):
    model.fit(
        data(),
        batch_size=16,
        epochs=3,
        callbacks=[callbacks.StopOnDivergence(**kwargs), *others],
        verbose=0,
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])
def test_it_stops_at_the_update_and_says_what_to_do(model, value):
    with pytest.raises(
        ValueError, match=r"by update 2 the loss is .*Lower the learning rate"
    ) as caught:
        fit(model, Break(1, value), last_good=lambda: "epoch 7")
    assert "The last good state: epoch 7." in str(caught.value)
    assert int(model.updates) == 2


@pytest.mark.parametrize("last_good", [None, lambda: None])
def test_there_need_not_be_a_good_state(model, last_good):
    with pytest.raises(ValueError, match="diverged") as caught:
        fit(model, Break(0, np.nan), last_good=last_good)
    assert "good state" not in str(caught.value)


def test_it_leaves_a_run_that_goes_well_alone(model):
    fit(model)
    assert int(model.updates) == 9


def test_fit_itself_tells_at_its_end(model):
    with pytest.raises(ValueError, match=r"diverged.*learning rate.*kernel"):
        model.fit(data(), callbacks=[Break(0, np.nan)], epochs=1, verbose=0)


def test_it_takes_a_function():
    with pytest.raises(ValueError, match=r"`last_good` must be a function"):
        callbacks.StopOnDivergence("epoch-0001.keras")
