"""What all figures have in common, and how they are drawn."""

import json
import logging
import os
import sys

import numpy as np
import pytest
from matplotlib import image

import keras_rbm
from keras_rbm import data, figures
from keras_rbm.figures.figure import announce
from keras_rbm.plots import sheet

SHAPE = (3, 4)


def examples(count, seed=0):
    draws = np.random.default_rng(seed).random((count, 12))
    return (draws < 0.3).astype("float32")


DATA = data.Data(
    "tiny", examples(50), examples(20, 1), examples(20, 2), image_shape=SHAPE
)
FIGURES = (
    figures.Restoration(num_patterns=3, num_sweeps=4, num_trials=10),
    figures.Dreams(4, 6, num_chains=3, num_frames=2, sweeps_per_frame=2),
    figures.Inpainting(num_images=3, num_draws=2, num_sweeps=4),
)
NAMES = [
    "dreams.png",
    "film.png",
    "inpainting.png",
    "restoration.json",
    "restoration.png",
]


@pytest.fixture(scope="module")
def model():
    model = keras_rbm.RBM(12, 6, seed=0)
    kernel = np.random.default_rng(1).normal(size=(12, 6))
    model.kernel.assign(kernel)
    return model


@pytest.fixture(scope="module")
def drawn(model, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    assert figures.draw(model, DATA, str(output), FIGURES) == NAMES
    return output


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


def test_pictures_can_be_read(drawn):
    for name in NAMES:
        if name.endswith(".png"):
            picture = image.imread(drawn / name)
            assert picture.min() < 0.1
            assert picture.max() > 0.9


def test_the_same_seed_gives_the_same_figures(model, drawn, tmp_path):
    assert figures.draw(model, DATA, str(tmp_path), FIGURES) == NAMES
    for name in NAMES:
        again = (tmp_path / name).read_bytes()
        assert again == (drawn / name).read_bytes()
    figures.draw(model, DATA, str(tmp_path), FIGURES, seed=1)
    for name in NAMES:
        other = (tmp_path / name).read_bytes()
        assert other != (drawn / name).read_bytes()


def test_data_that_are_no_images(model, tmp_path):
    plain = data.Data("plain", examples(50), test=examples(9))
    found = figures.draw(model, plain, str(tmp_path), FIGURES[:2])
    assert found == [name for name in NAMES if name != "inpainting.png"]


def test_what_is_drawn_of_a_picture(model, tmp_path):
    turned = data.Data(
        "turned",
        examples(50),
        image_shape=(2, 3),
        picture=data.Picture(np.eye(12)[:, :6]),
    )
    dreams = figures.Dreams(4, 6, num_chains=0)
    figures.draw(model, turned, str(tmp_path), [dreams])
    # Two tiles of 2 x 3 pixels, ten times as large, and all 13 times so.
    height = 13 * (2 * (20 + 1) + 1)
    assert image.imread(tmp_path / "dreams.png").shape[0] == height


def test_errors_come_before_anything_is_drawn(model, tmp_path):
    def refused(message, figure, data=DATA, model=model):
        with pytest.raises(ValueError, match=message):
            figures.draw(model, data, str(tmp_path / "run"), [figure])

    refused("`figures` must be a list of figures", "Restoration")
    with pytest.raises(ValueError, match="`figures` must be a list"):
        figures.check(FIGURES[0], model, DATA)
    untested = data.Data("untested", examples(9), image_shape=SHAPE)
    refused("Inpainting needs test examples", figures.Inpainting(), untested)
    plain = data.Data("plain", examples(9), test=examples(9))
    refused("Inpainting needs images", figures.Inpainting(), plain)
    refused("`num_flips` must not exceed", figures.Restoration(num_flips=13))
    gaussian = keras_rbm.RBM(keras_rbm.Gaussian(12), 6)
    refused("units of two states", figures.Restoration(), DATA, gaussian)
    refused("`model` must be a machine", FIGURES[0], DATA, "model")
    narrow = data.Data("narrow", np.ones((3, 5), "float32"))
    refused("`data` must have a column", FIGURES[1], narrow)
    wider = keras_rbm.RBM(13, 6)
    with pytest.raises(ValueError, match="visible units are the columns"):
        figures.check(FIGURES, wider, DATA)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("figure", "options", "message"),
    [
        (figures.Restoration, {"num_flips": 0}, "`num_flips` must be"),
        (figures.Restoration, {"num_sweeps": 5}, "`num_sweeps` must be even"),
        (figures.Restoration, {"cold": 0}, "`cold` must be positive"),
        (figures.Dreams, {"num_sweeps": 0}, "`num_sweeps` must be"),
        (figures.Dreams, {"num_chains": -1}, "`num_chains` must be"),
        (figures.Dreams, {"sampler": "gibbs"}, "`sampler` must be"),
        (figures.Inpainting, {"half": "best"}, "`half` must be one of"),
        (figures.Inpainting, {"num_draws": 1.5}, "`num_draws` must be"),
    ],
)
def test_options_are_checked(figure, options, message):
    with pytest.raises(ValueError, match=message):
        figure(**options)


def test_grey_values_cannot_be_restored(model, tmp_path):
    grey = data.Data("grey", np.full((9, 12), 0.5, "float32"))
    with pytest.raises(ValueError, match=r"data\.train"):
        figures.draw(model, grey, str(tmp_path), FIGURES[:1])
    figures.draw(model, grey, str(tmp_path), FIGURES[:1], "stochastic")
    found = json.loads((tmp_path / "restoration.json").read_text())
    assert found["num_flips"] == 3


def test_a_sheet_has_pictures_pixel_by_pixel(tmp_path):
    greys = 10 * np.arange(24, dtype="uint8").reshape(2, 12)
    sheet.rows(tmp_path / "a.png", [("one", greys), ("", greys)], SHAPE)
    picture = np.rint(255 * image.imread(tmp_path / "a.png")[:, :, 0])
    # Fifteen times 7 is what makes two tiles of four pixels 800 wide.
    factor = 7 * 15
    left = picture.shape[1] - 6 - 4 - 4 * factor
    for top in (6 + 4, 6 + 3 * factor + 8 + 6 + 4):
        shown = picture[top::factor, left::factor][:3, :4]
        np.testing.assert_array_equal(shown, greys[1].reshape(SHAPE))


def test_nothing_is_drawn_of_what_the_run_has_not_left(model, tmp_path):
    assert figures.draw(model, DATA, str(tmp_path)) == []
