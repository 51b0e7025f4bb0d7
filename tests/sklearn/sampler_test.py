import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from keras_rbm import samplers
from keras_rbm.sklearn import RBMSampler
from tests import eager

CENTRES = np.array([[0.0, 0.0, 0.0], [6.0, 6.0, 0.0], [0.0, 6.0, 6.0]])


def clusters(count=600):
    """Three clusters far apart, the last one with a tenth of the rows."""
    kind = np.repeat([0, 1, 2], [7 * count // 10, count // 5, count // 10])
    noise = np.random.default_rng(0).normal(size=(count, 3))
    return (CENTRES[kind] + noise).astype("float32")


@pytest.fixture(scope="module")
def fitted():
    return RBMSampler(8, updates=2000, random_state=0).fit(clusters())


@pytest.mark.slow
@parametrize_with_checks([RBMSampler(n_components=3, updates=2, num_sweeps=2)])
def test_scikit_learns_own_checks(estimator, check):
    # Each check has a shape of its own: a compilation for a few calls.
    with eager.functions():
        check(estimator)


def test_samples_are_rows_of_the_same_kind(fitted):
    x = clusters()
    found = fitted.sample(1000, random_state=1)
    assert found.shape == (1000, 3)
    assert found.dtype == x.dtype
    # A mean of 1000 rows of deviations up to 3.
    np.testing.assert_allclose(
        found.mean(axis=0), x.mean(axis=0), rtol=0, atol=5 * 3 / np.sqrt(1000)
    )
    distance = np.linalg.norm(found[:, None] - CENTRES, axis=2)
    share = np.bincount(distance.argmin(axis=1), minlength=3) / 1000
    # From noise, half of the chains end in the rare cluster.
    np.testing.assert_allclose(share, [0.7, 0.2, 0.1], rtol=0, atol=0.08)
    # No training row, and none twice.
    gap = np.abs(found[:, None] - x[None]).max(axis=2).min(axis=1)
    assert gap.min() > 0
    assert len(np.unique(found, axis=0)) == 1000


def test_draws_depend_on_random_state(fitted):
    one, other = (fitted.sample(5, random_state=s) for s in (0, 1))
    assert np.any(one != other)
    np.testing.assert_array_equal(fitted.sample(5, random_state=0), one)
    copies = [pickle.loads(pickle.dumps(fitted)) for _ in range(2)]
    first, second = ([c.sample(5) for _ in range(2)] for c in copies)
    np.testing.assert_array_equal(first, second)
    assert np.any(first[0] != first[1])


def test_more_samples_than_chains(fitted):
    few = pickle.loads(pickle.dumps(fitted))
    few.chains_ = few.chains_[:3]
    assert len(np.unique(few.sample(7, random_state=0), axis=0)) == 7


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_data_frame_gives_a_data_frame(library):
    frames = pytest.importorskip(library)
    new = frames.table if library == "pyarrow" else frames.DataFrame
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b"], 100)
    frame = new(
        {
            "kind": kind,
            "children": rng.integers(0, 4, 100),
            "size": rng.normal(size=100) + 3 * (kind == "a"),
        }
    )
    sampler = RBMSampler(2, updates=50, num_sweeps=3, random_state=0)
    found = sampler.fit(frame).sample(20)
    assert type(found) is type(frame)
    assert found.shape == (20, 3)
    if library == "pyarrow":
        assert found.schema == frame.schema
    else:
        assert list(found.columns) == list(frame.columns)
        assert list(found.dtypes) == list(frame.dtypes)
    assert set(np.asarray(found["kind"])) <= {"a", "b"}
    assert set(np.asarray(found["children"])) <= {0, 1, 2, 3}


@pytest.mark.parametrize(
    "argument",
    [{"num_sweeps": 0}, {"sampler": "gibbs"}, {"updates": -1}],
    ids=lambda argument: "".join(argument),
)
def test_bad_arguments(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"`{name}`.*Received: {name}="):
        RBMSampler(2, **argument).fit(clusters(20))


def test_bad_numbers_of_samples(fitted):
    with pytest.raises(ValueError, match="`n_samples`"):
        fitted.sample(0)


@pytest.mark.slow
def test_another_sampler(fitted):
    tempered = clone(fitted).set_params(
        sampler=samplers.Tempered(2), updates=2, num_sweeps=2
    )
    assert tempered.fit(clusters(20)).sample(4).shape == (4, 3)


def test_no_sparse_column_of_a_data_frame_is_lost():
    pandas = pytest.importorskip("pandas")
    kind = list("abcabbca") * 5
    frame = pandas.get_dummies(kind, sparse=True)
    sampler = RBMSampler(2, updates=0, num_sweeps=2, random_state=0)
    found = sampler.fit(frame).sample(4)
    assert list(found.columns) == ["a", "b", "c"]
    assert list(found.dtypes) == ["bool"] * 3
