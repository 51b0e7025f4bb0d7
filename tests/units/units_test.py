"""Tests of every unit type. A new type is one more line of `laws.CASES`."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import Bernoulli, Composite, Units, random, units
from tests.machines import assert_means, rounding
from tests.units import laws
from tests.units.laws import LARGE, SMALL

COUNT = 40_000


@pytest.fixture(params=laws.CASES, ids=str)
def case(request):
    return request.param


@pytest.fixture(params=laws.DISCRETE, ids=str)
def discrete(request):
    return request.param


@pytest.fixture
def unit(case):
    return case.unit


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
    for jit_compile in (False, True):
        compiled = tf.function(unit.sample, jit_compile=jit_compile)
        samples = compiled(inputs, params, stream)
        error = draw_error(case)
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


def test_config_round_trip(unit):
    config = keras.saving.serialize_keras_object(unit)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(unit)
    assert copy == unit
    assert copy.parameters().keys() == unit.parameters().keys()
    assert type(unit).from_config(unit.get_config()) == unit


def larger(unit):
    if isinstance(unit, Composite):
        return Composite(*unit.parts, Bernoulli(1))
    return type(unit).from_config({**unit.get_config(), "size": unit.size + 1})


def test_equality_hash_and_repr(unit):
    copy = type(unit).from_config(unit.get_config())
    other = larger(unit)
    assert unit == copy
    assert hash(unit) == hash(copy)
    assert unit != other
    assert unit != unit.size
    assert len({unit, copy, other}) == 2
    names = {type(unit).__name__: type(unit)}  # That of the page has no other.
    assert eval(repr(unit), names | vars(units)) == unit
    assert repr(other) != repr(unit)


def test_units_of_the_same_size_but_another_type_differ(unit):
    class Other(type(unit)):
        pass

    other = Other.from_config(unit.get_config())
    assert other != unit
    assert unit != other


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


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "int64", "uint8", bool]
)
def test_check_accepts_states(case, dtype):
    states = laws.some_states(case)
    converted = states.astype(dtype)
    if dtype != "float32" and (converted != states).any():
        return  # Another type cannot hold them.
    case.unit.check(converted)
    case.unit.check(tf.constant(converted))
    case.unit.check_states(converted)
    case.unit.check_states(tf.constant(converted))


def test_check_accepts_means(case):
    case.unit.check(np.stack([case.means, case.means]))


@pytest.mark.parametrize(
    "shape",
    [(), (0,), (3, -1), (3, 1), (3, 0, 1), (0, -1), (0, 0)],
)
def test_check_names_a_wrong_shape(unit, shape):
    # Further columns than there should be.
    shape = tuple(n + unit.width if i == 1 else n for i, n in enumerate(shape))
    with pytest.raises(ValueError, match="`data` must have") as error:
        unit.check(np.zeros(shape), "data")
    assert str(error.value).endswith(f"Received: data.shape={shape}")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_check_names_the_place_of_what_is_not_a_number(case, value):
    x = laws.some_states(case, 4)
    x[2, 2] = x[3, 0] = value
    with pytest.raises(
        ValueError,
        match=rf"; 2 of {x.size} do not.* data\[2, 2\]={value}$",
    ):
        case.unit.check(x, "data")


@pytest.mark.parametrize("kind", [str, object, complex])
def test_check_names_a_type_that_is_not_real(unit, kind):
    x = np.zeros((2, unit.width)).astype(kind)
    with pytest.raises(ValueError, match=r"real numbers\. Received: data\."):
        unit.check(x, "data")


def test_fits_is_the_same_of_tensors(case):
    x = np.tile(laws.some_states(case, 1), (6, 1)).astype("float32")
    x[1, 0], x[2, 1], x[3, 2], x[4, :] = np.nan, np.inf, -7.5, 0.4
    fits = case.unit.fits(x)
    assert fits[0].all()
    assert not fits[1:3].all(axis=1).any()
    tensor = case.unit.fits(tf.constant(x), keras.ops)
    np.testing.assert_array_equal(tensor, fits)


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
    if isinstance(unit, Composite):  # Its size is that of its parts.
        return
    with pytest.raises(ValueError, match="`size` must be a positive integer"):
        type(unit).from_config({**unit.get_config(), "size": size})


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
    for row in range(len(inputs)):
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


def test_joint_states_are_all_states_once(discrete):
    unit, all_states = discrete.unit, laws.all_states(discrete)
    count = unit.num_joint_states
    assert count == len(all_states)
    states = unit.joint_states(tf.range(count))
    assert states.dtype == tf.float32
    np.testing.assert_array_equal(states, all_states)
    for dtype in ("int32", "int64"):
        some = unit.joint_states(tf.constant([3, count - 1], dtype))
        np.testing.assert_array_equal(some, states.numpy()[[3, -1]])


def test_units_with_a_real_part_are_not_counted():
    case = next(c for c in laws.CASES if c.continuous)
    assert case.unit.num_joint_states is None
    with pytest.raises(ValueError, match=r"cannot be enumerated"):
        case.unit.joint_states(tf.constant([0]))


def test_nearest_are_states(discrete):
    states = laws.all_states(discrete).astype("float32")
    moved = states + np.random.default_rng(0).uniform(-0.2, 0.2, states.shape)
    nearest = discrete.unit.nearest(tf.constant(moved, "float32"))
    np.testing.assert_array_equal(nearest, states)


def test_what_has_no_states_is_near_itself():
    for case in laws.CASES:
        if not case.continuous:
            continue
        x = tf.constant(laws.some_states(case), "float32")
        np.testing.assert_array_equal(case.unit.nearest(x), x)


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
