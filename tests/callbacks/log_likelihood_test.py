import csv
import json
import logging
import math
import sys

import keras
import numpy as np
import pytest

import keras_rbm
from keras_rbm import callbacks, likelihood
from keras_rbm.models.weights import averaged_weights
from tests import machines
from tests.callbacks import events

NAMES = (
    "val_log_likelihood",
    "val_log_likelihood_upper",
    "val_log_likelihood_epoch",
    "val_log_likelihood_baseline",
)
X, V = machines.data(64), machines.data(40, seed=1)


class Weights(keras.callbacks.Callback):
    """The oracles of all epochs, with averaged weights."""

    def on_train_begin(self, logs=None):
        self.oracles = []

    def on_epoch_end(self, epoch, logs=None):
        with averaged_weights(self.model):
            self.oracles.append(machines.oracle_of(self.model))


def model(seed=0, chain=None, **kwargs):
    chain = chain or keras_rbm.PersistentChain(8)
    model = keras_rbm.RBM(5, 4, chain, seed=seed)
    optimizer = keras.optimizers.SGD(0.5, **kwargs)
    model.compile(optimizer, run_eagerly=True)
    return model


def fit(ours, epochs, *after, initial_epoch=0):
    history = ours.fit(
        X,
        batch_size=32,
        epochs=epochs,
        initial_epoch=initial_epoch,
        shuffle=False,
        callbacks=list(after),
        verbose=0,
    )
    return history.history


def exact(oracle):
    return oracle.log_likelihood(V).mean()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A fit of five epochs with averaged weights, and all that uses logs."""
    path = tmp_path_factory.mktemp("fit")
    ours, weights = model(use_ema=True, ema_momentum=0.9), Weights()
    history = fit(
        ours,
        5,
        callbacks.LogLikelihood(path, V, every=2),
        callbacks.Scalars(path),
        keras.callbacks.CSVLogger(path / "history.csv"),
        keras.callbacks.ModelCheckpoint(
            path / "{epoch}.keras",
            monitor="val_log_likelihood",
            mode="max",
            save_best_only=True,
        ),
        weights,
    )
    return path, ours, history, weights.oracles


def test_it_is_the_enumerated_one_under_averaged_weights(fitted):
    _, ours, history, oracles = fitted
    expected = [exact(oracle) for oracle in oracles]
    # First, every second, and last; repeated in between.
    assert history["val_log_likelihood_epoch"] == [1, 2, 2, 4, 5]
    found = history["val_log_likelihood"]
    tolerance = machines.rounding("float32", 10 * np.abs(expected).max(), 10)
    np.testing.assert_allclose(
        found,
        [expected[e] for e in (0, 1, 1, 3, 4)],
        rtol=0,
        atol=tolerance,
    )
    assert found == history["val_log_likelihood_upper"]
    # `fit` leaves the averaged weights, which the last epoch is measured with.
    assert found[-1] == float(ours.log_likelihood(V))


def test_tensorboard_has_what_was_measured_once(fitted):
    path, _, history, _ = fitted
    tags = events.read(path / "validation")
    # Of the bracket as a band.
    assert list(tags.pop("custom_scalars__config__")) == [0]
    # `Scalars` follows, and leaves these numbers alone.
    assert set(tags) == {
        f"2 Likelihood/{name}"
        for name in (
            "log_likelihood_lower",
            "log_likelihood_upper",
            "log_likelihood_baseline",
            "log_partition_lower",
            "log_partition_upper",
            "standard_error",
        )
    }
    others = events.read(path / "train")
    assert not [tag for tag in others if "/log_likelihood" in tag]
    steps = tags["2 Likelihood/log_likelihood_lower"]
    assert list(steps) == [1, 2, 4, 5]
    np.testing.assert_allclose(
        list(steps.values()),
        [history["val_log_likelihood"][e] for e in (0, 1, 3, 4)],
        rtol=np.finfo("float32").eps,
    )


def test_csv_has_a_number_in_every_row(fitted):
    path, _, history, _ = fitted
    with open(path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    for name in NAMES:
        written = [float(row[name]) for row in rows]
        assert written == pytest.approx(history[name])


def test_checkpoints_are_saved_where_it_is_better(fitted):
    path, _, history, _ = fitted
    found = history["val_log_likelihood"]
    better = [
        f"{e + 1}.keras"
        for e in range(5)
        if all(found[e] > earlier for earlier in found[:e])
    ]
    # Epoch 3 repeats epoch 2, and is not saved; others are.
    assert len(better) > 1
    assert sorted(p.name for p in path.glob("*.keras")) == better


def test_early_stopping_stops_and_restores(tmp_path):
    ours = model()
    # A step so large that it only gets worse after some epochs.
    ours.optimizer.learning_rate = 3.0
    stop = keras.callbacks.EarlyStopping(
        "val_log_likelihood",
        mode="max",
        patience=4,
        restore_best_weights=True,
    )
    history = fit(ours, 60, callbacks.LogLikelihood(tmp_path, V, every=2), stop)
    found = history["val_log_likelihood"]
    best = int(np.argmax(found))
    assert len(found) == best + 1 + 4 < 60
    assert stop.best_epoch == best
    assert history["val_log_likelihood_epoch"][best] == best + 1
    assert float(ours.log_likelihood(V)) == max(found)


def test_early_stopping_that_begins_in_between_is_not_blinded(tmp_path):
    stop = keras.callbacks.EarlyStopping(
        "val_log_likelihood", mode="max", patience=3, start_from_epoch=2
    )
    ours = model()
    ours.optimizer.learning_rate = 0.1
    ours.visible_params["bias"].assign(np.full(5, 3.0))  # Much to learn.
    history = fit(ours, 8, callbacks.LogLikelihood(tmp_path, V, every=2), stop)
    # The first that it sees is a repeated one; the next ones are better.
    found = history["val_log_likelihood"]
    assert found[2] == found[1] < found[3] < found[5] < found[7]
    assert stop.best == found[7]


@pytest.mark.parametrize(
    ("method", "chain"),
    [
        ("exact", lambda: keras_rbm.PersistentChain(8)),
        ("ais", lambda: keras_rbm.PersistentChain(8)),
        (
            "ais",
            lambda: keras_rbm.PersistentChain(8, sampler=keras_rbm.Tempered(3)),
        ),
        ("ais", lambda: keras_rbm.ContrastiveDivergence(1)),
    ],
)
def test_training_goes_on_as_without(tmp_path, method, chain):
    kwargs = {"use_ema": True, "momentum": 0.5}
    plain = model(chain=chain(), **kwargs)
    watched = model(chain=chain(), **kwargs)
    callback = callbacks.LogLikelihood(
        tmp_path,
        V,
        every=1,
        method=method,
        num_betas=20,
        num_chains=40,
        num_sweeps=3,
        seed=7,
    )
    fit(plain, 2)
    fit(watched, 2, callback)
    machines.assert_same_states(plain, watched)


def test_a_bracket_has_two_ends(tmp_path):
    oracle = machines.oracle_lib.Oracle.draw(5, 4, seed=2)
    ours = machines.rbm(oracle, chain=keras_rbm.PersistentChain(50))
    callback = callbacks.LogLikelihood(
        tmp_path, V, method="ais", num_betas=50, num_chains=40, seed=1
    )
    logs = measure(ours, callback)
    again = ours.log_likelihood(
        V, "ais", num_betas=50, num_chains=40, num_sweeps=100, seed=1
    )
    assert [logs[name] for name in NAMES] == [
        again.lower,
        again.upper,
        1,
        -math.inf,  # A machine that has seen no data.
    ]
    assert again.lower < again.upper
    # Half a dozen standard errors beyond each end.
    margin = 6 * again.log_partition.standard_error
    assert again.lower - margin < exact(oracle) < again.upper + margin
    tags = events.read(tmp_path / "validation")
    bracket = again.log_partition
    assert tags["2 Likelihood/effective_sample_size"][1] == pytest.approx(
        min(
            bracket.forward.effective_sample_size,
            # The limit of trust is 25 there, and 50 here.
            2 * bracket.reverse.effective_sample_size,
        )
    )
    for name in ("lower", "upper"):
        written = tags[f"2 Likelihood/log_partition_{name}"][1]
        assert written == pytest.approx(getattr(bracket, name))


def measure(ours, callback, epoch=0, logs=None):
    """The logs of one epoch."""
    logs = {} if logs is None else logs
    callback.set_model(ours)
    callback.on_train_begin()
    callback.on_epoch_end(epoch, logs)
    callback.on_train_end()
    return logs


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((20, 16), "exact"), ((16, 20), "exact"), ((17, 17), "ais")],
)
def test_auto_enumerates_what_is_cheap(tmp_path, sizes, expected):
    asked = []

    class Watched(keras_rbm.RBM):
        def log_likelihood(self, v, method="auto", **kwargs):
            asked.append(method)
            zero = likelihood.Exact(0.0)
            return super().log_likelihood(v, log_partition=zero)

    ours = Watched(*sizes, seed=0)
    v = machines.data(10, sizes[0])
    measure(ours, callbacks.LogLikelihood(tmp_path, v))
    assert asked == [expected]


def test_each_kind_of_doubt_is_reported_once_a_fit(tmp_path, caplog):
    def doubts():
        return [r.message for r in caplog.records]

    # So few chains have an effective sample size below 50 in any case.
    callback = callbacks.LogLikelihood(
        tmp_path, V, every=1, method="ais", num_betas=30, num_chains=40
    )
    ours = model()
    with caplog.at_level(logging.WARNING, "keras_rbm"):
        fit(ours, 3, callback)
        forward = [x for x in doubts() if "sample size of AIS" in x]
        reverse = [x for x in doubts() if "sample size of reverse" in x]
        assert len(forward) == len(reverse) == 1
        assert forward[0].startswith("the validation log-likelihood of epoch 1")
        caplog.clear()
        fit(ours, 4, callback, initial_epoch=3)
        forward = [x for x in doubts() if "sample size of AIS" in x]
        assert len(forward) == 1
        assert "of epoch 4" in forward[0]


def test_doubts_about_missing_entries_are_reported(
    tmp_path, caplog, monkeypatch
):
    observed_lib = sys.modules["keras_rbm.likelihood.observed"]
    monkeypatch.setattr(
        observed_lib, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    monkeypatch.setattr(observed_lib, "_LEAST_SHARE", 2.0)
    holed = V[:4].astype("float32")
    holed[:, 0] = np.nan
    with caplog.at_level(logging.WARNING, "keras_rbm"):
        measure(model(), callbacks.LogLikelihood(tmp_path, holed))
    assert "a rough one" in caplog.text
    assert "of the chains carry the weight of the sum" in caplog.text


def test_masked_entries_are_missing(tmp_path):
    ours = model()
    lost = np.broadcast_to(np.arange(5) < 2, V.shape)
    hidden = np.ma.array(V, mask=lost)
    logs = measure(ours, callbacks.LogLikelihood(tmp_path, hidden))
    holed = np.where(lost, np.nan, V)
    assert logs[NAMES[0]] == float(ours.log_likelihood(holed))


def test_an_exact_one_raises_no_doubt(fitted, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "keras_rbm"):
        fit(model(), 1, callbacks.LogLikelihood(tmp_path, V))
    assert "a rough one" not in caplog.text


def test_training_examples_have_names_of_their_own(tmp_path):
    ours, weights = model(), Weights()
    history = fit(
        ours,
        1,
        callbacks.LogLikelihood(tmp_path, V, split="train"),
        callbacks.Scalars(tmp_path),
        weights,
    )
    assert history["log_likelihood"] == [float(ours.log_likelihood(V))]
    assert not [name for name in history if name.startswith("val_")]
    tags = events.read(tmp_path / "train")
    assert list(tags["2 Likelihood/log_likelihood_lower"]) == [1]


def test_the_first_epoch_of_each_fit_is_measured(tmp_path):
    ours = model()
    callback = callbacks.LogLikelihood(tmp_path, V, every=10)
    assert fit(ours, 2, callback)[NAMES[2]] == [1, 2]
    assert fit(ours, 5, callback, initial_epoch=2)[NAMES[2]] == [3, 3, 5]


def test_a_diverged_model_has_none(tmp_path):
    ours = model()
    ours.kernel.assign(np.full((5, 4), np.nan))
    logs = measure(ours, callbacks.LogLikelihood(tmp_path, V), 4)
    assert [logs[name] for name in NAMES] == [
        -math.inf,
        -math.inf,
        0,
        -math.inf,
    ]
    assert set(events.read(tmp_path / "validation")) == {
        "custom_scalars__config__"
    }


def test_data_that_are_no_states(tmp_path):
    grey = callbacks.LogLikelihood(tmp_path, V * 0.5)
    with pytest.raises(ValueError, match=r"`v` must hold 0 and 1 alone"):
        fit(model(), 1, grey)
    narrow = callbacks.LogLikelihood(tmp_path, V[:, :4])
    with pytest.raises(ValueError, match=r"`v` must have shape"):
        fit(model(), 1, narrow)


@pytest.mark.parametrize(
    "argument",
    [
        {"every": 0},
        {"method": "best"},
        {"num_betas": 0},
        {"num_chains": 1.5},
        {"num_sweeps": -1},
        {"seed": -1},
        {"split": "test"},
    ],
)
def test_bad_arguments(tmp_path, argument):
    ((name, value),) = argument.items()
    message = f"`{name}` must be .* Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        callbacks.LogLikelihood(tmp_path, V, **argument)


def test_the_baseline_stands_beside_it(fitted):
    _, ours, history, _ = fitted
    baseline = history["val_log_likelihood_baseline"]
    assert len(set(baseline)) == 1
    p = X.mean(axis=0)
    expected = (V * np.log(p) + (1 - V) * np.log1p(-p)).sum(axis=1).mean()
    assert baseline[0] == pytest.approx(expected, abs=1e-5)
    assert baseline[0] == ours.log_likelihood(V).baseline


def test_a_model_that_has_learned_nothing_is_reported(tmp_path, caplog):
    ours = model()
    ours.optimizer.learning_rate = 1e-6
    callback = callbacks.LogLikelihood(tmp_path, X, split="train")
    with caplog.at_level(logging.WARNING, "keras_rbm"):
        fit(ours, 2, callback)
    assert "train data: the model is no better than independent" in caplog.text
    assert "too few updates" in caplog.text
    state = json.loads(json.dumps(callback.get_state()))
    other = callbacks.LogLikelihood(tmp_path, X, split="train")
    other.set_model(ours)
    other.on_train_begin()
    other.set_state(state)
    assert other.get_state() == callback.get_state()
    caplog.clear()
    with caplog.at_level(logging.WARNING, "keras_rbm"):
        other.on_train_end()
    assert "no better than independent" in caplog.text
