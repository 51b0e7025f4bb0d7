"""Training: the same numbers again, and the draws of each update."""

import keras
import numpy as np
import pytest

from keras_rbm import (
    RBM,
    ContrastiveDivergence,
    PersistentChain,
    gibbs,
)
from keras_rbm import machine as machine_lib
from tests.machines import (
    METRICS,
    assert_same_states,
    data,
    machine,
    oracle_of,
    rbm,
    rounding,
    weights,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)


def fit(model, x, **kwargs):
    options = {"batch_size": 16, "verbose": 0, "shuffle": False, **kwargs}
    return model.fit(x, **options)


def built(seed=0, chain=None, **kwargs):
    model = RBM(5, 4, chain or PersistentChain(10, 2), seed=seed)
    model.compile(keras.optimizers.SGD(0.1), **kwargs)
    return model


def trained(*args, epochs=2, **kwargs):
    model = built(*args, **kwargs)
    fit(model, data(), epochs=epochs)
    return model


@pytest.fixture(scope="module")
def compiled():
    """A model that XLA compiled, after six updates; and its traces."""
    model = built()
    step, traces = model.train_step, []

    def train_step(data):
        traces.append(None)
        return step(data)

    model.train_step = train_step
    fit(model, data())
    after_one_epoch = len(traces)
    fit(model, data())
    return model, after_one_epoch, len(traces)


def test_the_second_update_needs_no_other_trace(compiled):
    model, after_one_epoch, after_two = compiled
    assert model.jit_compile is True
    assert int(model.updates) == 6
    assert 1 <= after_one_epoch == after_two


def test_the_same_seed_gives_the_same_weights_in_any_number_of_steps(compiled):
    # Of the 3 steps of an epoch.
    other = built(steps_per_execution=2)
    fit(other, data())
    fit(other, data())
    assert_same_states(compiled[0], other)


@pytest.mark.parametrize(
    "options", [{"jit_compile": False}, {"run_eagerly": True}], ids=str
)
def test_the_compiler_changes_roundings_alone(compiled, options):
    other = trained(**options)
    assert int(other.updates) == 6
    # The samples are the same to the last bit, ...
    np.testing.assert_array_equal(
        other.chain.particles.numpy(), compiled[0].chain.particles.numpy()
    )
    # ... and six updates of 0.1 each have added up their roundings.
    for x, y in zip(weights(other), weights(compiled[0]), strict=True):
        np.testing.assert_allclose(
            x, y, rtol=0, atol=rounding("float32", 1.0, 20)
        )


def test_two_trainings_of_one_seed_are_one():
    first, second = (trained(epochs=1, run_eagerly=True) for _ in range(2))
    assert_same_states(first, second)
    other = trained(1, epochs=1, run_eagerly=True)
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
        v_model, gibbs.run_from_hidden(before, particles, stream, 2)
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
            v, batch_size=48, sample_weight=weight, verbose=0, shuffle=False
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
    grey = np.linspace(0, 1, 14)[:, None] * np.ones((14, 5))
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
    history = fit(model, data(), epochs=2, validation_data=data()).history
    assert int(model.updates) == 6
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
