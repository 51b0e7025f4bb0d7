"""Weights of sequences that compensate for close relatives."""

import math

import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm.compiled import compiled
from keras_rbm.sequences.alignment import Alignment
from keras_rbm.typing import Array

# Rows in a block, and columns that the compiled loop compares per iteration.
_ROWS, _COLUMNS = 2048, 8
# Codes that no letter of an alphabet has.
_PADDING, _MISSING = 255, 254


def weights(alignment: Alignment, identity: float = 0.8) -> np.ndarray:
    """w_i = 1 / number of sequences that share `identity` with sequence i.

    Two sequences are neighbours if the share of columns in which they have
    the same letter is at least `identity`; each sequence is a neighbour of
    itself. Gaps and missing entries count as letters. The counts are exact: all
    pairs are compared, in blocks of 2,048 x 2,048, on all cores.

    Args:
        alignment: An `Alignment`.
        identity: Number from 0 to 1, both excluded.

    Returns:
        `float32` array of shape `(sequences,)`, for `sample_weight` of `fit`.
        Its sum is the effective number of sequences.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Morcos et al. (2011), "Direct-coupling analysis of residue
        coevolution captures native contacts across many protein families",
        supporting information, equation S2.

    Example:
        w = sequences.weights(family)
        rbm.fit(family.one_hot(), sample_weight=w / w.mean())
    """
    return (1.0 / neighbours(alignment, identity)).astype("float32")


def effective_number(weights: Array) -> float:
    """The effective number of sequences, sum_i w_i.

    Args:
        weights: Array of shape `(sequences,)` from `weights`.

    Raises:
        ValueError: If a weight is not a positive number.

    Example:
        w = sequences.weights(family)
        print(sequences.effective_number(w))  # At most len(family).
    """
    weights = np.asarray(weights, "float64")
    if weights.ndim != 1 or not (weights > 0).all():
        raise ValueError(
            "`weights` must be a vector of positive numbers. Received: "
            f"weights.shape={weights.shape}, with a minimum of "
            f"{weights.min(initial=0):g}"
        )
    return float(weights.sum())


def neighbours(alignment: Alignment, identity: float = 0.8) -> np.ndarray:
    """Number of sequences with at least this identity to each sequence.

    Args:
        alignment: An `Alignment`.
        identity: Number from 0 to 1, both excluded.

    Returns:
        Integer array of shape `(sequences,)`; each sequence counts itself.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        sequences.neighbours(family).max()  # The most crowded sequence.
    """
    checks.fraction("identity", identity)
    if not isinstance(alignment, Alignment):
        raise ValueError(
            "`alignment` must be an Alignment, which `sequences.read` "
            f"returns. Received: alignment={alignment!r}"
        )
    codes = alignment.codes
    count, width = codes.shape
    least = math.ceil(identity * width - 1e-9)
    # Padding columns of the last iteration are equal in all sequences.
    rows = min(_ROWS, 128 * -(-count // 128))
    padded = np.full(
        (_COLUMNS * -(-width // _COLUMNS), rows * -(-count // rows)),
        _PADDING,
        "uint8",
    )
    wide = codes.astype("int16")
    padded[:width, :count] = np.where(wide < 0, _MISSING, wide).T
    least += len(padded) - width
    found = np.zeros(padded.shape[1], "int64")
    for first in range(0, count, rows):
        own = slice(first, first + rows)
        for start in range(first, count, rows):
            other = slice(start, start + rows)
            # A padding row is a neighbour of padding rows only.
            down, across = _near(
                ops.convert_to_tensor(padded[:, own]),
                ops.convert_to_tensor(padded[:, other]),
                least,
            )
            found[own] += ops.convert_to_numpy(down)
            if start > first:
                found[other] += ops.convert_to_numpy(across)
    return found[:count]


@compiled
def _near(codes, others, least):
    """Counts, by row and by column, of pairs with `least` equal letters."""
    width, rows = codes.shape
    dtype = np.min_scalar_type(width).name  # Counts letters.

    def compare(turn, equal):
        # XLA fuses these into one pass over `equal` if each letter is a slice.
        for letter in range(_COLUMNS):
            start = (turn * _COLUMNS + letter, 0)
            own = ops.slice(codes, start, (1, rows))[0]
            other = ops.slice(others, start, (1, others.shape[1]))[0]
            same = own[:, None] == other[None]
            equal = equal + ops.cast(same, dtype)
        return equal

    equal = ops.zeros((rows, others.shape[1]), dtype)
    equal = ops.fori_loop(0, width // _COLUMNS, compare, equal)
    near = ops.cast(equal >= ops.cast(least, dtype), "int32")
    return ops.sum(near, axis=1), ops.sum(near, axis=0)
