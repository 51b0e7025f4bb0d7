import numpy as np
import pytest

from keras_rbm.data import Data, Picture
from keras_rbm.data.picture import check_picture


def test_a_picture_turns_examples_into_intensities():
    train = np.array([[255, 0, 51], [0, 0, 255]], np.uint8)
    matrix = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    data = Data(
        "mine", train, image_shape=(1, 2), picture=Picture(matrix, [0.0, -0.5])
    )
    shown = data.intensities(train)
    np.testing.assert_allclose(shown, [[1.0, 0.5], [0.0, 4.5]], rtol=1e-6)
    np.testing.assert_array_equal(
        data.picture.directions(np.eye(3, dtype="float32")), matrix
    )


def test_numbers_are_not_in_units_of_255_and_steps_have_no_offset():
    picture = Picture(np.array([[1.0, 2.0], [0.0, -1.0]]), 0.5)
    x = np.array([[3.0, 1.0]])
    np.testing.assert_array_equal(picture.intensities(x), [[3.5, 5.5]])
    np.testing.assert_array_equal(picture.directions(x), [[3.0, 5.0]])


@pytest.mark.parametrize("offset", [0.25, [0.25, 0.5]])
def test_a_picture_that_fits_becomes_float32(offset):
    matrix = np.arange(6).reshape(3, 2)
    found = check_picture(Picture(matrix, offset), 3)
    assert found.matrix.dtype == found.offset.dtype == np.float32
    np.testing.assert_array_equal(found.matrix, matrix)
    np.testing.assert_array_equal(found.offset, offset)


@pytest.mark.parametrize(
    "picture",
    [
        Picture(np.ones((2, 2))),
        Picture(np.ones(3)),
        Picture(np.ones((3, 2)), np.ones(3)),
        Picture(np.full((3, 2), np.nan)),
        Picture(np.ones((3, 2)), np.inf),
        Picture("matrix"),
        np.ones((2, 3)),
        3,
    ],
)
def test_a_picture_must_fit(picture):
    with pytest.raises(ValueError, match="`picture` must be None or a Pict"):
        Data("mine", np.ones((4, 3)), picture=picture)
