"""Rows of bars over named columns, for examples that are not images."""

from collections.abc import Sequence

import numpy as np

from keras_rbm.plots import canvas
from keras_rbm.typing import Axes

#: Colours of positive and of negative numbers, and of examples.
POSITIVE, NEGATIVE, EXAMPLE = "#b2182b", "#2166ac", "0.72"
#: Colour of missing entries.
MISSING = "#e6781e"
# Height of a row and width of a column, in pixels, and the least and the
# largest width of the picture.
_ROW, _COLUMN = 36, 26
_WIDTH = (900, 2400)
_MARGIN = 170
# The most columns whose names are shown, and the most letters of a name.
_NAMED, _LETTERS = 90, 28
# Widths of bars, as shares of a column: of bars behind, and of bars in front.
_WIDE, _NARROW = 0.8, 0.4


def axes(ax: Axes | None, rows: int, names: Sequence[str]) -> Axes:
    """Axes for rows of bars, with their labels and the names of the columns.

    Args:
        ax: Matplotlib `Axes` of the caller, or `None` for a new figure.
        rows: Number of rows.
        names: Names of the columns, which are shown below up to 90 columns.

    Returns:
        Matplotlib `Axes`.
    """
    columns = len(names)
    width = int(np.clip(_MARGIN + _COLUMN * columns, *_WIDTH))
    below = 6 * min(max(map(len, names)), _LETTERS)
    height = _ROW * rows + 110 + (below if columns <= _NAMED else 0)
    ax = canvas.axes(ax, (width, height))
    ax.set(xlim=(-0.7, columns - 0.3), ylim=(rows - 0.4, -0.6))
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(left=False)
    if columns <= _NAMED:
        short = [
            name if len(name) <= _LETTERS else f"{name[: _LETTERS - 3]}..."
            for name in names
        ]
        # A dollar sign would begin a formula.
        short = [name.replace("$", r"\$") for name in short]
        ax.set_xticks(range(columns), short, rotation=90, fontsize=8)
    return ax


def label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Writes a label at the left of each row."""
    ax.set_yticks(range(len(labels)), labels, fontsize=8)


def signed(ax: Axes, x: np.ndarray, name: str) -> None:
    """Draws positive numbers up and red, and negative numbers down and blue.

    Args:
        ax: Axes of `axes`.
        x: Array of shape `(rows, columns)`.
        name: Name of the numbers, for the legend.
    """
    largest = np.abs(x).max(initial=0.0, where=np.isfinite(x))
    x = np.nan_to_num(np.asarray(x, "float64") / (largest or 1.0), posinf=0)
    for label, colour, part in (
        (f"positive {name}", POSITIVE, np.maximum(x, 0)),
        (f"negative {name}", NEGATIVE, np.minimum(x, 0)),
    ):
        _bars(ax, 0.45 * part, 0.0, _WIDE, colour, label)
    ax.set_xlabel(f"the largest bar is a {name} of {largest:.2g}", fontsize=8)
    _legend(ax)


def shares(ax: Axes, x: np.ndarray, name: str, front: bool = False) -> None:
    """Draws numbers from 0 (no bar) to 1 (a bar of full height).

    Args:
        ax: Axes of `axes`.
        x: Array of shape `(rows, columns)`.
        name: Name of a row, for the legend.
        front: Whether to draw narrow bars, in front of other bars.
    """
    x = np.clip(np.nan_to_num(np.asarray(x, "float64")), 0, 1)
    colour = POSITIVE if front else EXAMPLE
    _bars(ax, 0.85 * x, 0.42, _NARROW if front else _WIDE, colour, name)
    _legend(ax)


def missing(ax: Axes, where: np.ndarray) -> None:
    """Marks missing entries by bars of full height, in orange.

    Args:
        ax: Axes of `axes`.
        where: Boolean array of shape `(rows, columns)`.
    """
    _bars(ax, 0.85 * where, 0.42, _WIDE, MISSING, "missing")
    _legend(ax)


def _bars(ax, heights, base, width, colour, label):
    """Draws all bars as one collection: a patch for each would take minutes."""
    from matplotlib.collections import PolyCollection

    rows, columns = heights.shape
    left = np.broadcast_to(np.arange(columns) - width / 2, (rows, columns))
    bottom = np.arange(rows)[:, None] + base + np.zeros((1, columns))
    top = bottom - heights  # The vertical axis points down.
    corners = [
        (left, bottom),
        (left + width, bottom),
        (left + width, top),
        (left, top),
    ]
    vertices = np.stack([np.stack(c, axis=-1) for c in corners], axis=-2)
    vertices = vertices.reshape(-1, 4, 2)[heights.ravel() != 0]
    ax.add_collection(
        PolyCollection(vertices, facecolor=colour, linewidth=0, label=label),
        autolim=False,
    )
    ax.hlines(
        np.arange(rows) + base, -0.6, columns - 0.4, color="0.85", linewidth=0.6
    )


def _legend(ax):
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
