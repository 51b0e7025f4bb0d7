"""Rows of a matrix, dense or sparse, a part at a time."""

import zlib
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

#: What scikit-learn calls X.
Rows: TypeAlias = ArrayLike | sparse.spmatrix | sparse.sparray

# Rows that are looked at together, and the numbers in them, at most.
_ROWS, _NUMBERS = 1000, 2**22


class Encoded:
    """Rows as states of visible units, which are made when they are taken.

    It stands where an array or a CSR matrix of states does.

    Args:
        x: Array or CSR matrix of shape `(examples, features)`.
        encode: Function of a dense array of some rows that returns their
            states.
        width: Number of columns of the states.
    """

    def __init__(self, x, encode, width):
        self._x = x
        self._encode = encode
        self.shape = (x.shape[0], width)
        self.dtype = x.dtype

    def __getitem__(self, rows):
        return self._encode(dense(self._x, rows))


def dense(x, rows):
    """Returns some rows as a dense array.

    Args:
        x: Array, CSR matrix or `Encoded` of shape `(examples, features)`.
        rows: Slice, or array of indices.
    """
    part = x[rows]
    return part.toarray() if sparse.issparse(part) else np.asarray(part)


def in_part(x):
    """How many rows a part has: so many that it takes some 32 MiB."""
    return max(1, min(_ROWS, _NUMBERS // max(x.shape[1], 1)))


def parts(x, rows=None):
    """All rows in order, as dense arrays of bounded size.

    Args:
        x: As for `dense`.
        rows: Number of rows in each part but the last; `None` for as many as
            take some 32 MiB.

    Yields:
        Tuples of the number of the first row, and a part.
    """
    rows = rows or in_part(x)
    for first in range(0, x.shape[0], rows):
        yield first, dense(x, slice(first, first + rows))


def batches(x, batch_size, rng):
    """Batches of rows in random order, without end.

    Orders of all rows follow one another, so that each row comes once more
    only after all others have come; a batch can lie across the end of one.

    Args:
        x: As for `dense`.
        batch_size: Number of rows in a batch, at most as many as there are.
        rng: `numpy.random.RandomState`.

    Returns:
        Function of the number of batches `count` and of the array of shape
        `(at least count, batch_size, features)` to write them to.
    """
    waiting = np.zeros(0, int)

    def fill(block, count):
        nonlocal waiting
        while len(waiting) < count * batch_size:
            waiting = np.append(waiting, rng.permutation(x.shape[0]))
        rows, waiting = np.split(waiting, [count * batch_size])
        block[:count] = dense(x, rows).reshape(count, batch_size, -1)

    return fill


def checksums(x):
    """A number for each row, which depends on its values alone.

    Args:
        x: Dense array of shape `(examples, features)`.

    Returns:
        `uint32` array of shape `(examples,)`.
    """
    values = np.ascontiguousarray(x, "float32") + 0.0  # -0 is 0.
    return np.array([zlib.crc32(row) for row in values], "uint32")
