import numpy as np
import pytest
from scipy import sparse

from keras_rbm.sklearn import rows


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_parts_are_all_rows_in_order(kind):
    x = np.random.default_rng(0).random((10, 3))
    parts = list(rows.parts(kind(x), 4))
    assert [first for first, _ in parts] == [0, 4, 8]
    np.testing.assert_array_equal(np.concatenate([v for _, v in parts]), x)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_each_row_comes_once_before_any_comes_again(kind):
    x = np.arange(1, 11.0)[:, None]
    fill = rows.batches(kind(x), 3, np.random.RandomState(0))
    block = np.zeros((7, 3, 1))
    seen = []
    for count in (1, 7, 2, 5, 5):  # 60 rows: six orders of all.
        fill(block, count)
        seen.append(block[:count].ravel().copy())
    orders = np.concatenate(seen).reshape(6, 10)
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), x[:, 0])
    assert len(np.unique(orders, axis=0)) == 6


def test_checksums_are_those_of_values():
    x = np.random.default_rng(0).random((50, 4)).astype("float32")
    found = rows.checksums(x)
    assert len(set(found)) == 50
    order = np.random.default_rng(1).permutation(50)
    np.testing.assert_array_equal(rows.checksums(x[order]), found[order])
    for same in (x.astype("float64"), np.asfortranarray(x)):
        np.testing.assert_array_equal(rows.checksums(same), found)
    np.testing.assert_array_equal(rows.checksums(sparse.csr_array(x)), found)
    zero = np.zeros((1, 4))
    assert rows.checksums(zero) == rows.checksums(-zero)


def test_parts_are_bounded_by_numbers():
    wide = sparse.csr_array((500, 50_000))
    found = [(first, part.shape) for first, part in rows.parts(wide)]
    assert found[0] == (0, (83, 50_000))
    assert sum(shape[0] for _, shape in found) == 500
    narrow = np.zeros((2500, 3))
    assert [len(part) for _, part in rows.parts(narrow)] == [1000, 1000, 500]
    assert [len(part) for _, part in rows.parts(narrow, 2000)] == [2000, 500]
    wider = sparse.csr_array((2, 10_000_000))
    assert [first for first, _ in rows.parts(wider)] == [0, 1]
