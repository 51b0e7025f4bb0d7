import math
import pickle

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_rbm import data, units
from keras_rbm.data import frames
from keras_rbm.data.schema import encoded, printable
from tests.data.made_up_table import check_round_trip, people

# Characters that no library and no file format changes.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]))
FLOATS = st.floats(-1e6, 1e6, allow_subnormal=False)


def test_a_schema_prints_a_line_for_each_column():
    schema = data.table(people()).schema
    text = str(schema)
    assert "column  kind       values" in text
    assert "smokes  binary     'no', 'yes'" in text
    assert "planet  dropped    constant: 'Earth' in all rows" in text
    with pytest.raises(KeyError, match="no column 'x'"):
        schema["x"]


def test_a_changed_schema_is_saved_and_loaded(tmp_path):
    frame = people()
    schema = data.table(frame).schema
    changed = schema.replace({"age": data.Count(120, 0)})
    assert changed["height"] is schema["height"]
    assert changed["age"] == data.Count(120, 0)
    path = tmp_path / "schema.json"
    changed.save(path)
    assert data.Schema.load(path) == changed
    assert pickle.loads(pickle.dumps(changed)) == changed
    with pytest.raises(ValueError, match="names of the schema"):
        changed.replace({"x": data.Real()})
    with pytest.raises(ValueError, match="must be fitted to data first"):
        changed.replace({"age": data.Real()}).encode(frame)
    for text in ("{", "[]", '{"columns": [{"name": "a"}]}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="must hold a schema"):
            data.Schema.load(path)
    with pytest.raises(FileNotFoundError):
        data.Schema.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: data.Schema({"a": 1}), r"columns\['a'\]=1"),
        (lambda: data.Schema({}, {}, "R"), "library='R'"),
        (lambda: data.Schema({(1, 2): data.Real()}), "text or integers"),
    ],
)
def test_what_is_no_schema(make, match):
    with pytest.raises(ValueError, match=match):
        make()


MIXED = data.Schema(
    {
        "height": data.Real(mean=170.0, deviation=8.0),
        "smokes": data.Binary(("no", "yes")),
        "note": data.Dropped(),
        "wait": data.Positive(scale=4.0),
        "weight": data.Real(mean=70.0, deviation=10.0),
        "job": data.Category(("a", "b"), missing=False),
    },
    {"height": "double", "smokes": "string"},
    "pyarrow",
    keeps_missing=True,
)


def test_columns_of_the_same_units_are_adjacent():
    assert MIXED.slices == {
        "height": slice(0, 1),
        "weight": slice(1, 2),
        "smokes": slice(2, 3),
        "wait": slice(3, 4),
        "job": slice(4, 6),
    }
    assert MIXED.units == units.Composite(
        units.Gaussian(2),
        units.Bernoulli(1),
        units.ReLU(1),
        units.Softmax(1, 2),
    )
    rows = pyarrow.table(
        {
            "job": ["b", None],
            "weight": [60.0, 75.0],
            "wait": [2.0, None],
            "smokes": ["yes", "no"],
            "height": [178.0, 166.0],
        }
    )
    x = MIXED.encode(rows)
    nan = np.nan
    np.testing.assert_array_equal(
        x, [[1, -1, 1, 0.5, 0, 1], [-0.5, 0.5, 0, nan, nan, nan]]
    )
    # A real column counts by -log deviation, a missing entry by nothing.
    np.testing.assert_allclose(
        MIXED.log_jacobian(x), [-np.log(8 * 10 * 4), -np.log(8 * 10)]
    )


def test_states_are_written_in_the_columns_of_the_table(tmp_path):
    path = tmp_path / "rows.csv"
    MIXED.write_csv([[1, -1, 1, 0.5, 0.25, 0.75]], path)
    assert path.read_text().splitlines() == [
        '"height","smokes","wait","weight","job"',
        '178,"yes",2,60,"b"',
    ]


def test_values_that_are_not_missing_are_written_as_they_were_read(tmp_path):
    """Also those that float32, or a quantile beside an outlier, cannot hold."""
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "spend": rng.permutation([*range(119), 10**9]),
            "large": 500_000_000 + rng.integers(0, 999, 120),
            "job": rng.choice(["a", "b", None], 120),
            "note": rng.permutation(120) % 119,
            "height": np.where(rng.random(120) < 0.3, np.nan, rng.random(120)),
            "on": rng.random(120) < 0.5,
        }
    )
    frame["job"] = frame["job"].astype("category")
    schema = {"note": data.Dropped(), "large": data.Real()}
    for name, source in (("frame", frame), ("file", tmp_path / "a.parquet")):
        frame.to_parquet(tmp_path / "a.parquet")
        table = data.table(
            source, schema, validation_size=0.2, test_size=9, missing="nan"
        )
        parts = [table.train, table.validation, table.test]
        x = np.concatenate(parts)[np.argsort(table.source_rows)]
        x = np.where(np.isnan(x), 0, x)
        path = tmp_path / f"{name}.csv"
        table.schema.write_csv(x, path, table.observed)
        found = pandas.read_csv(path)
        kept = frame.drop(columns="note").astype({"job": object})
        assert list(found.columns) == list(kept.columns)
        assert found.notna().all(axis=None)
        known = kept.notna()
        pandas.testing.assert_frame_equal(
            found[known], kept[known], check_dtype=False
        )
        # Without them, rows are what the model sees.
        table.schema.write_csv(x, path)
        assert (pandas.read_csv(path)["spend"] != frame["spend"]).any()
    assert data.table(frame[["spend", "on"]], missing="nan").observed is None


def test_splits_are_rows_of_the_table():
    frame = frames.read(pyarrow.table({"x": [3.0, 5.0, 9.0]}))
    schema = data.Schema({"x": data.Real(mean=1.0, deviation=2.0)})
    last, whole = encoded(schema, frame, [np.array([2, 0]), None])
    np.testing.assert_array_equal(last, [[4], [1]])
    np.testing.assert_array_equal(whole, [[1], [2], [4]])
    assert last.dtype == whole.dtype == np.float32


def test_a_schema_that_keeps_no_column_has_no_units():
    schema = data.Schema({"a": data.Dropped()}, library="pandas")
    assert (schema.width, schema.slices, schema.labels) == (0, {}, [])
    with pytest.raises(ValueError, match="keep at least one column"):
        _ = schema.units


def test_names_that_cannot_be_seen_are_quoted():
    found = [printable(name) for name in ("a b", "", "a\nb", 3)]
    assert found == ["a b", "''", r"'a\nb'", "3"]


def test_the_columns_of_the_array_have_names():
    schema = data.table(people()[["height", "job", "smokes", "wait"]]).schema
    assert schema.labels == [
        *("height", "job=a", "job=b", "job=missing", "smokes=yes", "wait")
    ]
    assert len(schema.labels) == schema.width


def test_columns_are_found_by_their_names():
    frame = people()
    schema = data.table(frame).schema
    wanted = schema.encode(frame)
    reordered = frame[frame.columns[::-1]].drop(columns=["note", "planet"])
    np.testing.assert_array_equal(schema.encode(reordered), wanted)
    for wrong, match in (
        (frame.drop(columns="age"), "Received: no 'age'"),
        (frame.assign(more=1), "Received: unknown 'more'"),
        (frame.rename(columns={"age": "Age"}), "no 'age' and unknown 'Age'"),
    ):
        with pytest.raises(ValueError, match=match):
            schema.encode(wrong)


@st.composite
def columns(draw):
    """Names, and values with their kind, of two to six columns."""
    rows = draw(st.integers(1, 8))
    names = draw(st.lists(TEXT, min_size=2, max_size=6, unique=True))
    found = {}
    for name in names:
        kind = draw(st.sampled_from("btincrplq"))
        values = {
            "b": st.sampled_from([True, False]),
            "t": st.one_of(st.none(), TEXT.filter(bool)),
            "i": st.one_of(st.none(), st.integers(-(2**53), 2**53)),
            "n": st.integers(-1000, 1000),
            "c": st.integers(0, 7),
            "r": FLOATS,
            "p": st.floats(0, 1e6, allow_subnormal=False),
            "l": st.floats(1e-3, 1e3),
            "q": FLOATS,
        }[kind]
        values = draw(st.lists(values, min_size=rows, max_size=rows))
        present = sorted({x for x in values if x is not None})
        if kind in "ti":
            extra = ["other"] if kind == "t" else [7]
            known = present + [x for x in extra if x not in present]
            column = data.Category(known, missing=True)
        else:
            column = {
                "b": data.Binary((False, True)),
                "n": data.Real(),
                "c": data.Count(7, 0),
                "r": data.Real(),
                "p": data.Positive(),
                "l": data.Logarithm(),
                "q": data.Quantiles(),
            }[kind]
        found[name] = values, column
    return found


def from_arrow(table):
    """A Polars frame; `polars.from_arrow` renames a column without a name."""
    return polars.DataFrame(
        {
            name: polars.from_arrow(column)
            for name, column in zip(
                table.column_names, table.columns, strict=True
            )
        }
    )


@settings(max_examples=25, deadline=None)
@given(columns())
def test_rows_survive_a_round_trip(found):
    types = {
        data.Binary: pyarrow.bool_(),
        data.Count: pyarrow.int8(),
    }
    arrow = pyarrow.table(
        {
            name: pyarrow.array(
                values,
                pyarrow.large_string()
                if isinstance(column, data.Category)
                and isinstance(column.values[0], str)
                else pyarrow.int64()
                if isinstance(column, data.Category)
                else types.get(
                    type(column),
                    pyarrow.int32()
                    if all(isinstance(x, int) for x in values)
                    else pyarrow.float64(),
                ),
            )
            for name, (values, column) in found.items()
        }
    )
    for rows, dtypes in (
        (arrow, lambda x: x.schema),
        (from_arrow(arrow), lambda x: x.schema),
        (
            arrow.to_pandas(integer_object_nulls=True),
            lambda x: x.dtypes.to_dict(),
        ),
    ):
        schema = {name: column for name, (_, column) in found.items()}
        schema = data.table(rows, schema).schema
        check_round_trip(schema, rows, dtypes)
        x = schema.encode(rows)
        schema.units.check_states(x)
        # Found by their names.
        reverse = rows[list(found)[::-1]] if rows is not arrow else rows
        np.testing.assert_array_equal(schema.encode(reverse), x)
        config = data.Schema.from_config(schema.get_config())
        assert config == schema


def test_decode_takes_states_of_the_units():
    schema = data.table(people()).schema
    with pytest.raises(ValueError, match=rf"\(rows, {schema.width}\)"):
        schema.decode(np.zeros((3, schema.width + 1)))
    with pytest.raises(ValueError, match="finite"):
        schema.decode(np.full((3, schema.width), np.nan))
    # Whatever states: values of the columns, within their bounds.
    rows = schema.decode(np.full((1, schema.width), 9.0))
    assert rows["age"][0] <= schema["age"].most
    rows = schema.decode(np.full((1, schema.width), -9.0))
    assert rows["wait"][0] == 0


def test_densities_in_own_units_integrate_to_one():
    """The normal law of x, taken back to the values."""
    values = np.exp(np.random.default_rng(0).normal(size=300))
    frame = pandas.DataFrame({"x": values})
    for column in (data.Real(), data.Logarithm(), data.Quantiles()):
        schema = data.table(frame, {"x": column}).schema
        grid = np.linspace(
            -60 if column.kind != "logarithm" else 1e-6, 90, 2**18
        )
        x = schema.encode(pandas.DataFrame({"x": grid}))
        log_density = -0.5 * np.square(x[:, 0].astype("float64"))
        log_density += schema.log_jacobian(x) - 0.5 * math.log(2 * math.pi)
        assert np.trapezoid(np.exp(log_density), grid) == pytest.approx(
            1, abs=2e-3
        )


def test_the_uncertainty_of_missing_entries():
    schema = data.Schema(
        {
            "city": data.Category(("Bern", "Paris", "Rome"), missing=False),
            "price": data.Logarithm(mean=1.0, deviation=0.5),
            "fast": data.Binary(("no", "yes")),
        },
        keeps_missing=True,
    )
    rng, nan = np.random.default_rng(0), np.nan
    x = np.array([[nan, nan, nan, nan, 1], [0, 1, 0, 0.5, nan]], "float32")
    means = np.array([[0.1, 0.7, 0.2, 0.0, 1], [0, 1, 0, 0.5, 0.2]], "f4")
    draws = np.repeat(means[None], 4000, axis=0)
    draws[:, 0, 3] = rng.normal(size=4000)
    found = schema.uncertainty(x, means, draws)
    assert list(found) == ["city", "price", "fast"]
    np.testing.assert_allclose(found["city"], [0.7, nan], rtol=1e-6)
    np.testing.assert_allclose(found["fast"], [nan, 0.8], rtol=1e-6)
    # The deviation of a log-normal number, within five standard errors (6 %).
    own = np.exp(1 + 0.25 / 2) * np.sqrt(np.exp(0.25) - 1)
    assert found["price"][0] == pytest.approx(own, rel=0.3 * 0.25)
    assert np.isnan(found["price"][1])
    with pytest.raises(ValueError, match="`draws` the shape"):
        schema.uncertainty(x, means, draws[0])


def test_numbers_as_text():
    schema = data.Schema(
        {
            "price": data.Real(mean=20000.0, deviation=1000.0),
            "city": data.Binary(("Bern", "Rome")),
            "share": data.Real(mean=0.0, deviation=0.125),
        }
    )
    x = np.zeros((2, 3), "float32")
    x[1, schema.slices["share"]] = 1
    x[1, schema.slices["price"]] = np.nan
    assert schema.number_texts(x) == {
        "price": ["20,000", ""],
        "share": ["0", "0.125"],
    }


def test_numbers_that_are_not_finite_have_no_text():
    schema = data.Schema(
        {
            "price": data.Real(mean=20000.0, deviation=1000.0),
            "cost": data.Logarithm(mean=0.0, deviation=1.0),
        }
    )
    x = np.zeros((4, 2), "float32")
    x[1:3, schema.slices["price"]] = [[np.inf], [-np.inf]]
    x[3, schema.slices["cost"]] = 1e30  # Its exponential is infinite.
    assert schema.number_texts(x) == {
        "price": ["20,000", "", "", "20,000"],
        "cost": ["1", "1", "1", ""],
    }
    with pytest.raises(ValueError, match="must have shape"):
        schema.number_texts(x[:, :1])
