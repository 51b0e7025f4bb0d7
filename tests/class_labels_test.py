import numpy as np
import pytest

from keras_rbm import class_labels

Y = np.array([2, 0, 1, 1])
ROWS = np.eye(3, dtype="float32")[Y]


@pytest.mark.parametrize(
    "y", [Y, Y.astype("uint8"), Y.tolist(), ROWS, ROWS.astype("bool")]
)
def test_labels_become_one_hot_rows(y):
    rows = class_labels.one_hot(y, 3, 4)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, ROWS)


def test_a_column_of_floats_holds_labels_with_and_without_nan():
    y = Y.astype("float64")
    np.testing.assert_array_equal(
        class_labels.one_hot(y, 3, 4, may_miss=True), ROWS
    )
    y[0] = np.nan
    found = class_labels.one_hot(y, 3, 4, may_miss=True)
    np.testing.assert_array_equal(found[1:], ROWS[1:])
    assert np.isnan(found[0]).all()
    for wrong in (0.5, np.inf):
        y[1] = wrong
        with pytest.raises(ValueError, match=r"`y` must be a label for each"):
            class_labels.one_hot(y, 3, 4, may_miss=True)
    with pytest.raises(ValueError, match=r"y\.dtype=float64"):
        class_labels.one_hot(Y.astype("float64"), 3, 4)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y + 1, r"`label` must be from 0 to 2 .*; 1 of 4 .*label\[0\]=3"),
        (Y[:3], r"label.shape=\(3,\)"),
        (0.5 * ROWS, "one-hot in every row; 4 of 4"),
        (["a"] * 4, "label.dtype=<U1"),
    ],
)
def test_others_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        class_labels.one_hot(y, 3, 4, "label")
