"""An animated picture of chains that start from random states."""

import math

import numpy as np
import pytest
from PIL import Image

import keras_rbm
from keras_rbm import data, figures

SHAPE = (3, 4)
DATA = data.Data("tiny", np.zeros((9, 12), "float32"), image_shape=SHAPE)
ANIMATION = figures.Animation(
    6, columns=3, num_frames=5, growth=2.0, max_sweeps=3, seconds=0.05
)
# 3 x 4 pixels are enlarged 7 times, a line of one pixel is between them and
# around them, all of it so many times as large that 800 pixels are exceeded;
# the last line has the label.
FACTOR = 10
WIDTH, HEIGHT = FACTOR * (3 * 29 + 1), FACTOR * (2 * 22 + 1)


def drawn(model, folder, seed=0, animation=ANIMATION):
    assert figures.draw(model, DATA, str(folder), [animation], seed=seed) == [
        "animation.png"
    ]
    return folder / "animation.png"


def frames(path):
    """The picture without animation, and the frames, as greys."""
    with Image.open(path) as image:
        found = []
        for number in range(image.n_frames):
            image.seek(number)
            found.append(np.asarray(image.convert("L")))
    return found[0], found[1:]


def first_tile(frame):
    rows, columns = (FACTOR * 7 * side for side in SHAPE)
    tile = frame[FACTOR : FACTOR + rows, FACTOR : FACTOR + columns]
    return tile[:: 7 * FACTOR, :: 7 * FACTOR]


@pytest.fixture(scope="module")
def model():
    model = keras_rbm.RBM(12, 6, seed=0)
    model.kernel.assign(np.random.default_rng(1).normal(size=(12, 6)))
    return model


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    return drawn(model, tmp_path_factory.mktemp("run"))


def test_the_frames_have_the_number_and_the_shape_that_are_asked_for(path):
    still, moving = frames(path)
    assert len(moving) == 5
    for frame in moving:
        assert frame.shape[1] == WIDTH
        assert frame.shape[0] > HEIGHT
    np.testing.assert_array_equal(still, moving[-1])
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        for number, milliseconds in enumerate([50] * 4 + [500], 1):
            image.seek(number)
            assert image.info["duration"] == milliseconds


def test_the_first_frame_has_states_and_the_others_means(path):
    _, moving = frames(path)
    # Pixels of the first tile: black and white, where the others have greys.
    tiles = [first_tile(frame) for frame in moving]
    assert set(np.unique(tiles[0])) == {0, 255}
    for tile in tiles[1:]:
        assert tile.shape == SHAPE
        assert len(set(np.unique(tile)) - {0, 255}) > 1


def test_the_same_seed_gives_the_same_bytes(model, path, tmp_path):
    again = drawn(model, tmp_path / "again").read_bytes()
    assert again == path.read_bytes()
    other = drawn(model, tmp_path / "other", seed=1).read_bytes()
    assert other != path.read_bytes()


def test_the_sweeps_between_frames_grow_to_their_bound():
    assert ANIMATION.sweeps() == [0, 1, 3, 6, 9]
    steady = figures.Animation(num_frames=4, growth=1, max_sweeps=9)
    assert steady.sweeps() == [0, 1, 2, 3]
    assert figures.Animation(num_frames=1).sweeps() == [0]
    many = figures.Animation(num_frames=10_000, growth=1e9, max_sweeps=40)
    assert many.sweeps()[-1] == 1 + 9998 * 40


def test_means_are_what_the_greys_say(tmp_path):
    """Without coupling the means are those of the biases alone."""
    model = keras_rbm.RBM(12, 2, seed=0)
    model.kernel.assign(np.zeros((12, 2)))
    logits = np.linspace(-2, 2, 12, dtype="float32")
    model.visible_params["bias"].assign(logits)
    _, moving = frames(drawn(model, tmp_path))
    tile = first_tile(moving[-1]).ravel()
    means = [255 / (1 + math.exp(-x)) for x in logits.tolist()]
    # 16 greys lie 17 apart, and 256 lie 1 apart.
    np.testing.assert_allclose(tile, means, atol=17 / 2 + 1 / 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_chains": 0}, "`num_chains` must be"),
        ({"columns": 0}, "`columns` must be"),
        ({"num_frames": 0}, "`num_frames` must be"),
        ({"growth": 0.9}, "`growth` must be at least 1"),
        ({"max_sweeps": 2.5}, "`max_sweeps` must be"),
        ({"seconds": 0}, "`seconds` must be"),
        ({"sampler": "gibbs"}, "`sampler` must be"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        figures.Animation(**options)
