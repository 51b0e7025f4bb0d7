"""Tests of every unit type. A new type is one more line of `UNITS`."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, Units, random, units
from tests.machines import assert_means, rounding

# Units, the values that one of them takes, and means that they can have.
UNITS = [
    (Bernoulli(5), (0.0, 1.0), (0.02, 0.3, 0.5, 0.8, 0.999)),
]
SMALL = [0.0, 0.5, -2.0, 5.0, -7.0]
LARGE = [1e4, -1e4, 30.0, -30.0, 0.0]


@pytest.fixture(params=UNITS, ids=lambda case: type(case[0]).__name__)
def case(request):
    return request.param


@pytest.fixture
def unit(case):
    return case[0]


@pytest.fixture
def all_states(case):
    unit, values, _ = case
    return np.array(list(itertools.product(values, repeat=unit.width)))


def parameters(unit, dtype="float32"):
    rng = np.random.default_rng(1)
    return {
        name: tf.constant(rng.normal(size=p.shape), dtype)
        for name, p in unit.parameters().items()
    }


def zero_parameters(unit):
    return {name: tf.zeros(p.shape) for name, p in unit.parameters().items()}


def rows(unit, values, dtype="float32"):
    """Every value on every column, in rows that mix them."""
    shifts = [np.roll(np.resize(values, unit.width), i) for i in range(5)]
    return tf.constant(np.stack(shifts), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", [SMALL, LARGE, [0.0]])
@pytest.mark.parametrize("without", [False, True])
def test_mean_is_the_gradient_of_log_partition(unit, dtype, values, without):
    params = parameters(unit, dtype)
    if without:  # Then inputs of 0 are a unit's 0 too.
        params = {name: tf.zeros_like(p) for name, p in params.items()}
    inputs = rows(unit, values, dtype)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        log_partition = unit.log_partition(inputs, params)
    mean = unit.mean(inputs, params)
    assert mean.dtype == log_partition.dtype == dtype
    assert np.isfinite(log_partition).all()
    np.testing.assert_allclose(
        tape.gradient(log_partition, inputs),
        mean,
        rtol=0,
        atol=rounding(dtype, 1.0, 4),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", [SMALL, LARGE])
def test_log_partition_and_mean_are_sums_over_states(
    unit, all_states, dtype, values
):
    params, inputs = parameters(unit, dtype), rows(unit, values, dtype)
    energies = unit.energy(tf.constant(all_states, dtype), params).numpy()
    assert energies.shape == (len(all_states),)
    exponents = inputs.numpy().astype("float64") @ all_states.T - energies
    expected = np.logaddexp.reduce(exponents, axis=1)
    error = rounding(dtype, np.abs(inputs).max() + 1.0, 2 * unit.width)
    np.testing.assert_allclose(
        unit.log_partition(inputs, params), expected, rtol=0, atol=error
    )
    weights = np.exp(exponents - expected[:, None])
    np.testing.assert_allclose(
        unit.mean(inputs, params), weights @ all_states, rtol=0, atol=error
    )


def test_samples_have_the_mean_and_the_variance(unit, case, all_states):
    count = 40_000
    params = parameters(unit)
    for row, values in enumerate((SMALL, LARGE)):
        inputs = tf.tile(rows(unit, values)[:1], (count, 1))
        samples = unit.sample(inputs, params, random.stream(row))
        assert samples.shape == (count, unit.width)
        assert samples.dtype == inputs.dtype
        samples = samples.numpy()
        assert np.isin(samples, case[1]).all()
        energies = unit.energy(tf.constant(all_states, "float32"), params)
        exponents = all_states @ inputs[0].numpy() - energies.numpy()
        law = np.exp(exponents - np.logaddexp.reduce(exponents))
        mean = law @ all_states
        assert_means(samples, mean)
        assert_means((samples - mean) ** 2, law @ (all_states - mean) ** 2)
        # Units are independent of each other, given their inputs.
        products = (samples - mean)[:, :-1] * (samples - mean)[:, 1:]
        assert_means(products, 0.0)


def test_samples_are_the_same_in_every_mode(unit):
    params, inputs = parameters(unit), rows(unit, SMALL)
    stream = random.stream(5)
    eager = unit.sample(inputs, params, stream)
    for jit_compile in (False, True):
        compiled = tf.function(unit.sample, jit_compile=jit_compile)
        np.testing.assert_array_equal(compiled(inputs, params, stream), eager)


def test_config_round_trip(unit):
    config = keras.saving.serialize_keras_object(unit)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(unit)
    assert copy == unit
    assert type(unit).from_config(unit.get_config()) == unit


def test_equality_hash_and_repr(unit):
    copy = type(unit).from_config(unit.get_config())
    larger = type(unit).from_config(
        {**unit.get_config(), "size": unit.size + 1}
    )
    assert unit == copy
    assert hash(unit) == hash(copy)
    assert unit != larger
    assert unit != unit.size
    assert len({unit, copy, larger}) == 2
    assert eval(repr(unit), {type(unit).__name__: type(unit)}) == unit
    assert repr(larger) != repr(unit)


def test_units_of_the_same_size_but_another_type_differ(unit):
    class Other(type(unit)):
        pass

    assert Other(unit.size) != unit
    assert unit != Other(unit.size)


def test_fitted_parameters_give_the_mean_back(unit, case):
    mean = np.resize(case[2], unit.width)
    params = {
        name: tf.cast(value, "float32")
        for name, value in unit.fit_parameters(mean).items()
    }
    assert {n: p.shape for n, p in params.items()} == {
        n: p.shape for n, p in unit.parameters().items()
    }
    np.testing.assert_allclose(
        unit.mean(tf.zeros((1, unit.width)), params)[0],
        mean,
        # Log-odds up to 7, rounded, and a sigmoid.
        rtol=rounding("float32", 7.0, 2),
    )


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "int64", "uint8", bool]
)
def test_check_accepts_states(unit, all_states, dtype):
    unit.check(all_states.astype(dtype))
    unit.check(tf.constant(all_states))


@pytest.mark.parametrize(
    "shape", [(), (5,), (3, 4), (3, 6), (3, 5, 1), (0, 4), (0, 5), (3, 0)]
)
def test_check_names_a_wrong_shape(unit, shape):
    with pytest.raises(ValueError, match="`data` must have") as error:
        unit.check(np.zeros(shape), "data")
    assert str(error.value).endswith(f"Received: data.shape={shape}")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_check_names_the_place_of_what_is_not_a_number(unit, value):
    x = np.zeros((4, unit.width))
    x[2, 3] = x[3, 0] = value
    with pytest.raises(
        ValueError, match=rf"; 2 of 20 do not.* data\[2, 3\]={value}$"
    ):
        unit.check(x, "data")


@pytest.mark.parametrize(
    "x",
    [np.full((2, 5), "1"), np.full((2, 5), None), np.zeros((2, 5), complex)],
)
def test_check_names_a_type_that_is_not_real(unit, x):
    with pytest.raises(ValueError, match=r"real numbers\. Received: data\."):
        unit.check(x, "data")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_check_refuses_infinity_where_any_number_will_do(value):
    class Real(Bernoulli):
        support = (-np.inf, np.inf)

    Real(2).check(np.array([[-1e30, 1e30]]))
    with pytest.raises(ValueError, match=rf"x\[0, 1\]={value}$"):
        Real(2).check(np.array([[0.0, value]]))


def test_bernoulli_energy_and_formulas():
    unit, bias = Bernoulli(3), np.array([0.5, -1.0, 2.0])
    params = {"bias": tf.constant(bias)}
    x = np.array([[1.0, 0.0, 1.0], [0.2, 0.5, 1.0]])
    np.testing.assert_allclose(unit.energy(tf.constant(x), params), -x @ bias)
    inputs = np.array([[1.0, -2.0, 0.0]])
    np.testing.assert_allclose(
        unit.mean(tf.constant(inputs), params),
        1 / (1 + np.exp(-inputs - bias)),
    )
    np.testing.assert_allclose(
        unit.log_partition(tf.constant(inputs), params),
        np.log1p(np.exp(inputs + bias)).sum(axis=1),
    )
    assert unit.states == (0.0, 1.0)
    assert unit.width == unit.size == 3


@pytest.mark.parametrize("value", [-1e-6, 1.0001, 255.0])
def test_bernoulli_data_are_between_0_and_1(value):
    x = np.full((4, 5), 0.5)
    Bernoulli(5).check(x)
    x[1, 2] = value
    with pytest.raises(
        ValueError,
        match=rf"from 0 to 1, .* Bernoulli .* Received: x\[1, 2\]={value}$",
    ):
        Bernoulli(5).check(x)


def test_bernoulli_fits_a_mean_of_0_or_1_with_a_finite_bias():
    bias = Bernoulli(3).fit_parameters(np.array([0.0, 0.5, 1.0]))["bias"]
    end = np.log(0.001 / 0.999)
    np.testing.assert_allclose(bias, [end, 0.0, -end], atol=1e-12)


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None, True, [3]])
def test_sizes_are_positive_integers(unit, size):
    with pytest.raises(ValueError, match="`size` must be a positive integer"):
        type(unit)(size)


def test_numpy_sizes_are_integers():
    assert repr(Bernoulli(np.int64(3))) == "Bernoulli(size=3)"


def test_units_are_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Units(3)


def test_softplus_is_accurate_everywhere():
    x = np.concatenate([np.linspace(-100, 100, 2001), [-1e30, 1e30]])
    expected = np.logaddexp(0.0, x)
    for dtype in ("float32", "float64"):
        x_ = tf.constant(x, dtype)
        expected = np.logaddexp(0.0, x_.numpy().astype("float64"))
        actual = units.bernoulli.softplus(x_).numpy()
        error = np.finfo(dtype).eps * np.maximum(1.0, expected)
        assert (np.abs(actual - expected) <= error).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_may_have_a_row_for_each_of_the_batch(unit, case, dtype):
    rng = np.random.default_rng(2)
    inputs = rows(unit, SMALL, dtype)
    x = tf.constant(rng.choice(case[1], size=inputs.shape), dtype)
    params = {
        name: tf.constant(rng.normal(size=(len(inputs), *p.shape)), dtype)
        for name, p in unit.parameters().items()
    }
    stream = random.stream(3)
    results = [
        unit.energy(x, params),
        unit.log_partition(inputs, params),
        unit.mean(inputs, params),
        unit.sample(inputs, params, stream),
    ]
    for row in range(len(inputs)):
        own = {name: p[row] for name, p in params.items()}
        one = slice(row, row + 1)
        expected = [
            unit.energy(x[one], own),
            unit.log_partition(inputs[one], own),
            unit.mean(inputs[one], own),
            unit.sample(inputs[one], own, stream._replace(first_row=row)),
        ]
        for actual, value in zip(results, expected, strict=True):
            assert actual.dtype == value.dtype == dtype
            np.testing.assert_allclose(
                actual[one], value, rtol=0, atol=rounding(dtype, 10.0, 10)
            )


def test_joint_states_are_all_states_once(unit, case, all_states):
    count = unit.num_joint_states
    assert count == len(all_states)
    states = unit.joint_states(tf.range(count))
    assert states.dtype == tf.float32
    assert {tuple(s) for s in states.numpy()} == {tuple(s) for s in all_states}
    for dtype in ("int32", "int64"):
        some = unit.joint_states(tf.constant([3, count - 1], dtype))
        np.testing.assert_array_equal(some, states.numpy()[[3, -1]])


def test_joint_states_are_binary_digits():
    states = Bernoulli(3).joint_states(tf.constant([0, 1, 4, 6]))
    np.testing.assert_array_equal(
        states, [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0]]
    )
    # Of as many units as numbers have digits, and of any two values.
    assert Bernoulli(500).num_joint_states == 2**500

    class Spin(Bernoulli):
        states = (-1.0, 1.0)

    last = Spin(40).joint_states(tf.constant([2**40 - 1, 1]))
    np.testing.assert_array_equal(last[0], np.ones(40))
    np.testing.assert_array_equal(last[1], [*[-1.0] * 39, 1.0])


def test_units_without_a_list_of_states_are_not_counted():
    class Real(Bernoulli):
        states = None

    assert Real(3).num_joint_states is None
    with pytest.raises(ValueError, match=r"Real\(size=3\) cannot be enum"):
        Real(3).joint_states(tf.constant([0]))
    # Any value that is allowed is a state.
    Real(3).check_states(np.full((2, 3), 0.5))
    with pytest.raises(ValueError, match="finite values"):
        Real(3).check_states(np.full((2, 3), np.nan))


@pytest.mark.parametrize("dtype", ["float64", "uint8", bool])
def test_check_states_accepts_states(unit, all_states, dtype):
    unit.check_states(all_states.astype(dtype))
    unit.check_states(tf.constant(all_states))


@pytest.mark.parametrize("value", [0.5, 1e-6, 1 - 1e-6])
def test_check_states_names_the_place_of_a_mean(value):
    x = np.zeros((4, 5))
    x[2, 3] = x[3, 0] = value
    Bernoulli(5).check(x)
    with pytest.raises(
        ValueError,
        match=r"`v` must hold 0 and 1 alone: .*Bernoulli.* \(2 of 20\)\. "
        rf"Binarize the data first.* Received: v\[2, 3\]={value}$",
    ):
        Bernoulli(5).check_states(x, "v")


@pytest.mark.parametrize("value", [np.nan, 2.0, -1.0])
def test_check_states_refuses_what_check_refuses(value):
    with pytest.raises(ValueError, match="finite values from 0 to 1"):
        Bernoulli(5).check_states(np.full((2, 5), value))


def test_dot_of_one_row_and_of_all():
    x, p = np.random.default_rng(0).normal(size=(2, 3, 4))
    for parameter, expected in (
        (p[0], x @ p[0]),
        (p, np.einsum("ij,ij->i", x, p)),
    ):
        np.testing.assert_allclose(
            units.base.dot(tf.constant(x), tf.constant(parameter)), expected
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", [SMALL, LARGE])
def test_change_of_log_partition(unit, dtype, values):
    old, new = rows(unit, values, dtype), rows(unit, SMALL[::-1], dtype)
    params = parameters(unit, dtype)
    new_params = {name: 0.5 * p for name, p in params.items()}
    wide = tf.nest.map_structure(
        lambda x: tf.cast(x, "float64"), (old, params, new, new_params)
    )
    expected = unit.log_partition(*wide[2:]) - unit.log_partition(*wide[:2])
    change = unit.log_partition_change(old, params, new, new_params)
    assert change.dtype == dtype
    error = rounding(dtype, np.abs(values).max() + 10.0, 2 * unit.width)
    np.testing.assert_allclose(change, expected, rtol=0, atol=error)
    # The contract, which needs no more than `log_partition`.
    np.testing.assert_allclose(
        Units.log_partition_change(unit, old, params, new, new_params),
        expected,
        rtol=0,
        atol=error,
    )
