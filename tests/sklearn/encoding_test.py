import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator

from keras_rbm import data, units
from keras_rbm.sklearn import RBMTransformer, encoding, filling, rows

# A bit, real columns of size 100, and a constant.
X = np.array(
    [[1.0, 100.0, 7.0, -3.0], [0.0, 130.0, 7.0, 1.0], [1.0, 160.0, 7.0, 2.0]]
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_columns_are_bits_or_standardized(kind, dtype):
    x = kind(X.astype(dtype))
    encoder = encoding.Columns(x)
    assert encoder.units == units.Composite(
        units.Bernoulli(1), units.Gaussian(2)
    )
    encoded = encoder.encode(x)
    assert encoded.shape == (3, 3)
    states = rows.dense(encoded, slice(None))
    assert states.dtype == dtype
    np.testing.assert_array_equal(states[:, 0], X[:, 0])
    # Sums of three numbers of size 1.
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(states[:, 1:].mean(axis=0), 0, atol=3 * eps)
    np.testing.assert_allclose(states[:, 1:].std(axis=0), 1, atol=3 * eps)
    found = encoder.decode(states)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, X, rtol=3 * eps, atol=9 * eps)


def test_moments_do_not_depend_on_the_parts(monkeypatch):
    x = 1e6 + np.random.default_rng(0).normal(size=(500, 2))
    whole = encoding.Columns(x)
    monkeypatch.setattr("keras_rbm.rows.in_part", lambda x: 7)
    parts = encoding.Columns(x)
    for encoder in (whole, parts):
        states = rows.dense(encoder.encode(x), slice(None))
        # Means of size 1e6 in float64.
        np.testing.assert_allclose(states.std(axis=0), 1, atol=1e-6)


def rounded(size):
    """A real column beside one that varies by rounding errors alone."""
    rng = np.random.default_rng(0)
    noise = np.where(rng.random(90) < 0.5, 0.1 + 0.2, 0.3)
    return np.column_stack([rng.normal(size=90), size * noise])


@pytest.mark.parametrize("size", [1, -1e3, 1e100])
@pytest.mark.parametrize("kind", [encoding.Columns, encoding.Holed])
def test_rounding_errors_are_no_variation(kind, size):
    x = rounded(size)
    encoder = kind(x)
    assert encoder.units == units.Gaussian(1)
    one, other = (encoder.encode(y)[:] for y in (x[:1], x[:1] * [1, 1.01]))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(encoder.decode(one), x[:1], rtol=1e-6)
    # A difference larger than rounding errors counts, however small it is.
    x[:, 1] += 1e-9 * size * x[:, 0]
    assert kind(x).units == units.Gaussian(2)


def test_rows_that_differ_by_rounding_errors_are_equal():
    with pytest.raises(ValueError, match="and 1 constant columns"):
        encoding.Columns(rounded(1.0)[:, 1:])


@pytest.mark.parametrize("size", [1e200, 1e308, 1e-200])
@pytest.mark.parametrize("kind", [encoding.Columns, encoding.Holed])
def test_a_variance_that_is_no_float64_is_refused(kind, size):
    x = rounded(1.0)
    x[:, 1] = size * (x[:, 0] / np.abs(x[:, 0]).max())
    with pytest.raises(ValueError, match=r"X\[:, 1\] from -"):
        kind(x)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_of_numbers_is_an_array_unless_it_is_asked_for(library):
    library = pytest.importorskip(library)
    estimator = BaseEstimator()
    numbers = library.DataFrame({"a": [True, False], "b": [0.5, 0.25]})
    mixed = library.DataFrame({"a": ["x", "y", "x"], "b": [0.5, 0.25, 1.5]})
    found, x = encoding.fitted(estimator, numbers, None)
    assert found.units == units.Bernoulli(2)
    np.testing.assert_array_equal(x, [[1, 0.5], [0, 0.25]])
    for visible_units in (None, "auto"):
        found, x = encoding.fitted(estimator, mixed, visible_units)
        assert isinstance(found, encoding.Table)
        assert x.shape == (3, 2)
        assert list(found.decode(x)["a"]) == ["x", "y", "x"]
    with pytest.raises(ValueError, match="could not convert"):
        encoding.fitted(estimator, mixed, units.Bernoulli)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("visible_units", [None, "auto"])
def test_columns_are_found_by_their_names(library, visible_units):
    library = pytest.importorskip(library)
    new = getattr(library, "DataFrame", None) or library.table
    rng = np.random.default_rng(0)
    columns = {name: rng.random(9) for name in "abc"}
    estimator = RBMTransformer(visible_units=visible_units)
    estimator.encoder_, x = encoding.fitted(
        estimator, new(columns), visible_units
    )
    assert list(estimator.feature_names_in_) == ["a", "b", "c"]
    turned = new({name: columns[name] for name in "cab"})
    np.testing.assert_array_equal(encoding.encoded(estimator, turned), x)
    wrong = new({name: columns[name.lower()] for name in "aBc"})
    words = (
        r"unseen at fit time:\n- B\n(.|\n)*yet now missing:\n- b"
        if visible_units is None
        else "no 'b' and unknown 'B'"
    )
    with pytest.raises(ValueError, match=words):
        encoding.encoded(estimator, wrong)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_columns_without_names_are_in_the_order_of_fit(library):
    """A schema may have another order, and further columns that it drops."""
    module = pytest.importorskip(library)
    new = getattr(module, "DataFrame", None) or module.table
    numbers = np.random.default_rng(0).normal(size=(20, 3))
    frame = new(dict(zip("bac", numbers.T, strict=True)))
    kinds = {
        "gone": data.Dropped(),
        "c": data.Dropped(),
        "a": data.Real(),
        "b": data.Real(),
    }
    for given in ("auto", data.Schema(kinds)):
        found, x = encoding.fitted(BaseEstimator(), frame, given)
        for same in (numbers, sparse.csr_array(numbers)):
            np.testing.assert_array_equal(found.encode(same), x)
        own = found.named(numbers)
        assert type(own) is type(frame)
        np.testing.assert_array_equal(filling.to_array(own), numbers)


@pytest.mark.parametrize("names", [[0, 1, 2], [2020, 2019, 2021]], ids=str)
def test_columns_named_by_integers_are_in_the_order_of_fit(names):
    pandas = pytest.importorskip("pandas")
    numbers = np.random.default_rng(0).normal(size=(20, 3))
    frame = pandas.DataFrame(numbers, columns=names)
    found, x = encoding.fitted(BaseEstimator(), frame, "auto")
    np.testing.assert_array_equal(found.encode(numbers), x)
    assert list(found.named(numbers).columns) == names


def test_encoders_of_earlier_versions_are_unpickled():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.arange(8.0).reshape(4, 2), columns=["b", "a"])
    found, x = encoding.fitted(BaseEstimator(), frame, "auto")
    del found.names
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.encode(frame.to_numpy()), x)


@pytest.mark.parametrize("names", [range(3), [2019, 2021, 2020]], ids=str)
@pytest.mark.parametrize("visible_units", [None, units.Gaussian, "auto"])
def test_columns_are_found_by_integers(names, visible_units):
    pandas = pytest.importorskip("pandas")
    columns = np.random.default_rng(0).random((9, 3))
    frame = pandas.DataFrame(columns, columns=np.array(names))
    estimator = RBMTransformer(visible_units=visible_units)
    estimator.encoder_, x = encoding.fitted(estimator, frame, visible_units)
    assert not hasattr(estimator, "feature_names_in_")
    turned = frame[list(names)[::-1]]
    np.testing.assert_array_equal(encoding.encoded(estimator, turned), x)
    np.testing.assert_array_equal(encoding.encoded(estimator, columns), x)
    words = "absent columns" if visible_units != "auto" else "no 20|no 0"
    with pytest.raises(ValueError, match=words):
        encoding.encoded(estimator, frame.rename(columns=lambda i: i + 1))
    if visible_units != "auto":
        # The names of an array that was made a data frame say nothing.
        plain = pandas.DataFrame(columns)
        np.testing.assert_array_equal(encoding.encoded(estimator, plain), x)
        with pytest.raises(ValueError, match="features"):
            encoding.encoded(estimator, plain[[0, 1]])
        # The names of a former data frame are forgotten.
        encoding.fitted(estimator, columns, visible_units)
        found = encoding.encoded(estimator, turned)
        np.testing.assert_array_equal(found, columns[:, ::-1])


def sparse_frames():
    pandas = pytest.importorskip("pandas")
    x = np.array([[1.0, 0, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])
    plain = pandas.DataFrame(x, columns=list("abc"))

    def filled_by(value, dtype="float64"):
        return plain.astype(dtype).astype(pandas.SparseDtype(dtype, value))

    return x, {
        "zeros": filled_by(0.0),
        "ones": filled_by(1.0),
        "nan": filled_by(np.nan),
        "bool": filled_by(False, "bool"),
        "integers": filled_by(0, "uint8"),
        "mixed": plain.assign(b=filled_by(0.0)["b"]),
    }


@pytest.mark.parametrize(
    "kind", ["zeros", "ones", "nan", "bool", "integers", "mixed"]
)
@pytest.mark.parametrize("visible_units", [None, units.Bernoulli, "auto"])
def test_sparse_columns_of_pandas_hold_numbers(kind, visible_units):
    x, examples = sparse_frames()
    frame = examples[kind]
    estimator = RBMTransformer(visible_units=visible_units)
    found, states = encoding.fitted(estimator, frame, visible_units)
    assert isinstance(found, encoding.Table) == (visible_units == "auto")
    assert found.units == units.Bernoulli(3)
    # Where zeros are left out, the whole matrix never becomes dense.
    assert sparse.issparse(states) == (
        visible_units != "auto" and kind in ("zeros", "bool", "integers")
    )
    assert states.dtype.kind == "f"
    np.testing.assert_array_equal(rows.dense(states, slice(None)), x)
    estimator.encoder_ = found
    for same in (frame[list("cab")], encoding.dense_frame(frame)):
        again = encoding.encoded(estimator, same)
        np.testing.assert_array_equal(rows.dense(again, slice(None)), x)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
def test_masked_entries_are_missing(dtype):
    masked = np.ma.array(X.astype(dtype), mask=X > 99)

    def validated(x, **options):
        return encoding.validated(BaseEstimator(), x, True, **options)

    kept = "float32" if dtype == "float32" else "float64"
    found = validated(masked, dtype=kept, ensure_all_finite="allow-nan")
    assert found.dtype == kept
    np.testing.assert_array_equal(
        found, np.where(X > 99, np.nan, X.astype(dtype))
    )
    for visible_units in (units.Gaussian, "auto"):
        with pytest.raises(ValueError, match="Received: X with 3 masked"):
            encoding.fitted(BaseEstimator(), masked, visible_units)
    # Without masked entries, a masked array is an array.
    np.testing.assert_array_equal(validated(np.ma.array(X)), X)


def test_frames_without_sparse_columns_stay_as_they_are():
    polars = pytest.importorskip("polars")
    pandas = pytest.importorskip("pandas")
    for frame in (polars.DataFrame({"a": [1]}), pandas.DataFrame({"a": [1]})):
        assert encoding.dense_frame(frame) is frame
    assert encoding.dense_frame(X) is X
