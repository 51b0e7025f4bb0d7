"""Errors of held-out ratings, and rankings, of a stand-in for a model."""

import numpy as np
import pytest

from keras_rbm import evaluation
from keras_rbm.data import Ratings

VALUES = [1.0, 2.0, 3.0]
ITEMS = list("abcdef")


def ratings(rows):
    users, items, levels = np.array(rows).T
    return Ratings(users, items, levels, VALUES, ["u", "v", "w"], ITEMS)


TRAIN = ratings([(0, 0, 2), (1, 0, 1), (1, 1, 0), (2, 0, 0)])
HELD_OUT = ratings([(0, 2, 2), (0, 3, 0), (1, 5, 1), (2, 4, 0)])


class Given:
    """A model that expects what a table of probabilities says."""

    def __init__(self):
        self.train = TRAIN
        rng = np.random.default_rng(0)
        self.p = rng.dirichlet(np.ones(3), (3, 6)).astype("float32")

    def predict_levels(self, train, users, items):
        assert train is self.train
        return self.p[users, items]

    def predict_ratings(self, train, users, items):
        return self.predict_levels(train, users, items) @ np.array(VALUES)


def test_errors():
    model = Given()
    found = evaluation.rating_errors(model, TRAIN, HELD_OUT)
    p = model.p[HELD_OUT.users, HELD_OUT.items].astype("float64")
    error = p @ VALUES - HELD_OUT.ratings
    assert found["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert found["mae"] == pytest.approx(np.abs(error).mean())
    own = p[np.arange(4), HELD_OUT.levels]
    assert found["log_loss"] == pytest.approx(-np.log(own).mean())
    assert found["count"] == 4
    biased = evaluation.bias_predictions(TRAIN, HELD_OUT.users, HELD_OUT.items)
    error = biased - HELD_OUT.ratings
    assert found["baseline_rmse"] == pytest.approx(np.sqrt((error**2).mean()))


def test_biases_are_those_of_ridge_regression():
    rng = np.random.default_rng(1)
    users, items = np.nonzero(rng.random((20, 10)) < 0.6)
    levels = rng.integers(0, 3, len(users))
    train = Ratings(users, items, levels, VALUES, np.arange(20), np.arange(10))
    design = np.concatenate([np.eye(20)[users], np.eye(10)[items]], axis=1)
    left = train.ratings - train.ratings.mean()
    penalty = np.diag(np.repeat([5.0, 10.0], [20, 10]))
    biases = np.linalg.solve(design.T @ design + penalty, design.T @ left)
    expected = train.ratings.mean() + design @ biases
    found = evaluation.bias_predictions(train, users, items)
    np.testing.assert_allclose(found, np.clip(expected, 1, 3), atol=1e-3)


def test_rankings_leave_out_what_is_known():
    model = Given()
    found = evaluation.ranking_measures(model, TRAIN, HELD_OUT, k=3)
    # Of 2 and 3 stars are (0, 2) and (1, 5): a single liked item for each.
    ndcg, recall = [], []
    for user, item in ((0, 2), (1, 5)):
        expected = model.p[user] @ np.array(VALUES)
        known = TRAIN.items[TRAIN.users == user]
        expected[known] = -np.inf
        place = np.argsort(-expected).tolist().index(item)
        ndcg.append(1 / np.log2(2 + place) if place < 3 else 0)
        recall.append(float(place < 3))
    assert found["ndcg"] == pytest.approx(np.mean(ndcg))
    assert found["recall"] == pytest.approx(np.mean(recall))
    assert found["count"] == 2
    ndcg = []
    for user, item in ((0, 2), (1, 5)):
        scores = np.array([3, 1, 0, 0, 0, 0]) * (model.p[user] @ VALUES)
        scores[TRAIN.items[TRAIN.users == user]] = -1
        place = np.argsort(-scores, kind="stable").tolist().index(item)
        ndcg.append(1 / np.log2(2 + place) if place < 3 else 0)
    assert found["interest_ndcg"] == pytest.approx(np.mean(ndcg))
    # By popularity: a, b, then those without a rating in their order.
    assert found["popular_ndcg"] == pytest.approx((1 / np.log2(3) + 0) / 2)
    both = evaluation.evaluate_ratings(model, TRAIN, HELD_OUT, k=3)
    assert both["ndcg@3"] == found["ndcg"]
    assert both["ranked_users"] == 2
    assert both["count"] == 4
    interest = np.zeros((3, 6))
    interest[0, 2] = interest[1, 5] = 0.1
    of_interest = evaluation.ranking_measures(
        model, TRAIN, HELD_OUT, k=3, interest=interest
    )
    assert of_interest["interest_ndcg"] == of_interest["interest_recall"] == 1
    assert of_interest["ndcg"] == found["ndcg"]
    # Pairs of unknown value are ranked, too.
    model.train = TRAIN.with_unknown(HELD_OUT)
    again = evaluation.ranking_measures(model, model.train, HELD_OUT, k=3)
    assert again == found


def test_wrong_arguments_are_refused():
    model = Given()
    other = Ratings([0], [0], [0], VALUES, ["x"], ITEMS)
    with pytest.raises(ValueError, match="`held_out` must be Ratings of"):
        evaluation.rating_errors(model, TRAIN, other)
    unknown = ratings([(0, 1, -1)])
    with pytest.raises(ValueError, match="with known values"):
        evaluation.rating_errors(model, TRAIN, unknown)
    with pytest.raises(ValueError, match="ratings of 7 or more"):
        evaluation.ranking_measures(model, TRAIN, HELD_OUT, relevant=7)
    with pytest.raises(ValueError, match="`interest` must be a number"):
        evaluation.ranking_measures(model, TRAIN, HELD_OUT, interest=[1.0])
    with pytest.raises(ValueError, match="no pair whose rating `train` knows"):
        evaluation.ranking_measures(model, HELD_OUT, HELD_OUT)
    with pytest.raises(ValueError, match="`k` must be"):
        evaluation.ranking_measures(model, TRAIN, HELD_OUT, k=0)
