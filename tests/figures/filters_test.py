import numpy as np
from matplotlib import image

from keras_rbm import callbacks, figures
from keras_rbm.figures.filters import _spread


def test_epochs_are_spread_by_their_logarithms():
    assert _spread([1, 5, 10, 50, 100], 3) == [1, 10, 100]
    assert _spread([1, 2], 3) == [1, 2]
    assert _spread([7, 8, 9], 2) == [7, 9]


def test_pictures_side_by_side(tmp_path):
    for epoch in (1, 3, 9):
        callbacks.write_png(
            tmp_path / "filters" / f"epoch-{epoch:04d}.png",
            np.full((40, 50), 10 * epoch, "uint8"),
        )
    figures.FiltersByEpoch()(None, None, str(tmp_path))
    picture = image.imread(tmp_path / "filters_by_epoch.png")[:, :, 0]
    for number, epoch in enumerate((1, 3, 9)):
        left = 6 + number * 56
        shown = np.rint(255 * picture[26:66, left : left + 50])
        np.testing.assert_array_equal(shown, 10 * epoch)


def test_one_epoch_is_no_figure(tmp_path):
    callbacks.write_png(
        tmp_path / "filters" / "epoch-0001.png", np.zeros((9, 9), "uint8")
    )
    figures.FiltersByEpoch()(None, None, str(tmp_path))
    assert not (tmp_path / "filters_by_epoch.png").exists()
