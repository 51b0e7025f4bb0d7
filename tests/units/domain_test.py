import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, Composite, Gaussian, Softmax, Spin, units
from tests.units import laws


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


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None, True, [3]])
def test_sizes_are_positive_integers(unit, size):
    if isinstance(unit, Composite):  # Its size is that of its parts.
        return
    with pytest.raises(ValueError, match="`size` must be a positive integer"):
        type(unit).from_config({**unit.get_config(), "size": size})


def test_numpy_sizes_are_integers():
    assert repr(Bernoulli(np.int64(3))) == "Bernoulli(size=3)"


def test_fits_is_the_same_of_tensors(case):
    x = np.tile(laws.some_states(case, 1), (6, 1)).astype("float32")
    x[1, 0], x[2, 1], x[3, 2], x[4, :] = np.nan, np.inf, -7.5, 0.4
    fits = case.unit.fits(x)
    assert fits[0].all()
    assert not fits[1:3].all(axis=1).any()
    tensor = case.unit.fits(tf.constant(x), keras.ops)
    np.testing.assert_array_equal(tensor, fits)


@pytest.mark.parametrize(
    ("unit", "x", "expected"),
    [
        (Bernoulli(2), [1 + 1e-7, -1e-7], [1, 0]),
        (Spin(2), [-1 - 1e-7, 0.4], [-1, 0.4]),
        (Composite(Bernoulli(1), Gaussian(1)), [1 + 1e-7, 7.5], [1, 7.5]),
        (units.Binomial(2, 1000), [1000.0005, -1e-7], [1000, 0]),
    ],
)
@pytest.mark.parametrize("xp", [np, keras.ops])
def test_rounding_errors_fit_and_are_removed(unit, x, expected, xp):
    x = xp.array([x], "float32")
    assert unit.fits(x, xp).__array__().all()
    found = unit.without_rounding(x, xp)
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found, np.array([expected], "float32"))


def test_larger_errors_do_not_fit_and_stay():
    x = np.array([[1.00001, np.nan, -0.1]])
    assert not Bernoulli(3).fits(x).any()
    np.testing.assert_array_equal(Bernoulli(3).without_rounding(x), x)


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


def test_joint_states_are_binary_digits():
    states = Bernoulli(3).joint_states(tf.constant([0, 1, 4, 6]))
    np.testing.assert_array_equal(
        states, [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0]]
    )
    # Of as many units as numbers have digits, and of any two values.
    assert Bernoulli(500).num_joint_states == 2**500

    class Signs(Bernoulli):
        states = (-1.0, 1.0)

    last = Signs(40).joint_states(tf.constant([2**40 - 1, 1]))
    np.testing.assert_array_equal(last[0], np.ones(40))
    np.testing.assert_array_equal(last[1], [*[-1.0] * 39, 1.0])


def test_units_with_a_real_part_are_not_counted():
    case = next(c for c in laws.CASES if c.continuous)
    assert case.unit.num_joint_states is None
    with pytest.raises(ValueError, match=r"cannot be enumerated"):
        case.unit.joint_states(tf.constant([0]))


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


@pytest.mark.parametrize(
    ("unit", "first", "row"),
    [
        (Bernoulli(3), [0, 1, 2], [0, 0, 0]),
        (Spin(2), [0, 1], [-1, -1]),
        (Softmax(2, 3), [0, 3], [1, 0, 0, 1, 0, 0]),
        (Gaussian(2), [0, 1], [0, 0]),
        (
            Composite(Gaussian(1), Softmax(2, 2), Spin(1)),
            [0, 1, 3, 5],
            [0, 1, 0, 1, 0, -1],
        ),
    ],
    ids=str,
)
def test_the_first_column_and_the_first_state_of_each_unit(unit, first, row):
    np.testing.assert_array_equal(unit.first_columns, first)
    np.testing.assert_array_equal(unit.default_row, row)


def test_the_default_row_is_a_state(unit):
    assert unit.default_row.dtype == "float32"
    unit.check_states(unit.default_row[None])


def test_a_function_is_traced_once_for_equal_units():
    """Also where the units of its first call no longer exist."""
    traced = []

    @tf.function
    def scaled(unit, x):
        traced.append(unit.size)
        return x * unit.size

    for size in (3, 3, 4, 3):
        assert scaled(Bernoulli(size), tf.constant(2.0)) == 2.0 * size
    assert traced == [3, 4]
