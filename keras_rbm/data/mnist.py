"""MNIST, and data sets like it, from IDX files or TensorFlow Datasets."""

from keras_rbm.data import idx, tfds_images
from keras_rbm.data.checks import check_integer, check_path
from keras_rbm.data.dataset import Data, split
from keras_rbm.data.labels import picture, with_labels
from keras_rbm.typing import Path

_STEMS = {"train": "train", "test": "t10k"}


def mnist(
    data_dir: Path | None = None,
    name: str = "mnist",
    validation_size: int = 5000,
    train_size: int | None = None,
    num_classes: int = 0,
) -> Data:
    """Returns the flattened images of MNIST or of another data set.

    With `data_dir`, images are read from two IDX files in it, gzipped or not:
    `train-images-idx3-ubyte` and `t10k-images-idx3-ubyte` (or with a dot,
    `train-images.idx3-ubyte`). With `num_classes`, labels are read from
    `train-labels-idx1-ubyte` and `t10k-labels-idx1-ubyte`. Nothing is
    downloaded. Without `data_dir`, images come from TensorFlow Datasets (TFDS):
    any of its data sets of images, such as `"fashion_mnist"` or `"cifar10"`
    (see `tfds_images.read_images`).

    The validation set is the last `validation_size` training images, in stored
    order. TFDS stores images in its own order, so its validation set differs
    from the validation set of the IDX files. A data set that has a
    `"validation"` split in TFDS keeps this split.

    Args:
        data_dir: Directory of the IDX files, or `None`.
        name: Name of the data, with `data_dir`; else the data set's name in
            TFDS.
        validation_size: Number of examples held out, 0 for no validation set.
        train_size: Number of examples to train on, from the first one on;
            `None` for all that are not held out.
        num_classes: Number of classes, for rows (x, one-hot y), the examples of
            a `ClassRBM`; 0 for images only.

    Returns:
        A `Data` of uint8 arrays of shape `(examples, rows * columns +
        num_classes)`, intensities in units of 1/255, with
        `image_shape=(rows, columns)`: (28, 28) for MNIST. `test` is `None` if
        TFDS has no test split. (Images that are binary in TFDS are float32.)

    Raises:
        FileNotFoundError: If `data_dir` lacks a file.
        ConnectionError: If TFDS has no local copy and cannot download the data;
            raised within 10 seconds.
        ValueError: If a file is damaged or holds other data, if `name` is not a
            data set of images, or if `validation_size` is negative or leaves
            nothing to train on.

    Example:
        mnist = keras_rbm.data.mnist("mnist")  # The folder of the IDX files.
        rbm = keras_rbm.RBM(mnist.width, 500)
    """
    check_integer(validation_size, "validation_size", 0)
    check_integer(num_classes, "num_classes", 0)
    labels = {}
    if data_dir is None:
        images = tfds_images.read_images(name)
        if num_classes:
            labels = tfds_images.read_labels(name)
    else:
        data_dir = check_path(data_dir, "data_dir")
        images = _read_files(data_dir, "images", idx.read_images)
        if num_classes:
            labels = _read_files(data_dir, "labels", idx.read_labels)
    image_shape = images["train"].shape[1:]
    rows = {key: x.reshape(len(x), -1) for key, x in images.items()}
    for key, y in labels.items():
        rows[key] = with_labels(rows[key], y, num_classes)
    train, test = rows["train"], rows.get("test")
    validation = rows.get("validation") if validation_size else None
    if validation is None:
        train, validation, _ = split(train, validation_size)
    if train_size is not None:
        check_integer(train_size, "train_size", 1)
        if train_size > len(train):
            raise ValueError(
                "Argument `train_size` must not exceed the number of examples "
                f"to train on, {len(train)}. Received: train_size={train_size}"
            )
        train = train[:train_size]
    shown = picture(train, num_classes)
    return Data(name, train, validation, test, image_shape, shown)


def _read_files(data_dir, kind, read):
    stems = {key: f"{stem}-{kind}" for key, stem in _STEMS.items()}
    paths = {key: idx.find(data_dir, stem) for key, stem in stems.items()}
    missing = [stems[key] for key, path in paths.items() if path is None]
    if missing:
        names = [", ".join(idx.candidates(stem)) for stem in missing]
        raise FileNotFoundError(
            "Argument `data_dir` must be a directory that holds one file of "
            f"each of these: {'; '.join(names)}. Put the files there, or leave "
            "data_dir (--data_dir) out to have TFDS download the data. "
            f"Received: data_dir={str(data_dir)!r}"
            + ("" if data_dir.is_dir() else ", which is no directory")
        )
    return {key: read(path) for key, path in paths.items()}
