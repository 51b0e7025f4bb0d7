import keras
import numpy as np
import pytest

from keras_rbm import units
from keras_rbm.sklearn import RBMOutlierDetector, RBMSampler, training
from keras_rbm.sklearn.density import DensityEstimator
from tests import eager


class Learner(DensityEstimator):
    """An estimator that does no more than learn."""

    def fit(self, X, y=None):
        self.states = self._learn(X)
        return self

    def partial_fit(self, X, y=None):
        self.states = self._learn_batch(X)
        return self


# Bits with means of 1/2 and 1/4, and columns of size 100.
X = np.column_stack(
    [
        np.tile([0.0, 1.0], 20),
        np.tile([0.0, 0.0, 0.0, 1.0], 10),
        np.random.default_rng(0).normal(100, 10, (40, 2)),
    ]
)


@pytest.fixture
def update_counts(monkeypatch):
    """The numbers of updates of each call, none of which is made."""
    counts = []

    def updater(model, x, batch_size, rng, most):
        assert batch_size == 8
        return counts.append

    monkeypatch.setattr(training, "updater", updater)
    return counts


@pytest.mark.parametrize("rate", [None, 0.01])
def test_fit_is_one_schedule_over_all_updates(update_counts, rate):
    learner = Learner(3, updates=1200, batch_size=8, learning_rate=rate)
    learner.fit(X)
    assert update_counts == [500, 500, 200]
    z = (X[:, 2:] - X[:, 2:].mean(axis=0)) / X[:, 2:].std(axis=0)
    x = np.column_stack([X[:, :2], z])
    np.testing.assert_allclose(learner.states, x, atol=1e-12)
    optimizer = learner.model_.optimizer
    assert optimizer.span == 1200
    # 0.3 over the largest eigenvalue of the covariance, see `AutoSGD`.
    eigenvalue = np.linalg.eigvalsh(np.cov(x.T, bias=True))[-1]
    expected = 0.3 / eigenvalue if rate is None else rate
    assert float(optimizer.learning_rate) == pytest.approx(expected, rel=1e-3)
    # 8 times a variance of 1/4 or 3/16, or 1 at most: all are 1.
    weaker = (40 / 400) ** 2
    assert float(optimizer.l1) == pytest.approx(weaker * 2 / 40)
    assert float(optimizer.l2) == pytest.approx(weaker * 3 / 40)


def test_the_order_of_the_rows_does_not_choose_the_rate(update_counts):
    x = np.repeat(X[np.argsort(X[:, 0])], 100, axis=0)
    rates = []
    for rows in (x, np.random.default_rng(0).permutation(x)):
        learner = Learner(3, updates=0, batch_size=8).fit(rows)
        rates.append(float(learner.model_.optimizer.learning_rate))
    assert rates[0] == pytest.approx(rates[1], rel=0.05)
    # Each `fit` chooses anew, also with fewer rows.
    few = Learner(3, updates=0, batch_size=8).fit(X[:20]).model_.optimizer
    again = learner.fit(X[:20]).model_.optimizer
    assert float(again.learning_rate) == float(few.learning_rate) != rates[1]


def test_few_rows_do_not_change_the_rate_of_more():
    learner = Learner(3, random_state=0)

    def rate(rows):
        learner.partial_fit(rows)
        return float(learner.model_.optimizer.learning_rate)

    with eager.functions():
        bits = Learner(3, visible_units=units.Bernoulli, random_state=0)
        bits.partial_fit(np.ones((1, 40)))
        # The variance of the single row about 0.
        one = float(bits.model_.optimizer.learning_rate)
        assert one == pytest.approx(0.3 / 40)
        first = rate(X[:20])
        assert rate(X[:1]) == first
        assert rate(X[:7]) == first
        learner.set_params(learning_rate=0.25)
        assert rate(X[:1]) == 0.25
        learner.set_params(learning_rate=None)
        assert rate(X[:1]) == first
        assert rate(X) != first


@pytest.fixture(params=["mixed_float16", "float64"])
def global_types(request):
    """Keras's types, set for all layers."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    if request.param == "float64":
        keras.config.set_floatx("float64")
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def test_weights_are_of_single_precision(global_types):
    with eager.updates(), eager.functions():
        learner = Learner(3, random_state=0, updates=2, batch_size=8).fit(X)
        learner.partial_fit(X)
    assert learner.model_.dtype_policy.name == "float32"
    assert learner.model_.optimizer.span.dtype == "float32"


def test_without_an_update_the_model_is_its_start(update_counts):
    learner = Learner(3, updates=0, batch_size=8, random_state=0).fit(X)
    assert not update_counts
    assert learner.model_.visible == units.Composite(
        units.Bernoulli(2), units.Gaussian(2)
    )
    bias = learner.model_.visible_params["bias"].numpy()
    np.testing.assert_allclose(bias, [0, np.log(1 / 3), 0, 0], atol=1e-6)


def test_the_model_depends_on_random_state(update_counts):
    def kernel(random_state):
        learner = Learner(3, updates=0, batch_size=8, random_state=random_state)
        return learner.fit(X).model_.kernel.numpy()

    np.testing.assert_array_equal(kernel(0), kernel(0))
    generator = np.random.RandomState(0)
    np.testing.assert_array_equal(kernel(generator), kernel(0))
    # The generator goes on.
    assert np.any(kernel(generator) != kernel(0))


def test_what_diverges_is_reported(monkeypatch):
    def updater(model, *arguments):
        return lambda count: model.kernel.assign(np.inf * model.kernel)

    monkeypatch.setattr(training, "updater", updater)
    with pytest.raises(ValueError, match="diverged"):
        Learner(3, updates=1, batch_size=8).fit(X)


def test_rows_must_be_states_of_given_units(update_counts):
    learner = Learner(3, batch_size=8, visible_units=units.Bernoulli)
    with pytest.raises(ValueError, match="`X` must hold"):
        learner.fit(X)
    with pytest.raises(ValueError, match="`X` must hold"):
        learner.partial_fit(X)
    assert not update_counts


def test_partial_fit_keeps_its_encoding_and_takes_the_new_rate():
    learner = Learner(3, random_state=0)
    with eager.functions():
        learner.partial_fit(X)
        model, first = learner.model_, learner.states
        learner.partial_fit(X[:10])
        # No schedule: the number of all updates is unknown.
        assert model.optimizer.span == 0
        kernel = model.kernel.numpy()
        learner.set_params(learning_rate=1e-30).partial_fit(X[:10])
        learner.partial_fit(X[:10])
    assert learner.model_ is model
    assert int(model.updates) == 4
    np.testing.assert_array_equal(learner.states, first[:10])
    np.testing.assert_array_equal(model.kernel, kernel)


def test_numbers_of_numpy_are_those_of_python():
    def fitted(integer, number):
        learner = Learner(
            integer(3),
            updates=integer(2),
            batch_size=integer(8),
            learning_rate=number(0.03125),
            random_state=integer(0),
        )
        with eager.updates(), eager.functions():
            return learner.fit(X).partial_fit(X)

    learner, other = fitted(int, float), fitted(np.int64, np.float32)
    np.testing.assert_array_equal(other.model_.kernel, learner.model_.kernel)
    config = learner.model_.get_config() | {"name": other.model_.name}
    assert other.model_.get_config() == config
    # The arguments stay as they are, as `clone` demands.
    assert isinstance(other.updates, np.int64)


def test_new_arguments_of_partial_fit_are_checked():
    learner = Learner(3, random_state=0)
    with eager.functions():
        learner.partial_fit(X)
        with pytest.raises(ValueError, match="`learning_rate` must be"):
            learner.set_params(learning_rate=-1).partial_fit(X)


@pytest.mark.parametrize("estimator", [RBMOutlierDetector, RBMSampler])
@pytest.mark.parametrize(
    "argument",
    [
        {"n_components": 0},
        {"updates": -1},
        {"updates": 2.5},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"visible_units": "bits"},
        {"visible_units": lambda size: units.Bernoulli(size + 1)},
        {"hidden_units": lambda size: size},
        {"chain": "pcd"},
    ],
    ids=lambda argument: "".join(argument),
)
def test_bad_arguments(estimator, argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"`{name}`.*Received: {name}="):
        estimator(**{"n_components": 4} | argument).fit(X)
