"""Samples from random states, and a film of chains from examples."""

import dataclasses

import numpy as np
import pytest
from matplotlib import image

import keras_rbm
from keras_rbm import data, figures, samplers
from keras_rbm import machine as machine_lib
from tests import eager

SHAPE = (3, 4)
# Each tile is enlarged by 7, and a strip of two tiles by 15: see sheet_test.py.
FACTOR = 7 * 15


def examples(count, seed=0):
    draws = np.random.default_rng(seed).random((count, 12))
    return (draws < 0.3).astype("float32")


@pytest.fixture(scope="module")
def model():
    """The kernel is 0, so that the biases alone determine all means."""
    model = keras_rbm.RBM(12, 2, seed=0)
    model.kernel.assign(np.zeros((12, 2)))
    model.visible_params["bias"].assign(np.linspace(-2, 2, 12))
    return model


MEANS = 255 / (1 + np.exp(-np.linspace(-2, 2, 12)))


def greys(path):
    return np.rint(255 * image.imread(path)[:, :, 0])


def shown_of(path):
    """Rows of a film of two chains and labels such as "3 sweeps"."""
    picture, left = greys(path), 8 * len("3 sweeps") + 2 * 6 + 4
    tops = [6 + 4 + row * (3 * FACTOR + 8 + 6) for row in range(3)]
    lefts = [left + column * (4 * FACTOR + 4) for column in range(2)]
    return np.array(
        [
            [
                picture[top::FACTOR, start::FACTOR][:3, :4].ravel()
                for start in lefts
            ]
            for top in tops
        ]
    )


def test_what_is_drawn_of_a_picture(tmp_path):
    model = keras_rbm.RBM(12, 6, seed=0)
    turned = data.Data(
        "turned",
        examples(50),
        image_shape=(2, 3),
        picture=data.Picture(np.eye(12)[:, :6]),
    )
    dreams = figures.Dreams(4, 6, num_chains=0)
    with eager.functions():
        found = figures.draw(model, turned, str(tmp_path), [dreams])
    assert found == ["dreams.png"]
    # Two tiles of 2 x 3 pixels, ten times as large, and all 13 times so.
    height = 13 * (2 * (20 + 1) + 1)
    assert image.imread(tmp_path / "dreams.png").shape[0] == height


def test_samples_are_shown_as_means(model, tmp_path):
    tiny = data.Data("tiny", examples(9), image_shape=SHAPE)
    with eager.functions():
        figures.Dreams(2, 3, num_chains=0)(model, tiny, str(tmp_path))
    picture = greys(tmp_path / "dreams.png")
    # Two tiles of 3 x 4 pixels of 7 x 7, side by side between lines of one.
    factor = picture.shape[1] // (2 * (4 * 7 + 1) + 1)
    for left in (1, 1 + 4 * 7 + 1):
        shown = picture[factor :: 7 * factor, left * factor :: 7 * factor]
        np.testing.assert_allclose(shown[:3, :4].ravel(), MEANS, atol=0.501)


@pytest.mark.parametrize("parts", ["test", "validation", "train"])
def test_a_film_begins_with_examples_that_are_held_out(model, parts, tmp_path):
    """Of the test split, or else of validation, or else of training."""
    held = {"train": examples(2), "validation": examples(2, 1)}
    held["test"] = examples(2, 2)
    if parts != "test":
        held.pop("test")
    if parts == "train":
        held.pop("validation")
    film = figures.Dreams(1, 1, num_chains=2, num_frames=2, sweeps_per_frame=3)
    tiny = data.Data("tiny", **held, image_shape=SHAPE)
    with eager.functions():
        film(model, tiny, str(tmp_path))
    first, *others = shown_of(tmp_path / "film.png")
    np.testing.assert_array_equal(first, 255 * held[parts])
    np.testing.assert_allclose(others, np.tile(MEANS, (2, 2, 1)), atol=0.501)


@dataclasses.dataclass(frozen=True)
class Turning(samplers.Gibbs):
    """Each sweep turns all pixels to their other state."""

    def step(self, machine, state, stream, clamp=None):
        h = machine_lib.hidden_mean(machine, state.v)
        return samplers.GibbsState(1 - state.v), samplers.Info(h)


@pytest.mark.parametrize(("sweeps", "turned"), [(3, [0, 1, 0]), (2, [0, 0, 0])])
def test_rows_of_a_film_are_so_many_sweeps_apart(sweeps, turned, tmp_path):
    model = keras_rbm.RBM(12, 1, seed=0)
    # All pixels are alike: means are black or white as the draws are.
    model.kernel.assign(np.full((12, 1), 20.0))
    model.visible_params["bias"].assign(np.full(12, -10.0))
    model.hidden_params["bias"].assign([-120.0])
    x = np.repeat([[0.0], [1.0]], 12, axis=1).astype("float32")
    film = figures.Dreams(1, 1, 2, 2, sweeps, sampler=Turning())
    with eager.functions():
        film(model, data.Data("two", x, image_shape=SHAPE), str(tmp_path))
    for row, other in zip(shown_of(tmp_path / "film.png"), turned, strict=True):
        np.testing.assert_array_equal(row, 255 * (1 - x if other else x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_samples": 0}, "`num_samples` must be"),
        ({"num_sweeps": 0}, "`num_sweeps` must be"),
        ({"num_chains": -1}, "`num_chains` must be"),
        ({"num_frames": 0}, "`num_frames` must be"),
        ({"sweeps_per_frame": 1.5}, "`sweeps_per_frame` must be"),
        ({"sampler": "gibbs"}, "`sampler` must be"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        figures.Dreams(**options)
