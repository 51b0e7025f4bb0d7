import functools
import json
import logging
import math
import types

import keras
import numpy as np
import pytest

import keras_rbm
from keras_rbm import callbacks, data, likelihood
from tests import machines
from tests.callbacks import events

X = machines.data(60)
NAMES = ("log_partition_trajectory", "effective_sample_size_trajectory")


def compiled(**kwargs):
    model = keras_rbm.RBM(5, 4, keras_rbm.PersistentChain(6), seed=0)
    # A large step: in 24 updates much changes.
    model.compile(
        keras.optimizers.SGD(0.5, **kwargs),
        steps_per_execution=1,
        jit_compile=False,
    )
    return model


@functools.cache
def restart(**kwargs):
    return machines.restarting(compiled(**kwargs))


def machine(**kwargs):
    """The model of an optimizer with these settings, without updates."""
    return restart(**kwargs)()


def fit(model, *extra, epochs=4, **kwargs):
    return model.fit(
        data.batches(X, 10, first_step=int(model.updates)),
        steps_per_epoch=6,
        epochs=epochs,
        callbacks=list(extra),
        verbose=0,
        **kwargs,
    ).history


@pytest.fixture(scope="module", params=[False, True])
def fitted(request, tmp_path_factory):
    """A run with averaged weights, or without.

    Returns:
        Its folder, the exact log Z and all variables at its end, the callback,
        the history, and whether the weights were averaged.
    """
    path = tmp_path_factory.mktemp("fit")
    model = machine(use_ema=request.param, ema_momentum=0.8)
    exact = callbacks.LogLikelihood(path, X)
    found = callbacks.TrajectoryAIS(path, exact, 2, num_chains=1000)
    history = fit(model, exact, found, callbacks.Scalars(path))
    log_z = machines.oracle_of(model).log_z  # `fit` leaves the average.
    states = machines.states_of(model)
    return path, (log_z, states), found, history, request.param


def test_it_is_the_enumerated_one(fitted, caplog):
    _, (expected, _), found, history, _ = fitted
    error = found.estimate.standard_error
    assert error < 0.02
    assert abs(found.estimate.log_z - expected) < 4 * error
    assert found.estimate.log_z == history[NAMES[0]][-1]
    assert abs(history[NAMES[0]][0] - expected) > 10 * error
    assert found.estimate.particles.shape == (1000, 5)


def test_training_goes_on_as_without(fitted):
    _, (_, states), _, _, use_ema = fitted
    alone = compiled(use_ema=use_ema, ema_momentum=0.8)  # Not used before.
    fit(alone)
    for ours, theirs in zip(machines.states_of(alone), states, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_tensorboard_and_logs_have_the_measured_epochs(fitted):
    path, _, _, history, _ = fitted
    tags = events.read(path / "validation")
    for name in NAMES:
        steps = tags[f"2 Likelihood/{name}"]
        assert list(steps) == [1, 2, 4]
        found = np.array(history[name])
        assert found[2] == found[1]
        np.testing.assert_allclose(
            list(steps.values()), found[[0, 1, 3]], rtol=1e-6
        )
    train = events.read(path / "train")
    assert not [tag for tag in train if "trajectory" in tag]


class Stop(keras.callbacks.Callback):
    def __init__(self, checkpoint, updates):
        super().__init__()
        self.checkpoint, self.updates = checkpoint, updates

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.updates) == self.updates:
            self.checkpoint.stop("a test")


@pytest.mark.parametrize("stop", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_resumed_run_has_the_same_estimate(tmp_path, stop):
    def run(name, stop):
        model = machine()
        found = callbacks.TrajectoryAIS(tmp_path / name, num_chains=1000)
        checkpoint = callbacks.Checkpoint(tmp_path / name, callbacks=[found])
        done = checkpoint.resume(model)
        fit(
            model,
            found,
            Stop(checkpoint, stop),
            checkpoint,
            epochs=2,
            initial_epoch=done.epoch,
            initial_step=done.step,
        )
        return found.estimate

    whole = run("whole", None)
    with pytest.raises(callbacks.Interrupted):
        run("parts", stop)
    parts = run("parts", None)
    np.testing.assert_array_equal(parts.log_weights, whole.log_weights)
    np.testing.assert_array_equal(parts.particles, whole.particles)
    assert parts.log_z == whole.log_z


def test_another_model_has_chains_of_its_own(tmp_path):
    """Also if it has made updates before, and has other hidden units."""
    first, second = machine(), keras_rbm.RBM(5, 3, seed=1)
    second.compile("sgd", run_eagerly=True)
    fit(second, epochs=1)
    reused, fresh = (
        callbacks.TrajectoryAIS(tmp_path / name, num_chains=200)
        for name in ("reused", "fresh")
    )
    fit(first, reused, epochs=1)
    for callback in (reused, fresh):
        callback.set_model(second)
        callback.on_train_begin()
        callback.on_epoch_end(0, {})
    assert reused.estimate.log_z == fresh.estimate.log_z


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch, tmp_path):
    """Folders that a callback makes are no part of the checkout."""
    monkeypatch.chdir(tmp_path)


def begun(**kwargs):
    """A callback at a model of no update."""
    found = callbacks.TrajectoryAIS("unused", **kwargs)
    found.set_model(machine())
    found.on_train_begin()
    return found


def test_the_state_of_a_run_that_has_not_begun():
    found, again = begun(), begun()
    again.set_state(json.loads(json.dumps(found.get_state())))
    assert again.estimate is None
    assert math.isnan(again.get_state()["latest"][0])


def test_estimates_that_part_are_reported_once(caplog):
    exact = callbacks.LogLikelihood("unused", X)
    found = begun(log_likelihood=exact, num_chains=1000)
    with caplog.at_level(logging.WARNING, "keras_rbm"):
        found.measure(1)
        log_z = found.estimate.log_z
        for distance in (0.0, -0.5, 0.5, 0.5):
            exact.log_partition = likelihood.Exact(log_z + distance)
            exact.measured_epoch = 2
            found.measure(1)  # Of another epoch.
            found.measure(2)
    (record,) = caplog.records
    text = record.getMessage()
    assert "log Z of epoch 2" in text
    assert "0.50 nats apart" in text


def test_examples_with_missing_entries_have_no_mean():
    missing = np.where(np.arange(X.shape[1]) == 1, np.nan, X)
    found = begun(log_likelihood=callbacks.LogLikelihood("unused", missing))
    values = found.measure(1)
    assert np.isfinite(found.estimate.log_z)
    assert sum(map(math.isnan, values.values())) == 1


def test_weights_that_degenerate_are_reported(caplog, monkeypatch):
    found = begun(num_chains=1000)
    found.measure(1)
    weights = np.zeros(1000)
    weights[0] = 50.0
    found._log_weights = types.SimpleNamespace(numpy=lambda: weights)
    with caplog.at_level(logging.WARNING, "keras_rbm"):
        found.measure(3)
    assert "effective sample size is 1.0 of 1000" in caplog.text


def test_units_that_are_sampled_approximately_are_refused(tmp_path):
    model = keras_rbm.RBM(5, keras_rbm.NoisyReLU(3), seed=0)
    found = callbacks.TrajectoryAIS(tmp_path)
    found.set_model(model)
    with pytest.raises(ValueError, match="whose draws are exact"):
        found.on_train_begin()


@pytest.mark.parametrize(
    "argument",
    [
        {"log_likelihood": 3},
        {"num_chains": 0},
        {"num_betas": 2.5},
        {"every": 0},
        {"seed": -1},
    ],
)
def test_bad_arguments(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"`{name}` must be .* {name}="):
        callbacks.TrajectoryAIS("unused", **argument)
