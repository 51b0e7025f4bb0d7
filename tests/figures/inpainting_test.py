import os

import numpy as np
import pytest
from matplotlib import image

import keras_rbm
from keras_rbm import data, figures
from keras_rbm.figures.inpainting import half_mask


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("upper", [[1, 1, 1], [0, 0, 0], [0, 0, 0]]),
        ("lower", [[0, 0, 0], [0, 0, 0], [1, 1, 1]]),
        ("left", [[1, 0, 0], [1, 0, 0], [1, 0, 0]]),
        ("right", [[0, 0, 1], [0, 0, 1], [0, 0, 1]]),
    ],
)
def test_the_mask_of_a_half(side, expected):
    np.testing.assert_array_equal(half_mask((3, 3), side), np.ravel(expected))


def test_the_known_half_tells_the_other(tmp_path):
    # A hidden unit for each column of the image, whose pixels are all alike.
    # It is on, by 40 and more, if the two upper pixels are, whatever the
    # lower ones are, and each pixel follows it, by 10.
    columns = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    x = np.tile(columns, (1, 4))
    strength = np.array([60.0, 60.0, 20.0, 20.0])
    model = keras_rbm.RBM(8, 2, seed=0)
    model.kernel.assign(np.kron(strength[:, None], np.eye(2)))
    model.visible_params["bias"].assign(np.repeat(-strength / 2, 2))
    model.hidden_params["bias"].assign(np.full(2, -80.0))
    striped = data.Data("striped", x, test=x, image_shape=(4, 2))
    figure = figures.Inpainting(num_images=4, num_draws=1, num_sweeps=20)
    figures.draw(model, striped, str(tmp_path), [figure])
    picture = image.imread(tmp_path / "inpainting.png")[:, :, 0]
    # Below each other: original, given, draw, mean.
    height = (picture.shape[0] - 6) // 4
    left = 8 * len("original") + 12
    original, given, draw, mean = (
        picture[6 + row * height : (row + 1) * height, left:]
        for row in range(4)
    )
    upper = (height - 6) // 2
    np.testing.assert_array_equal(given[:upper], original[:upper])
    assert (given[upper:-4] != original[upper:-4]).any(axis=0).sum() > 400
    np.testing.assert_array_equal(draw, original)
    # sigmoid(10) and sigmoid(-10) are white and black in 255 greys.
    np.testing.assert_array_equal(mean, original)


def test_without_test_images_nothing_is_drawn(tmp_path):
    x = np.eye(9, 12, dtype="float32")
    untested = data.Data("untested", x, image_shape=(3, 4))
    plain = data.Data("plain", x, test=x)
    for tiny, message in (
        (untested, "Inpainting needs test examples"),
        (plain, "Inpainting needs images"),
    ):
        with pytest.raises(ValueError, match=message):
            figures.draw(
                keras_rbm.RBM(12, 6),
                tiny,
                str(tmp_path / "run"),
                [figures.Inpainting()],
            )
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"half": "best"}, "`half` must be one of"),
        ({"num_draws": 1.5}, "`num_draws` must be"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        figures.Inpainting(**options)
