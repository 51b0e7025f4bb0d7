import numpy as np
import pytest

from keras_rbm import data
from keras_rbm.data import Data


def test_training_examples_are_white():
    white = data.whitened(data.digits(), 30)
    assert white.train.shape == (1437, 30)
    assert white.train.dtype == np.float32
    assert white.image_shape == (8, 8)
    np.testing.assert_allclose(white.train.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(
        np.cov(white.train.T.astype("float64")), np.eye(30), atol=1e-5
    )


def test_held_out_examples_go_the_same_way_and_back():
    plain = data.digits()
    white = data.whitened(plain, 0.999)
    assert 40 < white.width < 64
    for name in ("train", "validation", "test"):
        x = getattr(plain, name)
        back = white.intensities(getattr(white, name))
        lost = np.square(back - x).sum() / np.square(x - x.mean(0)).sum()
        assert lost < 0.003  # 0.001 of the training data, by construction.


@pytest.mark.parametrize("count", [0, 65, -1, 0.0, 1.0, 1.5, True, None, "30"])
def test_numbers_of_components(count):
    with pytest.raises(ValueError, match="`num_components` must be an integer"):
        data.whitened(data.digits(), count)


def test_directions_without_variance_are_told():
    x = np.random.default_rng(0).random((50, 3)).astype("float32")
    flat = Data("flat", np.concatenate([x, x[:, :1]], axis=1))
    with pytest.raises(ValueError, match="must be at most 3"):
        data.whitened(flat, 4)
    assert data.whitened(flat, 3).width == 3


def test_only_intensities():
    with pytest.raises(ValueError, match="`data` must be what a reader"):
        data.whitened(np.zeros((5, 5)))
    with pytest.raises(ValueError, match="`data` must be intensities"):
        data.whitened(data.categorical(data.digits()))
