"""A machine of ratings, against enumeration of each user's own machine."""

import itertools

import keras
import numpy as np
import pytest

from keras_rbm import AutoSGD, NoisyReLU, RatingsRBM
from keras_rbm.data import Ratings
from keras_rbm.evaluation import rating_errors
from tests.machines import weights
from tests.made_up_ratings import two_tastes

ITEMS, VALUES, HIDDEN = 4, (1.0, 2.0, 4.0), 2
LEVELS = len(VALUES)
# One user rated items 0, 2 and 3, and another one item 1 alone; of item 3 the
# first user's value is not known.
RATINGS = Ratings(
    [0, 0, 0, 1],
    [0, 2, 3, 1],
    [0, 1, -1, 1],
    VALUES,
    ["a", "b"],
    list("wxyz"),
)


def model_of(conditional=False, num_sweeps=1, dtype="float64"):
    """A model with large random parameters, run eagerly."""
    model = RatingsRBM.of(
        RATINGS,
        HIDDEN,
        num_sweeps=num_sweeps,
        conditional=conditional,
        seed=0,
        dtype=dtype,
    )
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(0.8 * rng.normal(size=variable.shape))
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


class Enumerated:
    """The machine of a user's items, in float64 NumPy.

    Args:
        model: The model.
        items: The items that the user rated with a known value.
        rated: All items that are known to be rated.
    """

    def __init__(self, model, items, rated):
        kernel, bias, hidden_bias = (
            np.asarray(x, "float64")
            for x in (
                model.machine().kernel,
                model.parameters.visible_params["bias"],
                model.parameters.hidden_params["bias"],
            )
        )
        width = ITEMS * LEVELS
        self.kernel = kernel[:width].reshape(ITEMS, LEVELS, HIDDEN)[items]
        self.bias = bias[:width].reshape(ITEMS, LEVELS)[items]
        self.inputs = hidden_bias.copy()
        if model.conditional:
            self.inputs += kernel[width:][rated].sum(axis=0)
        self.hidden = np.array([*itertools.product((0.0, 1.0), repeat=HIDDEN)])
        # All states of the user's items, as levels.
        self.states = np.array(
            [*itertools.product(range(LEVELS), repeat=len(items))]
        )
        every = np.arange(len(items))
        self.of_states = self.kernel[every, self.states].sum(axis=1)
        self.b_of_states = self.bias[every, self.states].sum(axis=1)
        energies = (
            self.inputs + self.of_states
        ) @ self.hidden.T + self.b_of_states[:, None]
        joint = np.exp(energies - energies.max())
        self.joint = joint / joint.sum()
        p = 1 / (1 + np.exp(-(self.inputs + self.of_states)))
        #: E[h | state], of shape `(states, hidden)`.
        self.means = p

    def transition(self):
        """p(next state | state) of one sweep."""
        to_hidden = self.joint / self.joint.sum(axis=1, keepdims=True)
        to_states = self.joint / self.joint.sum(axis=0, keepdims=True)
        return to_hidden @ to_states.T

    def moments(self, law):
        """E[v h] by item and level, E[v], and E[h], for a law of the states."""
        hot = np.eye(LEVELS)[self.states]
        return (
            np.einsum("s,sil,sh->ilh", law, hot, self.means),
            np.einsum("s,sil->il", law, hot),
            law @ self.means,
        )


@pytest.mark.parametrize("conditional", [False, True])
def test_predictions_are_the_laws_of_the_users_machines(conditional):
    model = model_of(conditional)
    users, items = np.divmod(np.arange(2 * ITEMS), ITEMS)
    found = model.predict_levels(RATINGS, users, items)
    known = {0: {0: 0, 2: 1}, 1: {1: 1}}
    rated = {0: {0, 2, 3}, 1: {1}}
    for user, item, p in zip(users, items, found, strict=True):
        others = {i: x for i, x in known[user].items() if i != item}
        own = Enumerated(model, [*others, item], sorted(rated[user] | {item}))
        marginal = own.joint.sum(axis=1)
        fits = (own.states[:, :-1] == [*others.values()]).all(axis=1)
        expected = marginal[fits] / marginal[fits].sum()
        # `predict_levels` returns float32.
        np.testing.assert_allclose(p, expected, atol=1e-6)
    expected = model.predict_ratings(RATINGS, users, items)
    np.testing.assert_allclose(expected, found @ np.array(VALUES), rtol=1e-5)


def test_a_prediction_does_not_see_the_rating_itself():
    model = model_of()
    others = [Ratings([0, 0], [0, 2], [x, 0], VALUES, ["a"], list("wxyz"))
              for x in range(LEVELS)]  # fmt: skip
    found = [model.predict_levels(x, [0], [0]) for x in others]
    np.testing.assert_allclose(found[1:], found[:-1], atol=1e-6)


@pytest.mark.parametrize(("conditional", "num_sweeps"), [(False, 1), (True, 2)])
def test_the_gradient_is_that_of_contrastive_divergence(
    conditional, num_sweeps
):
    """The mean over many copies of a user is within 5 standard errors.

    Absent items and pairs of unknown value have no gradient at all.
    """
    model = model_of(conditional, num_sweeps)
    count = 40_000
    x = np.tile(RATINGS.rows(conditional)[:1], (count, 1))
    kernel, hidden, visible = _by_name(model, model.gradient_step(x))
    own = Enumerated(model, [0, 2], [0, 2, 3])
    start = (own.states == [0, 1]).all(axis=1).astype(float)
    end = start @ np.linalg.matrix_power(own.transition(), num_sweeps)
    data, samples = own.moments(start), own.moments(end)
    # A difference of products of one-hot and of means is from -1 to 1.
    error = 5 / np.sqrt(count)
    width = ITEMS * LEVELS
    found = kernel[:width].reshape(ITEMS, LEVELS, HIDDEN)
    np.testing.assert_allclose(found[[0, 2]], samples[0] - data[0], atol=error)
    bias = visible[:width].reshape(ITEMS, LEVELS)
    np.testing.assert_allclose(bias[[0, 2]], samples[1] - data[1], atol=error)
    np.testing.assert_allclose(hidden, samples[2] - data[2], atol=error)
    assert np.abs(samples[0] - data[0]).max() > 5 * error
    assert not found[[1, 3]].any()
    assert not bias[[1, 3]].any()
    if conditional:  # D has the gradient of the hidden bias, of rated items.
        expected = np.outer([1, 0, 1, 1], hidden)
        np.testing.assert_allclose(kernel[width:], expected, atol=1e-9)
        np.testing.assert_allclose(visible[width:], 0, atol=1e-12)


def test_rows_of_items_are_users_of_the_transposed_ratings():
    arguments = {"hidden": HIDDEN, "seed": 0}
    model = RatingsRBM.of(RATINGS, rows="items", **arguments)
    other = RatingsRBM.of(RATINGS.transposed(), **arguments)
    rng = np.random.default_rng(1)
    for one, two in zip(
        model.trainable_variables, other.trainable_variables, strict=True
    ):
        two.assign(rng.normal(size=two.shape))
        one.assign(two)
    users, items = np.divmod(np.arange(2 * ITEMS), ITEMS)
    np.testing.assert_array_equal(
        model.predict_levels(RATINGS, users, items),
        other.predict_levels(RATINGS.transposed(), items, users),
    )
    assert model.predict_hidden(RATINGS).shape == (ITEMS, HIDDEN)
    # A new item has no unit, and needs none.
    new = Ratings([0, 1], [0, 0], [2, -1], VALUES, ["a", "b"], ["new"])
    assert model.predict_ratings(new, [1], [0]).shape == (1,)
    assert [name for name, _ in model.recommend(RATINGS, "b")] != ["x"]
    again = RatingsRBM.from_config(model.get_config())
    assert (again.rows, again.num_users) == ("items", 2)


def test_a_second_build_changes_nothing():
    model = model_of()
    count = len(model.variables)
    model.build((None, model.visible.width))
    assert len(model.variables) == count


def test_batches_of_small_weights_are_evaluated_with_their_own_draws(
    monkeypatch,
):
    model = model_of()
    keys, negative = [], model._negative

    def watched(machine, v, clamped, stream):
        keys.append(tuple(stream.key.numpy()))
        return negative(machine, v, clamped, stream)

    monkeypatch.setattr(model, "_negative", watched)
    weight = np.full(RATINGS.num_users, 0.25)
    model.evaluate(RATINGS, sample_weight=weight, batch_size=1, verbose=0)
    assert len(set(keys)) == len(keys) == RATINGS.num_users > 1


def test_many_sweeps_follow_the_likelihood():
    """The chain's law comes to p(v | S), whose gradient is enumerated."""
    model = model_of()
    own = Enumerated(model, [0, 2], [])
    start = (own.states == [0, 1]).all(axis=1).astype(float)
    end = start @ np.linalg.matrix_power(own.transition(), 200)
    np.testing.assert_allclose(end, own.joint.sum(axis=1), atol=1e-6)


def _by_name(model, slopes):
    names = [v.path.rpartition("/")[2] for v in model.trainable_variables]
    found = dict(zip(names, map(np.asarray, slopes), strict=True))
    # What all units share has the sum of the units' gradients.
    by_unit = found["kernel"][: ITEMS * LEVELS].reshape(ITEMS, LEVELS, -1)
    np.testing.assert_allclose(
        found["shared_kernel"], by_unit.sum(axis=0), atol=1e-12
    )
    return found["kernel"], found["hidden_bias"], found["visible_bias"]


def test_users_count_by_their_weights():
    model = model_of()
    x = RATINGS.rows()[:]
    both = model.gradient_step((x, np.zeros(2), np.array([1.0, 0.0])))
    alone = model_of().gradient_step(x[:1])
    for one, other in zip(both, alone, strict=True):
        np.testing.assert_allclose(2 * one, other, atol=1e-12)


@pytest.fixture(scope="module")
def trained():
    """A model of two tastes, compiled by XLA, with its ratings."""
    train, held_out = two_tastes().split(0.25, seed=0)
    model = RatingsRBM.of(train, 8, seed=0)
    model.compile(keras.optimizers.Adam(0.03))
    history = model.fit(train, epochs=60, batch_size=20, verbose=0)
    return model, train, held_out, history.history


def test_it_learns_tastes_that_biases_do_not_explain(trained):
    model, train, held_out, history = trained
    errors = rating_errors(model, train, held_out)
    assert errors["rmse"] < 0.6 < 1.2 < errors["baseline_rmse"]
    assert errors["count"] == len(held_out)
    assert history["reconstruction_error"][-1] < 0.5
    assert int(model.updates) == 60 * 3
    assert model.evaluate(train, verbose=0, return_dict=True).keys() == {
        "loss",
        "reconstruction_error",
    }


def test_recommendations_leave_out_what_was_rated(trained):
    model, train, _, _ = trained
    for user in ("user 0", "user 1"):
        found = model.recommend(train, user, k=3)
        names, expected = zip(*found, strict=True)
        assert not set(names) & set(train.rated(user))
        assert list(expected) == sorted(expected, reverse=True)
        number = int(user[-1])
        assert int(names[0].split()[1]) % 2 == number % 2
    interest = np.zeros(train.num_items)
    unrated = train.item(found[-1][0])
    interest[unrated] = 2
    [(name, stars)] = model.recommend(train, "user 1", 1, interest)
    assert (name, stars) == found[-1]
    for wrong in (interest[:-1], -interest, list(train.item_names)):
        with pytest.raises(ValueError, match="`interest` must be"):
            model.recommend(train, "user 1", 1, wrong)
    rest = train.num_items - len(train.rated("user 0"))
    assert len(model.recommend(train, "user 0", k=100)) == rest


def test_a_saved_model_goes_on_as_it_would_have(trained, tmp_path):
    model, train, held_out, _ = trained
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    assert other.values == model.values
    args = train, held_out.users, held_out.items
    np.testing.assert_array_equal(
        other.predict_ratings(*args), model.predict_ratings(*args)
    )
    for x in (model, other):
        x.fit(train, epochs=1, batch_size=20, verbose=0)
    for one, two in zip(weights(model), weights(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_biases_start_from_the_shares_of_the_levels():
    train = two_tastes()
    model = RatingsRBM.of(train, 2, seed=0)
    model.prepare(train.rows())
    bias = model.parameters.visible_params["bias"].numpy().reshape(-1, 5)
    p = np.exp(bias) / np.exp(bias).sum(axis=1, keepdims=True)
    items = train.items == 3
    counts = np.bincount(train.levels[items], minlength=5)
    shares = np.bincount(train.levels, minlength=5) + 1
    expected = counts + 10 * shares / shares.sum()
    np.testing.assert_allclose(p[3], expected / expected.sum(), rtol=1e-5)
    rows = model.predict_hidden(train)
    np.testing.assert_allclose(model(train.rows()[:]), rows, atol=1e-6)


def test_wrong_arguments_are_refused():
    for kwargs, message in (
        ({"values": [1]}, "`values` must be two or more"),
        ({"num_items": 0}, "`num_items` must be"),
        ({"hidden": NoisyReLU(3)}, None),
        ({"num_sweeps": 0}, "`num_sweeps` must be"),
        ({"rows": "films"}, "`rows` must be"),
        ({"rows": "items"}, "`num_users` must be given"),
        ({"rows": "items", "num_users": 0}, "`num_users` must be"),
    ):
        arguments = {"num_items": 4, "values": VALUES, "hidden": 2, **kwargs}
        if message is None:
            RatingsRBM(**arguments)
            continue
        with pytest.raises(ValueError, match=message):
            RatingsRBM(**arguments)
    model = model_of()
    with pytest.raises(ValueError, match="`x` must be Ratings"):
        model.fit(np.zeros((2, 12)))
    with pytest.raises(ValueError, match="must be of 4 items"):
        model.fit(two_tastes())
    by_item = RatingsRBM.of(RATINGS, 2, rows="items")
    with pytest.raises(ValueError, match="must be of 2 users"):
        by_item.predict_hidden(RATINGS.transposed())
    with pytest.raises(ValueError, match="must not be AutoSGD"):
        model.compile(AutoSGD())
    with pytest.raises(ValueError, match="`items` must be integers from 0"):
        model.predict_levels(RATINGS, [0], [4])
    with pytest.raises(ValueError, match="must be as many"):
        model.predict_levels(RATINGS, [0], [1, 2])
    unknown = RATINGS.select(RATINGS.levels < 0)
    with pytest.raises(ValueError, match="with known values"):
        model.fit(unknown)
