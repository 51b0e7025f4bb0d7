"""Rows that are made dense a part at a time."""

import h5py
import numpy as np
import pytest
from scipy import sparse

from keras_rbm import rows

X = np.random.default_rng(0).normal(size=(10, 3))


@pytest.fixture(params=["sparse", "on_disk", "hdf5"])
def lazy(request, tmp_path):
    if request.param == "sparse":
        return rows.of("x", sparse.coo_matrix(X))
    if request.param == "hdf5":
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["x"] = X
        return rows.of("x", h5py.File(tmp_path / "x.h5")["x"])
    np.save(tmp_path / "x.npy", X)
    return rows.of("x", np.load(tmp_path / "x.npy", mmap_mode="r"))


def test_rows_are_those_of_the_matrix(lazy):
    assert (lazy.shape, lazy.dtype, lazy.size) == ((10, 3), X.dtype, 30)
    for some in (slice(2, 5), [3, 3, 0], np.arange(9, 0, -2)):
        np.testing.assert_array_equal(lazy[some], X[some])
        np.testing.assert_array_equal(lazy.subset(some), X[some])
    again = lazy.subset(slice(4, None)).subset([1, 0])
    np.testing.assert_array_equal(again, X[[5, 4]])
    np.testing.assert_array_equal(np.asarray(lazy), X)
    assert repr(lazy) == "<Rows of float64, 10 x 3>"


def test_single_rows(lazy):
    np.testing.assert_array_equal(list(lazy), X)
    for row in (0, 9, np.int64(-1), -10):
        np.testing.assert_array_equal(lazy[row], X[row])
    for row in (10, -11):
        with pytest.raises(IndexError):
            lazy[row]


def test_rows_in_another_dtype(lazy):
    found = lazy.floats(slice(2, 9), "float32")
    np.testing.assert_array_equal(found, X[2:9].astype("float32"))


def test_columns_beside_them(lazy):
    y = np.eye(10)[:, :2]
    found = lazy.beside(y)
    np.testing.assert_array_equal(found, np.hstack([X, y]))
    assert found.dtype == "float64"


def test_rows_are_drawn_from_all(lazy):
    drawn = rows.drawn(lazy, 4)
    (index, columns) = (drawn[:, None] == X).all(axis=2).nonzero()
    np.testing.assert_array_equal(index, range(4))
    assert (np.diff(columns) > 0).all()
    assert columns[-1] > 4
    np.testing.assert_array_equal(rows.drawn(X, 4), drawn)
    np.testing.assert_array_equal(rows.drawn(lazy, 10), X)


def test_other_things_are_left_alone():
    for x in (X, None, "x", [[1]]):
        assert rows.of("x", x) is x


def test_what_does_not_fit_into_memory_is_not_made_dense():
    huge = rows.of("x", sparse.csr_array((10**6, 10**9)))
    with pytest.raises(ValueError, match="must fit into memory"):
        np.asarray(huge)
