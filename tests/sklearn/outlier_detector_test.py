import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from keras_rbm import data, units
from keras_rbm.sklearn import RBMOutlierDetector
from tests import eager

SMALL = {"n_components": 4, "updates": 300, "random_state": 0}


def mixed(count=120, seed=0):
    """Two real columns of one sign, and a bit that says which."""
    rng = np.random.default_rng(seed)
    bit = rng.random(count) < 0.4
    real = (
        100 + 10 * np.where(bit, 1, -1)[:, None] + rng.normal(size=(count, 2))
    )
    return np.column_stack([real[:, 0], bit, np.full(count, 7.0), real[:, 1]])


@pytest.fixture(scope="module")
def fitted():
    return RBMOutlierDetector(contamination=0.1, **SMALL).fit(mixed())


@pytest.mark.slow
@parametrize_with_checks([RBMOutlierDetector(n_components=3, updates=2)])
def test_scikit_learns_own_checks(estimator, check):
    # Each check has a shape of its own: a compilation for a few calls.
    with eager.functions():
        check(estimator)


def test_scores_are_free_energies(fitted):
    x = mixed(20, seed=1)
    mean, deviation = mixed().mean(axis=0), mixed().std(axis=0)
    z = (x - mean)[:, [0, 3]] / deviation[[0, 3]]
    v = np.column_stack([x[:, 1], z])
    rbm = fitted.model_
    kernel, bias = rbm.kernel.numpy(), rbm.visible_params["bias"].numpy()
    precision = rbm.visible_params["1_precision"].numpy()
    inputs = v @ kernel.astype("float64") + rbm.hidden_params["bias"].numpy()
    expected = (
        v @ bias.astype("float64")
        - (precision * v[:, 1:] ** 2).sum(axis=1) / 2
        + np.logaddexp(0, inputs).sum(axis=1)
    )
    found = fitted.score_samples(x)
    assert found.dtype == "float64"
    # Sums of some ten numbers of size 10, in float64.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(
        fitted.decision_function(x), found - fitted.offset_
    )
    np.testing.assert_array_equal(
        fitted.predict(x), np.where(found < fitted.offset_, -1, 1)
    )


def test_what_contradicts_the_rest_is_an_outlier(fitted):
    """Each column by itself is as in the data."""
    x = mixed(100, seed=2)
    wrong = x.copy()
    wrong[:, 3] = 200 - wrong[:, 3]
    scores = fitted.score_samples(np.concatenate([x, wrong]))
    assert roc_auc_score(np.repeat([1, 0], 100), scores) > 0.95


def test_contamination_is_the_share_of_outliers(fitted):
    x = mixed()
    assert np.mean(fitted.predict(x) == -1) == 0.1
    auto = clone(fitted).set_params(contamination="auto").fit(x)
    first, third = np.percentile(auto.score_samples(x), [25, 75])
    assert auto.offset_ == first - 1.5 * (third - first)
    np.testing.assert_array_equal(auto.fit_predict(x), auto.predict(x))


def test_constant_columns_do_not_count(fitted):
    x = mixed(5)
    other = x.copy()
    other[:, 2] = -3
    np.testing.assert_array_equal(
        fitted.score_samples(other), fitted.score_samples(x)
    )


def test_a_bit_that_is_none_is_warned_of(fitted):
    x = mixed(5)
    x[0, 1] = 3
    with pytest.raises(UserWarning, match=r"Received: X\[:, 1\] from 0 to 3"):
        fitted.score_samples(x)


def test_sparse_rows_are_learned_alike(fitted):
    x = mixed()
    for same in (sparse.csr_array(x), sparse.csc_matrix(x)):
        np.testing.assert_array_equal(
            clone(fitted).fit(same).score_samples(same),
            fitted.score_samples(x),
        )


def test_bits_stay_bits():
    x = (np.random.default_rng(0).random((50, 3)) < 0.5).astype(float)
    x[:, 0] = 0
    detector = RBMOutlierDetector(2, updates=1, random_state=0).fit(x)
    assert detector.encoder_.units == units.Bernoulli(3)
    states = detector.encoder_.encode(x)[:]
    np.testing.assert_array_equal(states, x)
    given = RBMOutlierDetector(
        2, updates=1, random_state=0, visible_units=None
    ).fit(x)
    np.testing.assert_array_equal(
        given.score_samples(x), detector.score_samples(x)
    )


def test_partial_fit_and_pickles_go_on_to_the_last_bit():
    x = mixed()
    detector = RBMOutlierDetector(**SMALL).partial_fit(x)
    copy = pickle.loads(pickle.dumps(detector))
    for each in (detector, copy):
        each.partial_fit(x[:50]).partial_fit(x[50:])
    assert int(copy.model_.updates) == 3
    np.testing.assert_array_equal(
        copy.score_samples(x), detector.score_samples(x)
    )
    assert copy.offset_ == detector.offset_


def test_a_data_frame_goes_by_its_schema():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c"], 200)
    frame = pandas.DataFrame(
        {"kind": kind, "size": rng.normal(size=200) + (kind == "a")}
    )
    detector = RBMOutlierDetector(2, updates=1, random_state=0).fit(frame)
    assert detector.encoder_.units == units.Composite(
        units.Softmax(1, 3), units.Gaussian(1)
    )
    assert list(detector.feature_names_in_) == ["kind", "size"]
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(
        again.predict(frame[:9]), detector.predict(frame[:9])
    )
    np.testing.assert_array_equal(
        detector.predict(frame[["size", "kind"]]), detector.predict(frame)
    )
    renamed = frame.rename(columns={"size": "length"})
    with pytest.raises(ValueError, match="no 'size' and unknown 'length'"):
        detector.predict(renamed)
    with pytest.raises(ValueError, match="'d'"):
        detector.predict(frame[:1].assign(kind="d"))
    # A schema, which `clone` copies, and what changes one.
    schema = data.table(frame).schema
    for given in (schema, {"size": data.Quantiles()}):
        other = clone(detector).set_params(visible_units=given)
        assert clone(other).fit(frame).encoder_.units == (
            detector.encoder_.units
        )
    with pytest.raises(ValueError, match="where `X` is a data frame"):
        other.fit(rng.normal(size=(9, 2)))


@pytest.mark.parametrize(
    "argument",
    [
        {"contamination": 0.0},
        {"contamination": 0.6},
        {"contamination": True},
        {"contamination": "few"},
    ],
    ids=lambda argument: "".join(argument),
)
def test_bad_arguments(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"`{name}`.*Received: {name}="):
        RBMOutlierDetector(**SMALL | argument).fit(mixed())


def test_rows_that_are_alike_are_refused():
    with pytest.raises(ValueError, match="`X` must have rows that differ"):
        RBMOutlierDetector(**SMALL).fit(np.full((9, 2), 3.0))


def test_no_sparse_column_of_a_data_frame_is_lost():
    pandas = pytest.importorskip("pandas")
    kind = list("abcabbca") * 5
    frame = pandas.get_dummies(kind, sparse=True)
    detector = RBMOutlierDetector(2, updates=0, random_state=0).fit(frame)
    assert detector.encoder_.units == units.Bernoulli(3)
    expected = detector.score_samples(pandas.get_dummies(kind))
    np.testing.assert_array_equal(detector.score_samples(frame), expected)
