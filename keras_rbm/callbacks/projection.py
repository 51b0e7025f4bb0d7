"""Data and fantasy particles in the plane of the data's principal axes."""

import io
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.images import current_samples
from keras_rbm.callbacks.periodic import Display
from keras_rbm.typing import Array, Logs, Path

# Particles that are shown, at most.
_MOST = 1000
# Vectors that are iterated for the first two, and how often.
_SUBSPACE, _ITERATIONS = 12, 20
# Pixels: as TensorBoard shows pictures among the images. In the time series
# they are 215 pixels high, by leaving out rows and columns: lines must be bold.
_SIDE = 350
# How far the plane goes beyond the data, as a share of their range.
_MARGIN = 0.15
_DESCRIPTION = (
    "Training examples (grey) and fantasy particles (orange) on the data's "
    "first two principal axes, the same in all epochs. Grey without orange: a "
    "mode that the chains miss. Orange without grey: what the data have not. "
    "What lies beyond the frame is drawn on it."
)


class Projection(Display):
    """Draws data and fantasy particles on two axes, every few epochs.

    The axes are the first two principal components of the data alone, with
    all columns as they are, so that they stay the same from epoch to epoch
    and the slider shows how particles move. A part of the data without
    particles is a mode that the chains miss. The tag is `5 Images/projection`;
    a `ClassRBM` that learns p(y | x) alone has no particles, and no picture.

    Args:
        log_dir: Path of TensorBoard's log directory.
        v: Array of shape `(examples, example_units.width)`, training data:
            one or two thousand show where they are (`data.some`).
        every: Number of epochs from one time to the next. The first and the
            last epoch are drawn too.

    Raises:
        ValueError: If `every` is not a positive integer.
    """

    def __init__(self, log_dir: Path, v: Array, every: int = 5):
        super().__init__(log_dir, every)
        self.v = np.asarray(v, "float32")
        self._plane = self._places = None

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        if self._plane is None and self.model.can_sample:
            self._plane = plane(self.v)
            self._places = project(self._plane, self.v)

    def show(self, step: int) -> None:
        if not self.model.can_sample:
            return
        found = current_samples(self.model, _MOST)
        places = project(self._plane, keras.ops.convert_to_numpy(found))
        tf.summary.image(
            f"{tensorboard.IMAGES}/projection",
            draw(self._places, places, self._plane.shares)[None],
            description=_DESCRIPTION,
        )


class Plane(NamedTuple):
    """The first two principal components of data.

    Attributes:
        mean: Array of shape `(width,)`.
        axes: Array of shape `(width, 2)`, orthonormal columns.
        shares: Array of shape `(2,)`, shares of the variance.
    """

    mean: np.ndarray
    axes: np.ndarray
    shares: np.ndarray


def plane(v):
    """Plane in which the data vary most: (v - mean) axes.

    By subspace iteration, which takes a fraction of a second where all
    components would take many.

    Args:
        v: Array of shape `(examples, width)`.

    Returns:
        A `Plane`; axes along which nothing varies are zero. The largest
        entry of each axis is positive.

    Reference: Halko, Martinsson and Tropp (2011), "Finding structure with
        randomness", algorithm 4.4.
    """
    v = np.asarray(v, "float64")
    mean = v.mean(axis=0)
    v = v - mean
    size = min(_SUBSPACE, *v.shape)
    start = np.random.default_rng(0).normal(size=(v.shape[1], size))
    basis = np.linalg.qr(start)[0]
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(v.T @ (v @ basis))[0]
    _, values, vectors = np.linalg.svd(v @ basis, full_matrices=False)
    missing = max(2 - size, 0)  # Of a single column, or example.
    axes = np.pad(basis @ vectors[:2].T, ((0, 0), (0, missing)))
    variances = np.pad(np.square(values), (0, missing))[:2]
    total = np.square(v).sum()
    # What is less is made by rounding.
    known = variances > 1e-20 * total
    axes = np.where(known, axes, 0.0)
    largest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    axes = np.where(largest < 0, -axes, axes)
    return Plane(mean, axes, variances / (total or 1.0) * known)


def project(plane, v):
    """(v - mean) axes, of shape `(examples, 2)`."""
    return (np.asarray(v, "float64") - plane.mean) @ plane.axes


def draw(data, samples, shares, side=_SIDE):
    """Picture of two clouds of points, the range of which is the data's.

    Args:
        data: Array of shape `(examples, 2)`.
        samples: Array of shape `(samples, 2)`; what lies beyond the frame is
            drawn on it, and what is not finite not at all.
        shares: Shares of the variance, for the names of the axes.
        side: Side of the picture, in pixels.

    Returns:
        `uint8` array of shape `(side, side, 3)`.
    """
    # Here, since it takes long to import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    low, high = data.min(axis=0), data.max(axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    low, high = low - margin, high + margin
    samples = np.clip(samples[np.isfinite(samples).all(axis=1)], low, high)
    figure = Figure((3.5, 3.5), dpi=side / 3.5)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.08, 0.08, 0.89, 0.82))
    axes.scatter(*data.T, s=5, color="0.7", linewidths=0, label="data")
    axes.scatter(
        *samples.T,
        s=18,
        color="#e8590c",
        edgecolors="white",
        linewidths=0.4,
        label="particles",
        clip_on=False,
        zorder=3,
    )
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set(xticks=(), yticks=())
    labels = (axes.set_xlabel, axes.set_ylabel)
    for number, (label, share) in enumerate(zip(labels, shares, strict=True)):
        label(f"axis {number + 1}: {share:.0%} of variance", weight="bold")
    figure.legend(
        loc="upper center",
        ncols=2,
        frameon=False,
        prop={"size": 12, "weight": "bold"},
        markerscale=2,
        handletextpad=0.1,
    )
    buffer = io.BytesIO()
    canvas.print_rgba(buffer)
    return np.frombuffer(buffer.getvalue(), "uint8").reshape(side, side, 4)[
        ..., :3
    ]
