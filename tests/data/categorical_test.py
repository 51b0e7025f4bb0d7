import numpy as np
import pytest

from keras_rbm import Softmax, data
from keras_rbm.data import Data


def test_levels_divide_the_intensities_evenly():
    x = np.array([[0.0, 0.24, 0.25, 0.74, 0.75, 1.0]], "float32")
    levels = data.categorical(Data("x", x), 4)
    assert levels.train.dtype == np.uint8
    hot = levels.train.reshape(6, 4)
    np.testing.assert_array_equal(hot.sum(axis=1), 255)
    np.testing.assert_array_equal(hot.argmax(axis=1), [0, 0, 1, 2, 3, 3])
    assert levels.visible == Softmax(6, 4)


def test_as_many_levels_as_a_byte_has():
    x = np.array([[0.0, 0.5, 255 / 256, 1.0]], "float32")
    for given in (x, np.array([[0, 128, 255, 255]], "uint8")):
        levels = data.categorical(Data("x", given), 256)
        hot = levels.train.reshape(4, 256)
        np.testing.assert_array_equal(hot.argmax(axis=1), [0, 128, 255, 255])


def test_pictures_are_the_levels():
    digits = data.digits()
    levels = data.categorical(digits, 17)  # As many as there are.
    assert levels.width == 64 * 17
    assert levels.image_shape == (8, 8)
    for name in ("train", "validation", "test"):
        # Level k of the 17 is k / 16.
        np.testing.assert_allclose(
            levels.intensities(getattr(levels, name)),
            getattr(digits, name),
            atol=1e-6,
        )


@pytest.mark.parametrize("levels", [0, 1, 257, 2.0, True, None])
def test_numbers_of_levels(levels):
    with pytest.raises(ValueError, match="`levels`"):
        data.categorical(data.digits(), levels)


def test_only_intensities():
    with pytest.raises(ValueError, match="intensities from 0 to 1"):
        data.categorical(Data("x", np.full((3, 3), 1.5, "float32")))
    with pytest.raises(ValueError, match="`data` must be intensities"):
        data.categorical(data.whitened(data.digits()))


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32"])
def test_integers_become_one_hot_side_by_side(dtype):
    x = np.array([[0, 2], [1, 1]])
    hot = data.one_hot(x.astype(dtype), 3)
    assert hot.dtype == np.float32
    np.testing.assert_array_equal(hot, [[1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0]])
    Softmax(2, 3).check_states(hot)
    np.testing.assert_array_equal(data.one_hot([1, 0], 2), [[0, 1], [1, 0]])


@pytest.mark.parametrize("value", [-1, 3, 0.5, np.nan])
def test_other_categories_are_named(value):
    x = np.zeros((2, 3))
    x[1, 2] = value
    with pytest.raises(ValueError, match=r"from 0 to 2; 1 of 6.*x\[1, 2\]="):
        data.one_hot(x, 3)


def test_words_are_no_categories():
    with pytest.raises(ValueError, match=r"`x` must hold integers, of shape"):
        data.one_hot([["a", "b"]], 3)
