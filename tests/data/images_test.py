"""Folders of pictures: grey values, sizes, classes, and what is no picture."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from keras_rbm import Bernoulli
from keras_rbm.data import images

GREY = np.random.default_rng(0).integers(2, 250, (6, 4, 3)).astype("uint8")


def write(folder, pictures, ending="png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number}.{ending}")
    return folder


def test_pictures_of_one_size(tmp_path):
    folder = write(tmp_path / "mine", GREY)
    (folder / ".hidden").write_text("no picture")
    data = images(folder)
    assert data.name == "mine"
    assert data.image_shape == (4, 3)
    assert data.train.dtype == "uint8"
    np.testing.assert_array_equal(data.train, GREY.reshape(6, 12))
    assert data.visible == Bernoulli(12)


def test_black_and_white_pixels_are_bits(tmp_path):
    x = GREY > 100
    data = images(write(tmp_path, x))
    np.testing.assert_array_equal(data.train, x.reshape(6, 12))
    assert data.train.dtype == "float32"


def test_colours_become_luminance(tmp_path):
    data = images(write(tmp_path, np.stack([GREY] * 3, axis=-1), "jpg"))
    assert data.train.shape == (6, 12)
    red = np.zeros((1, 4, 3, 3), "uint8")
    red[..., 0] = 200
    assert (images(write(tmp_path / "red", red)).train == 60).all()


def test_photos_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # Turned to the left.
    photo = Image.fromarray(GREY[0])
    photo.save(tmp_path / "a.png", exif=exif)
    data = images(tmp_path)
    assert data.image_shape == GREY[0].shape[::-1]
    np.testing.assert_array_equal(
        data.train[0].reshape(data.image_shape), np.rot90(GREY[0], -1)
    )


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0"])
def test_damaged_exif_data_turn_nothing(tmp_path, exif):
    Image.fromarray(GREY[0]).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(images(tmp_path).train[0], GREY[0].ravel())


def test_sixteen_bits_become_eight(tmp_path):
    x = GREY.astype("uint16") * 257
    np.testing.assert_array_equal(
        images(write(tmp_path, x)).train, GREY.reshape(6, 12)
    )


def test_sizes_must_be_one_or_given(tmp_path):
    write(tmp_path, GREY)
    Image.fromarray(np.full((8, 6), 7, "uint8")).save(tmp_path / "large.png")
    with pytest.raises(ValueError, match=r"`image_shape`.*large.png of 8 x 6"):
        images(tmp_path)
    data = images(tmp_path, image_shape=(2, 5))
    assert data.train.shape == (7, 10)
    assert data.image_shape == (2, 5)
    assert (data.train[-1] == 7).all()


@pytest.mark.parametrize("shape", [3, (3,), (0, 2), (2.5, 2), (1, 2, 3)])
def test_wrong_sizes(tmp_path, shape):
    with pytest.raises(ValueError, match="Argument `image_shape` must"):
        images(write(tmp_path, GREY), image_shape=shape)


def test_folders_are_classes(tmp_path):
    write(tmp_path / "cat", GREY[:2])
    write(tmp_path / "dog" / "more", GREY[2:])
    assert images(tmp_path).train.shape == (6, 12)
    data = images(tmp_path, num_classes=2)
    assert data.image_shape == (4, 3)
    np.testing.assert_array_equal(data.train[:, 12] // 255, [1, 1, 0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"num_classes=3, with folders cat, d"):
        images(tmp_path, num_classes=3)
    write(tmp_path, GREY[:1])
    with pytest.raises(ValueError, match=r"0.png in none"):
        images(tmp_path, num_classes=2)


def test_folders_of_splits(tmp_path):
    write(tmp_path / "train", GREY[:4])
    write(tmp_path / "test", GREY[4:])
    data = images(tmp_path)
    assert (len(data.train), len(data.test)) == (4, 2)
    assert len(images(tmp_path, validation_size=0.25).validation) == 1


@pytest.mark.parametrize("other", ["val", "Test", "bus"])
def test_folders_beside_the_splits_are_refused(tmp_path, other):
    write(tmp_path / "train", GREY[:4])
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "about.txt").write_text("Grey squares")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._a.png").write_text("of macOS")
    assert len(images(tmp_path).train) == 4
    write(tmp_path / other, GREY[4:])
    with pytest.raises(ValueError, match=rf"must be the splits .*'{other}'"):
        images(tmp_path)


@pytest.mark.parametrize("kept", [0, 20, 45])
def test_what_is_no_picture_is_named(tmp_path, kept):
    write(tmp_path, GREY)
    content = (tmp_path / "3.png").read_bytes()
    (tmp_path / "3.png").write_bytes(content[:kept])
    with pytest.raises(ValueError, match=r"3\.png must be a picture"):
        images(tmp_path)
    (tmp_path / "3.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"3\.png must be a picture"):
        images(tmp_path)


def test_empty_and_missing_folders(tmp_path):
    with pytest.raises(ValueError, match="must hold pictures"):
        images(tmp_path)
    for path in (tmp_path / "none", __file__):
        with pytest.raises(FileNotFoundError, match="`folder` must"):
            images(path)


def test_floating_values_are_scaled(tmp_path):
    x = GREY.astype("float32") / 255
    data = images(write(tmp_path, x, "tif"))
    np.testing.assert_array_equal(data.train, GREY.reshape(6, 12))
    assert data.train.dtype == "uint8"


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.float32([[0, 255]]),
            "0 to 1, since they are floats.*from 0 to 255",
        ),
        (np.float32([[-0.5, 1]]), "from -0.5 to 1"),
        (np.float32([[0.5, np.nan]]), "from nan to nan"),
        (np.int32([[0, 65536]]), "0 to 65535, since they are integers"),
        (np.int32([[-1, 5]]), "from -1 to 5"),
    ],
)
def test_values_outside_the_range_of_their_type_are_refused(
    tmp_path, x, message
):
    with pytest.raises(ValueError, match=rf"0\.tif must have .*{message}"):
        images(write(tmp_path, x[None], "tif"))


def link(folder, target):
    try:
        folder.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")


def test_linked_folders_are_read(tmp_path):
    write(tmp_path / "elsewhere" / "deep", GREY[2:])
    folder = tmp_path / "mine"
    write(folder / "cat", GREY[:2])
    link(folder / "dog", tmp_path / "elsewhere")
    # These would lead into circles.
    link(folder / "cat" / "up", folder)
    link(folder / "cat" / "itself", folder / "cat")
    data = images(folder, num_classes=2)
    np.testing.assert_array_equal(data.train[:, 12] // 255, [1, 1, 0, 0, 0, 0])
    # Both names of a folder count, since either can be a class.
    link(folder / "wolf", folder / "dog")
    assert images(folder, num_classes=3).train.shape == (10, 15)


def shape_in_alpha(mode, colour):
    """A square of one colour on transparent pixels."""
    if mode == "P":
        picture = Image.new("P", (4, 3), 0)
        picture.putpalette([9, 9, 9, colour, colour, colour])
        picture.paste(1, (1, 1, 3, 3))
        picture.info["transparency"] = 0
        return picture
    picture = Image.new("LA", (4, 3), (0, 0))
    picture.paste((colour, 255), (1, 1, 3, 3))
    return picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_show_the_background(tmp_path, mode):
    shape_in_alpha(mode, 0).save(tmp_path / "0.png")
    found = np.ones((3, 4))
    found[1:, 1:3] = 0
    np.testing.assert_array_equal(images(tmp_path).train, found.reshape(1, 12))
    with pytest.raises(ValueError, match=r"background=0, on which .*0\.png"):
        images(tmp_path, background=0)
    shape_in_alpha(mode, 255).save(tmp_path / "0.png")
    with pytest.raises(ValueError, match="For white shapes, pass background=0"):
        images(tmp_path)
    np.testing.assert_array_equal(
        images(tmp_path, background=0).train, 1 - found.reshape(1, 12)
    )


def test_a_picture_that_is_wholly_transparent_is_plain(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4), "uint8")
    pixels[..., 3] = 0
    Image.fromarray(pixels).save(tmp_path / "0.png")
    np.testing.assert_array_equal(images(tmp_path).train, np.ones((1, 12)))


def test_the_background_mixes_with_pixels_in_proportion(tmp_path):
    pixels = np.uint8([[[100, 255], [100, 51], [100, 0]]])
    Image.fromarray(pixels).save(tmp_path / "0.png")
    assert images(tmp_path, background=200).train.tolist() == [[100, 180, 200]]
    # A picture without a shape is as good as any.
    Image.new("RGBA", (3, 1)).save(tmp_path / "1.png")
    assert images(tmp_path).train[1].tolist() == [255, 255, 255]
    with pytest.raises(ValueError, match="`background` must be an integer"):
        images(tmp_path, background=256)
