"""`Projection`: data and fantasy particles in the plane of the data's axes."""

import numpy as np
import tensorflow as tf

from keras_rbm import plots
from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import Display
from keras_rbm.typing import Array, Logs, Path

_DESCRIPTION = (
    "Training examples (grey) and fantasy particles (orange) on the data's "
    "first two principal axes, the same in all epochs. Grey without orange: a "
    "mode that the chains miss. Orange without grey: what the data have not. "
    "What lies beyond the frame is drawn on it."
)


class Projection(Display):
    """Draws data and fantasy particles on two axes, every few epochs.

    The axes are the first two principal components of the data alone, with
    all columns as they are, so that they stay the same from epoch to epoch
    and the slider shows how particles move. A part of the data without
    particles is a mode that the chains miss. The tag is `1 Images/projection`;
    a `ClassRBM` that learns p(y | x) alone has no particles, and no picture.

    Args:
        log_dir: Path of TensorBoard's log directory.
        v: Array of shape `(examples, example_units.width)`, training data:
            one or two thousand show where they are (`data.some`).
        every: Number of epochs from one time to the next. The first and the
            last epoch are drawn too.

    Raises:
        ValueError: If `every` is not a positive integer.

    Example:
        projection = callbacks.Projection("logs", x)
        rbm.fit(x, updates=100, callbacks=[projection], verbose=0)
    """

    def __init__(self, log_dir: Path, v: Array, every: int = 5):
        super().__init__(log_dir, every)
        self.v = np.asarray(v, "float32")
        self._plane = None

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        if self._plane is None and self.model.can_sample:
            self._plane = plots.plane_of(self.v)

    def show(self, step: int) -> None:
        if not self.model.can_sample:
            return
        ax = plots.projection(
            self.model, self.v, self._plane, plots.offscreen()
        )
        tf.summary.image(
            f"{tensorboard.IMAGES}/projection",
            plots.pixels(ax)[None],
            description=_DESCRIPTION,
        )
