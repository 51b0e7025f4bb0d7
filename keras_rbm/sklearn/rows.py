"""Rows of a matrix, dense or sparse, a part at a time."""

import zlib
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from keras_rbm.rows import dense, in_part, parts

__all__ = ["Rows", "batches", "checksums", "dense", "in_part", "parts"]

#: What scikit-learn calls X.
Rows: TypeAlias = ArrayLike | sparse.spmatrix | sparse.sparray


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
