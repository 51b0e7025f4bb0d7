"""Examples with their labels, as rows (x, one-hot y)."""

import numpy as np

from keras_rbm.data.checks import check_examples, check_integer
from keras_rbm.data.picture import Picture


def with_labels(x, y, num_classes):
    """Returns rows (x, one-hot y), as a `ClassRBM` has its examples.

    Of uint8 intensities, in units of 1/255, the one of a label is 255.

    Args:
        x: Array of shape `(examples, width)`, uint8 or floating.
        y: Integers from 0 to `num_classes - 1`, of shape `(examples,)`.
        num_classes: Number of classes, 2 or more.

    Returns:
        Array of shape `(examples, width + num_classes)`: uint8 where `x` is,
        else float32.

    Raises:
        ValueError: If `x` cannot be examples, or `y` their labels.
    """
    x = check_examples(x, "x")
    num_classes = check_integer(num_classes, "num_classes", 2)
    y = np.asarray(y)
    if y.shape != (len(x),) or y.dtype.kind not in "ui":
        raise ValueError(
            "Argument `y` must be integers, one for each example, of shape "
            f"({len(x)},). Received: y.shape={y.shape}, y.dtype={y.dtype}"
        )
    if y.min() < 0 or y.max() >= num_classes:
        raise ValueError(
            f"Argument `y` must be labels from 0 to {num_classes - 1}, of "
            f"{num_classes} classes. Received: num_classes={num_classes}, y "
            f"from {y.min()} to {y.max()}"
        )
    one = 255 if x.dtype == np.uint8 else 1
    one_hot = (one * np.eye(num_classes)).astype(x.dtype)
    return np.concatenate([x, one_hot[y]], axis=1)


def picture(x, num_classes):
    """The `Picture` of rows that `with_labels` made: without their labels.

    Args:
        x: Array of shape `(examples, width + num_classes)`.
        num_classes: Number of classes; 0 gives `None`.

    Returns:
        A `Picture` of `width` pixels, or `None`.
    """
    if not num_classes:
        return None
    width = x.shape[1]
    return Picture(np.eye(width, width - num_classes, dtype="float32"))
