"""What a figure is: an experiment with a trained model, and its pictures."""

import abc
import json
import logging
import os
import pathlib
import sys

from keras_rbm import devices
from keras_rbm.data import Data
from keras_rbm.models import MachineModel

_LOG = logging.getLogger("keras_rbm")


class Figure(abc.ABC):
    """An experiment with a trained model.

    Figures are small values: a dataclass of options, which is called.
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

    @abc.abstractmethod
    def __call__(self, model, data, output, binarize="none", seed=0):
        """Makes the experiment and writes its pictures.

        Args:
            model: A trained `MachineModel`.
            data: A `keras_rbm.data.Data` as wide as its visible side.
            output: Directory of the run.
            binarize: As for `data.binarized`, how the model was trained.
            seed: Integer from 0 to 2**63 - 1: the same seed gives the same
                figure.
        """


def tell(text):
    """Says what came out, in the log and, once, on standard output."""
    _LOG.info(text)
    shown = [
        handler
        for handler in _LOG.handlers
        if getattr(handler, "stream", None) is sys.stdout
    ]
    if not shown:
        print(text)


def write_json(path, found):
    """Writes figures to a file, whole or not at all, in the chief."""
    if not devices.is_chief():
        return
    aside = pathlib.Path(f"{path}.writing")
    aside.write_text(json.dumps(found, indent=2) + "\n")
    os.replace(aside, path)
