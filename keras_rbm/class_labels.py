"""Labels of classes, as arrays."""

import numpy as np


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
