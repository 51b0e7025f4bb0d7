"""What comes into a model from outside: checks and means of data."""

import numpy as np
import tensorflow as tf

# How many batches of a data set are looked at for a mean.
_MEAN_BATCHES = 100


def is_dataset(x):
    """Whether `x` is a `tf.data.Dataset` of batches."""
    return isinstance(x, tf.data.Dataset)


def check(x, units, name, batch_size=None):
    """Checks data before any work is done on them.

    All values of an array are looked at, and the first batch of a
    `tf.data.Dataset`.

    Args:
        x: Array of shape `(examples, units.width)`, or a `tf.data.Dataset` of
            batches of them, alone or as (x, y) or (x, y, sample_weight).
        units: `Units` that the examples must be states of.
        name: The argument's name, for errors.
        batch_size: Number of examples in a batch, or `None`.

    Raises:
        ValueError: If the data cannot be states of the units, if there are
            none, or fewer than `batch_size`.
    """
    if is_dataset(x):
        for batch in x.take(1):
            units.check(_examples(batch).numpy(), f"a batch of {name}")
            return
        raise ValueError(
            f"`{name}` must have at least one batch. Received an empty "
            "data set."
        )
    if not hasattr(x, "__array__"):
        raise ValueError(
            f"`{name}` must be an array of shape (examples, {units.width}) "
            "or a tf.data.Dataset of batches. Received: "
            f"type({name})={type(x).__name__}"
        )
    x = np.asarray(x)
    units.check(x, name)
    if batch_size is not None and len(x) < batch_size:
        raise ValueError(
            f"`{name}` must have at least as many examples as a batch. "
            f"Lower `batch_size`. Received: {name}.shape={x.shape}, "
            f"batch_size={batch_size}"
        )


def mean(x, units, name="x"):
    """Mean of the examples.

    Args:
        x: Array or data set as for `check`, of which the first 100 batches
            are used.
        units: `Units` that the examples must be states of.
        name: The argument's name, for errors.

    Returns:
        `float64` array of shape `(units.width,)`.

    Raises:
        ValueError: If the data cannot be states of the units.
    """
    check(x, units, name)
    if not is_dataset(x):
        return np.mean(np.asarray(x), axis=0, dtype="float64")
    total, count = 0.0, 0
    for batch in x.take(_MEAN_BATCHES):
        v = _examples(batch).numpy()
        units.check(v, f"a batch of {name}")
        total, count = total + v.sum(axis=0, dtype="float64"), count + len(v)
    return total / count


def _examples(batch):
    return batch[0] if isinstance(batch, tuple) else batch
