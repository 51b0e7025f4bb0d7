"""Pictures with labels: rows or columns of tiles, each with a label."""

import numpy as np

from keras_rbm.plots import canvas, tiles

_POINTS = 10
# Width of a letter, and height of a line, in pixels.
_LETTER, _LINE = 8, 20
_GAP = 6
# Grey of the lines between and around the images of a row, and their width in
# pixels.
_SEAM, _SEAM_WIDTH = 176, 4


def rows(path, labelled, image_shape=None):
    """Writes rows of images, one below the other, each with a label.

    Args:
        path: Path of the PNG file.
        labelled: List of (label, `uint8` array of shape `(images, width)`).
        image_shape: `(rows, columns)` of an image, or `None`; see
            `tiles.tile`.
    """
    strips = [_strip(greys, image_shape) for _, greys in labelled]
    margin = _LETTER * max(len(label) for label, _ in labelled) + 2 * _GAP
    places, texts, bottom = [], [], _GAP
    for (label, _), strip in zip(labelled, strips, strict=True):
        places.append((margin, bottom))
        middle = bottom + strip.shape[0] / 2
        texts.append((margin - _GAP, middle, label, "right", "center"))
        bottom += strip.shape[0] + _GAP
    width = margin + max(strip.shape[1] for strip in strips) + _GAP
    _write(path, (bottom, width), strips, places, texts)


def columns(path, labelled):
    """Writes pictures side by side, each with a label above it.

    Args:
        path: Path of the PNG file.
        labelled: List of (label, `uint8` array of shape `(height, width, 3)`).
    """
    places, texts, right = [], [], _GAP
    for label, picture in labelled:
        places.append((right, _LINE + _GAP))
        middle = right + picture.shape[1] / 2
        texts.append((middle, _LINE + _GAP / 2, label, "center", "bottom"))
        right += picture.shape[1] + _GAP
    pictures = [picture for _, picture in labelled]
    height = _LINE + 2 * _GAP + max(p.shape[0] for p in pictures)
    _write(path, (height, right), pictures, places, texts)


def _strip(greys, image_shape):
    """Images in a row, with grey lines between and around them."""
    images = [tiles.tile(grey[None], image_shape)[1:-1, 1:-1] for grey in greys]
    width = len(images) * images[0].shape[1]
    factor = -(-canvas.WIDTH // width)
    images = [x.repeat(factor, axis=0).repeat(factor, axis=1) for x in images]
    gap = {"constant_values": _SEAM}
    width = _SEAM_WIDTH
    strip = [np.pad(x, ((0, 0), (0, width)), **gap) for x in images]
    return np.pad(
        np.concatenate(strip, axis=1), ((width, width), (width, 0)), **gap
    )


def _write(path, shape, pictures, places, texts):
    """Writes pictures at (left, top), and texts, on white, unsmoothed."""
    height, width = shape
    page = np.full((height, width, 3), 255, "uint8")
    for picture, (left, top) in zip(pictures, places, strict=True):
        rows, columns = picture.shape[:2]
        colours = picture if picture.ndim == 3 else picture[:, :, None]
        page[top : top + rows, left : left + columns] = colours
    figure = canvas.plot((width, height))
    figure.figimage(page)
    for x, y, text, across, along in texts:
        figure.text(
            *(x / width, 1 - y / height, text),
            horizontalalignment=across,
            verticalalignment=along,
            fontsize=_POINTS,
        )
    canvas.save(figure, path)
