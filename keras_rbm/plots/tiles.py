"""Arranges many examples in one image."""

import math

import numpy as np

from keras_rbm import checks

# Small tiles are enlarged until their longer side has this many pixels.
_SIDE = 28
# Grey of the lines between tiles and of empty places. It differs from black and
# white, the greys of most pixels, and from the mid-grey of a zero weight.
_LINE = 64
# Colour of a missing pixel, which differs from all greys.
_MISSING = (230, 120, 30)


def grey(x):
    """Greys of intensities: 0 is black, 1 is white.

    Values outside of [0, 1] are clipped; NaN is black.

    Args:
        x: Array of any shape.

    Returns:
        `uint8` array of the same shape.
    """
    x = np.nan_to_num(np.asarray(x, "float32"), nan=0.0)
    return np.rint(255 * np.clip(x, 0, 1)).astype("uint8")


def tile(images, image_shape=None, columns=None):
    """Arranges images in a grid, left to right and top to bottom.

    Lines of one pixel separate and surround the tiles. If the longer side of a
    tile is under 28 pixels, the tile is enlarged by the smallest integer factor
    that makes it at least 28 pixels; each pixel becomes a square, so that edges
    stay sharp.

    Args:
        images: Array of shape `(images, width)`: `uint8`, from `grey`, or
            floating. In floating arrays, the lines are NaN.
        image_shape: `(rows, columns)` of an image, whose product is `width`;
            or `(rows, columns, channels)`, for channels side by side. `None`,
            for data that are not images, arranges the values row by row in a
            near-square; empty places in its last row look like lines.
        columns: Number of tiles in a row. `None` for the number that makes
            the picture nearly square.

    Returns:
        Array of shape `(height, width)`, in pixels, of the type of `images`.

    Raises:
        ValueError: If an argument is not as described.
    """
    return _grid(_enlarged(images, image_shape), columns, gap=1)


def tile_pairs(above, below, image_shape=None, columns=None):
    """Arranges pairs of images in a grid, one image above the other.

    Like `tile`, with a line of one pixel within a pair and a band of five
    pixels around the pair.

    Args:
        above: `uint8` array of shape `(images, width)`, such as originals.
        below: `uint8` array of the same shape, such as reconstructions.
        image_shape: See `tile`.
        columns: Number of pairs in a row, or `None`; see `tile`.

    Returns:
        `uint8` array of shape `(height, width)`, in pixels.

    Raises:
        ValueError: If an argument is not as described.
    """
    if np.shape(above) != np.shape(below):
        raise ValueError(
            "`above` and `below` must have the same shape: an image of the "
            f"one for each of the other. Received: above.shape="
            f"{np.shape(above)}, below.shape={np.shape(below)}"
        )
    above = _enlarged(above, image_shape)
    below = _enlarged(below, image_shape)
    above = np.pad(above, ((0, 0), (0, 1), (0, 0)), constant_values=_LINE)
    return _grid(np.concatenate([above, below], axis=1), columns, gap=5)


def coloured(picture, where):
    """A grey picture with its missing pixels in orange.

    Args:
        picture: `uint8` array of shape `(height, width)`, from `tile` or
            `tile_pairs`.
        where: Boolean array of the same shape, `True` where a pixel is
            missing.

    Returns:
        `uint8` array of shape `(height, width, 3)`.
    """
    colours = np.repeat(picture[:, :, None], 3, axis=2)
    colours[where] = _MISSING
    return colours


def _enlarged(images, image_shape):
    """Tiles of shape (images, rows, columns), large enough to see."""
    images = np.asarray(images)
    is_known = images.dtype == np.uint8 or images.dtype.kind == "f"
    if images.ndim != 2 or not is_known or images.size == 0:
        raise ValueError(
            "Images must be an array of shape (images, width) with at least "
            "one image, of type uint8 or floating; `grey` makes one. Received: "
            f"shape={images.shape}, dtype={images.dtype}"
        )
    width = images.shape[1]
    if image_shape is None:
        columns = math.isqrt(width - 1) + 1
        rows = -(-width // columns)
        missing = rows * columns - width
        images = np.pad(
            images, ((0, 0), (0, missing)), constant_values=_line(images)
        )
    else:
        if len(image_shape) not in (2, 3) or math.prod(image_shape) != width:
            raise ValueError(
                f"`image_shape` must be (rows, columns) of {width} pixels in "
                "all, (rows, columns, channels) of as many values, or None for "
                "data that are no images. Received: "
                f"image_shape={tuple(image_shape)}"
            )
        rows, columns, *channels = image_shape
        if channels:
            images = images.reshape(-1, rows, columns, *channels)
            images = images.swapaxes(2, 3)
            columns *= channels[0]
    factor = -(-_SIDE // max(rows, columns))
    tiles = images.reshape(-1, rows, columns)
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def _grid(tiles, columns, gap):
    """One picture of tiles of shape (images, height, width)."""
    number, height, width = tiles.shape
    height, width = height + gap, width + gap
    if columns is None:
        columns = math.ceil(math.sqrt(number * height / width))
    columns = min(checks.positive_integer("columns", columns), number)
    rows = -(-number // columns)
    line = _line(tiles)
    places = np.full((rows * columns, height, width), line, tiles.dtype)
    places[:number, gap:, gap:] = tiles
    picture = places.reshape(rows, columns, height, width).swapaxes(1, 2)
    picture = picture.reshape(rows * height, columns * width)
    return np.pad(picture, ((0, gap), (0, gap)), constant_values=line)


def _line(images):
    """The value of the lines: a grey, or NaN in floating arrays."""
    return _LINE if images.dtype == np.uint8 else np.nan
