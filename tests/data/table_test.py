import builtins
import gzip
import importlib
import math
import pickle
import tracemalloc

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, feather, parquet

from keras_rbm import data, units
from keras_rbm.data import frames

MISSING = pandas.isna
# Characters that no library and no file format changes.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]))
FLOATS = st.floats(-1e6, 1e6, allow_subnormal=False)


def people(rows=60, seed=0):
    """A data frame with a column of each kind."""
    rng = np.random.default_rng(seed)
    return pandas.DataFrame(
        {
            "number": np.arange(rows),
            "smokes": rng.choice(["yes", "no"], rows),
            "job": rng.choice(["a", "b", None], rows),
            "age": rng.integers(18, 38, rows),
            "height": rng.normal(170, 8, rows),
            "wait": rng.exponential(2, rows),
            "income": np.exp(rng.normal(10, 2, rows)),
            "planet": "Earth",
            "note": [f"note {i} of {rows}" for i in range(rows)],
            "born": pandas.Timestamp("2000-01-01"),
        }
    )


def as_lists(frame):
    """The columns of a data frame as lists, with None for what is missing."""
    if isinstance(frame, pyarrow.Table):
        return frame.to_pydict()
    if isinstance(frame, np.ndarray):
        return {name: frame[name].tolist() for name in frame.dtype.names}
    return {
        name: [None if MISSING(x) else x for x in column.to_list()]
        for name, column in (
            frame.items()
            if isinstance(frame, pandas.DataFrame)
            else zip(frame.columns, frame.get_columns(), strict=True)
        )
    }


def check_round_trip(schema, rows, dtypes):
    """Holds decode(encode(rows)) to the rows; numbers to rounding."""
    states = schema.encode(rows)
    back = schema.decode(states)
    assert type(back) is type(rows)
    assert dtypes(back) == dtypes(rows)
    rows, back = as_lists(rows), as_lists(back)
    assert list(rows) == list(back)
    for name, column in schema.columns.items():
        if not isinstance(column, data.Real | data.Positive | data.Quantiles):
            close = isinstance(column, data.Logarithm)
            wanted = pytest.approx(rows[name], 1e-4) if close else rows[name]
            assert back[name] == wanted
            continue
        # A state in float32 is off by 2**-24 of itself: in the values, by that
        # times the steepest slope.
        got, wanted = (np.array(x[name], float) for x in (back, rows))
        x = states[:, schema.slices[name]]
        slope = (
            np.diff(column.values) / np.diff(column.normal)
            if isinstance(column, data.Quantiles)
            else np.diff(column.backward(np.array([0.0, 1.0])))
        )
        error = 2**-23 * np.abs(x).max() * np.abs(slope).max()
        np.testing.assert_allclose(
            got, wanted, rtol=0, atol=error + 1e-12 * np.abs(wanted).max()
        )


def test_the_kinds_that_are_inferred():
    schema = data.table(people()).schema
    assert {name: column.kind for name, column in schema.columns.items()} == {
        "number": "dropped",
        "smokes": "binary",
        "job": "category",
        "age": "count",
        "height": "real",
        "wait": "positive",
        "income": "quantiles",
        "planet": "dropped",
        "note": "dropped",
        "born": "dropped",
    }
    assert schema["smokes"].values == ("no", "yes")
    assert schema["job"] == data.Category(("a", "b"), missing=True)
    reasons = [schema[n].reason for n in ("number", "planet", "note", "born")]
    for reason, part in zip(
        reasons,
        ("consecutive numbers", "constant: 'Earth'", "identifier", "timestamp"),
        strict=True,
    ):
        assert part in reason
    assert schema.units == units.Composite(
        units.Bernoulli(1),
        units.Softmax(1, 3),
        units.Binomial(1, schema["age"].most - schema["age"].least),
        units.Gaussian(2),
        units.ReLU(1),
    )
    text = str(schema)
    assert "column  kind       values" in text
    assert "smokes  binary     'no', 'yes'" in text
    assert "planet  dropped    constant: 'Earth' in all rows" in text
    with pytest.raises(KeyError, match="no column 'x'"):
        schema["x"]


def test_integers_that_no_binomial_law_can_stand_for_are_numbers():
    """Ages of 130 to 170 have 21 times the variance of a binomial law."""
    frame = pandas.DataFrame({"age": [130, 170, 155, 139, 161] * 9})
    table = data.table(frame)
    assert isinstance(table.schema["age"], data.Real)
    assert table.schema.decode(table.train).equals(frame)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.5, None] * 20, data.Category((0.5,), True)),
        ([1, 2] * 20, data.Binary((1, 2))),
        ([True, False, None] * 20, data.Category((False, True), True)),
        ([3.0, 4.0, 9.0] * 20, data.Count(9, 3)),
        ([0, 20, 1] * 20, data.Count(20, 0)),
        # Twice the variance of a binomial law.
        ([9, *[20] * 20, 31] * 3, data.Count(31, 9)),
        ([None] * 20, data.Dropped("no values")),
        (
            [1, "a"] * 20,
            data.Dropped("values of several types, or of an unknown type"),
        ),
        (
            [2**70, 1] * 20,
            data.Dropped("values of several types, or of an unknown type"),
        ),
        ([0.0, -0.0] * 20, data.Dropped("constant: 0.0 in all rows")),
        (
            [[1]] * 20,
            data.Dropped(
                "values of type list<item: int64>, for which there are no units"
            ),
        ),
        (
            [f"{i % 12}" for i in range(20)],
            data.Dropped(
                "free text, or too many categories: 12 values in 20 rows"
            ),
        ),
    ],
)
def test_the_kind_of_a_column(values, kind):
    rows = len(values)
    frame = {
        "x": pandas.Series(values, dtype=object),
        "y": [0, 1] * (rows // 2),
    }
    assert data.table(pandas.DataFrame(frame)).schema["x"] == kind


def test_identifiers_by_name():
    rng = np.random.default_rng(0)
    numbers = rng.choice(10**6, 50, replace=False)
    for name, kind in (
        ("customer_id", "dropped"),
        ("userId", "dropped"),
        ("paid", "positive"),
    ):
        frame = pandas.DataFrame({name: numbers, "y": numbers % 2})
        assert data.table(frame).schema[name].kind == kind


def test_heavy_tails_as_the_argument_says():
    frame = people()
    for how, kind in (
        ("quantiles", data.Quantiles),
        ("logarithm", data.Logarithm),
        ("standardize", data.Real),
    ):
        schema = data.table(frame, heavy_tails=how).schema
        assert isinstance(schema["income"], kind)
    frame["income"] -= frame["income"].min()
    schema = data.table(frame, heavy_tails="logarithm").schema
    assert isinstance(schema["income"], data.Quantiles)
    with pytest.raises(ValueError, match="Received: heavy_tails='x'"):
        data.table(frame, heavy_tails="x")


def test_moments_are_those_of_the_training_rows():
    frame = people()
    table = data.table(frame, validation_size=0.1, test_size=20, seed=1)
    counts = len(table.train), len(table.validation), len(table.test)
    assert counts == (34, 6, 20)
    (column,) = (table.schema.slices[name] for name in ("height",))
    height = table.train[:, column]
    np.testing.assert_allclose(height.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(height.std(), 1, atol=1e-6)
    rows = np.concatenate([table.train, table.validation, table.test])
    again = table.schema.encode(frame)
    order = np.lexsort(rows.T), np.lexsort(again.T)
    np.testing.assert_array_equal(rows[order[0]], again[order[1]])
    whole = data.table(frame)
    assert whole.validation is None
    np.testing.assert_array_equal(whole.train, whole.schema.encode(frame))


def test_names_with_line_breaks_stay_in_their_line():
    table = data.table(
        pandas.DataFrame({"a\nb": [0.5, None, 1.5, 2.5], "": [1, 0, 1, 0]}),
        missing="nan",
    )
    lines = str(table).splitlines()
    assert lines[-1] == r"missing entries: 'a\nb' 1"
    assert any(line.startswith("'' ") for line in lines)


def test_a_schema_overrides_and_is_saved(tmp_path):
    frame = people()
    table = data.table(frame, {"age": data.Real(), "job": data.Dropped()})
    assert isinstance(table.schema["age"], data.Real)
    assert table.schema["age"].mean == pytest.approx(frame["age"].mean())
    assert table.schema["job"].reason == "by choice"
    changed = table.schema.replace({"age": data.Count(120, 0)})
    assert changed["height"] is table.schema["height"]
    path = tmp_path / "schema.json"
    changed.save(path)
    loaded = data.Schema.load(path)
    assert loaded == changed
    assert pickle.loads(pickle.dumps(changed)) == changed
    again = data.table(frame, path)
    assert again.schema == changed
    assert again.schema.units.parts[1] == units.Binomial(1, 120)
    rows = again.schema.decode(again.train)
    assert rows["age"].dtype == frame["age"].dtype
    assert rows["age"].tolist() == frame["age"].tolist()
    with pytest.raises(ValueError, match="names of the schema"):
        changed.replace({"x": data.Real()})
    with pytest.raises(ValueError, match="`schema` must name columns"):
        data.table(frame, {"x": data.Real()})
    with pytest.raises(ValueError, match=r"Received: schema\['age'\]='Real'"):
        data.table(frame, {"age": "Real"})
    with pytest.raises(ValueError, match="Received: schema=3"):
        data.table(frame, 3)
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
        (lambda: data.Binary(["a"]), "2 different values"),
        (lambda: data.Category(["a", "a"]), "1 or more different values"),
        (lambda: data.Category(["a", 1]), "one type"),
        (lambda: data.Category(["a"], missing=False), "two or more"),
        (lambda: data.Count(1, 1), "`most` must be greater"),
        (lambda: data.Real(0.0, 0.0), "`deviation` must be a positive"),
        (lambda: data.Positive(-1.0), "`scale` must be a positive"),
        (lambda: data.Quantiles((0, 0), (0, 1)), "rising numbers"),
        (lambda: data.Schema({"a": 1}), r"columns\['a'\]=1"),
        (lambda: data.Schema({}, {}, "R"), "library='R'"),
        (lambda: data.Schema({(1, 2): data.Real()}), "text or integers"),
    ],
)
def test_what_is_no_column_or_schema(make, match):
    with pytest.raises(ValueError, match=match):
        make()


# Round trips.


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


def test_types_of_pandas_survive():
    rng = np.random.default_rng(0)
    rows = 40
    some = rng.random(rows) < 0.5
    frame = pandas.DataFrame(
        {
            0: rng.normal(size=rows).astype("float32"),
            "ordered": pandas.Categorical(
                np.where(some, "x", "y"), ["y", "x", "z"], ordered=True
            ),
            "numbers": pandas.Categorical(rng.choice([1, 5, 7], rows)),
            "object": pandas.Series(np.where(some, "q", None), dtype=object),
            "boolean": pandas.array(np.where(some, True, None), "boolean"),
            "string": pandas.array(
                rng.choice(["a", "b", None], rows), "string"
            ),
            "text": rng.choice(["a", "b", "c"], rows),
            "Int64": pandas.array(rng.integers(0, 9, rows), "Int64"),
            "uint8": rng.integers(0, 200, rows).astype("uint8"),
            "arrow": pandas.array(rng.normal(size=rows), "double[pyarrow]"),
            "bool": some,
        }
    )
    schema = data.table(frame).schema
    assert schema["ordered"].values == ("y", "x", "z")
    back = schema.decode(schema.encode(frame))
    pandas.testing.assert_frame_equal(back, frame, rtol=1e-5)


def test_types_of_polars_survive():
    rng = np.random.default_rng(0)
    text = rng.choice(["a", "b", "c"], 40).tolist()
    frame = polars.DataFrame(
        {
            "category": polars.Series(text, dtype=polars.Categorical),
            "enum": polars.Series(
                text, dtype=polars.Enum(["c", "a", "b", "d"])
            ),
            "UInt16": polars.Series(range(500, 540), dtype=polars.UInt16),
            "decimal": polars.Series(
                rng.integers(0, 1000, 40) / 100, dtype=polars.Decimal(10, 2)
            ),
        }
    )
    schema = data.table(frame, {"UInt16": data.Real()}).schema
    assert schema["enum"].values == ("c", "a", "b", "d")
    check_round_trip(schema, frame, lambda x: x.schema)


def test_a_structured_array():
    rng = np.random.default_rng(0)
    rows = np.zeros(40, [("a", "i4"), ("b", "S3"), ("c", "U4"), ("d", "?")])
    rows["a"] = rng.integers(-1000, 1000, 40)
    rows["b"] = rng.choice([b"x", b"yy"], 40)
    rows["c"] = rng.choice(["é", "u", "v"], 40)
    rows["d"] = rng.random(40) < 0.5
    schema = data.table(rows).schema
    back = schema.decode(schema.encode(rows))
    np.testing.assert_array_equal(back, rows)
    assert back.dtype == rows.dtype
    for wrong in (np.zeros((4, 3)), np.zeros((4, 3), [("a", "f4")])):
        with pytest.raises(ValueError, match="must be a structured array"):
            data.table(wrong)
    with pytest.raises(ValueError, match="numbers or text"):
        data.table(np.zeros(4, [("a", "f4", 3)]))


# Files.


@pytest.fixture
def arrow():
    frame = people()[["smokes", "job", "age", "height", "income"]]
    return pyarrow.Table.from_pandas(frame, preserve_index=False)


def write(table, path):
    write = {
        ".parquet": parquet.write_table,
        ".feather": feather.write_feather,
    }.get(path.suffix)
    if write is not None:
        write(table, path)
        return path
    mark = "\t" if ".tsv" in path.suffixes else ","
    options = csv.WriteOptions(delimiter=mark)
    with pyarrow.output_stream(path, compression="detect") as file:
        csv.write_csv(table, file, options)
    return path


@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.csv.gz", "a.tsv", "a.tsv.gz", "a.parquet", "a.feather"],
)
def test_files(tmp_path, arrow, name):
    path = write(arrow, tmp_path / name)
    table = data.table(path)
    assert table.name == "a"
    assert table.schema.library == "file"
    wanted = data.table(arrow)
    np.testing.assert_allclose(table.train, wanted.train, rtol=1e-6)
    assert table.schema.units == wanted.schema.units
    rows = table.schema.decode(table.train)
    assert isinstance(rows, polars.DataFrame)
    assert rows.columns == arrow.column_names
    assert rows["age"].to_list() == arrow["age"].to_pylist()
    assert rows["job"].to_list() == arrow["job"].to_pylist()
    table.schema.write_csv(table.train, tmp_path / "back.csv")
    again = data.table(tmp_path / "back.csv", table.schema)
    np.testing.assert_allclose(again.train, table.train, atol=1e-5)


def test_files_without_polars_and_without_pandas(tmp_path, arrow, monkeypatch):
    table = data.table(write(arrow, tmp_path / "a.csv"))
    for library, kind in (
        ("pandas", pandas.DataFrame),
        ("pyarrow", pyarrow.Table),
    ):
        monkeypatch.setattr(frames, "_OF_FILES", (library,))
        rows = table.schema.decode(table.train)
        assert isinstance(rows, kind)
        assert as_lists(rows)["job"] == arrow["job"].to_pylist()


@pytest.mark.parametrize("library", ["pyarrow", "narwhals"])
def test_a_library_that_is_not_installed(tmp_path, monkeypatch, library):
    def missing(name, *args):
        if name.startswith(library):
            raise ImportError(name)
        return builtins.__import__(name, *args)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r'pip install "keras_rbm\[table\]"'):
        data.table(people())


def test_the_columns_of_the_array_have_names():
    schema = data.table(people()[["height", "job", "smokes", "wait"]]).schema
    assert schema.labels == [
        *("height", "job=a", "job=b", "job=missing", "smokes=yes", "wait")
    ]
    assert len(schema.labels) == schema.width


def test_a_text_file_may_be_of_many_forms(tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"{i % 7}.5,{'NA' if i % 3 else 'b'}\n" for i in range(30))
    path.write_text('\ufeffx,"odd, \nname"\n' + rows, "utf-8")
    table = data.table(path)
    assert list(table.schema.columns) == ["x", "odd, \nname"]
    assert table.schema["odd, \nname"] == data.Category(("b",), True)
    assert "'odd, \\nname'" in str(table.schema)
    path.write_text("".join(f"{i % 7};{i % 2}\n" for i in range(30)))
    table = data.table(path, separator=";")
    assert list(table.schema.columns) == ["column_0", "column_1"]
    assert len(table.train) == 30
    with pytest.raises(ValueError, match="`separator` must be the character"):
        data.table(path)


GERMAN = "# From a shop.\npreis;köln\n1,5;ä\n-2;b\n# Later.\n3,5e1;ä\n4;b\n"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_decimal_commas_comments_and_encodings(tmp_path, encoding, ending):
    path = tmp_path / f"a.{ending}"
    content = GERMAN.encode(encoding)
    path.write_bytes(gzip.compress(content) if "gz" in ending else content)
    table = data.table(
        path, separator=";", decimal=",", encoding=encoding, comment="#"
    )
    assert table.schema["köln"].values == ("b", "ä")
    rows = table.schema.decode(table.train)
    np.testing.assert_allclose(rows["preis"], [1.5, -2, 35, 4], atol=1e-5)


@pytest.mark.parametrize(
    ("content", "options", "match"),
    [
        (
            GERMAN.encode(),
            {},
            "`comment` must .*comment=None; a first line '# F",
        ),
        (b"x,y\n1,2\n# Later.\n3,4\n", {}, "`comment` must .* got 1: # Later"),
        (b"x;y\n1,5;2\n2;3\n", {"separator": ";"}, "`decimal` .*with '1,5'"),
        (b"x,y\n1,\xe4\n2,b\n", {}, "`encoding` .*encoding='utf-8'; "),
        (b"x,y\n1,\xe4\n" + b"2,b\n" * 10**5, {}, "`encoding` must"),
        (b"x,y\n" + b"2,b\n" * 10**5 + b"1,\xe4\n", {}, "`encoding` must"),
        (b"x,y\n1,2\n", {"encoding": "klingon"}, "unknown encoding: klingon"),
        (b"x,y\n1,2\n", {"decimal": ".."}, "`decimal` must be one character"),
        (b"x,y\n1,2\n", {"separator": ""}, "`separator` must be one char"),
    ],
)
def test_a_text_in_another_form_is_explained(tmp_path, content, options, match):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=match):
        data.table(tmp_path / "a.csv", **options)


def test_numbers_with_commas_may_be_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x;y\n1,5;2\n2;3\n1,5;4\n2;3\n")
    table = data.table(path, separator=";", decimal=".")
    assert table.schema["x"].values == ("1,5", "2")


def test_names_that_are_positions(tmp_path):
    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(20, 3)))
    frame.to_csv(tmp_path / "A.CSV", index=False)
    table = data.table(tmp_path / "A.CSV")
    assert list(table.schema.columns) == ["0", "1", "2"]
    assert len(table.train) == 20


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.csv", b"", "first line is empty"),
        ("a.csv", b"x,y\n", "at least one row"),
        ("a.csv", b"x,y\n1,2\n3\n", "Expected 2 columns, got 1"),
        ("a.csv", b"x,x\n1,2\n", "different names.*'x' more than once"),
        ("a.csv", b"x,y\n\xff\xfe,\xff\n" * 9, "`encoding` must be the enc"),
        ("a.csv", b"\0\0\0,\0\n\0,\0", "zero bytes"),
        ("a.csv", b"PAR1....", "begins like Parquet"),
        ("a.csv", b"\x1f\x8b\x08\0junk", "begins like gzip"),
        ("a.csv", b"PK\x03\x04junk", "begins like zip"),
        ("a.csv.gz", b"x,y\n1,2\n", "must be a whole text file"),
        ("a.csv.gz", b"\x1f\x8b\x08\0junkjunkjunk", "whole text file"),
        ("a.parquet", b"PAR1 cut short", "must be a whole Parquet file"),
        ("a.parquet", b"x,y\n1,2\n", "must be a whole Parquet file"),
        ("a.feather", b"ARROW1\0\0cut", "must be a whole Feather file"),
        ("a.feather", b"PAR1", "begins like Parquet"),
        ("a.xlsx", b"PK\x03\x04", "must be a .csv, .csv.gz, .tsv"),
    ],
)
def test_damaged_files_and_files_of_another_kind(
    tmp_path, name, content, match
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=match):
        data.table(tmp_path / name)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        data.table(tmp_path / "none.csv")


# What does not fit.


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


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("job", "c", "'job' must hold the values of its schema.*'c' in 1 rows"),
        ("smokes", None, "'smokes' must have no missing values; 1 of 60"),
        ("age", 17.0, "'age' must hold integers from"),
        ("age", 30.5, "30.5 in row 3"),
        ("height", math.nan, r"'height' .*1 of 60 rows .*Dropped\(\)"),
        ("height", math.inf, "inf in row 3"),
        ("height", "tall", "'height' must hold numbers"),
        ("wait", -1.0, "'wait' must hold numbers of 0 or more"),
    ],
)
def test_values_that_the_schema_does_not_allow(name, value, match):
    frame = people()
    schema = data.table(frame).schema
    frame[name] = frame[name].astype(object)
    frame.loc[3, name] = value
    if not isinstance(value, str) and value is not None:
        frame[name] = frame[name].astype(float)
    if value == "tall":
        frame[name] = frame[name].astype(str)
    with pytest.raises(ValueError, match=match):
        schema.encode(frame)


def test_categories_may_come_as_another_type():
    column = data.Category(["1", "2", "x"])
    schema = data.Schema({"a": column.fitted("a", strings("1"), None)})
    x = schema.encode(pandas.DataFrame({"a": [2, 1]}))
    np.testing.assert_array_equal(x, [[0, 1, 0], [1, 0, 0]])


def strings(*values):
    return pyarrow.chunked_array([pyarrow.array(values)])


def test_a_missing_number_is_refused():
    frame = people()
    frame.loc[[3, 5], "height"] = math.nan
    with pytest.raises(ValueError, match=r"'height' .*; 2 of 60 rows"):
        data.table(frame)
    table = data.table(frame, {"height": data.Dropped("has gaps")})
    assert "height" not in table.schema.slices


def test_missing_values_may_become_nan(tmp_path):
    frame = people(200)
    rng = np.random.default_rng(1)
    for name in ("smokes", "age", "height", "wait"):
        frame[name] = frame[name].astype(object)
        frame.loc[rng.random(200) < 0.3, name] = None
    frame["height"] = frame["height"].astype(float)
    frame["wait"] = frame["wait"].astype(float)
    frame["age"] = frame["age"].astype("Int64")
    table = data.table(
        frame, {"job": data.Category()}, test_size=50, missing="nan"
    )
    schema = table.schema
    assert isinstance(schema["smokes"], data.Binary)
    assert isinstance(schema["age"], data.Count)
    assert isinstance(schema["wait"], data.Positive)
    assert schema["job"] == data.Category(("a", "b"), False)
    x = np.concatenate([table.train, table.test])[np.argsort(table.source_rows)]
    for name, columns in schema.slices.items():
        lost = np.isnan(x[:, columns])
        expected = frame[name].isna().to_numpy()
        np.testing.assert_array_equal(lost.all(axis=1), expected)
        np.testing.assert_array_equal(lost.any(axis=1), expected)
    assert np.isfinite(schema.log_jacobian(x)).all()
    schema.save(tmp_path / "schema.json")
    again = data.Schema.load(tmp_path / "schema.json")
    np.testing.assert_array_equal(again.encode(frame), schema.encode(frame))
    # What a category stands for is no hole.
    schema = data.table(
        frame, {"job": data.Category(missing=True)}, missing="nan"
    ).schema
    assert schema["job"].num_categories == 3
    with pytest.raises(ValueError, match='`missing` must be "category" or'):
        data.table(frame, missing="mean")


def test_tables_that_cannot_be_learned_from():
    frame = people()
    with pytest.raises(ValueError, match=r"keep at least one[\s\S]*planet"):
        data.table(frame[["planet", "note"]])
    with pytest.raises(ValueError, match="with 0 rows"):
        data.table(frame[:0])
    twice = frame[["age", "age"]]
    with pytest.raises(ValueError, match="'age' more than once"):
        data.table(twice)
    with pytest.raises(ValueError, match="text or integers"):
        data.table(frame.set_axis([(i, 1) for i in range(10)], axis=1))
    for source in (polars.LazyFrame(), {"a": [1]}, None):
        with pytest.raises(ValueError, match="Received: source of type"):
            data.table(source)
    huge = pandas.DataFrame({"x": [1e308, -1e308, 0.5] * 9})
    with pytest.raises(ValueError, match="Divide them"):
        data.table(huge)
    with pytest.raises(ValueError, match="by their logarithms"):
        data.table(frame.assign(age=-1.5), {"age": data.Logarithm()})


def test_numbers_come_back_with_their_own_digits():
    mass = np.round(np.random.default_rng(0).normal(4000, 500, 200), 1)
    frame = pandas.DataFrame(
        {"mass": mass, "tiny": mass * 1e-9, "big": mass * 1e5}
    )
    schema = data.table(frame).schema
    back = schema.decode(schema.encode(frame))
    np.testing.assert_array_equal(back["mass"], mass)
    for name in ("tiny", "big"):
        np.testing.assert_allclose(back[name], frame[name], rtol=1e-6)


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


def test_memory_holds_the_rows_once():
    """NumPy's part of it: two columns at work beside the arrays."""
    rng = np.random.default_rng(0)
    rows = 200_000
    arrow = pyarrow.table(
        {f"column {i}": rng.normal(size=rows) for i in range(20)}
    )
    tracemalloc.start()
    table = data.table(arrow, test_size=0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    held = table.train.nbytes + table.test.nbytes
    assert held == 4 * 20 * rows
    # A column at work takes some arrays of float64; the check for finite
    # values takes a quarter of what is held.
    assert peak < 1.25 * held + 8 * 8 * rows


# Likelihood.


@pytest.mark.parametrize(
    "column",
    [data.Real(), data.Positive(), data.Logarithm(), data.Quantiles()],
    ids=lambda column: column.kind,
)
def test_the_jacobian_is_the_slope_of_encode(column):
    values = np.exp(np.random.default_rng(0).normal(size=200))
    frame = pandas.DataFrame({"x": values, "y": [0, 1] * 100})
    column = data.table(frame, {"x": column}).schema["x"]
    # Not at a knot, where the slope jumps.
    points = np.sort(values)[:-1] + 0.3 * np.diff(np.sort(values))
    points = points[np.diff(np.sort(values)) > 1e-3]
    step = 1e-6
    slope = column.forward(points + step) - column.forward(points - step)
    got = column.log_jacobian(column.forward(points)[:, None])
    wanted = np.log(slope / (2 * step))
    if column.kind == "quantiles":
        # A knot may lie within a step.
        close = np.isclose(got, wanted, atol=1e-3)
        assert close.mean() > 0.95
    else:
        np.testing.assert_allclose(
            np.broadcast_to(got, wanted.shape), wanted, atol=1e-4
        )


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


def test_quantiles_are_normal():
    values = np.random.default_rng(0).standard_cauchy(2000)
    table = data.table(pandas.DataFrame({"x": values}))
    assert isinstance(table.schema["x"], data.Quantiles)
    x = table.train[:, 0]
    assert abs(x.mean()) < 0.02
    assert abs(x.std() - 1) < 0.02
    assert np.abs(x).max() < 4
    # Most values the same: they become one.
    tied = np.where(np.arange(2000) % 10, 0.0, values)
    table = data.table(pandas.DataFrame({"x": tied}), {"x": data.Quantiles()})
    assert np.isfinite(table.schema.log_jacobian(table.train)).all()


def test_visible_units():
    bits = data.Data("bits", np.eye(4, dtype="float32"))
    assert bits.visible == units.Bernoulli(4)
    frame = pandas.DataFrame({"a": [0, 1] * 9, "b": ["x", "y", "y"] * 6})
    assert data.table(frame).visible == units.Bernoulli(2)
    table = data.table(frame.assign(c=["x", "y", "z"] * 6))
    assert table.visible == table.schema.units
    assert table.visible.width == 5
    with pytest.raises(ValueError, match="`schema` must be of the width"):
        data.Data("wrong", bits.train, schema=table.schema)


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
