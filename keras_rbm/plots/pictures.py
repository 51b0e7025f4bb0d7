"""Pictures of a machine: its filters, its samples and its reconstructions."""

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_rbm import checks
from keras_rbm.models import ClassRBM, MachineModel
from keras_rbm.models import examples as example_arrays
from keras_rbm.plots import bars, canvas, tiles
from keras_rbm.rows import Rows
from keras_rbm.typing import (
    Array,
    Axes,
    PictureLike,
    PictureShape,
    SchemaLike,
)

#: Colours of signed numbers: blue below 0, white at 0, red above.
SIGNED = "RdBu_r"
# Colour of the lines between images of signed numbers.
_LINE = "0.55"
# Pixels for the colour scale, and for labels of rows.
_SCALE, _LABELS = 90, 80
# The most rows of bars; the most pairs of rows; the most rows for each class.
_ROWS, _PAIRS, _CLASS_ROWS = 12, 8, 3
# Unbounded columns are standardized; this is the end of their scale.
_DEVIATIONS = 3.0


def current_samples(
    model: MachineModel,
    num_samples: int = 100,
    num_sweeps: int = 100,
    seed: int = 0,
) -> Array:
    """The fantasy particles, or draws if the chain keeps no particles.

    Args:
        model: A `MachineModel`.
        num_samples: Largest number of samples.
        num_sweeps: Number of sweeps of each draw, from a random start.
        seed: Integer, the seed of the draws.

    Returns:
        Tensor of shape `(samples, example_units.width)`.
    """
    particles = model.fantasy_particles
    if particles is None:
        with warnings.catch_warnings():
            # A short run is enough for a picture.
            warnings.filterwarnings("ignore", "The samples may not be samples")
            particles = model.sample(
                num_samples, num_sweeps=num_sweeps, seed=seed
            )
    return particles[:num_samples]


def as_fit_takes(model: MachineModel, x: Array, name: str) -> Array | Rows:
    """Examples, or a list of rows, in the form that `fit` uses.

    Args:
        model: A `MachineModel`.
        x: The examples.
        name: The argument's name, for errors.
    """
    x = np.asarray(x) if isinstance(x, list | tuple) else x
    return example_arrays.array(x, model.example_units, name)


def images(
    x: Array,
    image_shape: PictureShape,
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws examples as images in a grid, left to right and top to bottom.

    Args:
        x: Array of shape `(images, rows * columns)` of intensities: 0 is
            black, 1 is white. In a `uint8` array with a value above 1, 255 is
            white.
        image_shape: `(rows, columns)` of an image, in pixels; or
            `(rows, columns, channels)`, for channels side by side.
        columns: Number of images in a row; `None` for the number that makes
            the picture nearly square.
        ax: Matplotlib `Axes` to draw in, or `None` for a new figure.

    Returns:
        The matplotlib `Axes`.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        plots.images(data.digits().train[:60], (8, 8), columns=15)
    """
    x = np.asarray(x)
    is_grey = x.dtype == np.uint8 and x.max(initial=0) > 1
    greys = x if is_grey else tiles.grey(x)
    return _show_greys(tiles.tile(greys, image_shape, columns), ax)


def filters(
    model: MachineModel,
    image_shape: PictureShape | None = None,
    num_filters: int = 100,
    picture: PictureLike | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    schema: SchemaLike | None = None,
) -> Axes:
    """Draws the weights of hidden units, the columns of W.

    Each unit is an image, with red for positive and blue for negative weights.
    All units have the same scale, which is shown beside them. For examples
    that are not images, each unit is a row of bars over named columns. The
    first units are shown, in their order, so that a unit keeps its place from
    epoch to epoch.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        image_shape: `(rows, columns)` or `(rows, columns, channels)` of an
            example; `None` for the model's `image_shape`. Examples without a
            shape are drawn as rows of bars.
        num_filters: Largest number of units to show. At most 12 rows of bars
            are shown.
        picture: `data.Picture` of the examples, whose matrix maps the weights
            to pixels, or `None`.
        names: Names of the columns, for bars; `None` for column numbers.
        ax: Matplotlib `Axes` to draw in, or `None` for a new figure.
        schema: `data.Schema` of the examples if they are rows of a table. The
            bars then have the names and the order of the table's columns, and
            `names` is ignored. `None` for other examples.

    Returns:
        The matplotlib `Axes`.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        rbm = keras_rbm.RBM.from_preset("digits")
        ax = plots.filters(rbm)
        plots.save(ax, "filters.png")
    """
    image_shape, picture = shape_and_picture(model, image_shape, picture)
    width = model.example_units.width
    weights = _array(model.kernel)[:width, :num_filters].T
    if picture is not None:
        weights = picture.directions(weights)
    if image_shape is None:
        weights = weights[:_ROWS]
        chart = bars.Bars(
            ax,
            _groups(model, weights, names, schema),
            [f"hidden {i}" for i in range(len(weights))],
        )
        chart.signed(weights, "weight")
        if len(weights) < model.hidden.width:
            shown = f"the first {len(weights)} of {model.hidden.width}"
            chart.explain(f"{shown} hidden units; {chart.ax.get_xlabel()}")
        return chart.ax
    largest = np.abs(weights).max(initial=0.0, where=np.isfinite(weights))
    largest = largest or 1.0
    grid = tiles.tile(np.where(np.isfinite(weights), weights, 0), image_shape)
    factor = -(-canvas.WIDTH // grid.shape[1])
    height, wide = (factor * side for side in grid.shape)
    ax = canvas.axes(ax, (wide, height), (0, _SCALE))
    image = ax.imshow(
        grid,
        cmap=_with_lines(SIGNED),
        vmin=-largest,
        vmax=largest,
        interpolation="nearest",
    )
    ax.set_axis_off()
    scale = ax.inset_axes((1.01, 0.1, 0.02, 0.8))
    ax.figure.colorbar(image, cax=scale, ticks=[-largest, 0, largest])
    scale.set_yticklabels([f"-{largest:.2g}", "0", f"{largest:.2g}"])
    return ax


def samples(
    model: MachineModel,
    image_shape: PictureShape | None = None,
    num_samples: int = 100,
    num_sweeps: int = 100,
    seed: int = 0,
    picture: PictureLike | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    schema: SchemaLike | None = None,
) -> Axes:
    """Draws samples of the model, as their means E[v | h = E[h | v]].

    The samples are the fantasy particles of the chain. If the chain keeps no
    particles, they are draws after `num_sweeps` sweeps from random starts,
    which is cheap but may be far from equilibrium. Means show more detail than
    binary draws.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        image_shape: `(rows, columns)` or `(rows, columns, channels)` of an
            example; `None` for the model's `image_shape`. Examples without a
            shape are drawn as rows of bars.
        num_samples: Largest number of samples to show. At most 12 rows of bars
            are shown.
        num_sweeps: Number of sweeps of each draw if the chain keeps no
            particles.
        seed: Integer, the seed of these draws.
        picture: `data.Picture` of the examples, or `None`.
        names: Names of the columns, for bars; `None` for column numbers.
        ax: Matplotlib `Axes` to draw in, or `None` for a new figure.
        schema: `data.Schema` of the examples if they are rows of a table. The
            bars then have the names and the order of the table's columns, with
            the numbers above them, and `names` is ignored. `None` for other
            examples.

    Returns:
        The matplotlib `Axes`.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        rbm = keras_rbm.RBM.from_preset("digits")
        ax = plots.samples(rbm)
        plots.save(ax, "samples.png")
    """
    image_shape, picture = shape_and_picture(model, image_shape, picture)
    if image_shape is None:
        num_samples = min(num_samples, _ROWS)
    drawn = current_samples(model, num_samples, num_sweeps, seed)
    means = _array(model.predict_reconstruction(drawn))
    if image_shape is not None:
        greys = tiles.grey(intensities(model, means, picture))
        grid = tiles.tile(greys, image_shape)
        return _show_greys(grid, ax)
    x = _shares(model, means, picture)
    rows = [f"sample {i}" for i in range(len(x))]
    columns = _groups(model, x, names, schema)
    chart = bars.Bars(ax, columns, rows, schema)
    chart.shares(x, "mean of a sample", states=means)
    chart.explain(_scale(model, schema))
    return chart.ax


def reconstructions(
    model: MachineModel,
    examples: Array,
    image_shape: PictureShape | None = None,
    num_examples: int = 50,
    picture: PictureLike | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    schema: SchemaLike | None = None,
) -> Axes:
    """Draws examples with their reconstructions, E[v | h = E[h | v]].

    Each image is above its reconstruction, and each row of bars above the row
    of its reconstruction. Missing pixels are orange. A missing column of a
    table has stripes instead of bars.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        examples: Array of shape `(examples, example_units.width)`, NaN where
            an entry is missing; or other data that `fit` takes, such as a
            sparse matrix or pictures of shape `(examples, rows, columns)`.
        image_shape: `(rows, columns)` or `(rows, columns, channels)` of an
            example; `None` for the model's `image_shape`. Examples without a
            shape are drawn as rows of bars.
        num_examples: Largest number of examples to show. As bars, at most 8
            examples are shown.
        picture: `data.Picture` of the examples, or `None`.
        names: Names of the columns, for bars; `None` for column numbers.
        ax: Matplotlib `Axes` to draw in, or `None` for a new figure.
        schema: `data.Schema` of the examples if they are rows of a table. The
            bars then have the names and the order of the table's columns, with
            the numbers above them, and `names` is ignored. `None` for other
            examples.

    Returns:
        The matplotlib `Axes`.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        rbm = keras_rbm.RBM.from_preset("digits")
        examples = data.binarized(data.digits().test, "threshold")
        ax = plots.reconstructions(rbm, examples)
        plots.save(ax, "reconstructions.png")
    """
    image_shape, picture = shape_and_picture(model, image_shape, picture)
    examples = as_fit_takes(model, examples, "examples")
    if image_shape is None:
        num_examples = min(num_examples, _PAIRS)
    examples = np.asarray(checks.unmasked(examples[:num_examples]))
    means = _array(model.predict_reconstruction(examples))
    lost = np.isnan(_array(examples))
    examples = np.where(lost, 0, examples)
    if picture is not None:  # A pixel is missing if any of its columns is.
        lost = lost @ (np.abs(picture.directions(np.eye(lost.shape[1]))) > 0)
    if image_shape is not None:
        above, below = (
            tiles.grey(intensities(model, x, picture))
            for x in (examples, means)
        )
        grid = tiles.tile_pairs(above, below, image_shape)
        if lost.any():
            marks = np.where(lost, 255, 0).astype("uint8")
            where = tiles.tile_pairs(marks, np.zeros_like(below), image_shape)
            grid = tiles.coloured(grid, where == 255)
        return _show_greys(grid, ax)
    x, again = (_shares(model, v, picture) for v in (examples, means))
    rows = [
        label
        for i in range(len(x))
        for label in (f"example {i}", "reconstruction")
    ]
    columns = _groups(model, x, names, schema)
    chart = bars.Bars(ax, columns, rows, schema, in_pairs=True)
    chart.shares(
        x,
        "example",
        states=examples,
        missing=lost,
        rows=slice(0, None, 2),
    )
    chart.shares(
        again,
        "reconstruction",
        bars.MODEL,
        states=means,
        rows=slice(1, None, 2),
    )
    chart.explain(_scale(model, schema))
    return chart.ax


def class_samples(
    model: ClassRBM,
    image_shape: PictureShape | None = None,
    num_samples: int = 10,
    num_sweeps: int = 200,
    seed: int = 0,
    picture: PictureLike | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    schema: SchemaLike | None = None,
) -> Axes:
    """Draws the means of samples of each class, in a labelled row per class.

    Args:
        model: A `ClassRBM`.
        image_shape: `(rows, columns)` or `(rows, columns, channels)` of an
            example; `None` for the model's `image_shape`. Examples without a
            shape are drawn as at most three rows of bars
            for each class.
        num_samples: Number of samples of each class.
        num_sweeps: Number of sweeps of each sample.
        seed: Integer, the seed of the draws.
        picture: `data.Picture` of the examples, or `None`.
        names: Names of the columns, for bars; `None` for column numbers.
        ax: Matplotlib `Axes` to draw in, or `None` for a new figure.
        schema: `data.Schema` of the examples if they are rows of a table. The
            bars then have the names and the order of the table's columns, with
            the numbers above them, and `names` is ignored. `None` for other
            examples.

    Returns:
        The matplotlib `Axes`.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        model = keras_rbm.ClassRBM(64, 10, 32)
        ax = plots.class_samples(model, image_shape=(8, 8))
        plots.save(ax, "class_samples.png")
    """
    image_shape, picture = shape_and_picture(model, image_shape, picture)
    if image_shape is None:
        num_samples = min(num_samples, _CLASS_ROWS)
    labels = np.repeat(np.arange(model.num_classes), num_samples)
    drawn = model.sample_class(labels, num_sweeps=num_sweeps, seed=seed)
    means = _array(model.predict_reconstruction(model.join(drawn, labels)))
    if image_shape is None:
        x = _shares(model, means, picture)
        rows = [f"class {label}" for label in labels]
        columns = _groups(model, x, names, schema)
        chart = bars.Bars(ax, columns, rows, schema)
        chart.shares(x, "mean of a sample", states=means)
        chart.explain(_scale(model, schema))
        return chart.ax
    greys = tiles.grey(intensities(model, means, picture))
    grid = tiles.tile(greys, image_shape, columns=num_samples)
    ax = _show_greys(grid, ax, _LABELS)
    height = (grid.shape[0] - 1) / model.num_classes
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks(
        height * (np.arange(model.num_classes) + 0.5),
        [f"class {label}" for label in range(model.num_classes)],
    )
    ax.tick_params(left=False)
    return ax


class _FirstColumns(NamedTuple):
    """A picture of the first columns, without the label beside them."""

    count: int

    def intensities(self, x):
        return x[:, : self.count]

    def directions(self, x):
        return x[:, : self.count]


def shape_and_picture(
    model: MachineModel,
    image_shape: PictureShape | None,
    picture: PictureLike | None,
) -> tuple[PictureShape | None, PictureLike | None]:
    """The shape and the `Picture` to draw examples of a model with.

    Without a `picture`, a label beside the pixels is left out.
    """
    if picture is not None:
        return image_shape, picture
    if image_shape is None:
        image_shape = model.image_shape
    if image_shape is not None:
        count = math.prod(image_shape)
        if count == model.num_pixels < model.example_units.width:
            picture = _FirstColumns(count)
    return image_shape, picture


def _show_greys(grid, ax, left=0):
    """Shows an array of greys, enlarged by a whole number."""
    factor = -(-canvas.WIDTH // grid.shape[1])
    height, width = (factor * side for side in grid.shape[:2])
    ax = canvas.axes(ax, (width, height), (left, 0))
    ax.imshow(
        grid,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
    )
    ax.set_axis_off()
    return ax


def _with_lines(name):
    import matplotlib

    return matplotlib.colormaps[name].with_extremes(bad=_LINE)


def _groups(model, x, names, schema):
    """The bars of rows `x`; names may leave out the label of a `ClassRBM`."""
    if names is not None and schema is None:
        width = x.shape[1]
        most = min(width, model.num_pixels)
        if len(names) not in (width, most):
            raise ValueError(
                f"`names` must have a name for each of the {most} columns. "
                f"Received: len(names)={len(names)}"
            )
    return bars.groups(x.shape[1], names, schema)


def _shares(model, x, picture):
    """Examples, scaled to 0 and 1 for the least and largest column values."""
    if picture is not None:
        return picture.intensities(x)
    units = model.example_units
    low, high = (np.broadcast_to(x, units.width) for x in units.support)
    low = np.where(np.isfinite(low), low, -_DEVIATIONS)
    high = np.where(np.isfinite(high), high, _DEVIATIONS)
    return (_array(x) - low) / (high - low)


def _scale(model, schema):
    """Explains the height of a bar, and the numbers above the bars."""
    bounds = np.concatenate([np.ravel(x) for x in model.example_units.support])
    scale = "bars go from the least to the largest value of a column"
    if not np.isfinite(bounds).all():
        scale += (
            f", and from -{_DEVIATIONS:g} to {_DEVIATIONS:g} where a column "
            "has no bounds"
        )
    if schema is not None:
        scale += "; numbers are in the units of the table"
    return scale


def intensities(
    model: MachineModel, x: Array, picture: PictureLike | None
) -> Array:
    """Examples as intensities of pixels.

    Args:
        model: A `MachineModel`.
        x: Array of shape `(examples, example_units.width)`.
        picture: As `shape_and_picture` returns it.
    """
    if picture is None or isinstance(picture, _FirstColumns):
        x = model.example_units.intensities(np.asarray(x))
    return x if picture is None else picture.intensities(x)


def _array(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))
