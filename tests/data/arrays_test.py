import gzip
import os
import pickle
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
from scipy import sparse

from keras_rbm import Bernoulli, Softmax, Spin
from keras_rbm.data import arrays
from keras_rbm.rows import Rows
from tests import hostile


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)


def save(path, *args, **kwargs):
    (np.savez if kwargs or path.suffix == ".npz" else np.save)(
        path, *args, **kwargs
    )
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_single_array(tmp_path, x, suffix):
    data = arrays(save(tmp_path / f"spins{suffix}", x))
    assert data.name == "spins"
    np.testing.assert_array_equal(data.train, x)
    assert data.validation is None
    assert data.test is None
    assert data.image_shape is None
    assert arrays(str(tmp_path / f"spins{suffix}"), name="s").name == "s"


@pytest.mark.parametrize(
    "keys", [("train", "validation"), ("x_train", "x_val")]
)
def test_keys_name_the_splits(tmp_path, x, keys):
    test = "x_test" if keys[0] == "x_train" else "test"
    splits = {keys[0]: x, keys[1]: x[:3], test: x[:5], "y_train": x[:, 0]}
    data = arrays(save(tmp_path / "a.npz", **splits))
    assert [len(data.train), len(data.validation), len(data.test)] == [20, 3, 5]


def test_images_are_flattened(tmp_path, x):
    path = save(tmp_path / "a.npy", x.reshape(20, 2, 3))
    data = arrays(path, image_shape=(2, 3), test_size=5)
    assert data.train.shape == (15, 6)
    assert data.test.shape == (5, 6)
    assert data.image_shape == (2, 3)
    with pytest.raises(ValueError, match=r"image_shape=\(3, 2\), train.shape="):
        arrays(path, image_shape=(3, 2))


def test_flat_images_are_given_their_shape(tmp_path, x):
    path = save(tmp_path / "a.npy", x)
    assert arrays(path, image_shape=(3, 2)).image_shape == (3, 2)
    with pytest.raises(ValueError, match=r"Received: image_shape=\(2, 2\)"):
        arrays(path, image_shape=(2, 2))


def test_images_must_agree(tmp_path, x):
    images = x.reshape(20, 2, 3)
    for test in (x.reshape(20, 3, 2), x):
        path = save(tmp_path / "a.npz", train=images, test=test)
        with pytest.raises(ValueError, match=r"the same rows and columns"):
            arrays(path)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_binary_arrays_become_float32(tmp_path, dtype):
    x = np.eye(4).astype(dtype)
    data = arrays(save(tmp_path / "a.npz", train=x, test=x * 0))
    assert data.train.dtype == data.test.dtype == np.float32
    np.testing.assert_array_equal(data.train, np.eye(4))


def test_a_dark_split_beside_intensities_is_one_of_intensities(tmp_path):
    x = np.arange(24, dtype=np.uint8).reshape(4, 6)
    data = arrays(save(tmp_path / "a.npz", train=x, test=x % 2))
    assert data.train.dtype == np.uint8
    np.testing.assert_array_equal(data.test, (x % 2) / np.float32(255))


@pytest.mark.parametrize("value", [-1, 2, 255])
def test_other_integers_are_refused(tmp_path, value):
    x = np.array([[0, 1, value]])
    with pytest.raises(ValueError, match=r"Received: train.dtype=int64, from"):
        arrays(save(tmp_path / "a.npy", x))


def test_cuts_are_shuffled_by_the_seed(tmp_path, x):
    path = save(tmp_path / "a.npy", x)
    data = arrays(path, validation_size=4, test_size=5)
    assert [len(data.train), len(data.validation), len(data.test)] == [11, 4, 5]
    rows = np.concatenate([data.train, data.validation, data.test])
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(x, axis=0))
    assert (rows != x).any()
    again = arrays(path, validation_size=4, test_size=5, seed=0)
    np.testing.assert_array_equal(again.test, data.test)
    other = arrays(path, validation_size=4, test_size=5, seed=1)
    assert (other.test != data.test).any()


@pytest.mark.parametrize("key", ["validation", "test"])
def test_a_split_is_not_cut_twice(tmp_path, x, key):
    path = save(tmp_path / "a.npz", **{"train": x, key: x[:5]})
    with pytest.raises(ValueError, match=rf"`{key}_size` must be 0, .*_size=2"):
        arrays(path, **{f"{key}_size": 2})


@pytest.mark.parametrize(
    "keys",
    [
        ("train", "valid"),
        ("test", "validation"),
        ("train", "x_train"),
        ("a", "b"),
        ("y_train", "labels"),
    ],
)
def test_other_keys_are_refused(tmp_path, x, keys):
    path = save(tmp_path / "a.npz", **dict.fromkeys(keys, x))
    with pytest.raises(
        ValueError, match=r"arrays under the keys .*Received: k"
    ):
        arrays(path)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2, 2), (0, 3), (0, 2, 2)])
def test_other_shapes_are_refused(tmp_path, shape):
    with pytest.raises(ValueError, match=r"Argument `train` must"):
        arrays(save(tmp_path / "a.npy", np.zeros(shape)))


def test_nan_is_located(tmp_path, x):
    x[7] = np.nan
    with pytest.raises(ValueError, match=r"6 such values .* nan in row 7"):
        arrays(save(tmp_path / "a.npy", x))


def test_missing_files_are_refused(tmp_path):
    for path in (tmp_path / "a.npy", tmp_path):
        with pytest.raises(FileNotFoundError, match=r"Received: path="):
            arrays(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_objects_are_never_loaded(tmp_path, suffix):
    x = np.array([[{}]], dtype=object)
    path = save(tmp_path / f"a{suffix}", x)
    with pytest.raises(ValueError, match=r"without pickled objects"):
        arrays(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"1, 2, 3\n", pickle.dumps({"train": [1]}), b"\x89HDF\r\n\x1a\n"],
    ids=["empty", "text", "pickle", "hdf5"],
)
def test_other_formats_are_refused(tmp_path, content):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path} must be in NumPy's format"):
        arrays(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("kept", [0.02, 0.1, 0.5, 0.99])
def test_files_cut_short_are_refused(tmp_path, x, suffix, kept):
    path = save(tmp_path / f"a{suffix}", x)
    content = path.read_bytes()
    path.write_bytes(content[: max(6, int(kept * len(content)))])
    with pytest.raises(ValueError, match=rf"{path} must be a whole NumPy file"):
        arrays(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"(20, 6)", b"(20, 7)"),
        (b"(20, 6)", b"(20, -)"),
        (b"'<f4'", b"'<x4'"),
        (b"{'descr'", b"{'d(scr'"),
        (b"\x93NUMPY\x01", b"\x93NUMPY\x07"),
        (b"(20, 6), }      ", b"(99999999999999,)}"[:16]),
    ],
)
def test_damaged_headers_are_refused(tmp_path, x, old, new):
    path = save(tmp_path / "a.npy", x)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(ValueError, match=rf"{path} must be a whole NumPy file"):
        arrays(path)


def test_a_damaged_archive_is_refused(tmp_path, x):
    path = save(tmp_path / "a.npz", train=x)
    content = bytearray(path.read_bytes())
    content[300] ^= 255
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path} must be a whole NumPy file"):
        arrays(path)


def test_an_archive_of_other_things_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train.txt", "1 2 3")
    with pytest.raises(ValueError, match=r"a\.npz must "):
        arrays(path)


BITS = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
TEXT = "0,1,1\n1, 0,1\n1,1,0\n"


@pytest.mark.parametrize(
    "names", ["", "\ufeff", "a,b,c\n", "\ufeffa,b,c\n", "0,b,1\n", "0,1,2\n"]
)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_a_table_of_bits(tmp_path, names, suffix):
    path = tmp_path / f"mine{suffix}"
    opened = gzip.open if suffix.endswith("gz") else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write(names + TEXT)
    np.testing.assert_array_equal(arrays(path).train, BITS)
    assert arrays(path).train.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0,1\n2,1\n", "2.0 in row 1, column 0"),
        ("2,1\n0,1\n", "2.0 in row 0, column 0"),  # No line of names.
        ("0,1\n0\n", "equally many"),
        ("a,b\n0,x\n", "equally many"),
        ("a,b\n0,nan\n", "nan in row 0"),
    ],
)
def test_other_text_is_refused(tmp_path, text, complaint):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        arrays(path)


def test_a_share_is_cut_where_the_file_has_none(tmp_path, x):
    path = save(tmp_path / "a.npy", x)
    data = arrays(path, validation_size=0.25)
    assert (len(data.train), len(data.validation)) == (15, 5)
    data = arrays(path, validation_size=0.25, test_size=0.0)
    assert (len(data.train), data.test) == (15, None)
    path = save(tmp_path / "b.npz", train=x, validation=x[:3])
    data = arrays(path, validation_size=0.25)
    assert (len(data.train), len(data.validation)) == (20, 3)
    with pytest.raises(ValueError, match="`validation_size` must"):
        arrays(path, validation_size=1.5)


SPINS = np.where(np.random.default_rng(0).random((20, 6)) < 0.5, -1, 1)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32"])
def test_spins_of_any_type(tmp_path, dtype):
    data = arrays(save(tmp_path / "a.npy", SPINS.astype(dtype)))
    np.testing.assert_array_equal(data.train, SPINS)
    assert data.train.dtype == "float32"
    assert data.visible == Spin(6)


def test_categories_become_one_hot(tmp_path):
    x = np.random.default_rng(0).integers(0, 3, (20, 4))
    path = save(tmp_path / "a.npy", x)
    data = arrays(path, categories=3, test_size=5)
    assert data.train.shape == (15, 12)
    assert data.visible == Softmax(4, 3)
    with pytest.raises(ValueError, match=r"pass `categories=3`"):
        arrays(path)
    with pytest.raises(ValueError, match=r"integers from 0 to 1"):
        arrays(path, categories=2)


def hdf5(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, value in datasets.items():
            file[name.replace(".", "/")] = value
    return path


@pytest.mark.parametrize("name", ["a.h5", "a.hdf5", "a.of_any_name"])
def test_the_only_dataset_of_hdf5_is_taken(tmp_path, x, name):
    path = hdf5(tmp_path / name, **{"run.spins": x, "labels": x, "n": 3})
    np.testing.assert_array_equal(arrays(path).train, x)
    np.testing.assert_array_equal(arrays(path, key="labels").train, x)
    np.testing.assert_array_equal(arrays(path, key="/run/spins").train, x)


def test_keys_of_hdf5_name_the_splits(tmp_path, x):
    path = hdf5(
        tmp_path / "a.h5", x_train=x > 0, x_test=x[:3] > 0, y_train=x[:, 0]
    )
    data = arrays(path)
    assert (len(data.train), len(data.test)) == (20, 3)
    np.testing.assert_array_equal(data.train, x > 0)


def test_several_datasets_are_listed(tmp_path, x):
    path = hdf5(tmp_path / "a.h5", a=x, **{"b.c": x[:3], "text": b"words"})
    with pytest.raises(
        ValueError, match=r"a \(20x6, float32\), b/c \(3x6, float32\)\. Rec"
    ):
        arrays(path)
    for key in ("text", "b", "none"):
        with pytest.raises(ValueError, match=rf"Received: key='{key}'"):
            arrays(path, key=key)
    with pytest.raises(ValueError, match="no array of numbers"):
        arrays(hdf5(tmp_path / "b.h5", text=b"words"))


@pytest.mark.parametrize(
    ("kind", "x", "units"),
    [
        ("bernoulli", SPINS > 0, Bernoulli(6)),
        ("ising", SPINS, Spin(6)),
        ("categorical", SPINS + 1, Softmax(6, 3)),
        (None, SPINS > 0, Bernoulli(6)),
    ],
)
def test_files_of_rbms(tmp_path, kind, x, units):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["samples"], file["labels"] = x, np.ones((len(x), 2))
        if kind is not None:
            file["variable_type"] = kind
    assert arrays(path).visible == units


def test_matlab_files(tmp_path, x):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"x": x, "n": 3, "label": x, "s": "text"})
    np.testing.assert_array_equal(arrays(path).train, x)
    entries = sparse.csc_array(np.eye(20, 6))
    scipy.io.savemat(path, {"x": x, "entries": entries})
    data = arrays(path, key="entries")
    assert isinstance(data.train, Rows)
    np.testing.assert_array_equal(data.train, np.eye(20, 6))
    with pytest.raises(ValueError, match=r"x \(20x6, float32\), entries"):
        arrays(path)


def test_matlab_files_of_version_7_3(tmp_path, x):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["x"] = x.T
        file["x"].attrs["MATLAB_class"] = np.bytes_("single")
        entries = sparse.csc_array(np.eye(20, 6))
        group = file.create_group("entries")
        group.attrs["MATLAB_sparse"] = 20
        group["data"] = entries.data
        group["ir"], group["jc"] = entries.indices, entries.indptr
    content = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + content[512:])
    np.testing.assert_array_equal(arrays(path, key="x").train, x)
    data = arrays(path, key="entries")
    np.testing.assert_array_equal(data.train, np.eye(20, 6))


def put(file, name, value, kind):
    file[name] = value
    file[name].attrs["MATLAB_class"] = kind


@pytest.mark.parametrize("as_attribute", [np.bytes_, str])
def test_text_cells_and_objects_of_matlab_7_3_are_ignored(
    tmp_path, x, as_attribute
):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        for name, value, kind in (
            ("x", x.T, "single"),
            ("names", np.full((8, 20), 65, "uint16"), "char"),
            ("when", np.full((6, 2), 7, "uint32"), "datetime"),
            ("#refs#/b", x.T, "double"),
            ("#refs#/c", np.full((8, 20), 65, "uint16"), "char"),
            ("#subsystem#/d", x.T, "double"),
        ):
            put(file, name, value, as_attribute(kind))
        cells = np.array([[file["#refs#/b"].ref] * 2] * 2, h5py.ref_dtype)
        put(file, "cells", cells, as_attribute("cell"))
        file["#refs#/e"] = np.zeros((3, 4), "uint8")
        group = file.create_group("#refs#/f")
        group.attrs["MATLAB_sparse"] = 20
        group["data"], group["jc"] = np.ones(3), np.arange(4)
    np.testing.assert_array_equal(arrays(path).train, x)
    for key in ("names", "when", "cells", "#refs#/b"):
        with pytest.raises(
            ValueError, match=r"It holds: x \(20x6, float32\)\. R"
        ):
            arrays(path, key=key)


def test_logical_matrices_of_matlab_7_3_are_bits(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        put(file, "x", np.eye(3, 4, dtype="uint8"), np.bytes_("logical"))
    found = arrays(path).train
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, np.eye(4, 3))


def test_named_types_of_hdf5_are_ignored(tmp_path, x):
    path = hdf5(tmp_path / "a.h5", x=x)
    with h5py.File(path, "a") as file:
        file["kind"] = np.dtype("float32")
    np.testing.assert_array_equal(arrays(path).train, x)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_archives(tmp_path, kind):
    x = np.random.default_rng(0).random((20, 8)) < 0.2
    path = tmp_path / "a.npz"
    sparse.save_npz(path, kind(x.astype("int8")))
    data = arrays(path, test_size=0.25)
    assert isinstance(data.train, Rows)
    assert (len(data.train), len(data.test)) == (15, 5)
    assert data.train.dtype == "float32"
    dense = arrays(save(tmp_path / "b.npz", x), test_size=0.25)
    np.testing.assert_array_equal(data.train, dense.train)
    np.testing.assert_array_equal(data.test, dense.test)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="must be a whole NumPy file"):
        arrays(path)


@pytest.mark.parametrize("ending", ["npy", "h5"])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8", bool])
def test_large_files_stay_on_the_disk(tmp_path, monkeypatch, dtype, ending):
    x = np.random.default_rng(0).integers(0, 2, (20, 2, 3, 1)).astype(dtype)
    path = tmp_path / f"a.{ending}"
    if ending == "npy":
        save(path, x)
    else:
        with h5py.File(path, "w") as file:
            file["run/samples"] = x
    small = arrays(path, test_size=5)
    module = arrays.__globals__
    monkeypatch.setitem(module, "_LARGE", 100)
    large = arrays(path, test_size=5)
    assert isinstance(large.train, Rows)
    assert large.image_shape == (2, 3)
    assert large.train.dtype == small.train.dtype
    np.testing.assert_array_equal(large.train, small.train)
    np.testing.assert_array_equal(large.test, small.test)
    np.testing.assert_array_equal(
        large.train[[3, 0, 3]], small.train[[3, 0, 3]]
    )


def test_pictures_with_an_axis_for_the_grey_value(tmp_path, x):
    data = arrays(save(tmp_path / "a.npy", x.reshape(20, 2, 3, 1)))
    assert data.image_shape == (2, 3)
    np.testing.assert_array_equal(data.train, x)


@pytest.mark.parametrize("name", ["a.h5", "a.mat"])
@pytest.mark.parametrize("kept", [0, 4, 100, 1000])
def test_damaged_and_other_files(tmp_path, x, name, kept):
    path = tmp_path / name
    if name == "a.h5":
        hdf5(path, x=x)
    else:
        scipy.io.savemat(path, {"x": x})
    content = path.read_bytes()
    for wrong in (content[: min(kept, len(content) - 300)], b"\x93NUMPY" * 30):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=rf"{path} must (be a whole|hold)"):
            arrays(path)


def test_a_key_is_for_files_of_several(tmp_path, x):
    path = save(tmp_path / "a.npz", a=x, b=x + 1)
    np.testing.assert_array_equal(arrays(path, key="b").train, x + 1)
    with pytest.raises(ValueError, match=r"It holds: a, b\. Received: key='c'"):
        arrays(path, key="c")
    with pytest.raises(ValueError, match="`key` must be left out"):
        arrays(save(tmp_path / "a.npy", x), key="a")


@pytest.mark.parametrize("shape", [3, (3, 3), "ab", (1.5, 8), np.nan])
def test_images_of_another_shape_are_refused(tmp_path, shape):
    path = save(tmp_path / "a.npy", np.zeros((7, 4, 3)))
    hostile.told(lambda: arrays(path, image_shape=shape), "image_shape")


@pytest.mark.parametrize("rows", [10**9, 10**12, 10**15])
def test_a_header_makes_no_room_for_what_is_not_there(tmp_path, x, rows):
    path = save(tmp_path / "a.npy", x)
    content = path.read_bytes()
    assert b"(20, 6), }" in content
    content = content.replace(b"(20, 6), }", f"({rows}, 6), }}".encode())
    path.write_bytes(content)
    hostile.told(lambda: arrays(path))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("train.npy", content)
    hostile.told(lambda: arrays(tmp_path / "a.npz"))


class Trap:
    """What a pickle of it does when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["npy", "npz", "member", "raw"])
def test_nothing_is_ever_unpickled(tmp_path, kind):
    trap = np.array([[Trap(tmp_path / "sprung")]], dtype=object)
    path = tmp_path / "data.npz"
    if kind == "npy":
        save(tmp_path / "data.npy", trap).rename(path)
    elif kind == "npz":
        save(path, train=trap)
    elif kind == "member":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("train", pickle.dumps(trap))
    else:
        path.write_bytes(pickle.dumps(trap))
    hostile.told(lambda: arrays(path))
    assert not (tmp_path / "sprung").exists()
    pickle.loads(pickle.dumps(trap))  # It would have been.
    assert (tmp_path / "sprung").exists()
