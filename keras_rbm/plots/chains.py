"""Pictures of chains: the positions of their particles, and their mixing."""

from typing import NamedTuple

import keras
import numpy as np

from keras_rbm import checks, diagnostics, random
from keras_rbm import machine as machine_lib
from keras_rbm.models import MachineModel, examples
from keras_rbm.plots import canvas
from keras_rbm.plots.pictures import as_fit_takes, current_samples
from keras_rbm.typing import Array, Axes

#: Chains do not mix if the autocorrelation of their free energy over half the
#: run exceeds this number.
MAX_MEMORY = 0.8
# Most particles that are shown.
_MOST = 1000
# Number of vectors in the subspace iteration for the first two axes, and number
# of iterations.
_SUBSPACE, _ITERATIONS = 12, 20
# Side in pixels, and in inches. TensorBoard shows the picture at 215 to 350
# pixels; lines and letters therefore have the sizes of a small figure.
_SIDE, _INCHES = 805, 3.5
# Margin of the plane around the data, as a share of their range.
_MARGIN = 0.15
_ORANGE = "#e8590c"
_SIZE = (900, 500)


class Plane(NamedTuple):
    """The first two principal components of data.

    Attributes:
        mean: Array of shape `(width,)`.
        axes: Array of shape `(width, 2)`, orthonormal columns.
        shares: Array of shape `(2,)`, shares of the variance.

    Example:
        plane = plots.plane_of(x)
        places = (x - plane.mean) @ plane.axes
        print(plane.shares.sum())  # The share of the variance in the plane.
    """

    mean: np.ndarray
    axes: np.ndarray
    shares: np.ndarray


def plane_of(v: Array) -> Plane:
    """The plane in which the data vary most: (v - mean) axes.

    Uses subspace iteration, which takes a fraction of a second; computing all
    components would take many seconds.

    Args:
        v: Array of shape `(examples, width)`.

    Returns:
        A `Plane`. Axes along which the data do not vary are zero. The largest
        entry of each axis is positive.

    Raises:
        ValueError: If `v` does not hold finite numbers, such as if entries are
            missing.

    Reference: Halko, Martinsson and Tropp (2011), "Finding structure with
        randomness", algorithm 4.4.

    Example:
        plane = plots.plane_of(x)
        places = (x - plane.mean) @ plane.axes  # Of shape (len(x), 2).
    """
    v = _finite(v)
    mean = v.mean(axis=0)
    v = v - mean
    size = min(_SUBSPACE, *v.shape)
    start = np.random.default_rng(0).normal(size=(v.shape[1], size))
    basis = np.linalg.qr(start)[0]
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(v.T @ (v @ basis))[0]
    _, values, vectors = np.linalg.svd(v @ basis, full_matrices=False)
    missing = max(2 - size, 0)  # For a single column, or a single example.
    axes = np.pad(basis @ vectors[:2].T, ((0, 0), (0, missing)))
    variances = np.pad(np.square(values), (0, missing))[:2]
    total = np.square(v).sum()
    # Smaller variances are rounding errors.
    known = variances > 1e-20 * total
    axes = np.where(known, axes, 0.0)
    largest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    axes = np.where(largest < 0, -axes, axes)
    return Plane(mean, axes, variances / (total or 1.0) * known)


def project(plane: Plane, v: Array) -> np.ndarray:
    """Returns (v - mean) axes, of shape `(examples, 2)`."""
    return (np.asarray(v, "float64") - plane.mean) @ plane.axes


def projection(
    model: MachineModel,
    v: Array,
    plane: Plane | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws data and fantasy particles on the data's first two principal axes.

    If a part of the data has no particles, the chains miss a mode. The range
    covers the data; particles outside of it are drawn on the frame. For a
    chain that keeps no particles, draws after 100 sweeps are shown.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        v: Array of shape `(examples, example_units.width)`, or other data that
            `fit` takes, such as a sparse matrix; one or two thousand examples
            are enough.
        plane: Result of `keras_rbm.plots.plane_of`, to use the axes of one
            data set for other data; `None` for the plane of `v`.
        ax: Matplotlib `Axes` to draw in, or `None` for a new figure.

    Returns:
        The matplotlib `Axes`.

    Raises:
        ValueError: If `v` does not have `example_units.width` columns of finite
            numbers, such as if entries are missing.

    Example:
        rbm = keras_rbm.RBM.from_preset("digits")
        ax = plots.projection(rbm, data.digits().train)
        plots.save(ax, "projection.png")
    """
    v = examples.dense(as_fit_takes(model, v, "v"), "v")
    width = model.example_units.width
    if np.ndim(v) != 2 or np.shape(v)[1] != width or not len(v):
        raise ValueError(
            f"`v` must have shape (examples, {width}), a column for each "
            f"visible unit of the model. Received: v.shape={np.shape(v)}"
        )
    v = _finite(v)
    found = plane_of(v) if plane is None else plane
    places = project(found, v)
    particles = keras.ops.convert_to_numpy(current_samples(model, _MOST))
    samples = project(found, particles)
    low, high = places.min(axis=0), places.max(axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    low, high = low - margin, high + margin
    samples = np.clip(samples[np.isfinite(samples).all(axis=1)], low, high)
    dpi = round(_SIDE / _INCHES)
    ax = canvas.axes(ax, (_SIDE, _SIDE), dpi=dpi)
    ax.scatter(*places.T, s=5, color="0.7", linewidths=0, label="data")
    ax.scatter(
        *samples.T,
        s=18,
        color=_ORANGE,
        edgecolors="white",
        linewidths=0.4,
        label="particles",
        clip_on=False,
        zorder=3,
    )
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.set(xticks=(), yticks=())
    labels = (ax.set_xlabel, ax.set_ylabel)
    for number, (label, share) in enumerate(
        zip(labels, found.shares, strict=True)
    ):
        label(f"axis {number + 1}: {share:.0%} of variance")
    ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=2,
        frameon=False,
        markerscale=2,
        handletextpad=0.1,
    )
    return ax


def chain_health(
    model: MachineModel,
    num_sweeps: int = 300,
    seed: int | None = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draws how long the chains remember their free energy.

    The curve is the autocorrelation of the free energy over sweeps that start
    at the fantasy particles, and do not change the particles. It falls to 0
    for chains that mix, and stays above 0.8, the dashed line, for chains that
    do not move. The title shows the autocorrelation time.

    Args:
        model: A `MachineModel` whose chain keeps particles.
        num_sweeps: Length of the run, in sweeps.
        seed: Integer from 0 to 2**64 - 1, for the run; `None` for a seed from
            Python's generator.
        ax: Matplotlib `Axes` to draw in, or `None` for a new figure.

    Returns:
        The matplotlib `Axes`.

    Raises:
        ValueError: If the chain keeps no particles, or an argument is not as
            described.

    Example:
        rbm = keras_rbm.RBM.from_preset("digits")
        plots.save(plots.chain_health(rbm), "chain_health.png")
    """
    num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
    particles = model.machine_particles
    if particles is None:
        raise ValueError(
            "`model` must have a chain that keeps particles, such as "
            "PersistentChain(). Received: model.chain="
            f"{type(model.chain).__name__}"
        )
    machine = machine_lib.cast(model.machine(), model.variable_dtype)
    run = diagnostics.run(
        machine, particles, random.stream(checks.seed(seed)), num_sweeps
    )
    free_energy = keras.ops.convert_to_numpy(run.free_energy)
    memory = diagnostics.autocorrelation(free_energy)[: num_sweeps // 2 + 1]
    time = diagnostics.autocorrelation_time(free_energy).sweeps
    ax = canvas.axes(ax, _SIZE)
    ax.plot(memory, color="C0")
    ax.axhline(0, color="0.6", linewidth=0.8)
    ax.axhline(
        MAX_MEMORY,
        color="0.4",
        linestyle="--",
        label="above this line at the right end, chains do not mix",
    )
    ax.set(
        xlabel="sweeps",
        ylabel="autocorrelation of the free energy",
        xlim=(0, max(len(memory) - 1, 1)),
        title=f"{len(particles)} chains, autocorrelation time "
        f"{time:.3g} sweeps",
    )
    ax.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.78))
    ax.grid(color="0.92")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _finite(v):
    """Returns `v` as a `float64` array, after a check that it is finite."""
    v = np.asarray(checks.unmasked(v), "float64")
    wrong = ~np.isfinite(v)
    if wrong.any():
        raise ValueError(
            "`v` must hold finite numbers. Fill missing entries first, for "
            f"example by `model.inpaint`. Received: {wrong.sum()} that are "
            "missing or not finite"
        )
    return v
