"""Compiling, fitting and evaluating a model, against enumeration."""

import csv
import itertools
import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    AutoSGD,
    ContrastiveDivergence,
    PersistentChain,
    likelihood,
)
from keras_rbm import machine as machine_lib
from tests.machines import (
    METRICS,
    Given,
    assert_same_states,
    batches,
    data,
    given,
    machine,
    oracle_of,
    rbm,
    rounding,
    states_of,
    sweeps_from_hidden,
    weights,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)


def fit(model, x, **kwargs):
    options = {
        "batch_size": 16,
        "epochs": 1,
        "verbose": 0,
        "shuffle": False,
        **kwargs,
    }
    return model.fit(x, **options)


def built(seed=0, chain=None, **kwargs):
    model = RBM(5, 4, chain or PersistentChain(10, 2), seed=seed)
    model.compile(keras.optimizers.SGD(0.1), **kwargs)
    return model


def test_two_trainings_of_one_seed_are_one():
    first, second, other = (built(seed, run_eagerly=True) for seed in (0, 0, 1))
    for model in (first, second, other):
        fit(model, data(), batch_size=24)
    assert_same_states(first, second)
    for x, y in zip(weights(first), weights(other), strict=True):
        assert (x != y).all()


@pytest.mark.parametrize("chain", [ContrastiveDivergence, PersistentChain])
def test_seeds_decide_the_samples(chain):
    """With the same start, that is: they are drawn at each update."""
    models = [
        rbm(ORACLE, chain=chain(), seed=seed, centered=False)
        for seed in (1, 1, 2)
    ]
    if chain is PersistentChain:
        for model in models[1:]:
            model.chain.particles.assign(models[0].chain.particles)
    for model in models:
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        fit(model, data(), batch_size=48, epochs=2)
    kernels = [model.kernel.numpy() for model in models]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).any()


def test_every_update_draws_other_numbers():
    """The same parameters and data give other samples each time."""
    model = rbm(ORACLE, chain=ContrastiveDivergence(), seed=0)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    seen = []
    advance = model.chain.advance

    def watch(machine, v_data, stream):
        v_model = advance(machine, v_data, stream)
        # The metrics of the update look at fewer examples.
        if len(v_data) == 48:
            seen.append(v_model.numpy())
        return v_model

    model.chain.advance = watch
    fit(model, data(), batch_size=48, epochs=3)
    assert len(seen) == 3
    for i, j in ((0, 1), (1, 2), (0, 2)):
        assert (seen[i] != seen[j]).any()


def test_an_update_moves_the_chain_with_the_machine_before_it(monkeypatch):
    model = rbm(ORACLE, chain=PersistentChain(10, 2), centered=False)
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    particles = model.chain.particles.numpy()
    calls = {}
    for name in ("advance", "persist"):
        method = getattr(model.chain, name)

        def watch(*args, name=name, method=method):
            calls[name] = args, method(*args)
            return calls[name][1]

        monkeypatch.setattr(model.chain, name, watch)
    before = machine(ORACLE)
    fit(model, data(), batch_size=48)

    (_, v_data, stream), v_model = calls["advance"]
    np.testing.assert_array_equal(v_data, data())
    np.testing.assert_array_equal(
        v_model, sweeps_from_hidden(before, particles, stream, 2)
    )
    (_, inputs, last), _ = calls["persist"]
    np.testing.assert_array_equal(
        inputs, machine_lib.hidden_inputs(before, v_model)
    )
    np.testing.assert_array_equal(last.key, stream.key)
    assert (model.chain.particles.numpy() != particles).any()

    d = ORACLE.moments(data(), np.full(48, 1 / 48))
    m = ORACLE.moments(v_model.numpy(), np.full(10, 1 / 10))
    np.testing.assert_allclose(
        model.kernel.numpy(),
        ORACLE.kernel + 0.5 * (d[0] - m[0]),
        rtol=0,
        atol=rounding("float32", 3.0, 20),
    )


def test_a_batch_alone_gives_all_metrics():
    model = built(run_eagerly=True)
    logs = model.train_on_batch(data(), return_dict=True)
    assert set(logs) == set(METRICS)
    assert all(np.isfinite(float(value)) for value in logs.values())
    assert [metric.name for metric in model.metrics] == METRICS


def test_metrics_are_those_of_the_first_examples_after_the_update():
    model = rbm(ORACLE)
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    v = data()
    for weight in (None, np.linspace(0, 2, 48)):
        history = model.fit(
            v,
            batch_size=48,
            sample_weight=weight,
            epochs=1,
            verbose=0,
            shuffle=False,
        ).history
        if weight is not None:
            weight = weight[:32]
        hidden = oracle_of(model).hidden_mean(v[:32]).mean(axis=1)
        assert history["hidden_activity"] == [
            pytest.approx(
                np.average(hidden, weights=weight),
                abs=rounding("float32", 1.0, 50),
            )
        ]


def test_metrics_are_means_over_the_updates_of_an_epoch():
    model = rbm(ORACLE)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    grey = np.linspace(0, 1, 6)[:, None] * np.ones((6, 5))
    history = fit(model, grey, batch_size=2, epochs=2).history
    expected = ORACLE.hidden_mean(grey).mean()
    np.testing.assert_allclose(
        history["hidden_activity"],
        [expected, expected],
        atol=rounding("float32", 1.0, 30),
    )


@pytest.mark.parametrize("chain", [ContrastiveDivergence, PersistentChain])
@pytest.mark.parametrize(
    "dtype", ["mixed_bfloat16", "mixed_float16", "float64"]
)
def test_dtype_policies(chain, dtype):
    model = RBM(5, 4, chain(), seed=0, dtype=dtype)
    model.compile(keras.optimizers.Adam(0.05), run_eagerly=True)
    assert model.kernel.dtype == (
        "float64" if dtype == "float64" else "float32"
    )
    history = fit(
        model, data(), batch_size=24, epochs=2, validation_data=data()
    ).history
    assert int(model.updates) == 4
    assert all(np.isfinite(values).all() for values in history.values())
    assert set(history) == {*METRICS, *(f"val_{name}" for name in METRICS)}
    for value in weights(model):
        assert np.isfinite(value).all()
        assert value.any()


@pytest.mark.slow
def test_a_mixed_policy_under_the_compiler():
    model = RBM(5, 4, seed=0, dtype="mixed_bfloat16")
    model.compile(keras.optimizers.SGD(0.1))
    fit(model, data())
    for value in weights(model):
        assert np.isfinite(value).all()
        assert value.any()


# Models without targets: losses, callbacks and what `fit` takes.


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
    assert isinstance(model.optimizer, AutoSGD)
    # A loaded model chooses again, for its own number of replicas.
    assert model.get_compile_config()["jit_compile"] == "auto"
    assert keras.models.clone_model(model).jit_compile is True
    model.compile("adam", jit_compile=False)
    assert model.jit_compile is False
    assert model.get_compile_config()["jit_compile"] is False
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
    model.fit(data(), batch_size=24, epochs=2, verbose=0)
    assert int(model.updates) == 4
    assert all(np.isfinite(x).all() for x in weights(model))
    assert_differ(weights(model), start)


def test_clipping_bounds_the_step():
    model = given(
        ORACLE, optimizer=keras.optimizers.SGD(1.0, global_clipnorm=0.01)
    )
    start = weights(model)
    model.fit(data(), batch_size=48, epochs=1, verbose=0)
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


@pytest.mark.parametrize("has_list", [False, True])
def test_early_stopping_restores_what_was_validated(has_list):
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9)
    model = given(ORACLE, optimizer=optimizer)
    stop = keras.callbacks.EarlyStopping(
        "val_reconstruction_error", patience=9, restore_best_weights=True
    )
    callbacks = [stop]
    if has_list:
        callbacks = keras.callbacks.CallbackList(
            [stop], add_history=True, model=model
        )
    history = model.fit(
        data(),
        batch_size=48,
        epochs=3,
        verbose=0,
        validation_data=data(),
        callbacks=callbacks,
    ).history["val_reconstruction_error"]
    found = model.evaluate(data(), verbose=0, return_dict=True)
    assert found["reconstruction_error"] == pytest.approx(min(history))


def test_all_epochs_are_left_after_a_run_that_was_restored(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch:
                raise KeyboardInterrupt

    def fit(model, *callbacks):
        given = {"batch_size": 48, "epochs": 3, "verbose": 0}
        return model.fit(data(), callbacks=list(callbacks), **given).epoch

    with pytest.raises(KeyboardInterrupt):
        fit(given(ORACLE), keras.callbacks.BackupAndRestore(tmp_path), Stop())
    model = given(ORACLE)
    assert len(fit(model, keras.callbacks.BackupAndRestore(tmp_path))) < 3
    assert len(fit(model)) == 3


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
    model.fit(data(), batch_size=16, epochs=1, verbose=0)
    for variable, value in zip(model.parameters.variables, start, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert (model.chain.particles.numpy() != particles).any()
    assert int(model.updates) == 3


def test_arguments_by_position():
    first, second = given(ORACLE), given(ORACLE)
    weight = np.linspace(0, 2, 48)
    # batch_size, epochs, verbose, callbacks, split, validation, shuffle, ...
    first.fit(data(), None, 24, 2, 0, None, 0.0, None, False, None, weight)
    second.fit(
        data(),
        batch_size=24,
        epochs=2,
        verbose=0,
        shuffle=False,
        sample_weight=weight,
    )
    assert_close(weights(first), weights(second))
    bad = np.full((3, 5), 7.0)
    with pytest.raises(ValueError, match="`validation_data` must"):
        first.fit(data(), None, 24, 2, 0, None, 0.0, bad)


# What a model reports.


def expected_figures(model, v, weight=None):
    """The figures by enumeration, but for the pseudo-likelihood."""
    oracle = oracle_of(model)
    hidden = oracle.hidden_mean(v)
    visible = oracle.visible_mean(hidden)
    figures = {
        "loss": oracle.free_energy(v)
        - oracle.free_energy(Given.v_model).mean(),
        "reconstruction_error": np.square(v - visible).mean(axis=1),
        "cross_entropy": -(
            v * np.log(visible) + (1 - v) * np.log(1 - visible)
        ).sum(axis=1),
        "hidden_activity": hidden.mean(axis=1),
    }
    return {
        name: np.average(value, weights=weight)
        for name, value in figures.items()
    }


def assert_figures(actual, expected):
    assert list(actual) == sorted(METRICS)
    for name, value in expected.items():
        assert actual[name] == pytest.approx(value, abs=ERROR), name


def test_evaluate_gives_the_figures():
    model = given(ORACLE)
    before = states_of(model)
    for batch_size in (48, 16, 10):
        actual = model.evaluate(
            data(), batch_size=batch_size, verbose=0, return_dict=True
        )
        assert_figures(actual, expected_figures(model, data()))
    for x, y in zip(before, states_of(model), strict=True):
        np.testing.assert_array_equal(x, y)


def test_evaluate_gives_the_loss_first():
    model = given(ORACLE)
    values = model.evaluate(data(), verbose=0)
    assert model.metrics_names[0] == "loss"
    figures = expected_figures(model, data())
    assert values[0] == pytest.approx(figures["loss"], abs=ERROR)
    assert len(values) == len(METRICS)


def test_evaluate_estimates_the_pseudo_likelihood():
    model = given(ORACLE)
    x = np.tile(data(), (100, 1))
    actual = model.evaluate(x, batch_size=2000, verbose=0, return_dict=True)
    sites = 5 * ORACLE.log_conditionals(data())
    # Of 5 sites for each example.
    error = np.sqrt(sites.var(axis=1).mean() / (5 * len(x)))
    expected = sites.mean()
    assert abs(actual["pseudo_log_likelihood"] - expected) < 4 * error
    assert model.evaluate(x, batch_size=2000, verbose=0, return_dict=True) == (
        actual
    )


def test_every_batch_has_sites_of_its_own():
    model = given(ORACLE)
    once, twice = (
        model.evaluate(x, batch_size=48, verbose=0, return_dict=True)
        for x in (data(), np.tile(data(), (2, 1)))
    )
    assert once["pseudo_log_likelihood"] != twice["pseudo_log_likelihood"]
    assert once["cross_entropy"] == pytest.approx(
        twice["cross_entropy"], abs=ERROR
    )


def test_evaluate_takes_data_sets_and_weights():
    model = given(ORACLE)
    weight = np.random.default_rng(0).random(48).astype("float32")
    expected = expected_figures(model, data(), weight)
    arguments = {"verbose": 0, "return_dict": True}
    assert_figures(
        model.evaluate(data(), sample_weight=weight, **arguments), expected
    )
    columns = data(), np.zeros(48), weight
    dataset = tf.data.Dataset.from_tensor_slices(columns).batch(10)
    assert_figures(model.evaluate(dataset, **arguments), expected)


def test_fit_reports_every_metric():
    model = given(ORACLE)
    history = model.fit(
        data(), batch_size=16, epochs=2, verbose=0, validation_data=data()
    ).history
    assert set(history) == {*METRICS, *(f"val_{name}" for name in METRICS)}
    assert all(len(values) == 2 for values in history.values())
    last = {n: history[f"val_{n}"][-1] for n in sorted(METRICS)}
    assert_figures(last, expected_figures(model, data()))


@pytest.mark.parametrize("x", [data(), (data(),), (data(), np.zeros(48))])
def test_validation_data(x):
    model = given(ORACLE)
    history = model.fit(
        data(), batch_size=16, epochs=1, verbose=0, validation_data=x
    ).history
    assert history["val_loss"] == [
        pytest.approx(expected_figures(model, data())["loss"], abs=ERROR)
    ]


@pytest.mark.parametrize("targets", [np.zeros(48), None])
def test_weights_of_validation_data(targets):
    model = given(ORACLE)
    weight = np.repeat([0.0, 2.0, 1.0], 16)
    history = model.fit(
        data(),
        batch_size=16,
        epochs=1,
        verbose=0,
        validation_data=(data(), targets, weight),
    ).history
    figures = expected_figures(model, data(), weight)
    assert history["val_cross_entropy"] == [
        pytest.approx(figures["cross_entropy"], abs=ERROR)
    ]


def test_validation_split():
    model = given(ORACLE)
    history = model.fit(
        data(), batch_size=12, epochs=1, verbose=0, validation_split=0.25
    ).history
    assert int(model.updates) == 3
    figures = expected_figures(model, data()[36:])
    assert history["val_loss"] == [pytest.approx(figures["loss"], abs=ERROR)]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_data_set_that_is_read_only_once_is_an_error():
    rows = iter(data())
    once = tf.data.Dataset.from_generator(
        lambda: rows, output_signature=tf.TensorSpec((5,))
    )
    model = RBM(5, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="`x` must give its batches each time"):
        model.fit(once.batch(12), epochs=1, verbose=0)


def test_weights_may_be_lists():
    weight = np.random.default_rng(0).random(48).tolist()
    figures = [
        given(ORACLE).evaluate(
            data(), sample_weight=x, verbose=0, return_dict=True
        )
        for x in (weight, np.asarray(weight))
    ]
    assert figures[0] == figures[1]
    given(ORACLE).fit(
        data(),
        sample_weight=weight,
        validation_data=(data(), None, weight),
        epochs=1,
        verbose=0,
    )


def brief(x, oracle=ORACLE, **kwargs):
    """A model that has made one update, eagerly."""
    model = rbm(oracle)
    model.compile(keras.optimizers.SGD(1e-3), run_eagerly=True)
    with warnings.catch_warnings():
        # Of Keras, on its own variables.
        warnings.simplefilter("ignore", DeprecationWarning)
        model.fit(x, epochs=1, steps_per_epoch=1, verbose=0, **kwargs)
    return model


@pytest.mark.parametrize("as_data_set", [False, True])
def test_a_short_run_that_has_learned_nothing_says_so(as_data_set):
    x = data(200)
    given = batches(x, size=20) if as_data_set else x
    with pytest.warns(UserWarning, match="After 1 updates") as found:
        model = brief(given)
    (warning,) = found
    text = str(warning.message)
    assert warning.filename == __file__ or "trainer" in warning.filename
    assert "fit(x, updates=20_000)" in text
    assert "run.updates" in text
    assert "200 examples" in text
    ours, theirs, gain, error = (
        float(number)
        for number in re.search(
            r"is (\S+) nats an example, theirs (\S+) \(difference (\S+) \+- "
            r"(\S+),",
            text,
        ).groups()
    )
    sites = model.pseudo_log_likelihood(x)
    mean = x.mean(axis=0)
    apart = x * np.log(mean) + (1 - x) * np.log(1 - mean)
    # Of 10 of the 5 sites of each example, drawn with replacement.
    noise = 5 * 5 * apart.std() / np.sqrt(10 * len(x))
    assert abs(theirs - apart.sum(axis=1).mean()) < noise
    assert abs(ours - sites.mean()) < noise
    assert gain == pytest.approx(ours - theirs, abs=2e-3)
    assert gain < error < noise


def test_a_run_that_has_learned_says_nothing():
    x = data(200)
    # Columns that are all the same, and weights that know it.
    same = np.repeat(x[:, :1], 5, axis=1)
    knows = Oracle(np.full((5, 4), 2.0), np.full(5, -4.0), np.full(4, -5.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        brief(same, knows)
        # Data that can be read only once, and examples that are all the same.
        brief(x for _ in itertools.count())
        brief(np.ones_like(x))
    model = brief_after(2000)
    assert int(model.updates.numpy()) == 2001


def brief_after(updates):
    """A model that makes one more update, without a warning."""
    model = rbm(ORACLE)
    model.updates.assign(updates)
    model.compile(keras.optimizers.SGD(1e-3), run_eagerly=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(data(), epochs=1, steps_per_epoch=1, verbose=0)
    return model


def test_few_examples_suffice_for_a_clear_difference(monkeypatch):
    seen, estimate = [], likelihood.stochastic_pseudo_log_likelihood

    def spy(machine, v, *args):
        seen.append(len(v))
        return estimate(machine, v, *args)

    monkeypatch.setattr(likelihood, "stochastic_pseudo_log_likelihood", spy)
    same = np.repeat(data(200)[:, :1], 5, axis=1)
    knows = Oracle(np.full((5, 4), 2.0), np.full(5, -4.0), np.full(4, -5.0))
    brief(same, knows)
    assert seen == [100, 100]
    # Of no more than a few examples, whose difference has a poor error.
    seen.clear()
    weight = np.full(200, 1e-3)
    weight[:5] = 1.0
    brief(same, knows, sample_weight=weight)
    assert seen == [200, 200]
    seen.clear()
    with pytest.warns(UserWarning, match="After 1 updates"):
        brief(data(200))
    assert seen == [100, 100, 200, 200]
    # Somewhat better, by about two standard errors: all examples decide.
    seen.clear()
    guesses = Oracle(np.full((5, 4), 0.75), np.full(5, -1.5), np.full(4, -1.9))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        brief(same, guesses)
    assert seen == [100, 100, 200, 200]


def test_grey_values_are_drawn_and_weights_count():
    x = np.repeat(data(200), 2, axis=0)
    weight = np.ones(len(x))
    with pytest.warns(UserWarning, match="After 1 updates"):
        brief(0.9 * x + 0.05)
    # Examples without weight are as good as absent, wherever they are.
    x[::2], weight[::2] = 1.0, 0.0
    with pytest.warns(UserWarning, match=r"theirs -[23]\."):
        brief(x, sample_weight=weight)
    order = np.argsort(weight, kind="stable")
    with pytest.warns(UserWarning, match=r"theirs -[23]\..* 400 examples"):
        brief(x[order], sample_weight=weight[order])


def test_hidden_units_that_say_nothing_are_warned_of():
    nothing = Oracle(np.zeros((5, 4)), np.zeros(5), np.zeros(4))
    with pytest.warns(UserWarning, match="hardly vary") as found:
        brief(data(), nothing)
    assert len(found) == 1


def endless(x, size=8):
    return tf.data.Dataset.from_tensor_slices(x).repeat().batch(size, True)


class Seen(keras.callbacks.Callback):
    """What is measured and predicted after each epoch."""

    def __init__(self, x):
        super().__init__()
        self.x, self.counts, self.shapes = x, [], []

    def on_epoch_end(self, epoch, logs=None):
        self.counts.append(float(self.model.metrics[0].count))
        found = self.model.predict(self.x, batch_size=8, verbose=0)
        self.shapes.append(found.shape)


def test_all_is_measured_whatever_the_steps_of_earlier_calls():
    """Keras's functions keep the number of steps that they were traced with."""
    x = data(32)
    model = built(jit_compile=False)
    model.evaluate(x, batch_size=8, verbose=0)
    model.predict(x, batch_size=8, verbose=0)
    seen = Seen(x)
    options = {"verbose": 0, "callbacks": [seen], "validation_data": x}
    model.fit(x, batch_size=8, epochs=1, **options)
    model.fit(endless(x), steps_per_epoch=2, epochs=1, **options)
    model.fit(endless(x), steps_per_epoch=4, epochs=1, **options)
    # Each data set is measured in its own batches.
    assert seen.counts == [32.0] * 3
    assert seen.shapes == [(32, 4)] * 3
    assert model.predict(x, batch_size=8, verbose=0).shape == (32, 4)
    model.evaluate(endless(x), steps=3, verbose=0)
    assert float(model.metrics[0].count) == 24
    assert int(model.updates.numpy()) == 4 + 2 + 4


def test_half_precision_has_the_rate_and_the_penalties_of_single():
    """Keras wraps the optimizer that `fit` starts."""
    found = []
    for dtype in ("float32", "mixed_float16"):
        model = RBM(5, 4, PersistentChain(10), seed=0, dtype=dtype)
        model.compile(run_eagerly=True)
        fit(model, data(32))
        own = model.auto_optimizer
        found.append([float(x) for x in (own.learning_rate, own.span, own.l2)])
    assert found[0] == found[1]
    assert min(found[0]) > 0
    model.compile("sgd", run_eagerly=True)
    assert model.auto_optimizer is None


def test_an_optimizer_that_scales_the_loss_is_built_once(tmp_path):
    """Keras's wrapper would make its own variables once more."""
    model = RBM(5, 4, PersistentChain(10), seed=0, dtype="mixed_float16")
    model.compile(run_eagerly=True)
    counts = []
    for _ in range(3):
        fit(model, data(32))
        counts.append(len(model.optimizer.variables))
    assert len(set(counts)) == 1
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras warns of lost variables.
        loaded = keras.models.load_model(tmp_path / "model.keras")
    assert float(loaded.auto_optimizer.span) == 2
    for ours, theirs in zip(
        loaded.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
