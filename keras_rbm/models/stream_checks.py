"""Batches of a data set, looked at as they come."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from keras_rbm.units.domain import Domain

# What an assertion in the pipeline is known by.
_MARK = "keras_rbm refuses a batch"


def check_structure(dataset, name):
    """Checks what a data set says of its batches, without taking one.

    Args:
        dataset: A `tf.data.Dataset`.
        name: The argument's name, for the error.

    Raises:
        ValueError: If its elements are not v, (v, y) or (v, y, weight), each
            a dense tensor and v one of real numbers.
    """
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    kind = parts[0].dtype if parts and hasattr(parts[0], "dtype") else None
    if (
        not 1 <= len(parts) <= 3
        or not all(isinstance(part, tf.TensorSpec) for part in parts)
        or not (kind.is_floating or kind.is_integer or kind.is_bool)
    ):
        raise ValueError(
            f"`{name}` must be a data set of batches v, (v, y) or (v, y, "
            "weight), of dense tensors of real numbers. Map it to such. "
            f"Received: {name}.element_spec={spec}"
        )


def check_end(dataset, name, steps, steps_name):
    """Refuses a data set without an end that nothing else ends.

    Args:
        dataset: A `tf.data.Dataset`, or anything else, which is left alone.
        name: Its name, for the error.
        steps: Number of batches to take, or `None` for all.
        steps_name: The name of that argument.

    Raises:
        ValueError: If it would go on for ever.
    """
    if (
        steps is None
        and isinstance(dataset, tf.data.Dataset)
        and dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    ):
        raise ValueError(
            f"`{name}` must come to an end, or `{steps_name}` say how many "
            f"batches to take. Received: {steps_name}=None, with a "
            "tf.data.Dataset that repeats for ever"
        )


def is_known(dataset, units):
    """Whether all batches are known to be of states of the units.

    Args:
        dataset: A `tf.data.Dataset`; that of `data.batches` has an attribute
            `bounds`, the least and the largest value of checked data, which
            what is made of it does not inherit.
        units: `Units` that the examples must be states of.
    """
    lowest, highest = getattr(dataset, "bounds", (-np.inf, np.inf))
    spec = dataset.element_spec
    return (
        np.isfinite(lowest)
        and np.isfinite(highest)
        and type(units).fits is Domain.fits  # That looks at bounds alone.
        and np.all(np.asarray(units.support[0]) <= lowest)
        and np.all(highest <= np.asarray(units.support[1]))
        and isinstance(spec, tf.TensorSpec)
        and spec.shape[-1] == units.width
    )


def guarded(dataset, units):
    """The data set, whose batches are checked on their way.

    Only the first one can be looked at before training. A later one that is
    not of states of the units ends the data set with an error, which `told`
    makes a `ValueError` of, before any update has seen it.

    Args:
        dataset: A `tf.data.Dataset` that `check_structure` accepts, of
            batches or of blocks of them, `(steps, batch, width)`.
        units: `Units` that the examples must be states of.

    Returns:
        A `tf.data.Dataset` of the same elements.
    """

    def look(*batch):
        v, weight = batch[0], batch[2] if len(batch) == 3 else None
        checks = [_look_at_states(v, units)]
        if weight is not None:
            checks.append(_look_at_weights(weight, v))
        with tf.control_dependencies(checks):
            rows = [None] * ((v.shape.rank or 2) - 1)
            v = tf.identity(tf.ensure_shape(v, [*rows, units.width]))
            batch = (v, *batch[1:])
        return batch if is_tuple else batch[0]

    is_tuple = isinstance(dataset.element_spec, tuple)
    return dataset.map(look)


def refusal(fits, reason, *values):
    """An operation that ends a data set with an error that `told` tells.

    Args:
        fits: Boolean tensor, `False` where the batch is refused.
        reason: What must be, and what the values are, which it ends with.
        *values: Tensors.
    """
    return tf.debugging.Assert(fits, [f"{_MARK}: {reason}", *values])


@contextlib.contextmanager
def told(name):
    """Within this context what a pipeline stumbles over is a `ValueError`.

    Args:
        name: The argument's name, for the error.

    Raises:
        ValueError: If a batch was refused, or none could be made.
    """
    try:
        yield
    except tf.errors.OpError as error:
        text = str(error.message)
        if _MARK in text:
            reason = text.partition(f"{_MARK}: ")[2].partition("\n")[0]
            reason, *values = reason.rstrip("]").split("] [")
            raise ValueError(
                f"`{name}` must {reason}: {', '.join(values)}"
            ) from None
        if "IteratorGetNext" in text + str(error):
            lines = [line.strip() for line in text.splitlines()]
            reasons = [line for line in lines if "Error: " in line]
            reason = (reasons or lines)[-1]
            raise ValueError(
                f"`{name}` must give its batches without an error of its "
                f"own. Received: {reason.rpartition('}} ')[2]}"
            ) from error
        raise


def _look_at_states(v, units):
    x = tf.cast(v, "float32")
    # NaN is the least and the largest of any numbers that it is among.
    low, high = tf.reduce_min(x), tf.reduce_max(x)
    width = tf.shape(v)[-1]
    rows = tf.reshape(x, [-1, width])
    # Of another width no column can be compared.
    fits = tf.cond(
        width == units.width,
        lambda: tf.reduce_all(
            units.fits(tf.ensure_shape(rows, [None, units.width]), keras.ops)
        ),
        lambda: False,
    )
    return refusal(
        fits & (width == units.width) & (tf.size(v) > 0),
        f"hold, in each batch, examples of {units.width} columns, "
        f"{units.description}. Received, of a later batch, its shape, least "
        "and largest value",
        tf.shape(v),
        low,
        high,
    )


def _look_at_weights(weight, v):
    x = tf.cast(weight, "float32")
    low, high = tf.reduce_min(x), tf.reduce_max(x)
    return refusal(
        (low >= 0)
        & (high <= 1e30)
        & tf.reduce_all((x == 0) | (x >= 1e-30))
        & tf.reduce_all(tf.equal(tf.shape(weight), tf.shape(v)[:-1])),
        "have, in each batch, a weight for each example, 0 or a number from "
        "1e-30 to 1e30. Received, of a later batch, their shape, least and "
        "largest value",
        tf.shape(weight),
        low,
        high,
    )
