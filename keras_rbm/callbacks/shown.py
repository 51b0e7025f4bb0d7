"""The callbacks that show how a model and its samples look."""

import keras

from keras_rbm.callbacks.histograms import Histograms
from keras_rbm.callbacks.images import Images
from keras_rbm.callbacks.projection import Projection
from keras_rbm.callbacks.projector import Projector
from keras_rbm.typing import Array, ImageShape, Path, PictureLike


def shown(
    log_dir: Path,
    examples: Array,
    v_train: Array,
    every: int,
    image_shape: ImageShape | None = None,
    picture: PictureLike | None = None,
    filters_dir: Path | None = None,
) -> list[keras.callbacks.Callback]:
    """`Images`, `Histograms`, `Projection` and `Projector` of a run.

    Args:
        log_dir: Path of the directory that TensorBoard is shown.
        examples: Array of shape `(examples, visible.width)`, to reconstruct.
        v_train: Training data of the same form to hold the samples against,
            one or two thousand.
        every: Number of epochs from one time to the next.
        image_shape: `(rows, columns)` of an example, or `None`.
        picture: `data.Picture` of the examples, or `None`.
        filters_dir: Directory that the filters are written to as well.

    Returns:
        List of callbacks.

    Raises:
        ValueError: If `every` is not a positive integer.
    """
    return [
        Images(log_dir, image_shape, examples, every, picture, filters_dir),
        Histograms(log_dir, examples, every),
        Projection(log_dir, v_train, every),
        Projector(log_dir, v_train, image_shape, picture),
    ]
