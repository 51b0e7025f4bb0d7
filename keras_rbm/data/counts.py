"""Intensities as counts, for units that are sums of binary units."""

import numpy as np

from keras_rbm.data.checks import check_integer, to_float
from keras_rbm.data.dataset import Data, check_is_data, check_no_picture, mapped
from keras_rbm.data.picture import Picture


def counts(data: Data, trials: int = 2) -> Data:
    """Returns intensities x as counts, trials x, for `Binomial` units.

    A `Binomial` unit is a sum of `trials` binary copies. The intensity x is the
    mean of each copy, and the count is the mean of their sum. It is not
    rounded.

    Args:
        data: A `Data` of intensities from 0 to 1.
        trials: Number of copies, 2 or more.

    Returns:
        A `Data` of float32 arrays of the same shapes.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        twice = keras_rbm.data.counts(keras_rbm.data.digits(), trials=2)
        rbm = keras_rbm.RBM(keras_rbm.Binomial(twice.width, 2), 64, seed=0)
    """
    check_is_data(data)
    check_no_picture(data)
    trials = check_integer(trials, "trials", 2)

    def multiplied(x):
        x = to_float(x)
        if x.min() < 0 or x.max() > 1:
            raise ValueError(
                "`data` must hold intensities from 0 to 1. Scale them. "
                f"Received: {data.name} from {x.min():g} to {x.max():g}"
            )
        return trials * x

    return mapped(
        data,
        multiplied,
        f"{data.name}, {trials} times",
        Picture(np.eye(data.width) / trials),
    )
