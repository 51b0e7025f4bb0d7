"""`Data`: examples in memory, split for training and tests, and checks."""

import dataclasses
import functools
import html
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from keras_rbm import checks, units
from keras_rbm import rows as rows_lib
from keras_rbm.data.checks import (
    as_floats,
    bounds,
    check_examples,
    check_image_shape,
    check_integer,
    scaled,
    to_float,
)
from keras_rbm.data.picture import Picture, check_picture
from keras_rbm.data.schema import Schema, printable
from keras_rbm.rows import Rows
from keras_rbm.typing import Array, Path

_SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Data:
    """Training examples, and held-out examples for validation and test.

    A `uint8` array holds intensities in units of 1/255, which keeps MNIST at
    47 MB; any other array is stored as float32, without scaling. If it holds
    values from 0 to 1, up to rounding errors of 1e-6, these errors are removed.
    `to_float` converts both to float32. Booleans and integers, including
    `uint8`, are bits if all splits of such types hold only 0 and 1, and spins
    if an array holds only -1 and 1. Sparse matrices and memory-mapped arrays
    are stored as `keras_rbm.rows.Rows`, which are never dense as a whole:
    `train[:100]` is an array.

    Args:
        name: Name of the data, for example `"mnist"`.
        train: Array or sparse matrix of shape `(examples, width)`: bits, spins,
            uint8 or floating.
        validation: Array of the same width, or `None`.
        test: Array of the same width, or `None`.
        image_shape: `(rows, columns)` in pixels, with `rows * columns` equal
            to `width` (or to the pixels of `picture`), or `None` for data
            that are not images.
        picture: A `Picture` that converts examples to intensities of pixels, or
            `None` if examples are intensities already.
        schema: The `Schema` that encoded the rows of a table as examples;
            `None` for other data.
        categories: Number of categories of each site, if the rows are one-hot
            categories, side by side; else `None`.
        source_rows: Indices of the rows in their source: first of `train`, then
            of `validation` and of `test`; `None` if the rows are in the order
            of the source.
        positions: Integer position of each site in a reference, if the rows are
            aligned sequences; else `None`.
        observed: The columns of a table with missing entries as they were read,
            by name, as arrays of pyarrow in the order of the table; else
            `None`. They take as much memory as the table. See
            `Schema.write_csv`.

    Raises:
        ValueError: If an array is not 2-D, is empty, is neither bits, nor
            uint8, nor floating, holds NaN or infinity, is of another width
            than `train`, or does not fit `image_shape`, `picture` or `schema`;
            or if `positions` are not as described.

    Example:
        mine = data.Data("mine", x[:20], validation=x[20:], image_shape=(4, 4))
        print(mine)
    """

    name: str
    train: np.ndarray
    validation: np.ndarray | None = None
    test: np.ndarray | None = None
    image_shape: tuple[int, int] | None = None
    picture: Picture | None = None
    schema: Schema | None = None
    categories: int | None = None
    source_rows: np.ndarray | None = None
    positions: np.ndarray | None = None
    observed: Mapping[Hashable, Any] | None = None

    def __post_init__(self):
        """Checks every array and brings it to uint8 or float32."""
        splits = {}
        may_miss = self.schema is not None and self.schema.keeps_missing
        for split_name in _SPLITS:
            x = getattr(self, split_name)
            if x is not None or split_name == "train":
                splits[split_name] = check_examples(
                    x, split_name, bits=False, may_miss=may_miss
                )
        splits = _with_bits(splits)
        for split_name, x in splits.items():
            object.__setattr__(self, split_name, x)
        for split_name, x in splits.items():
            if x.shape[1] != self.width:
                raise ValueError(
                    f"Argument `{split_name}` must have the width of `train`, "
                    f"{self.width} columns. Use the same columns in every "
                    f"split. Received: {split_name}.shape={x.shape}"
                )
        if self.schema is not None and self.schema.width != self.width:
            raise ValueError(
                "Argument `schema` must be of the width of `train`, "
                f"{self.width} columns. Received: schema.width="
                f"{self.schema.width}"
            )
        if self.positions is not None:
            sites = self.width // (self.categories or 1)
            positions = np.asarray(self.positions)
            if positions.shape != (sites,) or positions.dtype.kind not in "iu":
                raise ValueError(
                    f"Argument `positions` must hold {sites} integers, one for "
                    "each site. Received: positions of shape "
                    f"{positions.shape} and dtype {positions.dtype}"
                )
            object.__setattr__(self, "positions", positions)
        pixels = self.width
        if self.picture is not None:
            picture = check_picture(self.picture, self.width)
            object.__setattr__(self, "picture", picture)
            pixels = picture.matrix.shape[1]
        if self.image_shape is not None:
            shape = check_image_shape(self.image_shape, pixels)
            object.__setattr__(self, "image_shape", shape)

    @property
    def width(self) -> int:
        """Number of columns of every array."""
        return self.train.shape[1]

    @functools.cached_property
    def visible(self) -> units.Units:
        """Visible units for a model of these examples.

        The units of the schema, if there is one. Otherwise `Softmax` for
        categories, `Bernoulli` for values from 0 to 1 (and uint8), `Spin` for
        -1 and 1, and `Gaussian` for other numbers, which you should standardize
        first.
        """
        if self.schema is not None:
            return self.schema.units
        if self.categories is not None:
            return units.Softmax(self.width // self.categories, self.categories)
        splits = self._splits().values()
        low = min(bounds(x)[0] for x in splits)
        high = max(1 if x.dtype == np.uint8 else bounds(x)[1] for x in splits)
        if 0 <= low and high <= 1:
            return units.Bernoulli(self.width)
        is_spin = all(
            (np.abs(part) == 1).all()
            for x in splits
            for _, part in rows_lib.parts(x)
        )
        return (units.Spin if is_spin else units.Gaussian)(self.width)

    def __repr__(self):
        splits = ", ".join(
            f"{name}=<{x.dtype.name} {x.shape[0]} x {x.shape[1]}>"
            for name, x in self._splits().items()
        )
        return f"Data({self.name!r}, {splits})"

    def __str__(self):
        """The examples of each split, the kinds of columns, missing entries."""
        splits = self._splits()
        uses = {"train": "to train on", "validation": "for validation"}
        counts = ", ".join(
            f"{len(x):,} {uses.get(name, 'for the test')}"
            for name, x in splits.items()
        )
        total = sum(len(x) for x in splits.values())
        first = f"{self.name}: {total:,} examples, {counts}"
        if self.schema is not None:
            return f"{first}\n{self.schema}{self._missing()}"
        columns = f"{self.width:,} columns"
        if self.image_shape is not None:
            rows, sides = self.image_shape
            columns += f", pictures of {rows} x {sides} pixels"
        return f"{first}\n{columns}, visible units {self.visible}"

    def _missing(self):
        """A line with the number of missing entries of each column."""
        counts = {
            name: sum(
                int(np.isnan(x[:, place.start]).sum())
                for x in self._splits().values()
            )
            for name, place in self.schema.slices.items()
        }
        found = [
            f"{printable(name)} {count:,}"
            for name, count in counts.items()
            if count
        ]
        return f"\nmissing entries: {', '.join(found)}" if found else ""

    def _repr_html_(self):
        """A small table for notebooks."""
        rows = "".join(
            f"<tr><th>{name}</th><td>{x.shape[0]}</td><td>{x.shape[1]}</td>"
            f"<td>{x.dtype.name}</td></tr>"
            for name, x in self._splits().items()
        )
        return (
            f"<table><caption>{html.escape(str(self.name))}</caption>"
            "<tr><th>split</th><th>examples</th><th>columns</th>"
            f"<th>dtype</th></tr>{rows}</table>"
        )

    def _splits(self):
        """The existing splits, by name."""
        found = {name: getattr(self, name) for name in _SPLITS}
        return {name: x for name, x in found.items() if x is not None}

    def write_csv(self, x: Array, path: Path) -> None:
        """Writes examples, such as samples of a model, as rows of a CSV file.

        Rows of a table have the names and values of its columns. Other columns
        are called `column_0`, `column_1`, ...; categories are written as one
        integer for each site.

        Args:
            x: Array of shape `(rows, width)`, of states of `visible`.
            path: Path of the file.

        Raises:
            ValueError: If `x` has another shape.

        Example:
            bars = keras_rbm.data.bars_and_stripes(4)
            bars.write_csv(rbm.sample(10, num_sweeps=20, seed=0), "samples.csv")
        """
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.width:
            raise ValueError(
                f"`x` must have shape (rows, {self.width}), as the examples "
                f"have. Received: x.shape={x.shape}"
            )
        if self.schema is not None:
            self.schema.write_csv(x, path)
            return
        if self.categories is not None:
            x = x.reshape(len(x), -1, self.categories).argmax(axis=2)
        whole = (x == np.rint(x)).all()
        names = ",".join(f"column_{i}" for i in range(x.shape[1]))
        np.savetxt(path, x, "%d" if whole else "%.7g", ",", "\n", names, "", "")

    def intensities(self, x: Array) -> np.ndarray:
        """Converts examples to intensities of pixels, 0 for black, 1 for white.

        Spins are black at -1 and white at 1.

        Args:
            x: Array of shape `(examples, width)`, uint8 (in units of 1/255)
                or floating.

        Returns:
            Array of shape `(examples, pixels)`.

        Example:
            digits = keras_rbm.data.whitened(keras_rbm.data.digits(), 20)
            pixels = digits.intensities(digits.test)  # Of shape (180, 64).
        """
        if self.picture is None:
            # Some rows of intensities may hold nothing above 1.
            if getattr(x, "dtype", None) == self.train.dtype == np.uint8:
                return scaled(x)
            return self.visible.intensities(to_float(x))
        return self.picture.intensities(x)


def is_grey(data: Data) -> bool:
    """Whether examples have values strictly between 0 and 1.

    Args:
        data: A `Data`.

    Returns:
        Whether the visible units are `Bernoulli`, and some values are neither
        0 nor 1. This includes intensities of type uint8.

    Example:
        print(keras_rbm.data.is_grey(keras_rbm.data.digits()))  # True
    """
    check_is_data(data)
    if type(data.visible) is not units.Bernoulli:
        return False
    return any(
        x.dtype == np.uint8 or not np.isin(part, (0, 1)).all()
        for x in data._splits().values()
        for _, part in rows_lib.parts(x)
    )


def check_is_data(data):
    """Raises a `ValueError` unless `data` is a `Data`."""
    if not isinstance(data, Data):
        raise ValueError(
            "`data` must be what a reader of keras_rbm.data returns, such as "
            f"digits(). Received: data={data!r}"
        )


def check_data(data: Data, width: int) -> None:
    """Checks that data are a `Data` and fit a model.

    Args:
        data: The value to check.
        width: Number of visible units of the model.

    Raises:
        ValueError: If `data` is not a `Data`, or has another width.

    Example:
        keras_rbm.data.check_data(keras_rbm.data.digits(), 64)
    """
    check_is_data(data)
    if data.width != width:
        raise ValueError(
            "`data` must have a column for each visible unit of the model: "
            f"take other data, or set `RBM.visible = {data.width}`. Received: "
            f"data.width={data.width} ({data.name}), "
            f"model.visible.width={width}"
        )


def mapped(data, function, name, picture, categories=None):
    """Applies a function to all examples of a `Data`.

    Args:
        data: A `Data`.
        function: Maps an array of examples to an array of as many examples.
        name: Name of the new data.
        picture: The `Picture` from new examples to the pixels of the old ones.
        categories: Number of categories if the new examples are one-hot.

    Returns:
        A `Data`.
    """
    splits = {name: None for name in _SPLITS}
    for split_name, x in data._splits().items():
        # Sparse and memory-mapped examples become dense.
        checks.in_memory(split_name, x.shape)
        splits[split_name] = function(x[:])
    return Data(
        name,
        **splits,
        image_shape=data.image_shape,
        picture=picture,
        categories=categories,
    )


def check_no_picture(data):
    """Raises a `ValueError` unless examples are intensities of pixels."""
    if data.picture is not None:
        raise ValueError(
            "`data` must be intensities themselves, not made of such. Take "
            f"the data that these were made of. Received: data={data.name!r}"
        )


def split(
    x: np.ndarray,
    validation_size: int = 0,
    test_size: int = 0,
    seed: int | None = None,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Splits examples into train, validation and test, in this order.

    Args:
        x: Array of shape `(examples, ...)`, or a sparse matrix.
        validation_size: Number of examples, 0 for no such split.
        test_size: Number of examples, 0 for no such split.
        seed: Integer seed to shuffle the examples before the split, in the same
            way with every version of NumPy. `None` keeps their order.

    Returns:
        A tuple `(train, validation, test)` of arrays of shape
        `(examples, ...)`, or of `keras_rbm.rows.Rows` for sparse matrices and
        memory-mapped arrays; `None` for a split of size 0.

    Raises:
        ValueError: If a size is not an integer of 0 or more, the sizes leave
            nothing to train on, or `seed` is negative.

    Example:
        train, validation, test = keras_rbm.data.split(x, 5, 5, seed=0)
        print(len(train), len(validation), len(test))
    """
    x = rows_lib.of("x", checks.from_frame("x", x))
    validation_size = check_integer(validation_size, "validation_size", 0)
    test_size = check_integer(test_size, "test_size", 0)
    num_train = len(x) - validation_size - test_size
    if num_train < 1:
        raise ValueError(
            "Arguments `validation_size` and `test_size` must leave at least "
            f"one of {len(x)} examples to train on. Make them smaller. "
            f"Received: validation_size={validation_size}, "
            f"test_size={test_size}"
        )
    if seed is not None:
        # The raw bits are stable across NumPy versions; `permutation` is not.
        bits = np.random.PCG64(check_integer(seed, "seed", 0))
        x = _part(x, np.argsort(bits.random_raw(len(x)), kind="stable"))
    held_out = _part(x, slice(num_train, None))
    validation = _part(held_out, slice(validation_size))
    test = _part(held_out, slice(validation_size, None))
    return (
        _part(x, slice(num_train)),
        validation if validation_size else None,
        test if test_size else None,
    )


def _part(x, rows):
    return x.subset(rows) if isinstance(x, Rows) else x[rows]


def _with_bits(splits):
    """Returns the splits, with uint8 arrays as float32 if they hold bits.

    Arrays of 0 and 1 are bits if all uint8 splits hold only 0 and 1. If another
    split holds intensities, they are very dark intensities, and are stored in a
    type that cannot be mistaken for bits.
    """
    dark = {
        k: x.dtype == np.uint8 and bounds(x)[1] <= 1 for k, x in splits.items()
    }
    bits = all(dark[k] for k, x in splits.items() if x.dtype == np.uint8)
    if not any(bounds(x)[1] for k, x in splits.items() if dark[k]):
        return splits  # All values are 0: black, as bits and as intensities.
    return {
        k: (as_floats(x) if bits else scaled(x)) if dark[k] else x
        for k, x in splits.items()
    }


def some(x: np.ndarray, count: int) -> np.ndarray:
    """Returns at most `count` rows, a fixed random choice.

    Evenly spaced rows would be biased: the two sources of MNIST's training
    images alternate, and their means differ by a fifth.

    Args:
        x: Array or data frame of shape `(examples, width)`, sparse matrix,
            memory-mapped array, or `Rows`.
        count: Number of rows.

    Returns:
        Array of shape `(min(examples, count), width)`, in the order of `x`.
        `Rows` if `x` is not dense and has at most `count` rows.

    Example:
        few = keras_rbm.data.some(x, 10)  # The same 10 rows at each call.
    """
    if np.ndim(x) == 2:  # A series of texts has one axis, and is no table.
        x = checks.from_frame("x", x)
    x = rows_lib.of("x", x)
    if not isinstance(x, Rows):
        x = np.asanyarray(x)  # Keeps the mask of a masked array.
    if len(x) <= count:
        return x
    return x[rows_lib.drawn_rows(len(x), count)]
