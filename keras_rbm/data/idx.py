"""Images in IDX files, the format in which MNIST is distributed."""

import gzip
import math
import pathlib
import zlib

import numpy as np

_IMAGES = 0x00000803  # unsigned bytes in three dimensions
_LABELS = 0x00000801  # unsigned bytes in one dimension
_HEADER = 16  # bytes: magic number, images, rows, columns


def find(data_dir, stem):
    """Finds an IDX file of images under any of its usual names.

    Args:
        data_dir: Directory to look in.
        stem: What the file's name begins with, for example `"train-images"`.

    Returns:
        The path of the first of `candidates(stem)` that exists, or `None`.
    """
    for name in candidates(stem):
        path = pathlib.Path(data_dir) / name
        if path.is_file():
            return path
    return None


def candidates(stem):
    """Lists the usual names of an IDX file of images, packed or not.

    Args:
        stem: What the file's name begins with, for example `"train-images"`.

    Returns:
        A list of file names.
    """
    names = (f"{stem}-idx3-ubyte", f"{stem}.idx3-ubyte")
    return [name + suffix for name in names for suffix in ("", ".gz")]


def read_images(path):
    """Reads the images in an IDX file, gzipped (whatever its name) or not.

    Args:
        path: Path of the file.

    Returns:
        A read-only uint8 array of shape `(images, rows, columns)`.

    Raises:
        ValueError: If the file holds labels or something else, is shorter or
            longer than its header says, or its compression is damaged.
        OSError: If the file cannot be opened.
    """
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else open(path, "rb") as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"The gzipped file {path} must be whole, but its end is missing "
            f"or it is damaged ({error}). Download it again. "
            f"Received: {pathlib.Path(path).stat().st_size} bytes"
        ) from error
    shape = _shape(content[:_HEADER], path)
    expected = _HEADER + math.prod(shape)
    if len(content) != expected:
        raise ValueError(
            f"The IDX file {path} must hold {expected} bytes for the "
            f"{shape[0]} images of {shape[1]} x {shape[2]} pixels in its "
            f"header. Download it again. Received: {len(content)} bytes"
        )
    return np.frombuffer(content, np.uint8, offset=_HEADER).reshape(shape)


def _shape(header, path):
    if len(header) < _HEADER:
        raise ValueError(
            f"The IDX file {path} must begin with a header of {_HEADER} "
            "bytes. Download it again. "
            f"Received: a file of {len(header)} bytes (unpacked)"
        )
    magic, *shape = (int(field) for field in np.frombuffer(header, ">u4"))
    if magic != _IMAGES:
        kind = "labels" if magic == _LABELS else "something else"
        raise ValueError(
            f"The IDX file {path} must hold images: its first four bytes are "
            f"expected to be {_IMAGES:#010x}. It holds {kind}; put the file "
            f"of images under this name. Received: {magic:#010x}"
        )
    return shape
