"""Held-out ratings: errors of predictions, and quality of rankings."""

import numpy as np

from keras_rbm import checks
from keras_rbm.models import RatingsRBM
from keras_rbm.ratings import Ratings, check_interest, known
from keras_rbm.typing import Array

# Number of pairs in one call of the prediction.
_PAIRS = 2**18
# Ridge penalties of the biases, and number of alternating updates.
_USER_PRIOR, _ITEM_PRIOR, _TURNS = 5.0, 10.0, 20


def evaluate_ratings(
    model: RatingsRBM,
    train: Ratings,
    held_out: Ratings,
    k: int = 10,
    max_users: int | None = 1000,
) -> dict[str, float]:
    """Returns the results of `rating_errors` and of `ranking_measures`.

    Args:
        model: A `RatingsRBM`.
        train: `Ratings` that are known.
        held_out: `Ratings` of the same users and items, in other pairs.
        k: Length of the rankings.
        max_users: The number of users to rank for, from the first one on;
            `None` for all users.

    Returns:
        Dictionary of both results. Names of ranking measures end with k, such
        as `ndcg@10`; `ranked_users` is the number of ranked users.

    Raises:
        ValueError: See `rating_errors` and `ranking_measures`.

    Example:
        train, test = ratings.split(0.2, seed=0)
        print(evaluation.evaluate_ratings(model, train, test, k=3))
    """
    ranking = ranking_measures(model, train, held_out, k, None, max_users)
    count = ranking.pop("count")
    return {
        **rating_errors(model, train, held_out),
        **{f"{name}@{k}": value for name, value in ranking.items()},
        "ranked_users": count,
    }


def rating_errors(
    model: RatingsRBM, train: Ratings, held_out: Ratings
) -> dict[str, float]:
    """Errors of the expected ratings of pairs that were held out.

    Each prediction uses all of the user's ratings in `train`, and no held-out
    rating.

    Args:
        model: A `RatingsRBM`.
        train: `Ratings` that are known.
        held_out: `Ratings` of the same users and items, in other pairs.

    Returns:
        Dictionary of

        - `rmse`: root of the mean squared error;
        - `mae`: mean absolute error;
        - `log_loss`: mean -log p(level), in nats;
        - `baseline_rmse`: the `rmse` of `bias_predictions`; a model that has
          learned something about the users' tastes has a smaller `rmse`;
        - `count`: number of ratings.

    Raises:
        ValueError: If users or items differ between the arguments, or if no
            rating has a known value.

    Example:
        train, test = ratings.split(0.2, seed=0)
        found = evaluation.rating_errors(model, train, test)
        print(found["rmse"], found["baseline_rmse"])
    """
    train.check_same(held_out, "held_out")
    held_out = known(held_out, "held_out")
    p = model.predict_levels(train, held_out.users, held_out.items)
    error = p @ held_out.values - held_out.ratings
    own = p[np.arange(len(held_out)), held_out.levels].astype("float64")
    biased = bias_predictions(train, held_out.users, held_out.items)
    return {
        "rmse": _root(error),
        "mae": float(np.mean(np.abs(error))),
        "log_loss": float(-np.mean(np.log(np.maximum(own, 1e-30)))),
        "baseline_rmse": _root(biased - held_out.ratings),
        "count": len(held_out),
    }


def bias_predictions(
    train: Ratings, users: np.ndarray, items: np.ndarray
) -> np.ndarray:
    """Ratings that users and items alone explain: mean + b_user + b_item.

    The biases come from least squares with a ridge penalty of 5 for users
    and of 10 for items: the mean deviation of a user with n ratings counts
    n / (n + 5).

    Args:
        train: `Ratings` that are known.
        users: Numbers of users, of shape `(pairs,)`.
        items: Numbers of items, of the same shape.

    Returns:
        Array of shape `(pairs,)`, clipped to the range of the values.

    Raises:
        ValueError: If no rating has a known value.

    Example:
        train, test = ratings.split(0.2, seed=0)
        stars = evaluation.bias_predictions(train, test.users, test.items)
    """
    train = known(train, "train")
    ratings, mean = train.ratings, float(train.ratings.mean())
    of_users, of_items = np.zeros(train.num_users), np.zeros(train.num_items)
    for _ in range(_TURNS):
        left = ratings - mean - of_users[train.users]
        of_items = _shrunk(train.items, left, train.num_items, _ITEM_PRIOR)
        left = ratings - mean - of_items[train.items]
        of_users = _shrunk(train.users, left, train.num_users, _USER_PRIOR)
    found = mean + of_users[users] + of_items[items]
    return np.clip(found, train.values[0], train.values[-1])


def ranking_measures(
    model: RatingsRBM,
    train: Ratings,
    held_out: Ratings,
    k: int = 10,
    relevant: float | None = None,
    max_users: int | None = None,
    interest: Array | None = None,
) -> dict[str, float]:
    """How high the held-out items that a user liked are ranked.

    All items whose rating by the user is not known in `train` are ranked twice,
    with the scores of `RatingsRBM.recommend` (which leaves out pairs of unknown
    value): by their expected rating, and with `interest`. Items without a known
    rating count as not liked. Numbers are therefore low, and comparable only
    for the same data and split. A user without a liked held-out item is left
    out.

    Args:
        model: A `RatingsRBM`.
        train: `Ratings` that are known.
        held_out: `Ratings` of the same users and items, in other pairs.
        k: Length of the ranking, a positive integer.
        relevant: The least rating of an item that the user liked; `None` for
            the second largest value.
        max_users: Number of users to rank for, from the first one on; `None`
            for all users.
        interest: Numbers of 0 or more, of shape `(num_users, num_items)`, such
            as the means of an `RBM` trained on `train.indicators()`; `None` for
            `train.popularity()`, the same for all users.

    Returns:
        Dictionary of means over users:

        - `ndcg`: sum over liked items in the first k places r of
          1 / log2(1 + r), divided by the largest possible sum;
        - `recall`: number of liked items in the first k places, divided by
          their number or by k, whichever is less;
        - `interest_ndcg` and `interest_recall`: the same for the ranking with
          `interest`;
        - `popular_ndcg` and `popular_recall`: the same for a ranking by the
          number of ratings in `train`, which is equal for all users;
        - `count`: number of users.

    Raises:
        ValueError: If an argument is not as described, no user has liked a
            held-out item, or `train` knows the rating of a held-out pair.

    Example:
        train, test = ratings.split(0.2, seed=0)
        found = evaluation.ranking_measures(model, train, test, k=3)
        print(found["ndcg"], found["popular_ndcg"])
    """
    train.check_same(held_out, "held_out")
    held_out = known(held_out, "held_out")
    k = checks.positive_integer("k", k)
    least = held_out.values[-2] if relevant is None else relevant
    liked = held_out.select(held_out.ratings >= least)
    rated = known(train, "train")
    pairs, own = (
        np.int64(train.num_items) * x.users + x.items for x in (rated, held_out)
    )
    if (both := np.intersect1d(pairs, own)).size:
        user, item = divmod(int(both[0]), train.num_items)
        raise ValueError(
            "`held_out` must have no pair whose rating `train` knows. "
            f"Received: {both.size} such pairs, of which the first is user "
            f"{train.user_names[user]!r} and item {train.item_names[item]!r}"
        )
    users = np.unique(liked.users)
    if max_users is not None:
        users = users[: checks.positive_integer("max_users", max_users)]
    if not len(users):
        raise ValueError(
            f"`held_out` must have ratings of {least:g} or more. Received: "
            f"held_out={held_out!r}"
        )
    popularity = rated.popularity()
    if interest is not None:
        shape = (train.num_users, train.num_items)
        interest = check_interest(interest, shape)
    at_once = max(1, _PAIRS // train.num_items)
    found = []
    for first in range(0, len(users), at_once):
        some = users[first : first + at_once]
        expected = model.predict_ratings(
            train,
            np.repeat(some, train.num_items),
            np.tile(np.arange(train.num_items), len(some)),
        ).reshape(len(some), train.num_items)
        for user, stars in zip(some, expected, strict=True):
            wanted = popularity if interest is None else interest[user]
            own = rated.items[rated.starts[user] : rated.starts[user + 1]]
            items = np.setdiff1d(np.arange(train.num_items), own)
            good = liked.items[liked.starts[user] : liked.starts[user + 1]]
            hits = np.isin(items, good)
            rankings = (
                stars[items],
                wanted[items] * stars[items],
                popularity[items],
            )
            found.append([x for s in rankings for x in _of_ranking(hits, s, k)])
    names = [
        f"{prefix}{name}"
        for prefix in ("", "interest_", "popular_")
        for name in ("ndcg", "recall")
    ]
    means = np.mean(found, axis=0).tolist()
    return {**dict(zip(names, means, strict=True)), "count": len(users)}


def _of_ranking(hits, scores, k):
    """NDCG and recall of the k items with the largest scores."""
    top = hits[np.argsort(-scores, kind="stable")[:k]]
    gains = 1 / np.log2(np.arange(2, k + 2))
    most = min(k, int(hits.sum()))
    ndcg = (gains[: len(top)] * top).sum() / gains[:most].sum()
    return ndcg, top.sum() / most


def _shrunk(numbers, values, count, prior):
    sums = np.bincount(numbers, values, count)
    return sums / (np.bincount(numbers, minlength=count) + prior)


def _root(error):
    return float(np.sqrt(np.mean(np.square(error))))
