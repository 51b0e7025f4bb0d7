"""Rows of bars over named columns, for examples that are not images."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from keras_rbm.plots import canvas
from keras_rbm.typing import Axes, SchemaLike

#: Colours of positive and of negative numbers, of examples, and of what a model
#: makes of them.
POSITIVE, NEGATIVE, EXAMPLE, MODEL = "#b2182b", "#2166ac", "0.45", "#b2182b"
# Greys behind bars, of lines, and of the stripes over missing entries.
_BEHIND, _LINE, _STRIPES = "0.94", "0.85", "0.6"
# Least width of a place for a bar, in pixels. A column of a table takes several
# places, for its name and its numbers, and has a gap beside it, in places.
_PIXELS, _COLUMN, _GAP = 26, 2.4, 0.5
# Height of a row, and the least and the largest width of the picture, in
# pixels.
_ROW = 46
_WIDTH = (1000, 2400)
_MARGIN = 150
# The most bars of a row whose names are shown, and the most letters of a name.
_NAMED, _LETTERS = 90, 28
# Pixels of a letter, and the least width for a number or a word in a row.
_LETTER, _WORD = 7, 46
# Width of a bar in its place. In a row of height 1: the base of the bars, and
# the height of the tallest bar, without and with numbers above.
_BAR, _BASE, _TALL, _BELOW_NUMBERS = 0.8, 0.42, 0.84, 0.56
# The share of a row that is left free between two pairs of rows.
_APART = 0.3


class Group(NamedTuple):
    """The bars of one column.

    Attributes:
        name: Name of the column, as in the schema; `None` if the labels alone
            name the bars.
        places: Indices of the entries of an example.
        labels: A label for each bar, such as a category.
    """

    name: Hashable | None
    places: Sequence[int]
    labels: Sequence[str]


def groups(
    width: int,
    names: Sequence[str] | None = None,
    schema: SchemaLike | None = None,
) -> list[Group]:
    """The bars of each column, from left to right.

    Args:
        width: Number of entries of an example.
        names: Names of the entries; `None` to use their indices as names.
        schema: `data.Schema` of the examples, whose columns are shown in the
            order of the table, in place of `names`; or `None`.

    Returns:
        List of `Group`.
    """
    if schema is None:
        names = range(width) if names is None else names
        return [Group(None, [i], [str(name)]) for i, name in enumerate(names)]
    labels, slices, found = schema.labels, schema.slices, []
    for name in schema.columns:
        if name in slices:
            place = slices[name]
            found.append(
                Group(
                    name,
                    range(place.start, place.stop),
                    [
                        ""
                        if label == str(name)
                        else label.removeprefix(f"{name}=")
                        for label in labels[place]
                    ],
                )
            )
    return found


class _Names(NamedTuple):
    """Texts along an axis, which are turned if they are too wide."""

    texts: list[str]
    is_turned: bool

    @classmethod
    def of(cls, names, pixels):
        """Shortened names, turned if one is wider than its room in `pixels`."""
        texts = [_short(name) for name in names]
        return cls(
            texts,
            any(
                _LETTER * len(text) > room
                for text, room in zip(texts, pixels, strict=True)
            ),
        )

    @property
    def angle(self):
        return 90 if self.is_turned else 0

    @property
    def letters(self):
        """Height of the texts, in letters."""
        if self.is_turned:
            return max(map(len, self.texts))
        return 2 if self.texts else 0


class Bars:
    """Axes for rows of bars, with the names of the columns.

    The columns of a table stand apart, with their names above the rows, and
    the categories below. Up to 90 bars of a row have names.

    Args:
        ax: Matplotlib `Axes` of the caller, or `None` for a new figure.
        groups: Result of `groups`.
        rows: A label for each row.
        schema: `data.Schema` whose numbers are written above the bars, or
            `None`.
        in_pairs: Whether rows 0 and 1 belong together, rows 2 and 3, and so on.
    """

    def __init__(
        self,
        ax: Axes | None,
        groups: Sequence[Group],
        rows: Sequence[str],
        schema: SchemaLike | None = None,
        in_pairs: bool = False,
    ):
        self._groups, self._schema = groups, schema
        numbers = np.arange(len(rows))
        self._rows = numbers + _APART * (numbers // 2) * in_pairs
        self._order = [place for group in groups for place in group.places]
        self._sides, self._middles = _placed(groups)
        end = self._sides[-1, 1]
        room = int(np.clip(_PIXELS * end, *np.subtract(_WIDTH, _MARGIN)))
        self._pixels = room / (end + 0.8)
        writes = schema is not None and _COLUMN * self._pixels > _WORD
        self._tall = _BELOW_NUMBERS if writes else _TALL
        below = above = _Names([], False)
        if len(self._order) <= _NAMED:
            below, above = self._names()
        # Room for the names of columns, in letters.
        self._above = 0.6 * above.letters + 0.6 if above.texts else 0.0
        height = _ROW * (self._rows[-1] + 1) + 90
        height += _LETTER * (below.letters + above.letters)
        self.ax = ax = canvas.axes(ax, (room + _MARGIN, int(height)))
        ax.set(xlim=(-0.4, end + 0.4), ylim=(self._rows[-1] + 0.6, -0.6))
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        ax.set_yticks(self._rows, rows, fontsize=8)
        ax.set_xticks([])
        self._draw_names(below, above)

    def _names(self):
        """The labels below the bars, and the names of the columns above."""
        below = [label for group in self._groups for label in group.labels]
        above = [
            "" if group.name is None else str(group.name)
            for group in self._groups
        ]
        if not any(above):
            above = []
        widths = self._sides[:, 1] - self._sides[:, 0] + _GAP
        return (
            _Names.of(below, np.full(len(below), self._pixels)),
            _Names.of(above, widths[: len(above)] * self._pixels),
        )

    def _draw_names(self, below, above):
        """Draws the labels below the bars, and the names of the columns."""
        if below.texts:
            self.ax.set_xticks(
                self._middles, below.texts, rotation=below.angle, fontsize=8
            )
        if above.texts:
            names = self.ax.secondary_xaxis("top")
            names.spines[:].set_visible(False)
            names.tick_params(length=0)
            names.set_xticks(
                self._sides.mean(axis=1),
                above.texts,
                rotation=above.angle,
                fontsize=9,
                fontweight="bold",
            )

    def signed(self, x: np.ndarray, name: str) -> None:
        """Draws positive numbers up, in red, and negative ones down, in blue.

        Args:
            x: Array of shape `(rows, width)`.
            name: Name of the numbers, for the legend.
        """
        drawn = np.asarray(x)[:, self._order]
        largest = np.abs(drawn).max(initial=0.0, where=np.isfinite(drawn))
        x = np.asarray(x, "float64") / (largest or 1.0)
        x = np.where(np.isfinite(x), x, 0.0)
        self._tracks(self._rows, 0.45, 0.9)
        for label, colour, part in (
            (f"positive {name}", POSITIVE, np.maximum(x, 0)),
            (f"negative {name}", NEGATIVE, np.minimum(x, 0)),
        ):
            self._bars(self._rows, 0.45 * part, 0.0, colour, label)
        self._lines(self._rows, 0.0)
        self.explain(f"the largest bar is a {name} of {largest:.2g}")
        self._legend()

    def shares(
        self,
        x: np.ndarray,
        name: str,
        colour: str = EXAMPLE,
        states: np.ndarray | None = None,
        missing: np.ndarray | None = None,
        rows: slice = slice(None),
    ) -> None:
        """Draws numbers from 0 (no bar) to 1 (a bar of full height).

        Args:
            x: Array of shape `(rows, width)`.
            name: Name of a row, for the legend.
            colour: Colour of the bars.
            states: The same rows as states of units, or their means, whose
                numbers are written above the bars of a table; or `None`. The
                columns of the schema come first, and others may follow.
            missing: Boolean array of shape `(rows, width)`. A column of which
                an entry is missing has no bars: stripes mark it.
            rows: The rows of the axes in which to draw.
        """
        places = self._rows[rows]
        x = np.clip(np.nan_to_num(np.asarray(x, "float64")), 0, 1)
        lost = np.zeros((len(x), len(self._groups)), bool)
        if missing is not None:
            for i, group in enumerate(self._groups):
                lost[:, i] = missing[:, list(group.places)].any(axis=1)
        widths = [len(group.places) for group in self._groups]
        shown = np.zeros(x.shape)
        shown[:, self._order] = ~np.repeat(lost, widths, axis=1)
        self._tracks(places, _BASE, self._tall, ~lost)
        self._bars(places, self._tall * x * shown, _BASE, colour, name)
        self._lines(places, _BASE)
        if lost.any():
            self._missing(places, lost)
        if states is not None and self._tall == _BELOW_NUMBERS:
            self._write(places, states, lost)
        self._legend()

    def explain(self, text: str) -> None:
        """Writes what the bars mean below the columns."""
        self.ax.set_xlabel(text, fontsize=8)

    def _write(self, places, states, lost):
        """Writes the numbers of a table above their bars."""
        texts = self._schema.number_texts(states[:, : self._schema.width])
        for i, group in enumerate(self._groups):
            if group.name not in texts:
                continue
            for place, text, is_lost in zip(
                places, texts[group.name], lost[:, i], strict=True
            ):
                if not is_lost:
                    self._text(i, place + _BASE - self._tall - 0.05, text)

    def _text(self, group, bottom, text, **options):
        self.ax.text(
            self._sides[group].mean(),
            bottom,
            text,
            fontsize=8,
            horizontalalignment="center",
            **options,
        )

    def _missing(self, places, lost):
        """Marks the columns of an example that are missing, by stripes."""
        from matplotlib.collections import PolyCollection

        rows, found = np.nonzero(lost)
        left, right = self._sides[found].T
        bottom = places[rows] + _BASE
        self.ax.add_collection(
            PolyCollection(
                _corners(left, right, bottom, bottom - self._tall),
                facecolor="white",
                edgecolor=_STRIPES,
                linewidth=0.6,
                hatch="////",
                label="missing",
            ),
            autolim=False,
        )
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        for row, group in zip(rows, found, strict=True):
            left, right = self._sides[group]
            if (right - left) * self._pixels > _LETTER * len("missing"):
                middle = places[row] + _BASE - self._tall / 2
                self._text(
                    group,
                    middle,
                    "missing",
                    bbox=box,
                    verticalalignment="center",
                )

    def _tracks(self, places, base, height, shown=None):
        """Draws the room of the bars in a light grey."""
        from matplotlib.collections import PolyCollection

        shape = (len(places), len(self._groups))
        rows, found = np.nonzero(np.ones(shape) if shown is None else shown)
        left, right = self._sides[found].T
        bottom = places[rows] + base
        self.ax.add_collection(
            PolyCollection(
                _corners(left, right, bottom, bottom - height),
                facecolor=_BEHIND,
                linewidth=0,
            ),
            autolim=False,
        )

    def _bars(self, places, heights, base, colour, label):
        """Draws all bars as one collection. A patch for each takes minutes.

        Args:
            places: Vertical places of the rows.
            heights: Array of shape `(rows, width)`.
            base: Distance from the middle of a row down to the bars.
            colour: Colour of the bars.
            label: Label of the bars in the legend.
        """
        from matplotlib.collections import PolyCollection

        heights = heights[:, self._order]
        rows, columns = np.nonzero(heights)
        middle = self._middles[columns]
        bottom = places[rows] + base
        self.ax.add_collection(
            PolyCollection(
                _corners(
                    middle - _BAR / 2,
                    middle + _BAR / 2,
                    bottom,
                    # The vertical axis points down.
                    bottom - heights[rows, columns],
                ),
                facecolor=colour,
                linewidth=0,
                label=label,
            ),
            autolim=False,
        )

    def _lines(self, places, base):
        """Draws the line on which the bars stand."""
        end = self._sides[-1, 1]
        self.ax.hlines(places + base, 0, end, color=_LINE, linewidth=0.8)

    def _legend(self):
        """Puts the legend above the names of the columns."""
        self.ax.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            borderaxespad=self._above,
            ncols=4,
            frameon=False,
        )


def _placed(groups):
    """Sides of the groups, `(groups, 2)`, and middles of their bars, `(bars,)`.

    The unit is the width of the place of a bar.
    """
    sides, middles, left = [], [], 0.0
    for group in groups:
        count = len(group.places)
        is_named = group.name is not None
        width = max(count, _COLUMN if is_named else 1)
        sides.append((left, left + width))
        middles.extend(left + (width - count) / 2 + 0.5 + np.arange(count))
        left += width + _GAP * is_named
    return np.array(sides), np.array(middles)


def _corners(left, right, bottom, top):
    """Corners of rectangles, of shape `(rectangles, 4, 2)`."""
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    return np.stack([np.stack(c, axis=-1) for c in corners], axis=-2)


def _short(name):
    """A name of at most 28 letters, in which no dollar begins a formula."""
    if len(name) > _LETTERS:
        name = f"{name[: _LETTERS - 3]}..."
    return name.replace("$", r"\$")
