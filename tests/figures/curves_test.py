import numpy as np
import pytest
from matplotlib import image

from keras_rbm import figures
from keras_rbm.callbacks.update_log import COLUMNS
from keras_rbm.figures import curves


def test_a_file_is_read_and_drawn(tmp_path):
    rows = [(10, 0.5, 3.0), (20, 0.25, ""), (30, 0.2, 1.0)]
    lines = [",".join(map(str, row)) for row in [COLUMNS, *rows]]
    (tmp_path / "updates.csv").write_text("\n".join(lines))
    updates, errors, norms = curves.read(tmp_path / "updates.csv")
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
    smooth = curves._smooth(values)
    np.testing.assert_allclose(smooth[3:-3], values[3:-3])
    assert smooth[0] == np.mean(values[:4])
