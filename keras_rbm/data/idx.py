"""Images and labels in IDX files, the format in which MNIST is distributed."""

import gzip
import math
import zlib

import numpy as np

from keras_rbm.data.checks import check_path

_IMAGES = 0x00000803  # unsigned bytes in three dimensions
_LABELS = 0x00000801  # unsigned bytes in one dimension
_KINDS = {_IMAGES: "images", _LABELS: "labels"}
_GZIP_RATIO = 1032  # The largest compression ratio of deflate.


def find(data_dir, stem):
    """Finds an IDX file under any of its usual names.

    Args:
        data_dir: Directory to look in.
        stem: Beginning of the file's name, such as `"train-images"`.

    Returns:
        The path of the first of `candidates(stem)` that exists, or `None`.
    """
    for name in candidates(stem):
        path = check_path(data_dir, "data_dir") / name
        if path.is_file():
            return path
    return None


def candidates(stem):
    """Lists the usual names of an IDX file, packed or not.

    Args:
        stem: Beginning of the file's name: `"train-images"`, or
            `"train-labels"` for labels, which have one dimension.

    Returns:
        A list of file names.
    """
    dimensions = 1 if stem.endswith("labels") else 3
    names = (f"{stem}-idx{dimensions}-ubyte", f"{stem}.idx{dimensions}-ubyte")
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
    return _read(path, _IMAGES, 3)


def read_labels(path):
    """Reads the labels in an IDX file, gzipped (whatever its name) or not.

    Args:
        path: Path of the file.

    Returns:
        A read-only uint8 array of shape `(labels,)`.

    Raises:
        ValueError: As for `read_images`.
        OSError: If the file cannot be opened.
    """
    return _read(path, _LABELS, 1)


def _read(path, magic, dimensions):
    path = check_path(path, "path")
    size = path.stat().st_size
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    length = 4 * (1 + dimensions)
    try:
        with gzip.open(path) if packed else open(path, "rb") as file:
            shape = _shape(file.read(length), path, magic, length)
            expected = math.prod(shape)
            # A damaged header must not allocate memory for missing data.
            possible = size * (_GZIP_RATIO if packed else 1)
            content = file.read(min(expected, possible)) + file.read(1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"The gzipped file {path} must be whole, but its end is missing "
            f"or it is damaged ({error}). Download it again. "
            f"Received: {size} bytes"
        ) from error
    if len(content) != expected:
        of = " of {} x {} pixels".format(*shape[1:]) if shape[1:] else ""
        raise ValueError(
            f"The IDX file {path} must hold {length + expected} bytes for "
            f"the {shape[0]} {_KINDS[magic]}{of} in its header. Download it "
            f"again. Received: {length + len(content)} bytes"
            + " or more"
            * (len(content) > expected)
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(header, path, magic, length):
    if len(header) < length:
        raise ValueError(
            f"The IDX file {path} must begin with a header of {length} "
            "bytes. Download it again. "
            f"Received: a file of {len(header)} bytes (unpacked)"
        )
    found, *shape = (int(field) for field in np.frombuffer(header, ">u4"))
    if found != magic:
        kind, wanted = _KINDS.get(found, "something else"), _KINDS[magic]
        raise ValueError(
            f"The IDX file {path} must hold {wanted}: its first four bytes are "
            f"expected to be {magic:#010x}. It holds {kind}; put the file "
            f"of {wanted} under this name. Received: {found:#010x}"
        )
    return shape
