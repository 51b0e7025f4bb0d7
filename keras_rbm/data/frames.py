"""Reads files and data frames as columns of Arrow, and converts back."""

import codecs
import csv
import gzip
import importlib.util
import re
import zlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_rbm.data.checks import are_names, check_path
from keras_rbm.data.libraries import of_extra

#: Rows of a file are returned as a table of the first installed library.
_OF_FILES = ("polars", "pandas", "pyarrow")
_FORMATS = {
    ".csv": "text",
    ".tsv": "text",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".feather": "Feather",
    ".arrow": "Feather",
}
#: First bytes of formats other than text, to detect wrong endings.
_BEGINNINGS = {
    b"PAR1": "Parquet",
    b"ARROW1": "Feather",
    b"FEA1": "Feather",
    b"\x1f\x8b": "gzip",
    b"\x89HDF": "HDF5",
    b"\x93NUMPY": "NumPy",
    b"PK": "zip",
}
#: How the names of pandas' types that Arrow stores end.
_ARROW = "[pyarrow]"
_INTEGER = re.compile(r"(u?)int(8|16|32|64)(\[pyarrow\])?", re.IGNORECASE)
_DICTIONARY = re.compile(
    r"dictionary<values=(\w+), indices=(\w+), ordered=([01])>"
)
_DECIMAL = re.compile(r"decimal(\d*)\((?:precision=)?(\d+), (?:scale=)?(\d+)\)")
_PANDAS_CATEGORY = re.compile(r"category\[(.*?)(, ordered)?\]")


class Frame(NamedTuple):
    """A table, read from a file, a data frame or an array.

    Attributes:
        library: `"pandas"`, `"polars"`, `"pyarrow"`, `"numpy"` or `"file"`.
        num_rows: Number of rows.
        dtypes: The type of each column by name, as the library writes it.
        columns: Functions, by name, that return the columns as
            `pyarrow.ChunkedArray`. They raise a `MixedTypesError` if Arrow has
            no type for the values.
    """

    library: str
    num_rows: int
    dtypes: dict[Hashable, str]
    columns: dict[Hashable, Callable[[], Any]]


class MixedTypesError(ValueError):
    """A column holds values of several types, or of a type unknown to Arrow."""


def library(name: str) -> Any:
    """Imports and returns a module for reading tables.

    Args:
        name: `"pyarrow"` or one of its modules, or `"narwhals"`.

    Raises:
        ImportError: If it is not installed.
    """
    return of_extra(name, "table", "Tables")


class TextOptions(NamedTuple):
    """The format of a text file.

    Attributes:
        separator: The character between the fields; `None` for a comma, or
            the tab of a `.tsv`.
        decimal: The decimal separator; `None` for a point, with an error for
            columns of numbers with a comma.
        encoding: Name of the encoding.
        comment: The characters at the start of lines to skip, or `None`.
    """

    separator: str | None = None
    decimal: str | None = None
    encoding: str = "utf-8"
    comment: str | None = None


_PLAIN = TextOptions()


def text_options(
    separator: str | None,
    decimal: str | None,
    encoding: str,
    comment: str | None,
) -> TextOptions:
    """Returns `TextOptions` after a check of the arguments.

    Raises:
        ValueError: If `separator` or `decimal` is not a character.
    """
    for key, mark in (("separator", separator), ("decimal", decimal)):
        if mark is not None and (not isinstance(mark, str) or len(mark) != 1):
            raise ValueError(
                f"`{key}` must be one character, or None. Received: "
                f"{key}={mark!r}"
            )
    return TextOptions(separator, decimal, encoding, comment)


def read(source: Any, text: TextOptions = _PLAIN) -> Frame:
    """Returns the table in a file, a data frame or a structured array.

    Args:
        source: Path of a CSV, TSV (either may end in `.gz`), Parquet or
            Feather file; a pandas or Polars `DataFrame`, a pyarrow `Table`;
            or a NumPy structured array of shape `(rows,)`.
        text: `TextOptions` of a text file.

    Returns:
        A `Frame`.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If a library is not installed.
        ValueError: If the source is of another kind or damaged, or columns
            have the same name.
    """
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        return _of_arrow(_read_file(source, text), "file")
    if isinstance(source, np.ndarray):
        return _of_numpy(source)
    pa = library("pyarrow")
    if isinstance(source, pa.Table):
        return _of_arrow(source, "pyarrow")
    return _of_frame(source)


def build(
    columns: Mapping[Hashable, Any],
    dtypes: Mapping[Hashable, str],
    library: str,
    levels: Mapping[Hashable, tuple],
) -> Any:
    """Builds a data frame of the library from which columns were read.

    Args:
        columns: `pyarrow.Array`s by name: values, or floating-point numbers.
        dtypes: As in `Frame`; a name may be missing.
        library: As in `Frame`.
        levels: The categories of categorical columns, by name.

    Returns:
        A pandas or Polars `DataFrame`, a pyarrow `Table` or a NumPy
        structured array.

    Raises:
        ImportError: If the library is not installed.
    """
    if library == "file":
        name = next(filter(_is_installed, _OF_FILES))
        table = build(columns, dtypes, "pyarrow", levels)
        if name == "polars":
            return _to_polars(
                dict(zip(columns, table.columns, strict=True)), {}, {}
            )
        return table.to_pandas() if name == "pandas" else table
    make = {
        "pandas": _to_pandas,
        "polars": _to_polars,
        "pyarrow": _to_arrow,
        "numpy": _to_numpy,
    }[library]
    return make(
        {
            name: _within_type(column, dtypes.get(name, ""))
            for name, column in columns.items()
        },
        dtypes,
        levels,
    )


def check_names(names: Iterable[Hashable]) -> None:
    """Raises a `ValueError` unless names are unique, and text or integers."""
    names = list(names)
    wrong = [
        name
        for name in names
        if isinstance(name, bool) or not isinstance(name, str | int)
    ]
    if wrong:
        raise ValueError(
            "Names of columns must be text or integers. Rename the columns. "
            f"Received: {wrong[0]!r}"
        )
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            "Columns must have different names. Rename or remove columns of "
            f"the same name. Received: {', '.join(map(repr, twice))} "
            "more than once"
        )


def _read_file(source, text):
    """The `pyarrow.Table` in a file."""
    path = check_path(source, "source")
    if not path.is_file():
        raise FileNotFoundError(
            "Argument `source` must be a file: .csv, .csv.gz, .tsv, .tsv.gz, "
            f".parquet or .feather. Received: source={str(path)!r}"
        )
    endings = [ending.lower() for ending in path.suffixes]
    zipped = endings[-1:] == [".gz"]
    endings = endings[:-1] if zipped else endings
    form = _FORMATS.get(endings[-1] if endings else "")
    if form is None or (zipped and form != "text"):
        raise ValueError(
            "Argument `source` must be a .csv, .csv.gz, .tsv, .tsv.gz, "
            ".parquet or .feather file; keras_rbm.data.arrays reads .npy, "
            f".npz, .h5 and .mat. Received: source={str(path)!r}"
        )
    pa = library("pyarrow")
    with open(path, "rb") as file:
        head = file.read(8)
    found = next((f for b, f in _BEGINNINGS.items() if head.startswith(b)), "")
    # A text may begin with "PK", too.
    wanted = "gzip" if zipped else form
    plain = found == "zip" and head[2:4] != b"\x03\x04"
    if found and found != wanted and not plain:
        raise ValueError(
            f"The file {path} must be {wanted}, as its name says. Rename or "
            f"rewrite the file. Received: a file that begins like {found}"
        )
    try:
        if form == "Parquet":
            return library("pyarrow.parquet").read_table(path)
        if form == "Feather":
            return library("pyarrow.feather").read_table(path)
        if text.separator is None:
            own = "\t" if endings[-1] == ".tsv" else ","
            text = text._replace(separator=own)
        return _read_text(path, zipped, text)
    except _OptionError:
        raise
    except (pa.ArrowException, csv.Error, *_DAMAGE) as error:
        raise ValueError(
            f"The file {path} must be a whole {form} file. Write it again. "
            f"Received: {type(error).__name__}: {error}"
        ) from error


_DAMAGE = (OSError, EOFError, ValueError, zlib.error)


class _OptionError(ValueError):
    """The file is whole, but its format differs from the options."""


def _read_text(path, zipped, options):
    """Reads a CSV or TSV file, with or without a line of names."""
    pa, text = library("pyarrow"), library("pyarrow.csv")
    try:
        first = _first_row(path, zipped, options)
    except (UnicodeError, LookupError) as error:
        raise _wrong_encoding(path, options, error) from error
    if not first:
        raise ValueError("the first line is empty or absent")
    if "\0" in "".join(first):
        raise ValueError("the file holds zero bytes, so it is not text")
    _check_first(path, options, first)
    point = options.decimal or "."
    named = are_names([field.replace(point, ".") for field in first])
    # Lines of comments are skipped here: pyarrow cannot do so.
    encoding = options.encoding if options.comment is None else "utf-8"
    try:
        with _bytes_of(path, zipped, options) as file:
            table = text.read_csv(
                file,
                text.ReadOptions(
                    autogenerate_column_names=not named, encoding=encoding
                ),
                text.ParseOptions(
                    delimiter=options.separator, newlines_in_values=True
                ),
                text.ConvertOptions(
                    strings_can_be_null=True,
                    decimal_point=options.decimal or ".",
                ),
            )
    except UnicodeError as error:
        raise _wrong_encoding(path, options, error) from error
    except pa.ArrowInvalid as error:
        if options.comment is None and re.search(r": #", str(error)):
            raise _unread_comments(path, error) from error
        raise
    for name, column in zip(table.column_names, table.columns, strict=True):
        # Text that is not in UTF-8 becomes bytes.
        if pa.types.is_binary(column.type):
            reason = f"column {name!r} holds other bytes"
            raise _wrong_encoding(path, options, reason)
        if options.decimal is None and _has_decimal_commas(column):
            raise _OptionError(
                f"`decimal` must be the character before decimals in {path}: "
                '"," for numbers such as 1,5, or "." to read such values as '
                f"text. Received: decimal=None, with column {name!r}, which "
                f"begins with {column.drop_null()[0].as_py()!r}"
            )
    if named:
        return table
    return table.rename_columns([f"column_{i}" for i in range(len(first))])


def _lines(path, zipped, options):
    """Yields the lines of a text file, without comments.

    A line inside a quoted field is not a comment.
    """
    opened = gzip.open if zipped else open
    encoding = codecs.lookup(options.encoding).name
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    start = rf'(^|{re.escape(options.separator)})"'
    whole = re.compile(rf'{start}(?:[^"]|"")*"(?!")')
    quoted = False
    with opened(path, "rt", encoding=encoding, newline="") as file:
        if options.comment is None:
            yield from file
        for line in file:
            if quoted or not line.startswith(options.comment):
                yield line
                rest = whole.sub(r"\1", '"' + line if quoted else line)
                quoted = re.search(start, rest) is not None


def _first_row(path, zipped, options):
    lines = _lines(path, zipped, options)
    return next(csv.reader(lines, delimiter=options.separator), [])


def _bytes_of(path, zipped, options):
    """Opens a text file as a stream of pyarrow."""
    pa = library("pyarrow")
    if options.comment is None:
        return pa.input_stream(path, compression="gzip" if zipped else None)
    lines = "".join(_lines(path, zipped, options))
    return pa.input_stream(pa.py_buffer(lines.encode()))


def _check_first(path, options, first):
    """Refuses a first line that was split at the wrong places."""
    if len(first) > 1:
        return
    if options.comment is None and first[0].startswith("#"):
        raise _unread_comments(path, f"a first line {first[0][:50]!r}")
    if any(mark in first[0] for mark in ",;\t|"):
        raise _OptionError(
            "`separator` must be the character between the fields of the file "
            f"{path}, such as ';'. Received: separator={options.separator!r}, "
            f"which leaves one column, {first[0]!r}"
        )


def _unread_comments(path, reason):
    return _OptionError(
        "`comment` must be the characters with which comments in the file "
        f"{path} begin, such as '#'. Received: comment=None; {reason}"
    )


def _wrong_encoding(path, options, reason):
    return _OptionError(
        f"`encoding` must be the encoding of the file {path}, such as "
        f"'latin-1', 'cp1252' or 'utf-16'. Received: encoding="
        f"{options.encoding!r}; {reason}"
    )


def _has_decimal_commas(column):
    """Whether all values of a column are numbers with a decimal comma."""
    if not library("pyarrow").types.is_string(column.type):
        return False
    compute = library("pyarrow.compute")
    found = compute.match_substring_regex(
        column, r"^\s*[-+]?\d+(,\d+)?([eE][-+]?\d+)?\s*$"
    )
    commas = compute.match_substring(column, ",")
    return bool(compute.all(found).as_py() and compute.any(commas).as_py())


def _of_arrow(table, library):
    check_names(table.column_names)
    return Frame(
        library,
        table.num_rows,
        {field.name: str(field.type) for field in table.schema},
        {
            name: lambda name=name: table.column(name)
            for name in table.column_names
        },
    )


def _of_numpy(x):
    if x.dtype.names is None or x.ndim != 1:
        raise ValueError(
            "Argument `source` must be a structured array of shape (rows,), "
            "with named fields. Pass plain arrays to `keras_rbm.RBM.fit` "
            "directly. Received: "
            f"source.dtype={x.dtype}, source.shape={x.shape}"
        )
    pa = library("pyarrow")

    def converted(name):
        part = _native(np.ascontiguousarray(np.ma.getdata(x[name])))
        if part.dtype.kind == "S":
            part = np.char.decode(part, "utf-8")
        is_masked = isinstance(x, np.ma.MaskedArray)
        mask = np.ma.getmaskarray(x[name]) if is_masked else None
        return pa.array(part, mask=mask)

    def column(name):
        return _chunked(pa, name, lambda: converted(name))

    for name in x.dtype.names:
        if x.dtype[name].kind not in "biufUSO":
            raise ValueError(
                "Fields of a structured array must be numbers or text. "
                f"Received: {name!r} of type {x.dtype[name]}"
            )
    return Frame(
        "numpy",
        len(x),
        {name: x.dtype[name].str for name in x.dtype.names},
        {name: lambda name=name: column(name) for name in x.dtype.names},
    )


def _of_frame(source):
    """Returns the `Frame` of a pandas or Polars data frame."""
    pa, nw = library("pyarrow"), library("narwhals")
    try:
        frame = nw.from_native(source, eager_only=True)
    except TypeError:
        frame = None
    except nw.exceptions.DuplicateError:
        check_names(source.columns)
        raise
    name = "" if frame is None else str(frame.implementation)
    if name not in ("pandas", "polars"):
        raise ValueError(
            "Argument `source` must be a path, a pandas or Polars DataFrame, "
            "a pyarrow Table or a structured array. Collect a lazy frame, and "
            f"convert others. Received: source of type {type(source).__name__}"
        )
    check_names(frame.columns)
    dtype = _pandas_dtype if name == "pandas" else str

    def converted(series):
        own = series.to_native()
        if isinstance(own.dtype, np.dtype) and not own.dtype.isnative:
            return pa.array(_native(own.to_numpy()))
        return series.to_arrow()

    # The frame has Python's integers as names, its series have NumPy's.
    series = dict(zip(frame.columns, frame.iter_columns(), strict=True))
    return Frame(
        name,
        len(frame),
        {key: dtype(s.to_native().dtype) for key, s in series.items()},
        {
            key: lambda key=key, s=s: _chunked(pa, key, lambda: converted(s))
            for key, s in series.items()
        },
    )


def _native(x):
    """An array in the byte order of this machine, the only one of pyarrow."""
    return x.astype(x.dtype.newbyteorder("="), copy=False)


def _chunked(pa, name, convert):
    """The column that `convert` returns, as `pyarrow.ChunkedArray`."""
    try:
        return pa.chunked_array([convert()])
    except (
        pa.ArrowException,
        TypeError,
        OverflowError,
        UnicodeError,
    ) as error:
        raise MixedTypesError(
            f"Column {name!r} must hold values of one type, known to pyarrow. "
            f"Convert them, for example to text. Received: {error}"
        ) from error


def _pandas_dtype(dtype):
    categories = getattr(dtype, "categories", None)
    if categories is None:
        return str(dtype)
    ordered = ", ordered" if dtype.ordered else ""
    return f"category[{categories.dtype}{ordered}]"


def _is_installed(name):
    return importlib.util.find_spec(name) is not None


def _within_type(column, dtype):
    """Floating numbers as values that a type of integers or decimals holds.

    Other columns stay as they are.
    """
    pa = library("pyarrow")
    if not pa.types.is_floating(column.type):
        return column
    if found := _DECIMAL.fullmatch(dtype.lower().removesuffix(_ARROW)):
        digits, scale = int(found[2]), int(found[3])
        high = _float_up_to(10**digits - 1) / 10.0**scale
        values = column.to_numpy(zero_copy_only=False)
        return pa.array(np.clip(values, -high, high))
    found = _INTEGER.fullmatch(dtype) or (
        _INTEGER.fullmatch(np.dtype(dtype).name)
        if re.fullmatch(r"[<>|=][iu]\d", dtype)
        else None
    )
    if not found:
        return column
    bounds = np.iinfo(f"{found[1].lower()}int{found[2]}")
    values = np.rint(column.to_numpy(zero_copy_only=False))
    values = np.clip(values, bounds.min, _float_up_to(bounds.max))
    return pa.array(values.astype(bounds.dtype))


def _float_up_to(bound):
    """The largest float64 up to an integer."""
    found = np.float64(bound)
    return found if int(found) <= bound else np.nextafter(found, 0)


def _to_arrow(columns, dtypes, levels):
    pa = library("pyarrow")
    arrays = [
        _cast_arrow(pa, column, dtypes.get(name, ""), levels.get(name))
        for name, column in columns.items()
    ]
    return pa.Table.from_arrays(arrays, [str(name) for name in columns])


def _cast_arrow(pa, column, dtype, levels):
    if found := _DICTIONARY.fullmatch(dtype):
        values = pa.type_for_alias(found[1])
        index = pa.type_for_alias(found[2])
        column = column.cast(values)
        if levels is None:
            levels = column.unique().drop_null()
        levels = pa.array(levels, values)
        codes = library("pyarrow.compute").index_in(column, levels)
        return pa.DictionaryArray.from_arrays(
            codes.cast(index), levels, ordered=found[3] == "1"
        )
    if found := _DECIMAL.fullmatch(dtype):
        make = pa.decimal256 if found[1] == "256" else pa.decimal128
        return column.cast(make(int(found[2]), int(found[3])))
    try:
        return column.cast(pa.type_for_alias(dtype), safe=False)
    except (ValueError, pa.ArrowException):  # A type of another library.
        return column


def _to_pandas(columns, dtypes, levels):
    pandas = importlib.import_module("pandas")

    def series(name, column):
        dtype = dtypes.get(name, "")
        if dtype.endswith(_ARROW):
            pa, own = library("pyarrow"), dtype.removesuffix(_ARROW)
            found = _cast_arrow(pa, column, own, levels.get(name))
            return pandas.Series(pandas.arrays.ArrowExtensionArray(found))
        if dtype == "object":
            return pandas.Series(column.to_pylist(), dtype=object)
        values = column.to_pandas()
        if found := _PANDAS_CATEGORY.fullmatch(dtype):
            if name not in levels:
                return values
            index = pandas.Index(levels[name], dtype=found[1])
            ordered = found[2] is not None
            return values.astype(pandas.CategoricalDtype(index, ordered))
        return values.astype(dtype) if dtype else values

    frame = {i: series(*pair) for i, pair in enumerate(columns.items())}
    frame = pandas.DataFrame(frame)
    frame.columns = list(columns)
    return frame


def _to_polars(columns, dtypes, levels):
    polars = importlib.import_module("polars")

    def series(name, column):
        dtype = dtypes.get(name, "")
        values = polars.Series(name, polars.from_arrow(column))
        if dtype.startswith("Enum"):
            known = levels.get(name)
            return values if known is None else values.cast(polars.Enum(known))
        if found := _DECIMAL.fullmatch(dtype.lower()):
            return values.cast(polars.Decimal(int(found[2]), int(found[3])))
        kind = getattr(polars, dtype, None) if dtype else None
        return values if kind is None else values.cast(kind)

    # A dict, because a list would rename a series without a name.
    return polars.DataFrame(
        {name: series(name, column) for name, column in columns.items()}
    )


def _to_numpy(columns, dtypes, levels):
    fields = {
        name: column.to_numpy(zero_copy_only=False)
        for name, column in columns.items()
    }
    rows = np.empty(
        len(next(iter(fields.values()))),
        [(name, dtypes.get(name, x.dtype.str)) for name, x in fields.items()],
    )
    for name, x in fields.items():
        if rows.dtype[name].kind == "S":
            x = np.char.encode(x.astype("U"), "utf-8")
        rows[name] = x
    return rows
