"""Labels as part of the examples: rows (x, one-hot y)."""

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import checks, class_labels
from keras_rbm.models import inputs, stream_checks


def joined(x, y, features, num_classes, name="x", label_name="y"):
    """Rows (x, one-hot y), as a `ClassRBM` has its examples.

    Args:
        x: Array of shape `(examples, features.width)`.
        y: As for `class_labels.one_hot`.
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
    y = class_labels.one_hot(y, num_classes, len(x), label_name)
    kind = x.dtype if x.dtype.kind == "f" else "float32"
    return np.concatenate([x.astype(kind), y.astype(kind)], axis=1)


def rows(x, y, features, num_classes, name="x", label_name="y"):
    """Rows (x, one-hot y): made, unless `x` are such already.

    They are where there is no `y`; in a data set, where its batches are not
    pairs of features and labels.

    Args:
        x: Array, or a `tf.data.Dataset` of batches, which has its own labels.
        y: Labels of an array, or `None`.
        features: `Units` of the features.
        num_classes: Number of classes.
        name: The name of `x`, for errors.
        label_name: The name of `y`, for errors.

    Returns:
        As for `joined` or `joined_dataset`; else `x` as it came.

    Raises:
        ValueError: As for these; or if a data set with targets does not say
            how many columns its batches have.
    """
    if not inputs.is_dataset(x):
        if y is None:
            return x
        return joined(x, y, features, num_classes, name, label_name)
    spec = x.element_spec
    pairs = isinstance(spec, tuple) and len(spec) in (2, 3)
    if not pairs or not isinstance(spec[0], tf.TensorSpec):
        return x
    shape = spec[0].shape
    if shape.rank is None or (shape.rank == 2 and shape[-1] is None):
        raise ValueError(
            f"`{name}` must say how many columns its batches have, "
            f"{features.width} of features beside labels or "
            f"{features.width + num_classes} with them. Map it by "
            f"tf.ensure_shape. Received: {name}.element_spec={spec}"
        )
    if shape.rank != 2 or shape[-1] != features.width:
        return x
    return joined_dataset(x, num_classes, name)


def joined_dataset(dataset, num_classes, name="x"):
    """A data set of (x, y) or (x, y, weight), with x and y joined.

    A batch of labels that are not as for `class_labels.one_hot` ends it with
    an error: see `stream_checks.told`.

    Args:
        dataset: A `tf.data.Dataset` of batches.
        num_classes: Number of classes.
        name: The argument's name, for errors.

    Returns:
        A `tf.data.Dataset` of v, or of (v, 0, weight).

    Raises:
        ValueError: If y are neither integers nor rows of `num_classes`.
    """
    y = dataset.element_spec[1]
    dense = isinstance(y, tf.TensorSpec)
    integers = dense and y.shape.rank == 1 and y.dtype.is_integer
    one_hot = dense and y.shape.rank == 2 and y.shape[-1] == num_classes
    if one_hot:
        one_hot = y.dtype.is_floating or y.dtype.is_integer or y.dtype.is_bool
    if not one_hot and not integers:
        raise ValueError(
            f"`{name}` must be a data set of (x, y) whose labels are integers, "
            f"or one-hot rows of {num_classes} columns. Received: "
            f"{name}.element_spec={dataset.element_spec}"
        )

    def join(x, y, *weight):
        kind = x.dtype if x.dtype.is_floating else tf.float32
        y = tf.cast(y, tf.float64 if one_hot else tf.int64)
        with tf.control_dependencies([_look_at(y, num_classes)]):
            y = tf.identity(y)
        if integers:
            y = tf.one_hot(y, num_classes)
        v = tf.concat([tf.cast(x, kind), tf.cast(y, kind)], axis=1)
        return (v, tf.zeros_like(weight[0]), *weight) if weight else v

    return dataset.map(join)


def validation(given, features, num_classes):
    """`validation_data` with x and y joined, as `UnsupervisedModel` wants it.

    Args:
        given: (x, y), (x, y, weight), (v,) or (v, None, weight) of rows that
            are joined already, or a data set.
        features: `Units` of x.
        num_classes: Number of classes.

    Returns:
        (v,), (v, None, weight), or a data set; anything else as it came.
    """
    if inputs.is_dataset(given):
        return rows(given, None, features, num_classes, "validation_data")
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        return given
    x, y, *weight = given
    names = "validation_data[0]", "validation_data[1]"
    v = rows(x, y, features, num_classes, *names)
    return (v, None, *weight) if weight else (v,)


def features_of(x, features, name="x"):
    """Features alone, checked, as an array or tensor: see `inputs.checked`."""
    return keras.ops.convert_to_tensor(inputs.checked(x, features, name))


def of_samples(label, num_samples, num_classes):
    """One-hot labels of samples that are to be drawn.

    Args:
        label: One for all, or one for each.
        num_samples: Number of samples, where there is one for all.
        num_classes: Number of classes.

    Returns:
        `float32` array of shape `(num_samples, num_classes)`.

    Raises:
        ValueError: If labels are not such, or do not fit the number.
    """
    y = np.asarray(label)
    if not y.ndim:
        y = np.full(checks.positive_integer("num_samples", num_samples), y)
    elif num_samples not in (None, len(y)):
        raise ValueError(
            "`num_samples` must be left out where there is a label for each "
            f"sample. Received: num_samples={num_samples}, "
            f"label.shape={y.shape}"
        )
    return class_labels.one_hot(y, num_classes, len(y), "label")


def _look_at(y, num_classes):
    """An operation that refuses a batch of labels that are not such."""
    if y.shape.rank == 1:
        fits = tf.reduce_all((y >= 0) & (y < num_classes))
    else:
        ones = tf.reduce_sum(y, axis=1)
        fits = tf.reduce_all((y == 0) | (y == 1)) & tf.reduce_all(ones == 1)
    return stream_checks.refusal(
        fits,
        f"have, in each batch, labels from 0 to {num_classes - 1}, as integers "
        "or one-hot rows. Received, of a batch, its labels' shape, least and "
        "largest value",
        tf.shape(y),
        tf.reduce_min(y),
        tf.reduce_max(y),
    )
