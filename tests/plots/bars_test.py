"""Rows of bars over named columns."""

import numpy as np
import pytest

from keras_rbm import plots
from keras_rbm.plots import bars


@pytest.mark.parametrize("columns", [1, 3, 90, 91, 3000])
def test_they_are_wide_enough_to_read(columns):
    x = np.random.default_rng(0).random((5, columns))
    names = [f"price in $ of {'x' * 40} {i}" for i in range(columns)]
    ax = bars.axes(plots.offscreen(), 5, names)
    bars.shares(ax, x, "row")
    bars.shares(ax, x, "again", front=True)
    picture = plots.pixels(ax)
    assert 900 <= picture.shape[1] <= 2400
    assert 100 < picture.shape[0] < 600
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "row",
        "again",
    ]


def test_signed_bars_go_up_and_down():
    ax = bars.axes(plots.offscreen(), 2, ["a", "b", "c"])
    bars.signed(ax, np.array([[2.0, -1.0, 0.0], [np.nan, 0.5, -2.0]]), "weight")
    up, down = (
        {tuple(path.vertices[2]) for path in collection.get_paths()}
        for collection in ax.collections
        if collection.get_label() in ("positive weight", "negative weight")
    )
    # Rows go downwards, so that a positive bar ends above its row.
    assert {top for _, top in up} == {-0.45, 1 - 0.45 / 4}
    assert {top for _, top in down} == {0.225, 1.45}
    assert ax.get_xlabel() == "the largest bar is a weight of 2"
