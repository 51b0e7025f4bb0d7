import os

import numpy as np
import pytest

from keras_rbm import checks


@pytest.mark.parametrize("value", [1, 2**31 - 1])
def test_positive_integers(value):
    assert checks.positive_integer("count", value) == value


@pytest.mark.parametrize("value", [0, -1, 2**31, 1.0, True, "1", None])
def test_other_integers_are_refused(value):
    with pytest.raises(ValueError, match=r"`count` must .* Received: count="):
        checks.positive_integer("count", value)


@pytest.mark.parametrize("value", [True, False, np.True_])
def test_booleans(value):
    assert checks.boolean("centered", value) is bool(value)


@pytest.mark.parametrize("value", ["False", 0, 1, 1.0, None, np.ones(1, bool)])
def test_what_is_only_true_or_false_by_conversion_is_refused(value):
    with pytest.raises(ValueError, match=r"`centered` must be .* Received: c"):
        checks.boolean("centered", value)


def test_what_fits_into_memory_is_all_there_is():
    numbers = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    checks.in_memory("x", (numbers,))
    with pytest.raises(ValueError, match=r"`x` must fit into memory"):
        checks.in_memory("x", (1, numbers + 1))


class Column:
    """Of pandas's `Series` what `from_frame` uses, for where it is missing."""

    def __init__(self, values, dtype):
        self.values, self.dtype = values, dtype
        self.index = range(len(values))

    def to_numpy(self, dtype=None, na_value=None):
        if dtype is None:
            return np.asarray(self.values, self.dtype)
        values = [na_value if x is None else x for x in self.values]
        return np.asarray(values, dtype)


class Frame:
    def __init__(self, columns):
        self.columns = list(columns)
        self.dtypes = [column.dtype for column in columns.values()]
        self.items = columns.items
        self.shape = (2, len(columns))

    def to_numpy(self):
        raise AssertionError("the whole would be of objects")


class Nullable:
    def __init__(self, kind):
        self.kind = kind


class Category:
    kind = "O"

    def __init__(self, categories):
        self.categories = np.asarray(categories)


def test_columns_of_several_types_are_joined():
    frame = Frame(
        {
            "a": Column([True, False], np.dtype(bool)),
            "b": Column([0.5, 1.5], np.dtype("float32")),
            "c": Column([1, None], Nullable("i")),
            "d": Column([3, 4], Category([3, 4])),
            "e": Column([True, False], Nullable("b")),
        }
    )
    found = checks.from_frame("x", frame)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(
        found, [[1, 0.5, 1, 3, 1], [0, 1.5, np.nan, 4, 0]]
    )


def test_integers_and_booleans_stay_such():
    frame = Frame(
        {
            "a": Column([1, 0], Nullable("i")),
            "b": Column([True, False], np.dtype(bool)),
        }
    )
    found = checks.from_frame("x", frame)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, [[1, 1], [0, 0]])


@pytest.mark.parametrize(
    "column",
    [
        Column(["1", "0"], np.dtype(object)),
        Column(["1", "0"], Category(["0", "1"])),
        Column(["1", "0"], Nullable("O")),
    ],
)
def test_columns_of_words_are_named(column):
    frame = Frame({"a": Column([1, 0], np.dtype(int)), "b": column})
    with pytest.raises(ValueError, match=r"`x\['b'\]` must hold numbers"):
        checks.from_frame("x", frame)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    bits = np.eye(4, dtype=int)
    frame = pandas.DataFrame(bits)
    for x in (
        frame.astype({0: bool, 1: "float32"}),
        frame.convert_dtypes(),
        frame.astype({0: "category"}),
        frame.astype("boolean"),
    ):
        np.testing.assert_array_equal(checks.from_frame("x", x), bits)
    weight = pandas.Series([1, None], dtype="Int64")
    np.testing.assert_array_equal(
        checks.from_frame("weight", weight), [1, np.nan]
    )
    with pytest.raises(ValueError, match=r"`x\['a'\]` must hold numbers"):
        checks.from_frame("x", pandas.DataFrame({"a": ["1", "0"]}))


@pytest.mark.parametrize("x", [[1, 2], np.ones(3), None, "x"])
def test_all_else_is_left_alone(x):
    assert checks.from_frame("x", x) is x


def test_masked_entries_become_nan():
    x = np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
    found = checks.unmasked(x)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, [[1, np.nan], [3, 4]])
    assert checks.unmasked(x.astype("float64")).dtype == "float64"
    assert checks.unmasked(x[1:]).dtype == x.dtype  # Nothing is masked there.
    plain = [1, 2]
    assert checks.unmasked(plain) is plain


@pytest.mark.parametrize("value", [-1, 0.0, True, None])
def test_integers_of_0_or_more(value):
    assert checks.non_negative_integer("n", np.int64(0)) == 0
    with pytest.raises(ValueError, match="`n` must be an integer, 0 or more"):
        checks.non_negative_integer("n", value)


def test_polars():
    polars = pytest.importorskip("polars")
    columns = {"a": [1, 0, None], "b": [True, None, False], "c": [0.5, 1, 2]}
    expected = np.array([[1, 1, 0.5], [0, np.nan, 1], [np.nan, 0, 2]])
    frame = polars.DataFrame(columns)
    found = checks.from_frame("x", frame)
    np.testing.assert_array_equal(found.astype("float64"), expected)
    whole = checks.from_frame("x", frame[["c"]].cast(polars.Int64))
    assert whole.dtype == "int64"
    text = frame.with_columns(polars.Series("d", ["x", "y", "z"]))
    with pytest.raises(ValueError, match=r"`x\['d'\]` must hold numbers"):
        checks.from_frame("x", text)
