"""How the figures of a run are checked and drawn."""

import dataclasses
import os
import pathlib

import numpy as np
import pytest
from matplotlib import image

import keras_rbm
from keras_rbm import data, figures

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


def test_errors_come_before_anything_is_drawn(model, tmp_path):
    def refused(message, figure, data=DATA, model=model):
        with pytest.raises(ValueError, match=message):
            figures.draw(model, data, str(tmp_path / "run"), [figure])

    refused("`figures` must be a list of figures", "Restoration")
    with pytest.raises(ValueError, match="`figures` must be a list"):
        figures.check(FIGURES[0], model, DATA)
    refused("`num_flips` must not exceed", figures.Restoration(num_flips=13))
    refused("`model` must be a machine", FIGURES[0], DATA, "model")
    narrow = data.Data("narrow", np.ones((3, 5), "float32"))
    refused("`data` must have a column", FIGURES[1], narrow)
    wider = keras_rbm.RBM(13, 6)
    with pytest.raises(ValueError, match="visible units are the columns"):
        figures.check(FIGURES, wider, DATA)
    for seed in (-1, 2**63, 0.5, "1", None):
        with pytest.raises(ValueError, match="`seed` must be"):
            figures.draw(model, DATA, str(tmp_path / "run"), seed=seed)
    assert not os.listdir(tmp_path)


def test_nothing_is_drawn_of_what_the_run_has_not_left(model, tmp_path):
    assert figures.draw(model, DATA, str(tmp_path)) == []


@dataclasses.dataclass(frozen=True)
class Written(figures.Figure):
    """Writes its arguments to a file, in place of a picture."""

    name: str

    def __call__(self, model, data, output, binarize="none", seed=0):
        text = f"{type(model).__name__} {data.name} {binarize} {seed}"
        (pathlib.Path(output) / self.name).write_text(text)


def test_the_names_of_the_files_that_were_written_are_returned(model, tmp_path):
    """Sorted, without the files of before, logs and directories."""
    folder = tmp_path / "new" / "run"
    folder.mkdir(parents=True)
    for name in ("kept.txt", "again.txt"):
        (folder / name).write_text("before")
        os.utime(folder / name, ns=(0, 0))
    (folder / "filters").mkdir()
    written = [Written(name) for name in ("z.txt", "again.txt", "a.txt")]
    found = figures.draw(model, DATA, folder, [*written, Written("my.log")])
    assert found == ["a.txt", "again.txt", "z.txt"]
    assert (folder / "my.log").exists()
    assert (folder / "kept.txt").read_text() == "before"


def test_figures_get_the_run_and_its_options(model, tmp_path):
    folder = tmp_path / "new" / "run"
    figures.draw(model, DATA, folder, (Written("a.txt"),), "threshold", 7)
    assert (folder / "a.txt").read_text() == "RBM tiny threshold 7"
    figures.draw(model, DATA, folder, [Written("a.txt")])
    assert (folder / "a.txt").read_text() == "RBM tiny none 0"


def test_figures_of_what_the_run_has_left_come_with_any_others(model, tmp_path):
    (tmp_path / "updates.csv").write_text(
        "update,reconstruction_error,update_norm\n10,0.5,1\n20,0.25,1\n"
    )
    assert figures.draw(model, DATA, tmp_path, [Written("a.txt")]) == [
        "a.txt",
        "curves.png",
    ]


def test_every_figure_is_checked_beside_the_model_and_the_data(model):
    asked = []

    class Asking(Written):
        def check(self, model, data):
            asked.append((self.name, model, data))

    figures.check([Asking("a"), Asking("b")], model, DATA)
    assert asked == [("a", model, DATA), ("b", model, DATA)]
