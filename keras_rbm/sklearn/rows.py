"""Batches and checksums of dense or sparse rows, read in parts."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from keras_rbm.rows import dense, drawn, in_part, parts

__all__ = [
    "Rows",
    "batches",
    "checksums",
    "dense",
    "drawn",
    "in_part",
    "parts",
]

#: The type of scikit-learn's argument `X`.
Rows: TypeAlias = ArrayLike | sparse.spmatrix | sparse.sparray


def batches(x, batch_size, rng):
    """Returns a function that draws batches of rows in random order.

    Random permutations of all rows follow one another, without end: a row comes
    again only after all other rows. A batch can span two permutations.

    Args:
        x: As for `dense`.
        batch_size: Number of rows in a batch, at most the number of rows of
            `x`.
        rng: `numpy.random.RandomState`.

    Returns:
        Function of the number of batches `count` and of the array of shape
        `(at least count, batch_size, features)` to write them to. It returns
        the numbers of the rows, of shape `(count, batch_size)`.
    """
    waiting = np.zeros(0, int)

    def fill(block, count):
        nonlocal waiting
        while len(waiting) < count * batch_size:
            waiting = np.append(waiting, rng.permutation(x.shape[0]))
        rows, waiting = np.split(waiting, [count * batch_size])
        block[:count] = dense(x, rows).reshape(count, batch_size, -1)
        return rows.reshape(count, batch_size)

    return fill


def checksums(x):
    """Returns a number for each row, which depends only on its values.

    The number is the sum, over entries other than 0, of a hash of the entry and
    its column. The work for a sparse row is therefore proportional to its
    number of entries.

    Args:
        x: Array or CSR matrix of shape `(examples, features)`.

    Returns:
        `uint32` array of shape `(examples,)`.
    """
    x = sparse.csr_array(x, copy=True)
    x.sum_duplicates()
    bits = x.data.astype("float32").view("uint32").astype("uint64")
    mixed = (x.indices.astype("uint64") << np.uint64(32)) | bits
    # The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    mixed[bits & np.uint64(0x7FFFFFFF) == 0] = 0  # 0 and -0.
    # Sums modulo 2**64, whose differences are exact.
    sums = np.concatenate([np.zeros(1, "uint64"), np.cumsum(mixed)])
    found = sums[x.indptr[1:]] - sums[x.indptr[:-1]]
    return (found ^ (found >> np.uint64(32))).astype("uint32")
