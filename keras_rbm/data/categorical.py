"""One-hot categories for `Softmax` units."""

import numpy as np

from keras_rbm import checks
from keras_rbm import rows as rows_lib
from keras_rbm.data.checks import check_integer, to_float
from keras_rbm.data.dataset import Data, check_is_data, check_no_picture, mapped
from keras_rbm.data.picture import Picture
from keras_rbm.rows import Rows
from keras_rbm.typing import Array


def one_hot(x: Array, num_categories: int) -> np.ndarray | Rows:
    """Returns integer categories as one-hot rows, side by side.

    Column k of site i is 1 if x_i = k, as in states of `Softmax(sites,
    num_categories)`.

    Args:
        x: Array of integers from 0 to `num_categories - 1`, of shape
            `(examples, sites)`, or `(examples,)` for one site; or a sparse
            matrix, a memory-mapped array or `keras_rbm.rows.Rows`.
        num_categories: Number of categories of each site, 2 or more.

    Returns:
        `float32` array of shape `(examples, sites * num_categories)`; for
        sparse or memory-mapped data, `Rows` that are converted when needed.

    Raises:
        ValueError: If `x` holds anything else.

    Example:
        x = keras_rbm.data.one_hot([[0, 2], [1, 1]], 3)  # Of shape (2, 6).
        rbm = keras_rbm.RBM(keras_rbm.Softmax(2, 3), 16)
    """
    num_categories = check_integer(num_categories, "num_categories", 2)
    x = rows_lib.of("x", x)
    if isinstance(x, Rows):
        return x.map(
            lambda part: one_hot(part, num_categories),
            x.shape[1] * num_categories,
            "float32",
        )
    x = np.asarray(checks.from_frame("x", x))
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or x.dtype.kind not in "fbui":
        raise ValueError(
            "`x` must hold integers, of shape (examples, sites). Received: "
            f"x.shape={x.shape}, x.dtype={x.dtype}"
        )
    # Negated, so that NaN, for which every comparison fails, is an error.
    wrong = ~((x >= 0) & (x < num_categories) & (x == np.floor(x)))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"`x` must hold integers from 0 to {num_categories - 1}; "
            f"{wrong.sum()} of {wrong.size} values are not such. Received: "
            f"x[{row}, {column}]={x[row, column]}"
        )
    checks.in_memory("x", (*x.shape, num_categories))
    hot = x[:, :, None] == np.arange(num_categories)
    return hot.reshape(len(x), -1).astype("float32")


def categorical(data: Data, levels: int = 4) -> Data:
    """Returns the data with pixels as one-hot grey levels.

    Level k of K stands for intensities from k / K to (k + 1) / K, and is
    displayed as k / (K - 1). Columns are ordered by pixel, then by level, as in
    states of `Softmax(pixels, levels)`.

    Args:
        data: A `Data` of intensities from 0 to 1.
        levels: K, from 2 to 256.

    Returns:
        A `Data` of uint8 arrays of shape `(examples, pixels * levels)`, where
        255 stands for 1.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        greys = keras_rbm.data.categorical(keras_rbm.data.digits(), levels=4)
        rbm = keras_rbm.RBM(greys.visible, 64, seed=0)  # Of Softmax units.
    """
    check_is_data(data)
    check_no_picture(data)
    levels = check_integer(levels, "levels", 2, 256)

    def levels_of(x):
        x = to_float(x)
        if x.min() < 0 or x.max() > 1:
            raise ValueError(
                "`data` must hold intensities from 0 to 1. Scale them. "
                f"Received: {data.name} from {x.min():g} to {x.max():g}"
            )
        # A cast of 256 to uint8 would give 0.
        level = np.minimum(x * levels, levels - 1).astype("uint8")
        hot = level[:, :, None] == np.arange(levels)
        return np.where(hot, 255, 0).astype("uint8").reshape(len(x), -1)

    greys = np.linspace(0.0, 1.0, levels)
    return mapped(
        data,
        levels_of,
        f"{data.name}, {levels} levels",
        Picture(np.kron(np.eye(data.width), greys[:, None])),
        levels,
    )
