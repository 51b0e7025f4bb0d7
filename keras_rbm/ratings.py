"""`Ratings`: which users rated which items, with which values.

Memory grows with the number of ratings, not with users times items.
"""

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, Literal, Self

import numpy as np

from keras_rbm import checks
from keras_rbm.rows import Rows
from keras_rbm.typing import Array

_MOST_LEVELS = 100


@dataclasses.dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of items by users, sorted by user and then by item.

    Rating r means that user `users[r]` gave item `items[r]` the value
    `values[levels[r]]`. A level of -1 stands for a rating with an unknown
    value: a `RatingsRBM` with `conditional=True` learns from it that the item
    was rated.

    Args:
        users: Integers from 0 to `len(user_names) - 1`, of shape `(ratings,)`.
        items: Integers from 0 to `len(item_names) - 1`, of the same shape.
        levels: Integers from -1 to `len(values) - 1`, of the same shape.
        values: The values that a rating can have, increasing numbers, of
            shape `(levels,)`.
        user_names: The names of the users, one for each row.
        item_names: The names of the items, one for each column.
        times: Numbers that increase with time, of the shape of `users`; or
            `None`.

    Raises:
        ValueError: If the arrays are not as described, or if a user rated an
            item twice.

    Example:
        ratings = keras_rbm.data.Ratings(
            [0, 0, 1], [0, 1, 1], [4, 0, 2], [1, 2, 3, 4, 5],
            ["ann", "bob"], ["Alien", "Brazil"],
        )
        print(ratings.rated("ann"))  # ["Alien", "Brazil"]
    """

    users: np.ndarray
    items: np.ndarray
    levels: np.ndarray
    values: np.ndarray
    user_names: np.ndarray
    item_names: np.ndarray
    times: np.ndarray | None = None
    #: Index of the first rating of each user, of shape `(num_users + 1,)`.
    starts: np.ndarray = dataclasses.field(init=False, repr=False)

    def __post_init__(self):
        values = np.asarray(self.values)
        if (
            values.ndim != 1
            or values.dtype.kind not in "fui"
            or not 2 <= len(values) <= _MOST_LEVELS
            or not np.isfinite(values).all()
            or not (np.diff(values) > 0).all()
        ):
            raise ValueError(
                f"`values` must be 2 to {_MOST_LEVELS} increasing numbers, the "
                f"values of a rating. Received: values={_few(values)}"
            )
        user_names, item_names = (
            _names(self.user_names),
            _names(self.item_names),
        )
        numbers = {
            "users": (self.users, 0, len(user_names)),
            "items": (self.items, 0, len(item_names)),
            "levels": (self.levels, -1, len(values)),
        }
        for name, (x, least, end) in numbers.items():
            numbers[name] = _integers(name, x, least, end, len(self.users))
        users, items, levels = numbers.values()
        order = np.lexsort((items, users))
        users, items, levels = users[order], items[order], levels[order]
        twice = (np.diff(users) == 0) & (np.diff(items) == 0)
        if twice.any():
            row = np.argmax(twice)
            raise ValueError(
                "`users` and `items` must name each pair once. Received: "
                f"{twice.sum()} pairs more than once, such as users="
                f"{users[row]}, items={items[row]}"
            )
        times = self.times
        if times is not None:
            times = np.asarray(times)
            if times.shape != users.shape or times.dtype.kind not in "fui":
                raise ValueError(
                    "`times` must be a number for each rating, of shape "
                    f"{users.shape}. Received: times of shape {times.shape}, "
                    f"{times.dtype}"
                )
            times = times[order]
        counts = np.bincount(users, minlength=len(user_names))
        for name, value in {
            "users": users.astype("int32"),
            "items": items.astype("int32"),
            "levels": levels.astype("int8"),
            "values": values.astype("float64"),
            "user_names": user_names,
            "item_names": item_names,
            "times": times,
            "starts": np.concatenate([[0], np.cumsum(counts)]),
        }.items():
            object.__setattr__(self, name, value)

    def __len__(self):
        return len(self.users)

    def __repr__(self):
        share = len(self) / (self.num_users * self.num_items)
        return (
            f"<Ratings: {len(self)} of {self.num_items} items by "
            f"{self.num_users} users, {100 * share:.2g} % of all, values "
            f"{_few(self.values)}>"
        )

    @property
    def num_users(self) -> int:
        """Number of users, including users without a rating."""
        return len(self.user_names)

    @property
    def num_items(self) -> int:
        """Number of items, including items without a rating."""
        return len(self.item_names)

    @property
    def ratings(self) -> np.ndarray:
        """The value of each rating; NaN if it is unknown."""
        return np.append(self.values, np.nan)[self.levels]

    def user(self, name: Hashable) -> int:
        """The number of the user with this name.

        Raises:
            ValueError: If there is no such user.

        Example:
            row = ratings.indicators()[ratings.user("ann")]
        """
        return _find("user", name, self.user_names)

    def item(self, name: Hashable) -> int:
        """The number of the item with this name.

        Raises:
            ValueError: If there is no such item.

        Example:
            count = ratings.popularity()[ratings.item("Alien")]
        """
        return _find("item", name, self.item_names)

    def rated(self, user: Hashable) -> list:
        """Names of the items that a user rated.

        Args:
            user: The user's name.

        Raises:
            ValueError: If there is no such user.

        Example:
            print(ratings.rated("ann"))  # Names of films.
        """
        number = self.user(user)
        own = slice(self.starts[number], self.starts[number + 1])
        return self.item_names[self.items[own]].tolist()

    def select(self, chosen: Array) -> Self:
        """Returns some of the ratings, with the same users and items.

        Args:
            chosen: Boolean array of shape `(ratings,)`, or indices of ratings.

        Example:
            liked = ratings.select(ratings.ratings >= 4)
            latest = ratings.select(slice(-5, None))
        """
        return dataclasses.replace(
            self,
            users=self.users[chosen],
            items=self.items[chosen],
            levels=self.levels[chosen],
            times=None if self.times is None else self.times[chosen],
        )

    def popularity(self) -> np.ndarray:
        """The number of ratings of each item, of shape `(num_items,)`.

        Example:
            counts = ratings.popularity()
            most_rated = ratings.item_names[np.argsort(-counts)[:3]]
        """
        return np.bincount(self.items, minlength=self.num_items)

    def indicators(self) -> np.ndarray:
        """Which items each user rated, whatever the value.

        Returns:
            Array of float32 of shape `(num_users, num_items)`, 1 where the
            user rated the item, and 0 elsewhere: rows that an `RBM` of
            `num_items` binary units can learn.

        Example:
            rated = ratings.indicators()
            # This machine learns which films the same people rate.
            rbm = keras_rbm.RBM(rated.shape[1], 16, seed=0)
        """
        found = np.zeros((self.num_users, self.num_items), "float32")
        found[self.users, self.items] = 1.0
        return found

    def transposed(self) -> Self:
        """Returns the same ratings with users and items swapped.

        Example:
            ratings.transposed().rated("Alien")  # Who rated "Alien".
        """
        return dataclasses.replace(
            self,
            users=self.items,
            items=self.users,
            user_names=self.item_names,
            item_names=self.user_names,
        )

    def with_unknown(self, others: Self) -> Self:
        """Adds the pairs of other ratings, with unknown values.

        A `RatingsRBM` with `conditional=True` then knows which items a user
        rated, as in the competition for which the method was designed, where
        the pairs to predict were public.

        Args:
            others: `Ratings` of the same users and items, for different pairs.

        Raises:
            ValueError: If users or items differ, or if a pair is in both.

        Example:
            train, test = ratings.split(0.2, seed=0)
            train = train.with_unknown(test)  # Not the values of `test`.
        """
        self.check_same(others, "others")
        both = [
            np.concatenate([getattr(self, name), getattr(others, name)])
            for name in ("users", "items")
        ]
        unknown = np.full(len(others), -1, "int8")
        times = None
        if self.times is not None and others.times is not None:
            times = np.concatenate([self.times, others.times])
        return dataclasses.replace(
            self,
            users=both[0],
            items=both[1],
            levels=np.concatenate([self.levels, unknown]),
            times=times,
        )

    def check_same(self, others: Self, name: str) -> None:
        """Checks that other ratings have the same users, items and values.

        Args:
            others: `Ratings`.
            name: The argument's name, for the error.

        Raises:
            ValueError: If they differ.
        """
        if (
            not isinstance(others, Ratings)
            or not np.array_equal(self.user_names, others.user_names)
            or not np.array_equal(self.item_names, others.item_names)
            or not np.array_equal(self.values, others.values)
        ):
            raise ValueError(
                f"`{name}` must be Ratings of the same users, items and "
                "values, such as another split of the same table. Received: "
                f"{name}={others!r}, beside {self!r}"
            )

    def split(
        self,
        size: int | float,
        by: Literal["time", "random"] = "random",
        seed: int = 0,
    ) -> tuple[Self, Self]:
        """Holds ratings out, user by user.

        If a user has n ratings, `round(size n)` of them are held out, or `size`
        if this is an integer. A user always keeps at least one rating.

        With `by="time"`, the user's latest ratings are held out (at random
        among ratings of the same time). No rating of a user is then predicted
        from a later rating of the same user; ratings of other users may be
        later. With `by="random"`, the held-out ratings are chosen at random.
        In either case, a pair is in only one of the two parts.

        Args:
            size: Share between 0 and 1 of each user's ratings, or the number
                of ratings of each user.
            by: `"time"` or `"random"`.
            seed: Integer from 0 to 2**64 - 1.

        Returns:
            Tuple of the training ratings and the held-out ratings.

        Raises:
            ValueError: If an argument is not as described, or if there are no
                `times` to split by.

        Example:
            train, test = ratings.split(0.2, seed=0)
            print(len(train), len(test))
        """
        if by not in ("time", "random"):
            raise ValueError(
                f'`by` must be "time" or "random". Received: by={by!r}'
            )
        if by == "time" and self.times is None:
            raise ValueError(
                '`by="time"` needs `times` of the ratings. Use by="random", '
                "or read a table with a column of times. Received: "
                f"by={by!r}"
            )
        counts = np.diff(self.starts)
        if isinstance(size, float):
            size = checks.fraction("size", size)
            held = np.rint(size * counts).astype(int)
        else:
            held = np.full(len(counts), checks.positive_integer("size", size))
        held = np.minimum(held, np.maximum(counts - 1, 0))
        keys = np.random.PCG64(checks.seed(seed)).random_raw(len(self))
        first = np.zeros(len(self)) if by == "random" else self.times
        order = np.lexsort((keys, first, self.users))
        # `order` lists each user's ratings, the latest one last.
        place = np.arange(len(self)) - self.starts[self.users]
        late = place >= (counts - held)[self.users]
        chosen = np.zeros(len(self), bool)
        chosen[order] = late
        return self.select(~chosen), self.select(chosen)

    def rows(self, indicators: bool = False) -> Rows:
        """The users as rows for a machine, converted to dense part by part.

        Args:
            indicators: Whether further columns, one for each item, are 1 where
                the user rated the item, and 0 elsewhere.

        Returns:
            `Rows` of float32, of shape `(num_users, num_items * levels)` and
            wider by `num_items` with `indicators`. The columns of an item are
            one-hot, and NaN if the value is unknown.

        Example:
            rows = ratings.rows()
            print(rows.shape, rows[:2])  # NaN where there is no rating.
        """
        num_levels, width = len(self.values), self.num_items * len(self.values)

        def take(index):
            numbers = np.arange(self.num_users)[index]
            shape = (len(numbers), self.num_items, num_levels)
            v = np.full(shape, np.nan, "float32")
            rated = np.zeros(shape[:2], "float32")
            for row, number in enumerate(numbers):
                own = slice(self.starts[number], self.starts[number + 1])
                items, levels = self.items[own], self.levels[own]
                known = levels >= 0
                v[row, items[known]] = 0.0
                v[row, items[known], levels[known]] = 1.0
                rated[row, items] = 1.0
            v = v.reshape(len(numbers), width)
            return np.concatenate([v, rated], axis=1) if indicators else v

        columns = width + (self.num_items if indicators else 0)
        return Rows(take, self.num_users, columns, "float32")

    def sparse(self) -> Any:
        """The values as a `scipy.sparse.csr_array` of users and items.

        Ratings with an unknown value are left out.

        Example:
            matrix = ratings.sparse()
            print(matrix.shape, matrix.nnz)
        """
        from scipy import sparse

        known = self.levels >= 0
        return sparse.csr_array(
            (self.ratings[known], (self.users[known], self.items[known])),
            shape=(self.num_users, self.num_items),
        )


def known(ratings: Ratings, name: str) -> Ratings:
    """Returns the ratings with known values; at least one must exist.

    Args:
        ratings: `Ratings`.
        name: The argument's name, for the error.

    Raises:
        ValueError: If `ratings` is not a `Ratings`, or none has a known value.
    """
    check(ratings, name)
    found = ratings.levels >= 0
    if not found.any():
        raise ValueError(
            f"`{name}` must have ratings with known values. Received: "
            f"{name}={ratings!r}"
        )
    return ratings if found.all() else ratings.select(found)


def check(ratings: Any, name: str) -> None:
    """Checks that an argument is a `Ratings`.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(ratings, Ratings):
        raise ValueError(
            f"`{name}` must be Ratings, such as the splits of "
            f"keras_rbm.data.ratings. Received: type({name})="
            f"{type(ratings).__name__}"
        )


def check_interest(interest: Array, shape: tuple[int, ...]) -> np.ndarray:
    """Checks an array of numbers of 0 or more, one for each item.

    Args:
        interest: The array.
        shape: The required shape.

    Raises:
        ValueError: If `interest` is not as described.
    """
    found = np.asarray(interest)
    if found.shape != shape or found.dtype.kind not in "fui":
        raise ValueError(
            f"`interest` must be a number for each item, of shape {shape}. "
            f"Received: interest of shape {found.shape}, {found.dtype}"
        )
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ValueError(
            "`interest` must be finite numbers of 0 or more. Received: "
            f"interest from {found.min()} to {found.max()}"
        )
    return found.astype("float64")


def _names(names: Sequence) -> np.ndarray:
    """Returns the names of users or items as an array with one axis."""
    if isinstance(names, np.ndarray) and names.ndim == 1:
        return names
    found = np.empty(len(names), object)
    found[:] = list(names)
    return found


def _find(kind, name, names):
    found = np.flatnonzero(names == name)
    if not len(found):
        raise ValueError(
            f"`{kind}` must be the name of one of the {len(names)} {kind}s, "
            f"such as {names[0]!r}. Received: {kind}={name!r}"
        )
    return int(found[0])


def _integers(name, x, least, end, count):
    """Checks and returns an array of integers."""
    x = np.asarray(x)
    if x.shape != (count,) or (count and x.dtype.kind not in "ui"):
        raise ValueError(
            f"`{name}` must be an integer for each rating, of shape "
            f"({count},). Received: {name} of shape {x.shape}, {x.dtype}"
        )
    x = x.astype("int64")
    if count and not (least <= x.min() and x.max() < end):
        raise ValueError(
            f"`{name}` must be integers from {least} to {end - 1}. Received: "
            f"{name} from {x.min()} to {x.max()}"
        )
    return x


def _few(values):
    values = np.asarray(values)
    shown = ", ".join(f"{x}" for x in values.ravel()[:10].tolist())
    return f"[{shown}{', ...' if values.size > 10 else ''}]"
