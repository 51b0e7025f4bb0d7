import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import callbacks
from keras_rbm.callbacks import scalars, tensorboard
from tests.callbacks import events

NUM_EPOCHS, BATCHES = 3, 4


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A fit with all callbacks: its directory, data, model and history."""
    log_dir = tmp_path_factory.mktemp("logs")
    x = np.random.default_rng(0).integers(0, 2, (40, 12)).astype("float32")
    model = keras_rbm.RBM(12, 5, keras_rbm.PersistentChain(7), seed=1)
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 1.0)
    model.compile(keras.optimizers.SGD(schedule), run_eagerly=True)
    history = model.fit(
        x,
        batch_size=len(x) // BATCHES,
        epochs=NUM_EPOCHS,
        validation_data=(x[:10],),
        callbacks=[
            callbacks.Images(log_dir, (3, 4), x[:4], every=1),
            callbacks.Histograms(log_dir, x, every=1),
            callbacks.Scalars(log_dir),
        ],
        verbose=0,
    )
    return log_dir, history.history


def test_train_and_validation_share_tags(fitted):
    log_dir, history = fitted
    train = events.read(log_dir / "train")
    validation = events.read(log_dir / "validation")
    assert set(validation) == {
        "4 Learning/loss",
        "4 Learning/reconstruction_error",
        "4 Learning/cross_entropy",
        "2 Likelihood/pseudo_log_likelihood",
        "4 Learning/hidden_activity",
    }
    assert set(validation) < set(train)
    for run, prefix in ((train, ""), (validation, "val_")):
        for tag, name in (
            ("4 Learning/loss", "loss"),
            ("2 Likelihood/pseudo_log_likelihood", "pseudo_log_likelihood"),
            ("4 Learning/hidden_activity", "hidden_activity"),
        ):
            assert list(run[tag]) == [1, 2, 3]
            np.testing.assert_allclose(
                list(run[tag].values()), history[prefix + name], rtol=1e-6
            )


def test_learning_rate_follows_the_schedule(fitted):
    rates = events.read(fitted[0] / "train")["4 Learning/learning_rate"]
    assert list(rates) == [1, 2, 3]
    np.testing.assert_allclose(
        list(rates.values()),
        [0.1 / (1 + BATCHES * epoch) for epoch in (1, 2, 3)],
        rtol=1e-5,
    )


def test_all_callbacks_write_to_one_file(fitted):
    for run in ("train", "validation"):
        assert len(events.files(fitted[0] / run)) == 1
    tags = set(events.read(fitted[0] / "train"))
    assert {"1 Images/filters", "6 Histograms/kernel", "4 Learning/loss"} < tags


def test_throughput_counts_updates_and_training_time_alone(
    tmp_path, monkeypatch
):
    now = 0.0
    monkeypatch.setattr(scalars.time, "perf_counter", lambda: now)
    callback = callbacks.Scalars(tmp_path)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    callback.set_model(model)
    callback.set_params({"steps": 100})
    callback.on_train_begin()
    for epoch in range(3):
        callback.on_epoch_begin(epoch)
        now += 10.0 * (epoch == 0)  # The first execution compiles.
        # Two executions of 50 updates each, in half a second.
        for last in (49, 99):
            model.optimizer.iterations.assign_add(50)
            now += 0.25
            callback.on_train_batch_end(last)
        now += 100.0  # validation, and callbacks before this one
        callback.on_epoch_end(epoch, {"loss": 1.0})
    callback.on_train_end()
    rates = events.read(tmp_path / "train")["5 Throughput/updates_per_second"]
    assert {step: float(rate) for step, rate in rates.items()} == {
        1: 200.0,
        2: 200.0,
        3: 200.0,
    }


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("loss", "4 Learning/loss"),
        ("something_new", "4 Learning/something_new"),
        ("test_log_likelihood", "2 Likelihood/test_log_likelihood"),
        ("log_partition", "2 Likelihood/log_partition"),
        ("num_sweeps", "3 Chains/num_sweeps"),
        ("hidden_activity", "4 Learning/hidden_activity"),
    ],
)
def test_unknown_metrics_find_a_group(tmp_path, name, tag):
    callback = callbacks.Scalars(tmp_path)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_begin(4)
    callback.on_epoch_end(4, {name: 2.5, f"val_{name}": 3.5})
    assert events.read(tmp_path / "train")[tag][5] == 2.5
    assert events.read(tmp_path / "validation")[tag][5] == 3.5


def test_without_validation_there_is_no_such_run(tmp_path):
    callback = callbacks.Scalars(tmp_path)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {"loss": 1.0})
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_each_scalar_has_a_description(tmp_path):
    writer = tensorboard.writer(tmp_path)
    with writer.as_default(step=1):
        for name in (*tensorboard.DESCRIPTIONS, "val_loss", "mine"):
            tensorboard.scalar(f"4 Learning/{name}", 1.0)
    writer.close()
    found = {}
    for path in events.files(tmp_path / "train"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                text = value.metadata.summary_description
                found[value.tag.removeprefix("4 Learning/")] = text
    assert found["mine"] == "The number `mine` that this run has logged."
    assert found["val_loss"].endswith("Of validation examples.")
    assert found["memory"] == tensorboard.DESCRIPTIONS["memory"]
    assert all(text.endswith(".") for text in found.values())
