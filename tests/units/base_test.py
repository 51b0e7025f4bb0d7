"""Tests of every unit type. A new type is one more line of `laws.CASES`."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import Bernoulli, Units, random, units
from keras_rbm.units.base import dot
from tests.machines import assert_means, rounding
from tests.units import laws
from tests.units.laws import LARGE, SMALL

COUNT = 40_000


def error_of(dtype, unit, *values):
    """Bound for sums over the units of terms that cancel to these values."""
    scale = max(np.abs(v).max() for v in values) + 1.0
    return rounding(dtype, scale, 2 * unit.width)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", [SMALL, LARGE, [0.0]])
@pytest.mark.parametrize("without", [False, True])
def test_mean_is_the_gradient_of_log_partition(unit, dtype, values, without):
    # Without a bias inputs of 0 are a unit's 0 too.
    params = (laws.starting if without else laws.parameters)(unit, dtype)
    inputs = laws.inputs(unit, values, dtype)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        log_partition = unit.log_partition(inputs, params)
    mean = unit.mean(inputs, params)
    assert mean.dtype == log_partition.dtype == dtype
    assert log_partition.shape == (len(inputs),)
    assert np.isfinite(log_partition).all()
    np.testing.assert_allclose(
        tape.gradient(log_partition, inputs),
        mean,
        rtol=rounding(dtype, 1.0, 4),
        atol=rounding(dtype, 1.0, 4),
    )


@pytest.mark.parametrize("values", [SMALL, LARGE, [0.0]])
@pytest.mark.parametrize("without", [False, True])
def test_statistics_are_the_gradients_of_log_partition(case, values, without):
    """E[statistics] = d log_partition / d params, by the law of the units."""
    unit = case.unit
    params = (laws.starting if without else laws.parameters)(unit, "float64")
    inputs = laws.inputs(unit, values, "float64")[:1]
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_partition = unit.log_partition(inputs, params)
    slopes = tape.gradient(log_partition, params)
    assert slopes.keys() == unit.statistics(inputs).keys()
    for name, slope in slopes.items():
        expected = laws.mean_statistic(case, inputs[0], params, name)
        # The reference adds exponents as large as the log-partition.
        error = rounding("float64", np.abs(log_partition).max() + 1.0, 10)
        atol = error + case.slack[1]
        np.testing.assert_allclose(slope, expected, rtol=error, atol=atol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", [SMALL, LARGE])
def test_log_partition_and_mean_are_sums_over_states(case, dtype, values):
    unit = case.unit
    params = laws.parameters(unit, dtype)
    inputs = laws.inputs(unit, values, dtype)
    expected = laws.log_partition(case, inputs.numpy(), params)
    np.testing.assert_allclose(
        unit.log_partition(inputs, params),
        expected,
        rtol=0,
        atol=error_of(dtype, unit, inputs, expected)
        + unit.width * case.slack[0],
    )
    mean = laws.mean(case, inputs.numpy(), params)
    np.testing.assert_allclose(
        unit.mean(inputs, params),
        mean,
        # The reference adds exponents as large as the log-partition.
        rtol=rounding("float64", np.abs(expected).max() + 1.0, 10),
        atol=error_of(dtype, unit, inputs, mean) + case.slack[1],
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_energies_are_those_of_the_law(case, dtype):
    """exp(-energy) is the weight of a state, up to that of a grid."""
    unit = case.unit
    params = laws.parameters(unit, dtype)
    x = tf.constant(laws.some_states(case), dtype)
    other = laws.parameters(unit, dtype, seed=2)
    expected = laws.energy(case, x.numpy(), params)
    energy = unit.energy(x, params)
    assert energy.dtype == dtype
    error = error_of(dtype, unit, expected, x.numpy() ** 2)
    np.testing.assert_allclose(energy, expected, rtol=0, atol=error)
    change = unit.energy_change(x, params, other)
    assert change.dtype == dtype
    expected = laws.energy(case, x.numpy(), other) - expected
    np.testing.assert_allclose(change, expected, rtol=0, atol=2 * error)


def test_samples_have_the_mean_and_the_variance(case):
    unit = case.unit
    if unit.approximation:
        pytest.skip(unit.approximation)
    params = laws.parameters(unit)
    for row, values in enumerate((SMALL, LARGE)):
        inputs = laws.inputs(unit, values)[:1]
        samples = unit.sample(
            tf.tile(inputs, (COUNT, 1)), params, random.stream(row + 2)
        )
        assert samples.shape == (COUNT, unit.width)
        assert samples.dtype == inputs.dtype
        samples = samples.numpy().astype("float64")
        unit.check_states(samples)
        mean = laws.mean(case, inputs.numpy(), params)[0]
        covariance = laws.covariance(case, inputs[0], params)
        # A draw is rounded as its mean is.
        error = rounding("float32", np.abs(mean).max(), 2)
        if not case.continuous:  # One event that was too rare to be drawn.
            error += np.ptp(laws.all_states(case)) ** 2 / COUNT
        assert_means(samples, mean, slack=error)
        samples = samples - mean
        assert_means(samples**2, np.diag(covariance), slack=error)
        # Units are independent of each other, given their inputs.
        for i in range(unit.width - 1):
            products = samples[:, : unit.width - 1 - i] * samples[:, i + 1 :]
            assert_means(products, np.diag(covariance, i + 1), slack=error)


def draw_error(case):
    """How much a draw may depend on the compiler, and on the batch's size.

    The draws of a list of states not at all. The inverse of the error
    function has a slope of up to 1,000 roundings in its tails.
    """
    return rounding("float32", 1.0, 1000) if case.continuous else 0.0


def test_samples_are_the_same_in_every_mode(case):
    unit = case.unit
    params, inputs = laws.parameters(unit), laws.inputs(unit, SMALL)
    inputs = tf.repeat(inputs, 100, axis=0)
    stream = random.stream(5)
    eager = unit.sample(inputs, params, stream)
    graph = tf.function(unit.sample)
    # XLA compiles the traced graph, which need not be traced again.
    compiled = tf.function(lambda *args: graph(*args), jit_compile=True)
    error = draw_error(case)
    for sample in (graph, compiled):
        samples = sample(inputs, params, stream)
        np.testing.assert_allclose(samples, eager, rtol=error, atol=error)


def test_rows_draw_by_their_address(case):
    unit = case.unit
    params, inputs = laws.parameters(unit), laws.inputs(unit, SMALL)
    whole = unit.sample(inputs, params, random.stream(5))
    part = unit.sample(
        inputs[3:], params, random.stream(5)._replace(first_row=3)
    )
    np.testing.assert_allclose(whole[3:], part, rtol=0, atol=draw_error(case))


def test_one_line_makes_a_type_public():
    """All types of the package have a case, and a name where users look."""
    types = {
        type(case.unit)
        for case in laws.CASES
        if type(case.unit).__module__.startswith("keras_rbm.")
    }
    lines = inspect.getsource(units).splitlines()
    for kind in types:
        name = kind.__name__
        line = f"from {kind.__module__} import {name} as {name}"
        assert line in lines
        assert getattr(keras_rbm, name) is getattr(units, name) is kind
    assert {*types, Units} == {getattr(units, name) for name in units.__all__}
    # The rest of that package is not everyone's.
    assert not hasattr(keras_rbm, "Parameter")
    assert not hasattr(keras_rbm, "get")


def test_parameters_fit_the_width(unit):
    parameters = unit.parameters()
    assert parameters["bias"].shape == (unit.width,)
    x = tf.zeros((3, unit.width))
    for name, statistic in unit.statistics(x).items():
        assert statistic.shape[1:] == parameters[name].shape


@pytest.mark.parametrize("variance", [None, 2.5])
def test_fitted_parameters_give_the_mean_back(case, variance):
    unit = case.unit
    if variance is not None:
        variance = np.full(unit.width, variance)
    params = {
        name: tf.cast(value, "float32")
        for name, value in unit.fit_parameters(case.means, variance).items()
    }
    assert {n: p.shape for n, p in params.items()} == {
        n: p.shape for n, p in unit.parameters().items()
    }
    np.testing.assert_allclose(
        unit.mean(tf.zeros((1, unit.width)), params)[0],
        case.means,
        # Log-odds up to 7, rounded, and a sigmoid.
        rtol=rounding("float32", 7.0, 2),
        atol=rounding("float32", 1.0, 2),
    )


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_a_start_at_another_temperature_has_the_mean_too(case, beta):
    unit = case.unit
    variance = np.full(unit.width, 2.5)
    params = {
        name: np.full(
            p.shape, keras.initializers.get(p.initializer)(()).numpy()
        )
        for name, p in unit.parameters().items()
        if name != "bias"
    }
    started = unit.start_parameters(case.means, variance, beta)
    assert started.keys() == {
        name for name, p in unit.parameters().items() if p.trainable
    }
    params = {
        name: beta * tf.cast(p, "float64")
        for name, p in (params | started).items()
    }
    np.testing.assert_allclose(
        unit.mean(tf.zeros((1, unit.width), "float64"), params)[0],
        case.means,
        rtol=rounding("float64", 7.0, 10),
        atol=rounding("float64", 1.0, 10),
    )


def test_units_are_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Units(3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_may_have_a_row_for_each_of_the_batch(case, dtype):
    unit = case.unit
    inputs = laws.inputs(unit, SMALL, dtype)
    x = tf.constant(laws.some_states(case, len(inputs)), dtype)
    params = laws.parameters(unit, dtype, rows=(len(inputs),))
    stream = random.stream(3)
    results = [
        unit.energy(x, params),
        unit.log_partition(inputs, params),
        unit.log_partition_change(inputs, params, 2 * inputs, params),
        unit.mean(inputs, params),
        unit.sample(inputs, params, stream),
    ]
    for row in (0, 1, len(inputs) - 1):
        own = {name: p[row] for name, p in params.items()}
        one = slice(row, row + 1)
        expected = [
            unit.energy(x[one], own),
            unit.log_partition(inputs[one], own),
            unit.log_partition_change(inputs[one], own, 2 * inputs[one], own),
            unit.mean(inputs[one], own),
            unit.sample(inputs[one], own, stream._replace(first_row=row)),
        ]
        for actual, value in zip(results, expected, strict=True):
            assert actual.dtype == value.dtype == dtype
            error = error_of(dtype, unit, value)
            if actual is results[-1]:
                error = max(error, draw_error(case))
            np.testing.assert_allclose(actual[one], value, rtol=0, atol=error)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", [SMALL, LARGE])
def test_change_of_log_partition(unit, dtype, values):
    old = laws.inputs(unit, values, dtype)
    new = laws.inputs(unit, SMALL[::-1], dtype)
    params = laws.parameters(unit, dtype)
    new_params = {name: 0.5 * p for name, p in params.items()}
    wide = tf.nest.map_structure(
        lambda x: tf.cast(x, "float64"), (old, params, new, new_params)
    )
    ends = unit.log_partition(*wide[2:]), unit.log_partition(*wide[:2])
    expected = ends[0] - ends[1]
    change = unit.log_partition_change(old, params, new, new_params)
    assert change.dtype == dtype
    error = error_of(dtype, unit, *ends, old)
    np.testing.assert_allclose(change, expected, rtol=0, atol=error)
    # The contract, which needs no more than `log_partition`.
    np.testing.assert_allclose(
        Units.log_partition_change(unit, old, params, new, new_params),
        expected,
        rtol=0,
        atol=error,
    )


def test_a_small_change_of_log_partition_is_not_lost(unit):
    """At large inputs a difference of two sums would lose all of it."""
    params = laws.parameters(unit)
    old = laws.inputs(unit, LARGE)
    new = old * (1 + 2.0**-20)
    wide = {name: tf.cast(p, "float64") for name, p in params.items()}
    ends = [
        unit.log_partition(tf.cast(x, "float64"), wide).numpy()
        for x in (old, new)
    ]
    change = unit.log_partition_change(old, params, new, params)
    # The inputs and the bias are rounded as they are added.
    rounded = rounding("float32", 1e4, 2) * laws.slope(unit, old, wide)
    np.testing.assert_allclose(change, ends[1] - ends[0], rtol=0, atol=rounded)


def test_log_partitions_are_the_terms_of_each_unit(case):
    unit = case.unit
    if not type(unit).__module__.startswith("keras_rbm."):
        pytest.skip("other types need not implement `log_partitions`")
    params = laws.parameters(unit, "float64")
    inputs = laws.inputs(unit, SMALL, "float64")
    expected = [
        [log_z for *_, log_z in laws.site_laws(case, row, params)]
        for row in inputs.numpy()
    ]
    np.testing.assert_allclose(
        unit.log_partitions(inputs, params),
        expected,
        rtol=0,
        atol=error_of("float64", unit, inputs, expected) + case.slack[0],
    )


def test_a_small_change_of_the_energy_is_not_lost(case):
    """The difference of two energies would lose most of it."""
    unit = case.unit
    x = tf.constant(laws.some_states(case), "float32")
    old = {name: 1e3 * p for name, p in laws.parameters(unit).items()}
    new = {name: p * (1 + 2.0**-20) for name, p in old.items()}
    ends = [laws.energy(case, x.numpy(), params) for params in (old, new)]
    terms = [
        tf.abs(statistic) @ tf.abs(new[name] - old[name])[:, None]
        for name, statistic in unit.statistics(x).items()
    ]
    np.testing.assert_allclose(
        unit.energy_change(x, old, new),
        ends[1] - ends[0],
        rtol=0,
        atol=rounding("float32", np.max(sum(terms)), 4 * unit.width),
    )


@pytest.mark.parametrize(
    "case", [case for case in laws.CASES if case.unit.activation], ids=str
)
def test_a_dense_layer_of_the_affine_weights_has_the_mean(case):
    unit, rng = case.unit, np.random.default_rng(3)
    params = laws.parameters(unit, "float64")
    x, kernel = rng.normal(size=(6, 4)), rng.normal(size=(4, unit.width))
    weights, bias = unit.affine(tf.constant(kernel), params)
    activation = keras.activations.get(unit.activation)
    np.testing.assert_allclose(
        activation(x @ weights + bias),
        laws.mean(case, x @ kernel, params),
        rtol=0,
        atol=rounding("float64", 10.0, 20) + case.slack[1],
    )


class Least(Units):
    """Binary units that implement no more than a type must."""

    parameters = Bernoulli.parameters
    log_partition = Bernoulli.log_partition
    mean = Bernoulli.mean
    sample = Bernoulli.sample
    fit_parameters = Bernoulli.fit_parameters


def test_a_type_needs_no_more_than_the_abstract_methods():
    unit, bias = Least(3), np.array([0.5, -1.0, 2.0])
    params, x = {"bias": tf.constant(bias)}, np.array([[1.0, 0.0, 1.0]])
    np.testing.assert_allclose(unit.energy(x, params), -x @ bias)
    mean = np.array([0.2, 0.5, 0.9])
    odds = np.log(mean / (1 - mean))
    np.testing.assert_allclose(
        unit.base_parameters(mean, None, params)["bias"], odds, atol=1e-15
    )
    np.testing.assert_allclose(
        unit.start_parameters(mean, None, 2.0)["bias"], odds / 2, atol=1e-15
    )
    assert unit.nodes(np.zeros(3), np.zeros(3), params) == ()


def test_a_type_without_log_partitions_is_refused():
    with pytest.raises(
        ValueError,
        match=r"^Least units must implement `log_partitions`.*Least\(size=3\)$",
    ):
        Least(3).log_partitions(tf.zeros((1, 3)), {"bias": tf.zeros(3)})


def test_the_least_curvature_is_0_or_infinite_where_none_is_given():
    class Positive(Least):
        support = (0.0, np.inf)

    assert Bernoulli(3).least_curvature() == np.inf
    assert Least(3).least_curvature() == Positive(3).least_curvature() == 0.0


def test_dot_of_one_row_and_of_all():
    x, p = np.random.default_rng(0).normal(size=(2, 3, 4))
    for parameter, expected in (
        (p[0], x @ p[0]),
        (p, np.einsum("ij,ij->i", x, p)),
    ):
        np.testing.assert_allclose(
            dot(tf.constant(x), tf.constant(parameter)), expected
        )
