"""Rows of a matrix in dense parts, and sparse rows with missing entries."""

import numbers
import operator
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from keras_rbm import checks

# The most rows of a part, and the most numbers in them.
_ROWS, _NUMBERS = 1000, 2**22


class Rows:
    """A matrix whose rows become dense arrays when you index them.

    `rows[3:7]` and `rows[[5, 2, 2]]` are dense arrays of shape `(4, width)`
    and `(3, width)`, and `rows[3]` is one of shape `(width,)`. The matrix may
    be larger than memory: a sparse matrix, a memory-mapped file, a dataset of
    an HDF5 file, or categories to be one-hot encoded.

    Args:
        take: Function of a slice, or of an array of indices, that returns
            the rows as a dense array.
        count: Number of rows.
        width: Number of columns.
        dtype: The NumPy dtype of the arrays that `take` returns.

    Example:
        def take(i):
            return np.arange(9.0)[i, None] ** 2

        squares = keras_rbm.rows.Rows(take, 9, 1, "float64")
        squares[[2, 3]]  # Of shape (2, 1).
    """

    ndim = 2
    #: Units for which all rows are known to be valid, or `None`.
    known: Any = None

    def __init__(
        self,
        take: Callable[[Any], np.ndarray],
        count: int,
        width: int,
        dtype: Any,
    ):
        self._take = take
        self.shape = (int(count), int(width))
        self.dtype = np.dtype(dtype)

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.shape[0] * self.shape[1]

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        if isinstance(rows, numbers.Integral):
            row = range(len(self))[rows]  # Or an IndexError.
            return self[row : row + 1][0]
        return np.asarray(self._take(rows))

    def __array__(self, dtype=None, copy=None):
        """All rows as one dense array, if it fits into memory."""
        checks.in_memory("x", self.shape)
        return np.asarray(self[:], dtype)

    def __repr__(self):
        count, width = self.shape
        return f"<Rows of {self.dtype.name}, {count} x {width}>"

    def floats(self, rows: slice | np.ndarray, dtype: Any) -> np.ndarray:
        """Returns some rows in another dtype, converted part by part.

        Args:
            rows: Slice, or array of indices.
            dtype: The NumPy dtype of the result.

        Returns:
            Dense array of shape `(count, width)`.

        Example:
            def take(i):
                return np.arange(9)[i, None] ** 2

            squares = keras_rbm.rows.Rows(take, 9, 1, "int64")
            squares.floats(slice(3), "float32")  # The first three, as float32.
        """
        index = np.arange(len(self))[rows]
        found = np.empty((len(index), self.shape[1]), dtype)
        size = of_width(self.shape[1], len(found))
        for first in range(0, len(found), size):
            part = slice(first, first + size)
            found[part] = self[index[part]]
        return found

    def subset(self, rows: slice | np.ndarray) -> Self:
        """Selects some of the rows, without converting them to dense.

        Args:
            rows: Slice, or array of indices.

        Returns:
            `Rows`.

        Example:
            def take(i):
                return np.arange(9)[i, None] ** 2

            squares = keras_rbm.rows.Rows(take, 9, 1, "int64")
            held_out = squares.subset(np.array([2, 5]))  # Of shape (2, 1).
        """
        index = np.arange(len(self))[rows]
        return Rows(
            lambda own: self[index[own]], len(index), self.shape[1], self.dtype
        )

    def map(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        width: int,
        dtype: Any,
    ) -> Self:
        """Maps the rows by a function, part by part.

        Args:
            function: Function of an array of shape `(count, columns)` that
                returns an array of shape `(count, width)`.
            width: Number of columns of the new rows.
            dtype: The NumPy dtype of the new rows.

        Returns:
            `Rows`.

        Example:
            def take(i):
                return np.arange(9)[i, None] ** 2

            squares = keras_rbm.rows.Rows(take, 9, 1, "int64")
            halves = squares.map(lambda part: part / 2, 1, "float64")
        """
        return Rows(lambda rows: function(self[rows]), len(self), width, dtype)

    def beside(self, y: np.ndarray) -> Self:
        """Appends columns to the rows, as float32 or wider floats.

        Args:
            y: Array of shape `(len(self), columns)`.

        Returns:
            `Rows`.

        Example:
            def take(i):
                return np.arange(9)[i, None] ** 2

            squares = keras_rbm.rows.Rows(take, 9, 1, "int64")
            both = squares.beside(np.eye(9))  # Of shape (9, 10).
        """
        kind = self.dtype if self.dtype.kind == "f" else np.dtype("float32")
        return Rows(
            lambda rows: np.concatenate(
                [self[rows].astype(kind), y[rows].astype(kind)], axis=1
            ),
            len(self),
            self.shape[1] + y.shape[1],
            kind,
        )


def is_sparse(x: Any) -> bool:
    """Whether `x` is a matrix or an array of `scipy.sparse`."""
    return type(x).__module__.startswith("scipy.sparse")


def is_hdf5(x: Any) -> bool:
    """Whether `x` is a dataset of an HDF5 file."""
    return type(x).__module__.startswith("h5py") and hasattr(x, "dtype")


def of(name: str, x: Any) -> Any:
    """Returns `Rows` of sparse, memory-mapped or HDF5 data.

    Args:
        name: The argument's name, for the error.
        x: Sparse matrix; or memory-mapped array or dataset of an open h5py
            file, with two or more axes. Any other object is returned unchanged.

    Returns:
        `Rows`, or `x`.

    Raises:
        ValueError: If a sparse array does not have two axes.
    """
    if is_sparse(x):
        if len(x.shape) != 2:
            raise ValueError(
                f"`{name}` must have two axes, examples and columns. Received: "
                f"type({name})={type(x).__name__}, {name}.shape={x.shape}"
            )
        matrix = x.tocsr()
        return Rows(
            lambda rows: matrix[rows].toarray(), *matrix.shape, matrix.dtype
        )
    if (isinstance(x, np.memmap) or is_hdf5(x)) and x.ndim >= 2:
        width = int(np.prod(x.shape[1:]))
        read = _of_dataset if is_hdf5(x) else operator.getitem

        def take(rows):
            part = np.asarray(read(x, rows))
            return part.reshape(len(part), width)

        return Rows(take, len(x), width, x.dtype)
    return x


def only_stored(x: Any) -> Rows:
    """Treats entries that a sparse matrix does not store as missing.

    Without this function, such entries are zeros. Stored zeros are always
    values. The matrix is never converted to dense as a whole.

    Args:
        x: Matrix or array of `scipy.sparse`, with two axes, such as ratings
            of users (rows) and items (columns).

    Returns:
        `Rows` with NaN for entries that are not stored.

    Raises:
        ValueError: If `x` is not such a matrix.

    Example:
        ratings = scipy.sparse.csr_array(([5.0, 3.0], ([0, 1], [2, 0])))
        print(data.only_stored(ratings)[:])  # [[nan, nan, 5.], [3., nan, nan]]
    """
    if not is_sparse(x) or len(x.shape) != 2:
        raise ValueError(
            "`x` must be a matrix of scipy.sparse with two axes. Received: "
            f"type(x)={type(x).__name__}"
        )
    matrix = x.tocsr()
    matrix.sum_duplicates()
    kind = matrix.dtype if matrix.dtype.kind == "f" else np.dtype("float32")

    def take(rows):
        part = matrix[rows].tocoo()
        found = np.full(part.shape, np.nan, kind)
        found[part.row, part.col] = part.data
        return found

    return Rows(take, *matrix.shape, kind)


def _of_dataset(x, rows):
    """Rows of a dataset of h5py, which only reads rows in rising order."""
    if isinstance(rows, slice) and (rows.step or 1) > 0:
        return x[rows]
    rising, places = np.unique(np.arange(len(x))[rows], return_inverse=True)
    return x[rising][places]


def dense(x: Any, rows: slice | np.ndarray) -> np.ndarray:
    """Returns some rows as a dense array.

    Args:
        x: Array, CSR matrix or `Rows` of shape `(examples, columns)`.
        rows: Slice, or array of indices.
    """
    part = x[rows]
    return part.toarray() if is_sparse(part) else np.asarray(part)


def drawn(x: Any, count: int) -> np.ndarray:
    """Returns up to `count` rows, drawn without replacement, as a dense array.

    The rows may be sorted: each is drawn with the same probability. All calls
    draw the same rows, and keep their order.

    Args:
        x: As for `dense`.
        count: The most rows.
    """
    return dense(x, drawn_rows(x.shape[0], count))


def drawn_rows(total: int, count: int) -> slice | np.ndarray:
    """Numbers of the rows that `drawn` takes of `total` rows: all, or some."""
    if total <= count:
        return slice(None)
    # The raw bits are stable across NumPy versions; `permutation` is not.
    keys = np.random.PCG64(0).random_raw(total)
    return np.sort(np.argsort(keys, kind="stable")[:count])


def in_part(x: Any) -> int:
    """Number of rows of a part of at most about 32 MiB."""
    return of_width(x.shape[1])


def of_width(width: int, rows: int = _ROWS, numbers: int = _NUMBERS) -> int:
    """Number of rows of a part, given the number of columns.

    Args:
        width: Number of columns.
        rows: The most rows of a part.
        numbers: The most numbers in a part, unless a single row has more.
    """
    return max(1, min(rows, numbers // max(width, 1)))


def parts(x: Any, rows: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Yields all rows in order, as dense arrays of bounded size.

    Args:
        x: As for `dense`.
        rows: Number of rows in each part except the last; `None` for parts of
            at most about 32 MiB.

    Yields:
        Tuples of the index of the first row, and a part.
    """
    rows = rows or in_part(x)
    for first in range(0, x.shape[0], rows):
        yield first, dense(x, slice(first, first + rows))
