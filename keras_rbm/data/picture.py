"""Converts examples that are not intensities to pictures."""

from typing import NamedTuple

import numpy as np

from keras_rbm.data.checks import to_float
from keras_rbm.typing import Array


class Picture(NamedTuple):
    """intensities = x matrix + offset: the picture of an example.

    For data whose columns are not intensities of pixels: whitened images,
    one-hot grey levels, pixels beside labels.

    Attributes:
        matrix: Array of shape `(width, pixels)`.
        offset: Array of shape `(pixels,)`, or a number.

    Example:
        # An example is 16 pixels beside a one-hot label of 2 classes.
        picture = data.Picture(np.eye(18, 16))
        examples = np.concatenate([x, np.eye(2)[np.arange(len(x)) % 2]], axis=1)
        pixels = picture.intensities(examples)
    """

    matrix: np.ndarray
    offset: np.ndarray | float = 0.0

    def intensities(self, x: Array) -> np.ndarray:
        """Intensities of examples, 0 for black and 1 for white.

        Args:
            x: Array of shape `(examples, width)`, uint8 (in units of 1/255)
                or floating.

        Returns:
            Array of shape `(examples, pixels)`.

        Example:
            picture = data.Picture(np.eye(4), offset=0.5)
            pixels = picture.intensities(np.zeros((2, 4)))  # All 0.5: grey.
        """
        return to_float(x) @ self.matrix + self.offset

    def directions(self, x: np.ndarray) -> np.ndarray:
        """Changes of intensities for given changes of examples.

        Args:
            x: Array of shape `(steps, width)`, such as the columns of a
                kernel.

        Returns:
            Array of shape `(steps, pixels)`.

        Example:
            picture = data.Picture(np.eye(4), offset=0.5)
            changes = picture.directions(np.eye(4))  # Without the offset.
        """
        return x @ self.matrix


def check_picture(picture, width):
    """Returns `picture` with arrays of float32.

    Args:
        picture: The value to check.
        width: Number of columns of the data.

    Raises:
        ValueError: If `picture` is not a `Picture` of finite numbers with
            `width` rows.
    """
    try:
        matrix, offset = (np.asarray(x, np.float32) for x in picture)
        fits = (
            isinstance(picture, Picture)
            and matrix.ndim == 2
            and len(matrix) == width
            and offset.shape in ((), matrix.shape[1:])
            and np.isfinite(matrix).all()
            and np.isfinite(offset).all()
        )
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(
            "Argument `picture` must be None or a Picture: a matrix of shape "
            f"(width, pixels) for {width} columns and an offset of shape "
            f"(pixels,), all finite. Received: picture={picture!r}"
        )
    return Picture(matrix, offset)
