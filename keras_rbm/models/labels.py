"""Labels as part of the examples: rows (x, one-hot y)."""

import keras
import numpy as np
import tensorflow as tf

from keras_rbm.models import inputs


def one_hot(y, num_classes, num_examples, name="y"):
    """Labels as rows of zeros and a one.

    Args:
        y: Integers from 0 to `num_classes - 1`, of shape `(examples,)`; or
            rows that are one-hot already, `(examples, num_classes)`.
        num_classes: Number of classes.
        num_examples: Number of examples that the labels are for.
        name: The argument's name, for errors.

    Returns:
        `float32` array of shape `(examples, num_classes)`.

    Raises:
        ValueError: If the labels are not such.
    """
    try:
        y = np.asarray(y)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        y = np.array(None)
    rows = y.shape == (num_examples, num_classes) and y.dtype.kind in "fbui"
    integers = y.shape == (num_examples,) and y.dtype.kind in "ui"
    if not rows and not integers:
        raise ValueError(
            f"`{name}` must be a label for each example: integers from 0 to "
            f"{num_classes - 1} of shape ({num_examples},), or one-hot rows "
            f"of shape ({num_examples}, {num_classes}). Received: "
            f"{name}.shape={y.shape}, {name}.dtype={y.dtype}"
        )
    if rows:
        # Written so that NaN, for which every comparison fails, is an error.
        wrong = ~((y == 0) | (y == 1)).all(axis=1) | (y.sum(axis=1) != 1)
    else:
        wrong = (y < 0) | (y >= num_classes)
    if wrong.any():
        row = np.argmax(wrong)
        kind = "one-hot" if rows else f"from 0 to {num_classes - 1}"
        raise ValueError(
            f"`{name}` must be {kind} in every row; {wrong.sum()} of "
            f"{num_examples} are not. Received: {name}[{row}]={y[row]}"
        )
    return y.astype("float32") if rows else np.eye(num_classes, dtype="f4")[y]


def joined(x, y, features, num_classes, name="x", label_name="y"):
    """Rows (x, one-hot y), as a `ClassRBM` has its examples.

    Args:
        x: Array of shape `(examples, features.width)`.
        y: As for `one_hot`.
        features: `Units` that `x` must be states of.
        num_classes: Number of classes.
        name: The name of `x`, for errors.
        label_name: The name of `y`, for errors.

    Returns:
        Array of shape `(examples, features.width + num_classes)`.

    Raises:
        ValueError: If the features cannot be states of the units, or the
            labels are not such.
    """
    inputs.check(x, features, name)
    x = np.asarray(x)
    y = one_hot(y, num_classes, len(x), label_name)
    kind = x.dtype if x.dtype.kind == "f" else "float32"
    return np.concatenate([x.astype(kind), y.astype(kind)], axis=1)


def joined_dataset(dataset, features, num_classes):
    """A data set of (x, y) or (x, y, weight), with x and y joined.

    One whose examples are joined already is given back as it is. Labels that
    are out of range become rows that are not one-hot, which no `Softmax` can
    stand for.

    Args:
        dataset: A `tf.data.Dataset` of batches.
        features: `Units` of x.
        num_classes: Number of classes.

    Returns:
        A `tf.data.Dataset` of v, or of (v, 0, weight).

    Raises:
        ValueError: If y are neither integers nor rows of `num_classes`.
    """
    spec = dataset.element_spec
    if (
        not isinstance(spec, tuple)
        or len(spec) not in (2, 3)
        or not isinstance(spec[0], tf.TensorSpec)
        or spec[0].shape.rank != 2
        or spec[0].shape[-1] != features.width
    ):
        return dataset
    y = spec[1]
    rows = y.shape.rank == 2 and y.shape[-1] == num_classes
    if not rows and not (y.shape.rank == 1 and y.dtype.is_integer):
        raise ValueError(
            "`x` must be a data set of (x, y) whose labels are integers, or "
            f"one-hot rows of {num_classes} columns. Received: "
            f"x.element_spec={spec}"
        )

    def join(x, y, *weight):
        kind = x.dtype if x.dtype.is_floating else tf.float32
        y = tf.cast(y, kind) if rows else tf.one_hot(y, num_classes, dtype=kind)
        v = tf.concat([tf.cast(x, kind), y], axis=1)
        return (v, tf.zeros_like(weight[0]), *weight) if weight else v

    return dataset.map(join)


def validation(given, features, num_classes):
    """`validation_data` with x and y joined, as `UnsupervisedModel` wants it.

    Args:
        given: (x, y), (x, y, weight), (v,) of rows that are joined already,
            or a data set.
        features: `Units` of x.
        num_classes: Number of classes.

    Returns:
        (v,), (v, None, weight), or a data set; anything else as it came.
    """
    if inputs.is_dataset(given):
        return joined_dataset(given, features, num_classes)
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        return given
    x, y, *weight = given
    names = "validation_data[0]", "validation_data[1]"
    v = joined(x, y, features, num_classes, *names)
    return (v, None, *weight) if weight else (v,)


def features_of(x, features, name="x"):
    """Features alone, checked, as an array or tensor: see `inputs.checked`."""
    return keras.ops.convert_to_tensor(inputs.checked(x, features, name))
