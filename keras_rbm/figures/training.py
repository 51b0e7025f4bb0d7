"""Figures of the training: curves, and filters by epoch."""

import csv
import dataclasses
import pathlib

import numpy as np

from keras_rbm import plots
from keras_rbm.figures.figure import Figure
from keras_rbm.plots import canvas, curves, sheet

# A point of the smooth line is the mean over this share of the run.
_SMOOTH = 0.02


@dataclasses.dataclass(frozen=True)
class Curves(Figure):
    """Curves of log-likelihood, reconstruction error and size of updates.

    The figure is saved as `curves.png`. It reads `updates.csv`, which
    `callbacks.UpdateLog` writes, and draws nothing without this file. If
    `history.csv` has a log-likelihood, the figure also shows it, with the
    baseline of independent units as a dashed line.

    Example:
        figures.draw(rbm, data.bars_and_stripes(4), "run", [figures.Curves()])
    """

    def __call__(self, model, data, output, binarize="none", seed=0):
        folder = pathlib.Path(output)
        if not (folder / "updates.csv").is_file():
            return
        updates, errors, norms = read_updates(folder / "updates.csv")
        if not len(updates):
            return
        history = folder / "history.csv"
        likelihood = (
            curves.measured_likelihood(history) if history.is_file() else None
        )
        columns = 2 + (likelihood is not None)
        figure = canvas.plot((450 * columns, 340))
        if likelihood is not None:
            metrics = curves.read_history(history)
            epochs = len(next(iter(metrics.values())))
            plots.likelihood(
                history, updates[-1] / epochs, figure.add_subplot(1, columns, 1)
            )
        for number, (values, name) in enumerate(
            (
                (errors, "reconstruction error"),
                (norms, "norm of an update of the weights"),
            )
        ):
            axes = figure.add_subplot(1, columns, columns - 1 + number)
            axes.plot(updates, values, color="0.75", linewidth=0.8)
            axes.plot(updates, _smooth(values), color="C0")
            axes.set(xlabel="update", ylabel=name, xlim=(0, updates[-1]))
            axes.locator_params(axis="x", nbins=5)
            _scale(axes, values, "log" if number == 0 else "linear")
            axes.grid(color="0.92")
            axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        canvas.save(figure, folder / "curves.png")


@dataclasses.dataclass(frozen=True)
class FiltersByEpoch(Figure):
    """Filters after some epochs, side by side.

    The figure is saved as `filters_by_epoch.png`. It reads the files
    `filters/epoch-NNNN.png`, which `callbacks.Images` writes, and draws
    nothing if there are fewer than two. Each picture has its own scale: see
    `plots.filters`.

    Args:
        num_epochs: Number of epochs to show: the first, the last, and epochs
            in between that are evenly spaced by their logarithms.

    Example:
        filters = figures.FiltersByEpoch(num_epochs=4)
        figures.draw(rbm, data.bars_and_stripes(4), "run", [filters])
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
        epochs = _spread(sorted(paths), self.num_epochs)
        labelled = [
            (f"epoch {epoch}", _read_picture(paths[epoch])) for epoch in epochs
        ]
        sheet.columns(folder / "filters_by_epoch.png", labelled)


def _scale(axes, values, wide):
    """Fits an axis to all values but outliers.

    Args:
        axes: The matplotlib axes.
        values: The values; NaN and numbers that are not positive are ignored.
        wide: `"log"` or `"linear"`, the scale for values with a wide range.
    """
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return
    most = np.quantile(known, 0.98)
    if wide == "log" and most > 100 * known.min():
        axes.set_yscale("log")
    else:  # The first updates may be many times larger than the others.
        axes.set_ylim(0, 1.3 * most)


def read_updates(path):
    """The columns of a file of `callbacks.UpdateLog`, as arrays."""
    with open(path, newline="") as file:
        rows = [
            [float(value or "nan") for value in row.values()]
            for row in csv.DictReader(file)
        ]
    return np.reshape(rows, (-1, 3)).T


def _smooth(values):
    """Means over neighbours, with fewer neighbours at the ends."""
    reach = max(int(_SMOOTH * len(values) / 2), 1)
    return np.array(
        [
            values[max(i - reach, 0) : i + reach + 1].mean()
            for i in range(len(values))
        ]
    )


def _spread(epochs, count):
    """Some of the epochs, including the first and the last one."""
    logarithms = np.log(epochs)
    wanted = np.linspace(logarithms[0], logarithms[-1], count)
    nearest = np.abs(logarithms - wanted[:, None]).argmin(axis=1)
    return [epochs[i] for i in sorted(set(nearest))]


def _read_picture(path):
    from matplotlib import image

    picture = np.rint(255 * image.imread(path)).astype("uint8")
    # Older versions have saved grey pictures.
    return picture[:, :, :3] if picture.ndim == 3 else picture
