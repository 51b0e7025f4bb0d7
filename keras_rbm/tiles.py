"""Pictures of many examples at once: arrays in, one grey image out."""

import math

import numpy as np

from keras_rbm import checks

# Small tiles are enlarged until their longer side has this many pixels.
_SIDE = 28
# Grey of the lines between tiles and of places without a tile: neither black
# nor white, which most pixels are, nor the mid-grey of a zero weight.
_LINE = 64
_MID = 128
# Colour of a missing pixel, which no grey is.
_MISSING = (230, 120, 30)


def grey(x):
    """Greys of intensities: 0 is black, 1 is white.

    Values beyond are clipped; NaN is black.

    Args:
        x: Array of any shape.

    Returns:
        `uint8` array of the same shape.
    """
    x = np.nan_to_num(np.asarray(x, "float32"), nan=0.0)
    return np.rint(255 * np.clip(x, 0, 1)).astype("uint8")


def signed_grey(x):
    """Greys of signed values: -max|x| is black, 0 mid-grey, max|x| white.

    The scale is one for all values, so that their sizes can be compared, and
    symmetric, so that 0 is always 128. NaN is mid-grey.

    Args:
        x: Array of any shape.

    Returns:
        `uint8` array of the same shape.
    """
    x = np.asarray(x, "float32")
    largest = np.max(np.abs(x), initial=0.0, where=np.isfinite(x))
    if largest == 0:
        return np.full(x.shape, _MID, "uint8")
    x = np.nan_to_num(x / largest, nan=0.0)
    return np.floor(127.5 * np.clip(x, -1, 1) + _MID).astype("uint8")


def tile(greys, image_shape=None, columns=None):
    """Arranges images in a grid, left to right and top to bottom.

    Lines of one pixel run between and around the tiles. A tile whose longer
    side is under 28 pixels is enlarged by the smallest whole number that
    brings it there; each pixel becomes a square, so that edges stay sharp.

    Args:
        greys: `uint8` array of shape `(images, width)`, from `grey` or
            `signed_grey`.
        image_shape: `(rows, columns)` of an image, whose product is `width`.
            `None`, for data that are no images, lays the values out in a
            near-square, row by row; what is missing in its last row has the
            grey of the lines.
        columns: Number of tiles in a row. `None` for the number that makes
            the picture nearly square.

    Returns:
        `uint8` array of shape `(height, width)`, in pixels.

    Raises:
        ValueError: If an argument is not as described.
    """
    return _grid(_enlarged(greys, image_shape), columns, gap=1)


def tile_pairs(above, below, image_shape=None, columns=None):
    """Arranges pairs of images in a grid, one of a pair above the other.

    As `tile`, with a line of one pixel within a pair and a band of five
    around it.

    Args:
        above: `uint8` array of shape `(images, width)`, such as originals.
        below: `uint8` array of the same shape, such as reconstructions.
        image_shape: As for `tile`.
        columns: Number of pairs in a row, or `None` as for `tile`.

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
    """A grey picture whose missing pixels have a colour of their own, orange.

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


def _enlarged(greys, image_shape):
    """Tiles of shape (images, rows, columns), large enough to be seen."""
    greys = np.asarray(greys)
    if greys.ndim != 2 or greys.dtype != np.uint8 or greys.size == 0:
        raise ValueError(
            "Images must be a uint8 array of shape (images, width) with at "
            "least one image; `grey` and `signed_grey` make one. Received: "
            f"shape={greys.shape}, dtype={greys.dtype}"
        )
    width = greys.shape[1]
    if image_shape is None:
        columns = math.isqrt(width - 1) + 1
        rows = -(-width // columns)
        missing = rows * columns - width
        greys = np.pad(greys, ((0, 0), (0, missing)), constant_values=_LINE)
    else:
        rows, columns = image_shape
        if rows * columns != width:
            raise ValueError(
                f"`image_shape` must be (rows, columns) of {width} pixels in "
                "all, or None for data that are no images. Received: "
                f"image_shape={tuple(image_shape)}"
            )
    factor = -(-_SIDE // max(rows, columns))
    tiles = greys.reshape(-1, rows, columns)
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def _grid(tiles, columns, gap):
    """One picture of tiles of shape (images, height, width)."""
    number, height, width = tiles.shape
    height, width = height + gap, width + gap
    if columns is None:
        columns = math.ceil(math.sqrt(number * height / width))
    columns = min(checks.positive_integer("columns", columns), number)
    rows = -(-number // columns)
    places = np.full((rows * columns, height, width), _LINE, "uint8")
    places[:number, gap:, gap:] = tiles
    picture = places.reshape(rows, columns, height, width).swapaxes(1, 2)
    picture = picture.reshape(rows * height, columns * width)
    return np.pad(picture, ((0, gap), (0, gap)), constant_values=_LINE)
