"""Pictures of models of examples that are no images: rows by named columns."""

import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from keras_rbm.callbacks.images import current_samples
from keras_rbm.figures import sheet
from keras_rbm.models import MachineModel
from keras_rbm.typing import Array, Path

# Samples and hidden units that are drawn; examples are half as many.
_ROWS = 40
# Columns without a bound are standardized: the ends of their scale.
_DEVIATIONS = 3.0
# The colour of a missing entry, which the scale does not have.
_MISSING = "lightgrey"
# Pixels of a row and of a column, of a picture's sides, and of a name.
_ROW, _COLUMN = 11, 24
_WIDTH = (900, 2400)
_MARGIN = 130
# The most columns whose names are shown, and letters of a name.
_NAMED, _LETTERS = 90, 28


def heat_maps(
    model: MachineModel, examples: Array, names: Sequence[str], output: Path
) -> None:
    """Writes `filters.png`, `reconstructions.png` and `samples.png`.

    A row is a hidden unit, an example or a sample, and has a colour for each
    column: the weight; the value of the example; or the mean E[v | h = E[h |
    v]], for reconstructions and samples. Missing entries of examples are light
    grey.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        examples: Array of shape `(examples, example_units.width)`, of which
            the first 20 are reconstructed.
        names: Names of the columns.
        output: Directory to write to.
    """
    units, folder = model.example_units, pathlib.Path(output)
    low, high = (np.broadcast_to(x, units.width) for x in units.support)
    low = np.where(np.isfinite(low), low, -_DEVIATIONS)
    high = np.where(np.isfinite(high), high, _DEVIATIONS)

    def scaled(x):
        return (_array(x) - low) / (high - low)

    def mean(x):
        return scaled(model.predict_reconstruction(x))

    weights = _array(model.kernel)[: units.width, :_ROWS].T
    largest = np.abs(weights).max() or 1.0
    write(
        folder / "filters.png",
        [("hidden unit", 0.5 + 0.5 * weights / largest)],
        names,
        (f"-{largest:.2g}", f"{largest:.2g}"),
    )
    ends, x = ("least", "largest"), examples[: _ROWS // 2]
    write(
        folder / "reconstructions.png",
        [("example", scaled(x)), ("reconstruction", mean(x))],
        names,
        ends,
    )
    if model.can_sample:
        drawn = current_samples(model, _ROWS)
        write(folder / "samples.png", [("sample", mean(drawn))], names, ends)


def write(
    path: Path,
    panels: Sequence[tuple[str, Array]],
    names: Sequence[str],
    ends: tuple[str, str],
) -> None:
    """Writes heat maps of the same columns, one below the other.

    Args:
        path: Path of the PNG file, at least 900 pixels wide.
        panels: List of (what a row is, array of shape `(rows, columns)` of
            values from 0 to 1).
        names: Names of the columns, which stand below them if there are no
            more than 90.
        ends: What the values 0 and 1 mean, beside the scale of colours.
    """
    columns = len(names)
    is_named = columns <= _NAMED
    longest = max(map(len, names)) if is_named else 1
    below = 30 + 6 * min(longest, _LETTERS)
    heights = [_ROW * len(x) + 30 for _, x in panels]
    width = int(np.clip(_MARGIN + _COLUMN * columns, *_WIDTH))
    figure = sheet.plot((width, sum(heights) + below))
    figure.set_layout_engine("constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (label, x) in zip(grid, panels, strict=True):
        image = axes.imshow(
            x, vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        axes.set_facecolor(_MISSING)
        axes.set_ylabel(label)
        axes.set_yticks([])
    if is_named:
        short = [
            name if len(name) <= _LETTERS else f"{name[: _LETTERS - 3]}..."
            for name in names
        ]
        # Dollars would begin a formula.
        short = [name.replace("$", r"\$") for name in short]
        grid[-1].set_xticks(range(columns), short, rotation=90, fontsize=8)
    else:
        grid[-1].set_xlabel("column")
    scale = figure.colorbar(image, ax=list(grid), ticks=[0, 1], aspect=40)
    scale.ax.set_yticklabels(ends)
    sheet.save(figure, path)


def _array(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))
