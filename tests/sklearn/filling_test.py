import math

import numpy as np
import pandas
import polars
import pyarrow
import pytest

from keras_rbm import data
from keras_rbm.sklearn import filling

LIBRARIES = {
    "pandas": pandas.DataFrame,
    "polars": polars.DataFrame,
    "pyarrow": pyarrow.table,
}
COLUMNS = {
    "word": ["a", None, "b", "a"],
    "size": [0.5, math.nan, 2.5, 1.0],
    "same": ["c", "c", None, "c"],
    "whole": [None, 3.0, 5.0, 3.0],
    "full": [True, False, True, True],
}
LOST = [
    [0, 0, 0, 1, 0],
    [1, 1, 0, 0, 0],
    [0, 0, 1, 0, 0],
    [0, 0, 0, 0, 0],
]


@pytest.fixture(params=LIBRARIES)
def library(request):
    return request.param


def as_lists(frame):
    if isinstance(frame, pyarrow.Table):
        return frame.to_pydict()
    return {name: frame[name].to_list() for name in frame.columns}


def test_missing_entries_are_null_or_nan(library):
    found = filling.missing(LIBRARIES[library](COLUMNS))
    np.testing.assert_array_equal(found, np.array(LOST, bool))


def test_constants_are_those_of_dropped_columns(library):
    frame = LIBRARIES[library](COLUMNS)
    kept = data.Category(("a", "b"), True)
    schema = data.Schema(
        {
            "word": data.Dropped(),  # It has two values.
            "size": data.Real(0.0, 1.0),
            "same": data.Dropped(),
            "whole": kept,
            "full": kept,
        }
    )
    lost = np.array(LOST, bool)
    assert filling.constants(frame, lost, schema) == {"same": "c"}
    lost[:, 2] = True  # This column has no value that could be repeated.
    assert filling.constants(frame, lost, schema) == {}
    schema = schema.replace({"same": kept})
    assert filling.constants(frame, np.array(LOST, bool), schema) == {}


def test_bounds_are_those_of_integers(library):
    real = data.Real(0.0, 1.0)
    schema = data.Schema(
        {
            "word": data.Dropped(),
            "size": real,
            "same": data.Dropped(),
            "whole": real,
            "full": data.Binary((False, True)),
        }
    )
    frame = LIBRARIES[library](COLUMNS)
    found = filling.integer_bounds_of_columns(frame, schema)
    assert found == {"whole": (3.0, 5.0)}
    schema = schema.replace({"whole": data.Category((3, 5), False)})
    assert filling.integer_bounds_of_columns(frame, schema) == {}
    assert filling.integer_bounds(np.array([7, np.nan, -2.0])) == (-2.0, 7.0)
    assert filling.integer_bounds(np.array([7, np.nan, -2.5])) is None
    assert filling.integer_bounds(np.array([np.nan, np.nan])) is None


def test_only_missing_entries_are_filled_in(library):
    new = LIBRARIES[library]
    frame = new(COLUMNS)
    values = new(
        {
            "word": ["x", "y", "x", "x"],
            "size": [9.0, 8.0, 9.0, 9.0],
            "whole": [4.5, 1.0, 1.0, 1.0],
        }
    )
    if library == "pandas":
        frame.index = [3, 1, 4, 1]
    found = filling.filled(frame, values, {"same": "c"}, [3, 0, 1, 2, 4], [])
    assert type(found) is type(frame)
    assert as_lists(found) == {
        "whole": [4.5, 3, 5, 3],
        "word": ["a", "y", "b", "a"],
        "size": [0.5, 8, 2.5, 1],
        "same": ["c", "c", "c", "c"],
        "full": [True, False, True, True],
    }
    if library == "pandas":
        assert list(found.index) == [3, 1, 4, 1]
        assert found.dtypes.to_dict() == frame.dtypes.to_dict()
    elif library == "polars":
        assert dict(found.schema) == dict(frame.schema)


def test_columns_without_values_stay_as_they_are(library):
    frame = LIBRARIES[library](COLUMNS)
    values = LIBRARIES[library]({"size": [9.0] * 4})
    found = filling.filled(frame, values, {}, [2, 4], [])
    np.testing.assert_array_equal(
        filling.missing(found), np.array(LOST, bool)[:, [2, 4]]
    )


def test_indicators_mark_what_was_missing(library):
    frame = LIBRARIES[library](COLUMNS)
    values = LIBRARIES[library]({"size": [9.0] * 4})
    found = filling.filled(frame, values, {}, [1], [1, 3])
    assert as_lists(found) == {
        "size": [0.5, 9, 2.5, 1],
        "missingindicator_size": [False, True, False, False],
        "missingindicator_whole": [True, False, False, False],
    }


@pytest.mark.parametrize("names", [[0, 1], [2020, 2019]], ids=str)
def test_columns_may_be_named_by_integers(names):
    x = np.array([[1.0, 2.0], [np.nan, 3.0], [5.0, 7.0]])
    frame = pandas.DataFrame(x, columns=names)
    lost = filling.missing(frame)
    np.testing.assert_array_equal(lost, np.isnan(x))
    schema = data.Schema(
        {name: data.Dropped() for name in names}, library="pandas"
    )
    # Here, a constant but for the two rows whose second entry is ignored.
    lost[1:, 1] = True
    assert filling.constants(frame, lost, schema) == {names[1]: 2.0}
    schema = schema.replace({names[0]: data.Real(8.0, 1.0)})
    bounds = filling.integer_bounds_of_columns(frame, schema)
    assert bounds == {names[0]: (1, 5)}
    values = filling.decoded(np.full((3, 1), 0.5), schema, frame, bounds)
    found = filling.filled(frame, values, {}, [1, 0], [0])
    assert list(found.columns) == [
        names[1],
        names[0],
        f"missingindicator_{names[0]}",
    ]
    assert found[names[0]].to_list() == [1, 5, 5]


@pytest.mark.parametrize(
    "values",
    [
        [np.arange(3.0)] * 4,
        [[1, 2]] * 4,
        [[np.arange(2), np.arange(2)]] * 4,
        [{"a": 1}] * 4,
    ],
    ids=["arrays", "lists", "lists of arrays", "dicts"],
)
def test_constants_can_be_objects_of_any_kind(values):
    schema = data.Schema({"v": data.Dropped()})
    frame = pandas.DataFrame({"v": values})
    lost = np.zeros((4, 1), bool)
    assert filling.constants(frame, lost, schema)["v"] is frame["v"][0]
    for other in (np.arange(4.0), np.arange(3.0) + 1, [2], {"a": 2}, "text"):
        frame = pandas.DataFrame({"v": [*values[:3], other]})
        assert filling.constants(frame, lost, schema) == {}
    # Values that cannot be compared.
    frame = pandas.DataFrame({"v": [{"a": np.arange(2)} for _ in range(4)]})
    assert filling.constants(frame, lost, schema) == {}


@pytest.mark.parametrize("other", LIBRARIES)
def test_states_are_decoded_to_the_library_and_types_of_the_rows(
    library, other
):
    columns = {"kind": ["a", "b", "a"], "size": [1, 2, 9]}
    schema = data.Schema(
        {"kind": data.Binary(("a", "b")), "size": data.Real(0.0, 1.0)},
        {"size": "int32"},
        library,
    )
    frame = LIBRARIES[other](columns)
    found = filling.decoded(np.array([[1.0, 2.75], [0, 4]]), schema, frame, {})
    assert type(found) is type(frame)
    assert as_lists(found) == {"kind": ["b", "a"], "size": [3, 4]}
    if other == "pandas":
        assert list(found.dtypes) == list(frame.dtypes)
    else:
        assert found.schema == frame.schema


def typed(library, kind):
    """A column of integers of a type of pyarrow, the first one missing."""
    values = [None, 5, 6, 7]
    if kind == pyarrow.uint64():
        values = [None, *(2**63 + 2**52 * value for value in values[1:])]
    values = pyarrow.array(values, pyarrow.uint64()).cast(kind)
    if library == "pandas":
        return pandas.arrays.ArrowExtensionArray(values)
    return polars.from_arrow(values) if library == "polars" else values


@pytest.mark.parametrize(
    "kind",
    [
        pyarrow.int8(),
        pyarrow.uint64(),
        pyarrow.float32(),
        pyarrow.decimal128(20, 0),
        pyarrow.decimal128(23, 2),
    ],
    ids=str,
)
def test_integers_of_any_type_are_drawn(library, kind):
    column = typed(library, kind)
    frame = LIBRARIES[library]({"x": column})
    table = data.table(frame, {"x": data.Real()}, missing="nan")
    bounds = filling.integer_bounds_of_columns(frame, table.schema)
    whole = as_lists(frame)["x"][1:]
    assert bounds == {"x": (whole[0], whole[-1])}
    # A little below the mean of the column, and far below all of it.
    for state, value in ((-0.01, whole[1]), (-1e3, whole[0])):
        states = np.where(np.isnan(table.train), state, table.train)
        values = filling.decoded(states, table.schema, frame, bounds)
        found = filling.filled(frame, values, {}, [0], [])
        drawn, *others = as_lists(found)["x"]
        assert others == whole
        # Near 2**63, integers are not rounded to multiples of 2**52.
        assert drawn == int(drawn) == pytest.approx(float(value), rel=1e-5)
        if library == "pyarrow":
            assert found.schema == frame.schema
        else:
            assert found["x"].dtype == frame["x"].dtype


def test_integers_may_be_objects_or_of_128_bits():
    frame = pandas.DataFrame({"x": [None, 5, 9]}, dtype=object)
    schema = data.Schema({"x": data.Real(7.0, 1.0)})
    bounds = filling.integer_bounds_of_columns(frame, schema)
    assert bounds == {"x": (5, 9)}
    values = filling.decoded(np.array([[0.4]] * 3), schema, frame, bounds)
    found = filling.filled(frame, values, {}, [0], [])
    assert as_lists(found) == {"x": [7, 5, 9]}
    # Arrow has no type for them, so that the schema drops the column.
    frame = polars.DataFrame({"x": [None, 5, 9]}, {"x": polars.Int128})
    schema = data.Schema({"x": data.Dropped()})
    assert filling.integer_bounds_of_columns(frame, schema) == {}


@pytest.mark.parametrize(
    "column",
    [
        pandas.Series(pandas.Categorical(["a", None], ["q", "a"])),
        pandas.Series(pandas.Categorical(["a", None], ["q", "a"], True)),
        polars.Series(["a", None], dtype=polars.Enum(["q", "a"])),
        polars.Series(["a", None], dtype=polars.Categorical),
        pyarrow.chunked_array([["a", None]]).dictionary_encode(),
        pandas.Series(
            pandas.arrays.ArrowExtensionArray(
                pyarrow.chunked_array([["a", None]]).dictionary_encode()
            )
        ),
    ],
    ids=["pandas", "ordered", "enum", "polars", "pyarrow", "pandas' pyarrow"],
)
def test_categories_that_a_type_does_not_list_are_added_to_it(column):
    new = LIBRARIES[type(column).__module__.split(".")[0]]
    frame = new({"kind": column})
    # From the model, or as the constant of the column.
    values = new({"kind": ["a", "b"]})
    none = new({"other": ["a", "b"]})
    for value, given, constants in (
        ("b", values, {}),
        ("b", none, {"kind": "b"}),
        ("a", none, {"kind": "a"}),
    ):
        found = filling.filled(frame, given, constants, [0], [])
        assert as_lists(found) == {"kind": ["a", value]}
        if isinstance(found, pyarrow.Table):
            assert found.schema == frame.schema
            continue
        dtype = found["kind"].dtype
        if hasattr(dtype, "categories") and dtype != polars.Categorical:
            more = ["b"] if value == "b" else []
            assert list(dtype.categories) == ["q", "a", *more]
            assert getattr(dtype, "ordered", 0) == getattr(
                column.dtype, "ordered", 0
            )
        else:
            assert dtype == column.dtype


@pytest.mark.parametrize(
    "frame",
    [
        pandas.DataFrame({"kind": [np.nan, np.nan]}),
        pandas.DataFrame([{"kind": None}, {"kind": None}]),
        polars.DataFrame({"kind": [None, None]}),
        pyarrow.table({"kind": [None, None]}),
    ],
    ids=["pandas", "objects", "polars", "pyarrow"],
)
@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (data.Binary(("a", "b")), ["b", "a"]),
        (data.Binary((False, True)), [True, False]),
        (data.Category((5, 7), False), [5, 7]),
        (data.Real(0.5, 1.0), [1.5, 0.5]),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_a_column_without_any_entry_may_be_of_any_type(frame, column, expected):
    schema = data.Schema({"kind": column}, library="polars")
    states = np.array([[1.0, 0.0], [0.0, 1.0]])[:, : column.width]
    values = filling.decoded(states, schema, frame, {})
    found = filling.filled(frame, values, {}, [0], [])
    assert as_lists(found) == {"kind": expected}
    assert str(getattr(found["kind"], "dtype", "")) != "object"


def test_objects_keep_their_types():
    """Also if far more of the first entries are missing than in most tables."""
    frame = pandas.DataFrame({"x": [*[None] * 150, 2.5]}, dtype=object)
    schema = data.Schema({"x": data.Real(0.5, 1.0)}, library="pandas")
    values = filling.decoded(np.ones((151, 1)), schema, frame, {})
    for given, constants in ((values, {}), (values[[]], {"x": 1.5})):
        found = filling.filled(frame, given, constants, [0], [])
        assert found["x"].dtype == object
        assert found["x"].to_list() == [*[1.5] * 150, 2.5]
