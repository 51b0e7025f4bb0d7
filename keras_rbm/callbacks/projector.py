"""Data and fantasy particles as points of TensorBoard's Projector."""

import math
import os
import pathlib

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins import projector as plugin

from keras_rbm import checks, devices
from keras_rbm.callbacks.periodic import as_rows, completed
from keras_rbm.plots import tiles
from keras_rbm.plots.pictures import (
    current_samples,
    intensities,
    shape_and_picture,
)
from keras_rbm.typing import Array, ImageShape, Logs, Path, PictureLike

# Most particles that are shown.
_MOST = 1000
# The size in pixels to which small images are enlarged.
_SIDE = 28


class Projector(keras.callbacks.Callback):
    """Writes data and fantasy particles for the Projector at the end of `fit`.

    The points have as many dimensions as the data have columns; the Projector
    shows them by PCA, t-SNE or UMAP. Each point has a `kind` (`data` or
    `particle`), which you can use as its colour, a number and, with a
    `ClassRBM`, its class (`none` for an example without a label). Images are
    shown as images. Missing entries are filled by draws of the model given the
    observed entries. For a `ClassRBM` that learns only p(y | x), which has no
    particles, nothing is written.

    TensorBoard reads these files only when it starts. If it was started before
    the end of `fit`, start it again.

    Args:
        log_dir: Path of TensorBoard's log directory. The files go to
            `<log_dir>/train`.
        v: Array of shape `(examples, example_units.width)`, training data;
            one or two thousand examples are enough (see `data.some`).
        image_shape: `(rows, columns)` of an example, or `None` for data that
            are not images, which are shown as dots.
        picture: `data.Picture` of the examples, or `None`.

    Example:
        projector = callbacks.Projector("logs", x, image_shape=(4, 4))
        rbm.fit(x, updates=100, callbacks=[projector], verbose=0)
    """

    def __init__(
        self,
        log_dir: Path,
        v: Array,
        image_shape: ImageShape | None = None,
        picture: PictureLike | None = None,
    ):
        super().__init__()
        self.log_dir = log_dir
        self.v = np.asarray(checks.unmasked(v))
        self.image_shape = image_shape
        self.picture = picture

    def on_train_end(self, logs: Logs = None) -> None:
        if not self.model.can_sample:
            return
        # All processes draw; only the chief writes.
        v = as_rows(self.model, self.v)
        whole = completed(self.model, v)
        drawn = current_samples(self.model, _MOST)
        if devices.is_chief():
            drawn = keras.ops.convert_to_numpy(drawn).astype("float32")
            self._write(
                np.concatenate([whole, drawn]), np.concatenate([v, drawn])
            )

    def _write(self, points, given):
        config = plugin.ProjectorConfig()
        embedding = config.embeddings.add()
        embedding.tensor_name = "data and particles"
        embedding.tensor_path = "projector/points.tsv"
        embedding.metadata_path = "projector/labels.tsv"
        folder = pathlib.Path(self.log_dir, "train")
        (folder / "projector").mkdir(parents=True, exist_ok=True)
        np.savetxt(
            folder / embedding.tensor_path, points, "%.6g", delimiter="\t"
        )
        lines = map("\t".join, self._labels(given))
        (folder / embedding.metadata_path).write_text("\n".join(lines) + "\n")
        if self.image_shape is not None:
            embedding.sprite.image_path = "projector/images.png"
            picture, (height, width) = self._sprite(points)
            embedding.sprite.single_image_dim.extend([width, height])
            path = folder / embedding.sprite.image_path
            path.write_bytes(tf.io.encode_png(picture[:, :, None]).numpy())
        # Written last, and as a whole: TensorBoard finds the other files by it.
        plugin.visualize_embeddings(str(folder / "projector"), config)
        name = "projector_config.pbtxt"
        os.replace(folder / "projector" / name, folder / name)

    def _labels(self, given):
        """Rows of text; the first row has the names of the columns.

        Args:
            given: The points, with NaN where the data have a missing entry.
        """
        classes = self.model.num_classes
        yield ["kind", "number", *(["class"] if classes else [])]
        for row, point in enumerate(given):
            number = row - len(self.v)
            kind = "data" if number < 0 else "particle"
            label = []
            if classes:
                y = point[-classes:]
                label = ["none" if np.isnan(y).any() else str(y.argmax())]
            yield [kind, str(row if number < 0 else number), *label]

    def _sprite(self, points):
        """All points as images without lines between them, and their shape."""
        (rows, columns), picture = shape_and_picture(
            self.model, self.image_shape, self.picture
        )
        points = intensities(self.model, points, picture)
        images = tiles.grey(points).reshape(-1, rows, columns)
        factor = -(-_SIDE // max(rows, columns))
        images = images.repeat(factor, axis=1).repeat(factor, axis=2)
        count, height, width = images.shape
        across = math.ceil(math.sqrt(count))
        down = -(-count // across)
        places = np.zeros((down * across, height, width), "uint8")
        places[:count] = images
        grid = places.reshape(down, across, height, width).swapaxes(1, 2)
        return grid.reshape(down * height, across * width), (height, width)
