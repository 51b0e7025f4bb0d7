"""Rows of bars over named columns."""

import numpy as np
import pytest

from keras_rbm import plots
from keras_rbm.plots import bars


@pytest.mark.parametrize("columns", [1, 3, 90, 91, 3000])
def test_they_are_wide_enough_to_read(columns):
    x = np.random.default_rng(0).random((5, columns))
    names = [f"price in $ of {'x' * 40} {i}" for i in range(columns)]
    groups = bars.groups(columns, names)
    chart = bars.Bars(plots.offscreen(), groups, [f"row {i}" for i in range(5)])
    chart.shares(x, "row")
    chart.shares(x, "again", bars.MODEL)
    picture = plots.pixels(chart.ax)
    assert 900 <= picture.shape[1] <= 2400
    assert 100 < picture.shape[0] < 700
    assert [text.get_text() for text in chart.ax.get_legend().get_texts()] == [
        "row",
        "again",
    ]


def test_signed_bars_go_up_and_down():
    chart = bars.Bars(
        plots.offscreen(), bars.groups(3, ["a", "b", "c"]), ["first", "second"]
    )
    chart.signed(np.array([[2.0, -1.0, 0.0], [np.nan, 0.5, -2.0]]), "weight")
    up, down = (
        {tuple(path.vertices[2]) for path in collection.get_paths()}
        for collection in chart.ax.collections
        if collection.get_label() in ("positive weight", "negative weight")
    )
    # Rows go downwards, so that a positive bar ends above its row.
    assert {top for _, top in up} == {-0.45, 1 - 0.45 / 4}
    assert {top for _, top in down} == {0.225, 1.45}
    assert chart.ax.get_xlabel() == "the largest bar is a weight of 2"


def test_numbers_that_are_not_finite_have_no_bar():
    chart = bars.Bars(plots.offscreen(), bars.groups(3), ["row"])
    chart.signed(np.array([[np.inf, -np.inf, 2.0]]), "weight")
    found = {c.get_label(): c.get_paths() for c in chart.ax.collections}
    assert len(found["positive weight"]) == 1
    assert not found["negative weight"]


def test_pairs_of_rows_stand_apart():
    rows = ["a", "again", "b", "again"]
    chart = bars.Bars(plots.offscreen(), bars.groups(2), rows, in_pairs=True)
    first, again, second, last = chart.ax.get_yticks()
    assert again - first == last - second < second - again
