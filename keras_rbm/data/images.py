"""Reads folders of pictures as grey values."""

import os
import struct

import numpy as np
from PIL import Image

from keras_rbm import checks
from keras_rbm.data.arrays import cut
from keras_rbm.data.checks import check_integer, check_path
from keras_rbm.data.dataset import Data
from keras_rbm.data.labels import picture, with_labels
from keras_rbm.typing import ImageShape, Path

_SPLITS = ("train", "validation", "test")


def images(
    folder: Path,
    image_shape: ImageShape | None = None,
    num_classes: int = 0,
    validation_size: int | float = 0,
    test_size: int | float = 0,
    seed: int = 0,
    name: str | None = None,
    background: int = 255,
) -> Data:
    """Returns the pictures in a folder and its subfolders, in grey.

    All files must be pictures that Pillow reads, such as PNG and JPEG. Files
    and folders whose names begin with a dot are skipped; links to folders are
    followed. Colours become luminance, (299 red + 587 green + 114 blue) / 1000.
    Transparent pixels show the `background`. Integers of 16 or 32 bits are
    intensities in units of 1/65535, and floating values are intensities from 0
    to 1. Photos are turned as their EXIF data say. Of a file with several
    pictures, such as a TIFF stack, only the first one is read. The pictures
    come in the order of their paths. If there is a subfolder `train`, the
    subfolders `train`, `validation` and `test` are the splits, and there must
    be no others with pictures.

    Args:
        folder: Path of the folder.
        image_shape: `(rows, columns)` in pixels, to which all pictures are
            scaled; `None` for pictures that all have the same size, which are
            not scaled.
        num_classes: Number of classes. Each subfolder is a class, in the order
            of their names, and the examples are rows (x, one-hot y) for a
            `ClassRBM`. 0 for no classes: names of subfolders are then ignored.
        validation_size: Number or share of examples to cut from the training
            data, as for `arrays`.
        test_size: As `validation_size`, for the test data.
        seed: Integer; decides which examples are cut.
        name: Name of the data; by default, the folder's name.
        background: The grey value behind transparent pixels, from 0 (black)
            to 255 (white).

    Returns:
        A `Data` of uint8 arrays of shape `(examples, rows * columns)`, of
        intensities in units of 1/255. If all pixels are black or white, the
        arrays are float32, of 0 and 1.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If there are no files, a file is not a picture, its values
            are outside the ranges above, a picture becomes invisible on the
            `background`, sizes differ and no `image_shape` is given,
            `num_classes` is not the number of subfolders, or other subfolders
            beside the splits have pictures.

    Example:
        # A folder of PNG files, in subfolders or not.
        digits = keras_rbm.data.images("digits", image_shape=(16, 16))
        rbm = keras_rbm.RBM(digits.visible, 64)
    """
    folder = check_path(folder, "folder")
    if not folder.is_dir():
        raise FileNotFoundError(
            "Argument `folder` must be a folder of pictures. Received: folder="
            f"{str(folder)!r}"
        )
    if image_shape is not None:
        image_shape = _check_shape(image_shape)
    num_classes = check_integer(num_classes, "num_classes", 0)
    background = check_integer(background, "background", 0, 255)
    roots = _roots(folder)
    paths = {k: _files(root) for k, root in roots.items()}
    splits, shape = {}, image_shape
    for split, files in paths.items():
        splits[split], shape = _read(files, image_shape, shape, background)
    if all(np.isin(x, (0, 255)).all() for x in splits.values()):
        splits = {k: (x > 0).astype("float32") for k, x in splits.items()}
    if num_classes:
        labels = _labels(paths, roots, num_classes)
        splits = {
            k: with_labels(x, labels[k], num_classes) for k, x in splits.items()
        }
    data = Data(
        name or folder.resolve().name,
        **splits,
        image_shape=shape,
        picture=picture(splits["train"], num_classes),
    )
    return cut(data, validation_size, test_size, seed)


def _check_shape(image_shape):
    """Returns `image_shape` as two positive integers."""
    try:
        rows, columns = image_shape
    except (TypeError, ValueError):
        raise ValueError(
            "Argument `image_shape` must be (rows, columns), in pixels, or "
            f"None. Received: image_shape={image_shape!r}"
        ) from None
    return tuple(
        check_integer(side, "image_shape", 1, 2**15) for side in (rows, columns)
    )


def _roots(folder):
    """The folder of each split: `folder` itself, or its subfolders."""
    roots = {k: folder / k for k in _SPLITS if (folder / k).is_dir()}
    if "train" not in roots:
        return {"train": folder}
    others = sorted(
        path.name
        for path in folder.iterdir()
        if path.is_dir()
        and path.name not in _SPLITS
        and path.name[0] != "."
        and any(_walk(path, frozenset()))
    )
    if others:
        raise ValueError(
            f"The folder {folder} has a subfolder `train`, so its subfolders "
            f"must be the splits {', '.join(_SPLITS)}. Rename or move the "
            f"others. If `train` is a class, rename it. Received: {others}"
        )
    return roots


def _files(root):
    """Paths of the pictures in a folder, in order."""
    found = list(_walk(root, frozenset()))
    if not found:
        raise ValueError(
            f"The folder {root} must hold pictures, such as PNG or JPEG files, "
            "also in subfolders. Received: a folder without files"
        )
    return sorted(found, key=lambda path: path.relative_to(root).parts)


def _walk(folder, above):
    """Yields the paths of the files in a folder and its subfolders.

    Args:
        folder: Path of the folder.
        above: The real paths of the folders that hold it. A link to one of
            them is left out, since it would lead into a circle.
    """
    real = os.path.realpath(folder)
    if real in above:
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, above | {real})
        else:
            yield path


def _read(files, image_shape, shape, background):
    """Reads pictures as rows; returns the rows and their shape.

    Args:
        files: List of paths.
        image_shape: `(rows, columns)` to which the pictures are scaled, or
            `None`.
        shape: The shape that all pictures must have; `None` for the shape of
            the first picture.
        background: The grey value behind transparent pixels.
    """
    x = None
    for number, path in enumerate(files):
        grey = _grey(path, image_shape, background)
        shape = shape or grey.shape
        if grey.shape != shape:
            raise ValueError(
                "`image_shape` must be (rows, columns) if pictures have "
                "different sizes: all are scaled to it. Received: image_shape"
                f"=None, with {path} of {grey.shape[0]} x {grey.shape[1]} "
                f"pixels after others of {shape[0]} x {shape[1]}"
            )
        if x is None:
            checks.in_memory("folder", (len(files), *shape))
            x = np.empty((len(files), grey.size), "uint8")
        x[number] = grey.ravel()
    return x, shape


def _grey(path, image_shape, background):
    """Reads a picture as a uint8 array of shape (rows, columns)."""
    try:
        with Image.open(path) as image:
            image = _upright(image)
            grey = _opaque(_eight_bits(image, path), path, background)
            if image_shape is not None and grey.size != image_shape[::-1]:
                grey = grey.resize(image_shape[::-1], Image.Resampling.BOX)
            return np.asarray(grey)
    except _PictureError:
        raise
    except (
        OSError,  # Includes Pillow's own errors.
        ValueError,
        SyntaxError,
        EOFError,
        Image.DecompressionBombError,
    ) as error:
        raise ValueError(
            f"The file {path} must be a picture, such as a PNG or JPEG file. "
            "Take it out of the folder, or write it again. Received: "
            f"{type(error).__name__}: {error}"
        ) from error


def _upright(image):
    """Turns a photo as its EXIF data say, unless these are damaged."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except (struct.error, SyntaxError, ValueError, TypeError, KeyError):
        return image


class _PictureError(ValueError):
    """The file is a picture, but its grey values are unclear."""


def _eight_bits(image, path):
    """Scales 16-bit, 32-bit and float greys to 8 bits; Pillow clips them."""
    if not image.mode.startswith(("I", "F")):
        return image
    most, kind = (65535, "integers") if image.mode[0] == "I" else (1, "floats")
    values = np.asarray(image).astype("float64")
    low, high = values.min(), values.max()
    if not (0 <= low and high <= most):  # NaN is refused, too.
        raise _PictureError(
            f"The file {path} must have grey values from 0 to {most}, since "
            f"they are {kind}. Scale them, or convert the pictures to 8 bits. "
            f"Received: values from {low:.9g} to {high:.9g}"
        )
    return Image.fromarray(np.rint(values * (255 / most)).astype("uint8"))


def _opaque(image, path, background):
    """A picture in grey, on a background of one grey value."""
    if not image.has_transparency_data:
        return image.convert("L")
    image = image.convert("RGBA")
    grey, alpha = image.convert("L"), image.getchannel("A")
    behind = Image.new("L", image.size, background)
    found = Image.composite(grey, behind, alpha)
    was_plain = _is_plain(grey) and _is_plain(alpha)
    shows = alpha.getextrema()[1] > 0  # Or else no `background` would help.
    if shows and _is_plain(found) and not was_plain:
        raise _PictureError(
            "`background` must differ from the grey value of the visible "
            "pixels of a partly transparent picture. For white shapes, pass "
            f"background=0. Received: background={background}, on which {path} "
            "becomes one plain colour"
        )
    return found


def _is_plain(channel):
    low, high = channel.getextrema()
    return low == high


def _labels(paths, roots, num_classes):
    """Labels of the pictures of each split: the numbers of their folders."""
    names = {
        split: [path.relative_to(roots[split]).parts[0] for path in files]
        for split, files in paths.items()
    }
    nowhere = [
        path
        for split, files in paths.items()
        for path in files
        if path.parent == roots[split]
    ]
    classes = sorted(set().union(*names.values()))
    if nowhere or len(classes) != num_classes:
        raise ValueError(
            "`num_classes` must be the number of subfolders, and each picture "
            "must be in a subfolder. Received: "
            f"num_classes={num_classes}, with "
            + (
                f"{nowhere[0]} in none"
                if nowhere
                else f"folders {', '.join(classes)}"
            )
        )
    return {k: np.searchsorted(classes, found) for k, found in names.items()}
