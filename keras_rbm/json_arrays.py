"""Arrays in JSON, to the bit: their `.npy` bytes as base64 text."""

import base64
import io

import numpy as np

from keras_rbm.typing import Array


def encode(x: Array) -> str:
    """The array as text: base64 of what `numpy.save` writes.

    Args:
        x: Array or tensor of numbers.

    Returns:
        Text, which `decode` reads.
    """
    file = io.BytesIO()
    np.save(file, np.asarray(x), allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode("ascii")


def decode(text: str) -> np.ndarray:
    """The array that `encode` has written, of the same shape and dtype.

    Args:
        text: What `encode` returned.

    Returns:
        Array.

    Raises:
        ValueError: If the text is no such array.
    """
    data = base64.b64decode(text, validate=True)
    return np.load(io.BytesIO(data), allow_pickle=False)
