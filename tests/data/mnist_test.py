import gzip
import hashlib
import os
import struct

import numpy as np
import pytest

from keras_rbm.data import mnist

TRAIN = "train-images-idx3-ubyte"
TEST = "t10k-images-idx3-ubyte"


@pytest.fixture
def data_dir(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in ((TRAIN, 20), (TEST, 6)):
        images = rng.integers(0, 256, (count, 4, 3), np.uint8)
        header = struct.pack(">4I", 0x803, *images.shape)
        (tmp_path / name).write_bytes(header + images.tobytes())
    return tmp_path


def pixels(path):
    raw = np.frombuffer(path.read_bytes(), np.uint8, offset=16)
    return raw.reshape(-1, 12)


def test_the_last_training_images_are_held_out(data_dir):
    data = mnist(data_dir, validation_size=5)
    x = pixels(data_dir / TRAIN)
    assert data.name == "mnist"
    assert data.image_shape == (4, 3)
    assert data.train.dtype == np.uint8
    np.testing.assert_array_equal(data.train, x[:15])
    np.testing.assert_array_equal(data.validation, x[15:])
    np.testing.assert_array_equal(data.test, pixels(data_dir / TEST))


def test_validation_can_be_left_out(data_dir):
    data = mnist(str(data_dir), name="fashion_mnist", validation_size=0)
    assert data.name == "fashion_mnist"
    assert data.train.shape == (20, 12)
    assert data.validation is None


def test_gzipped_files_and_names_with_a_dot(data_dir):
    expected = mnist(data_dir, validation_size=5)
    packed = gzip.compress((data_dir / TRAIN).read_bytes())
    (data_dir / (TRAIN + ".gz")).write_bytes(packed)
    (data_dir / TRAIN).unlink()
    (data_dir / TEST).rename(data_dir / "t10k-images.idx3-ubyte")
    data = mnist(data_dir, validation_size=5)
    np.testing.assert_array_equal(data.train, expected.train)
    np.testing.assert_array_equal(data.test, expected.test)


@pytest.mark.parametrize("size", [-1, 1.5, None])
def test_sizes_are_refused_before_anything_is_read(size):
    with pytest.raises(ValueError, match=r"`validation_size` must be an int"):
        mnist("nowhere", validation_size=size)


def test_sizes_that_leave_nothing_are_refused(data_dir):
    with pytest.raises(ValueError, match=r"at least one of 20 examples"):
        mnist(data_dir)


def test_missing_files_are_listed(data_dir, monkeypatch):
    monkeypatch.setattr(
        "keras_rbm.data.tfds_images.read_images",
        lambda name: pytest.fail("must not turn to TFDS"),
    )
    (data_dir / TEST).unlink()
    message = (
        "t10k-images-idx3-ubyte, t10k-images-idx3-ubyte.gz, "
        "t10k-images.idx3-ubyte, t10k-images.idx3-ubyte.gz. "
        ".*Received: data_dir"
    )
    with pytest.raises(FileNotFoundError, match=message) as caught:
        mnist(data_dir)
    assert "train-images" not in str(caught.value)
    nowhere = data_dir / "nowhere"
    with pytest.raises(FileNotFoundError, match=r"nowhere', which is no dir"):
        mnist(nowhere)


def test_other_sizes_of_image_in_test_are_refused(data_dir):
    header = struct.pack(">4I", 0x803, 1, 2, 3)
    (data_dir / TEST).write_bytes(header + bytes(6))
    with pytest.raises(ValueError, match=r"`test` must have the width of"):
        mnist(data_dir, validation_size=5)


@pytest.mark.skipif(
    "MNIST_DIR" not in os.environ,
    reason="set MNIST_DIR to a directory of MNIST's IDX files",
)
def test_the_real_mnist():
    data = mnist(os.environ["MNIST_DIR"])
    assert data.train.shape == (55000, 784)
    assert data.validation.shape == (5000, 784)
    assert data.test.shape == (10000, 784)
    assert data.image_shape == (28, 28)
    train = np.concatenate([data.train, data.validation])
    header = struct.pack(">4I", 0x803, 60000, 28, 28)
    digest = hashlib.md5(header + train.tobytes()).hexdigest()
    assert digest == "6bbc9ace898e44ae57da46a324031adb"
    header = struct.pack(">4I", 0x803, 10000, 28, 28)
    digest = hashlib.md5(header + data.test.tobytes()).hexdigest()
    assert digest == "2646ac647ad5339dbf082846283269ea"


def test_labels_are_read_if_they_are_wanted(data_dir):
    y = {"train": np.arange(20) % 3, "t10k": np.arange(6) % 3}
    for stem, labels in y.items():
        content = struct.pack(">2I", 0x801, len(labels))
        path = data_dir / f"{stem}-labels-idx1-ubyte"
        path.write_bytes(content + labels.astype("uint8").tobytes())
    plain = mnist(data_dir, validation_size=5)
    data = mnist(data_dir, validation_size=5, num_classes=3)
    assert data.image_shape == (4, 3)
    assert data.picture.intensities(data.test).shape == (6, 12)
    for split, labels in (
        ("train", y["train"][:15]),
        ("validation", y["train"][15:]),
        ("test", y["t10k"]),
    ):
        rows = getattr(data, split)
        assert rows.dtype == np.uint8
        np.testing.assert_array_equal(rows[:, :12], getattr(plain, split))
        np.testing.assert_array_equal(rows[:, 12:], 255 * np.eye(3)[labels])
    with pytest.raises(ValueError, match="from 0 to 1 in every row; 6 of 20"):
        mnist(data_dir, validation_size=5, num_classes=2)


def test_a_file_of_labels_that_is_missing_is_named(data_dir):
    with pytest.raises(FileNotFoundError, match="train-labels-idx1-ubyte"):
        mnist(data_dir, validation_size=5, num_classes=10)
