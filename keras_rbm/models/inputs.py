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
            none, or fewer than `batch_size`; or if weights of a data set are
            negative or not numbers.
    """
    if is_dataset(x):
        for batch in x.take(1):
            _checked(batch, units, name)
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


def check_weight(weight, count, name="sample_weight"):
    """Checks the weights of examples.

    Args:
        weight: Array of shape `(count,)`, or `None`.
        count: Number of examples.
        name: The argument's name, for errors.

    Raises:
        ValueError: If a weight is missing, negative or not a finite number.
    """
    if weight is None:
        return
    weight = np.asarray(weight)
    if weight.shape != (count,) or weight.dtype.kind not in "fbui":
        raise ValueError(
            f"`{name}` must have a number for each example, shape ({count},). "
            f"Received: {name}.shape={weight.shape}, {name}.dtype="
            f"{weight.dtype}"
        )
    # Written so that NaN, for which every comparison fails, is an error.
    wrong = ~((weight >= 0) & np.isfinite(weight))
    if wrong.any():
        row = np.argmax(wrong)
        raise ValueError(
            f"`{name}` must hold finite numbers that are not negative; "
            f"{wrong.sum()} of {count} are not such. Received: "
            f"{name}[{row}]={weight[row]}"
        )


def mean(x, units, name="x", sample_weight=None):
    """Mean of the examples, sum_i w_i x_i / sum_i w_i.

    Args:
        x: Array or data set as for `check`, of which the first 100 batches
            are used, with the weights that it has.
        units: `Units` that the examples must be states of.
        name: The argument's name, for errors.
        sample_weight: Weights of the examples of an array, of shape
            `(examples,)`, or `None` for ones.

    Returns:
        `float64` array of shape `(units.width,)`.

    Raises:
        ValueError: If the data cannot be states of the units, or their
            weights cannot be such.
    """
    check(x, units, name)
    if is_dataset(x):
        batches = (_checked(b, units, name) for b in x.take(_MEAN_BATCHES))
    else:
        check_weight(sample_weight, len(x))
        batches = [(np.asarray(x), sample_weight)]
    total, count = 0.0, 0.0
    for v, weight in batches:
        if weight is None:
            total, count = total + v.sum(0, dtype="float64"), count + len(v)
        else:
            weight = np.asarray(weight, "float64")
            total, count = total + weight @ v, count + weight.sum()
    if not count:
        raise ValueError(
            "`sample_weight` must be positive for some of the examples. "
            "Received: sample_weight=0 for all"
        )
    return total / count


def states(x, units, batch_size, name="v"):
    """Batches of examples that are states of the units, and not means.

    Args:
        x: Array of shape `(examples, units.width)`, or a finite
            `tf.data.Dataset` of batches of them.
        units: `Units` that the examples must be states of.
        batch_size: The largest number of examples in a batch.
        name: The argument's name, for errors.

    Yields:
        Arrays of shape `(up to batch_size, units.width)`.

    Raises:
        ValueError: If the data are not states, or have no end.
    """
    check(x, units, name)
    if not is_dataset(x):
        x = np.asarray(x)
        units.check_states(x, name)
        batches = [x]
    elif x.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"`{name}` must come to an end. Received a tf.data.Dataset that "
            f"repeats for ever: take a part, `{name}.take(100)`."
        )
    else:
        batches = _joined(x, units, batch_size, name)
    for batch in batches:
        for first in range(0, len(batch), batch_size):
            yield batch[first : first + batch_size]


def _joined(dataset, units, count, name):
    """The states of a data set, small batches joined to `count` or more."""
    parts, rows = [], 0
    for batch in dataset:
        part = _examples(batch).numpy()
        units.check_states(part, f"a batch of {name}")
        parts.append(part)
        rows += len(part)
        if rows >= count:
            # What is beyond a multiple of `count` waits for the next part.
            whole = np.concatenate(parts)
            yield whole[: rows - rows % count]
            parts, rows = [whole[rows - rows % count :]], rows % count
    if rows:
        yield np.concatenate(parts)


def _checked(batch, units, name):
    """Examples and weights of a batch of a data set, as arrays."""
    v, weight = _examples(batch).numpy(), None
    units.check(v, f"a batch of {name}")
    if isinstance(batch, tuple) and len(batch) == 3:
        weight = batch[2].numpy()
        check_weight(weight, len(v))
    return v, weight


def _examples(batch):
    return batch[0] if isinstance(batch, tuple) else batch
