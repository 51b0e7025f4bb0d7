"""What comes into a model from outside: checks of data."""

import contextlib
from numbers import Real

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import checks
from keras_rbm.models import stream_checks


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
        stream_checks.check_structure(x, name)
        for _ in batches_of(x.take(1), units, name):
            return
        raise ValueError(
            f"`{name}` must have at least one batch. Received an empty "
            "data set."
        )
    x = _array(x, units, name)
    if batch_size is not None and len(x) < batch_size:
        raise ValueError(
            f"`{name}` must have at least as many examples as a batch. "
            f"Lower `batch_size`. Received: {name}.shape={x.shape}, "
            f"batch_size={batch_size}"
        )


def checked(x, units, name):
    """Returns `x`, checked as far as it is known.

    Args:
        x: Array or tensor of shape `(examples, units.width)`.
        units: `Units` that the examples must be states of.
        name: The argument's name, for errors.

    Returns:
        `x` if a tensor, else an array. Of symbols the width alone is checked.

    Raises:
        ValueError: If the data cannot be states of the units.
    """
    symbolic = isinstance(x, tf.Tensor) and not hasattr(x, "numpy")
    if symbolic or isinstance(x, keras.KerasTensor):
        if not len(x.shape) or x.shape[-1] not in (None, units.width):
            raise ValueError(
                f"`{name}` must have shape (examples, {units.width}), one "
                f"column for each visible unit. Received: {name}.shape="
                f"{tuple(x.shape)}"
            )
        return x
    array = _array(x, units, name)
    return x if keras.ops.is_tensor(x) else array


def called(x, units, name):
    """`checked`, of what a layer is called with: lists of numbers, too."""
    numbers = isinstance(x, list | tuple) and all(
        isinstance(value, Real) for value in tf.nest.flatten(x)
    )
    if numbers:
        with contextlib.suppress(ValueError):  # Of rows that differ in length.
            x = np.asarray(x)
    return checked(x, units, name)


def check_weight(weight, count, name="sample_weight"):
    """Checks the weights of examples.

    Args:
        weight: Array of shape `(count,)`, or `None`.
        count: Number of examples.
        name: The argument's name, for errors.

    Raises:
        ValueError: If a weight is missing, negative or not a finite number,
            or so large or small that float32 could not sum it.
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
    positive = weight[weight > 0]
    if positive.size and not 1e-30 <= positive.min() <= positive.max() <= 1e30:
        raise ValueError(
            f"`{name}` must hold 0, or numbers from 1e-30 to 1e30, which can "
            f"be summed. Received: {name} from {positive.min()} to "
            f"{positive.max()}"
        )


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
    for part, _ in batches_of(dataset, units, name):
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


def batches_of(dataset, units, name):
    """Examples and weights of the batches of a data set, as arrays."""
    with stream_checks.told(name):
        for batch in dataset:
            v, weight = _examples(batch).numpy(), None
            units.check(v, f"a batch of {name}")
            if isinstance(batch, tuple) and len(batch) == 3:
                weight = batch[2].numpy()
                check_weight(weight, len(v))
            yield v, weight


def _examples(batch):
    return batch[0] if isinstance(batch, tuple) else batch


def array(x, units, name):
    """Examples as an array whose shape and values are not checked yet."""
    try:
        if not hasattr(x, "__array__"):
            raise TypeError
        if hasattr(x, "shape"):
            checks.in_memory(name, x.shape)
        masked = np.ma.is_masked(x)
        x = np.asarray(x)
        if x.dtype.name == "bfloat16":  # No number to NumPy itself.
            x = x.astype("float32")
    except (TypeError, RuntimeError, NotImplementedError) as error:
        raise ValueError(
            f"`{name}` must be an array of shape (examples, {units.width}) "
            "or a tf.data.Dataset of batches. Received: "
            f"type({name})={type(x).__name__}"
        ) from error
    if masked or (x.dtype.kind == "f" and x.dtype.itemsize > 8):
        raise ValueError(
            f"`{name}` must be of numbers that TensorFlow knows, of up to 64 "
            "bits, and none masked. Convert it to float32. Received: "
            f"{name}.dtype={x.dtype}" + masked * ", masked"
        )
    return x


def _array(x, units, name):
    x = array(x, units, name)
    units.check(x, name)
    return x
