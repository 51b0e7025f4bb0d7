"""Bit-exact arrays in JSON, as base64 of their `.npy` bytes, and numbers."""

import base64
import io
from typing import Any

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
    x = np.load(io.BytesIO(data), allow_pickle=False)
    # In a `.npy` file, bfloat16 numbers, which NumPy does not know by itself,
    # are pairs of bytes without a dtype.
    return x.view("bfloat16") if x.dtype == np.dtype("V2") else x


def number(value: Any) -> int | float | bool:
    """Converts a NumPy scalar to a Python number.

    Pass this function to `json.dumps` as the argument `default`.

    Args:
        value: A NumPy scalar.

    Raises:
        TypeError: If `value` is anything else.
    """
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        "Values must be numbers, texts, lists or dicts to be written as JSON: "
        "convert this value first. Received: an object of type "
        f"{type(value).__name__}"
    )
