import numpy as np
import pytest

from keras_rbm.plots import tiles

LINE = 64


def test_grey_of_intensities():
    x = np.array([0, 0.5, 1, -3, 7, np.nan, np.inf])
    greys = tiles.grey(x)
    assert greys.dtype == np.uint8
    assert greys.tolist() == [0, 128, 255, 0, 255, 0, 255]


def test_tile_puts_every_pixel_in_its_place():
    rows, columns, number = 28, 30, 5
    images = np.random.default_rng(0).integers(
        0, 256, (number, rows * columns), dtype="uint8"
    )
    picture = tiles.tile(images, (rows, columns), columns=3)
    assert picture.dtype == np.uint8
    assert picture.shape == (2 * (rows + 1) + 1, 3 * (columns + 1) + 1)
    expected = np.full_like(picture, LINE)
    for i in range(number):
        top = 1 + i // 3 * (rows + 1)
        left = 1 + i % 3 * (columns + 1)
        expected[top : top + rows, left : left + columns] = images[i].reshape(
            rows, columns
        )
    np.testing.assert_array_equal(picture, expected)


def test_tile_enlarges_small_images_sharply_and_lines_not_at_all():
    image = np.array([[0, 100, 200, 255]], "uint8")
    picture = tiles.tile(image.repeat(2, axis=0), (2, 2))
    # 14 times 2 pixels are the 28 asked for.
    assert picture.shape == (30, 59)
    tile = picture[1:29, 1:29]
    np.testing.assert_array_equal(
        tile, np.kron([[0, 100], [200, 255]], np.ones((14, 14)))
    )
    np.testing.assert_array_equal(picture[1:29, 30:58], tile)
    for line in (0, 29, 58):
        assert (picture[:, line] == LINE).all()


@pytest.mark.parametrize(
    ("image_shape", "tile_shape"),
    [
        ((28, 28), (28, 28)),
        ((8, 8), (32, 32)),
        ((4, 4), (28, 28)),
        ((28, 20), (28, 20)),
        ((1, 16), (2, 32)),
        ((40, 50), (40, 50)),
    ],
)
def test_tile_sizes(image_shape, tile_shape):
    picture = tiles.tile(
        np.zeros((1, np.prod(image_shape)), "uint8"), image_shape
    )
    assert picture.shape == (tile_shape[0] + 2, tile_shape[1] + 2)


def test_tile_makes_a_near_square_of_any_shape_of_tiles():
    square = tiles.tile(np.zeros((100, 784), "uint8"), (28, 28))
    assert square.shape == (291, 291)
    wide = tiles.tile(np.zeros((100, 28 * 56), "uint8"), (28, 56))
    assert 0.8 < wide.shape[0] / wide.shape[1] < 1.25


def test_tile_lays_out_what_is_no_image():
    # 13 values in 4 rows of 4, the last three missing.
    picture = tiles.tile(np.full((1, 13), 200, "uint8"))
    small = picture[1:-1:7, 1:-1:7]
    assert small.shape == (4, 4)
    assert small.ravel().tolist() == [200] * 13 + [LINE] * 3


def test_lines_between_numbers_are_nan():
    picture = tiles.tile(np.arange(13, dtype="float32")[None])
    assert picture.dtype == np.float32
    assert np.isnan(picture[0]).all()
    small = picture[1:-1:7, 1:-1:7].ravel()
    np.testing.assert_array_equal(small, [*range(13), *[np.nan] * 3])


def test_tile_of_one_value():
    assert tiles.tile(np.array([[9]], "uint8")).shape == (30, 30)


def test_tile_pairs_puts_one_above_the_other():
    above = np.stack([np.full(784, grey, "uint8") for grey in (10, 20)])
    below = np.stack([np.full(784, grey, "uint8") for grey in (30, 40)])
    picture = tiles.tile_pairs(above, below, (28, 28), columns=2)
    assert picture.shape == (5 + 57 + 5, 5 + 28 + 5 + 28 + 5)
    expected = np.full_like(picture, LINE)
    expected[5:33, 5:33], expected[5:33, 38:66] = 10, 20
    expected[34:62, 5:33], expected[34:62, 38:66] = 30, 40
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize(
    ("greys", "image_shape", "columns", "message"),
    [
        (np.zeros((2, 4), "int32"), (2, 2), None, "uint8"),
        (np.zeros((0, 4), "uint8"), (2, 2), None, "at least one"),
        (np.zeros((2, 2, 2), "uint8"), (2, 2), None, "shape"),
        (np.zeros((2, 4), "uint8"), (2, 3), None, r"image_shape=\(2, 3\)"),
        (np.zeros((2, 4), "uint8"), (2, 2), 0, "columns=0"),
    ],
)
def test_tile_refuses(greys, image_shape, columns, message):
    with pytest.raises(ValueError, match=message):
        tiles.tile(greys, image_shape, columns)


def test_tile_pairs_refuses_different_shapes():
    with pytest.raises(ValueError, match=r"below\.shape=\(3, 4\)"):
        tiles.tile_pairs(
            np.zeros((2, 4), "uint8"), np.zeros((3, 4), "uint8"), (2, 2)
        )


def test_channels_are_side_by_side():
    x = np.random.default_rng(0).random((2, 2 * 3 * 3)).astype("float32")
    # Of one pixel: its red, its green and its blue.
    beside = np.concatenate(np.moveaxis(x.reshape(2, 2, 3, 3), 3, 0), axis=2)
    np.testing.assert_array_equal(
        tiles.tile(x, (2, 3, 3)), tiles.tile(beside.reshape(2, -1), (2, 9))
    )
    with pytest.raises(ValueError, match="channels"):
        tiles.tile(x, (2, 3, 4))
