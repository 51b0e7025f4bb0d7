"""Pictures of a machine: its filters, samples and reconstructions."""

import pathlib
import warnings

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import devices, tiles
from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import Display
from keras_rbm.models import ClassRBM, MachineModel
from keras_rbm.typing import Array, ImageShape, Path, PictureLike

_DESCRIPTIONS = {
    "filters": "The weights of each hidden unit. Mid-grey is 0; black and "
    "white are minus and plus the largest weight of all.",
    "sample_means": "Samples of the model, each shown as its mean after one "
    "more pass up and down.",
    "reconstructions": "Examples, and below each its mean after one pass up "
    "and down.",
}


class Images(Display):
    """Writes pictures of the model to TensorBoard every few epochs.

    The tags are `5 Images/filters`, `.../sample_means` (where the model
    `can_sample`) and, where there are examples,
    `.../reconstructions`; see the functions of these names.

    Args:
        log_dir: Path of TensorBoard's log directory.
        image_shape: `(rows, columns)` of an example, or `None` for data that
            are no images, which are laid out in a near-square.
        examples: Array of shape `(examples, visible.width)`; the
            first 50 are reconstructed.
        every: Number of epochs from one time to the next. The first and the
            last epoch are written too.
        picture: `data.Picture` of the examples, or `None` for those that are
            intensities of pixels.
        filters_dir: Directory that the filters are written to as well, as
            `epoch-NNNN.png`; `None` for nowhere.

    Raises:
        ValueError: If `every` is not a positive integer.
    """

    def __init__(
        self,
        log_dir: Path,
        image_shape: ImageShape | None = None,
        examples: Array | None = None,
        every: int = 5,
        picture: PictureLike | None = None,
        filters_dir: Path | None = None,
    ):
        super().__init__(log_dir, every)
        self.picture = picture
        self.filters_dir = filters_dir
        self.image_shape = image_shape
        self.examples = examples

    def show(self, step: int) -> None:
        options = {"image_shape": self.image_shape, "picture": self.picture}
        pictures = {"filters": filters(self.model, **options)}
        if self.model.can_sample:
            pictures["sample_means"] = samples(self.model, **options)
        if self.examples is not None:
            pictures["reconstructions"] = reconstructions(
                self.model, self.examples, **options
            )
        for name, picture in pictures.items():
            tf.summary.image(
                f"{tensorboard.IMAGES}/{name}",
                np.reshape(picture, (1, *picture.shape[:2], -1)),
                description=_DESCRIPTIONS[name],
            )
        if self.filters_dir is not None:
            path = pathlib.Path(self.filters_dir, f"epoch-{step:04d}.png")
            write_png(path, pictures["filters"])


def current_samples(model, num_samples=100, num_sweeps=100, seed=0):
    """The fantasy particles; where there are none, draws from random starts.

    Args:
        model: A `MachineModel`.
        num_samples: At most how many.
        num_sweeps: Sweeps of each sample where the chain keeps none.
        seed: Integer; the same draws where the chain keeps none.

    Returns:
        Tensor of shape `(samples, example_units.width)`.
    """
    particles = model.fantasy_particles
    if particles is None:
        with warnings.catch_warnings():
            # A short run is enough for a picture.
            warnings.filterwarnings("ignore", "The samples may not be samples")
            particles = model.sample(
                num_samples, num_sweeps=num_sweeps, seed=seed
            )
    return particles[:num_samples]


def filters(
    model: MachineModel,
    image_shape: ImageShape | None = None,
    num_filters: int = 100,
    picture: PictureLike | None = None,
) -> np.ndarray:
    """Picture of the weights of hidden units, a tile for each.

    Mid-grey is 0; black and white are minus and plus the largest weight in
    the picture. The first units are shown, in their order: a unit keeps its
    place from epoch to epoch, and none is special.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        image_shape: `(rows, columns)` of an example, or `None`.
        num_filters: At most how many units to show.
        picture: `data.Picture` of the examples, whose matrix brings the
            weights to pixels, or `None`.

    Returns:
        `uint8` array of shape `(height, width)`, in pixels.
    """
    width = model.example_units.width
    weights = _array(model.kernel)[:width, :num_filters].T
    if picture is not None:
        weights = picture.directions(weights)
    return tiles.tile(tiles.signed_grey(weights), image_shape)


def samples(
    model: MachineModel,
    image_shape: ImageShape | None = None,
    num_samples: int = 100,
    num_sweeps: int = 100,
    seed: int = 0,
    picture: PictureLike | None = None,
) -> np.ndarray:
    """Picture of samples of the model, each shown as its mean.

    The samples are the fantasy particles of the chain. Where it keeps none,
    they are drawn from random starts, by `num_sweeps` sweeps: far from
    equilibrium perhaps, but cheap. Not the binary draws are shown but the
    means E[v | h = E[h | v]], in which less is lost.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        image_shape: `(rows, columns)` of an example, or `None`.
        num_samples: At most how many samples to show.
        num_sweeps: Sweeps of each sample where the chain keeps none.
        seed: Integer; the same draws where the chain keeps none.
        picture: `data.Picture` of the examples, or `None`.

    Returns:
        `uint8` array of shape `(height, width)`, in pixels.
    """
    drawn = current_samples(model, num_samples, num_sweeps, seed)
    means = _array(model.predict_reconstruction(drawn))
    return tiles.tile(tiles.grey(_intensities(means, picture)), image_shape)


def reconstructions(
    model: MachineModel,
    examples: Array,
    image_shape: ImageShape | None = None,
    num_examples: int = 50,
    picture: PictureLike | None = None,
) -> np.ndarray:
    """Picture of examples, each above its reconstruction.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        examples: Array of shape `(examples, visible.width)`, NaN where an
            entry is missing.
        image_shape: `(rows, columns)` of an example, or `None`.
        num_examples: At most how many examples to show.
        picture: `data.Picture` of the examples, or `None`.

    Returns:
        `uint8` array of shape `(height, width)`, in pixels; where entries are
        missing, `(height, width, 3)`, with missing pixels in orange.
    """
    examples = np.asarray(examples[:num_examples])
    means = _array(model.predict_reconstruction(examples))
    lost = examples.dtype.kind == "f" and np.isnan(examples)
    if not np.any(lost):
        above, below = (
            tiles.grey(_intensities(x, picture)) for x in (examples, means)
        )
        return tiles.tile_pairs(above, below, image_shape)
    above, below = (
        tiles.grey(_intensities(x, picture))
        for x in (np.where(lost, 0.0, examples), means)
    )
    if picture is not None:  # A pixel needs all of its columns.
        lost = lost @ (np.abs(picture.directions(np.eye(lost.shape[1]))) > 0)
    marks = np.where(lost, 255, 0).astype("uint8")
    where = tiles.tile_pairs(marks, np.zeros_like(below), image_shape) == 255
    return tiles.coloured(tiles.tile_pairs(above, below, image_shape), where)


def class_samples(
    model: ClassRBM,
    image_shape: ImageShape | None = None,
    num_samples: int = 10,
    num_sweeps: int = 200,
    seed: int = 0,
    picture: PictureLike | None = None,
) -> np.ndarray:
    """Picture of samples of each class, a row for each, shown as their means.

    Args:
        model: A `ClassRBM`.
        image_shape: `(rows, columns)` of an example, or `None`.
        num_samples: Number of samples of each class.
        num_sweeps: Sweeps of each sample.
        seed: Integer; the same draws.
        picture: `data.Picture` of the examples, or `None`.

    Returns:
        `uint8` array of shape `(height, width)`, in pixels.
    """
    labels = np.repeat(np.arange(model.num_classes), num_samples)
    drawn = model.sample_class(labels, num_sweeps=num_sweeps, seed=seed)
    means = model.predict_reconstruction(model.join(drawn, labels))
    greys = tiles.grey(_intensities(_array(means), picture))
    return tiles.tile(greys, image_shape, columns=num_samples)


def write_png(path: Path, picture: np.ndarray) -> None:
    """Writes a picture to a file, and makes its directory, in the chief.

    Args:
        path: Path of the file.
        picture: `uint8` array of shape `(height, width)`, or `(height, width,
            3)` for one in colours.
    """
    if not devices.is_chief():
        return
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.reshape(picture, (*picture.shape[:2], -1))
    path.write_bytes(tf.io.encode_png(picture).numpy())


def _intensities(x, picture):
    """Examples as intensities of pixels."""
    return x if picture is None else picture.intensities(x)


def _array(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))
