"""Curves of a run: its metrics and its log-likelihood, by epochs."""

import csv
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_rbm.plots import canvas
from keras_rbm.typing import Axes, Path

#: Accepted forms of a run.
Run = Path | keras.callbacks.History | Mapping[str, Sequence[float]]
_SIZE = (900, 500)
_SPLITS = (("", "training", "C0"), ("val_", "validation", "C1"))


def read_history(run: Run) -> dict[str, np.ndarray]:
    """Returns the metrics of a run, as arrays with an entry per epoch.

    With `validation_freq`, Keras's history has validation metrics for some
    epochs only. Their arrays have NaN for the other epochs. If the validated
    epochs are unknown, as in a dictionary, these arrays may stay shorter.

    Args:
        run: The folder of a run, its `history.csv`, the `History` that `fit`
            returns, or its dictionary `history`.

    Returns:
        Dict from names to arrays, with NaN for unknown values.

    Raises:
        ValueError: If `run` is anything else.

    Example:
        history = rbm.fit(x, epochs=3, verbose=0)
        errors = plots.read_history(history)["reconstruction_error"]
    """
    return _read(run)[1]


def _read(run):
    """The numbers of the epochs of a run, from 1, and its metrics."""
    if isinstance(run, keras.callbacks.History):
        frequency = (run.params or {}).get("validation_freq")
        return _by_epochs(getattr(run, "epoch", []), run.history, frequency)
    if isinstance(run, Mapping):
        return _by_epochs([], run)
    if not isinstance(run, str | os.PathLike):
        raise ValueError(
            "`run` must be the folder of a run, the History that `fit` "
            f"returns, or a dictionary of lists. Received: run={run!r}"
        )
    path = pathlib.Path(run)
    if path.is_dir():
        path /= "history.csv"
    if not path.is_file():
        raise ValueError(
            "`run` must be a folder with a file history.csv, which every run "
            f"of train.py leaves. Received: run={os.fspath(run)!r}"
        )
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    found = {
        name: np.array([_number(row[name]) for row in rows])
        for name in (rows[0] if rows else ())
    }
    return found.pop("epoch", np.arange(1, len(rows) + 1)), found


def _by_epochs(epoch, metrics, validation_freq=None):
    """The numbers of the epochs, from 1, and arrays with an entry for each.

    Args:
        epoch: List of the epochs, counted from 0; empty for the first ones.
        metrics: Dict of lists. Lists of validation may be shorter than others.
        validation_freq: The argument of `fit`, or `None` if it is not known.
    """
    metrics = {k: np.asarray(x, "float64") for k, x in metrics.items()}
    count = max(map(len, metrics.values()), default=0)
    epochs = 1 + np.asarray(epoch if len(epoch) == count else range(count), int)
    if validation_freq is not None:
        places = np.flatnonzero(_is_in(epochs, validation_freq))
        for name, values in metrics.items():
            if len(values) == len(places) < count:
                metrics[name] = np.full(count, np.nan)
                metrics[name][places] = values
    return epochs, metrics


def _is_in(epochs, validation_freq):
    """Whether an epoch is one of validation, as in Keras."""
    if isinstance(validation_freq, int):
        return epochs % validation_freq == 0
    return np.isin(epochs, list(validation_freq))


def history(
    run: Run,
    metric: str = "reconstruction_error",
    ax: Axes | None = None,
) -> Axes:
    """Draws a metric of training and of validation data, by epochs.

    Args:
        run: See `read_history`: the folder of a run, or the result of `fit`.
        metric: Name of the metric, without `val_`.
        ax: Matplotlib `Axes` to draw in, or `None` for a new figure.

    Returns:
        The matplotlib `Axes`.

    Raises:
        ValueError: If the run has no such metric or is not as described, or if
            the epochs of the metric are unknown.

    Example:
        history = rbm.fit(x, epochs=10, verbose=0)
        plots.history(history, "pseudo_log_likelihood")
    """
    epochs, found = _read(run)
    curves = [
        (found[prefix + metric], split, colour)
        for prefix, split, colour in _SPLITS
        if prefix + metric in found
    ]
    if not curves:
        known = sorted({name.removeprefix("val_") for name in found})
        raise ValueError(
            f"`metric` must be one of {known}. Received: metric={metric!r}"
        )
    for values, split, _ in curves:
        if len(values) < len(epochs):
            raise ValueError(
                "`metric` must have values at known epochs. Received: "
                f"{metric}, with {len(values)} values for {split} data in a "
                f"run of {len(epochs)} epochs. For `validation_freq`, pass the "
                "History that `fit` returns"
            )
    ax = canvas.axes(ax, _SIZE)
    for values, split, colour in curves:
        known = np.isfinite(values)
        ax.plot(
            epochs[known],
            values[known],
            color=colour,
            label=f"{split} data",
            marker=".",
        )
    ax.set(xlabel="epoch", ylabel=metric.replace("_", " "))
    ax.legend(frameon=False)
    _tidy(ax)
    return ax


def likelihood(
    run: Run,
    updates_per_epoch: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the log-likelihood of a run, as the band between its bounds.

    `callbacks.LogLikelihood` measures the numbers. A dashed line shows the
    baseline: the log-likelihood of independent units, which a model that has
    learned anything exceeds.

    Args:
        run: See `read_history`: the folder of a run, or the result of `fit`.
        updates_per_epoch: Number of updates in an epoch, to draw the curve by
            updates; `None` to draw it by epochs.
        ax: Matplotlib `Axes` to draw in, or `None` for a new figure.

    Returns:
        The matplotlib `Axes`.

    Raises:
        ValueError: If the run has no log-likelihood.

    Example:
        measure = callbacks.LogLikelihood("logs", v, every=1)
        history = rbm.fit(x, epochs=10, callbacks=[measure], verbose=0)
        plots.likelihood(history)
    """
    found = measured_likelihood(run)
    if found is None:
        raise ValueError(
            "`run` must be one whose log-likelihood was measured: train with "
            "`callbacks.LogLikelihood`, which train.py adds to each run of "
            f"data with a likelihood. Received: run={_brief(run)}"
        )
    split, epochs, lower, upper, baseline = found
    scale = 1.0 if updates_per_epoch is None else updates_per_epoch
    x = scale * epochs
    ax = canvas.axes(ax, _SIZE)
    ax.fill_between(x, lower, upper, color="C0", alpha=0.3, linewidth=0)
    ax.plot(scale * epochs, lower, color="C0", marker=".", label="lower bound")
    ax.plot(
        scale * epochs, upper, color="C0", linewidth=0.7, label="upper bound"
    )
    if np.isfinite(baseline):
        ax.axhline(
            baseline, color="0.4", linestyle="--", label="independent units"
        )
    ax.set(
        xlabel="epoch" if updates_per_epoch is None else "update",
        ylabel=f"log p(v), {split} data (nats)",
    )
    ax.set_xlim(left=0)
    ax.legend(frameon=False, loc="center right")
    _tidy(ax)
    return ax


def measured_likelihood(run: Run) -> tuple[Any, ...] | None:
    """The log-likelihood in the history of a run, in the measured epochs.

    Args:
        run: See `read_history`.

    Returns:
        Tuple `(split, epochs, lower, upper, baseline)`: "validation" or
        "training", three arrays, and a number, which is NaN without a baseline.
        `None` if nothing was measured.
    """
    found = read_history(run)
    for prefix, split, _ in reversed(_SPLITS):
        name = f"{prefix}log_likelihood"
        if name not in found or f"{name}_epoch" not in found:
            continue
        lower, epochs = found[name], found[f"{name}_epoch"]
        upper = found.get(f"{name}_upper", lower)
        # Between the measurements, the history repeats the last numbers.
        is_known = np.isfinite(lower) & np.isfinite(epochs)
        epochs, first = np.unique(epochs[is_known], return_index=True)
        if not len(epochs):
            continue
        baselines = found.get(f"{name}_baseline", np.array([np.nan]))
        return (
            split,
            epochs,
            lower[is_known][first],
            upper[is_known][first],
            baselines[-1],
        )
    return None


def _tidy(ax):
    ax.grid(color="0.92")
    ax.spines[["top", "right"]].set_visible(False)


def _number(text):
    """A cell of a CSV file as a number; NaN if it is not a number."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return np.nan


def _brief(run):
    if isinstance(run, str | os.PathLike):
        return repr(os.fspath(run))
    return f"metrics {sorted(read_history(run))}"
