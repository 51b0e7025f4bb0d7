"""Axes to draw in, and their export as files and arrays of pixels."""

import logging
import pathlib
import weakref

import numpy as np

from keras_rbm import devices
from keras_rbm.typing import Axes, Figure, Path

# Keeps matplotlib's messages about its font cache off the screen. Functions
# import matplotlib when they need it: the import takes long, and callbacks may
# never draw.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

#: Dots per inch. (A point of text is 1/72 inch.)
DPI = 100
#: The least width of pictures, in pixels.
WIDTH = 800


# Figures that pyplot does not know. Their content determines their size.
_off_screen = weakref.WeakSet()


def offscreen() -> Axes:
    """Returns axes of a figure that no window and no notebook shows.

    The functions of `keras_rbm.plots` set the size of the figure. Callbacks
    draw in such axes, because pyplot keeps all of its figures in memory and may
    open a window for each.

    Returns:
        The matplotlib `Axes`.

    Example:
        ax = plots.filters(rbm, image_shape=(4, 4), ax=plots.offscreen())
        plots.save(ax, "filters.png")
    """
    from matplotlib.figure import Figure

    figure = Figure(dpi=DPI)
    _off_screen.add(figure)
    return figure.add_subplot()


def plot(size: tuple[int, int]) -> Figure:
    """Returns an empty figure of a size in pixels, `(width, height)`."""
    from matplotlib.figure import Figure

    return Figure(figsize=np.divide(size, DPI), dpi=DPI)


def axes(
    ax: Axes | None,
    size: tuple[int, int],
    margins: tuple[int, int] | None = None,
    dpi: int = DPI,
) -> Axes:
    """Axes to draw in: the given axes, or axes of a new figure.

    Args:
        ax: Matplotlib `Axes` of the caller, or `None` for a new figure.
        size: `(width, height)` of the content in pixels. It determines the
            size of a new figure and of a figure of `offscreen`.
        margins: Pixels at the left and at the right of the axes, which fill
            the rest of the figure exactly. With `None`, matplotlib makes room
            for labels, within `size`.
        dpi: Dots per inch of the figure.

    Returns:
        Matplotlib `Axes`.

    Raises:
        ValueError: If `ax` is not a matplotlib `Axes`.
    """
    from matplotlib import axes

    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(dpi=dpi).add_subplot()
    elif not isinstance(ax, axes.Axes):
        raise ValueError(
            "`ax` must be matplotlib Axes, or None to draw a new figure. "
            f"Received: ax={ax!r}"
        )
    elif ax.figure not in _off_screen:
        return ax
    width, height = size
    ax.figure.set_dpi(dpi)
    if margins is None:
        ax.figure.set_layout_engine("constrained")
        ax.figure.set_size_inches(width / dpi, height / dpi)
    else:
        left, right = margins
        total = left + width + right
        ax.figure.set_size_inches(total / dpi, height / dpi)
        ax.set_position((left / total, 0, width / total, 1))
    return ax


def pixels(ax: Axes) -> np.ndarray:
    """The figure of matplotlib axes as an array of colours.

    Args:
        ax: Matplotlib `Axes`, or a figure.

    Returns:
        `uint8` array of shape `(height, width, 3)`.

    Example:
        picture = plots.pixels(plots.filters(rbm, (4, 4), ax=plots.offscreen()))
        print(picture.shape)  # (height, width, 3)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(_figure(ax))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def save(ax: Axes, path: Path) -> None:
    """Writes the figure of matplotlib axes to a file, such as a PNG file.

    Creates the directory of the file. If there are several processes, only the
    chief writes.

    Args:
        ax: Matplotlib `Axes`, or a figure.
        path: Path of the file. Its ending is the format, such as `.png`,
            `.svg`, `.pdf` or `.jpg`.

    Example:
        plots.save(plots.samples(rbm, image_shape=(4, 4)), "samples.png")
    """
    if not devices.is_chief():
        return
    figure, path = _figure(ax), pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Other formats do not know this key.
    is_png = path.suffix.lower() == ".png"
    metadata = {"Software": None} if is_png else None
    figure.savefig(path, dpi=figure.dpi, metadata=metadata)


def enlarged(picture: np.ndarray) -> np.ndarray:
    """Enlarges a picture to at least 800 columns; pixels become squares.

    Args:
        picture: Array of shape `(height, width)`.

    Returns:
        Array whose two sides are longer by the same integer factor.
    """
    factor = -(-WIDTH // picture.shape[1])
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def save_greys(picture: np.ndarray, path: Path) -> None:
    """Writes an array of greys to a PNG file, enlarged, without smoothing.

    Args:
        picture: `uint8` array of shape `(height, width)`.
        path: Path of the file.
    """
    picture = enlarged(picture)
    figure = plot(picture.shape[::-1])
    # Drawn as colours, since a grey colour map would round some of the greys.
    figure.figimage(picture[:, :, None].repeat(3, axis=2))
    save(figure, path)


def _figure(ax):
    """The figure of matplotlib axes; a figure itself."""
    return getattr(ax, "figure", None) or ax
