"""`Projection`: data and fantasy particles on the data's principal axes."""

import numpy as np
import tensorflow as tf

from keras_rbm import checks, plots
from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import (
    Display,
    as_rows,
    completed,
    filled,
)
from keras_rbm.typing import Array, Logs, Path

_DESCRIPTION = (
    "Training examples (grey) and fantasy particles (orange) on the data's "
    "first two principal axes, the same in all epochs. Grey without orange: a "
    "mode that the chains miss. Orange without grey: what the data have not. "
    "What lies beyond the frame is drawn on it."
)


class Projection(Display):
    """Draws data and fantasy particles on two axes, every few epochs.

    The axes are the first two principal components of the data, without
    rescaling of columns. They are the same in all epochs, so that the slider
    shows how the particles move. If a part of the data has no particles, the
    chains miss a mode. The tag is `1 Images/projection`. A `ClassRBM` that
    learns only p(y | x) has no particles, and gets no picture.

    In each picture, draws of the model given the observed entries stand for
    missing entries. For the axes, missing entries have the means of their
    columns.

    Args:
        log_dir: Path of TensorBoard's log directory.
        v: Array of shape `(examples, example_units.width)`, training data;
            one or two thousand examples are enough (see `data.some`).
        every: Number of epochs between two pictures. The first and the last
            epoch are drawn, too.

    Raises:
        ValueError: If `every` is not a positive integer.

    Example:
        projection = callbacks.Projection("logs", x)
        rbm.fit(x, updates=100, callbacks=[projection], verbose=0)
    """

    def __init__(self, log_dir: Path, v: Array, every: int = 5):
        super().__init__(log_dir, every)
        self.v = np.asarray(checks.unmasked(v))
        self._plane = None

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        self.v = as_rows(self.model, self.v)
        if self._plane is None and self.model.can_sample:
            self._plane = plots.plane_of(filled(self.v))

    def show(self, step: int) -> None:
        if not self.model.can_sample:
            return
        v = completed(self.model, self.v)
        ax = plots.projection(self.model, v, self._plane, plots.offscreen())
        tf.summary.image(
            f"{tensorboard.IMAGES}/projection",
            plots.pixels(ax)[None],
            description=_DESCRIPTION,
        )
