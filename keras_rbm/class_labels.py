"""Labels of classes, as arrays."""

import numpy as np

#: The label of an unlabelled example.
UNLABELLED = -1


def one_hot(y, num_classes, num_examples, name="y", may_miss=False):
    """Converts labels to one-hot rows.

    Args:
        y: Integers from 0 to `num_classes - 1`, of shape `(examples,)`; or
            rows that are one-hot already, `(examples, num_classes)`.
        num_classes: Number of classes.
        num_examples: Number of examples with these labels.
        name: The argument's name, for errors.
        may_miss: Whether examples may have no label: -1, NaN or `None`, or a
            row of NaN. Labels may then be floating-point numbers, which a
            column with NaN needs.

    Returns:
        `float32` array of shape `(examples, num_classes)`, with rows of NaN for
        examples without a label.

    Raises:
        ValueError: If the labels are not as described.
    """
    try:
        y = np.asarray(y)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        y = np.array(None)
    if may_miss:
        y = _as_integers(y)
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
        # Negated, so that NaN, for which every comparison fails, is an error.
        wrong = ~((y == 0) | (y == 1)).all(axis=1) | (y.sum(axis=1) != 1)
    else:
        wrong = (y < 0) | (y >= num_classes)
    lost = np.zeros(len(y), bool)
    if may_miss:
        lost = np.isnan(y).all(axis=1) if rows else y == UNLABELLED
        wrong &= ~lost
    if wrong.any():
        row = np.argmax(wrong)
        kind = "one-hot" if rows else f"from 0 to {num_classes - 1}"
        raise ValueError(
            f"`{name}` must be {kind} in every row; {wrong.sum()} of "
            f"{num_examples} are not. Received: {name}[{row}]={y[row]}"
        )
    found = y.astype("float32") if rows else np.eye(num_classes, dtype="f4")[y]
    if lost.any():
        found[lost] = np.nan
    return found


def _as_integers(y):
    """Converts whole numbers to integers; NaN and `None` become -1."""
    if y.ndim == 1 and y.dtype.kind == "O":
        known = [
            v is not None and type(v).__name__ != "NAType" and v == v for v in y
        ]
        y = np.where(known, y, UNLABELLED)
        kinds = {type(v) for v in y}
        if all(issubclass(k, int | float | np.number) for k in kinds):
            y = y.astype("float64")
    if y.ndim == 1 and y.dtype.kind == "f":
        whole = np.where(np.isnan(y), UNLABELLED, y)
        if np.isfinite(whole).all() and (whole == np.rint(whole)).all():
            return whole.astype("int64")
    return y
