import gzip
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_rbm.data import idx
from tests import hostile


def encode(images):
    header = struct.pack(">4I", 0x803, *images.shape)
    return header + images.tobytes()


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (5, 4, 3), np.uint8)


@pytest.mark.parametrize("name", ["x", "x.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_packed_and_plain_whatever_the_name(tmp_path, images, name, pack):
    (tmp_path / name).write_bytes(pack(encode(images)))
    found = idx.read_images(tmp_path / name)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("name", idx.candidates("train-images"))
def test_finds_every_usual_name(tmp_path, name):
    assert idx.find(tmp_path, "train-images") is None
    (tmp_path / name).touch()
    assert idx.find(tmp_path, "train-images") == tmp_path / name


labels = struct.pack(">2I", 0x801, 20) + bytes(20)
damages = {
    "empty": (lambda b: b"", "header of 16 bytes.*Received: a file of 0"),
    "header": (lambda b: b[:15], "Received: a file of 15 bytes"),
    "short": (lambda b: b[:-1], "must hold 76 bytes .* Received: 75 bytes"),
    "none": (lambda b: b[:16], "5 images of 4 x 3 .* Received: 16 bytes"),
    "long": (lambda b: b + b"0", "must hold 76 bytes .* Received: 77"),
    "labels": (
        lambda b: labels,
        "expected to be 0x00000803. It holds labels.*Received: 0x00000801",
    ),
    "text": (lambda b: b"<!DOCTYPE html> not found", "Received: 0x3c21444f"),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("damage", damages)
def test_damaged_files_are_refused(tmp_path, images, pack, damage):
    change, message = damages[damage]
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(pack(change(encode(images))))
    with pytest.raises(ValueError, match=f"{path}.*{message}"):
        idx.read_images(path)


def flip(packed):
    middle = len(packed) // 2
    return (
        packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :]
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda packed: packed[:-20],  # cut within the data
        lambda packed: packed[:-4],  # cut within the checksum
        lambda packed: packed[:6],  # cut within the header
        lambda packed: packed[:-6] + bytes(6),  # wrong checksum
        lambda packed: b"\x1f\x8b\x00" + packed[3:],  # unknown method
        flip,
    ],
)
def test_damaged_gzip_is_refused(tmp_path, images, change):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(change(gzip.compress(encode(images))))
    with pytest.raises(ValueError, match=rf"file {path} must"):
        idx.read_images(path)


def test_a_header_that_promises_the_moon_costs_nothing(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">4I", 0x803, 2**31, 2**31, 2**31) + bytes(9))
    with pytest.raises(ValueError, match=r"Received: 25 bytes"):
        idx.read_images(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_labels(tmp_path, pack):
    path = tmp_path / "train-labels.idx1-ubyte.gz"
    path.write_bytes(pack(struct.pack(">2I", 0x801, 3) + bytes([7, 0, 9])))
    assert idx.find(tmp_path, "train-labels") == path
    np.testing.assert_array_equal(idx.read_labels(path), [7, 0, 9])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:7], "header of 8 bytes.*Received: a file of 7"),
        (lambda b: b[:-1], "must hold 28 bytes for the 20 labels.*: 27 bytes"),
        (lambda b: b + b"0", "must hold 28 bytes.*: 29 bytes or more"),
        (lambda b: b"\0\0\x08\x03" + b[4:], "expected .*801. It holds images"),
    ],
)
def test_damaged_labels_are_refused(tmp_path, change, message):
    path = tmp_path / "t10k-labels-idx1-ubyte"
    path.write_bytes(change(labels))
    with pytest.raises(ValueError, match=f"{path}.*{message}"):
        idx.read_labels(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=3),
    packed=st.booleans(),
)
def test_a_header_makes_no_room_for_what_is_not_there(tmp_path, shape, packed):
    content = struct.pack(">4I", 0x803, *shape) + b"images"
    path = tmp_path / "idx"
    path.write_bytes(gzip.compress(content) if packed else content)
    if np.prod([int(side) for side in shape], dtype=object) != 6:
        hostile.told(lambda: idx.read_images(path))
