import csv

import keras
import numpy as np
import pytest

from keras_rbm import RBM, PersistentChain
from tests.machines import (
    METRICS,
    Given,
    data,
    given,
    rbm,
    rounding,
    weights,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
# Means of some 50 energies up to 20.
ERROR = rounding("float32", 20.0, 50)


def assert_close(first, second):
    for x, y in zip(first, second, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=ERROR)


def assert_differ(first, second):
    for x, y in zip(first, second, strict=True):
        assert np.abs(x - y).max() > 10 * ERROR


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss", "mse"),
        ("loss_weights", [1.0]),
        ("metrics", ["accuracy"]),
        ("weighted_metrics", ["accuracy"]),
    ],
)
def test_there_is_no_loss_to_choose(name, value):
    model = RBM(5, 4, seed=0)
    with pytest.raises(ValueError, match=f"RBM takes no `{name}`"):
        model.compile("sgd", **{name: value})
    model.compile("sgd", **{name: None})


def test_the_second_argument_of_compile_is_no_loss_either():
    with pytest.raises((TypeError, ValueError)):
        RBM(5, 4, seed=0).compile("adam", "mse")


def test_it_is_compiled_by_xla():
    model = RBM(5, 4, seed=0)
    model.compile()
    assert model.jit_compile is True
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    model.compile("adam", jit_compile=False)
    assert model.jit_compile is False
    model.compile("adam", run_eagerly=True)
    assert model.run_eagerly
    assert not model.jit_compile


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.Adam(0.01, clipnorm=0.1),
        keras.optimizers.RMSprop(
            keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)
        ),
        keras.optimizers.AdamW(0.01, use_ema=True),
        keras.optimizers.SGD(0.1, 0.9, nesterov=True, global_clipnorm=0.1),
        keras.optimizers.Lion(0.01, gradient_accumulation_steps=2),
    ],
    ids=lambda optimizer: optimizer.name,
)
def test_any_optimizer(optimizer):
    model = given(ORACLE, optimizer=optimizer)
    start = weights(model)
    model.fit(data(), batch_size=16, epochs=2, verbose=0)
    assert int(model.updates) == 6
    assert all(np.isfinite(x).all() for x in weights(model))
    assert_differ(weights(model), start)


def test_clipping_bounds_the_step():
    model = given(
        ORACLE, optimizer=keras.optimizers.SGD(1.0, global_clipnorm=0.01)
    )
    start = weights(model)
    model.fit(data(), batch_size=48, verbose=0)
    step = np.concatenate(
        [(x - y).ravel() for x, y in zip(weights(model), start, strict=True)]
    )
    assert np.linalg.norm(step) == pytest.approx(0.01, rel=1e-3)


def test_early_stopping():
    model = given(ORACLE, optimizer=keras.optimizers.SGD(0.0))
    stop = keras.callbacks.EarlyStopping(
        "val_cross_entropy", patience=2, mode="min"
    )
    model.fit(
        data(),
        batch_size=48,
        epochs=20,
        verbose=0,
        validation_data=data(),
        callbacks=[stop],
    )
    # The first is the best: two more are waited for.
    assert int(model.updates) == 3


def test_a_log_and_checkpoints(tmp_path):
    model = given(ORACLE)
    model.fit(
        data(),
        batch_size=16,
        epochs=2,
        verbose=0,
        callbacks=[
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.ModelCheckpoint(
                tmp_path / "{epoch}.keras", monitor="loss"
            ),
        ],
    )
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert set(rows[0]) >= {"epoch", *METRICS}
    assert all(np.isfinite(float(rows[1][name])) for name in METRICS)
    last = keras.saving.load_model(tmp_path / "2.keras")
    first = keras.saving.load_model(tmp_path / "1.keras")
    assert_close(weights(last), weights(model))
    assert int(first.updates) == 3
    assert int(last.updates) == 6
    np.testing.assert_array_equal(first.chain.v_model, Given.v_model)


def test_a_callback_can_change_the_number_of_sweeps():
    class More(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.chain.num_sweeps.assign(epoch + 2)

    model = rbm(ORACLE, chain=PersistentChain(7))
    model.compile(run_eagerly=True)
    model.fit(data(), batch_size=48, epochs=3, verbose=0, callbacks=[More()])
    assert int(model.chain.num_sweeps) == 4


def test_frozen_it_stays_as_it_is_but_for_its_chain():
    model = rbm(ORACLE, chain=PersistentChain(20), trainable=False)
    model.compile("adam", run_eagerly=True)
    start = [variable.numpy() for variable in model.parameters.variables]
    particles = model.chain.particles.numpy()
    model.fit(data(), batch_size=16, verbose=0)
    for variable, value in zip(model.parameters.variables, start, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert (model.chain.particles.numpy() != particles).any()
    assert int(model.updates) == 3


def test_arguments_by_position():
    first, second = given(ORACLE), given(ORACLE)
    weight = np.linspace(0, 2, 48)
    # batch_size, epochs, verbose, callbacks, split, validation, shuffle, ...
    first.fit(data(), None, 16, 2, 0, None, 0.0, None, False, None, weight)
    second.fit(
        data(),
        batch_size=16,
        epochs=2,
        verbose=0,
        shuffle=False,
        sample_weight=weight,
    )
    assert_close(weights(first), weights(second))
    bad = np.full((3, 5), 7.0)
    with pytest.raises(ValueError, match="`validation_data` must"):
        first.fit(data(), None, 16, 2, 0, None, 0.0, bad)
