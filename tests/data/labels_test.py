import numpy as np
import pytest

from keras_rbm.data import Data, batches, binarized, digits, with_labels
from keras_rbm.data.labels import picture


def examples(dtype="uint8", count=40):
    x = np.random.default_rng(0).integers(0, 256, (count, 6), "uint8")
    return x if dtype == "uint8" else (x / 255).astype(dtype)


LABELS = np.random.default_rng(1).integers(0, 3, 40)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_the_label_stands_behind_the_example(dtype):
    x = examples(dtype)
    rows = with_labels(x, LABELS, 3)
    assert rows.dtype == (np.uint8 if dtype == "uint8" else np.float32)
    np.testing.assert_array_equal(rows[:, :6], x.astype(rows.dtype))
    np.testing.assert_array_equal(rows[:, 6:].argmax(axis=1), LABELS)
    assert (rows[:, 6:].sum(axis=1) == (255 if dtype == "uint8" else 1)).all()
    again = with_labels(x, np.eye(3)[LABELS], 3)
    np.testing.assert_array_equal(again, rows)


@pytest.mark.parametrize("how", ["none", "stochastic", "threshold"])
def test_binarizing_leaves_labels_as_they_are(how):
    rows = with_labels(examples(), LABELS, 3)
    expected = np.eye(3)[LABELS]
    np.testing.assert_array_equal(binarized(rows, how)[:, 6:], expected)
    pixels = binarized(rows, how)[:, :6]
    assert (how == "none") == (set(np.unique(pixels)) != {0, 1})
    for batch in batches(rows, 8, how).take(20):
        assert set(np.unique(batch[:, 6:])) == {0, 1}
        np.testing.assert_array_equal(np.sum(batch[:, 6:], axis=1), np.ones(8))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (LABELS[:39], r"shape \(40,\).* Received: y.shape=\(39,\)"),
        (LABELS.astype("float32"), "integers.*Received: .*y.dtype=float32"),
        (LABELS - 1, r"from 0 to 2.*y\[.*=-1"),
        (LABELS + 1, r"from 0 to 2.*y\[.*=3"),
        (np.eye(4)[LABELS], r"y.shape=\(40, 4\)"),
    ],
)
def test_bad_labels_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        with_labels(examples(), y, 3)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match=r"from 2 to .*num_classes=1"):
        with_labels(examples(), 0 * LABELS, 1)


def test_a_picture_is_of_the_example_alone():
    x = examples("float32")
    rows = with_labels(x, LABELS, 3)
    shown = picture(rows, 3)
    np.testing.assert_array_equal(shown.intensities(rows), x)
    assert Data("made-up", rows, image_shape=(2, 3), picture=shown).width == 9
    assert picture(x, 0) is None


def test_digits_have_labels():
    plain, data = digits(), digits(num_classes=10)
    np.testing.assert_array_equal(data.train[:, :64], plain.train)
    assert data.image_shape == (8, 8)
    assert data.picture.intensities(data.test).shape == (180, 64)
    assert plain.picture is None
    # Zeros have no ink in their middle.
    middle = data.train[:, [27, 28, 35, 36]].mean(axis=1)
    means = [middle[data.train[:, 64 + y] == 1].mean() for y in range(10)]
    assert np.argmin(means) == 0
