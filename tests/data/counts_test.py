import numpy as np
import pytest

from keras_rbm import Binomial, data
from keras_rbm.data import Data


def test_counts_are_the_intensities_times_the_trials():
    digits = data.digits()
    counts = data.counts(digits, 3)
    for name in ("train", "validation", "test"):
        x = getattr(counts, name)
        np.testing.assert_allclose(x, 3 * getattr(digits, name), rtol=1e-6)
        Binomial(64, 3).check(x, name)
    np.testing.assert_allclose(
        counts.intensities(counts.test), digits.test, rtol=1e-6
    )
    assert counts.image_shape == (8, 8)


def test_bytes_are_intensities():
    x = np.array([[0, 255, 51]], "uint8")
    np.testing.assert_allclose(
        data.counts(Data("x", x)).train, [[0, 2, 0.4]], rtol=1e-6
    )


@pytest.mark.parametrize("trials", [0, 1, 2.0, True, None])
def test_numbers_of_trials(trials):
    with pytest.raises(ValueError, match="`trials`"):
        data.counts(data.digits(), trials)


def test_only_intensities():
    with pytest.raises(ValueError, match="intensities from 0 to 1"):
        data.counts(Data("x", np.full((3, 3), 1.5, "float32")))
    with pytest.raises(ValueError, match="`data` must be intensities"):
        data.counts(data.counts(data.digits()))
