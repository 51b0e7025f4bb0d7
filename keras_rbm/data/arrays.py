"""Reads your own data from files of arrays: NumPy, HDF5, MATLAB, text."""

import contextlib
import dataclasses
import gzip
import itertools
import math
import os
import tokenize
import zipfile
import zlib

import h5py
import numpy as np
from scipy import sparse

from keras_rbm import checks
from keras_rbm import rows as rows_lib
from keras_rbm.data.categorical import one_hot
from keras_rbm.data.checks import (
    are_bits,
    are_names,
    are_spins,
    as_floats,
    bounds,
    check_integer,
    check_path,
)
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
# The formats, by the endings of files.
_ENDINGS = {
    ".npy": "NumPy",
    ".npz": "NumPy",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".mat": "MATLAB",
    ".csv": "text",
    ".csv.gz": "text",
}
# The classes of MATLAB whose values are numbers.
_MATLAB_NUMBERS = {
    *("double", "single", "logical"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}
# In files of MATLAB 7.3, the contents of cells and objects, without names.
_MATLAB_HIDDEN = ("/#refs#/", "/#subsystem#/")
_KINDS = ".npy, .npz, .h5, .hdf5, .mat, .csv or .csv.gz"
# An array with more bytes, as float32, stays on the disk.
_LARGE = 2**30
# Errors of NumPy for damaged files: nonsense in the header, a file cut short, a
# shape that exceeds memory, a bad archive.
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
# Further errors of h5py and SciPy for damaged files.
_DAMAGE_OF_OTHERS = (
    *_DAMAGE,
    RuntimeError,
    LookupError,
    AttributeError,
    NameError,
    OverflowError,
)


def arrays(
    path: Path,
    image_shape: ImageShape | None = None,
    validation_size: int | float = 0,
    test_size: int | float = 0,
    seed: int = 0,
    name: str | None = None,
    key: str | None = None,
    categories: int | None = None,
) -> Data:
    """Returns the data in a file of arrays.

    The file may be:

    - `.npy`. An array of more than 1 GiB, as float32, stays on the disk: it is
      mapped into memory, and batches are copied when they are used;
    - `.npz`, written by `numpy.savez` or `scipy.sparse.save_npz`;
    - `.h5` or `.hdf5`: HDF5. A dataset of more than 1 GiB, as float32, stays
      on the disk, and batches are read when they are used: chunks of a few
      rows, without compression, are the fastest. Files of the package rbms have
      a dataset `samples`, and the type of its values in `variable_type`;
    - `.mat`: MATLAB, of any version. Its matrices are read as a whole, since
      MATLAB stores them column by column;
    - `.csv` or `.csv.gz`: zeros and ones, separated by commas, with a row for
      each example, and with or without a line of names (0, 1, 2, ... are
      names, as pandas writes them).

    Without a `key`, the file must hold one array of two or more axes, under any
    key, or several under the keys `train`, `validation` and `test`, or
    `x_train`, `x_validation` (also `x_val`) and `x_test`. Keys that begin with
    `y_` or `label` are ignored. HDF5 and MATLAB files may also hold vectors,
    and values that are not numbers, which are ignored. Pickled objects are
    never loaded.

    Floating arrays are left unchanged; uint8 arrays are intensities in units of
    1/255. Boolean arrays, and integers that are all 0 or 1, or all -1 or 1,
    become float32. Arrays of shape `(examples, rows, columns)` or `(examples,
    rows, columns, 1)` are flattened. Sparse matrices stay sparse: see `Data`.

    Args:
        path: Path of the file.
        image_shape: `(rows, columns)` in pixels for images that are stored
            flattened; `None` for data that are not images, and for 3-D arrays,
            whose shape is known.
        validation_size: Number of examples to cut at random from the training
            data, if the file has no validation data; 0 for none. A number
            between 0 and 1 is a share of the training data, and is ignored if
            the file has validation data.
        test_size: As `validation_size`, for the test data.
        seed: Integer; decides which examples are cut. If none are cut, the
            examples stay in their order.
        name: Name of the data; by default, the file's name.
        key: Name of the array to read from a file with several; in HDF5, the
            path of a dataset, such as `"run/samples"`.
        categories: Number of categories, for integer categories from 0 on,
            which become one-hot; `None` for other data, and for files of rbms,
            which store the type of their values.

    Returns:
        A `Data` of uint8 or float32 arrays of shape `(examples, width)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or of another kind than its ending
            says, if it holds pickled objects, other keys or no array, if an
            array is of the wrong type or shape, or if `validation_size` or
            `test_size` is given although the file has such data.

    Example:
        np.save("spins.npy", np.where(np.eye(20) > 0, 1, -1))
        spins = keras_rbm.data.arrays("spins.npy", test_size=5)
        rbm = keras_rbm.RBM(spins.visible, 8)  # Of Spin units.
    """
    path = check_path(path, "path")
    splits, kind = _load(path, key)
    shapes = {
        k: x.shape[1:3] for k, x in splits.items() if _are_pictures(x.shape)
    }
    if shapes:
        image_shape = _image_shape(shapes, splits, image_shape)
    splits = {k: rows_lib.of(k, x) for k, x in splits.items()}
    splits = {
        k: x.reshape(len(x), math.prod(image_shape))
        if k in shapes and x.ndim > 2
        else x
        for k, x in splits.items()
    }
    if kind == "categorical" and categories is None:
        categories = 1 + max(int(bounds(x)[1]) for x in splits.values())
    if categories is not None:
        categories = check_integer(categories, "categories", 2)
        splits = {k: one_hot(x, categories) for k, x in splits.items()}
    splits = _convert(splits)
    return cut(
        Data(
            name or path.name.removesuffix(".gz").rpartition(".")[0],
            **splits,
            image_shape=image_shape,
            categories=categories,
        ),
        validation_size,
        test_size,
        seed,
    )


def cut(
    data: Data,
    validation_size: int | float,
    test_size: int | float,
    seed: int,
) -> Data:
    """Cuts validation and test splits from the training data.

    Args:
        data: A `Data`.
        validation_size: As for `arrays`.
        test_size: As for `arrays`.
        seed: As for `arrays`.

    Returns:
        A `Data`.
    """
    names = ("train", "validation", "test")
    splits = {
        k: getattr(data, k) for k in names if getattr(data, k) is not None
    }
    count = len(data.train)
    validation_size = _number("validation", validation_size, splits, count)
    test_size = _number("test", test_size, splits, count)
    if not validation_size and not test_size:
        return data
    _refuse_second("validation", validation_size, splits)
    _refuse_second("test", test_size, splits)
    parts = split(data.train, validation_size, test_size, seed)
    parts = {k: x for k, x in zip(names, parts, strict=True) if x is not None}
    return dataclasses.replace(data, **(splits | parts))


def _are_pictures(shape):
    """Whether a shape is (examples, rows, columns) or (..., columns, 1)."""
    return len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)


def _number(key, size, splits, count):
    """The number of examples to cut, from a number or a share."""
    if isinstance(size, float):
        share = checks.fraction(f"{key}_size", size) if size else 0
        size = 0 if key in splits else round(share * count)
    return size


def _load(path, key):
    """Returns a dict from splits to the arrays in the file, and their type.

    The type is the `variable_type` of rbms, or `None` for other files.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"Argument `path` must be a file: {_KINDS}. "
            f"Received: path={str(path)!r}"
        )
    with open(path, "rb") as file:
        head = file.read(128)
    ending = next((e for e in _ENDINGS if path.name.lower().endswith(e)), None)
    form = _ENDINGS.get(ending) or _form(head)
    if form == "text":
        _refuse_key(key, path)
        return {"train": _load_text(path)}, None
    if form == "HDF5":
        return _load_hdf5(path, key, head)
    if form == "MATLAB":
        return _load_matlab(path, key, head), None
    return _load_numpy(path, key, head), None


def _form(head):
    """Detects the format of a file by its first bytes."""
    if head.startswith(b"\x89HDF"):
        return "HDF5"
    return "MATLAB" if head.startswith(b"MATLAB") else "NumPy"


def _load_numpy(path, key, head):
    try:
        if head[:6] == b"\x93NUMPY":
            _refuse_key(key, path)
            return {"train": _load_npy(path)}
        if head[:2] == b"PK":
            return _load_archive(path, key)
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
        f"pickle). Write it with `numpy.save` or `numpy.savez`, or name it by "
        f"its kind, {_KINDS}. Received: a file that begins with {head[:6]!r}"
    )


def _load_npy(path):
    # A number takes at least a byte of the file, and 4 bytes as float32.
    if 4 * os.path.getsize(path) <= _LARGE:
        return np.load(path, allow_pickle=False)
    found = np.load(path, mmap_mode="r", allow_pickle=False)
    return found if 4 * found.size > _LARGE else np.array(found)


def _load_text(path):
    """Zeros and ones from a text file, without its line of names."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as file:
            first = file.readline()
            names = are_names([x.strip(' "\n') for x in first.split(",")])
            rows = np.loadtxt(
                itertools.chain([] if names else [first], file),
                delimiter=",",
                dtype="float32",
                ndmin=2,
            )
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise ValueError(
            f"The file {path} must hold rows of zeros and ones, separated by "
            f"commas, equally many in each row. Received: {error}"
        ) from error
    wrong = np.argwhere((rows != 0) & (rows != 1))
    if rows.size == 0 or len(wrong):
        row, column = wrong[0] if len(wrong) else (0, 0)
        value = rows[row, column] if rows.size else "no rows"
        raise ValueError(
            f"The file {path} must hold only zeros and ones. Read other "
            "columns with `keras_rbm.data.table`. Received: "
            f"{value} in row {row}, column {column}"
        )
    return rows


def _load_archive(path, key):
    with (
        open(path, "rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):
        if {"format", "shape", "data"} <= set(archive.files):
            _refuse_key(key, path)
            file.seek(0)
            return {"train": sparse.load_npz(file)}
        keys = _splits_of(archive.files, path, key)
        splits = {split: archive[key] for key, split in keys.items()}
    if not all(isinstance(x, np.ndarray) for x in splits.values()):
        raise ValueError("a member of the archive is not an array")
    return splits


def _load_hdf5(path, key, head):
    """Arrays of an HDF5 file, and the `variable_type` of a file of rbms."""
    with (
        _whole(path, "HDF5", "h5py or rbms", head),
        contextlib.ExitStack() as stack,
    ):
        file = stack.enter_context(h5py.File(path, "r"))
        found = {}
        file.visititems(found.__setitem__)
        chosen = _choose(found, _describe_hdf5, path, key)
        kind = None
        if list(chosen) == ["samples"] and "variable_type" in file:
            kind = file["variable_type"][()]
            kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        splits = {k: _read_hdf5(found[n]) for n, k in chosen.items()}
        if any(rows_lib.is_hdf5(x) for x in splits.values()):
            stack.pop_all()  # The file stays open.
        return splits, kind


def _describe_hdf5(item):
    """Shape and dtype of an item that can hold examples, or `None`."""
    if item.name.startswith(_MATLAB_HIDDEN):
        return None
    if isinstance(item, h5py.Group):
        if "MATLAB_sparse" in item.attrs and "data" in item:
            width = len(item["jc"]) - 1
            return (int(item.attrs["MATLAB_sparse"]), width), item["data"].dtype
        return None
    if not isinstance(item, h5py.Dataset):  # A type with a name.
        return None
    # The parts of a sparse matrix are not examples themselves.
    if "MATLAB_sparse" in item.parent.attrs or "MATLAB_empty" in item.attrs:
        return None
    shape = item.shape or ()
    kind = item.attrs.get("MATLAB_class")
    if kind is None:
        return shape, item.dtype
    # MATLAB stores text and objects as integers, too.
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    return (shape[::-1], item.dtype) if kind in _MATLAB_NUMBERS else None


def _read_hdf5(item):
    """The examples; MATLAB writes its matrices column by column."""
    if isinstance(item, h5py.Group):
        shape, _ = _describe_hdf5(item)
        parts = (
            item[name][()] if name in item else np.zeros(0)
            for name in ("data", "ir", "jc")
        )
        return sparse.csc_array(tuple(parts), shape=shape)
    is_of_matlab = "MATLAB_class" in item.attrs
    if 4 * item.size > _LARGE and not is_of_matlab:
        return item
    checks.in_memory(item.name, item.shape)
    x = item[()]
    return x.T if is_of_matlab else x


def _load_matlab(path, key, head):
    """Arrays of a MATLAB file. Version 7.3 is HDF5, which h5py reads."""
    if head.startswith(b"MATLAB 7.3") or h5py.is_hdf5(path):
        return _load_hdf5(path, key, head)[0]
    import scipy.io  # Here: few users need it.

    with _whole(path, "MATLAB", "MATLAB's `save`", head):
        try:
            everything = scipy.io.loadmat(path)
        except scipy.io.matlab.MatReadError as error:
            raise ValueError(str(error)) from error
        found = {
            name: x
            for name, x in everything.items()
            if not name.startswith("__")
        }
        chosen = _choose(
            found, lambda x: (np.shape(x), np.dtype(x.dtype)), path, key
        )
        return {k: found[name] for name, k in chosen.items()}


@contextlib.contextmanager
def _whole(path, form, writer, head):
    """Turns errors of a damaged file into one that names the file."""
    try:
        yield
    except _WrongKeysError:
        raise
    except _DAMAGE_OF_OTHERS as error:
        raise ValueError(
            f"The file {path} must be a whole {form} file. Write it again, for "
            f"example with {writer}. Received: a file that begins with "
            f"{head[:10]!r}; {type(error).__name__}: {error}"
        ) from error


def _choose(found, describe, path, key):
    """Returns a dict from the keys that hold examples to their splits.

    Args:
        found: Dict of all items in the file.
        describe: Function that returns the shape and dtype of an array, or
            `None` for other items.
        path: Path of the file, for errors.
        key: The key that the user has chosen, or `None`.
    """
    described = {name: describe(item) for name, item in found.items()}
    arrays = {
        name: about
        for name, about in described.items()
        if about is not None and about[1].kind in "fbui"
    }
    if key is not None:
        if key.strip("/") not in arrays:
            _refuse_keys(f"an array of numbers {key!r}", arrays, path, key)
        return {key.strip("/"): "train"}
    examples = {
        name: about
        for name, about in arrays.items()
        if sum(side != 1 for side in about[0]) >= 2
        and not name.rpartition("/")[2].startswith(("y_", "label"))
    }
    splits = {name: _KEYS[name] for name in examples if name in _KEYS}
    if "train" in splits.values():
        if len(set(splits.values())) == len(splits):
            return splits
    elif "samples" in examples:  # Of rbms.
        return {"samples": "train"}
    elif len(examples) == 1:
        return dict.fromkeys(examples, "train")
    _refuse_keys(
        "one array of examples, or arrays train, validation and test",
        arrays,
        path,
        key,
    )


def _refuse_keys(wanted, arrays, path, key):
    listed = ", ".join(
        f"{name} ({'x'.join(map(str, shape))}, {dtype.name})"
        for name, (shape, dtype) in arrays.items()
    )
    raise _WrongKeysError(
        f"The file {path} must hold {wanted}. Pass the `key` of an array. It "
        f"holds: {listed or 'no array of numbers'}. Received: key={key!r}"
    )


def _refuse_key(key, path):
    if key is not None:
        raise _WrongKeysError(
            f"`key` must be left out for a file of one array, {path}. "
            f"Received: key={key!r}"
        )


class _WrongKeysError(ValueError):
    """The file is whole, but the arrays to read are unclear."""


def _splits_of(keys, path, key):
    """Returns a dict from the keys that hold examples to their splits."""
    if key is not None:
        if key not in keys:
            raise _WrongKeysError(
                f"The file {path} must hold an array {key!r}. It holds: "
                f"{', '.join(keys) or 'nothing'}. Received: key={key!r}"
            )
        return {key: "train"}
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
    """Converts bits and spins to float32, and refuses other integers."""
    if not all(x.dtype.kind in "biu" and x.size for x in splits.values()):
        return splits
    for same in (are_bits, are_spins):
        if all(same(x) for x in splits.values()):
            return {key: as_floats(x) for key, x in splits.items()}
    for key, x in splits.items():
        if x.dtype != np.uint8 and not are_spins(x):
            low, high = bounds(x)
            raise ValueError(
                "Integers in the file of `path` must be all 0 or 1, all -1 or "
                "1, or uint8 intensities in units of 1/255. Convert the array "
                "to uint8, or scale it and store floating numbers; for "
                f"categories, pass `categories={high + 1}`. Received: "
                f"{key}.dtype={x.dtype}, from {low} to {high}"
            )
    return splits


def _image_shape(shapes, splits, image_shape):
    """Returns the (rows, columns) of all arrays, which must agree."""
    found = set(shapes.values())
    if image_shape is not None:
        found.add(tuple(np.ravel(np.asarray(image_shape, object))))
    if len(found) > 1 or len(shapes) < len(splits):
        raise ValueError(
            "Arrays of shape (examples, rows, columns) must have the same "
            "rows and columns in every split, equal to `image_shape` if you "
            "give it. Received: image_shape="
            f"{image_shape}, " + _list_shapes(splits)
        )
    return found.pop()


def _list_shapes(splits):
    return ", ".join(f"{key}.shape={x.shape}" for key, x in splits.items())


def _refuse_second(key, size, splits):
    if size and key in splits:
        raise ValueError(
            f"Argument `{key}_size` must be 0, because the file already has "
            f"{key} data. Received: {key}_size={size}"
        )
