"""Pictures of families and machines: logos, contacts, axes, correlations."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm import machine as machine_lib
from keras_rbm.models import MachineModel
from keras_rbm.plots import canvas
from keras_rbm.plots.chains import plane_of, project
from keras_rbm.sequences.alignment import Alignment
from keras_rbm.sequences.alphabet import Alphabet
from keras_rbm.sequences.contacts import top_pairs
from keras_rbm.sequences.correlations import Comparison
from keras_rbm.sequences.mutations import MutationScan, check_units
from keras_rbm.typing import Array, Figure, Path

# Groups of letters by chemistry, with colours; other letters are grey.
_GROUPS = {
    "AVLIMPFW": "#3b6fb6",
    "KRH": "#c23b22",
    "DE": "#8e44ad",
    "STNQ": "#2e8b57",
    "GCY": "#d68910",
    "-": "#909090",
}
_BASES = {"A": "#2e8b57", "C": "#3b6fb6", "G": "#d68910"}
_BASES |= {"T": "#c23b22", "U": "#c23b22", "-": "#909090"}
# Width of a column and height of a logo in pixels, and columns in a line.
_COLUMN, _HEIGHT, _LINE = 18, 220, 60
# Least width of a logo in pixels.
_LEAST = 1100
# The most points that are drawn.
_MOST = 20_000


def logo(
    path: Path,
    heights: Array,
    alphabet: Alphabet,
    positions: Array | None = None,
    title: str = "",
) -> None:
    """Draws letters with given heights, stacked by size, as a PNG file.

    Letters with positive heights are above the line, letters with negative
    heights below.

    Args:
        path: Path of the PNG file.
        heights: Array of shape `(columns, letters)`.
        alphabet: The `Alphabet` of the letters.
        positions: A number for each column; `None` for 1, 2, ...
        title: Title of the picture.

    Raises:
        ValueError: If the heights are not finite or do not have this shape.

    Example:
        heights = sequences.information(family)
        sequences.logo("logo.png", heights, family.alphabet)
    """
    canvas.save(draw_logo(heights, alphabet, positions, title), path)


def draw_logo(
    heights: Array,
    alphabet: Alphabet,
    positions: Array | None = None,
    title: str = "",
) -> Figure:
    """The figure that `logo` saves.

    Args:
        heights: As for `logo`.
        alphabet: As for `logo`.
        positions: As for `logo`.
        title: As for `logo`.
    """
    heights = np.asarray(heights, "float64")
    if (
        heights.ndim != 2
        or heights.shape[1] != len(alphabet)
        or not heights.size
        or not np.isfinite(heights).all()
    ):
        raise ValueError(
            "`heights` must be finite, of shape (columns, "
            f"{len(alphabet)}), one for each letter of {alphabet.letters!r}. "
            f"Received: heights.shape={heights.shape}"
        )
    count = len(heights)
    if positions is None:
        positions = np.arange(1, count + 1)
    lines = -(-count // _LINE)
    # Few columns are drawn wider: a line is never narrower than `_LEAST`.
    width = max(_COLUMN * min(count, _LINE) + 90, _LEAST)
    height = _HEIGHT if lines > 1 else 1.5 * _HEIGHT
    figure = canvas.plot((width, lines * height + 20))
    top = max(np.maximum(heights, 0).sum(axis=1).max(), 1e-9)
    bottom = min(np.minimum(heights, 0).sum(axis=1).min(), 0.0)
    for line in range(lines):
        own = slice(line * _LINE, (line + 1) * _LINE)
        axes = figure.add_subplot(lines, 1, line + 1)
        _stack(axes, heights[own], alphabet)
        axes.set(
            xlim=(-0.5, min(count, _LINE) - 0.5),
            ylim=(1.02 * bottom, 1.02 * top),
        )
        shown = np.arange(0, len(heights[own]), 5 if count > 30 else 1)
        axes.set_xticks(shown, np.asarray(positions)[own][shown])
        axes.spines[["top", "right"]].set_visible(False)
        if bottom < 0:
            axes.axhline(0, color="0.4", linewidth=0.6)
    if title:
        figure.axes[0].set_title(title, fontsize=9, loc="left")
    figure.tight_layout()
    return figure


def information(
    alignment: Alignment,
    weights: Array | None = None,
    pseudocount: float = 1.0,
) -> np.ndarray:
    """f_i(a) (log2 q + sum_b f_i(b) log2 f_i(b)), the heights of a logo.

    Args:
        alignment: An `Alignment`.
        weights: As for `Alignment.frequencies`.
        pseudocount: As for `Alignment.frequencies`, but positive.

    Returns:
        Array of shape `(columns, letters)`, in bits.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Schneider and Stephens (1990), "Sequence logos: a new way to
        display consensus sequences".

    Example:
        heights = sequences.information(family)  # In bits, for `logo`.
    """
    checks.positive_number("pseudocount", pseudocount)
    f = alignment.frequencies(weights, pseudocount)
    bits = np.log2(f.shape[1]) + (f * np.log2(f)).sum(axis=1)
    return f * bits[:, None]


def family_logo(
    path: Path, alignment: Alignment, weights: Array | None = None
) -> None:
    """Draws the sequence logo of a family, in bits.

    Args:
        path: Path of the PNG file.
        alignment: An `Alignment`.
        weights: Array of shape `(sequences,)`, or `None` for ones.

    Example:
        sequences.family_logo("family.png", family, w)
    """
    canvas.save(draw_family_logo(alignment, weights), path)


def draw_family_logo(
    alignment: Alignment, weights: Array | None = None
) -> Figure:
    """The figure that `family_logo` saves.

    Args:
        alignment: As for `family_logo`.
        weights: As for `family_logo`.
    """
    return draw_logo(
        information(alignment, weights),
        alignment.alphabet,
        alignment.positions,
        f"{len(alignment)} sequences, bits",
    )


def hidden_unit_logo(
    path: Path,
    model: MachineModel,
    unit: int,
    alignment: Alignment,
    num_columns: int | None = None,
) -> None:
    """Draws the weights of a hidden unit, in the zero-sum gauge, as a logo.

    Args:
        path: Path of the PNG file.
        model: A model of the sequences of `alignment`.
        unit: Number of the hidden unit, from 0.
        alignment: The family, for letters and positions.
        num_columns: Number of columns to draw, with the largest weights; `None`
            for all.

    Raises:
        ValueError: If there is no such unit, or if the model does not fit the
            alignment.

    Example:
        sequences.hidden_unit_logo("unit_3.png", rbm, 3, family, 20)
    """
    figure = draw_hidden_unit_logo(model, unit, alignment, num_columns)
    canvas.save(figure, path)


def draw_hidden_unit_logo(
    model: MachineModel,
    unit: int,
    alignment: Alignment,
    num_columns: int | None = None,
) -> Figure:
    """The figure that `hidden_unit_logo` saves.

    Args:
        model: As for `hidden_unit_logo`.
        unit: As for `hidden_unit_logo`.
        alignment: As for `hidden_unit_logo`.
        num_columns: As for `hidden_unit_logo`.
    """
    units = check_units(model, alignment)
    checks.non_negative_integer("unit", unit)
    if unit >= model.hidden.width:
        raise ValueError(
            f"`unit` must be from 0 to {model.hidden.width - 1}. Received: "
            f"unit={unit}"
        )
    machine = machine_lib.zero_sum(model.machine())
    weights = ops.convert_to_numpy(machine.kernel)[:, unit]
    weights = weights.reshape(units.size, units.categories)
    keep = np.arange(units.size)
    if num_columns is not None:
        checks.positive_integer("num_columns", num_columns)
        norms = np.square(weights).sum(axis=1)
        keep = np.sort(np.argsort(-norms)[:num_columns])
    return draw_logo(
        weights[keep],
        alignment.alphabet,
        alignment.positions[keep],
        f"hidden unit {unit}",
    )


def contact_picture(
    path: Path,
    scores: Array,
    distances: Array | None = None,
    num_pairs: int | None = None,
    threshold: float = 8.0,
    min_separation: int = 5,
) -> None:
    """Draws predicted contacts above the diagonal, the structure below.

    A predicted pair is green if its distance is below the threshold, red if it
    is not, and black if its distance is unknown.

    Args:
        path: Path of the PNG file.
        scores: Array of shape `(sites, sites)`, such as a `contact_map`.
        distances: Distances, an array of the same shape, or `None`.
        num_pairs: Number of pairs; `None` for twice the number of sites, or
            all pairs if there are fewer.
        threshold: A pair is a contact if its distance is below this.
        min_separation: Least j - i of a pair.

    Raises:
        ValueError: If `distances` has another shape than `scores`, or if there
            are fewer than `num_pairs` pairs.

    Example:
        scores = sequences.contact_map(rbm.machine())
        sequences.contact_picture("contacts.png", scores)
    """
    figure = draw_contacts(
        scores, distances, num_pairs, threshold, min_separation
    )
    canvas.save(figure, path)


def draw_contacts(
    scores: Array,
    distances: Array | None = None,
    num_pairs: int | None = None,
    threshold: float = 8.0,
    min_separation: int = 5,
) -> Figure:
    """The figure that `contact_picture` saves.

    Args:
        scores: As for `contact_picture`.
        distances: As for `contact_picture`.
        num_pairs: As for `contact_picture`.
        threshold: As for `contact_picture`.
        min_separation: As for `contact_picture`.
    """
    scores = np.asarray(scores)
    if distances is not None:
        distances = np.asarray(distances, "float64")
        if distances.shape != scores.shape:
            raise ValueError(
                "`distances` must have the shape of `scores`. Received: "
                f"distances.shape={distances.shape}, scores.shape="
                f"{scores.shape}"
            )
    size = len(scores)
    far = max(size - min_separation, 0)
    most = far * (far + 1) // 2
    if num_pairs is None and not most:
        num_pairs, pairs = 0, np.zeros((0, 2), int)
    else:
        num_pairs = min(2 * size, most) if num_pairs is None else num_pairs
        pairs = top_pairs(scores, num_pairs, min_separation)
    figure = canvas.plot((canvas.WIDTH, canvas.WIDTH))
    axes = figure.add_subplot()
    colours = "black"
    if distances is not None:
        close = np.tril(np.nan_to_num(distances, nan=np.inf) < threshold, -1)
        rows, columns = np.nonzero(close)
        axes.scatter(columns + 1, rows + 1, s=14, c="0.7", marker="s")
        own = distances[pairs[:, 0], pairs[:, 1]]
        colours = np.where(
            np.isnan(own),
            "black",
            np.where(own < threshold, "#2e8b57", "#c23b22"),
        )
    axes.scatter(pairs[:, 1] + 1, pairs[:, 0] + 1, s=14, c=colours, marker="s")
    axes.plot([1, size], [1, size], color="0.5", linewidth=0.6)
    axes.set(
        xlim=(0, size + 1),
        ylim=(size + 1, 0),
        xlabel="column",
        ylabel="column",
        title=f"{num_pairs} pairs above, structure below"
        if distances is not None
        else f"{num_pairs} pairs",
        aspect="equal",
    )
    figure.tight_layout()
    return figure


def principal_axes(
    path: Path,
    alignment: Alignment,
    samples: Alignment,
    values: Array | None = None,
    label: str = "",
) -> None:
    """Draws data and samples on the first two principal axes of the data.

    Args:
        path: Path of the PNG file.
        alignment: The data, an `Alignment` without missing entries.
        samples: Samples, an `Alignment` of the same columns.
        values: A number for each sample, such as log p, shown as its colour.
            With `None`, the density of the data is grey, and samples have one
            colour.
        label: Label of `values`.

    Raises:
        ValueError: If the columns differ, if entries are missing, or if
            `values` does not have a number for each sample.

    Example:
        sequences.principal_axes("pca.png", family, drawn)
    """
    canvas.save(draw_principal_axes(alignment, samples, values, label), path)


def draw_principal_axes(
    alignment: Alignment,
    samples: Alignment,
    values: Array | None = None,
    label: str = "",
) -> Figure:
    """The figure that `principal_axes` saves.

    Args:
        alignment: As for `principal_axes`.
        samples: As for `principal_axes`.
        values: As for `principal_axes`.
        label: As for `principal_axes`.
    """
    if alignment.units != samples.units:
        raise ValueError(
            "`samples` must have the columns of `alignment`. Received: "
            f"{alignment} and {samples}"
        )
    for name, x in (("alignment", alignment), ("samples", samples)):
        if (x.codes < 0).any():
            raise ValueError(
                f"`{name}` must have no missing entries. Received: {name} with "
                f"{(x.codes < 0).sum()} of them"
            )
    if values is not None and len(values) != len(samples):
        raise ValueError(
            "`values` must have a number for each sample. Received: "
            f"len(values)={len(values)}, len(samples)={len(samples)}"
        )
    data, drawn = (
        x.one_hot()[: min(len(x), _MOST)] for x in (alignment, samples)
    )
    found = plane_of(data)
    data, drawn = (project(found, x) for x in (data, drawn))
    figure = canvas.plot((900, 430))
    low = np.min([data.min(0), drawn.min(0)], axis=0)
    high = np.max([data.max(0), drawn.max(0)], axis=0)
    shares = [f"{100 * share:.3g} %" for share in found.shares]
    for number, (name, points) in enumerate(
        (("data", data), ("samples", drawn))
    ):
        axes = figure.add_subplot(1, 2, number + 1)
        if values is not None and number == 1:
            own = np.asarray(values)[: len(points)]
            shown = axes.scatter(*points.T, c=own, s=5, cmap="viridis")
            figure.colorbar(shown, ax=axes, label=label)
        else:
            axes.hexbin(
                *points.T,
                gridsize=45,
                bins="log",
                mincnt=1,
                cmap="viridis",
                extent=(low[0], high[0], low[1], high[1]),
            )
        axes.set(
            xlim=_padded(low[0], high[0]),
            ylim=_padded(low[1], high[1]),
            title=f"{name}, {len(points)}",
            xlabel=f"axis 1, {shares[0]}",
            ylabel=f"axis 2, {shares[1]}",
        )
    figure.tight_layout()
    return figure


def correlation_picture(path: Path, found: Sequence[Comparison]) -> None:
    """Plots statistics of the samples against statistics of the data.

    Args:
        path: Path of the PNG file.
        found: Comparisons from `compare_correlations`.

    Example:
        found = sequences.compare_correlations(family, drawn)
        sequences.correlation_picture("correlations.png", found)
    """
    canvas.save(draw_correlations(found), path)


def draw_correlations(found: Sequence[Comparison]) -> Figure:
    """The figure that `correlation_picture` saves.

    Args:
        found: As for `correlation_picture`.
    """
    names = {1: "frequencies", 2: "pairs", 3: "triples"}
    figure = canvas.plot((max(330 * len(found), canvas.WIDTH), 350))
    for number, own in enumerate(found, start=1):
        axes = figure.add_subplot(1, len(found), number)
        ends = [
            min(own.data.min(), own.samples.min()),
            max(own.data.max(), own.samples.max()),
        ]
        axes.hexbin(
            own.data,
            own.samples,
            gridsize=70,
            bins="log",
            mincnt=1,
            cmap="viridis",
            extent=(*ends, *ends),
        )
        axes.plot(ends, ends, color="0.4", linewidth=0.7)
        axes.set(
            title=f"{names[own.order]}, r = {own.correlation:.3f}",
            xlabel="data",
            ylabel="samples",
        )
    figure.tight_layout()
    return figure


def mutation_picture(path: Path, scan: MutationScan) -> None:
    """Draws a mutation scan as a heat map; the wild type is marked.

    Args:
        path: Path of the PNG file.
        scan: A `MutationScan`.

    Example:
        scan = sequences.mutation_scan(rbm, family, family.index("1"))
        sequences.mutation_picture("scan.png", scan)
    """
    scores = scan.scores.T
    letters, width = scores.shape
    figure = canvas.plot(
        (max(canvas.WIDTH, 11 * width + 130), max(14 * letters, 150) + 110)
    )
    axes = figure.add_subplot()
    largest = np.abs(scores).max() or 1.0
    shown = axes.imshow(
        scores, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto"
    )
    own = [scan.alphabet.letters.index(x) for x in scan.wild_type]
    axes.scatter(np.arange(width), own, s=6, c="black")
    axes.set_yticks(np.arange(letters), list(scan.alphabet.letters))
    ticks = np.arange(0, width, 10)
    axes.set_xticks(ticks, scan.positions[ticks])
    axes.set(xlabel="position")
    figure.colorbar(
        shown,
        ax=axes,
        label="log p(mutant) - log p(wild type)",
        fraction=0.04,
        pad=0.01,
    )
    figure.tight_layout()
    canvas.save(figure, path)


def _stack(axes, heights, alphabet):
    """Draws letters as paths, each stretched to its height."""
    from matplotlib import collections
    from matplotlib import path as matplotlib_path

    nucleotides = set(alphabet.letters) <= set("-ACGTU")
    colours = {x: c for letters, c in _GROUPS.items() for x in letters}
    colours = _BASES if nucleotides else colours
    outlines = {}
    paths, facecolors = [], []
    largest = np.abs(heights).sum(axis=1).max() or 1.0
    for column, row in enumerate(heights):
        for sign in (1, -1):
            end = 0.0
            for number in np.argsort(sign * row):
                height = row[number]
                if sign * height < 2e-3 * largest:
                    continue
                letter = alphabet.letters[number]
                if letter not in outlines:
                    outlines[letter] = _outline(letter)
                vertices, codes = outlines[letter]
                corner = [column - 0.45, end if sign > 0 else end + height]
                vertices = np.add(vertices * (0.9, abs(height)), corner)
                paths.append(matplotlib_path.Path(vertices, codes))
                facecolors.append(colours.get(letter, "0.4"))
                end += height
    # One artist for all letters: a layout asks each artist for its extent.
    axes.add_collection(
        collections.PathCollection(paths, facecolors=facecolors, linewidths=0),
        autolim=False,
    )


def _outline(letter):
    """Vertices and codes of a letter, scaled to a width and a height of 1.

    Letters that are narrow or flat, such as I and -, stay so.
    """
    from matplotlib.textpath import TextPath

    path = TextPath((0, 0), letter, size=1)
    box = path.get_extents()
    size = (max(box.width, 0.3), max(box.height, 0.3))
    return (path.vertices - (box.x0, box.y0)) / size, path.codes


def _padded(low, high):
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin
