"""`Images`: pictures of filters, samples and reconstructions in TensorBoard."""

import pathlib
from collections.abc import Sequence

import tensorflow as tf

from keras_rbm import plots
from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import Display
from keras_rbm.typing import (
    Array,
    Path,
    PictureLike,
    PictureShape,
    SchemaLike,
)

_DESCRIPTIONS = {
    "filters": "The weights of each hidden unit: red above 0, blue below.",
    "sample_means": "Samples of the model, each shown as its mean after one "
    "more pass up and down.",
    "reconstructions": "Examples, each above its reconstruction: its mean "
    "after one pass up and down.",
}


class Images(Display):
    """Writes pictures of the model to TensorBoard every few epochs.

    The tags are `1 Images/filters`, `.../sample_means` (if the model
    `can_sample`) and, with `examples`, `.../reconstructions`. The functions
    `plots.filters`, `plots.samples` and `plots.reconstructions` draw the
    pictures.

    Args:
        log_dir: Path of TensorBoard's log directory.
        image_shape: `(rows, columns)` of an example; `None` for the model's
            `image_shape`. Examples without a shape are drawn as rows of bars.
        examples: Array of shape `(examples, visible.width)`; the
            first 50 are reconstructed.
        every: Number of epochs between two pictures. The first and the last
            epoch are written, too.
        picture: `data.Picture` of the examples; `None` if they are
            intensities of pixels.
        filters_dir: Directory where the filters are also saved, as
            `epoch-NNNN.png`; `None` not to save them.
        names: Names of the columns, for bars; `None` for column numbers.
        schema: `data.Schema` of the examples if they are rows of a table, for
            the names and the numbers of its columns; or `None`.

    Raises:
        ValueError: If `every` is not a positive integer.

    Example:
        images = callbacks.Images("logs", (4, 4), examples, every=5)
        rbm.fit(x, updates=100, callbacks=[images], verbose=0)
    """

    def __init__(
        self,
        log_dir: Path,
        image_shape: PictureShape | None = None,
        examples: Array | None = None,
        every: int = 5,
        picture: PictureLike | None = None,
        filters_dir: Path | None = None,
        names: Sequence[str] | None = None,
        schema: SchemaLike | None = None,
    ):
        super().__init__(log_dir, every)
        self.picture = picture
        self.filters_dir = filters_dir
        self.image_shape = image_shape
        self.examples = examples
        self.names = names
        self.schema = schema

    def show(self, step: int) -> None:
        options = {
            "image_shape": self.image_shape,
            "picture": self.picture,
            "names": self.names,
            "schema": self.schema,
        }
        drawn = {
            "filters": plots.filters(
                self.model, ax=plots.offscreen(), **options
            )
        }
        if self.model.can_sample:
            drawn["sample_means"] = plots.samples(
                self.model, ax=plots.offscreen(), **options
            )
        if self.examples is not None:
            drawn["reconstructions"] = plots.reconstructions(
                self.model, self.examples, ax=plots.offscreen(), **options
            )
        for name, ax in drawn.items():
            tf.summary.image(
                f"{tensorboard.IMAGES}/{name}",
                plots.pixels(ax)[None],
                description=_DESCRIPTIONS[name],
            )
        if self.filters_dir is not None:
            path = pathlib.Path(self.filters_dir, f"epoch-{step:04d}.png")
            plots.save(drawn["filters"], path)
