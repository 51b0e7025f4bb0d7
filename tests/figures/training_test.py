import numpy as np
import pytest
from matplotlib import image
from PIL import Image

from keras_rbm import figures
from keras_rbm.callbacks.update_log import COLUMNS
from keras_rbm.figures import training


def test_a_file_is_read_and_drawn(tmp_path):
    rows = [(10, 0.5, 3.0), (20, 0.25, ""), (30, 0.2, 1.0)]
    lines = [",".join(map(str, row)) for row in [COLUMNS, *rows]]
    (tmp_path / "updates.csv").write_text("\n".join(lines))
    updates, errors, norms = training.read_updates(tmp_path / "updates.csv")
    np.testing.assert_array_equal(updates, [10, 20, 30])
    np.testing.assert_array_equal(errors, [0.5, 0.25, 0.2])
    np.testing.assert_array_equal(norms, [3, np.nan, 1])
    figures.Curves()(None, None, str(tmp_path))
    assert image.imread(tmp_path / "curves.png").shape[:2] == (340, 900)


@pytest.mark.parametrize("rows", ["", "50,,\n100,,\n", "50,0,0\n100,0,0\n"])
def test_files_without_a_curve(tmp_path, rows):
    (tmp_path / "updates.csv").write_text(",".join(COLUMNS) + "\n" + rows)
    figures.Curves()(None, None, str(tmp_path))
    assert (tmp_path / "curves.png").exists() == bool(rows)


def test_the_smooth_line():
    values = np.arange(300.0)
    # Means over 7 neighbours: 2 % of 300, and the one in the middle.
    smooth = training._smooth(values)
    np.testing.assert_allclose(smooth[3:-3], values[3:-3])
    assert smooth[0] == np.mean(values[:4])


def test_epochs_are_spread_by_their_logarithms():
    assert training._spread([1, 5, 10, 50, 100], 3) == [1, 10, 100]
    assert training._spread([1, 2], 3) == [1, 2]
    assert training._spread([7, 8, 9], 2) == [7, 9]


def write_greys(folder, epoch, greys):
    path = folder / "filters" / f"epoch-{epoch:04d}.png"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(greys.astype("uint8")).save(path)


def test_pictures_side_by_side(tmp_path):
    for epoch in (1, 3, 9):
        write_greys(tmp_path, epoch, np.full((40, 50), 10 * epoch))
    figures.FiltersByEpoch()(None, None, str(tmp_path))
    picture = image.imread(tmp_path / "filters_by_epoch.png")[:, :, 0]
    for number, epoch in enumerate((1, 3, 9)):
        left = 6 + number * 56
        shown = np.rint(255 * picture[26:66, left : left + 50])
        np.testing.assert_array_equal(shown, 10 * epoch)


def test_one_epoch_is_no_figure(tmp_path):
    write_greys(tmp_path, 1, np.zeros((9, 9)))
    figures.FiltersByEpoch()(None, None, str(tmp_path))
    assert not (tmp_path / "filters_by_epoch.png").exists()


def test_curves_with_and_without_a_likelihood(tmp_path):
    (tmp_path / "updates.csv").write_text(
        "update,reconstruction_error,update_norm\n10,0.5,1\n20,0.25,1\n"
    )
    figures.Curves()(None, None, str(tmp_path))
    without = image.imread(tmp_path / "curves.png")
    (tmp_path / "history.csv").write_text(
        "epoch,log_likelihood,log_likelihood_epoch,log_likelihood_baseline\n"
        "1,-20,1,-21\n"
    )
    figures.Curves()(None, None, str(tmp_path))
    beside = image.imread(tmp_path / "curves.png")
    assert beside.shape[1] == 1.5 * without.shape[1]
