"""`Schema`: the kinds of the columns of a table, and their units."""

import dataclasses
import json
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from keras_rbm import checks
from keras_rbm.data import frames
from keras_rbm.data.checks import check_path
from keras_rbm.data.columns import (
    KINDS,
    Category,
    Column,
    Discrete,
    Dropped,
    Number,
    num_missing,
)
from keras_rbm.typing import Array, Path
from keras_rbm.units import Composite, Units


@dataclasses.dataclass(frozen=True, repr=False)
class Schema:
    """The kinds of the columns of a table, and how they are encoded as units.

    `data.table` infers a schema. `print` shows the schema, `schema["age"]` is
    a column, `replace` changes columns, and `save` and `load` write and read
    the schema as JSON.

    In the array that `encode` returns, columns of the same units are adjacent.
    Groups follow the order of their first columns in the table. `slices` gives
    the place of each column.

    Args:
        columns: Dict from the names of the columns to their kinds.
        dtypes: Dict from the names of the columns to the types of their
            values, as the library writes them; `decode` returns these types.
        library: The library whose form `decode` returns: `"pandas"`,
            `"polars"`, `"pyarrow"`, `"numpy"`, or `"file"` for the first of
            Polars, pandas and pyarrow that is installed.
        keeps_missing: Whether `encode` turns missing values into NaN, which a
            model can learn from and fill in, instead of refusing them. (A
            `Category` with `missing=True` has a category for them.)

    Raises:
        ValueError: If a name is neither text nor an integer, a column is not a
            `Column`, or the library is unknown.

    Example:
        table = keras_rbm.data.table("people.csv", test_size=0.1)
        print(table.schema)
        rbm = keras_rbm.RBM(table.schema.units, 64)
    """

    columns: Mapping[Hashable, Column]
    dtypes: Mapping[Hashable, str] = dataclasses.field(default_factory=dict)
    library: str = "file"
    keeps_missing: bool = False

    def __post_init__(self):
        for name in ("columns", "dtypes"):
            # Names from pandas may be NumPy's integers, which JSON lacks.
            own = {
                int(key) if isinstance(key, np.integer) else key: value
                for key, value in getattr(self, name).items()
            }
            object.__setattr__(self, name, own)
        frames.check_names(self.columns)
        for name, column in self.columns.items():
            if not isinstance(column, Column):
                raise ValueError(
                    "`columns` must be kinds of columns, such as "
                    f"keras_rbm.data.Real(). Received: columns[{name!r}]="
                    f"{column!r}"
                )
        known = ("pandas", "polars", "pyarrow", "numpy", "file")
        if self.library not in known:
            raise ValueError(
                f"`library` must be one of {', '.join(known)}. Received: "
                f"library={self.library!r}"
            )

    def __getitem__(self, name: Hashable) -> Column:
        if name not in self.columns:
            raise KeyError(
                f"The schema has no column {name!r}. It has "
                f"{', '.join(map(repr, self.columns))}."
            )
        return self.columns[name]

    def replace(self, columns: Mapping[Hashable, Column]) -> Self:
        """Returns a schema in which some columns are of other kinds.

        Pass the new schema to `data.table`, which computes the arguments that
        the new columns leave out.

        Args:
            columns: Dict from names to the new columns.

        Raises:
            ValueError: If the schema has no column of that name.

        Example:
            schema = table.schema.replace({"zip": keras_rbm.data.Dropped()})
            table = keras_rbm.data.table("people.csv", schema)
        """
        if not isinstance(columns, Mapping) or not columns.keys() <= set(
            self.columns
        ):
            raise ValueError(
                "`columns` must be a dict from names of the schema to "
                "columns. The schema has "
                f"{', '.join(map(repr, self.columns))}. "
                f"Received: columns={columns!r}"
            )
        return dataclasses.replace(self, columns={**self.columns, **columns})

    @property
    def units(self) -> Units:
        """The visible units of encoded rows.

        A `Composite`, or a single type of units if all columns share it.

        Raises:
            ValueError: If all columns are dropped, or if a column is not
                fitted.
        """
        check_kept(self)
        parts = [
            self.columns[names[0]].units(len(names)) for names in self._groups()
        ]
        return parts[0] if len(parts) == 1 else Composite(parts=parts)

    @property
    def width(self) -> int:
        """Number of columns of the array that `encode` returns."""
        return sum(column.width for column in self.columns.values())

    @property
    def slices(self) -> dict[Hashable, slice]:
        """The place of each kept column in the array, by name."""
        names = [name for group in self._groups() for name in group]
        ends = np.cumsum([self.columns[name].width for name in names]).tolist()
        return dict(zip(names, map(slice, [0, *ends[:-1]], ends), strict=True))

    @property
    def labels(self) -> list[str]:
        """The meaning of each column of the array, such as `species=setosa`."""
        return [
            label
            for name in self.slices
            for label in self.columns[name].labels(name)
        ]

    def encode(self, rows: Any) -> np.ndarray:
        """Returns rows of a table as states of `units`.

        Columns are found by their names, in any order. Columns that the schema
        drops may be missing.

        Args:
            rows: A data frame, a structured array or the path of a file, as
                for `data.table`.

        Returns:
            `float32` array of shape `(rows, width)`.

        Raises:
            ValueError: If a column is missing or unknown, or holds a value
                that the schema does not allow: a new category, a count out of
                bounds, or, unless `keeps_missing`, a missing number.

        Example:
            x = table.schema.encode("people.csv")  # States of the units.
        """
        frame = frames.read(rows)
        (x,) = encoded(self, frame, [None])
        return x

    def decode(self, x: Array) -> Any:
        """Returns states of `units`, such as samples, as rows of a table.

        The columns have the names, the types and the order of the table from
        which the schema was inferred. Dropped columns are left out. Numbers of
        an integer type are rounded. If `x` holds means, each category is the
        most probable one.

        Args:
            x: Array of shape `(rows, width)`.

        Returns:
            The form of the table: a pandas or Polars `DataFrame`, a pyarrow
            `Table` or a structured array. For a table from a file, a Polars
            `DataFrame`, a pandas `DataFrame` or a pyarrow `Table`: the first
            whose library is installed.

        Raises:
            ValueError: If `x` is of another shape, or not finite.

        Example:
            people = table.schema.decode(table.train[:3])
            print(people)  # In the columns, names and values of the table.
        """
        return self._built(x, self.library)

    def number_texts(self, x: Array) -> dict[Hashable, list[str]]:
        """The numbers of examples in the table's own units, as short texts.

        Args:
            x: Array of shape `(rows, width)`, of states of `units` or of their
                means.

        Returns:
            Dict from the names of the columns of numbers to a list of `rows`
            texts. The text is empty if the state or its number is NaN or
            infinite. Binary columns and categories have no texts.

        Raises:
            ValueError: If `x` is of another shape.

        Example:
            texts = table.schema.number_texts(table.train[:3])
        """
        x = np.asarray(x)
        x = self._checked(np.where(np.isfinite(x), x, np.nan), may_miss=True)
        found = {}
        for name, place in self.slices.items():
            column, part = self.columns[name], x[:, place]
            if isinstance(column, Number):
                lost = np.isnan(part[:, 0])
                values = column.decode(np.where(lost[:, None], 0, part))
                found[name] = [
                    "" if is_lost or not math.isfinite(value) else _short(value)
                    for value, is_lost in zip(
                        values.to_pylist(), lost, strict=True
                    )
                ]
        return found

    def uncertainty(
        self, x: Array, means: Array, draws: Array
    ) -> dict[Hashable, np.ndarray]:
        """How sure a model is of the entries that it filled in.

        The measure depends on the kind of a column:

        - for a column of numbers, the standard deviation of the draws, in the
          table's own units;
        - for a binary column or a category, max_k p(k | observed), the
          probability of the value that `decode(means)` chooses.

        Observed entries are NaN in the result, which thus also shows which
        entries were filled in.

        Args:
            x: Array of shape `(rows, width)`, NaN where an entry is missing.
            means: Array of shape `(rows, width)`, such as
                `rbm.predict_missing(x)`.
            draws: Array of shape `(draws, rows, width)`, such as
                `rbm.inpaint(x, num_sweeps=1000, every=10)`. With n independent
                draws, a standard deviation has a relative error of about
                1 / sqrt(2 n).

        Returns:
            Dict from the names of the kept columns, in the order of the table,
            to `float64` arrays of shape `(rows,)`.

        Raises:
            ValueError: If an array is of another shape, or not finite.

        Example:
            x = table.train.copy()
            x[:3, 0] = np.nan
            rbm = keras_rbm.RBM(table.schema.units, 8, seed=0)
            means = rbm.predict_missing(x, num_sweeps=20, seed=0)
            draws = rbm.inpaint(x, num_sweeps=20, seed=0, every=2)
            spread = table.schema.uncertainty(x, means, draws)
        """
        x, means = self._checked(x, may_miss=True), self._checked(means)
        draws = np.asarray(draws)
        if means.shape != x.shape or draws.shape[1:] != x.shape:
            raise ValueError(
                "`means` must have the shape of `x`, and `draws` the shape "
                f"(draws, *x.shape). Received: x.shape={x.shape}, means.shape="
                f"{means.shape}, draws.shape={draws.shape}"
            )
        slices, found = self.slices, {}
        for name, column in self.columns.items():
            if name not in slices:
                continue
            place = slices[name]
            lost = np.isnan(x[:, place.start])
            if isinstance(column, Number):
                part = self._checked(draws[:, lost].reshape(-1, self.width))
                values = column.decode(part[:, place]).to_numpy()
                own = values.reshape(len(draws), -1).std(axis=0)
            else:
                p = means[lost, place]
                p = (
                    np.concatenate([p, 1 - p], axis=1)
                    if column.width < 2
                    else p
                )
                own = p.max(axis=1)
            found[name] = np.full(len(x), np.nan)
            found[name][lost] = own
        return found

    def write_csv(
        self,
        x: Array,
        path: Path,
        observed: Mapping[Hashable, Any] | None = None,
    ) -> None:
        """Writes states of `units` as rows of a CSV file.

        Args:
            x: Array of shape `(rows, width)`, as for `decode`.
            path: Path of the file.
            observed: Columns of a table with these rows, such as
                `table.observed`. Their values are written as they are, and
                only missing ones are taken from `x`.

        Example:
            rbm = keras_rbm.RBM(table.schema.units, 8, seed=0)
            drawn = rbm.sample(5, num_sweeps=5, seed=0)
            table.schema.write_csv(drawn, "synthetic.csv")
        """
        rows = self._built(x, "pyarrow")
        if observed is not None:
            kept = self.slices
            names = [name for name in self.columns if name in kept]
            rows = _with_observed(rows, [observed[name] for name in names])
        frames.library("pyarrow.csv").write_csv(rows, path)

    def log_jacobian(self, x: Array) -> np.ndarray:
        """Returns log |dx / drow|, the log of the Jacobian of `encode`.

            log p(row) = log p(x) + log_jacobian(x)

        The log-likelihood of a model is a density of the encoded row x, for
        example of standardized columns. `MeanLogLikelihood.in_own_units` adds
        `log_jacobian` to get a density in the table's own units, such as
        1 / dollar. Only such densities can be
        compared between schemas, or with other models. Columns of discrete
        values and missing entries add nothing. Integers that are encoded as
        real numbers also have a density, not a probability.

        Args:
            x: Array of shape `(rows, width)`, from `encode` or a `Data`.

        Returns:
            `float64` array of shape `(rows,)`, in nats.

        Example:
            rbm = keras_rbm.RBM(table.schema.units, 4, seed=0)
            learned = rbm.log_likelihood(table.train)
            jacobian = table.schema.log_jacobian(table.train)
            print(learned.in_own_units(jacobian))
        """
        x = self._checked(x, self.keeps_missing)
        total = np.zeros(len(x))
        for name, columns in self.slices.items():
            part = x[:, columns]
            lost = np.isnan(part[:, 0])
            own = self.columns[name].log_jacobian(
                np.where(lost[:, None], 0, part)
            )
            total += np.where(lost, 0.0, own)
        return total

    def save(self, path: Path) -> None:
        """Writes the schema as JSON.

        Args:
            path: Path of the file.

        Example:
            table.schema.save("schema.json")
            schema = keras_rbm.data.Schema.load("schema.json")
        """
        text = json.dumps(self.get_config(), indent=2, ensure_ascii=False)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Returns the schema from a file that `save` wrote.

        Args:
            path: Path of the file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds no schema.

        Example:
            table.schema.save("schema.json")
            schema = keras_rbm.data.Schema.load("schema.json")
            x = schema.encode("people.csv")
        """
        path = check_path(path, "path")
        try:
            with open(path, encoding="utf-8") as file:
                return cls.from_config(json.load(file))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                "Argument `path` must be a file that `Schema.save` wrote. "
                f"Received: path={str(path)!r}"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
            raise ValueError(
                f"The file {path} must hold a schema, as `Schema.save` writes "
                f"it. Received: {type(e).__name__}: {e}"
            ) from e

    def get_config(self) -> dict[str, Any]:
        """Returns the schema as a JSON-serializable dict."""
        return {
            "library": self.library,
            **({"keeps_missing": True} if self.keeps_missing else {}),
            "columns": [
                {
                    "name": name,
                    "kind": column.kind,
                    "dtype": self.dtypes.get(name, ""),
                    **column.get_config(),
                }
                for name, column in self.columns.items()
            ],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Returns a schema from the result of `get_config`."""
        columns, dtypes = {}, {}
        for entry in config["columns"]:
            entry = dict(entry)
            name, kind = entry.pop("name"), entry.pop("kind")
            if dtype := entry.pop("dtype", ""):
                dtypes[name] = dtype
            if name in columns:
                raise ValueError(f"there are two columns {name!r}")
            columns[name] = KINDS[kind].from_config(entry)
        keeps_missing = config.get("keeps_missing", False)
        return cls(columns, dtypes, config["library"], keeps_missing)

    def __str__(self):
        """A line for each column: its name, its kind and its values."""
        lines = [("column", "kind", "values")] + [
            (
                printable(name),
                column.kind,
                column.description if column.is_fitted else "not fitted",
            )
            for name, column in self.columns.items()
        ]
        widths = [max(len(str(line[i])) for line in lines) for i in (0, 1)]
        return "\n".join(
            f"{line[0]!s:{widths[0]}}  {line[1]:{widths[1]}}  {line[2]}"
            for line in lines
        )

    def __repr__(self):
        return f"Schema({dict(self.columns)!r})"

    def _groups(self):
        """Names of the kept columns, in a list for each type of unit."""
        groups = {}
        for name, column in self.columns.items():
            if not column.is_fitted:
                raise ValueError(
                    f"Column {name!r} must be fitted to data first: pass the "
                    "schema to keras_rbm.data.table. Received: "
                    f"{column!r}"
                )
            if not isinstance(column, Dropped):
                groups.setdefault(column.units(1), []).append(name)
        return list(groups.values())

    def _checked(self, x, may_miss=False):
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.width:
            raise ValueError(
                f"`x` must have shape (rows, {self.width}), as `encode` "
                f"returns it. Received: x.shape={x.shape}"
            )
        if not (np.isfinite(x) | (may_miss & np.isnan(x))).all():
            raise ValueError("`x` must be finite. Received: NaN or infinity")
        return x

    def _built(self, x, library):
        columns, levels = decoded(self, x)
        return frames.build(columns, self.dtypes, library, levels)


def _with_observed(rows, columns):
    """A `pyarrow.Table` with the values of columns that are not missing."""
    pa, compute = frames.library("pyarrow"), frames.library("pyarrow.compute")
    found = []
    for own, known in zip(rows.columns, columns, strict=True):
        if pa.types.is_dictionary(known.type):
            known = known.cast(known.type.value_type)
        lost = compute.is_null(known, nan_is_null=True)
        if pa.types.is_dictionary(own.type):
            own = own.cast(own.type.value_type)
        own = own.cast(known.type, safe=False)
        found.append(compute.if_else(lost, own, known))
    return pa.Table.from_arrays(found, rows.column_names)


def _short(value):
    """A number with four significant digits, or a large one as an integer."""
    if 1000 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def printable(name: Hashable) -> str:
    """The name of a column; quoted if empty or with unprintable characters."""
    return str(name) if str(name).isprintable() and name != "" else repr(name)


def encoded(
    schema: Schema, frame: frames.Frame, splits: Sequence[Array | None]
) -> list[np.ndarray]:
    """Returns the rows of a table as arrays, a column at a time.

    Args:
        schema: The `Schema`.
        frame: The table.
        splits: For each array, the indices of its rows, or `None` for all.

    Returns:
        A list of `float32` arrays.

    Raises:
        ValueError: As `Schema.encode` does.
    """
    check_columns(schema.columns, frame)
    counts = [frame.num_rows if rows is None else len(rows) for rows in splits]
    checks.in_memory("rows", (sum(counts), schema.width))
    arrays = [np.empty((count, schema.width), "float32") for count in counts]
    for name, columns in schema.slices.items():
        x = _encoded_column(schema, name, frame.columns[name]())
        for array, rows in zip(arrays, splits, strict=True):
            array[:, columns] = x if rows is None else x[rows]
    return arrays


def decoded(
    schema: Schema, x: Array
) -> tuple[dict[Hashable, Any], dict[Hashable, tuple]]:
    """Returns states of units as columns, from which a table can be built.

    Args:
        schema: The `Schema`.
        x: Array of shape `(rows, schema.width)`.

    Returns:
        Tuple of `columns` and `levels`, the arguments of `frames.build`.

    Raises:
        ValueError: As `Schema.decode` does.
    """
    x, slices = schema._checked(x), schema.slices
    columns = {
        name: column.decode(x[:, slices[name]])
        for name, column in schema.columns.items()
        if name in slices
    }
    levels = {
        name: schema[name].values
        for name in columns
        if isinstance(schema[name], Discrete)
    }
    return columns, levels


def _encoded_column(schema, name, values):
    """A column as states of its units; NaN where the schema keeps it."""
    column = schema.columns[name]
    own = isinstance(column, Category) and column.missing
    if not schema.keeps_missing or own or not num_missing(values):
        return column.encode(name, values)
    compute = frames.library("pyarrow.compute")
    lost = compute.is_null(values, nan_is_null=True)
    x = np.full((len(values), column.width), np.nan, "float32")
    known = ~lost.to_numpy()
    x[known] = column.encode(name, values.filter(compute.invert(lost)))
    return x


def check_columns(columns: Mapping[Hashable, Column], frame: frames.Frame):
    """Raises a `ValueError` unless a table has the columns of a schema."""
    known = {n for n, c in columns.items() if not isinstance(c, Dropped)}
    absent = [name for name in columns if name in known - set(frame.columns)]
    strange = [name for name in frame.columns if name not in columns]
    if absent or strange:
        raise ValueError(
            "The rows must have the columns of the schema, in any order. "
            "Rename, add or remove columns. Received: "
            + " and ".join(
                f"{what} {', '.join(map(repr, names))}"
                for what, names in (("no", absent), ("unknown", strange))
                if names
            )
        )


def check_kept(schema: Schema):
    """Raises a `ValueError` if a schema drops all its columns."""
    if all(isinstance(column, Dropped) for column in schema.columns.values()):
        raise ValueError(
            "A schema must keep at least one column. Pass the kinds of the "
            f"columns to keep as `schema`. Received:\n{schema}"
        )
