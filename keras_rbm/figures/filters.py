"""How the filters come into being."""

import dataclasses
import pathlib

import numpy as np

from keras_rbm.figures import sheet
from keras_rbm.figures.figure import Figure


@dataclasses.dataclass(frozen=True)
class FiltersByEpoch(Figure):
    """Filters after some epochs, side by side.

    Drawn to `filters_by_epoch.png` from the files `filters/epoch-NNNN.png`
    that `callbacks.Images` leaves; nothing is drawn where there are fewer than
    two. Each picture has its own scale: see `callbacks.filters`.

    Args:
        num_epochs: How many of the epochs to show: the first and the last,
            and those between that are evenly spaced by their logarithms.
    """

    num_epochs: int = 3

    def __call__(self, model, data, output, binarize="none", seed=0):
        folder = pathlib.Path(output)
        paths = {
            int(path.stem.removeprefix("epoch-")): path
            for path in (folder / "filters").glob("epoch-*.png")
        }
        if len(paths) < 2:
            return
        shown = _spread(sorted(paths), self.num_epochs)
        labelled = [(f"epoch {epoch}", _read(paths[epoch])) for epoch in shown]
        sheet.columns(folder / "filters_by_epoch.png", labelled)


def _spread(epochs, count):
    """Some of the epochs, the first and the last among them."""
    logarithms = np.log(epochs)
    wanted = np.linspace(logarithms[0], logarithms[-1], count)
    nearest = np.abs(logarithms - wanted[:, None]).argmin(axis=1)
    return [epochs[i] for i in sorted(set(nearest))]


def _read(path):
    from matplotlib import image

    return np.rint(255 * image.imread(path)).astype("uint8")
