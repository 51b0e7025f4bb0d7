import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, Bernoulli, random
from keras_rbm.models.rbm import RBMMetrics
from tests.machines import data, machine, rounding
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
MACHINE = machine(ORACLE)
# Energies up to 20, of which some 50 are averaged.
ERROR = rounding("float32", 20.0, 50)
NAMES = [
    "loss",
    "reconstruction_error",
    "cross_entropy",
    "pseudo_log_likelihood",
    "hidden_activity",
]


V_MODEL = data(20, seed=5)


def expected(v, v_model=V_MODEL):
    """The figures of each example but for the pseudo-likelihood."""
    hidden = ORACLE.hidden_mean(v)
    visible = ORACLE.visible_mean(hidden)
    off = v * np.log(visible) + (1 - v) * np.log(1 - visible)
    return {
        "loss": ORACLE.free_energy(v) - ORACLE.free_energy(v_model).mean(),
        "reconstruction_error": ((v - visible) ** 2).mean(axis=1),
        "cross_entropy": -off.sum(axis=1),
        "hidden_activity": hidden.mean(axis=1),
    }


def update(metrics, v, v_model=V_MODEL, weight=None, stream=0, machine=MACHINE):
    metrics.update(
        machine,
        tf.constant(v, machine.kernel.dtype),
        tf.constant(v_model, machine.kernel.dtype),
        weight,
        random.stream(stream),
    )


def results(metrics):
    return {name: float(value) for name, value in metrics.results().items()}


@pytest.mark.parametrize("grey", [False, True])
def test_figures_of_a_batch(grey):
    v = np.random.default_rng(0).random((48, 5)) if grey else data()
    metrics = RBMMetrics(Bernoulli(5))
    update(metrics, v)
    actual = results(metrics)
    assert list(actual) == NAMES
    for name, value in expected(v).items():
        assert actual[name] == pytest.approx(value.mean(), abs=ERROR)


def test_figures_of_batches_are_means_over_examples():
    metrics = RBMMetrics(Bernoulli(5))
    v = data(60)
    update(metrics, v[:50], V_MODEL[:5])
    update(metrics, v[50:], V_MODEL[5:])
    first, second = expected(v[:50], V_MODEL[:5]), expected(v[50:], V_MODEL[5:])
    actual = results(metrics)
    for name in first:
        mean = np.concatenate([first[name], second[name]]).mean()
        assert actual[name] == pytest.approx(mean, abs=ERROR)
    assert float(metrics.seen) == 60


def test_weights_make_weighted_means():
    v = data()
    weight = np.random.default_rng(1).random(48).astype("float32")
    weight[5:20] = 0.0
    metrics = RBMMetrics(Bernoulli(5))
    update(metrics, v, weight=weight)
    actual = results(metrics)
    for name, value in expected(v).items():
        mean = np.average(value, weights=weight)
        assert actual[name] == pytest.approx(mean, abs=ERROR)


def test_pseudo_likelihood_is_right_on_average():
    v = np.tile(data(8), (500, 1))
    metrics = RBMMetrics(Bernoulli(5))
    update(metrics, v)
    sites = 5 * ORACLE.log_conditionals(data(8))
    # Of 5 sites for each example.
    error = np.sqrt(sites.var(axis=1).mean() / (5 * len(v)))
    exact = ORACLE.pseudo_log_likelihood(data(8)).mean()
    assert abs(results(metrics)["pseudo_log_likelihood"] - exact) < 4 * error


def test_pseudo_likelihood_is_that_of_the_nearest_states():
    grey = np.where(data() > 0, 0.51, 0.5)
    values = []
    for v in (grey, data()):
        metrics = RBMMetrics(Bernoulli(5))
        update(metrics, v)
        values.append(results(metrics)["pseudo_log_likelihood"])
    assert values[0] == values[1]


def test_pseudo_likelihood_needs_units_of_two_states():
    class Many(Bernoulli):
        states = None

    metrics = RBMMetrics(Many(5))
    update(metrics, data(), machine=MACHINE._replace(visible=Many(5)))
    assert list(results(metrics)) == [
        name for name in NAMES if name != "pseudo_log_likelihood"
    ]


def test_sites_come_from_the_stream():
    values = []
    for stream in (0, 0, 1):
        metrics = RBMMetrics(Bernoulli(5))
        update(metrics, data(), stream=stream)
        values.append(results(metrics)["pseudo_log_likelihood"])
    assert values[0] == values[1] != values[2]


def test_figures_in_float64():
    metrics = RBMMetrics(Bernoulli(5))
    update(metrics, data(), machine=machine(ORACLE, "float64"))
    actual = results(metrics)
    assert list(actual) == NAMES
    for name, value in expected(data()).items():
        assert actual[name] == pytest.approx(value.mean(), abs=ERROR)


def test_a_callback_knows_the_direction_of_a_metric():
    model = RBM(5, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    for name, is_better in (
        ("pseudo_log_likelihood", 1.0),
        ("cross_entropy", -1.0),
    ):
        stop = keras.callbacks.EarlyStopping(f"val_{name}")
        model.fit(
            data(),
            epochs=1,
            verbose=0,
            validation_data=(data(),),
            callbacks=[stop],
        )
        assert bool(stop.monitor_op(is_better, 0.0))


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_a_callback_that_monitors_the_loss_is_warned_of():
    model = RBM(5, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    with pytest.warns(UserWarning, match="val_pseudo_log_likelihood"):
        model.fit(
            data(),
            epochs=1,
            verbose=0,
            validation_data=(data(),),
            callbacks=[keras.callbacks.EarlyStopping()],
        )
