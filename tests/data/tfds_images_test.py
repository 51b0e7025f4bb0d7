import socket
import sys
import time

import numpy as np
import pytest
import requests
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_rbm.data import mnist, tfds_images
from tests import hostile


def store(data_dir, name, shape, splits, feature=None, key="image"):
    """Prepares a data set as `tfds build` would."""
    image = feature or tfds.features.Image(shape=shape)
    label = tfds.features.ClassLabel(num_classes=2)
    tfds.disable_progress_bar()
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict({key: image, "label": label}),
        split_datasets={
            split: tf.data.Dataset.from_tensor_slices(
                {key: x, "label": np.arange(len(x)) % 2}
            )
            for split, x in splits.items()
        },
        data_dir=data_dir,
        disable_shuffling=True,
    )


def draw(count, shape, high=256):
    rng = np.random.default_rng(count)
    return rng.integers(0, high, (count, *shape), np.uint8)


@pytest.fixture
def offline(monkeypatch):
    def refuse(url, timeout):
        raise requests.ConnectionError("the wire is cut")

    monkeypatch.setattr(requests, "head", refuse)


@pytest.mark.usefixtures("offline")
def test_a_prepared_data_set_needs_no_network(tmp_path):
    splits = {"train": draw(20, (4, 3, 1)), "test": draw(5, (4, 3, 1))}
    store(tmp_path, "tiny_grey", (4, 3, 1), splits)
    tfds.core.add_data_dir(tmp_path)
    start = time.monotonic()
    data = mnist(name="tiny_grey", validation_size=6)
    assert time.monotonic() - start < 10
    assert data.name == "tiny_grey"
    assert data.image_shape == (4, 3)
    train = splits["train"].reshape(20, 12)
    np.testing.assert_array_equal(data.train, train[:14])
    np.testing.assert_array_equal(data.validation, train[14:])
    np.testing.assert_array_equal(data.test, splits["test"].reshape(5, 12))
    data = mnist(name="tiny_grey", validation_size=6, num_classes=2)
    np.testing.assert_array_equal(data.train[:, :12], train[:14])
    np.testing.assert_array_equal(data.train[:, 13] / 255, np.arange(14) % 2)
    np.testing.assert_array_equal(data.test[:, 13] / 255, np.arange(5) % 2)


def test_colours_become_luminance_and_the_test_split_is_optional(tmp_path):
    x = draw(9, (4, 3, 3))
    x[0], x[1] = 0, 255
    store(tmp_path, "tiny_colour", (4, 3, 3), {"train": x})
    images = tfds_images.read_images("tiny_colour", tmp_path)
    assert set(images) == {"train"}
    weights = np.array([0.299, 0.587, 0.114])
    expected = np.floor((x.astype(np.float64) * weights).sum(-1) + 0.5)
    np.testing.assert_array_equal(images["train"], expected)
    np.testing.assert_array_equal(images["train"][1], 255)


def test_a_validation_split_is_kept_and_binary_images_are_float(
    tmp_path, monkeypatch
):
    splits = {
        "train": draw(9, (4, 3, 1), high=2),
        "validation": draw(4, (4, 3, 1), high=2),
    }
    store(tmp_path, "tiny_binary", (4, 3, 1), splits)
    images = tfds_images.read_images("tiny_binary", tmp_path)
    monkeypatch.setattr(tfds_images, "read_images", lambda name: images)
    data = mnist(name="tiny_binary", validation_size=2)
    assert data.train.shape == (9, 12)
    assert data.test is None
    assert data.train.dtype == np.float32
    np.testing.assert_array_equal(
        data.validation, splits["validation"].reshape(4, 12)
    )
    assert mnist(name="tiny_binary", validation_size=0).validation is None


@pytest.mark.usefixtures("offline")
def test_offline_is_said_at_once_with_both_ways_out(tmp_path):
    start = time.monotonic()
    with pytest.raises(ConnectionError) as caught:
        tfds_images.read_images("mnist", tmp_path)
    assert time.monotonic() - start < 10
    message = str(caught.value)
    for word in (
        "--data_dir",
        "train-images-idx3-ubyte and t10k-images-idx3-ubyte",
        "train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz",
        "`tfds build mnist`",
        "TFDS_DATA_DIR",
        "the wire is cut",
    ):
        assert word in message


def test_a_hanging_server_is_given_up(monkeypatch):
    monkeypatch.setattr(requests, "head", lambda url, timeout: time.sleep(60))
    start = time.monotonic()
    reason = tfds_images.why_unreachable("http://localhost", seconds=0.2)
    assert time.monotonic() - start < 5
    assert reason == "no answer within 0.2 seconds"


def test_a_silent_server_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert tfds_images.why_unreachable(url, seconds=0.3) is not None


def test_any_answer_counts(monkeypatch):
    monkeypatch.setattr(requests, "head", lambda url, timeout: "403")
    assert tfds_images.why_unreachable("http://localhost") is None


@pytest.mark.parametrize(
    "error", [OSError("reset"), tfds.download.DownloadError("gone")]
)
def test_a_download_that_breaks_off_names_the_ways_out(
    tmp_path, monkeypatch, error
):
    def fail(self, download_config):
        assert not download_config.try_download_gcs
        raise error

    monkeypatch.setattr(requests, "head", lambda url, timeout: None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(ConnectionError, match=rf"--data_dir.*{error}"):
        tfds_images.read_images("mnist", tmp_path)


def test_unknown_names_are_refused_in_a_few_words(tmp_path):
    with pytest.raises(ValueError, match=r"Received: name='mnst'") as caught:
        tfds_images.read_images("mnst", tmp_path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("kind", ["size", "depth", "key", "split"])
def test_other_data_are_refused(tmp_path, kind):
    x = draw(3, (4, 3, 1))
    kwargs = {
        "size": {"shape": (None, None, 1), "splits": {"train": x}},
        "depth": {
            "shape": None,
            "feature": tfds.features.Image(shape=(4, 3, 1), dtype=np.uint16),
            "splits": {"train": x.astype(np.uint16)},
        },
        "key": {"shape": (4, 3, 1), "splits": {"train": x}, "key": "picture"},
        "split": {"shape": (4, 3, 1), "splits": {"test": x}},
    }[kind]
    store(tmp_path, f"tiny_{kind}", **kwargs)
    with pytest.raises(ValueError, match=r"must be a data set of 8-bit images"):
        tfds_images.read_images(f"tiny_{kind}", tmp_path)


def test_the_extra_is_named_where_tfds_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r'keras_rbm\[tfds\]"'):
        tfds_images.read_images("fashion_mnist")


NAMES = ["", "../../x", "a b", "mnist:9.9.9", "mnist/x", "nope", None, 3, "/"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("folder", [None, "there", 3, "a\0b"])
def test_wrong_names_of_tfds_are_refused(tmp_path, monkeypatch, name, folder):
    monkeypatch.setattr(tfds_images, "why_unreachable", lambda url: "offline")
    where = tmp_path / folder if folder == "there" else folder
    hostile.told(lambda: tfds_images.read_images(name, where), "name|data_dir")
