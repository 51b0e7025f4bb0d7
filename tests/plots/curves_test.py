"""Curves of a run, from its folder or from what `fit` returns."""

import keras
import numpy as np
import pytest

from keras_rbm import plots
from keras_rbm.plots import curves
from tests import machines
from tests.oracle import Oracle

NAMES = ["val_log_likelihood", "val_log_likelihood_upper"]
NAMES += ["val_log_likelihood_epoch", "val_log_likelihood_baseline"]
ROWS = [
    (-20, -19.9, 1, -19.5, 0.4),
    (-20, -19.9, 1, -19.5, 0.3),
    (-18, -17.9, 3, -19.5, 0.2),
    (-17.5, -17.0, 4, -19.5, 0.1),
]


@pytest.fixture(params=["folder", "file", "history", "mapping"])
def run(request, tmp_path):
    names = [*NAMES, "loss"]
    path = tmp_path / "history.csv"
    lines = [["epoch", *names], *([i + 1, *row] for i, row in enumerate(ROWS))]
    path.write_text("\n".join(",".join(map(str, line)) for line in lines))
    mapping = {
        k: list(x) for k, x in zip(names, zip(*ROWS, strict=True), strict=True)
    }
    history = keras.callbacks.History()
    history.history = mapping
    return {
        "folder": str(tmp_path),
        "file": path,
        "history": history,
        "mapping": mapping,
    }[request.param]


def test_the_bracket_is_a_band_with_a_baseline(run):
    split, epochs, lower, upper, baseline = curves.measured_likelihood(run)
    assert split == "validation"
    assert list(epochs) == [1, 3, 4]
    assert list(lower) == [-20, -18, -17.5]
    assert list(upper) == [-19.9, -17.9, -17]
    assert baseline == -19.5
    ax = plots.likelihood(run, updates_per_epoch=100, ax=plots.offscreen())
    (band,) = ax.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
    assert {(100, -20), (300, -17.9), (400, -17)} <= corners
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert set(lines) == {"lower bound", "upper bound", "independent units"}
    assert list(lines["independent units"]) == [-19.5, -19.5]
    assert ax.get_xlabel() == "update"
    assert ax.get_ylabel() == "log p(v), validation data (nats)"


def test_a_metric_by_epochs(run):
    ax = plots.history(run, "loss", ax=plots.offscreen())
    (line,) = ax.lines
    assert list(line.get_xdata()) == [1, 2, 3, 4]
    assert list(line.get_ydata()) == [0.4, 0.3, 0.2, 0.1]
    with pytest.raises(ValueError, match=r"one of \['log_likelihood"):
        plots.history(run, "los")


def test_training_and_validation_are_two_curves():
    ax = plots.history(
        {"a": [1, 2], "val_a": [3, 4]}, "a", ax=plots.offscreen()
    )
    assert [line.get_label() for line in ax.lines] == [
        "training data",
        "validation data",
    ]


@pytest.mark.parametrize("frequency", [3, [3, 9, 12]])
def test_values_stand_at_their_epochs(tmp_path, frequency):
    """Of a `fit` that begins with the seventh epoch."""
    history = keras.callbacks.History()
    history.params = {"validation_freq": frequency}
    history.epoch = list(range(6, 14))
    history.history = {"a": list(range(8)), "val_a": [0.5, 0.25]}
    both = plots.history(history, "a", ax=plots.offscreen()).lines
    assert [list(line.get_xdata()) for line in both] == [
        list(range(7, 15)),
        [9, 12],
    ]
    found = plots.read_history(history)["val_a"]
    np.testing.assert_array_equal(
        found, [np.nan, np.nan, 0.5, np.nan, np.nan, 0.25, np.nan, np.nan]
    )
    (tmp_path / "history.csv").write_text("epoch,a\n4,1.0\n5,2.0\n")
    (line,) = plots.history(tmp_path, "a", ax=plots.offscreen()).lines
    assert list(line.get_xdata()) == [4, 5]
    two = {"a": [0] * 6, "val_a": [0.5, 0.25]}
    assert len(plots.read_history(two)["val_a"]) == 2
    with pytest.raises(ValueError, match="2 values for validation data in a"):
        plots.history(two, "a")


def test_fit_says_which_epochs_are_validated():
    model = machines.given(Oracle.draw(5, 4))
    x = machines.data()
    history = model.fit(
        x,
        epochs=4,
        batch_size=48,
        validation_data=x,
        validation_freq=4,
        verbose=0,
    )
    ax = plots.history(history, ax=plots.offscreen())
    assert list(ax.lines[1].get_xdata()) == [4]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`run` must be the folder"):
        plots.read_history(3)
    with pytest.raises(ValueError, match=r"a file history\.csv"):
        plots.history(tmp_path)
    nothing = {"loss": [1.0], "log_likelihood": [-np.inf]}
    nothing["log_likelihood_epoch"] = [0]
    assert curves.measured_likelihood(nothing) is None
    with pytest.raises(ValueError, match="whose log-likelihood was measured"):
        plots.likelihood(nothing)
