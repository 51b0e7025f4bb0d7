"""The base class of figures, and what several figures use."""

import logging
import sys

import numpy as np
import pytest

import keras_rbm
from keras_rbm import data, figures
from keras_rbm.figures.figure import announce, mean_greys
from tests import eager, machines
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)


@pytest.mark.parametrize("screen", [False, True])
@pytest.mark.parametrize("logged", [False, True])
def test_a_result_is_announced_once(
    screen, logged, capsys, tmp_path, monkeypatch
):
    """With the handlers of train.py, which logs to what is no screen."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: screen)
    log = logging.getLogger("keras_rbm")
    handlers = [logging.FileHandler(tmp_path / "train.log")]
    if logged and not screen:
        handlers.append(logging.StreamHandler(sys.stdout))
    level = log.level
    log.setLevel(logging.INFO)
    for handler in handlers:
        log.addHandler(handler)
    try:
        announce("all restored")
    finally:
        log.setLevel(level)
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
    assert capsys.readouterr().out == "all restored\n"
    assert (tmp_path / "train.log").read_text() == "all restored\n"


def test_a_figure_must_say_how_it_is_drawn():
    with pytest.raises(TypeError, match=r"abstract .*__call__"):
        figures.Figure()


def test_a_figure_need_not_check_nor_show_anything(tmp_path):
    class Plain(figures.Figure):
        def __call__(self, model, data, output, binarize="none", seed=0):
            return None

    plain = Plain()
    assert plain.check(None, None) is None
    assert plain.displays(None, tmp_path, 5) == []


@pytest.mark.parametrize("pictured", [False, True])
def test_greys_are_those_of_the_means_given_the_means(pictured):
    """E[v' | h = E[h | v]], as the data's intensities, from 0 to 255."""
    v = machines.data(6)
    means = ORACLE.visible_mean(ORACLE.hidden_mean(v))
    picture = None
    if pictured:  # A picture of two pixels, some of which are out of range.
        matrix, offset = 3 * np.eye(5)[:, :2], np.array([-1.5, -0.8])
        picture = data.Picture(matrix, offset)
        means = means @ matrix + offset
        assert means.min() < 0
        assert means.max() > 1
    tiny = data.Data("tiny", v, picture=picture)
    with eager.functions():
        found = mean_greys(machines.rbm(ORACLE), tiny, v)
    assert found.dtype == np.uint8
    # Of a rounding to whole greys, and float32.
    expected = 255 * np.clip(means, 0, 1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.501)


@pytest.mark.parametrize(
    "figure",
    [figures.Dreams(), figures.Restoration(1), figures.Inpainting()],
)
def test_missing_entries_are_refused_before_training(figure):
    known = np.array([[0.0, 1.0, 1.0, 0.0]], "float32")
    missing = np.array([[0.0, 1.0, np.nan, 0.0]], "float32")
    schema = data.Schema(
        {name: data.Binary((0, 1)) for name in "abcd"}, keeps_missing=True
    )
    rbm = keras_rbm.RBM(4, 2, seed=0)
    splits = {"schema": schema, "image_shape": (2, 2)}
    table = data.Data("table", known, test=known, **splits)
    figures.check([figure], rbm, table)
    table = data.Data("table", missing, test=missing, **splits)
    with pytest.raises(ValueError, match="without missing entries"):
        figures.check([figure], rbm, table)
    figures.check([figures.Dreams(num_chains=0)], rbm, table)
    # The film shows one of these rows, which is complete.
    rows = np.concatenate([known, missing])
    first = data.some(rows, 1)
    table = data.Data("table", rows, **splits)
    if np.isnan(first).any():
        table = data.Data("table", rows[::-1], **splits)
    figures.check([figures.Dreams(num_chains=1)], rbm, table)
