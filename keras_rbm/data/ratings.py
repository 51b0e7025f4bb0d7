"""Reads tables of ratings: (user, item, rating) and perhaps a time."""

import dataclasses
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from keras_rbm.data import frames
from keras_rbm.data.checks import check_path
from keras_rbm.data.columns import plain
from keras_rbm.data.libraries import of_extra
from keras_rbm.data.tfds_images import why_unreachable
from keras_rbm.ratings import Ratings
from keras_rbm.ratings import check as check_ratings
from keras_rbm.typing import Path

# With more values, ratings are numbers, not levels.
_MOST_VALUES = 20
# Common names of columns, in lower case.
_NAMES = {
    "user": ("user", "userid", "user_id", "username", "reviewerid", "customer"),
    "item": (
        *("item", "itemid", "item_id", "movie", "movieid", "movie_id"),
        *("book", "bookid", "book_id", "isbn", "product", "productid"),
        *("product_id", "asin", "title"),
    ),
    "rating": ("rating", "ratings", "user_rating", "score", "stars", "value"),
    "time": ("time", "timestamp", "unixreviewtime", "date"),
}
# The separators of MovieLens' files without a line of names, by their endings.
_SEPARATORS = {".data": "\t", ".base": "\t", ".test": "\t", ".dat": "::"}
# A folder of MovieLens has one of these files.
_FILES = ("u.data", "ratings.dat", "ratings.csv")
_URL = "https://files.grouplens.org"
_TFDS = ("100k", "1m", "20m", "25m", "latest-small")


@dataclasses.dataclass(frozen=True)
class RatingsData:
    """Splits of a table of ratings, with the same users and items.

    Args:
        name: Name of the data.
        train: `Ratings` to learn from.
        validation: `Ratings` to choose settings by, or `None`.
        test: `Ratings` to report, or `None`.

    Raises:
        ValueError: If the splits are not of the same users, items and values,
            or a pair of a user and an item is in two of them.

    Example:
        users, items = [0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]
        movies = data.ratings((users, items, [5, 1, 4, 4, 2, 5]), test_size=1)
        print(len(movies.train), len(movies.test))  # 4 and 2 ratings.
    """

    name: str
    train: Ratings
    validation: Ratings | None = None
    test: Ratings | None = None

    def __post_init__(self):
        check_ratings(self.train, "train")
        both = self.train
        for split in ("validation", "test"):
            held = getattr(self, split)
            if held is not None:
                self.train.check_same(held, split)
                both = both.with_unknown(held)  # Refuses pairs that are twice.

    @property
    def known(self) -> Ratings:
        """The ratings from which test ratings are predicted.

        These are the ratings of `train` and `validation` together.
        """
        if self.validation is None:
            return self.train
        both = [self.train, self.validation]
        joined = {
            name: np.concatenate([getattr(part, name) for part in both])
            for name in ("users", "items", "levels")
        }
        times = [part.times for part in both]
        joined["times"] = (
            None if any(x is None for x in times) else np.concatenate(times)
        )
        return dataclasses.replace(self.train, **joined)


def ratings(
    source: Any,
    test: Any = None,
    columns: Sequence[Any] | None = None,
    values: Sequence[float] | None = None,
    validation_size: int | float = 0,
    test_size: int | float = 0,
    by: Literal["time", "random"] = "random",
    seed: int = 0,
    name: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str = "utf-8",
    comment: str | None = None,
) -> RatingsData:
    """Reads a table with a row for each rating as sparse `Ratings`.

    The test ratings are held out first, then the validation ratings, user by
    user. `Ratings.split` describes `by="time"` and `by="random"`. No pair of a
    user and an item is in two splits. If a user rated an item several times,
    the latest rating counts (without times, the last rating in the table), with
    a warning.

    A missing rating (an empty field, NaN) means that the user rated the item
    with an unknown value; it is always a training rating.

    Args:
        source: Path of a CSV, TSV, Parquet or Feather file, a data frame, or a
            structured array (as for `data.table`); a tuple of arrays of users,
            items, ratings and perhaps times; or a file of MovieLens without
            names: `u.data`, `u1.base`, `ratings.dat` (separated by `::`).
        test: Ratings to hold out, in any form of `source`; `None` to choose
            them by `test_size`.
        columns: The names of the columns of users, items, ratings, and perhaps
            times. `None` for columns with usual names, such as `userId`,
            `movieId`, `rating` and `timestamp`, or else for the first three or
            four columns.
        values: The values that a rating can have, increasing numbers; `None`
            for the values that occur, at most 20.
        validation_size: Share of each user's ratings, between 0 and 1, or
            number of ratings of each user. 0 for none.
        test_size: As `validation_size`, for the test ratings.
        by: `"time"` or `"random"`.
        seed: Integer from 0 to 2**64 - 1, which decides the splits.
        name: Name of the data; `None` for the name of the file.
        separator: The character between the fields of a CSV or TSV file;
            `None` for a comma, or the tab of a `.tsv`.
        decimal: The decimal separator of a CSV or TSV file, such as `","`;
            `None` for a point, with an error if all values of a column are
            numbers with a comma.
        encoding: The encoding of a CSV or TSV file, such as `"latin-1"`.
        comment: The characters at the start of lines to skip in a CSV or TSV
            file, such as `"#"`; `None` if there are no such lines.

    Returns:
        A `RatingsData`. Users and items are sorted by their names.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If a library is not installed; the error names the command
            that installs it.
        ValueError: If the table is damaged or has no such columns, if a user,
            an item, a time or all ratings of `source` are missing, if users or
            items are floating-point numbers too large to be exact, if there are
            more than 20 values and `values` is not given, or if another
            argument is not as described.

    Example:
        data = keras_rbm.data.ratings("ratings.csv", test_size=0.2, by="time")
        rbm = keras_rbm.RatingsRBM.of(data.train, hidden=100)
    """
    if test is not None and test_size:
        raise ValueError(
            "`test_size` must be 0 where `test` is given. Received: "
            f"test_size={test_size}"
        )
    text = frames.text_options(separator, decimal, encoding, comment)
    tables = [_columns(source, columns, text, "source")]
    if test is not None:
        tables.append(_columns(test, columns, text, "test"))
    held = [np.full(len(t[0]), i == 1) for i, t in enumerate(tables)]
    held = np.concatenate(held)
    users, items, scores, times = (
        None if any(x is None for x in parts) else _joined(parts)
        for parts in zip(*tables, strict=True)
    )
    if not len(users):
        raise ValueError(
            "`source` must have at least one rating. Received: none"
        )
    if np.isnan(scores[~held]).all():
        raise ValueError(
            "`source` must have at least one rating with a value. Received: "
            f"{np.sum(~held)} ratings, all of them missing"
        )
    user_names, users = _coded("user", users)
    item_names, items = _coded("item", items)
    kept = _latest(users, items, times, held, len(item_names))
    values, levels = _levels(scores, values)
    if times is not None:
        times = times[kept]
    both = Ratings(
        users[kept],
        items[kept],
        levels[kept],
        values,
        user_names,
        item_names,
        times,
    )
    # `Ratings` sorts by user and item; no two ratings share both now.
    held = held[kept][np.lexsort((items[kept], users[kept]))]
    held = held & (both.levels >= 0)
    train, held_out = both.select(~held), both.select(held)
    train, unknown = train.select(train.levels >= 0), train
    unknown = unknown.select(unknown.levels < 0)
    if test_size:
        train, held_out = train.split(test_size, by, seed)
    validation = None
    if validation_size:
        train, validation = train.split(validation_size, by, seed + 1)
    if len(unknown):
        train = train.with_unknown(unknown)
    has_test = test is not None or test_size
    return RatingsData(
        name or _name_of(source),
        train,
        validation,
        held_out if has_test else None,
    )


def movielens(
    data_dir: Path | None = None,
    name: str = "100k",
    fold: int | None = None,
    validation_size: int | float = 0,
    test_size: int | float = 0.1,
    by: Literal["time", "random"] = "random",
    seed: int = 0,
) -> RatingsData:
    """Returns the ratings of MovieLens, from a folder or from TFDS.

    Args:
        data_dir: A folder that has `u.data` (MovieLens-100k), `ratings.dat`
            (1M and 10M) or `ratings.csv` (later ones). `None` to read the data
            set `movielens/<name>-ratings` of TFDS, with the extra `tfds`.
        name: `"100k"`, `"1m"`, `"20m"`, `"25m"` or `"latest-small"`, for TFDS.
        fold: 1 to 5, for the standard splits of MovieLens-100k: fold 1 learns
            from `u1.base` and holds out `u1.test`, and so on. `None` for splits
            by `test_size`.
        validation_size: As for `ratings`.
        test_size: As for `ratings`; not used with `fold`.
        by: As for `ratings`.
        seed: As for `ratings`.

    Returns:
        A `RatingsData`.

    Raises:
        ConnectionError: If TFDS has no local copy and cannot download the data.
        FileNotFoundError: If the folder has none of these files.
        ImportError: If TFDS or a reader of tables is not installed.
        ValueError: If an argument is not as described.

    Example:
        data = keras_rbm.data.movielens("ml-100k", test_size=0.1)
        rbm = keras_rbm.RatingsRBM.of(data.train, hidden=100)
    """
    cut = {"validation_size": validation_size, "by": by, "seed": seed}
    if fold is not None:
        if fold not in (1, 2, 3, 4, 5) or data_dir is None:
            raise ValueError(
                "`fold` must be 1 to 5, with the folder of MovieLens-100k as "
                f"`data_dir`. Received: fold={fold}, data_dir={data_dir}"
            )
        paths = [_file(data_dir, f"u{fold}.{x}") for x in ("base", "test")]
        return ratings(*paths, name=f"movielens u{fold}", **cut)
    if data_dir is not None:
        folder = check_path(data_dir, "data_dir")
        found = [folder / x for x in _FILES if (folder / x).is_file()]
        if not found:
            raise FileNotFoundError(
                f"`data_dir` must be a folder with one of the files "
                f"{', '.join(_FILES)}. Received: data_dir={folder}"
            )
        label = f"movielens {folder.name}"
        return ratings(found[0], test_size=test_size, name=label, **cut)
    if name not in _TFDS:
        raise ValueError(
            f"`name` must be one of {', '.join(_TFDS)}. Received: name={name!r}"
        )
    table = _of_tfds(f"movielens/{name}-ratings")
    label = f"movielens {name}"
    return ratings(table, test_size=test_size, name=label, **cut)


def _file(folder, name):
    path = check_path(folder, "data_dir") / name
    if not path.is_file():
        raise FileNotFoundError(
            f"`data_dir` must be the folder of MovieLens-100k. Received: "
            f"data_dir={folder}, without {name}"
        )
    return path


def _of_tfds(name):
    """Users, items, ratings and times of a TFDS data set."""
    tfds = of_extra("tensorflow_datasets", "tfds", "Ratings without a folder")
    builder = tfds.builder(name)
    if not builder.is_prepared():
        reason = why_unreachable(_URL)
        if reason is not None:
            raise ConnectionError(
                f"The data set {name!r} is not on this machine and cannot be "
                "downloaded. Pass `data_dir` (--data_dir), a folder that has "
                f"one of {', '.join(_FILES)}; or run `tfds build {name}` where "
                "there is a network, and bring the folder here, with the "
                f"environment variable TFDS_DATA_DIR. Received: name={name!r}, "
                f"and the download: {_URL}: {reason}"
            )
        builder.download_and_prepare()
    keys = ("user_id", "movie_id", "user_rating", "timestamp")
    parts = builder.as_dataset(split="train").batch(10_000)
    parts = [[part[key] for key in keys] for part in parts.as_numpy_iterator()]
    users, items, scores, times = map(np.concatenate, zip(*parts, strict=True))
    # Names are numbers in MovieLens, and bytes in TFDS.
    return users.astype("int64"), items.astype("int64"), scores, times


def _name_of(source):
    if not isinstance(source, str | pathlib.PurePath):
        return "ratings"
    return pathlib.Path(source).name


def _columns(source, names, text, argument):
    """Users, items, ratings, and times or `None`, of a table."""
    if isinstance(source, tuple | list):
        return _of_arrays(source, argument)
    if isinstance(source, str | pathlib.PurePath):
        path = check_path(source, argument)
        if path.suffix in _SEPARATORS:
            found = _of_text(path, _SEPARATORS[path.suffix], argument)
            return _of_arrays(found, argument)
    columns = frames.read(source, text).columns
    found = _chosen(list(columns), names, argument)
    return _of_arrays([columns[x]() for x in found], argument)


def _of_arrays(arrays, argument):
    if len(arrays) not in (3, 4):
        raise ValueError(
            f"`{argument}` must be arrays of users, items, ratings and perhaps "
            f"times. Received: {len(arrays)} arrays"
        )
    if any(np.ma.is_masked(x) for x in arrays):
        raise ValueError(
            f"`{argument}` must be arrays without masked entries. Remove the "
            "rows, or pass NaN for a missing rating. Received: masked entries"
        )
    users, items, scores, *times = map(_array, arrays)
    shapes = {x.shape for x in (users, items, scores, *times)}
    if len(shapes) != 1 or users.ndim != 1:
        raise ValueError(
            f"`{argument}` must be arrays of one axis and of one length. "
            f"Received: shapes {', '.join(map(str, shapes))}"
        )
    try:
        scores = scores.astype("float64")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{argument}` must have numbers as ratings. Received: ratings of "
            f"type {scores.dtype}, such as {scores[0]!r}"
        ) from error
    return users, items, scores, _times(times[0], argument) if times else None


def _array(x):
    """A column as an array of NumPy."""
    if type(x).__module__.startswith("pyarrow"):
        # NumPy would get the last category in place of a missing one.
        x = plain(x)
    return np.asarray(x)


def _times(times, argument):
    """Times as numbers: dates become nanoseconds."""
    kind = times.dtype.kind
    if kind == "M":
        # Other years overflow; the number of a missing date is the lowest.
        years = 1970 + times.astype("datetime64[Y]").astype("int64")
        fit = (years >= 1678) & (years <= 2261)
    else:
        fit = np.isfinite(times) if kind == "f" else kind in "iu"
    fit = np.broadcast_to(fit, times.shape)
    if kind not in "Mfiu" or not fit.all():
        raise ValueError(
            f"`{argument}` must have times that are numbers, or dates in the "
            "years 1678 to 2261, and none may be missing. Received: times of "
            f"type {times.dtype}, such as {times[~fit][:1]}"
        )
    if kind == "M":
        return times.astype("datetime64[ns]").astype("int64")
    return times


def _of_text(path, separator, argument):
    """The columns of a file of numbers without a line of names."""
    if not path.is_file():
        raise FileNotFoundError(
            f"`{argument}` must be the path of a file. Received: "
            f"{argument}={path}, which does not exist"
        )

    def numbers(dtype, column=None):
        with open(path, encoding="latin-1") as file:
            lines = file if len(separator) == 1 else _with_tabs(file, separator)
            return np.loadtxt(
                lines, dtype, delimiter="\t", usecols=column, ndmin=2
            )

    try:
        x = numbers("float64")
        columns = list(x.T)
        for i, column in enumerate(columns):
            # Integers of 64 bits are not exact as floating-point numbers.
            if i != 2 and (np.abs(column) >= 2**53).any():
                columns[i] = numbers("int64", i)[:, 0]
    except ValueError as error:
        raise ValueError(
            f"`{argument}` must be a file of numbers: in each line a user, "
            "an item, a rating and perhaps a time, separated by "
            f"{separator!r}. Received: {path}, {error}"
        ) from error
    if x.shape[1] not in (3, 4):
        raise ValueError(
            f"`{argument}` must have three or four columns. Received: {path} "
            f"with {x.shape[1]}"
        )
    return tuple(columns)


def _with_tabs(file, separator):
    for line in file:
        yield line.replace(separator, "\t")


def _chosen(names, wanted, argument):
    """The names of the columns of users, items, ratings and times."""
    if wanted is not None:
        wanted = list(wanted)
        strange = [x for x in wanted if x not in names]
        if strange or len(wanted) not in (3, 4):
            raise ValueError(
                "`columns` must name three or four columns of the table, "
                f"{', '.join(map(repr, names))}. Received: columns={wanted}"
            )
        return wanted
    lower = {str(name).lower(): name for name in names}
    found = {
        kind: next((lower[x] for x in usual if x in lower), None)
        for kind, usual in _NAMES.items()
    }
    times = [] if found["time"] is None else [found["time"]]
    usual = [found["user"], found["item"], found["rating"]]
    if None not in usual:
        return usual + times
    if len(names) not in (3, 4):
        raise ValueError(
            f"`{argument}` must have columns of users, items and ratings: pass "
            "their names as `columns`. Received: the columns "
            f"{', '.join(map(repr, names))}"
        )
    return names


def _joined(parts):
    """The columns of several tables as one column."""
    if len({x.dtype for x in parts}) > 1:
        # NumPy makes floating-point numbers of int64 and uint64.
        parts = [
            x.astype("int64")
            if x.dtype.kind == "u" and x.max(initial=0) < 2**63
            else x
            for x in parts
        ]
    return np.concatenate(parts)


def _coded(kind, names):
    """The sorted names, and the number of each row's name."""
    if names.dtype.kind == "O":
        lost = np.array([x is None or x != x for x in names])
    else:
        lost = names != names
    if np.any(lost):
        raise ValueError(
            f"`source` must name the {kind} of each rating. Received: "
            f"{int(np.sum(lost))} rows without one"
        )
    if names.dtype.kind == "f":
        end = 2 ** (np.finfo(names.dtype).nmant + 1)
        large = np.abs(names) >= end
        if large.any():
            raise ValueError(
                f"`source` must have {kind}s that are texts or integers: "
                f"{names.dtype} does not distinguish all numbers from {end} "
                f"on. Received: {kind} {names[large][0]:g}"
            )
        if (names == np.rint(names)).all():
            names = names.astype("int64")
    try:
        return np.unique(names, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"`source` must have {kind}s of one type, numbers or texts. "
            "Received: several types"
        ) from error


def _levels(scores, values):
    """The values, and the level of each rating; -1 for a missing rating."""
    missing = np.isnan(scores)
    found = np.unique(scores[~missing])
    if values is None:
        if len(found) > _MOST_VALUES:
            raise ValueError(
                f"`source` must have ratings of at most {_MOST_VALUES} values, "
                "unless `values` lists them. Round them to levels, such as "
                f"1 to 5. Received: {len(found)} values from {found[0]:g} to "
                f"{found[-1]:g}"
            )
        values = found
    values = np.asarray(values, "float64")
    strange = np.setdiff1d(found, values)
    if len(strange):
        raise ValueError(
            "`values` must have all values of the ratings. Received: values="
            f"{values.tolist()}, without {strange[:5].tolist()}"
        )
    levels = np.searchsorted(values, np.where(missing, values[0], scores))
    return values, np.where(missing, -1, levels)


def _latest(users, items, times, held, num_items):
    """Indices of the ratings that count: the latest one of each pair."""
    address = users.astype("int64") * num_items + items
    keys = (np.arange(len(users)), address)
    order = np.lexsort(keys if times is None else (keys[0], times, address))
    ends = np.append(np.diff(address[order]) != 0, True)
    kept = np.sort(order[ends])
    count = len(users) - len(kept)
    if count and len(np.unique(address[held])) + len(
        np.unique(address[~held])
    ) > len(kept):
        raise ValueError(
            "`test` must not have pairs of a user and an item that `source` "
            "has, too. Received: some that are in both"
        )
    if count:
        warnings.warn(
            f"{count} of {len(users)} ratings are of a pair of a user and an "
            "item that was rated again later: they are left out.",
            UserWarning,
            stacklevel=3,
        )
    return kept
