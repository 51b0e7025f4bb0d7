"""A user's own data, from NumPy's files and tables of bits."""

import gzip
import itertools
import tokenize
import zipfile
import zlib

import numpy as np

from keras_rbm import checks
from keras_rbm.data.checks import check_path
from keras_rbm.data.dataset import Data, split
from keras_rbm.typing import ImageShape, Path

_KEYS = {
    "train": "train",
    "validation": "validation",
    "test": "test",
    "x_train": "train",
    "x_validation": "validation",
    "x_val": "validation",
    "x_test": "test",
}
# What NumPy raises, by sort of damage: a header that is nonsense, a file cut
# short, one that asks for more memory than there is, a bad archive.
_DAMAGE = (
    ValueError,
    TypeError,
    OSError,
    SyntaxError,
    tokenize.TokenError,
    EOFError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def arrays(
    path: Path,
    image_shape: ImageShape | None = None,
    validation_size: int | float = 0,
    test_size: int | float = 0,
    seed: int = 0,
    name: str | None = None,
) -> Data:
    """Returns the data in a `.npy`, `.npz`, `.csv` or `.csv.gz` file.

    A text file has a row for each example: zeros and ones, separated by
    commas, after a line of names or without one.

    A `.npz` file holds either one array, under any key, or several under the
    keys `train`, `validation` and `test`, or `x_train`, `x_validation` (also
    `x_val`) and `x_test`. Keys that begin with `y_` or `label` are left
    alone. Pickled objects are never loaded.

    Floating arrays are taken as they are; uint8 arrays are intensities in
    units of 1/255. Boolean arrays, and integers that are all 0 or 1, become
    float32. Arrays of shape `(examples, rows, columns)` are flattened.

    Args:
        path: Path of the file.
        image_shape: `(rows, columns)` in pixels for images that are stored
            flattened; `None` for 3-D arrays, which say so themselves, and for
            data that are not images.
        validation_size: Number of examples to cut from the training data,
            shuffled, where the file has no validation data. 0 for none. A
            number between 0 and 1 is a share of them, and cuts nothing from a
            file that has validation data.
        test_size: The same, for the test data.
        seed: Integer; decides which examples are cut. Without any cut the
            examples stay in their order.
        name: What to call the data; by default, the file's name.

    Returns:
        A `Data` of uint8 or float32 arrays of shape `(examples, width)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, holds pickled objects or other
            keys, an array is of the wrong type or shape, or a size is asked
            for of which the file has its own data.
    """
    path = check_path(path, "path")
    splits = _convert(_load(path))
    shapes = {key: x.shape[1:] for key, x in splits.items() if x.ndim == 3}
    if shapes:
        image_shape = _image_shape(shapes, splits, image_shape)
        width = image_shape[0] * image_shape[1]
        splits = {key: x.reshape(len(x), width) for key, x in splits.items()}
    count = len(splits["train"])
    validation_size = _number("validation", validation_size, splits, count)
    test_size = _number("test", test_size, splits, count)
    if validation_size or test_size:
        _refuse_second("validation", validation_size, splits)
        _refuse_second("test", test_size, splits)
        cut = split(splits["train"], validation_size, test_size, seed)
        parts = zip(("train", "validation", "test"), cut, strict=True)
        splits |= {key: x for key, x in parts if x is not None}
    return Data(name or path.stem, **splits, image_shape=image_shape)


def _number(key, size, splits, count):
    """The number of examples to cut, of a number or a share."""
    if isinstance(size, float):
        checks.fraction(f"{key}_size", size)
        size = 0 if key in splits else round(size * count)
    return size


def _load(path):
    """Returns a dict from splits to the arrays in the file."""
    if not path.is_file():
        raise FileNotFoundError(
            "Argument `path` must be a file: .npy, .npz, .csv or .csv.gz. "
            f"Received: path={str(path)!r}"
        )
    if path.name.endswith((".csv", ".csv.gz")):
        return {"train": _load_text(path)}
    try:
        with open(path, "rb") as file:
            head = file.read(6)
            file.seek(0)
            if head == b"\x93NUMPY":
                return {"train": np.load(file, allow_pickle=False)}
            if head[:2] == b"PK":
                return _load_archive(file, path)
    except _WrongKeysError:
        raise
    except _DAMAGE as error:
        raise ValueError(
            f"The file {path} must be a whole NumPy file without pickled "
            "objects. Write it again, with arrays of numbers alone. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    raise ValueError(
        f"The file {path} must be in NumPy's format (.npy or .npz; no "
        "pickle), or text in a .csv. Write it with `numpy.save` or "
        "`numpy.savez`. "
        f"Received: a file that begins with {head!r}"
    )


def _load_text(path):
    """Zeros and ones from a text file, without its line of names."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            first = file.readline()
            names = not _are_numbers(first.split(","))
            rows = np.loadtxt(
                itertools.chain([] if names else [first], file),
                delimiter=",",
                dtype="float32",
                ndmin=2,
            )
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise ValueError(
            f"The file {path} must hold rows of zeros and ones, separated by "
            f"commas, as many in each. Received: {error}"
        ) from error
    wrong = np.argwhere((rows != 0) & (rows != 1))
    if rows.size == 0 or len(wrong):
        row, column = wrong[0] if len(wrong) else (0, 0)
        value = rows[row, column] if rows.size else "no rows"
        raise ValueError(
            f"The file {path} must hold zeros and ones alone. Read other "
            "columns by `keras_rbm.data.table`. Received: "
            f"{value} in row {row}, column {column}"
        )
    return rows


def _are_numbers(fields):
    try:
        return bool([float(field) for field in fields])
    except ValueError:
        return False


def _load_archive(file, path):
    with np.load(file, allow_pickle=False) as archive:
        keys = _splits_of(archive.files, path)
        splits = {split: archive[key] for key, split in keys.items()}
    if not all(isinstance(x, np.ndarray) for x in splits.values()):
        raise ValueError("a member of the archive is no array")
    return splits


class _WrongKeysError(ValueError):
    """The archive is whole, but its keys do not say what is what."""


def _splits_of(keys, path):
    """Returns a dict from the keys that hold examples to their splits."""
    keys = [key for key in keys if not key.startswith(("y_", "label"))]
    if len(keys) == 1:
        return {keys[0]: "train"}
    splits = {key: _KEYS.get(key) for key in keys}
    found = list(splits.values())
    if None in found or "train" not in found or len(set(found)) < len(found):
        raise _WrongKeysError(
            f"The file {path} must hold one array, or arrays under the keys "
            "train (or x_train) and, if you like, validation and test (or "
            "x_validation, x_test), each once. Rename or remove the others. "
            f"Received: keys={keys}"
        )
    return splits


def _convert(splits):
    """Brings binary arrays to float32 and refuses other integers."""
    if not all(x.dtype.kind in "biu" and x.size for x in splits.values()):
        return splits
    if all(0 <= x.min() and x.max() <= 1 for x in splits.values()):
        return {key: x.astype(np.float32) for key, x in splits.items()}
    for key, x in splits.items():
        if x.dtype != np.uint8:
            raise ValueError(
                f"Argument `path` must lead to integers that are all 0 or 1, "
                "or to uint8 intensities in units of 1/255. Convert the array "
                "to uint8, or scale it to floating. Received: "
                f"{key}.dtype={x.dtype}, from {x.min()} to {x.max()}"
            )
    return splits


def _image_shape(shapes, splits, image_shape):
    """Returns the (rows, columns) that all the arrays agree upon."""
    found = set(shapes.values())
    if image_shape is not None:
        found.add(tuple(np.ravel(np.asarray(image_shape, object))))
    if len(found) > 1 or len(shapes) < len(splits):
        raise ValueError(
            "Arrays of shape (examples, rows, columns) must have the same "
            "rows and columns in every split, and as `image_shape` where it "
            "is given. Received: image_shape="
            f"{image_shape}, " + _list_shapes(splits)
        )
    return found.pop()


def _list_shapes(splits):
    return ", ".join(f"{key}.shape={x.shape}" for key, x in splits.items())


def _refuse_second(key, size, splits):
    if size and key in splits:
        raise ValueError(
            f"Argument `{key}_size` must be 0 for a file that has {key} data "
            f"of its own. Received: {key}_size={size}"
        )
