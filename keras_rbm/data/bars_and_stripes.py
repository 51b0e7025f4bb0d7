"""Bars and stripes: a small data set whose distribution is known exactly."""

from typing import Literal

import numpy as np

from keras_rbm.data.checks import check_integer
from keras_rbm.data.dataset import Data

_PATTERNS = ("distinct", "all", "first")


def bars_and_stripes(
    size: int = 4,
    patterns: Literal["distinct", "all", "first"] = "distinct",
    num_patterns: int | None = None,
) -> Data:
    """Returns square images of rows, or of columns, that are on or off.

    For `number` = 1, 2, 3, ... there are two patterns, first of columns, then
    of rows. Line i is on if bit i of `number` is set (bit 0 is the lowest). The
    full image therefore comes last, twice; the empty image, number 0, is left
    out. `patterns` selects the result:

    - `"distinct"`: every pattern once, `2**(size + 1) - 2` in all;
    - `"all"`: every number in both directions, `2**(size + 1)` patterns in all;
      the empty and the full image come twice;
    - `"first"`: the first `num_patterns` of the sequence above.

    All returned patterns have the same probability and are the whole
    distribution: there is no validation or test split.

    Args:
        size: Number of rows and of columns of an image, from 2 to 12.
        patterns: `"distinct"`, `"all"` or `"first"`.
        num_patterns: An even number from 2 to `2 * 2**size - 2`, for
            `"first"`; else `None`.

    Returns:
        A `Data` whose `train` is a float32 array of zeros and ones, of shape
        `(patterns, size * size)`, with `image_shape=(size, size)`.

    Raises:
        ValueError: If an argument is not as described.

    Reference:
        - MacKay, 2003, Information Theory, Inference, and Learning
          Algorithms, section 43.
        - The sequence comes from Christian Brack's code for restricted
          Boltzmann machines, with 20 patterns of 6 x 6.

    Example:
        bars = keras_rbm.data.bars_and_stripes(4)
        plots.images(bars.train, bars.image_shape)
    """
    size = check_integer(size, "size", 2, 12)
    if not isinstance(patterns, str) or patterns not in _PATTERNS:
        raise ValueError(
            f"Argument `patterns` must be one of {_PATTERNS}. "
            f"Received: patterns={patterns!r}"
        )
    sequence = _sequence(size)
    if patterns == "first":
        maximum = len(sequence)
        wanted = check_integer(num_patterns, "num_patterns", 2, maximum)
        if wanted % 2:
            raise ValueError(
                "Argument `num_patterns` must be even: every number gives "
                f"two images. Received: num_patterns={num_patterns}"
            )
        x = sequence[:wanted]
    elif num_patterns is not None:
        raise ValueError(
            'Argument `num_patterns` must be None unless patterns="first". '
            f"Received: num_patterns={num_patterns}, patterns={patterns!r}"
        )
    else:
        empty = np.zeros_like(sequence[:1])
        if patterns == "distinct":
            x = np.concatenate([empty, sequence[:-1]])
        else:
            x = np.concatenate([empty, empty, sequence])
    return Data("bars_and_stripes", x, image_shape=(size, size))


def _sequence(size):
    numbers = np.arange(1, 2**size)
    lines = (numbers[:, None] >> np.arange(size)) & 1  # bit i of each number
    rows = np.repeat(lines[:, :, None], size, axis=2)
    images = np.stack([rows.transpose(0, 2, 1), rows], axis=1)
    return images.reshape(-1, size * size).astype(np.float32)
