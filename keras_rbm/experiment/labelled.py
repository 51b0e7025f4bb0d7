"""Data of rows (x, one-hot y), taken apart."""

import dataclasses

import numpy as np

from keras_rbm import checks

_SPLITS = ("train", "validation", "test")


def features(data, num_classes):
    """The same data without their labels.

    Args:
        data: A `keras_rbm.data.Data` of rows (x, one-hot y).
        num_classes: Number of classes, the last columns.

    Returns:
        A `Data` of the first columns, and `num_classes` as an `int`.

    Raises:
        ValueError: If the last columns are not one-hot.
    """
    num_classes = checks.positive_integer("num_classes", num_classes)
    if num_classes >= data.width:
        raise ValueError(
            "`num_classes` must leave columns that are no labels. Received: "
            f"num_classes={num_classes}, data.width={data.width}"
        )
    found = {}
    for split in _SPLITS:
        x = getattr(data, split)
        if x is None:
            continue
        labels = x[:, -num_classes:]
        one = 255 if x.dtype == np.uint8 else 1
        if not (
            np.isin(labels, (0, one)).all()
            and (labels.astype("int64").sum(axis=1) == one).all()
        ):
            raise ValueError(
                "`data` must be rows (x, one-hot y), such as those of "
                f"mnist(num_classes={num_classes}). Received: data.{split} "
                f"with other values in the last {num_classes} columns"
            )
        found[split] = x[:, :-num_classes]
    picture = data.picture
    if picture is not None:
        picture = picture._replace(matrix=picture.matrix[:-num_classes])
        matrix = picture.matrix
        if not np.any(picture.offset) and _is_identity(matrix):
            picture = None
    return dataclasses.replace(data, picture=picture, **found), num_classes


def splitter(num_classes):
    """Function that takes batches of rows apart, into x and one-hot y."""
    return lambda rows: (rows[:, :-num_classes], rows[:, -num_classes:])


def _is_identity(matrix):
    return len(set(matrix.shape)) == 1 and not np.any(
        matrix - np.eye(len(matrix), dtype=matrix.dtype)
    )
