"""`HeldOutRatings`, of models that train eagerly."""

import keras
import numpy as np
import pytest

from keras_rbm import RatingsRBM, callbacks, evaluation
from tests.made_up_ratings import two_tastes

TRAIN, HELD_OUT = two_tastes().split(0.25)


def test_the_error_joins_the_logs():
    model = RatingsRBM.of(TRAIN, 4, seed=0)
    model.compile(keras.optimizers.Adam(0.03), run_eagerly=True)
    measure = callbacks.HeldOutRatings(TRAIN, HELD_OUT, every=2)
    history = model.fit(
        TRAIN, epochs=4, batch_size=30, callbacks=[measure], verbose=0
    )
    found = history.history["val_rmse"]
    assert found[3] != found[2] == found[1] != found[0]
    expected = model.predict_ratings(TRAIN, HELD_OUT.users, HELD_OUT.items)
    error = expected - HELD_OUT.ratings
    assert found[3] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-6)
    other = callbacks.HeldOutRatings(TRAIN, HELD_OUT, every=2)
    other.set_state(measure.get_state())
    assert other.get_state() == {"last": found[3]}
    # An epoch in which training stops is the last one.
    other.set_model(model)
    other.set_params({"epochs": 9})
    other.set_state({"last": -1.0})
    logs, last_logs = {}, {}
    other.on_epoch_end(4, logs)
    model.stop_training = True
    other.on_epoch_end(6, last_logs)
    assert logs["val_rmse"] == -1.0
    assert last_logs["val_rmse"] == pytest.approx(found[3])


def test_a_conditional_model_sees_pairs_of_unknown_value():
    train = TRAIN.with_unknown(HELD_OUT)
    model = RatingsRBM.of(train, 4, conditional=True, seed=0)
    kernel = model.parameters.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    measure = callbacks.HeldOutRatings(train, HELD_OUT)
    measure.set_model(model)
    measure.set_params({"epochs": 1})
    logs = {}
    measure.on_epoch_end(0, logs)
    found = evaluation.rating_errors(model, train, HELD_OUT)
    assert logs["val_rmse"] == pytest.approx(found["rmse"], rel=1e-6)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="`held_out` must be Ratings"):
        callbacks.HeldOutRatings(TRAIN, np.zeros(3))
    with pytest.raises(ValueError, match="`every` must be"):
        callbacks.HeldOutRatings(TRAIN, HELD_OUT, every=0)
