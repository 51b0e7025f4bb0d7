"""Tables of mixed columns, as data to train on."""

import dataclasses
import pathlib
import re
from collections.abc import Hashable, Mapping
from typing import Any, Literal

import numpy as np

from keras_rbm import checks
from keras_rbm.data import frames
from keras_rbm.data.columns import (
    Binary,
    Category,
    Column,
    Count,
    Dropped,
    Logarithm,
    Positive,
    Quantiles,
    Real,
    distinct,
    family,
    has_heavy_tails,
    num_distinct,
    num_missing,
    numbers,
)
from keras_rbm.data.dataset import Data, split
from keras_rbm.data.schema import Schema, check_columns, check_kept, encoded
from keras_rbm.typing import Path

# Up to 10 categories are never free text, more than 100 always are.
_FEW_CATEGORIES, _MOST_CATEGORIES = 10, 100
# Most steps between the bounds of a count. Beyond the few, its variance may be
# at most this many times that of a binomial law of the same mean.
_MOST_COUNTS, _FEW_COUNTS, _OVERDISPERSED = 100, 20, 3.0
# A normal variable whose mean is this many deviations is hardly ever below 0.
_FAR_FROM_0 = 3.0
_NAME_OF_ID = re.compile(r"(?i:(?:^|[\W_])(?:id|uuid|index)$)|[a-z]I[dD]$")
# How pandas calls the index of a frame in a Parquet file, in a CSV file, and
# when it reads that file again.
_NAME_OF_INDEX = re.compile(r"__index_level_\d+__||Unnamed: 0")
_HEAVY_TAILS = ("quantiles", "logarithm", "standardize")


def table(
    source: Any,
    schema: Schema | Mapping[Hashable, Column] | Path | None = None,
    validation_size: int | float = 0,
    test_size: int | float = 0,
    seed: int = 0,
    name: str | None = None,
    heavy_tails: Literal["quantiles", "logarithm", "standardize"] = "quantiles",
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str = "utf-8",
    comment: str | None = None,
    missing: Literal["category", "nan"] = "category",
) -> Data:
    """Returns a table of mixed columns as data, with an inferred schema.

    | values of a column | kind | units |
    |---|---|---|
    | two values | `Binary` | `Bernoulli` |
    | text or categories, up to 100 values | `Category` | `Softmax` |
    | integers, binomial or in a range of up to 20 | `Count` | `Binomial` |
    | numbers with heavy tails | by `heavy_tails` | `Gaussian` |
    | numbers of 0 or more, with many near 0 | `Positive` | `ReLU` |
    | other numbers | `Real`, standardized | `Gaussian` |

    Integers in a range of n, from 21 to 100, are binomial if their variance is
    at most three times n p (1 - p), the variance of a binomial law of the same
    mean. Other integers, such as ages, are numbers, and `decode` rounds them.

    Tails are heavy if the kurtosis exceeds 10 (a normal distribution has 3, an
    exponential distribution 9). Numbers of 0 or more are `Positive` if their
    mean is less than 3 standard deviations.

    These columns are dropped, and the schema gives the reason:

    - columns of one value;
    - identifiers: text that differs in each row; integers that differ in each
      row and are consecutive, or have a name such as `id` or `user_id`, or the
      name of an index that pandas has written;
    - free text: more than 100 values, or more than 10 values in less than
      twice as many rows;
    - dates, and columns with values of several types.

    Pass `schema` to override these rules.

    The categories and bounds of a column are taken from all rows; means,
    deviations and quantiles only from the training rows.

    With `missing="nan"`, a missing value becomes NaN in the array: a model
    learns from the observed values, and can fill in the missing ones. With
    `missing="category"`, a missing value is a category of its own in columns of
    text, categories or two values, and an error in other columns.

    Args:
        source: Path of a CSV or TSV file (also `.gz`), a Parquet or a Feather
            file; a pandas or Polars `DataFrame` or a pyarrow `Table`; or a
            NumPy structured array. In a text file, empty fields, `NA`, `NaN`,
            `null` and the like are missing values. The first line of a text
            file holds the names, unless it holds only numbers. (0, 1, 2, ...
            are names, as pandas writes them.)
        schema: A `Schema`, or the path of a saved one, with all columns; or a
            dict from names to columns, such as `{"zip": Category()}`, for
            some of them. Arguments that a column leaves out are taken from
            the data.
        validation_size: Number of rows to cut at random from the training rows,
            or a share of them between 0 and 1; 0 for none.
        test_size: As `validation_size`, for the test data.
        seed: Integer; decides which rows are cut. If none are cut, the rows
            stay in their order.
        name: Name of the data; by default, the file's name.
        heavy_tails: The kind of columns with heavy tails: `"quantiles"` for
            `Quantiles`; `"logarithm"` for `Logarithm`, or `Quantiles` if
            there are values of 0 or less; or `"standardize"` for `Real`.
        separator: The character between the fields of a text file; `None`
            for a comma, or the tab of a `.tsv`.
        decimal: The decimal separator of a text file, such as `","`; `None` for
            a point, with an error if all values of a column are numbers with a
            comma.
        encoding: The encoding of a text file, such as `"latin-1"`.
        comment: The characters at the start of lines to skip in a text file,
            such as `"#"`; `None` if there are no such lines.
        missing: `"nan"` or `"category"`, see above. A given `Schema` overrides
            this with its `keeps_missing`.

    Returns:
        A `Data` of float32 arrays of shape `(rows, schema.width)`, with a
        `schema`.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If a library is not installed; the error names the
            command that installs it.
        ValueError: If the source is of another kind or damaged, if two
            columns have the same name, if there are no rows, if no column is
            kept, if a column does not fit the schema, or if another argument
            is not as described.

    Example:
        table = keras_rbm.data.table("people.csv", test_size=0.1)
        rbm = keras_rbm.RBM(table.schema.units, 64)
        rbm.compile()
        rbm.fit(table.train)
        drawn = rbm.sample(start=table.train[:10], num_sweeps=20)
        people = table.schema.decode(drawn)
    """
    if heavy_tails not in _HEAVY_TAILS:
        raise ValueError(
            f"`heavy_tails` must be one of {_HEAVY_TAILS}. Received: "
            f"heavy_tails={heavy_tails!r}"
        )
    if missing not in ("category", "nan"):
        raise ValueError(
            '`missing` must be "category" or "nan". Received: '
            f"missing={missing!r}"
        )
    text = frames.text_options(separator, decimal, encoding, comment)
    frame = frames.read(source, text)
    name = name or _name_of(source)
    if not frame.num_rows or not frame.columns:
        raise ValueError(
            "Argument `source` must have at least one row and one column. "
            f"Received: {name} with {frame.num_rows} rows and "
            f"{len(frame.columns)} columns"
        )
    rows = _rows(frame.num_rows, validation_size, test_size, seed)
    schema = _fitted(schema, frame, rows[0], heavy_tails, missing == "nan")
    check_kept(schema)
    used = [part for part in rows if part is not None] or [None]
    arrays = iter(encoded(schema, frame, used))
    train, validation, test = (
        next(arrays) if number == 0 or part is not None else None
        for number, part in enumerate(rows)
    )
    order = None
    if rows[0] is not None:
        order = np.concatenate([part for part in rows if part is not None])
    observed = None
    parts = [x for x in (train, validation, test) if x is not None]
    if schema.keeps_missing and any(np.isnan(x).any() for x in parts):
        observed = {key: frame.columns[key]() for key in schema.slices}
    return Data(
        name,
        train,
        validation,
        test,
        schema=schema,
        source_rows=order,
        observed=observed,
    )


def _name_of(source):
    if not isinstance(source, str | pathlib.PurePath):
        return "table"
    return pathlib.Path(str(source).removesuffix(".gz")).stem


def _rows(count, validation_size, test_size, seed):
    """The rows of each split; three `None` if all rows are training rows."""
    sizes = {"validation_size": validation_size, "test_size": test_size}
    for key, size in sizes.items():
        if isinstance(size, float):
            share = checks.fraction(key, size) if size else 0
            sizes[key] = round(share * count)
    if not any(sizes.values()):
        return None, None, None
    return split(np.arange(count), seed=seed, **sizes)


def _fitted(schema, frame, training, heavy_tails, keeps_missing):
    """Returns a schema with all columns fitted to a table."""
    if isinstance(schema, str | pathlib.PurePath):
        schema = Schema.load(schema)
    if isinstance(schema, Schema):
        check_columns(schema.columns, frame)
        columns, keeps_missing = schema.columns, schema.keeps_missing
    elif schema is None or isinstance(schema, Mapping):
        for key, column in (schema or {}).items():
            if not isinstance(column, Column):
                raise ValueError(
                    "`schema` must map names to kinds of columns, such as "
                    "keras_rbm.data.Real() (in a .gin file: @Real()). "
                    f"Received: schema[{key!r}]={column!r}"
                )
        named = Schema(schema or {}).columns
        strange = [repr(name) for name in named if name not in frame.columns]
        if strange:
            raise ValueError(
                "`schema` must name columns of the table, "
                f"{', '.join(map(repr, frame.columns))}. Received: "
                + ", ".join(strange)
            )
        columns = {name: named.get(name) for name in frame.columns}
    else:
        raise ValueError(
            "`schema` must be a Schema, the path of one, or a dict from names "
            f"to columns. Received: schema={schema!r}"
        )
    found = {}
    for name, column in columns.items():
        if column is None:
            column = _inferred(
                name, frame, training, heavy_tails, keeps_missing
            )
        if not column.is_fitted and isinstance(column, Category):
            if keeps_missing and column.missing is None:
                column = dataclasses.replace(column, missing=False)
        if not column.is_fitted:
            column = column.fitted(name, frame.columns[name](), training)
        found[name] = column
    return Schema(found, frame.dtypes, frame.library, keeps_missing)


def _inferred(name, frame, training, heavy_tails, keeps_missing):
    """The inferred kind of a column, fitted or not."""
    try:
        values = frame.columns[name]()
    except frames.MixedTypesError:
        return Dropped("values of several types, or of an unknown type")
    kind = family(values)
    if kind == "other":
        return Dropped(
            f"values of type {values.type}, for which there are no units"
        )
    missing = num_missing(values)
    if missing == len(values):
        return Dropped("no values")
    count = num_distinct(values)
    if count + bool(missing and not keeps_missing) == 1:
        return Dropped(f"constant: {distinct(values)[0]!r} in all rows")
    declared = _declared(values, frame.dtypes[name])
    if declared or count <= 2 or kind in ("bool", "text"):
        lost = 0 if keeps_missing else missing
        return _discrete(values, count, lost, declared)
    return _number(
        name, values, count, missing, training, heavy_tails, keeps_missing
    )


def _declared(values, dtype):
    """The categories that a column's type lists, even if unused."""
    if not dtype.startswith(("category", "Enum")):
        return ()
    listed = values.chunk(0).dictionary.to_pylist()
    return tuple(listed) if len({type(x) for x in listed}) == 1 else ()


def _discrete(values, count, missing, declared):
    """The kind of a column of unordered values, by their number."""
    count = len(declared) or count
    if not declared and count == len(values) > 2:
        return Dropped("an identifier: a different text in each row")
    if count > _MOST_CATEGORIES or (
        not declared and count > _FEW_CATEGORIES and len(values) < 2 * count
    ):
        return Dropped(
            f"free text, or too many categories: {count} values in "
            f"{len(values)} rows"
        )
    found = declared or distinct(values)
    if count == 2 and not missing:
        return Binary(found)
    return Category(found, missing > 0)


def _number(name, values, count, missing, training, heavy_tails, keeps_missing):
    """The kind of a column of three or more distinct numbers."""
    v = numbers(name, values)
    if missing and not keeps_missing:
        return Real()  # Its `encode` refuses the missing values by row.
    v_all, v = v, v[~np.isnan(v)]
    least, most = v.min(), v.max()
    whole = bool(np.isfinite(v).all() and (v == np.rint(v)).all())
    if whole and count == len(v):
        if most - least == len(v) - 1:
            return Dropped("an identifier: consecutive numbers")
        named = _NAME_OF_ID.search(str(name))
        if named or _NAME_OF_INDEX.fullmatch(str(name)):
            return Dropped("an identifier: a different number in each row")
    # Beyond 2**53, float64 does not hold every integer.
    if whole and abs(most) < 2**53 and _are_counts(v - least, most - least):
        return Count(int(most), int(least))
    if training is not None:
        v = v_all[training]
        v = v[~np.isnan(v)]
    if not len(v):
        return Dropped("no values in the training rows")
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = v.mean(), v.std()
    if not deviation > 0 or not np.isfinite(deviation):
        return Real()
    if has_heavy_tails(v):
        if heavy_tails == "quantiles":
            return Quantiles()
        if heavy_tails == "logarithm":
            return Logarithm() if least > 0 else Quantiles()
        return Real()
    if least >= 0 and mean < _FAR_FROM_0 * deviation:
        return Positive()
    return Real()


def _are_counts(v, size):
    """Whether a binomial law of integers from 0 to `size` can be meant."""
    if not 0 < size <= _MOST_COUNTS:
        return False
    share = v.mean() / size
    binomial = size * share * (1 - share)
    return size <= _FEW_COUNTS or v.var() <= _OVERDISPERSED * binomial
