"""Images and labels from TensorFlow Datasets, with a quick offline check."""

import threading

import numpy as np

from keras_rbm.data.checks import check_path
from keras_rbm.data.libraries import of_extra

_LUMINANCE = np.array([299, 587, 114], np.uint32)  # thousandths, ITU-R BT.601
_FALLBACK_URL = "https://storage.googleapis.com"
_ROWS_AT_ONCE = 1000


def read_images(name, data_dir=None):
    """Reads the images of a TFDS data set, downloading it if necessary.

    A data set that has already been prepared is read without network access.
    For other data sets, the network is checked first, for at most 6 seconds,
    because TFDS would keep trying for minutes. Colours become luminance, `(299
    red + 587 green + 114 blue) / 1000`, rounded. Images that hold only zeros
    and ones (`binarized_mnist`) become float32.

    Args:
        name: The data set's name in TFDS, for example `"fashion_mnist"` or
            `"emnist/letters"`.
        data_dir: Where TFDS keeps its data; `None` means `$TFDS_DATA_DIR`,
            or else `~/tensorflow_datasets`.

    Returns:
        A dict from the names of those splits of `"train"`, `"validation"` and
        `"test"` that exist to arrays of shape `(examples, rows, columns)`:
        uint8 intensities in units of 1/255, or float32 zeros and ones.

    Raises:
        ConnectionError: If the data set is not on disk and cannot be
            downloaded. The error names both remedies.
        ImportError: If TFDS is not installed (extra `tfds`).
        ValueError: If TFDS has no data set of this name, or if the data set
            does not consist of 8-bit images of one size with a `"train"` split.
    """
    builder = _builder(name, data_dir)
    feature = _image_feature(builder.info, name)
    splits = {
        split: _read_images(builder, split, feature.shape)
        for split in ("train", "validation", "test")
        if split in builder.info.splits
    }
    if max(x.max(initial=0) for x in splits.values()) <= 1:
        splits = {key: x.astype(np.float32) for key, x in splits.items()}
    return splits


def read_labels(name, data_dir=None):
    """Reads the labels of a TFDS data set after `read_images`.

    Args:
        name: The data set's name in TFDS.
        data_dir: As for `read_images`.

    Returns:
        A dict from splits to int64 arrays of shape `(examples,)`, in the order
        of the images.

    Raises:
        ValueError: If the data set has no feature "label" of classes.
    """
    tfds = _library()

    builder = _builder(name, data_dir)
    feature = dict(builder.info.features.items()).get("label")
    if not isinstance(feature, tfds.features.ClassLabel):
        raise ValueError(
            'Argument `name` must be a data set with a feature called "label" '
            "that is a class, if labels are wanted. "
            f"Received: name={name!r} with features={builder.info.features}"
        )
    return {
        split: np.concatenate(list(_batches(builder, split, "label")))
        for split in ("train", "validation", "test")
        if split in builder.info.splits
    }


def why_unreachable(url, seconds=6.0):
    """Tries to reach a server, honouring proxies, within a fixed time.

    Args:
        url: An address, for a HEAD request. Any answer counts, even an error.
        seconds: The largest duration, even if the look-up of the server's name
            hangs.

    Returns:
        `None` if the server answered, else the reason as a string.
    """
    import requests

    outcome = [f"no answer within {seconds:g} seconds"]

    def ask():
        try:
            requests.head(url, timeout=seconds)
            outcome[0] = None
        except requests.RequestException as error:
            outcome[0] = f"{type(error).__name__}: {error}"

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0]


def _library():
    return of_extra("tensorflow_datasets", "tfds", "Data sets without a folder")


def _builder(name, data_dir):
    """Returns the builder of a data set, after preparing the data."""
    tfds = _library()

    if data_dir is not None:
        data_dir = check_path(data_dir, "data_dir")
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    # Errors of TFDS for unknown or malformed names, or missing versions.
    except (AssertionError, OSError, TypeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            "Argument `name` must be the name of a data set in TFDS (see "
            "https://www.tensorflow.org/datasets/catalog) or of one that was "
            f"prepared on this machine. Received: name={name!r} ({reason})"
        ) from None
    if not builder.is_prepared():
        _download(builder, name)
    return builder


def _download(builder, name):
    tfds = _library()

    url = next(iter(builder.url_infos or {}), _FALLBACK_URL)
    reason = why_unreachable(url)
    if reason is not None:
        raise ConnectionError(_ways_out(builder, name, f"{url}: {reason}"))
    # Never ask Google's storage for data that are already prepared there.
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        builder.download_and_prepare(download_config=config)
    except (OSError, tfds.download.DownloadError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConnectionError(_ways_out(builder, name, reason)) from error


def _ways_out(builder, name, reason):
    return (
        f"The data set {name!r} is not on this machine and cannot be "
        "downloaded. Either pass `data_dir` (--data_dir), a directory that "
        "holds train-images-idx3-ubyte and t10k-images-idx3-ubyte, or "
        "train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz. Or let "
        f"TFDS have it: run `tfds build {name}` where there is a network, and "
        "bring the folder here, with the environment variable TFDS_DATA_DIR "
        f"naming the folder above it. Received: name={name!r}, with nothing "
        f"prepared in {builder.data_dir}, and the download: {reason}"
    )


def _image_feature(info, name):
    tfds = _library()

    features = info.features
    is_dict = isinstance(features, tfds.features.FeaturesDict)
    feature = dict(features.items()).get("image") if is_dict else None
    if (
        not isinstance(feature, tfds.features.Image)
        or None in feature.shape
        or feature.shape[-1] not in (1, 3)
        or feature.np_dtype != np.uint8
        or "train" not in info.splits
    ):
        raise ValueError(
            "Argument `name` must be a data set of 8-bit images, all of one "
            'size, in a feature called "image", with a "train" split. Use '
            "`keras_rbm.data.arrays` for other data. "
            f"Received: name={name!r} with features={features} and "
            f"splits={list(info.splits)}"
        )
    return feature


def _read_images(builder, split, shape):
    """Returns a split as uint8 (examples, rows, columns), in TFDS's order."""
    count = builder.info.splits[split].num_examples
    images = np.empty((count, *shape[:2]), np.uint8)
    first = 0
    for x in _batches(builder, split, "image"):
        images[first : first + len(x)] = _to_grey(x)
        first += len(x)
    return images


def _batches(builder, split, feature):
    """Arrays of one feature, always in the same order."""
    tfds = _library()

    dataset = builder.as_dataset(
        split=split, read_config=tfds.ReadConfig(try_autocache=False)
    )
    dataset = dataset.map(lambda example: example[feature])
    return dataset.batch(_ROWS_AT_ONCE).as_numpy_iterator()


def _to_grey(x):
    if x.shape[-1] == 1:
        return x[..., 0]
    return ((x.astype(np.uint32) @ _LUMINANCE + 500) // 1000).astype(np.uint8)
