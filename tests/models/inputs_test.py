import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli
from keras_rbm.models import inputs
from tests.machines import data

UNITS = Bernoulli(5)


def dataset(*columns, batch=10):
    columns = columns[0] if len(columns) == 1 else columns
    return tf.data.Dataset.from_tensor_slices(columns).batch(batch)


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "uint8", "int64", bool]
)
def test_arrays_of_states_pass(dtype):
    inputs.check(data().astype(dtype), UNITS, "x")
    inputs.check(tf.constant(data()), UNITS, "x", 48)


def test_data_sets_of_states_pass():
    x = data()
    for columns in ((x,), (x, x), (x, x, np.ones(48))):
        inputs.check(dataset(*columns), UNITS, "x")
    inputs.check(dataset(x).repeat(), UNITS, "x")


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_every_value_of_an_array_is_looked_at(value):
    x = data()
    x[47, 4] = value
    with pytest.raises(ValueError, match=r"Received: x\[47, 4\]="):
        inputs.check(x, UNITS, "x")


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_the_first_batch_of_a_data_set_is_looked_at(value):
    x = data()
    x[9, 4] = value
    for columns in ((x,), (x, x)):
        with pytest.raises(ValueError, match=r"`a batch of x` .*\[9, 4\]="):
            inputs.check(dataset(*columns), UNITS, "x")


@pytest.mark.parametrize("shape", [(48, 4), (48, 6), (48,), (48, 5, 1), (0, 5)])
def test_wrong_shapes(shape):
    with pytest.raises(ValueError, match=r"Received: x\.shape="):
        inputs.check(np.zeros(shape), UNITS, "x")


def test_wrong_shapes_of_batches():
    with pytest.raises(ValueError, match=r"a batch of x.shape=\(10, 6\)"):
        inputs.check(dataset(np.zeros((48, 6))), UNITS, "x")
    unbatched = tf.data.Dataset.from_tensor_slices(data())
    with pytest.raises(ValueError, match=r"a batch of x.shape=\(5,\)"):
        inputs.check(unbatched, UNITS, "x")


def test_empty_data_sets():
    with pytest.raises(ValueError, match="`x` must have at least one batch"):
        inputs.check(dataset(data()).take(0), UNITS, "x")


def test_fewer_examples_than_a_batch():
    inputs.check(data(), UNITS, "x", 48)
    with pytest.raises(
        ValueError, match=r"Lower `batch_size`.*\(48, 5\), batch_size=49$"
    ):
        inputs.check(data(), UNITS, "x", 49)


@pytest.mark.parametrize(
    "x", [None, [[0.0] * 5], "data.npy", {"x": np.zeros((2, 5))}, iter([])]
)
def test_other_types(x):
    with pytest.raises(ValueError, match=r"Received: type\(x\)="):
        inputs.check(x, UNITS, "x")


@pytest.mark.parametrize(
    "x",
    [
        [[0, 1, 0, 1, 1], [True, 0.5, 1, 0, np.float32(0)]],
        ((0, 1, 0, 1, 1), np.zeros(5).tolist()),
    ],
)
def test_a_call_takes_lists_of_numbers(x):
    np.testing.assert_array_equal(
        inputs.called(x, UNITS, "v"), np.asarray(x, "float64")
    )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[0] * 5, [0] * 4], r"type\(v\)=list"),
        ([["0"] * 5], r"type\(v\)=list"),
        ([np.zeros(5)], r"type\(v\)=list"),
        ([tf.zeros((2, 5))] * 2, r"type\(v\)=list"),
        ([], r"v\.shape=\(0,\)"),
        ([0] * 5, r"v\.shape=\(5,\)"),
        ([[0, 0, 0, 0, 2]], r"v\[0, 4\]=2"),
        ([[0, 0, 0, 0, 2**70]], r"v\.dtype=object"),
    ],
)
def test_a_call_refuses_other_lists(x, message):
    with pytest.raises(ValueError, match=f"`v` must .*{message}"):
        inputs.called(x, UNITS, "v")


@pytest.mark.parametrize("x", [np.full((4, 5), "1"), np.full((4, 5), None)])
def test_arrays_of_other_types(x):
    with pytest.raises(ValueError, match=r"real numbers. Received: x.dtype="):
        inputs.check(x, UNITS, "x")


@pytest.mark.parametrize("size", [1, 7, 20, 48, 100])
@pytest.mark.parametrize("batch_size", [1, 20, 48])
def test_states_of_a_data_set_are_joined_and_cut(size, batch_size):
    x = data(48)
    for columns in ((x,), (x, x)):
        batches = list(
            inputs.states(dataset(*columns, batch=size), UNITS, batch_size)
        )
        full, rest = divmod(48, batch_size)
        assert [len(b) for b in batches] == [batch_size] * full + [rest] * (
            rest > 0
        )
        np.testing.assert_array_equal(np.concatenate(batches), x)


def test_states_of_batches_of_different_sizes():
    x = data(48)
    ragged = dataset(x[:3], batch=3)
    for first, last in ((3, 40), (40, 41), (41, 48)):
        ragged = ragged.concatenate(dataset(x[first:last], batch=48))
    batches = list(inputs.states(ragged, UNITS, 10))
    assert [len(b) for b in batches] == [10, 10, 10, 10, 8]
    np.testing.assert_array_equal(np.concatenate(batches), x)


@pytest.mark.parametrize("value", [0.5, np.nan])
@pytest.mark.parametrize("row", [0, 47])
def test_states_are_not_means(value, row):
    x = data()
    x[row, 2] = value
    for x_, name in ((x, "`v`"), (dataset(x), "`a batch of v`")):
        with pytest.raises(ValueError, match=f"{name} must hold"):
            list(inputs.states(x_, UNITS, 20))


def test_states_come_to_an_end():
    with pytest.raises(ValueError, match=r"`v` must come to an .*v\.take\("):
        next(inputs.states(dataset(data()).repeat(), UNITS, 20))
    few = dataset(data()).repeat().take(2)
    assert sum(len(b) for b in inputs.states(few, UNITS, 20)) == 20


@pytest.mark.parametrize("x", [np.zeros((3, 6)), np.zeros((0, 5)), [[0.0] * 5]])
def test_states_are_checked_as_all_data_are(x):
    with pytest.raises(ValueError, match=r"`v` must"):
        next(inputs.states(x, UNITS, 20))


def test_states_of_an_array_come_in_batches():
    x = data(48)
    batches = list(inputs.states(x, UNITS, 20))
    assert [len(b) for b in batches] == [20, 20, 8]
    np.testing.assert_array_equal(np.concatenate(batches), x)
    np.testing.assert_array_equal(
        np.concatenate(list(inputs.states(tf.constant(x), UNITS, 100))), x
    )
