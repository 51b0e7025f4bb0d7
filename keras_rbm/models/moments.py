"""Mean and variance of the data that a model starts from."""

import numpy as np

from keras_rbm.models import inputs

# How many batches of a data set are looked at.
_MEAN_BATCHES = 100
# Rows that are taken to float64 at once.
_ROWS = 1000


def moments(x, units, name="x", sample_weight=None):
    """Mean and variance of the examples, E[x] and E[x^2] - E[x]^2.

    With E[x] = sum_i w_i x_i / sum_i w_i.

    Args:
        x: Array or data set as for `inputs.check`, of which the first 100
            batches are used, with the weights that it has.
        units: `Units` that the examples must be states of.
        name: The argument's name, for errors.
        sample_weight: Weights of the examples of an array, of shape
            `(examples,)`, or `None` for ones.

    Returns:
        Two `float64` arrays of shape `(units.width,)`.

    Raises:
        ValueError: If the data cannot be states of the units, or their
            weights cannot be such.
    """
    inputs.check(x, units, name)
    if inputs.is_dataset(x):
        batches = inputs.batches_of(x.take(_MEAN_BATCHES), units, name)
    else:
        inputs.check_weight(sample_weight, len(x))
        batches = [(np.asarray(x), sample_weight)]
    total, squares, count = 0.0, 0.0, 0.0
    for v, weight in batches:
        weight = (
            np.ones(len(v)) if weight is None else np.asarray(weight, "float64")
        )
        for first in range(0, len(v), _ROWS):
            part = slice(first, first + _ROWS)
            rows = v[part].astype("float64")
            total = total + weight[part] @ rows
            squares = squares + weight[part] @ np.square(rows)
        count += weight.sum()
    if not count:
        raise ValueError(
            "`sample_weight` must be positive for some of the examples. "
            "Received: sample_weight=0 for all"
        )
    mean = total / count
    return mean, np.maximum(squares / count - np.square(mean), 0.0)
