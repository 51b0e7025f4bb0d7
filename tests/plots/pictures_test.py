"""Pictures of filters, samples and reconstructions."""

import inspect

import keras
import numpy as np
import pytest
from scipy import sparse

import keras_rbm
from keras_rbm import data, plots
from keras_rbm.plots import tiles
from keras_rbm.units import Bernoulli, Composite, Gaussian

SHAPE = (3, 4)


@pytest.fixture
def examples():
    x = np.random.default_rng(0).integers(0, 2, (8, 12))
    return x.astype("float32")


@pytest.fixture
def table():
    """A machine of a table with three columns, and examples."""
    rbm = keras_rbm.RBM(Composite(Bernoulli(2), Gaussian(1)), 4, seed=0)
    x = np.array([[0, 1, 0.0], [1, 1, 3.0], [0, 0, -1.5]], "float32")
    return rbm, x


def rbm(chain=None, **kwargs):
    model = keras_rbm.RBM(12, 6, chain, seed=3, **kwargs)
    kernel = np.random.default_rng(1).normal(size=(12, 6))
    kernel[:, 2] = 0
    model.kernel.assign(kernel)
    return model


def shown(ax):
    """The array that axes show, NaN where there is a line."""
    (image,) = ax.images
    return np.ma.filled(image.get_array(), np.nan)


def heights(ax, label):
    """The heights of bars, rows by bars; a bar of height 0 has no shape."""
    (found,) = (c for c in ax.collections if c.get_label() == label)
    heights, rows, columns = {}, ax.get_yticks(), ax.get_xticks()
    for path in found.get_paths():
        (left, bottom), (right, _), (_, top) = path.vertices[:3]
        row = np.abs(rows - bottom).argmin()
        column = np.abs(columns - (left + right) / 2).argmin()
        heights[int(row), int(column)] = bottom - top
    return heights


def texts(ax):
    """The texts in the axes, by rows from top to bottom."""
    found = sorted((t.get_position()[::-1], t.get_text()) for t in ax.texts)
    return [text for _, text in found]


def test_filters_are_columns_of_the_kernel_in_order():
    model = rbm()
    ax = plots.filters(model, SHAPE, ax=plots.offscreen())
    picture = shown(ax)
    # Three columns and two rows of tiles, each 7 times larger.
    assert picture.shape == (2 * 22 + 1, 3 * 29 + 1)
    kernel = keras.ops.convert_to_numpy(model.kernel)
    for unit in range(6):
        top, left = 1 + unit // 3 * 22, 1 + unit % 3 * 29
        np.testing.assert_array_equal(
            picture[top : top + 21 : 7, left : left + 28 : 7].ravel(),
            kernel[:, unit],
        )
    assert ax.images[0].get_clim() == pytest.approx(
        (-np.abs(kernel).max(), np.abs(kernel).max())
    )
    pixels = plots.pixels(ax)
    assert pixels.shape[1] >= 800
    assert pixels.shape[0] % picture.shape[0] == 0
    # A weight of 0 is white, and a tenth of the picture is the scale.
    factor = pixels.shape[0] // picture.shape[0]
    middle = pixels[factor * 10, factor * 70].astype(int)
    assert middle.min() > 240


def test_rows_of_bars_say_how_many_units_are_not_shown():
    model = keras_rbm.RBM(6, 30)
    ax = plots.filters(model, ax=plots.offscreen())
    assert ax.get_xlabel().startswith("the first 12 of 30 hidden units; ")
    ax = plots.filters(keras_rbm.RBM(6, 12), ax=plots.offscreen())
    assert "units" not in ax.get_xlabel()


def test_filters_shows_no_more_than_asked_for():
    ax = plots.filters(rbm(), SHAPE, num_filters=2, ax=plots.offscreen())
    assert shown(ax).shape == (23, 59)


def test_diverged_weights_are_drawn_as_zero():
    model = rbm()
    model.kernel.assign(np.full((12, 6), np.nan))
    ax = plots.filters(model, SHAPE, ax=plots.offscreen())
    assert set(np.unique(shown(ax)[~np.isnan(shown(ax))])) == {0}
    plots.pixels(plots.filters(model, ax=plots.offscreen()))


def test_samples_shows_means_of_the_fantasy_particles():
    model = rbm(keras_rbm.PersistentChain(4))
    means = keras.ops.convert_to_numpy(
        model.predict_reconstruction(model.fantasy_particles)
    )
    picture = shown(plots.samples(model, SHAPE, ax=plots.offscreen()))
    np.testing.assert_array_equal(picture, tiles.tile(tiles.grey(means), SHAPE))


def test_images_are_in_a_grid(examples):
    ax = plots.images(examples, SHAPE, columns=4, ax=plots.offscreen())
    np.testing.assert_array_equal(
        shown(ax), tiles.tile(tiles.grey(examples), SHAPE, 4)
    )


def test_images_of_uint8_are_intensities_or_bits(examples):
    x = np.random.default_rng(0).integers(0, 256, (5, 12), "uint8")
    for given, greys in (
        (x, x),
        (examples.astype("uint8"), tiles.grey(examples)),
    ):
        ax = plots.images(given, SHAPE, ax=plots.offscreen())
        np.testing.assert_array_equal(shown(ax), tiles.tile(greys, SHAPE))


def test_greys_are_drawn_pixel_by_pixel():
    ax = plots.samples(
        rbm(keras_rbm.PersistentChain(4)), SHAPE, ax=plots.offscreen()
    )
    picture, pixels = shown(ax), plots.pixels(ax)
    factor = pixels.shape[1] // picture.shape[1]
    assert pixels.shape[1] >= 800
    np.testing.assert_allclose(  # A map of greys rounds.
        pixels[factor // 2 :: factor, factor // 2 :: factor, 0],
        picture,
        atol=1,
    )


def test_samples_draws_where_the_chain_keeps_none():
    model = rbm(keras_rbm.ContrastiveDivergence(1))
    draws = model.sample(4, num_sweeps=3, seed=5)
    means = keras.ops.convert_to_numpy(model.predict_reconstruction(draws))
    ax = plots.samples(
        model,
        SHAPE,
        num_samples=4,
        num_sweeps=3,
        seed=5,
        ax=plots.offscreen(),
    )
    np.testing.assert_array_equal(
        shown(ax), tiles.tile(tiles.grey(means), SHAPE)
    )


def test_reconstructions_stand_below_their_originals(examples):
    model = rbm()
    picture = shown(
        plots.reconstructions(
            model, examples, SHAPE, num_examples=1, ax=plots.offscreen()
        )
    )
    means = keras.ops.convert_to_numpy(
        model.predict_reconstruction(examples[:1])
    )
    for top, values in ((5, examples[:1]), (5 + 21 + 1, means)):
        np.testing.assert_array_equal(
            picture[top : top + 21 : 7, 5:33:7].ravel(),
            tiles.grey(values).ravel(),
        )


@pytest.mark.parametrize(
    "form",
    [
        sparse.csr_array,
        lambda x: x.reshape(-1, *SHAPE),
        lambda x: [list(row) for row in x],
    ],
)
def test_reconstructions_of_other_forms(examples, form):
    options = {"image_shape": SHAPE, "ax": plots.offscreen()}
    expected = shown(plots.reconstructions(rbm(), examples, **options))
    options["ax"] = plots.offscreen()
    ax = plots.reconstructions(rbm(), form(examples), **options)
    np.testing.assert_array_equal(shown(ax), expected)


def test_pictures_of_data_that_are_no_pixels(examples):
    model = rbm(keras_rbm.PersistentChain(4))
    # Half the columns are shown, upside down.
    matrix = -np.eye(12, dtype="float32")[:, 6:]
    options = {"picture": data.Picture(matrix, 1.0), "image_shape": (2, 3)}
    means, kernel, again = (
        keras.ops.convert_to_numpy(x)
        for x in (
            model.predict_reconstruction(model.fantasy_particles),
            model.kernel,
            model.predict_reconstruction(examples),
        )
    )
    for ax, expected in (
        (
            plots.filters(model, ax=plots.offscreen(), **options),
            tiles.tile(-kernel.T[:, 6:], (2, 3)),
        ),
        (
            plots.samples(model, ax=plots.offscreen(), **options),
            tiles.tile(tiles.grey(1 - means[:, 6:]), (2, 3)),
        ),
        (
            plots.reconstructions(
                model, examples, ax=plots.offscreen(), **options
            ),
            tiles.tile_pairs(
                tiles.grey(1 - examples[:, 6:]),
                tiles.grey(1 - again[:, 6:]),
                (2, 3),
            ),
        ),
    ):
        np.testing.assert_array_equal(shown(ax), expected)


def test_a_class_has_a_labelled_row():
    model = keras_rbm.ClassRBM(12, 3, 4, seed=0)
    # Pixels of the class and no others.
    kernel = np.zeros((15, 4))
    kernel[:12, :3] = 20 * np.kron(np.eye(3), np.ones((4, 1))) - 10
    kernel[12:, :3] = 20 * np.eye(3) - 10
    model.kernel.assign(kernel)
    model.hidden_params["bias"].assign(np.zeros(4))
    options = {"num_samples": 2, "num_sweeps": 3, "ax": plots.offscreen()}
    ax = plots.class_samples(model, SHAPE, **options)
    labels = np.repeat(np.arange(3), 2)
    drawn = model.sample_class(labels, num_sweeps=3, seed=0)
    means = np.asarray(model.predict_reconstruction(model.join(drawn, labels)))
    expected = tiles.tile(tiles.grey(means[:, :12]), SHAPE, columns=2)
    np.testing.assert_array_equal(shown(ax), expected)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["class 0", "class 1", "class 2"]
    picture = data.Picture(np.eye(15, 12))
    options["ax"] = plots.offscreen()
    again = plots.class_samples(model, SHAPE, picture=picture, **options)
    np.testing.assert_array_equal(shown(again), expected)
    rows = plots.class_samples(model, num_sweeps=3, ax=plots.offscreen())
    names = [label.get_text() for label in rows.get_yticklabels()]
    assert names == [f"class {label}" for label in (0, 0, 0, 1, 1, 1, 2, 2, 2)]


def test_columns_of_a_table_have_bars_and_names(table):
    model, x = table
    names = ["age", "sex", "price in $"]
    ax = plots.reconstructions(model, x, names=names, ax=plots.offscreen())
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert shown == ["age", "sex", r"price in \$"]
    # A Gaussian column goes from -3 to 3 deviations.
    expected = {(0, 1): 1, (0, 2): 0.5, (2, 0): 1, (2, 1): 1, (2, 2): 1}
    expected |= {(4, 2): 0.25}
    found = heights(ax, "example")
    assert {key: h / 0.84 for key, h in found.items()} == pytest.approx(
        expected
    )
    again = np.array(model.predict_reconstruction(x))
    again[:, 2] = again[:, 2] / 6 + 0.5
    found = heights(ax, "reconstruction")
    assert {row for row, _ in found} == {1, 3, 5}  # Below their examples.
    for (row, column), height in found.items():
        assert height == pytest.approx(0.84 * again[row // 2, column], rel=1e-5)
    ax = plots.filters(model, names=names, ax=plots.offscreen())
    kernel = np.asarray(model.kernel)
    largest = np.abs(kernel).max()
    for (row, column), height in heights(ax, "positive weight").items():
        expected = 0.45 * kernel[column, row] / largest
        assert height == pytest.approx(expected, rel=1e-5)
    ax = plots.samples(model, names=names, ax=plots.offscreen())
    assert len(ax.get_yticklabels()) == 12


def test_missing_pixels_have_a_colour_of_their_own(examples):
    model, x = rbm(), examples.copy()
    x[0, :5] = np.nan

    def drawn(x, **options):
        ax = plots.offscreen()
        return shown(plots.reconstructions(model, x, SHAPE, ax=ax, **options))

    grey, picture = drawn(examples), drawn(x)
    assert picture.shape == (*grey.shape, 3)
    is_grey = (picture == picture[:, :, :1]).all(axis=2)
    # Each pixel of an example is 7 x 7 in the picture.
    assert (~is_grey).sum() == 5 * 7**2
    matrix = data.Picture(np.eye(12))
    np.testing.assert_array_equal(picture, drawn(x, picture=matrix))


def test_missing_entries_are_marked(table):
    model, x = table
    complete = plots.reconstructions(model, x, ax=plots.offscreen())
    assert "missing" not in {c.get_label() for c in complete.collections}
    x = x.copy()
    x[1, 2] = np.nan
    ax = plots.reconstructions(model, x, ax=plots.offscreen())
    assert list(heights(ax, "missing")) == [(2, 2)]
    assert (2, 2) not in heights(ax, "example")
    assert (3, 2) in heights(ax, "reconstruction")
    # A masked entry is missing, whatever its value.
    masked = np.ma.array(np.nan_to_num(x, nan=7.0), mask=np.isnan(x))
    again = plots.reconstructions(model, masked, ax=plots.offscreen())
    for label in ("missing", "example", "reconstruction"):
        assert heights(again, label) == heights(ax, label)


def test_a_table_has_its_columns_in_their_order():
    schema = data.Schema(
        {
            "city": data.Category(("Bern", "Paris", "Rome"), missing=False),
            "id": data.Dropped(),
            "price": data.Real(mean=2000.0, deviation=100.0),
            "fast": data.Binary(("no", "yes")),
            "size": data.Category(("L", "M", "S"), missing=False),
        },
        keeps_missing=True,
    )
    # The units stand in another order: both categories first.
    assert schema.labels[3:] == [
        "size=L",
        "size=M",
        "size=S",
        *schema.labels[6:],
    ]
    x = np.array([[0, 1, 0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 1, -3, 1]], "f4")
    x[1, 3:6] = x[1, 6] = np.nan
    model = keras_rbm.RBM(schema.units, 4, seed=0)
    ax = plots.reconstructions(model, x, schema=schema, ax=plots.offscreen())
    plots.pixels(ax)
    (names,) = ax.child_axes
    shown = [label.get_text() for label in names.get_xticklabels()]
    assert shown == ["city", "price", "fast", "size"]
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert shown == ["Bern", "Paris", "Rome", "", "yes", "L", "M", "S"]
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows[:2] == ["example 0", "reconstruction"]
    assert rows[2:] == ["example 1", "reconstruction"]
    # City, price and size of the first row; city and binary column of the last.
    assert set(heights(ax, "example")) == {
        (0, 1),
        (0, 3),
        (0, 5),
        (2, 2),
        (2, 4),
    }
    (stripes,) = (c for c in ax.collections if c.get_label() == "missing")
    assert len(stripes.get_paths()) == 2  # One for all categories.
    again = np.asarray(model.predict_reconstruction(x))[:, 6]
    prices = [f"{2000 + 100 * mean:,.0f}" for mean in again]
    assert texts(ax) == ["2,100", prices[0], "missing", "missing", prices[1]]
    weights = plots.filters(model, schema=schema, ax=plots.offscreen())
    kernel = np.asarray(model.kernel)[[0, 1, 2, 6, 7, 3, 4, 5]]
    largest = np.abs(kernel).max()
    for (row, bar), height in heights(weights, "positive weight").items():
        expected = 0.45 * kernel[bar, row] / largest
        assert height == pytest.approx(expected, rel=1e-5)
    drawn = plots.samples(model, schema=schema, ax=plots.offscreen())
    assert len(texts(drawn)) == 12
    assert plots.pixels(drawn).shape[1] >= 800


def test_each_column_has_a_name(table):
    model, x = table
    for names in (["age", "sex"], ["age", "sex", "price", "city"]):
        for draw in (
            lambda **own: plots.filters(model, **own),
            lambda **own: plots.reconstructions(model, x, **own),
            lambda **own: plots.samples(model, **own),
        ):
            with pytest.raises(ValueError, match="`names` must have a name"):
                draw(names=names, ax=plots.offscreen())
    classes = keras_rbm.ClassRBM(3, 2, 4, seed=0)
    for count in (3, 5):  # Without and with the columns of the label.
        names = [f"column {i}" for i in range(count)]
        ax = plots.samples(classes, names=names, ax=plots.offscreen())
        assert [x.get_text() for x in ax.get_xticklabels()] == names


def test_names_of_columns_may_be_numbers():
    real = data.Real(mean=0.0, deviation=1.0)
    schema = data.Schema({0: real, 1: real})
    model = keras_rbm.RBM(schema.units, 2, seed=0)
    x = np.array([[0.5, 1.5]], "float32")
    ax = plots.reconstructions(model, x, schema=schema, ax=plots.offscreen())
    plots.pixels(ax)
    (names,) = ax.child_axes
    assert [label.get_text() for label in names.get_xticklabels()] == ["0", "1"]
    assert {"0.5", "1.5"} < set(texts(ax))


def test_a_table_with_classes_has_its_numbers():
    real = data.Real(mean=50.0, deviation=10.0)
    schema = data.Schema({"age": real, "size": real})
    model = keras_rbm.ClassRBM(schema.units, 3, 2, seed=0)
    x = np.array([[1.0, -1.0, 0, 1, 0]], "float32")
    options = {"schema": schema, "ax": plots.offscreen()}
    ax = plots.reconstructions(model, x, **options)
    assert {"60", "40"} < set(texts(ax))
    ax = plots.class_samples(
        model, num_samples=1, num_sweeps=2, schema=schema, ax=plots.offscreen()
    )
    assert len(texts(ax)) == 6  # Two numbers for each class.
    ax = plots.samples(
        model, num_samples=2, num_sweeps=2, schema=schema, ax=plots.offscreen()
    )
    assert len(texts(ax)) == 4
    # The largest weight is one that is shown, not that of a label.
    kernel = np.full((5, 2), 5.0)
    kernel[:2] = 0.1
    model.kernel.assign(kernel)
    ax = plots.filters(model, schema=schema, ax=plots.offscreen())
    assert "a weight of 0.1" in ax.get_xlabel()


@pytest.mark.parametrize("classes", [0, 2])
def test_spins_are_black_at_minus_one_and_white_at_one(classes):
    spins = keras_rbm.Spin(4)
    model = (
        keras_rbm.ClassRBM(spins, classes, 2, seed=0)
        if classes
        else keras_rbm.RBM(spins, 2, seed=0)
    )
    model.image_shape = (2, 2)
    model.kernel.assign(np.zeros(model.kernel.shape))
    bias = np.zeros(model.visible.width)
    bias[:2] = 20.0, -20.0
    model.visible_params["bias"].assign(bias)
    x = np.ones((1, model.visible.width), "float32")
    x[:, 4:-1] = 0
    ax = plots.reconstructions(model, x, ax=plots.offscreen())
    white, greys = np.array([[[255] * 4], [[255, 0, 128, 128]]], "uint8")
    pairs = tiles.tile_pairs(white, greys, (2, 2))
    np.testing.assert_array_equal(shown(ax), pairs)
    ax = plots.samples(model, num_samples=1, num_sweeps=2, ax=plots.offscreen())
    np.testing.assert_array_equal(shown(ax), tiles.tile(greys, (2, 2)))


@pytest.mark.parametrize(
    "draw", ["filters", "samples", "reconstructions", "class_samples"]
)
def test_axes_stand_before_the_schema(draw):
    names = list(inspect.signature(getattr(plots, draw)).parameters)
    # Positional axes of earlier versions still work.
    assert names[-3:] == ["names", "ax", "schema"]


def test_the_model_knows_the_shape_of_its_pictures(examples):
    model = rbm(keras_rbm.PersistentChain(4))
    for draw in (
        plots.filters,
        plots.samples,
        lambda model, *shape, ax: plots.reconstructions(
            model, examples, *shape, ax=ax
        ),
    ):
        model.image_shape = None
        given = draw(model, (4, 3), ax=plots.offscreen())
        assert not draw(model, ax=plots.offscreen()).images
        model.image_shape = (4, 3)
        found = draw(model, ax=plots.offscreen())
        np.testing.assert_array_equal(shown(found), shown(given))
        # The argument comes first.
        other = draw(model, SHAPE, ax=plots.offscreen())
        assert shown(other).shape != shown(given).shape
    # A `Picture` need not have the shape of the columns.
    half = data.Picture(np.eye(12, 6))
    ax = plots.filters(model, picture=half, ax=plots.offscreen())
    assert not ax.images


def test_pictures_of_a_class_rbm_leave_out_the_label():
    model = keras_rbm.ClassRBM(12, 3, 4, seed=0)
    model.image_shape = SHAPE
    kernel = keras.ops.convert_to_numpy(model.kernel)
    ax = plots.filters(model, ax=plots.offscreen())
    np.testing.assert_array_equal(shown(ax), tiles.tile(kernel[:12].T, SHAPE))
    options = {"num_samples": 2, "num_sweeps": 3}
    found, given = (
        plots.class_samples(model, *shape, ax=plots.offscreen(), **options)
        for shape in ((), (SHAPE,))
    )
    np.testing.assert_array_equal(shown(found), shown(given))
