import dataclasses

import numpy as np
import pandas
import pytest
from scipy import sparse

from keras_rbm import Bernoulli, Gaussian, Softmax, Spin, data
from keras_rbm.data import Data, Picture, some, split, table
from keras_rbm.rows import Rows


def test_arrays_are_taken_as_they_are():
    train = np.full((4, 6), 255, np.uint8)
    test = np.full((2, 6), -2.5)
    data = Data("mine", train, test=test, image_shape=[2, 3])
    assert data.train is train
    assert data.test.dtype == np.float32
    assert data.validation is None
    assert data.width == 6
    assert data.image_shape == (2, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.train = test


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_errors_name_the_split(name):
    splits = {"train": np.ones((4, 6)), name: np.ones((4, 6))}
    splits[name][3, 1] = np.nan
    with pytest.raises(
        ValueError, match=rf"`{name}` must be finite .* in row 3"
    ):
        Data("mine", **splits)
    splits[name] = np.ones(6)
    with pytest.raises(ValueError, match=rf"`{name}` must be a 2-D array"):
        Data("mine", **splits)


def test_train_is_required():
    with pytest.raises(ValueError, match=r"`train` must be a 2-D array"):
        Data("mine", None)


def test_widths_must_agree():
    with pytest.raises(
        ValueError, match=r"`test` must have the width of `train"
    ):
        Data("mine", np.ones((4, 6)), test=np.ones((4, 5)))


def test_image_shape_must_fit():
    with pytest.raises(ValueError, match=r"Received: image_shape=\(2, 2\)"):
        Data("mine", np.ones((4, 6)), image_shape=(2, 2))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_bits_are_bits_unless_another_split_tells(dtype):
    binary = np.eye(4).astype(dtype)
    data = Data("mine", binary, test=binary[:2])
    assert data.train.dtype == data.test.dtype == np.float32
    np.testing.assert_array_equal(data.train, binary)
    np.testing.assert_array_equal(data.test, binary[:2])
    np.testing.assert_array_equal(data.intensities(binary[:2]), binary[:2])


def test_uint8_beside_intensities_are_dark_intensities():
    binary = np.eye(4, dtype=np.uint8)
    data = Data("mine", binary * 255, test=binary)
    assert data.train.dtype == np.uint8
    np.testing.assert_array_equal(data.test, binary / np.float32(255))
    np.testing.assert_array_equal(
        data.intensities(binary), binary / np.float32(255)
    )
    assert Data("black", binary * 0).train.max() == 0


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_matrices_stay_sparse(kind):
    x = kind(np.eye(40, dtype="int16"))
    data = Data("mine", x, test=x[:3])
    assert "train=<float32 40 x 40>" in repr(data)
    np.testing.assert_array_equal(data.test[:], np.eye(3, 40))
    train, _, test = split(x, 0, 10, seed=0)
    expected, _, expected_test = split(np.eye(40), 0, 10, seed=0)
    np.testing.assert_array_equal(train, expected)
    np.testing.assert_array_equal(test, expected_test)
    assert isinstance(train, Rows)
    np.testing.assert_array_equal(some(train, 4), some(expected, 4))


@pytest.mark.parametrize(
    ("x", "categories", "units"),
    [
        (np.eye(4), None, Bernoulli(4)),
        (np.full((2, 4), 200, "uint8"), None, Bernoulli(4)),
        (np.array([[-1e-7, 0.5, 1.0000001]], "float32"), None, Bernoulli(3)),
        (np.array([[-1, 1], [1, 1]]), None, Spin(2)),
        (np.array([[-1.0, 1.0], [1.0, 0.5]]), None, Gaussian(2)),
        (np.eye(4), 2, Softmax(2, 2)),
    ],
)
def test_data_know_the_units_of_a_model(x, categories, units):
    assert Data("mine", x, categories=categories).visible == units


def test_split_keeps_the_order_without_a_seed():
    x = np.arange(10)
    train, validation, test = split(x, 3, 2)
    np.testing.assert_array_equal(train, x[:5])
    np.testing.assert_array_equal(validation, x[5:8])
    np.testing.assert_array_equal(test, x[8:])
    assert split(x)[1:] == (None, None)


def test_split_shuffles_by_the_seed():
    x = np.arange(100)
    parts = split(x, 30, 20, seed=1)
    assert [len(part) for part in parts] == [50, 30, 20]
    shuffled = np.concatenate(parts)
    np.testing.assert_array_equal(np.sort(shuffled), x)
    np.testing.assert_array_equal(
        np.concatenate(split(x, 5, 0, 1)[:2]), shuffled
    )
    assert (shuffled != x).any()
    assert (np.concatenate(split(x, 30, 20, seed=2)) != shuffled).any()


def test_split_is_the_same_for_ever():
    np.testing.assert_array_equal(
        split(np.arange(6), seed=0)[0], [3, 2, 1, 0, 4, 5]
    )


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"validation_size": -1}, "`validation_size` must be an integer"),
        ({"test_size": 0.5}, "`test_size` must be an integer"),
        ({"seed": -1}, "`seed` must be an integer"),
        ({"validation_size": 4, "test_size": 2}, "at least one of 6 examples"),
    ],
)
def test_split_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        split(np.arange(6), **kwargs)


def test_intensities_are_units_of_255_or_those_of_the_picture():
    train = np.array([[255, 0, 51], [0, 0, 255]], np.uint8)
    plain = Data("mine", train).intensities(train)
    np.testing.assert_allclose(plain, train / 255, rtol=1e-6)
    picture = Picture(np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 5.0]]))
    data = Data("mine", train, image_shape=(1, 2), picture=picture)
    np.testing.assert_allclose(data.intensities(train), [[1, 1], [0, 5]])
    spins = Data("mine", np.array([[-1, 1], [1, 1]]))
    means = np.array([[-1.0, 0.0]])
    np.testing.assert_allclose(spins.intensities(means), [[0.0, 0.5]])


def test_the_image_shape_must_fit_the_picture():
    picture = Picture(np.ones((3, 2)))
    with pytest.raises(ValueError, match="image_shape"):
        Data("mine", np.ones((4, 3)), image_shape=(1, 3), picture=picture)


def test_it_is_short_in_a_notebook():
    x = np.zeros((1000, 7), "float32")
    found = Data("a <name>", x, test=x[:4])
    assert repr(found) == (
        "Data('a <name>', train=<float32 1000 x 7>, test=<float32 4 x 7>)"
    )
    page = found._repr_html_()
    assert "a &lt;name&gt;" in page
    assert "<td>1000</td><td>7</td>" in page
    assert "validation" not in page
    assert len(page) < 500


def test_it_prints_its_splits_and_what_suits_them():
    x = np.ones((1500, 6), "int8")
    found = Data("spins", x, test=-x[:20], image_shape=(2, 3))
    assert str(found) == (
        "spins: 1,520 examples, 1,500 to train on, 20 for the test\n"
        "6 columns, pictures of 2 x 3 pixels, visible units Spin(size=6)"
    )


@pytest.mark.parametrize(
    ("x", "categories", "lines"),
    [
        ([[-1, 1], [1, 1]], None, ["-1,1", "1,1"]),
        ([[0.5, 1.25], [1, 1]], None, ["0.5,1.25", "1,1"]),
        ([[0, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 0]], 3, ["1,0", "2,1"]),
    ],
)
def test_examples_as_rows_of_a_file(tmp_path, x, categories, lines):
    found = Data("x", np.asarray(x, "float32"), categories=categories)
    path = tmp_path / "samples.csv"
    found.write_csv(x, path)
    assert path.read_text().splitlines() == ["column_0,column_1", *lines]
    with pytest.raises(ValueError, match=r"`x` must have shape \(rows, "):
        found.write_csv(np.zeros((2, 7)), path)


def test_positions_are_integers_one_a_site():
    train = np.tile(np.eye(3, dtype="float32"), (2, 2))
    kept = Data("mine", train, categories=3, positions=[4, 9])
    np.testing.assert_array_equal(kept.positions, [4, 9])
    for wrong in ([4], [4.0, 9.0], np.ones((2, 1), int)):
        with pytest.raises(ValueError, match="`positions` must hold 2 integ"):
            Data("mine", train, categories=3, positions=wrong)


def test_data_of_a_table_have_the_units_of_its_schema():
    bits = Data("bits", np.eye(4, dtype="float32"))
    assert bits.visible == Bernoulli(4)
    frame = pandas.DataFrame({"a": [0, 1] * 9, "b": ["x", "y", "y"] * 6})
    assert table(frame).visible == Bernoulli(2)
    mixed = table(frame.assign(c=["x", "y", "z"] * 6))
    assert mixed.visible == mixed.schema.units
    assert mixed.visible.width == 5
    with pytest.raises(ValueError, match="`schema` must be of the width"):
        Data("wrong", bits.train, schema=mixed.schema)


def test_names_with_line_breaks_stay_in_their_line():
    found = table(
        pandas.DataFrame({"a\nb": [0.5, None, 1.5, 2.5], "": [1, 0, 1, 0]}),
        missing="nan",
    )
    lines = str(found).splitlines()
    assert lines[-1] == r"missing entries: 'a\nb' 1"
    assert any(line.startswith("'' ") for line in lines)


@pytest.mark.parametrize(
    "form", [pandas.DataFrame, sparse.csr_array, np.ndarray.tolist]
)
def test_some_rows_of_other_forms(form):
    x = np.random.default_rng(0).random((30, 40))
    for count in (7, 30):
        np.testing.assert_array_equal(some(form(x), count), some(x, count))


def test_some_of_a_series_are_those_of_its_array():
    texts = np.array(list("abcdefgh"))
    np.testing.assert_array_equal(some(pandas.Series(texts), 3), some(texts, 3))


@pytest.mark.parametrize("make", [data.whitened, data.counts, data.categorical])
def test_sparse_data_are_converted_as_dense_ones_are(make):
    x = (np.random.default_rng(0).random((30, 4)) < 0.4).astype("float32")
    dense, thin = (
        make(Data("x", kind(x[:20]), test=kind(x[20:])), 2)
        for kind in (np.asarray, sparse.csr_array)
    )
    for one, other in ((dense.train, thin.train), (dense.test, thin.test)):
        np.testing.assert_array_equal(one, other)
