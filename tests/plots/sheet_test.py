"""Rows and columns of pictures with labels, pixel by pixel."""

import numpy as np
import pytest
from matplotlib import image

from keras_rbm.plots import sheet

SHAPE = (3, 4)
GREYS = 10 * np.arange(24, dtype="uint8").reshape(2, 12)
WHITE = 255


def colours(path):
    return np.rint(255 * image.imread(path)[:, :, :3])


def test_a_sheet_has_pictures_pixel_by_pixel(tmp_path):
    sheet.rows(tmp_path / "a.png", [("one", GREYS), ("", GREYS)], SHAPE)
    picture = colours(tmp_path / "a.png")[:, :, 0]
    # Fifteen times 7 is what makes two tiles of four pixels 800 wide.
    factor = 7 * 15
    left = picture.shape[1] - 6 - 4 - 4 * factor
    for top in (6 + 4, 6 + 3 * factor + 8 + 6 + 4):
        shown = picture[top::factor, left::factor][:3, :4]
        np.testing.assert_array_equal(shown, GREYS[1].reshape(SHAPE))


def test_lines_are_between_and_around_the_images_of_a_row(tmp_path):
    sheet.rows(tmp_path / "a.png", [("", GREYS)], SHAPE)
    picture = colours(tmp_path / "a.png")
    factor = 7 * 15
    strip = picture[6:-6, 12:-6]
    assert strip.shape == (3 * factor + 8, 8 * factor + 12, 3)
    columns = np.zeros(strip.shape[1], bool)
    for left in (0, 4 * factor + 4, 8 * factor + 8):
        columns[left : left + 4] = True
    lines = np.zeros(strip.shape[:2], bool)
    lines[:, columns] = lines[:4] = lines[-4:] = True
    assert (strip[lines] == 176).all()
    # No grey of the images is that of the lines.
    assert (strip[~lines] != 176).all()
    # White is around them.
    picture[6:-6, 12:-6] = WHITE
    assert (picture == WHITE).all()


@pytest.mark.parametrize("image_shape", [SHAPE, None])
def test_rows_may_have_different_numbers_of_images(image_shape, tmp_path):
    three = np.tile(GREYS[:1], (3, 1))
    sheet.rows(tmp_path / "a.png", [("", GREYS[:1]), ("", three)], image_shape)
    picture = colours(tmp_path / "a.png")[:, :, 0]
    rows = np.flatnonzero(picture[:, 12] == 176)
    (gap,) = np.flatnonzero(np.diff(rows) > 1)
    first, second = picture[rows[0] : rows[gap]], picture[rows[gap + 1] :]
    # One image of 812 columns, and three of 280 each; 12 values that are no
    # image are 3 x 4 as well.
    assert (first[:, 12 : 12 + 812 + 8] != WHITE).all()
    assert (first[:, 12 + 812 + 8 :] == WHITE).all()
    np.testing.assert_array_equal(
        second[4::70, 16::70][:3, :4].ravel(), GREYS[0]
    )


def test_labels_stand_left_of_their_rows(tmp_path):
    labelled = [("here", GREYS), ("", GREYS), ("a longer one", GREYS)]
    sheet.rows(tmp_path / "a.png", labelled, SHAPE)
    picture = colours(tmp_path / "a.png")
    margin = 8 * len("a longer one") + 2 * 6
    height = 3 * 7 * 15 + 8 + 6
    inked = []
    for row in range(3):
        label = picture[6 + row * height : (row + 1) * height, :margin]
        dark = (label < 128).all(axis=2)
        inked.append(dark.sum())
        if dark.any():  # In the middle of the row, and close to it.
            lines, places = np.nonzero(dark)
            middle = (lines.min() + lines.max()) / 2
            assert abs(middle - (height - 6) / 2) < 10
            assert margin - 6 - 4 < places.max() < margin - 6 + 2
    assert 0 == inked[1] < inked[0] < inked[2]


def test_columns_stand_side_by_side_below_their_labels(tmp_path):
    """Of different sizes, grey or in colour."""
    rng = np.random.default_rng(0)
    high = rng.integers(0, 256, (50, 40, 3)).astype("uint8")
    low = rng.integers(0, 256, (20, 60)).astype("uint8")
    sheet.columns(tmp_path / "a.png", [("high", high), ("low", low)])
    picture = colours(tmp_path / "a.png")
    assert picture.shape == (20 + 6 + 50 + 6, 6 + 40 + 6 + 60 + 6, 3)
    np.testing.assert_array_equal(picture[26:76, 6:46], high)
    np.testing.assert_array_equal(
        picture[26:46, 52:112], np.repeat(low[:, :, None], 3, axis=2)
    )
    assert (picture[46:, 52:] == WHITE).all()
    dark = (picture[:26] < 128).all(axis=2).any(axis=0)
    for left, width in ((6, 40), (52, 60)):
        (places,) = np.nonzero(dark[left : left + width])
        middle = (places.min() + places.max()) / 2
        assert abs(middle - width / 2) < 3
