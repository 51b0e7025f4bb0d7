"""Grey levels as categories, for softmax units."""

import numpy as np

from keras_rbm.data.checks import check_integer, to_float
from keras_rbm.data.dataset import Data, check_is_data, check_no_picture, mapped
from keras_rbm.data.picture import Picture


def categorical(data: Data, levels: int = 4) -> Data:
    """Returns the data with each pixel as one of some grey levels, one-hot.

    Level k of K is that of intensities from k / K to (k + 1) / K, and is
    shown as k / (K - 1). Columns are ordered by pixel, then by level, as
    `Softmax(pixels, levels)` has them.

    Args:
        data: A `Data` of intensities from 0 to 1.
        levels: K, from 2 to 256.

    Returns:
        A `Data` of uint8 arrays of shape `(examples, pixels * levels)`, 255
        for 1.

    Raises:
        ValueError: If an argument is not as described.
    """
    check_is_data(data)
    check_no_picture(data)
    levels = check_integer(levels, "levels", 2, 256)

    def one_hot(x):
        x = to_float(x)
        if x.min() < 0 or x.max() > 1:
            raise ValueError(
                "`data` must hold intensities from 0 to 1. Scale them. "
                f"Received: {data.name} from {x.min():g} to {x.max():g}"
            )
        level = np.minimum((x * levels).astype("uint8"), levels - 1)
        hot = level[:, :, None] == np.arange(levels)
        return np.where(hot, 255, 0).astype("uint8").reshape(len(x), -1)

    greys = np.linspace(0.0, 1.0, levels)
    return mapped(
        data,
        one_hot,
        f"{data.name}, {levels} levels",
        Picture(np.kron(np.eye(data.width), greys[:, None])),
    )
