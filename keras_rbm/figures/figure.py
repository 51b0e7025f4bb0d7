"""The base class of figures, and functions that several figures use."""

import abc
import logging
import sys

import keras
import numpy as np

from keras_rbm.data import Data
from keras_rbm.data.checks import has_missing
from keras_rbm.models import MachineModel
from keras_rbm.plots import tiles
from keras_rbm.typing import Path

_LOG = logging.getLogger("keras_rbm")


class Figure(abc.ABC):
    """An experiment with a trained model.

    A figure is a dataclass of options. Calling it draws the figure.

    Example:
        class Filters(figures.Figure):
            def __call__(self, model, data, output, binarize="none", seed=0):
                ax = plots.filters(model, data.image_shape)
                plots.save(ax, f"{output}/filters.png")

        mine = keras_rbm.data.Data("mine", x, image_shape=(4, 4))
        figures.draw(rbm, mine, "run", [Filters()])
    """

    def check(self, model: MachineModel, data: Data) -> None:
        """Checks that the figure can be drawn, before any training.

        Args:
            model: A `MachineModel`, such as an `RBM`.
            data: A `keras_rbm.data.Data`.

        Raises:
            ValueError: If the figure does not fit the model or the data.
        """
        return

    def displays(
        self, data: Data, log_dir: Path, every: int
    ) -> list[keras.callbacks.Callback]:
        """Callbacks that show the figure in TensorBoard during training.

        Args:
            data: A `keras_rbm.data.Data`.
            log_dir: Path of TensorBoard's log directory.
            every: Number of epochs between two pictures.

        Returns:
            List of callbacks; empty for a figure that needs a trained model.
        """
        return []

    @abc.abstractmethod
    def __call__(self, model, data, output, binarize="none", seed=0):
        """Runs the experiment and writes its pictures.

        Args:
            model: A trained `MachineModel`.
            data: A `keras_rbm.data.Data` as wide as the model's visible side.
            output: Directory of the run.
            binarize: How the training data were binarized, as for
                `data.binarized`.
            seed: Integer from 0 to 2**63 - 1: the same seed gives the same
                figure.
        """


def announce(text):
    """Reports a result in the log and, once, on standard output."""
    _LOG.info(text)
    on_screen = [
        handler
        for handler in _LOG.handlers
        if getattr(handler, "stream", None) is sys.stdout
    ]
    if not on_screen:
        print(text)


def check_complete(figure, x, name):
    """Raises an error if entries of a figure's examples are missing.

    Args:
        figure: What needs the examples, for the error.
        x: Array or `Rows`.
        name: The name of the examples, for the error.
    """
    if has_missing(x):
        raise ValueError(
            f"{figure} needs examples without missing entries: fill in the "
            f"missing entries, or leave the figure out. Received: NaN in {name}"
        )


def mean_greys(model, data, v):
    """The means E[v' | h = E[h | v]] of draws as greys, `(draws, pixels)`."""
    means = np.asarray(model.predict_reconstruction(v), "float32")
    return tiles.grey(data.intensities(means))
