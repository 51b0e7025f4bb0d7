"""Histograms of parameters and hidden units for TensorBoard."""

import keras
import tensorflow as tf

from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import Display
from keras_rbm.typing import Array, Path


class Histograms(Display):
    """Writes histograms of the model to TensorBoard every few epochs.

    The tags are `6 Histograms/kernel`, `.../visible_bias`, `.../hidden_bias`
    (and further parameters of the units, if any) and, with `examples`,
    `.../hidden_means`: E[h | v] of all hidden units over the examples.

    Args:
        log_dir: Path of TensorBoard's log directory.
        examples: Array of shape `(examples, visible.width)`; some hundreds
            are enough.
        every: Number of epochs between two histograms. The first and the last
            epoch are written, too.

    Raises:
        ValueError: If `every` is not a positive integer.

    Example:
        histograms = callbacks.Histograms("logs", x)
        rbm.fit(x, updates=100, callbacks=[histograms], verbose=0)
    """

    def __init__(
        self, log_dir: Path, examples: Array | None = None, every: int = 5
    ):
        super().__init__(log_dir, every)
        self.examples = examples

    def show(self, step: int) -> None:
        model = self.model
        values = {"kernel": model.kernel}
        for side, params in (
            ("visible", model.visible_params),
            ("hidden", model.hidden_params),
        ):
            for name, value in params.items():
                values[f"{side}_{name}"] = value
        if self.examples is not None:
            values["hidden_means"] = model(self.examples)
        for name, value in values.items():
            tf.summary.histogram(
                f"{tensorboard.HISTOGRAMS}/{name}",
                keras.ops.convert_to_tensor(value),
            )
