"""Damaged files and wrong arguments of the readers end in a clear error."""

import gzip
import io
import os

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_rbm import data
from keras_rbm.data import idx
from tests import hostile

EXAMPLES = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
IMAGES = np.random.default_rng(0).integers(0, 255, (7, 4, 3), dtype="uint8")


def header(*fields):
    return np.array(fields, ">u4").tobytes()


IDX = header(0x803, 7, 4, 3) + IMAGES.tobytes()


def npy(x):
    file = io.BytesIO()
    np.save(file, x)
    return file.getvalue()


def npz(pack=np.savez, **members):
    file = io.BytesIO()
    pack(file, **members)
    return file.getvalue()


def hdf5(**datasets):
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        for name, x in datasets.items():
            opened[name] = x
    return file.getvalue()


def matlab(**variables):
    file = io.BytesIO()
    scipy.io.savemat(file, variables)
    return file.getvalue()


X = (IMAGES.reshape(7, 12) / 255).astype("float32")
FILES = {
    "idx": IDX,
    "idx.gz": gzip.compress(IDX, mtime=0),
    "npy": npy(X),
    "npz": npz(train=X, test=X[:3]),
    "h5": hdf5(train=X, test=X[:3]),
    "mat": matlab(train=X, test=X[:3]),
    "npz packed": npz(np.savez_compressed, train=X, test=X[:3]),
}


@st.composite
def damaged(draw, content):
    """The content with bytes flipped, cut, swapped, put in or put on."""
    content = bytearray(content)
    size = len(content)
    how = draw(st.sampled_from(["flip", "cut", "swap", "insert", "append"]))
    if how == "flip":
        places = st.integers(0, size - 1)
        for place in draw(st.lists(places, min_size=1, max_size=5)):
            content[place] ^= draw(st.integers(1, 255))
    elif how == "cut":
        first, last = sorted(draw(st.integers(0, size)) for _ in range(2))
        del content[first:last]
    elif how == "swap":
        half = draw(st.integers(1, size - 1))
        content = content[half:] + content[:half]
    else:
        place = size if how == "append" else draw(st.integers(0, size))
        content[place:place] = draw(st.binary(min_size=1, max_size=40))
    return bytes(content)


def read(path):
    """Reads a file by what it is called; returns the examples."""
    if path.name.startswith("idx"):
        return idx.read_images(path)
    return data.arrays(path).train


@pytest.mark.parametrize("kind", FILES)
@EXAMPLES
@given(choice=st.data())
def test_damaged_files_are_refused_or_harmless(tmp_path, kind, choice):
    """Formats without a checksum cannot tell one number from another."""
    path = tmp_path / kind
    path.write_bytes(choice.draw(damaged(FILES[kind])))
    x, told = None, ""
    try:
        x = read(path)
    except (ValueError, OSError) as error:
        told = str(error)
    if x is None:
        assert not hostile.INSIDES.search(told)
        assert str(path) in told or "`" in told
        return
    assert x.dtype in ("uint8", "float32")
    assert np.isfinite(x).all()
    assert x.size <= len(FILES[kind]) * 1032
    if kind == "npz":
        # Which has a checksum: what is read is what was written, or the
        # names in its table were hit.
        assert x.tobytes() in (X.tobytes(), X[:3].tobytes())


@EXAMPLES
@given(content=st.binary(max_size=300), head=st.sampled_from(range(4)))
def test_junk_is_refused(tmp_path, content, head):
    path = tmp_path / "junk"
    starts = (b"", b"\x93NUMPY", b"PK\x03\x04", b"\x1f\x8b")
    path.write_bytes(starts[head] + content)
    hostile.told(lambda: data.arrays(path))
    hostile.told(lambda: idx.read_images(path))


PATHS = st.one_of(
    st.text(min_size=1, max_size=20),
    st.just("a" * 5000),
    st.sampled_from([b"bytes", 3, 1.5, [], {}, object(), "a\0b", "/", ""]),
)


@EXAMPLES
@given(path=PATHS)
def test_wrong_paths_are_refused(tmp_path_factory, path):
    folder = tmp_path_factory.getbasetemp()
    if isinstance(path, str):
        path = f"{folder}/{path}"
    for reader in (data.arrays, data.mnist, idx.read_images):
        hostile.told(lambda reader=reader: reader(path))


def test_an_unreadable_place_is_refused(tmp_path):
    """A file where a folder is wanted, and the reverse; a closed folder."""
    (tmp_path / "file").write_text("no folder")
    hostile.told(lambda: data.mnist(tmp_path / "file"))
    hostile.told(lambda: data.arrays(tmp_path))
    hostile.told(lambda: data.arrays(tmp_path / "file" / "a.npy"))
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    hostile.told(lambda: data.mnist(tmp_path))
    if os.geteuid():
        (tmp_path / "closed").mkdir(mode=0)
        hostile.told(lambda: data.mnist(tmp_path / "closed"))


ARRAYS = st.one_of(
    hostile.huge(),
    hostile.wrong_values().filter(lambda x: not np.isfinite(x).all()),
    # Those of three or four axes may be pictures.
    hostile.wrong_shapes().filter(
        lambda x: x.ndim not in (2, 3, 4) or not x.size
    ),
    st.sampled_from(
        [
            x
            for x in hostile.WRONG_TYPES
            if getattr(x, "dtype", None) != np.longdouble
        ]
    ),
)
TAKERS = {
    "batches": lambda x: data.batches(x, 4),
    "in_order": lambda x: data.in_order(x, 4),
    "binarized": lambda x: data.binarized(x, "stochastic"),
    "Data": lambda x: data.Data("data", x),
    "validation": lambda x: data.Data("data", X, 0 if x is None else x),
}


@pytest.mark.parametrize("taker", TAKERS)
@EXAMPLES
@given(x=ARRAYS)
def test_wrong_arrays_are_refused(taker, x):
    hostile.told(lambda: TAKERS[taker](x), "x|train|validation")


NUMBERS = {
    "batch_size": lambda n: data.batches(X, n),
    "first_step": lambda n: data.batches(X, 4, first_step=n),
    "seed": lambda n: data.in_order(X, 4, seed=n),
    "validation_size": lambda n: data.digits(n),
    "train_size": lambda n: data.mnist("nowhere", train_size=n),
    "size": lambda n: data.bars_and_stripes(n),
    "num_patterns": lambda n: data.bars_and_stripes(3, "first", n),
    "patterns": lambda n: data.bars_and_stripes(3, n),
    "binarize": lambda n: data.in_order(X, 4, n),
    "image_shape": lambda n: data.Data("data", X, image_shape=n or "()"),
}


@pytest.mark.parametrize("name", NUMBERS)
@EXAMPLES
@given(
    n=hostile.COUNTS.filter(
        lambda n: not (type(n) is int and (n == 0 or 2**31 <= n < 2**63))
    )
)
def test_wrong_numbers_are_refused(name, n):
    hostile.told(lambda: NUMBERS[name](n), f"{name}|data_dir")
