import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm.callbacks.periodic import Display, Measurement
from tests import machines
from tests.callbacks import events


class Beat(Display):
    def show(self, step):
        tf.summary.scalar("beat", 1.0)


class Pulse(Measurement):
    def measure(self, step):
        return {"pulse": float(step), "nothing": float("nan")}


def steps(tmp_path, every, epochs):
    callback = Beat(tmp_path, every)
    callback.set_model(keras.Sequential())
    callback.on_train_begin()
    for epoch in epochs:
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    return list(events.read(tmp_path / "train").get("beat", {}))


@pytest.mark.parametrize(
    ("every", "epochs", "expected"),
    [
        (1, range(3), [1, 2, 3]),
        (2, range(4), [1, 2, 4]),
        (5, range(12), [1, 5, 10, 12]),
        (5, range(6, 9), [9]),
        (5, range(1), [1]),
        (5, range(0), []),
    ],
)
def test_writes_first_every_and_last(tmp_path, every, epochs, expected):
    assert steps(tmp_path, every, epochs) == expected


def test_can_be_used_for_a_second_fit(tmp_path):
    callback = Beat(tmp_path, 2)
    callback.set_model(keras.Sequential())
    for epochs in (range(3), range(3, 5)):
        callback.on_train_begin()
        for epoch in epochs:
            callback.on_epoch_end(epoch)
        callback.on_train_end()
    assert list(events.read(tmp_path / "train")["beat"]) == [1, 2, 3, 4, 5]


class Look(Display):
    def show(self, step):
        self.seen = step, self.model.kernel.numpy()


@pytest.mark.parametrize("every", [2, 3])
@pytest.mark.parametrize("restored", [False, True])
def test_the_last_display_is_of_what_fit_leaves(tmp_path, every, restored):
    model = keras_rbm.RBM(5, 4, seed=0)
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, run_eagerly=True)
    # The first epoch stays the best one: the run ends after the second one.
    stop = keras.callbacks.EarlyStopping(
        "updates_done", patience=1, mode="min", restore_best_weights=restored
    )
    count = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(updates_done=epoch)
    )
    look = Look(tmp_path, every)
    options = {"batch_size": 48, "epochs": 5, "verbose": 0}
    model.fit(machines.data(48), callbacks=[count, stop, look], **options)
    step, kernel = look.seen
    assert step == 2
    np.testing.assert_array_equal(kernel, model.kernel.numpy())


def test_refuses_a_period_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="every=0"):
        Beat(tmp_path, 0)


def measured(tmp_path, epochs, state=None, diverged=False, stops=None):
    """The steps that a `fit` over epochs measures, and the state after it.

    An earlier callback may stop the training in the epoch `stops`.
    """
    callback = Pulse(tmp_path, 5)
    model = keras_rbm.RBM(2, 1, seed=0)
    if diverged:
        model.kernel.assign(np.full((2, 1), np.nan))
    callback.set_model(model)
    callback.set_params({"epochs": 12})
    callback.on_train_begin()
    if state is not None:
        callback.set_state(state)
    for epoch in epochs:
        model.stop_training = epoch == stops
        callback.on_epoch_end(epoch)
    state = callback.get_state()
    callback.on_train_end()
    found = events.read(tmp_path / "train")
    assert "nothing" not in found
    return list(found.get("pulse", {})), state


def test_measures_first_of_each_fit_every_and_last(tmp_path):
    assert measured(tmp_path / "whole", range(12))[0] == [1, 5, 10, 12]
    assert measured(tmp_path / "later", range(6, 12))[0] == [7, 10, 12]
    # Nothing at the end of a `fit` that a later callback stops early.
    assert measured(tmp_path / "early", range(3))[0] == [1]
    assert measured(tmp_path / "stopped", range(3), stops=2)[0] == [1, 3]


def test_a_resumed_fit_is_the_same_fit(tmp_path):
    found, state = measured(tmp_path / "first", range(6))
    assert found == [1, 5]
    assert measured(tmp_path / "then", range(6, 12), state)[0] == [10, 12]


def test_a_model_that_is_not_finite_is_not_measured(tmp_path):
    assert measured(tmp_path, range(12), diverged=True)[0] == []
