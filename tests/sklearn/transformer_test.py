import pickle

import joblib
import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import keras_rbm
from keras_rbm import RBM, units
from keras_rbm.sklearn import RBMTransformer
from tests import eager

WIDTH, HIDDEN = 6, 4
SMALL = {"n_components": HIDDEN, "n_iter": 3, "random_state": 0}


def examples(count=45, seed=0):
    """Two halves that are alike, so that there is something to learn."""
    bits = np.random.default_rng(seed).random((count, WIDTH // 2)) < 0.4
    return np.concatenate([bits, bits], axis=1).astype("float64")


@pytest.fixture(scope="module")
def fitted():
    return RBMTransformer(**SMALL).fit(examples())


# Random numbers of any range are what the checks bring.
@pytest.mark.filterwarnings("ignore:`X` should hold values:UserWarning")
@pytest.mark.filterwarnings("ignore:The hidden means of:UserWarning")
@parametrize_with_checks([RBMTransformer(n_components=3, n_iter=2)])
def test_scikit_learns_own_checks(estimator, check):
    with eager.functions():  # Each check would compile programs of its own.
        check(estimator)


def test_the_shared_arguments_are_those_of_bernoulli_rbm():
    theirs, ours = BernoulliRBM().get_params(), RBMTransformer().get_params()
    assert theirs == {name: ours[name] for name in theirs}
    assert list(theirs) == [n for n in ours if n in theirs]
    # By position too, and the others by name alone.
    assert RBMTransformer(7).n_components == 7
    with pytest.raises(TypeError):
        RBMTransformer(7, 0.1)


def test_the_shared_attributes_are_those_of_bernoulli_rbm(fitted):
    theirs = BernoulliRBM(**SMALL).fit(examples())
    for name in (
        "components_",
        "intercept_hidden_",
        "intercept_visible_",
        "n_features_in_",
    ):
        assert np.shape(getattr(fitted, name)) == np.shape(
            getattr(theirs, name)
        )
    names = fitted.get_feature_names_out()
    assert list(names) == [f"rbmtransformer{i}" for i in range(HIDDEN)]


def like(fitted, x):
    """A `BernoulliRBM` of the same parameters."""
    theirs = BernoulliRBM(**SMALL).fit(x)
    theirs.components_ = fitted.components_.astype(x.dtype)
    theirs.intercept_hidden_ = fitted.intercept_hidden_.astype(x.dtype)
    theirs.intercept_visible_ = fitted.intercept_visible_.astype(x.dtype)
    return theirs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_features_are_those_of_bernoulli_rbm(fitted, dtype):
    x = examples(2500).astype(dtype)  # More rows than are taken at once.
    found = fitted.transform(x)
    assert found.dtype == dtype
    # Inputs up to about 4, a slope of 1/4, a sum of WIDTH products.
    atol = 4 * WIDTH * np.finfo(dtype).eps
    expected = like(fitted, x).transform(x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def test_scores_are_those_of_bernoulli_rbm(fitted):
    x = np.unique(examples(), axis=0)
    estimator = clone(fitted).fit(examples())
    ours = np.stack(
        [
            estimator.set_params(random_state=i).score_samples(x)
            for i in range(60)
        ]
    )
    # A score is that of one site, as theirs is, in float64.
    possible = WIDTH * log_conditionals(like(fitted, x), x)
    distance = np.abs(ours[..., None] - possible)
    assert distance.min(axis=-1).max() < 1e3 * WIDTH * np.finfo(float).eps
    # Each site of a row has the same chance: over seeds the mean is the
    # pseudo-log-likelihood, within standard errors. The largest of some 30
    # normal numbers stays below 4.
    exact = fitted.model_.pseudo_log_likelihood(x)
    error = possible.std(axis=1) / np.sqrt(len(ours))
    np.testing.assert_array_less(np.abs(ours.mean(axis=0) - exact), 4 * error)


def log_conditionals(rbm, x):
    """log p(v_i | v_-i) by free energies of NumPy, `(examples, sites)`."""

    def free_energy(v):
        inputs = v @ rbm.components_.T + rbm.intercept_hidden_
        return -v @ rbm.intercept_visible_ - np.logaddexp(0, inputs).sum(1)

    columns = []
    for site in range(x.shape[1]):
        other = x.copy()
        other[:, site] = 1 - other[:, site]
        gap = free_energy(x) - free_energy(other)
        columns.append(-np.logaddexp(0, gap))
    return np.stack(columns, axis=1)


def test_an_update_is_that_of_the_model():
    x = examples(10).astype("float32")
    chain = keras_rbm.PersistentChain(7)
    estimator = RBMTransformer(
        **SMALL, centered=True, momentum=0.5, chain=chain
    )
    estimator.partial_fit(x)
    config = estimator.model_.get_config()
    for _ in range(3):
        estimator.partial_fit(x)
    model = RBM.from_config(config)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.5))
    model.adapt(x)
    for _ in range(4):
        model.train_on_batch(x)
    # Two compilations of one update: a few roundings of numbers of size 1.
    np.testing.assert_allclose(
        estimator.components_, model.kernel.numpy().T, rtol=0, atol=1e-6
    )
    particles = estimator.model_.chain.particles
    np.testing.assert_array_equal(particles, model.chain.particles)
    assert int(estimator.model_.updates) == 4


@pytest.fixture
def uncompiled():
    """For estimators of several shapes, each with programs of its own."""
    with eager.functions():
        yield


def test_a_chain_of_its_own_has_the_size_of_a_batch(uncompiled):
    x = examples(10)
    few, all_of_them = (
        RBMTransformer(**SMALL | {"batch_size": size}).fit(x)
        for size in (4, 10**9)
    )
    assert type(few.model_.chain) is keras_rbm.PersistentChain
    assert few.model_.chain.num_chains == 4
    assert all_of_them.model_.chain.num_chains == 10
    updated = RBMTransformer(**SMALL | {"batch_size": 4}).partial_fit(x)
    assert updated.model_.chain.num_chains == 4
    # The chains go on from a pickle as they would without.
    again = pickle.loads(pickle.dumps(updated)).partial_fit(x)
    updated.partial_fit(x)
    np.testing.assert_array_equal(
        again.model_.chain.particles, updated.model_.chain.particles
    )
    np.testing.assert_array_equal(again.components_, updated.components_)


def test_fit_depends_on_random_state_alone(fitted):
    x = examples()
    again = RBMTransformer(**SMALL).fit(x)
    np.testing.assert_array_equal(again.components_, fitted.components_)
    other = clone(fitted).set_params(random_state=1).fit(x)
    assert np.any(other.components_ != fitted.components_)
    # A generator goes on, and so gives another model.
    state = np.random.RandomState(0)
    first = RBMTransformer(**SMALL | {"random_state": state}).fit(x)
    np.testing.assert_array_equal(first.components_, fitted.components_)
    second = RBMTransformer(**SMALL | {"random_state": state}).fit(x)
    assert np.any(second.components_ != fitted.components_)


def test_what_is_sparse_or_of_another_dtype_is_learned_alike(fitted):
    x = examples()
    for same in (sparse.csr_array(x), sparse.csc_matrix(x), x.astype("uint8")):
        found = RBMTransformer(**SMALL).fit(same)
        np.testing.assert_array_equal(found.components_, fitted.components_)
        np.testing.assert_allclose(
            found.score_samples(same), fitted.score_samples(x), rtol=1e-12
        )
        np.testing.assert_array_equal(
            found.transform(same), fitted.transform(x)
        )


def test_it_learns_what_there_is_to_learn():
    """Each bit is that of the other half: a third of the entropy is spared."""
    x = examples(500)
    estimator = RBMTransformer(
        n_components=8, n_iter=60, learning_rate=0.3, random_state=0
    ).fit(x)
    score = estimator.model_.pseudo_log_likelihood(examples(500, seed=1)).mean()
    alone = WIDTH * (0.4 * np.log(0.4) + 0.6 * np.log(0.6))
    assert score > alone / 2


def test_partial_fit_goes_on(fitted):
    x = examples()
    estimator = RBMTransformer(**SMALL).fit(x)
    assert estimator.partial_fit(x[:10]) is estimator
    assert int(estimator.model_.updates) == 3 * 5 + 1
    before = estimator.components_
    estimator.set_params(learning_rate=1e-9).partial_fit(x[:10])
    step = np.abs(estimator.components_ - before).max()
    # The change is at most the learning rate, but for rounding.
    assert step <= 1e-9 + np.finfo("float32").eps * np.abs(before).max()


def test_pickles_go_on_to_the_last_bit(fitted, tmp_path):
    x = examples()
    again = pickle.loads(pickle.dumps(fitted))
    joblib.dump(fitted, tmp_path / "model.joblib")
    for copy in (again, joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(copy.transform(x), fitted.transform(x))
    mine = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(mine.gibbs(x), again.gibbs(x))
    for copy in (mine, again):
        copy.partial_fit(x[:10])
        copy.partial_fit(x[10:20])
    np.testing.assert_array_equal(mine.components_, again.components_)


def test_gibbs_draws_states(fitted):
    x = examples(2500)
    estimator = pickle.loads(pickle.dumps(fitted))
    v = estimator.gibbs(x)
    assert v.shape == x.shape
    assert v.dtype == x.dtype
    assert set(np.unique(v)) == {0, 1}
    assert np.any(estimator.gibbs(x) != v)
    # Rows have draws of their own, also those that are equal.
    assert len(np.unique(estimator.gibbs(np.tile(x[:1], (200, 1))), axis=0)) > 5


def test_verbose_prints_a_line_for_each_iteration(capsys):
    RBMTransformer(**SMALL, verbose=1).fit(examples())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("[RBMTransformer] Iteration 1, pseudo-like")


def test_verbose_changes_nothing(fitted, capsys):
    found = RBMTransformer(**SMALL, verbose=1).fit(examples())
    np.testing.assert_array_equal(found.components_, fitted.components_)


def test_no_iteration_is_the_start():
    x = examples()
    estimator = RBMTransformer(**SMALL | {"n_iter": 0}).fit(x)
    assert int(estimator.model_.updates) == 0
    mean = x.mean(axis=0)
    # The log-odds of the data, in float32.
    np.testing.assert_allclose(
        estimator.intercept_visible_, np.log(mean / (1 - mean)), rtol=1e-5
    )


def test_a_grid_search_over_a_pipeline():
    x = examples(60)
    estimator = RBMTransformer(**SMALL | {"n_iter": 100})
    pipeline = make_pipeline(MinMaxScaler(clip=True), estimator, LinearSVC())
    grid = {"rbmtransformer__learning_rate": [1e-9, 0.5]}
    search = GridSearchCV(
        pipeline, grid, cv=2, error_score="raise", refit=False
    )
    search.fit(5 * x - 1, x[:, 0])
    assert search.best_params_["rbmtransformer__learning_rate"] == 0.5
    assert search.best_score_ > max(x[:, 0].mean(), 1 - x[:, 0].mean())


def test_pandas_out():
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame(examples(), columns=list("abcdef"))
    estimator = RBMTransformer(**SMALL).set_output(transform="pandas")
    found = estimator.fit_transform(x)
    assert list(found.columns) == list(estimator.get_feature_names_out())
    assert list(estimator.feature_names_in_) == list("abcdef")


def test_the_chain_of_the_user_stays_as_it_is():
    chain = keras_rbm.PersistentChain(7, num_sweeps=2)
    estimator = RBMTransformer(**SMALL, chain=chain)
    for _ in range(2):  # As two folds do.
        fitted = clone(estimator).fit(examples())
        assert fitted.model_.chain is not chain
        assert fitted.model_.fantasy_particles.shape == (7, WIDTH)
    assert not chain.built


def test_units_of_other_types():
    x = np.random.default_rng(0).normal(size=(40, WIDTH))
    estimator = RBMTransformer(
        **SMALL,
        learning_rate=0.01,
        visible_units=units.Gaussian,
        hidden_units=units.Spin,
        verbose=1,  # Without a pseudo-likelihood.
    )
    h = clone(estimator).fit_transform(x)
    assert h.shape == (40, HIDDEN)
    assert h.min() < 0
    with pytest.raises(ValueError, match="list of states"):
        estimator.fit(x).score_samples(x)


def test_values_out_of_range_warn():
    # Here a warning is an error.
    with pytest.raises(UserWarning, match=r"from 0 to 1.*Received: X from"):
        RBMTransformer(**SMALL).fit(2 * examples())
    estimator = RBMTransformer(**SMALL, visible_units=units.Bernoulli)
    with pytest.raises(ValueError, match=r"`X` must hold"):
        estimator.fit(2 * examples())


@pytest.mark.parametrize(
    "argument",
    [
        {"n_components": 0},
        {"learning_rate": 0.0},
        {"learning_rate": "0.1"},
        {"batch_size": 2.5},
        {"n_iter": -1},
        {"n_iter": True},
        {"n_iter": np.bool_(True)},
        {"momentum": np.bool_(False)},
        {"centered": "no"},
        {"momentum": 1.0},
        {"weight_decay": -0.1},
        {"weight_decay": float("nan")},
        {"chain": "pcd"},
        {"visible_units": units.Bernoulli(WIDTH)},
        {"visible_units": lambda size: units.Bernoulli(size + 1)},
        {"hidden_units": lambda size: size},
    ],
    ids=lambda argument: "".join(argument),
)
def test_bad_arguments(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"`{name}`.*Received: {name}="):
        RBMTransformer(**SMALL | argument).fit(examples())


def test_numbers_of_numpy_are_those_of_python():
    x = examples()

    def fitted(integer, number, boolean):
        estimator = RBMTransformer(
            integer(HIDDEN),
            learning_rate=number(0.125),
            batch_size=integer(20),
            n_iter=integer(1),
            random_state=integer(0),
            momentum=number(0.5),
            weight_decay=number(0.25),
            centered=boolean(True),
        )
        with eager.updates(), eager.functions():
            return estimator.fit(x).partial_fit(x)

    estimator = fitted(int, float, bool)
    other = fitted(np.int64, np.float32, np.bool_)
    np.testing.assert_array_equal(other.components_, estimator.components_)
    config = estimator.model_.get_config() | {"name": other.model_.name}
    assert other.model_.get_config() == config
    # As arrays of a grid give them, and as `clone` demands.
    assert isinstance(other.batch_size, np.int64)
    with pytest.raises(ValueError, match="`learning_rate` must be"):
        other.set_params(learning_rate=-1.0).partial_fit(x)


@pytest.mark.filterwarnings("ignore:`X` should hold values:UserWarning")
def test_divergence_is_reported():
    with pytest.raises(ValueError, match="diverged"):
        RBMTransformer(**SMALL | {"learning_rate": 1e38}).fit(1e30 * examples())


def test_parameters_can_be_set_as_those_of_its_model(fitted):
    other = clone(fitted).fit(examples())
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        value = getattr(fitted, name) + 1
        setattr(other, name, value)
        np.testing.assert_array_equal(getattr(other, name), value)
    copy = other.components_
    copy[:] = 0
    assert (other.components_ != 0).all()


# pytest raises again, here, what TensorFlow does within `pytest.warns`.
@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_features_that_have_died_are_warned_of():
    x = (np.random.default_rng(0).random((60, 400)) < 0.5).astype(float)
    with pytest.warns(UserWarning, match=r"RBMTransformer hardly vary.*lower"):
        RBMTransformer(4, learning_rate=1000.0, random_state=0, n_iter=2).fit(x)


def test_a_data_frame_of_mixed_columns(uncompiled):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "kind": rng.choice(["a", "b", "c"], 40),
            "size": 100 + 10 * rng.normal(size=40),
        }
    )
    estimator = RBMTransformer(**SMALL, learning_rate=0.01).fit(frame)
    assert estimator.encoder_.units == units.Composite(
        units.Softmax(1, 3), units.Gaussian(1)
    )
    assert estimator.transform(frame).shape == (40, HIDDEN)
    drawn = estimator.gibbs(frame)
    assert list(drawn.columns) == ["kind", "size"]
    # Real columns of an array are standardized if that is asked for.
    auto = clone(estimator).set_params(visible_units="auto")
    h = auto.fit(frame[["size"]].to_numpy()).transform([[100.0], [120.0]])
    assert auto.encoder_.units == units.Gaussian(1)
    assert h.shape == (2, HIDDEN)


def test_a_data_frame_of_sparse_columns(fitted):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame.sparse.from_spmatrix(sparse.csr_array(examples()))
    found = RBMTransformer(**SMALL).fit(frame)
    np.testing.assert_array_equal(found.components_, fitted.components_)
    np.testing.assert_array_equal(
        found.transform(frame[[5, 4, 3, 2, 1, 0]]), fitted.transform(examples())
    )
