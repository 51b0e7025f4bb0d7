"""Bit-exact arrays in JSON: their `.npy` bytes as base64 text."""

import base64
import io

import numpy as np

from keras_rbm.typing import Array


def encode(x: Array) -> str:
    """Converts an array to text: base64 of the bytes of `numpy.save`.

    Args:
        x: Array or tensor of numbers.

    Returns:
        Text for `decode`.
    """
    file = io.BytesIO()
    np.save(file, np.asarray(x), allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode("ascii")


def decode(text: str) -> np.ndarray:
    """Returns the array from the text of `encode`, with its shape and dtype.

    Args:
        text: Text from `encode`.

    Returns:
        Array.

    Raises:
        ValueError: If the text does not encode an array.
    """
    data = base64.b64decode(text, validate=True)
    return np.load(io.BytesIO(data), allow_pickle=False)
