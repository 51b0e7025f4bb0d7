"""Examples with their labels, as rows (x, one-hot y)."""

import numpy as np

from keras_rbm import class_labels
from keras_rbm.data.checks import check_examples, check_integer
from keras_rbm.data.picture import Picture
from keras_rbm.typing import Array, Labels


def with_labels(x: Array, y: Labels, num_classes: int) -> np.ndarray:
    """Returns rows (x, one-hot y), the examples of a `ClassRBM`.

    If `x` holds uint8 intensities, in units of 1/255, a label's 1 becomes 255.

    Args:
        x: Array of shape `(examples, width)`: bits, uint8 or floating.
        y: Integers from 0 to `num_classes - 1`, of shape `(examples,)`, or
            one-hot rows, `(examples, num_classes)`.
        num_classes: Number of classes, 2 or more.

    Returns:
        Array of shape `(examples, width + num_classes)`: uint8 if `x` holds
        intensities of that type, else float32.

    Raises:
        ValueError: If `x` or `y` is not as described.

    Example:
        rows = keras_rbm.data.with_labels(x, y, num_classes=2)
        model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
        energies = model.free_energy(rows)
    """
    x = check_examples(x, "x")
    num_classes = check_integer(num_classes, "num_classes", 2)
    y = class_labels.one_hot(y, num_classes, len(x))
    one = 255 if x.dtype == np.uint8 else 1
    return np.concatenate([x, (one * y).astype(x.dtype)], axis=1)


def picture(x, num_classes):
    """The `Picture` of rows from `with_labels`, without the labels.

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
