import numpy as np
import pytest
from scipy import sparse

from keras_rbm.data.checks import (
    check_examples,
    check_image_shape,
    check_integer,
    to_float,
)


def test_to_float_scales_uint8_and_leaves_floats():
    x = to_float(np.arange(256, dtype=np.uint8).reshape(2, 128))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(
        x.ravel(), np.arange(256, dtype=np.float32) / np.float32(255)
    )
    y = np.array([[-3.0, 7.5]], np.float32)
    assert to_float(y) is y
    assert to_float(y.astype(np.float64)).dtype == np.float32


BITS = np.random.default_rng(0).integers(0, 2, (5, 4))


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int8, np.uint16, np.int64]
)
def test_bits_are_bits_in_every_type(dtype):
    for x in (
        to_float(BITS.astype(dtype)),
        check_examples(BITS.astype(dtype), "x"),
    ):
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x, BITS)


def test_a_single_value_above_1_makes_uint8_intensities():
    x = BITS.astype(np.uint8)
    x[0, 0] = 2
    assert check_examples(x, "x") is x
    assert to_float(x).max() == np.float32(2) / np.float32(255)


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, complex, str])
def test_other_types_are_refused(dtype):
    x = np.full((2, 3), 2).astype(dtype)
    with pytest.raises(ValueError, match=r"Argument `x` must be of type uint8"):
        to_float(x)
    with pytest.raises(ValueError, match=r"Received: x.dtype="):
        check_examples(x, "x")


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2)])
def test_other_ranks_are_refused(shape):
    with pytest.raises(ValueError, match=r"`v` must be a 2-D array .* v.shape"):
        check_examples(np.zeros(shape), "v")


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_empty_arrays_are_refused(shape):
    with pytest.raises(ValueError, match=r"Argument `v` must not be empty"):
        check_examples(np.zeros(shape), "v")


@pytest.mark.parametrize(
    ("value", "word"), [(np.nan, "nan"), (-np.inf, "-inf"), (1e300, "inf")]
)
def test_non_finite_values_are_counted_and_located(value, word):
    x = np.zeros((5, 3))
    x[2, 1:] = value
    x[4, 0] = value
    message = (
        rf"3 such values in 2 of 5 rows, the first of them {word} in row 2"
    )
    with pytest.raises(ValueError, match=f"`v` must be finite .*{message}"):
        check_examples(x, "v")


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_shares_lose_their_rounding_errors(form):
    x = np.array([[-1e-7, 0.5], [1.0000001, 1.0]], "float32")
    found = check_examples(form(x), "x")
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found[:], [[0.0, 0.5], [1.0, 1.0]])
    for other in (x + np.float32(1e-4), x * [[1], [2]]):
        kept = check_examples(form(other), "x")
        np.testing.assert_array_equal(kept[:], other.astype("float32"))


@pytest.mark.parametrize("value", [-1, 11, 2.0, "3", None, True, np.float32(3)])
def test_integers_out_of_bounds_are_refused(value):
    with pytest.raises(
        ValueError, match=r"`n` must be an integer from 0 to 10"
    ):
        check_integer(value, "n", 0, 10)


def test_integers_are_taken_from_numpy():
    assert check_integer(np.uint8(7), "n", 0) == 7
    with pytest.raises(ValueError, match=r"to 2\*\*63 - 1. Received: n=9223"):
        check_integer(2**63, "n", 0)


@pytest.mark.parametrize(
    "shape", [(2, 2), (6,), (1, 2, 3), (-2, -3), (2.0, 3.0), "23", 6]
)
def test_image_shapes_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match=r"equal to the width of the data, 6"):
        check_image_shape(shape, 6)


def test_image_shape_becomes_a_tuple_of_ints():
    assert check_image_shape([np.int64(2), 3], 6) == (2, 3)
