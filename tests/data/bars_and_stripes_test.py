import numpy as np
import pytest

from keras_rbm.data import bars_and_stripes


def is_pattern(image):
    return (image == image[:1]).all() or (image == image[:, :1]).all()


@pytest.mark.parametrize("size", [2, 3, 4, 6])
def test_distinct_patterns_are_all_there_are(size):
    data = bars_and_stripes(size)
    x = data.train
    assert x.shape == (2 ** (size + 1) - 2, size * size)
    assert x.dtype == np.float32
    assert set(np.unique(x)) == {0, 1}
    assert len(np.unique(x, axis=0)) == len(x)
    assert all(is_pattern(image.reshape(size, size)) for image in x)
    assert data.image_shape == (size, size)
    assert data.validation is None
    assert data.test is None


def test_all_patterns_repeat_the_uniform_ones():
    x = bars_and_stripes(3, "all").train
    images, counts = np.unique(x, axis=0, return_counts=True)
    assert len(x) == 16
    np.testing.assert_array_equal(images, np.unique(x, axis=0))
    uniform = (images == images[:, :1]).all(axis=1)
    np.testing.assert_array_equal(counts, np.where(uniform, 2, 1))
    distinct = bars_and_stripes(3).train
    np.testing.assert_array_equal(images, np.unique(distinct, axis=0))


def test_first_patterns_follow_the_bits_of_the_numbers():
    x = bars_and_stripes(6, "first", 20).train
    assert x.shape == (20, 36)
    for k in range(10):
        bits = [(k + 1) >> i & 1 for i in range(6)]
        rows = np.array([[bit] * 6 for bit in bits])
        np.testing.assert_array_equal(x[2 * k].reshape(6, 6), rows.T)
        np.testing.assert_array_equal(x[2 * k + 1].reshape(6, 6), rows)


def test_first_patterns_end_with_the_full_image():
    x = bars_and_stripes(2, "first", 6).train
    np.testing.assert_array_equal(x[-2:], 1)
    assert x.sum(axis=1).min() > 0


def test_twelve_lines_are_the_most():
    assert bars_and_stripes(12, "all").train.shape == (8192, 144)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((1,), "`size` must be an integer from 2 to 12. Received: size=1"),
        ((13,), "Received: size=13"),
        ((4.0,), "Received: size=4.0"),
        ((4, "some"), "`patterns` must be one of .* patterns='some'"),
        ((4, "all", 4), "must be None unless .*num_patterns=4"),
        ((4, "first"), "`num_patterns` must be an integer from 2 to 30"),
        ((4, "first", 5), "must be even.*num_patterns=5"),
        ((4, "first", 32), "`num_patterns` must be an integer from 2 to 30"),
        ((4, "first", 0), "`num_patterns` must be an integer from 2 to 30"),
    ],
)
def test_other_arguments_are_refused(args, message):
    with pytest.raises(ValueError, match=message):
        bars_and_stripes(*args)
