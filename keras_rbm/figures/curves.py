"""How the error and the updates become smaller."""

import csv
import dataclasses
import pathlib

import numpy as np

from keras_rbm.figures import sheet
from keras_rbm.figures.figure import Figure

# A point of the smooth line is the mean over so large a part of the run.
_SMOOTH = 0.02


@dataclasses.dataclass(frozen=True)
class Curves(Figure):
    """Reconstruction error and size of the updates, by updates.

    Drawn to `curves.png` from the `updates.csv` that `callbacks.UpdateLog`
    leaves; nothing is drawn where there is none.
    """

    def __call__(self, model, data, output, binarize="none", seed=0):
        folder = pathlib.Path(output)
        if not (folder / "updates.csv").is_file():
            return
        updates, errors, norms = read(folder / "updates.csv")
        if not len(updates):
            return
        figure = sheet.plot((900, 340))
        for number, (values, name) in enumerate(
            (
                (errors, "reconstruction error"),
                (norms, "norm of an update of the weights"),
            )
        ):
            axes = figure.add_subplot(1, 2, number + 1)
            axes.plot(updates, values, color="0.75", linewidth=0.8)
            axes.plot(updates, _smooth(values), color="C0")
            axes.set(xlabel="update", ylabel=name, xlim=(0, updates[-1]))
            _scale(axes, values, "log" if number == 0 else "linear")
            axes.grid(color="0.92")
            axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        sheet.save(figure, folder / "curves.png")


def _scale(axes, values, far):
    """Shows all of an axis but outliers, and where values go far, as said."""
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return
    most = np.quantile(known, 0.98)
    if far == "log" and most > 100 * known.min():
        axes.set_yscale("log")
    else:  # The first updates may be many times as large as the others.
        axes.set_ylim(0, 1.3 * most)


def read(path):
    """The columns of a file of `callbacks.UpdateLog`, as arrays."""
    with open(path, newline="") as file:
        rows = [
            [float(value or "nan") for value in row.values()]
            for row in csv.DictReader(file)
        ]
    return np.reshape(rows, (-1, 3)).T


def _smooth(values):
    """Means over neighbours, of fewer of them at the ends."""
    reach = max(int(_SMOOTH * len(values) / 2), 1)
    return np.array(
        [
            values[max(i - reach, 0) : i + reach + 1].mean()
            for i in range(len(values))
        ]
    )
