import gzip

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from pyarrow import csv, feather, parquet

from keras_rbm import data
from keras_rbm.data import frames
from tests.data.made_up_table import as_lists, check_round_trip, people


def test_types_of_pandas_survive():
    rng = np.random.default_rng(0)
    rows = 40
    some = rng.random(rows) < 0.5
    text = pyarrow.chunked_array([rng.choice(["a", "b", None], rows)])
    hundredths = pyarrow.chunked_array([rng.integers(0, 1000, rows) / 100])
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
        | {
            str(values.type): pandas.arrays.ArrowExtensionArray(values)
            for values in (
                text,
                text.cast(pyarrow.large_string()),
                text.dictionary_encode(),
                # As Polars writes its categories.
                text.cast(pyarrow.dictionary("uint32", "large_string")),
                hundredths.cast(pyarrow.decimal128(10, 2)),
                hundredths.cast(pyarrow.decimal256(40, 2)),
            )
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


def test_masked_entries_of_a_structured_array_are_missing():
    rows = np.zeros(40, [("a", "f8"), ("b", "i8")])
    rows["a"] = np.sin(np.arange(40))
    rows["b"] = np.arange(40) % 3
    mask = np.zeros(40, [("a", "?"), ("b", "?")])
    mask["a"][3] = mask["b"][5] = True
    rows["a"][3], rows["b"][5] = 999, -1
    masked = np.ma.array(rows, mask=mask)
    table = data.table(masked, missing="nan")
    lost = np.isnan(table.train)
    assert lost[3, table.schema.slices["a"]].all()
    assert lost[5, table.schema.slices["b"]].all()
    assert lost[[3, 5]].sum() == lost.sum()
    assert np.nanmax(table.train) < 10


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
    path.write_text("".join(f"{i % 7},5;{i % 2},25\n" for i in range(30)))
    table = data.table(path, separator=";", decimal=",")
    assert list(table.schema.columns) == ["column_0", "column_1"]
    assert len(table.train) == 30


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
    ],
)
def test_a_text_in_another_form_is_explained(tmp_path, content, options, match):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=match):
        data.table(tmp_path / "a.csv", **options)


@pytest.mark.parametrize("separator", [",", "|"])
def test_a_line_within_quotes_is_no_comment(tmp_path, separator):
    text = (
        '# c\na,b\n1,"x\n# y"\n# "\n2,5"" f\n4,"say ""#"",\n#\n"\n# d\n6,z\n'
    ).replace(",", separator)
    path = tmp_path / "a.csv"
    path.write_text(text)
    frame = frames.read(path, frames.TextOptions(separator, comment="#"))
    found = {key: get().to_pylist() for key, get in frame.columns.items()}
    assert found == {
        "a": [1, 2, 4, 6],
        "b": ["x\n# y", '5"" f', f'say "#"{separator}\n#\n', "z"],
    }


@pytest.mark.parametrize("make", [pandas.DataFrame, np.rec.fromarrays])
def test_numbers_in_the_other_byte_order(make):
    x = np.arange(40.0)
    columns = {"x": np.sin(x).astype(">f8"), "z": (x % 5).astype(">i2")}
    if make is pandas.DataFrame:
        source = make(columns)
    else:
        source = make(list(columns.values()), names=list(columns))
    schema = data.table(source).schema
    assert [schema[name].kind for name in "xz"] == ["real", "count"]
    back = schema.decode(schema.encode(source))
    for name, values in columns.items():
        np.testing.assert_allclose(back[name], values, atol=1e-4)
        assert back[name].dtype == values.dtype


def test_a_field_in_another_encoding_is_dropped_by_name():
    source = np.array([(b"\xe4", 1), (b"b", 2), (b"c", 1)], "S1, i8")
    schema = data.table(source).schema
    assert "several types" in schema["f0"].reason


def test_numbers_with_commas_may_be_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x;y\n1,5;2\n2;3\n1,5;4\n2;3\n")
    table = data.table(path, separator=";", decimal=".")
    assert table.schema["x"].values == ("1,5", "2")


@pytest.mark.parametrize("names", [[2019, 2020, 2022], [0, 2, 3]])
def test_names_that_are_integers(tmp_path, names):
    x = np.random.default_rng(0).normal(size=(20, 3))
    frame = pandas.DataFrame(x, columns=names)
    schema = data.table(frame).schema
    assert list(schema.columns) == names
    schema.save(tmp_path / "schema.json")
    schema = data.Schema.load(tmp_path / "schema.json")
    pandas.testing.assert_frame_equal(
        schema.decode(schema.encode(frame[names[::-1]])), frame, rtol=1e-5
    )
    # Also with the names as pandas gives them.
    own = dict.fromkeys(frame.columns.to_numpy(), data.Real(0.0, 1.0))
    assert data.table(frame, own).schema.width == 3
    data.Schema(own).save(tmp_path / "own.json")


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


def test_sources_that_are_no_table_are_refused():
    frame = people()
    with pytest.raises(ValueError, match="'age' more than once"):
        data.table(frame[["age", "age"]])
    with pytest.raises(ValueError, match="text or integers"):
        data.table(frame.set_axis([(i, 1) for i in range(10)], axis=1))
    for source in (polars.LazyFrame(), {"a": [1]}, None):
        with pytest.raises(ValueError, match="Received: source of type"):
            data.table(source)


def test_every_source_gives_the_same_columns(tmp_path):
    columns = {"bits": [True, False], "sizes": [0.5, 2.0], "words": ["b", "a"]}
    arrow = pyarrow.table(columns)
    rows = np.zeros(2, [("bits", "?"), ("sizes", "f8"), ("words", "U1")])
    for name, values in columns.items():
        rows[name] = values
    sources = {
        "pandas": pandas.DataFrame(columns),
        "polars": polars.DataFrame(columns),
        "pyarrow": arrow,
        "numpy": rows,
        "file": write(arrow, tmp_path / "a.csv"),
    }
    dtypes = {
        "pandas": ("bool", "float64"),
        "polars": ("Boolean", "Float64"),
        "pyarrow": ("bool", "double"),
        "numpy": ("|b1", "<f8"),
        "file": ("bool", "double"),
    }
    for library, source in sources.items():
        frame = frames.read(source)
        assert frame.library == library
        assert frame.num_rows == 2
        found = {name: frame.columns[name]().to_pylist() for name in columns}
        assert found == columns
        assert list(frame.columns) == list(frame.dtypes) == list(columns)
        assert tuple(frame.dtypes.values())[:2] == dtypes[library]


@pytest.mark.parametrize(
    ("library", "dtype"),
    [
        ("pandas", "int8"),
        ("pandas", "Int8"),
        ("polars", "Int8"),
        ("pyarrow", "int8"),
        ("numpy", "|i1"),
    ],
)
def test_means_of_integers_are_rounded_within_their_type(library, dtype):
    means = pyarrow.array([2.4, -1.6, 300.0, -300.0])
    found = frames.build({"x": means}, {"x": dtype}, library, {})
    assert as_lists(found) == {"x": [2, -2, 127, -128]}


@pytest.mark.parametrize(
    ("library", "dtype"),
    [
        ("pandas", "decimal128(4, 1)[pyarrow]"),
        ("polars", "Decimal(precision=4, scale=1)"),
        ("pyarrow", "decimal128(4, 1)"),
    ],
)
def test_draws_are_decimals_within_their_type(library, dtype):
    draws = pyarrow.array([2.44, 3e10, -np.inf])
    found = frames.build({"x": draws}, {"x": dtype}, library, {})
    assert list(map(str, as_lists(found)["x"])) == ["2.4", "999.9", "-999.9"]
    for precision in [*range(14, 19), 38]:
        wide = dtype.replace("4", str(precision))
        frames.build({"x": draws}, {"x": wide}, library, {})


def test_the_largest_integers_do_not_overflow():
    found = frames.build(
        {"x": pyarrow.array([1e300, -1e300])}, {"x": "int64"}, "pyarrow", {}
    )
    # No float64 is nearer to the bound.
    assert found["x"].to_pylist() == [2**63 - 1024, -(2**63)]


def test_values_of_several_types_have_no_column():
    frame = frames.read(pandas.DataFrame({"x": [1, "a"], "y": [1, 2]}))
    assert frame.columns["y"]().to_pylist() == [1, 2]
    with pytest.raises(frames.MixedTypesError, match="Column 'x' must hold"):
        frame.columns["x"]()
