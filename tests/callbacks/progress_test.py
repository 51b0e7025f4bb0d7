"""The lines on the screen and in the log, on a clock that the tests set."""

import logging
import threading
import types

import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm.callbacks import EpochLog, Progress
from keras_rbm.callbacks import progress as module

EPOCHS, STEPS = 4, 100


@pytest.fixture
def clock(monkeypatch):
    """Seconds, to be set."""
    seconds = [0.0]
    monkeypatch.setattr(
        module, "time", types.SimpleNamespace(perf_counter=lambda: seconds[0])
    )
    return seconds


def begun(steps=STEPS, **kwargs):
    progress = Progress(**kwargs)
    progress.set_params({"epochs": EPOCHS, "steps": steps})
    progress.on_train_begin()
    return progress


def call(progress, clock, batch, seconds, logs=None):
    """A compiled call of 50 updates, which ends with this batch."""
    progress.on_train_batch_begin(batch - 49)
    clock[0] += seconds
    progress.on_train_batch_end(batch, logs)


def last_line(capsys):
    return capsys.readouterr().out.split("\r")[-1].strip()


def test_compilation_and_measurement_are_no_steps(clock, capsys):
    progress = begun()
    assert last_line(capsys) == "waiting for the compiler"
    progress.on_epoch_begin(0)
    call(progress, clock, 49, 30.0, {"pseudo_log_likelihood": -12.5})
    assert last_line(capsys) == (
        "epoch 1/4 | 50 of 400 updates | pseudo-log-likelihood -12.5"
    )
    call(progress, clock, 99, 0.5, {"pseudo_log_likelihood": -12.25})
    clock[0] += 60.0  # Of a measurement.
    progress.on_epoch_end(0, {"pseudo_log_likelihood": -12.25})
    # 300 updates are left, at 100 a second.
    assert last_line(capsys) == (
        "epoch 1/4 | 100 of 400 updates | 100/s | 0:03 left | "
        "pseudo-log-likelihood -12.25"
    )


def test_the_newest_likelihood_stays(clock, capsys):
    progress = begun()
    progress.on_epoch_begin(0)
    call(progress, clock, 99, 1.0, {"pseudo_log_likelihood": -12.5})
    progress.on_epoch_end(
        0, {"pseudo_log_likelihood": -12.5, "val_log_likelihood": -20.0}
    )
    progress.on_epoch_begin(1)
    call(progress, clock, 49, 1.0, {"pseudo_log_likelihood": -11.5})
    assert last_line(capsys).endswith("| log p(v) -20")


def test_one_that_is_not_finite_is_not_shown(clock, capsys):
    progress = begun()
    progress.on_epoch_begin(0)
    progress.on_epoch_end(0, {"val_log_likelihood": float("-inf")})
    assert "log p(v)" not in last_line(capsys)


def test_the_health_of_the_chains_is_shown(clock, capsys):
    health = types.SimpleNamespace(health=None)
    progress = begun(chain_health=health)
    progress.on_epoch_begin(0)
    progress.on_epoch_end(0, {})
    assert "chains" not in last_line(capsys)
    health.health = "ok"
    progress.on_epoch_end(0, {})
    assert last_line(capsys).endswith("| chains ok")
    health.health = "take more sweeps"
    progress.on_epoch_end(1, {})
    shown = capsys.readouterr().out
    assert "the chains do not mix: take more sweeps" in shown
    assert shown.strip().endswith("| chains do not mix")
    progress.on_epoch_end(2, {})
    assert "take more sweeps" not in last_line(capsys)


def test_updates_before_a_resumption_are_not_counted(clock, capsys):
    progress = begun(done=150)
    progress.on_epoch_begin(1)
    call(progress, clock, 49, 0.0)
    call(progress, clock, 99, 9.0)  # Compiles.
    progress.on_epoch_begin(2)
    call(progress, clock, 49, 0.5)
    assert last_line(capsys) == (
        "epoch 3/4 | 250 of 400 updates | 100/s | 0:02 left"
    )


def test_another_metric(clock, capsys):
    progress = begun(metric="error", label="error")
    progress.on_epoch_begin(0)
    call(progress, clock, 49, 1.0, {"error": 0.125})
    assert last_line(capsys).endswith("| error 0.125")


@pytest.mark.parametrize("done", [0, 2000])
def test_epochs_of_unknown_length_have_no_total(clock, capsys, done):
    progress = begun(steps=None, done=done)
    progress.on_epoch_begin(1)
    call(progress, clock, 49, 30.0)
    assert last_line(capsys) == f"epoch 2/4 | {done + 50:,} updates"
    call(progress, clock, 99, 0.5)
    progress.on_epoch_end(1)
    line = f"epoch 2/4 | {done + 100:,} updates | 100/s"
    assert last_line(capsys) == line
    progress.on_epoch_begin(2)
    call(progress, clock, 49, 0.5)
    line = f"epoch 3/4 | {done + 150:,} updates | 100/s"
    assert last_line(capsys) == line


def lines_of(caplog):
    found = list(caplog.messages)
    caplog.clear()
    return found


@pytest.fixture
def logged(caplog, monkeypatch):
    """Takes the lines of the log since the last call."""
    monkeypatch.setattr(logging.getLogger("keras_rbm"), "propagate", True)
    caplog.set_level(logging.INFO, "keras_rbm")
    return lambda: lines_of(caplog)


def begun_log(callback=None, steps=STEPS, **kwargs):
    callback = EpochLog(**kwargs) if callback is None else callback
    callback.set_params({"epochs": EPOCHS, "steps": steps})
    callback.set_model(types.SimpleNamespace(train_function=lambda: None))
    callback.on_train_begin()
    return callback


def test_the_log_says_at_once_what_is_waited_for(clock, logged):
    callback = begun_log()
    assert logged() == ["compiling the update; the first epoch takes longest"]
    callback.on_epoch_begin(0)
    call(callback, clock, 49, 90.0, {"loss": 1.0})
    assert logged() == ["compiled, and made the first 50 updates, in 1:30"]
    call(callback, clock, 99, 1.0, {"loss": 1.0})
    assert logged() == ["measuring; the first time, this is also compiled"]
    callback.on_epoch_end(0, {"loss": 1.0})
    assert logged() == ["epoch 1/4 loss=1"]
    # Short epochs have no further lines.
    for epoch in (1, 2):
        callback.on_epoch_begin(epoch)
        call(callback, clock, 49, 5.0, {"loss": 1.0})
        call(callback, clock, 99, 5.0, {"loss": 1.0})
        callback.on_epoch_end(epoch, {"loss": 1.0})
    assert logged() == ["epoch 2/4 loss=1", "epoch 3/4 loss=1"]


def test_long_epochs_have_a_line_every_30_seconds(clock, logged):
    callback = begun_log()
    callback.on_epoch_begin(0)
    call(callback, clock, 9, 60.0, {"loss": 1.0})
    logged()
    for batch in range(19, 90, 10):
        call(callback, clock, batch, 20.0, {"loss": 1.0})
    # 10 updates take 20 s; every second call is more than 30 s after a line.
    assert logged() == [
        "epoch 1/4 | 30 of 400 updates | 0.5/s | 12:20 left",
        "epoch 1/4 | 50 of 400 updates | 0.5/s | 11:40 left",
        "epoch 1/4 | 70 of 400 updates | 0.5/s | 11:00 left",
        "epoch 1/4 | 90 of 400 updates | 0.5/s | 10:20 left",
    ]


def test_the_log_of_a_resumed_run_counts_its_own_updates(clock, logged):
    callback = begun_log(done=150)
    callback.on_epoch_begin(1)
    call(callback, clock, 49, 0.0, {"loss": 1.0})
    call(callback, clock, 99, 9.0, {"loss": 1.0})
    assert logged()[1] == "compiled, and made the first 50 updates, in 0:09"


@pytest.mark.parametrize("done", [0, 2000])
def test_the_log_of_epochs_of_unknown_length(clock, logged, done):
    callback = begun_log(steps=None, done=done)
    callback.on_epoch_begin(1)
    call(callback, clock, 49, 9.0, {"loss": 1.0})
    assert logged()[1] == "compiled, and made the first 50 updates, in 0:09"
    call(callback, clock, 99, 50.0, {"loss": 1.0})
    assert logged() == [f"epoch 2/4 | {done + 100:,} updates | 1/s"]
    callback.on_epoch_begin(2)
    call(callback, clock, 49, 20.0, {"loss": 1.0})
    call(callback, clock, 99, 50.0, {"loss": 1.0})
    assert logged() == [f"epoch 3/4 | {done + 200:,} updates | 1/s"]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # By Keras.
def test_a_run_on_data_of_unknown_length_is_shown(capsys):
    x = np.eye(4, dtype="float32")
    unknown = tf.data.Dataset.from_tensor_slices(x).filter(lambda v: True)
    model = keras_rbm.RBM(4, 2, seed=0)
    model.compile("sgd", run_eagerly=True)
    model.fit(unknown.batch(2), epochs=2, callbacks=[Progress()], verbose=0)
    assert last_line(capsys).startswith("epoch 2/2 | 4 updates | ")


def test_a_later_first_epoch_counts_its_own_updates(clock, logged):
    callback = begun_log()
    callback.on_epoch_begin(3)  # fit(initial_epoch=3)
    call(callback, clock, 49, 9.0, {"loss": 1.0})
    assert logged()[1] == "compiled, and made the first 50 updates, in 0:09"


def test_a_further_fit_compiles_nothing(logged):
    x = np.eye(4, dtype="float32")
    model = keras_rbm.RBM(4, 2, seed=0)
    model.compile(run_eagerly=True, steps_per_execution=1)
    same, options = EpochLog(), {"epochs": 1, "batch_size": 2, "verbose": 0}
    for callback, compiles in (
        (same, True),
        (same, False),
        (EpochLog(), False),
    ):
        model.fit(x, callbacks=[callback], **options)
        lines = logged()
        assert any("compil" in line for line in lines) == compiles
        assert lines[-1].startswith("epoch 1/1 ")
    model.compile(run_eagerly=True, steps_per_execution=1)
    model.fit(x, callbacks=[same], **options)
    assert any("compil" in line for line in logged())


def test_an_error_ends_the_work_of_a_fit(clock, logged):
    callback = EpochLog()

    def broken_fit():
        begun_log(callback)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"), callback.alive():
        broken_fit()
    logged()
    clock[0] += 60.0
    callback._look()  # As a thread of another `alive` does before `fit`.
    assert logged() == []


def test_long_work_without_callbacks_is_reported(clock, logged, monkeypatch):
    monkeypatch.setattr(module, "_LOOKS", 0.001)
    before = threading.active_count()
    callback = begun_log()
    logged()

    def lines_after(seconds):
        """Lines after the clock has moved, once a thread has looked at it."""
        clock[0] += seconds
        for _ in range(2):  # The first look may have begun before.
            looked.clear()
            assert looked.wait(10)
        return logged()

    looked, look = threading.Event(), callback._look
    callback._look = lambda: [look(), looked.set()]
    with callback.alive():
        assert lines_after(29.0) == []
        assert lines_after(2.0) == ["still compiling the update, for 0:31"]
        assert lines_after(29.0) == []
        assert lines_after(2.0) == ["still compiling the update, for 1:02"]
        callback.on_epoch_begin(0)
        assert lines_after(31.0) == ["still compiling the update, for 1:33"]
        call(callback, clock, 49, 0.0, {"loss": 1.0})
        logged()
        assert lines_after(60.0) == []  # Updates report themselves.
        call(callback, clock, 99, 0.0, {"loss": 1.0})
        logged()
        assert lines_after(40.0) == ["still measuring, for 0:40"]
        callback.on_epoch_end(0, {"loss": 1.0})
        callback.on_epoch_begin(1)
        logged()
        assert lines_after(60.0) == []
    assert threading.active_count() == before
