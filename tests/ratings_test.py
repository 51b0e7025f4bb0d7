"""`Ratings`: what they hold, their splits, and their rows."""

import numpy as np
import pytest

from keras_rbm.data import Ratings
from tests.made_up_ratings import two_tastes

VALUES = [1, 2, 3]
USERS, ITEMS = ["ann", "bob", "cy"], ["Alien", "Brazil"]


def small(users=(1, 0, 0), items=(1, 1, 0), levels=(2, 0, -1), **kwargs):
    return Ratings(
        np.array(users, int),
        np.array(items, int),
        np.array(levels, int),
        **{
            "values": VALUES,
            "user_names": USERS,
            "item_names": ITEMS,
            "times": [3.0, 2.0, 1.0],
            **kwargs,
        },
    )


def pairs(ratings):
    return set(zip(ratings.users.tolist(), ratings.items.tolist(), strict=True))


def test_ratings_are_sorted_by_user_and_item():
    ratings = small()
    assert ratings.users.tolist() == [0, 0, 1]
    assert ratings.items.tolist() == [0, 1, 1]
    assert ratings.times.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(ratings.ratings, [np.nan, 1, 3])
    assert ratings.starts.tolist() == [0, 2, 3, 3]
    assert (len(ratings), ratings.num_users, ratings.num_items) == (3, 3, 2)
    assert ratings.rated("ann") == ITEMS
    assert ratings.rated("cy") == []
    assert "3 of 2 items by 3 users" in repr(ratings)


def test_memory_grows_with_the_ratings():
    count = 10_000
    ratings = Ratings(
        np.arange(count), np.arange(count), np.zeros(count, int), VALUES,
        np.arange(count), np.arange(count),
    )  # fmt: skip
    arrays = [x for x in vars(ratings).values() if isinstance(x, np.ndarray)]
    assert sum(x.nbytes for x in arrays) < 50 * count
    assert ratings.rows()[7:8].shape == (1, 3 * count)


def test_rows_have_nan_where_a_value_is_not_known():
    nan = np.nan
    rows = small().rows()
    expected = [
        [nan, nan, nan, 1, 0, 0],
        [nan, nan, nan, 0, 0, 1],
        [nan] * 6,
    ]
    np.testing.assert_array_equal(rows[:], expected)
    rows = small().rows(indicators=True)
    np.testing.assert_array_equal(
        rows[[1, 0]][:, :6], np.take(expected, [1, 0], 0)
    )
    np.testing.assert_array_equal(rows[:][:, 6:], [[1, 1], [0, 1], [0, 0]])


def test_a_sparse_matrix_has_the_known_values():
    np.testing.assert_array_equal(
        small().sparse().toarray(), [[0, 1], [0, 3], [0, 0]]
    )


@pytest.mark.parametrize("by", ["time", "random"])
def test_splits_are_apart_and_leave_each_user_a_rating(by):
    ratings = two_tastes()
    train, held_out = ratings.split(0.25, by, seed=1)
    assert pairs(train) | pairs(held_out) == pairs(ratings)
    assert not pairs(train) & pairs(held_out)
    counts = np.diff(ratings.starts)
    np.testing.assert_array_equal(
        np.diff(held_out.starts), np.rint(0.25 * counts)
    )
    train, held_out = ratings.split(1000, by)
    np.testing.assert_array_equal(np.diff(train.starts), counts > 0)


def test_a_split_by_time_holds_out_the_latest_ratings_of_each_user():
    train, held_out = two_tastes().split(3, "time")
    for user in range(train.num_users):
        own, late = (x.times[x.users == user] for x in (train, held_out))
        assert own.max() < late.min()


def test_a_random_split_follows_from_its_seed():
    ratings = two_tastes()
    found = [pairs(ratings.split(0.5, seed=seed)[1]) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_pairs_of_unknown_value_join():
    train, held_out = two_tastes().split(0.25)
    both = train.with_unknown(held_out)
    assert len(both) == len(train) + len(held_out)
    assert np.sum(both.levels < 0) == len(held_out)
    with pytest.raises(ValueError, match="each pair once"):
        train.with_unknown(train)
    with pytest.raises(
        ValueError, match="`others` must be Ratings of the same"
    ):
        train.with_unknown(two_tastes(num_users=3))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"values": [3, 2, 1]}, "`values` must be 2 to 100 increasing"),
        ({"values": [1, np.inf]}, "`values` must be"),
        ({"users": (0, 0, 3)}, r"`users` must be integers from 0 to 2"),
        ({"levels": (0, 1, 3)}, r"`levels` must be integers from -1 to 2"),
        ({"items": (0, 1)}, r"`items` must be an integer for each rating"),
        ({"users": (0, 0, 0)}, "name each pair once.*users=0, items=1"),
        ({"times": [1.0]}, "`times` must be a number for each rating"),
    ],
)
def test_wrong_arrays_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        small(**kwargs)


def test_wrong_splits_and_names_are_refused():
    with pytest.raises(ValueError, match='`by` must be "time" or "random"'):
        small().split(0.5, "user")
    with pytest.raises(ValueError, match='`by="time"` needs `times`'):
        small(times=None).split(0.5, "time")
    with pytest.raises(ValueError, match="`user` must be the name of one of"):
        small().rated("eve")
    assert small().item("Brazil") == 1


def test_transposed_ratings_have_users_and_items_in_each_others_place():
    ratings = Ratings(
        [0, 0, 1], [0, 1, 1], [4, -1, 2], [1, 2, 3, 4, 5],
        ["ann", "bob", "cy"], ["Alien", "Brazil"], [3, 1, 2],
    )  # fmt: skip
    found = ratings.transposed()
    assert (found.num_users, found.num_items) == (2, 3)
    assert found.rated("Brazil") == ["ann", "bob"]
    np.testing.assert_array_equal(found.indicators(), [[1, 0, 0], [1, 1, 0]])
    np.testing.assert_array_equal(ratings.popularity(), [1, 2])
    again = found.transposed()
    for name in ("users", "items", "levels", "times", "starts"):
        np.testing.assert_array_equal(
            getattr(again, name), getattr(ratings, name)
        )
