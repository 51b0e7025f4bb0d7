"""Where pictures are drawn, and how they are saved."""

import matplotlib
import numpy as np
import pytest
from matplotlib import image, pyplot

from keras_rbm import plots
from keras_rbm.plots import canvas


def test_off_screen_figures_are_as_large_as_their_content(tmp_path):
    ax = canvas.axes(plots.offscreen(), (820, 410), (40, 90))
    path = tmp_path / "new" / "a.png"
    plots.save(ax, path)
    assert plots.pixels(ax).shape == (410, 950, 3)
    assert image.imread(path).shape[:2] == (410, 950)
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("ending", ["PNG", "svg", "jpg"])
def test_other_formats_are_saved(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    plots.save(plots.offscreen(), path)
    assert path.stat().st_size


def test_without_axes_there_is_a_new_figure_of_pyplot():
    with matplotlib.rc_context({"backend": "Agg"}):
        ax = canvas.axes(None, (900, 500))
        try:
            assert pyplot.gcf() is ax.figure
            assert plots.pixels(ax).shape == (500, 900, 3)
        finally:
            pyplot.close(ax.figure)


def test_figures_of_a_caller_keep_their_size():
    figure = matplotlib.figure.Figure((2, 1), dpi=100)
    ax = figure.add_subplot()
    assert canvas.axes(ax, (900, 500), (0, 90)) is ax
    assert plots.pixels(ax).shape == (100, 200, 3)
    with pytest.raises(ValueError, match="`ax` must be matplotlib Axes"):
        canvas.axes(figure, (900, 500))


def test_greys_are_saved_pixel_by_pixel(tmp_path):
    greys = np.arange(0, 240, 2, dtype="uint8").reshape(6, 20)
    canvas.save_greys(greys, tmp_path / "a.png")
    picture = np.rint(255 * image.imread(tmp_path / "a.png")[:, :, 0])
    assert picture.shape == (240, 800)
    np.testing.assert_array_equal(picture[::40, ::40], greys)
