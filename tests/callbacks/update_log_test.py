import csv
import types

import keras
import numpy as np
import pytest

import keras_rbm
from keras_rbm import callbacks, data

EXAMPLES = (np.random.default_rng(0).random((60, 12)) < 0.3).astype("float32")


class Watch(keras.callbacks.Callback):
    """The weights after each call, and what the metrics have seen."""

    def __init__(self):
        super().__init__()
        self.weights, self.sums, self.last = [], [], (0.0, 0.0)

    def on_epoch_begin(self, epoch, logs=None):
        self.last = (0.0, 0.0)
        if not self.weights:
            self._keep()

    def on_train_batch_end(self, batch, logs=None):
        self._keep()
        (mean,) = (
            metric
            for metric in self.model.metrics
            if metric.name == "reconstruction_error"
        )
        now = float(mean.total), float(mean.count)
        self.sums.append(np.subtract(now, self.last))
        self.last = now

    def _keep(self):
        weights = self.model.trainable_variables
        self.weights.append(np.concatenate([np.ravel(w) for w in weights]))


def fit(path, steps_per_execution, epochs=2, steps=6, also=(), **kwargs):
    model = keras_rbm.RBM(12, 6, keras_rbm.PersistentChain(8), seed=0)
    model.compile(
        keras.optimizers.SGD(0.1),
        steps_per_execution=steps_per_execution,
        # Faster than a compilation, for a dozen updates.
        run_eagerly=steps_per_execution == 1,
    )
    watch = Watch()
    model.fit(
        data.batches(EXAMPLES, 6),
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=[callbacks.UpdateLog(path, **kwargs), watch, *also],
        verbose=0,
    )
    with open(path) as file:
        rows = list(csv.DictReader(file))
    return rows, watch


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("run") / "updates.csv", 1)


def test_a_row_for_each_call(single):
    rows, watch = single
    assert [row["update"] for row in rows] == [str(i) for i in range(1, 13)]
    norms = np.linalg.norm(np.diff(watch.weights, axis=0), axis=1)
    # Six digits are written.
    np.testing.assert_allclose(column(rows, "update_norm"), norms, rtol=1e-5)
    # Of float32 sums over up to six calls.
    errors = [total / count for total, count in watch.sums]
    np.testing.assert_allclose(
        column(rows, "reconstruction_error"), errors, rtol=1e-5
    )


# The callback drives all hidden units to 1.
@pytest.mark.filterwarnings("ignore:The hidden means:UserWarning")
def test_the_weights_are_copied_once_a_call(tmp_path, monkeypatch):
    read, kinds = callbacks.UpdateLog._read, []

    def counted(log):
        weights = read(log)
        kinds.append({w.dtype.name for w in weights})
        return weights

    class Move(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.hidden_params["bias"].assign_add([1e3] * 6)

    monkeypatch.setattr(callbacks.UpdateLog, "_read", counted)
    rows, _ = fit(tmp_path / "updates.csv", 1, also=[Move()], steps=2)
    # And before the first of an epoch: what was done in between is no update.
    assert kinds == [{"float32"}] * (2 + 4)
    assert column(rows, "update_norm").max() < 10.0


def test_of_several_replicas_the_size_is_not_known(tmp_path):
    strategy = types.SimpleNamespace(num_replicas_in_sync=2)
    log = callbacks.UpdateLog(tmp_path / "updates.csv")
    log.set_model(
        types.SimpleNamespace(
            updates=np.array(0),
            steps_per_execution=1,
            distribute_strategy=strategy,
            trainable_variables=None,  # None of which is to be read.
        )
    )
    log.on_train_begin()
    log.on_epoch_begin(0)
    log.on_train_batch_begin(0)
    log.model.updates += 1
    log.on_train_batch_end(0, {"reconstruction_error": 0.25})
    log.on_train_end()
    assert (tmp_path / "updates.csv").read_text().splitlines() == [
        "update,reconstruction_error,update_norm",
        "1,0.25,",
    ]


def test_of_a_block_the_last_update_is_measured(single, tmp_path):
    rows, watch = fit(tmp_path / "updates.csv", 3)
    assert [row["update"] for row in rows] == ["3", "6", "9", "12"]
    # The updates are the same but for rounding.
    every, _ = single
    expected = column(every, "update_norm")[2::3]
    np.testing.assert_allclose(column(rows, "update_norm"), expected, rtol=1e-4)
    errors = [total / count for total, count in watch.sums]
    np.testing.assert_allclose(
        column(rows, "reconstruction_error"), errors, rtol=1e-5
    )


def test_many_rows_are_averaged(single, tmp_path):
    rows, _ = fit(tmp_path / "updates.csv", 1, most_rows=2)
    every, _ = single
    # Pairs of pairs, and what is left of the last.
    assert [row["update"] for row in rows] == ["4", "8", "12"]
    for name in ("reconstruction_error", "update_norm"):
        expected = column(every, name).reshape(3, 4).mean(axis=1)
        np.testing.assert_allclose(column(rows, name), expected, rtol=1e-5)


def test_the_number_of_rows_must_be_positive():
    with pytest.raises(ValueError, match="`most_rows` must be a positive"):
        callbacks.UpdateLog("updates.csv", most_rows=0)
