"""Tables of ratings, from files, frames, arrays, MovieLens and TFDS."""

import datetime
import sys
import types

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

from keras_rbm import data

# user, item, rating, time
ROWS = [
    (7, 20, 3, 100),
    (7, 10, 5, 300),
    (3, 10, 1, 200),
    (3, 30, 4, 400),
    (3, 20, 4, 500),
]
NAMES = ["userId", "movieId", "rating", "timestamp"]


def text(separator, names=False):
    lines = [NAMES] if names else []
    lines += ROWS
    return "".join(separator.join(map(str, row)) + "\n" for row in lines)


def assert_rows(ratings, rows=ROWS):
    found = zip(
        ratings.user_names[ratings.users].tolist(),
        ratings.item_names[ratings.items].tolist(),
        ratings.ratings.tolist(),
        ratings.times.tolist(),
        strict=True,
    )
    assert sorted(found) == sorted(rows)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("u.data", text("\t")),
        ("u1.base", text("\t")),
        ("ratings.dat", text("::")),
        ("ratings.csv", text(",", names=True)),
        ("ratings.tsv", text("\t", names=True)),
        ("numbers.csv", text(",")),
    ],
)
def test_files(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    found = data.ratings(tmp_path / name)
    assert found.name == name
    assert found.validation is found.test is None
    assert_rows(found.train)
    assert found.train.user_names.tolist() == [3, 7]
    assert found.train.item_names.tolist() == [10, 20, 30]
    assert found.train.values.tolist() == [1, 3, 4, 5]


@pytest.mark.parametrize(
    ("name", "separator"), [("u.data", "\t"), ("ratings.dat", "::")]
)
def test_ids_of_64_bits_of_files_are_exact(tmp_path, name, separator):
    ids = [2**60 + i for i in range(6)]
    rows = [(ids[i], ids[5 - i], 3 + i % 2, 100) for i in range(6)]
    lines = [separator.join(map(str, row)) for row in rows]
    (tmp_path / name).write_text("\n".join(lines))
    assert_rows(data.ratings(tmp_path / name).train, rows)


def test_ids_of_different_types_stay_exact():
    signed = np.array([2**60, 2**60 + 1])
    others = signed.astype("uint64") + np.uint64(2)
    found = data.ratings(
        (signed, signed, [1, 2]), test=(others, others, [1, 2])
    )
    for names in (found.train.user_names, found.train.item_names):
        assert names.tolist() == [2**60 + i for i in range(4)]


@pytest.mark.parametrize(("dtype", "end"), [("float64", 53), ("float32", 24)])
def test_ids_that_are_not_exact_are_refused(dtype, end):
    users = np.array([1, 2**end - 1], dtype)
    found = data.ratings((users, [1, 2], [3, 4])).train
    assert found.user_names.tolist() == [1, 2**end - 1]
    with pytest.raises(ValueError, match=r"must have items .* from \d+ on"):
        data.ratings(([1, 2], users + users[:1], [3, 4]))


def test_frames_and_arrays():
    frame = pd.DataFrame(ROWS, columns=NAMES)
    assert_rows(data.ratings(frame).train)
    strange = frame.rename(columns={"rating": "x"}).assign(y=1)
    columns = ["userId", "movieId", "x", "timestamp"]
    assert_rows(data.ratings(strange, columns=columns).train)
    users, items, scores, times = map(np.array, zip(*ROWS, strict=True))
    assert_rows(data.ratings((users, items, scores, times)).train)
    named = data.ratings((["b", "a"], ["x", "x"], [1, 2])).train
    assert named.user_names.tolist() == ["a", "b"]
    assert named.times is None
    dated = frame.assign(timestamp=pd.to_datetime(frame["timestamp"], unit="s"))
    late = data.ratings(dated, test_size=1, by="time").test
    assert late.ratings.tolist() == [4, 5]


def test_splits():
    frame = pd.DataFrame(ROWS, columns=NAMES)
    found = data.ratings(frame, validation_size=1, test_size=1, by="time")
    assert_rows(found.test, [ROWS[4], ROWS[1]])
    assert_rows(found.validation, [ROWS[3]])
    assert_rows(found.train, [ROWS[0], ROWS[2]])
    assert_rows(found.known, [ROWS[0], ROWS[2], ROWS[3]])
    given = data.ratings(frame[:3], test=frame[3:])
    assert_rows(given.train, ROWS[:3])
    assert_rows(given.test, ROWS[3:])
    assert given.train.num_items == 3
    with pytest.raises(ValueError, match="`test_size` must be 0"):
        data.ratings(frame[:3], test=frame[3:], test_size=1)
    with pytest.raises(ValueError, match="`test` must not have pairs"):
        data.ratings(frame, test=frame[3:])


def test_a_missing_value_is_a_rating_of_unknown_value():
    frame = pd.DataFrame(ROWS, columns=NAMES).astype({"rating": float})
    frame.loc[1, "rating"] = np.nan
    found = data.ratings(frame, test_size=1, by="random")
    unknown = found.train.levels < 0
    assert found.train.users[unknown].tolist() == [1]
    assert (found.test.levels >= 0).all()


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "tuple"])
@pytest.mark.parametrize("column", ["user", "item", "rating", None])
def test_missing_values_of_categorical_columns(kind, column):
    columns = {
        "user": ["a", "a", "b"],
        "item": ["x", "y", "x"],
        "rating": [3.0, None, 5.0],
    }
    if column in ("user", "item"):
        columns[column][1] = None
    elif column is None:
        columns["rating"][1] = 4.0
    frame = pd.DataFrame(columns).astype("category")
    source = pyarrow.table(
        {
            name: pyarrow.chunked_array([values]).dictionary_encode()
            for name, values in columns.items()
        }
    )
    if kind == "pandas":
        source = frame
    elif kind == "polars":
        source = polars.DataFrame(columns).with_columns(
            polars.col(polars.String).cast(polars.Categorical)
        )
    elif kind == "tuple":
        source = tuple(source.columns)
    if column in ("user", "item"):
        message = f"must name the {column} of each rating. Received: 1 rows"
        with pytest.raises(ValueError, match=message):
            data.ratings(source)
        return
    found = data.ratings(source).train
    assert found.user_names.tolist() == ["a", "b"]
    score = 4 if column is None else np.nan
    np.testing.assert_array_equal(found.ratings, [3, score, 5])


def test_the_latest_rating_of_a_pair_counts():
    frame = pd.DataFrame([*ROWS, (7, 10, 1, 50)], columns=NAMES)
    with pytest.warns(UserWarning, match="1 of 6 ratings"):
        assert_rows(data.ratings(frame).train)
    with pytest.warns(UserWarning, match="1 of 6 ratings"):
        found = data.ratings(frame.drop(columns="timestamp")).train
    assert found.ratings[found.users == 1].tolist() == [1, 3]


def test_values():
    frame = pd.DataFrame(ROWS, columns=NAMES)
    found = data.ratings(frame, values=[1, 2, 3, 4, 5]).train
    assert found.values.tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="`values` must have all values"):
        data.ratings(frame, values=[1, 2])
    many = np.arange(30)
    with pytest.raises(ValueError, match="at most 20 values"):
        data.ratings((many, many, many / 7))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (([1], [2]), "must be arrays of users, items, ratings"),
        (([1, 2], [2], [3]), "of one length"),
        (([1], [2], ["good"]), "must have numbers as ratings"),
        (([], [], []), "at least one rating"),
        (([np.nan], [1], [2]), "must name the user of each rating"),
        (([1], [2], [3], [np.nan]), "times that are numbers, or dates"),
        (pd.DataFrame({c: [1] for c in "abcde"}), "pass their names"),
    ],
)
def test_wrong_tables_are_refused(source, message):
    with pytest.raises(ValueError, match=message):
        data.ratings(source)


def test_wrong_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"u\.data"):
        data.ratings(tmp_path / "u.data")
    (tmp_path / "u.data").write_text("1\t2\tx\n")
    with pytest.raises(ValueError, match="must be a file of numbers"):
        data.ratings(tmp_path / "u.data")
    frame = pd.DataFrame(ROWS, columns=NAMES)
    with pytest.raises(ValueError, match="`columns` must name"):
        data.ratings(frame, columns=["user", "item", "rating"])


def test_movielens_of_a_folder(tmp_path):
    (tmp_path / "u.data").write_text(text("\t"))
    found = data.movielens(tmp_path, test_size=1)
    assert len(found.train) == 3
    assert len(found.test) == 2
    with pytest.raises(FileNotFoundError, match=r"without u2\.base"):
        data.movielens(tmp_path, fold=2)
    (tmp_path / "u2.base").write_text(text("\t"))
    (tmp_path / "u2.test").write_text("7\t30\t2\t600\n")
    found = data.movielens(tmp_path, fold=2)
    assert_rows(found.test, [(7, 30, 2, 600)])
    with pytest.raises(ValueError, match="`fold` must be 1 to 5"):
        data.movielens(tmp_path, fold=6)
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match=r"one of the files u\.data"):
        data.movielens(tmp_path / "none")


def test_movielens_of_tfds(monkeypatch):
    """A stand-in for TFDS, of which the test needs one method each."""
    users, items, scores, times = map(np.array, zip(*ROWS, strict=True))
    columns = {
        "user_id": users.astype("S"),
        "movie_id": items.astype("S"),
        "user_rating": scores.astype("float32"),
        "timestamp": times,
    }
    asked = []

    class Builder:
        prepared = True

        def is_prepared(self):
            return self.prepared

        def as_dataset(self, split):
            assert split == "train"
            batches = types.SimpleNamespace(as_numpy_iterator=lambda: [columns])
            return types.SimpleNamespace(batch=lambda size: batches)

    def builder(name):
        asked.append(name)
        return Builder()

    module = sys.modules[data.ratings.__module__]
    tfds = types.SimpleNamespace(builder=builder)
    monkeypatch.setattr(module, "of_extra", lambda *_: tfds)
    assert_rows(data.movielens(test_size=0).train)
    assert asked == ["movielens/100k-ratings"]
    Builder.prepared = False
    monkeypatch.setattr(module, "why_unreachable", lambda url: "cut")
    with pytest.raises(ConnectionError, match="--data_dir"):
        data.movielens()
    with pytest.raises(ValueError, match="`name` must be one of"):
        data.movielens(name="2k")


def test_splits_that_do_not_belong_together_are_refused():
    frame = pd.DataFrame(ROWS, columns=NAMES)
    train = data.ratings(frame).train
    with pytest.raises(ValueError, match="`train` must be Ratings"):
        data.RatingsData("x", frame)
    with pytest.raises(ValueError, match="each pair once"):
        data.RatingsData("x", train, test=train)
    other = data.ratings(frame[:3]).train
    with pytest.raises(ValueError, match="`test` must be Ratings of the same"):
        data.RatingsData("x", train, test=other)


@pytest.mark.parametrize("lost", ["NaT", "9999-12-31", "1500-01-01"])
@pytest.mark.parametrize("unit", ["D", "s"])
def test_a_date_that_is_missing_or_out_of_range_is_refused(lost, unit):
    times = np.array(["2020-01-01", lost], f"datetime64[{unit}]")
    message = rf"times that are numbers, or dates.*such as \['{lost}"
    with pytest.raises(ValueError, match=message):
        data.ratings(([1, 2], [1, 1], [3, 4], times))


def test_missing_times_of_frames_and_files_are_refused(tmp_path):
    frame = pd.DataFrame(ROWS, columns=NAMES)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], unit="s")
    frame.loc[2, "timestamp"] = pd.NaT
    (tmp_path / "u.data").write_text("1\t2\t3\t4\n1\t3\t4\tnan\n")
    late = polars.DataFrame(
        {
            "user": [1, 2],
            "item": [1, 1],
            "rating": [3, 4],
            "time": [None, datetime.date(2020, 1, 1)],
        }
    )
    numbers = late.with_columns(time=polars.Series([None, 5]))
    for source in (frame, late, numbers, tmp_path / "u.data"):
        with pytest.raises(ValueError, match="and none may be missing"):
            data.ratings(source)
    with pytest.raises(ValueError, match="`test` must have times that are"):
        data.ratings(late[1:], test=late[:1])


def test_a_missing_user_of_a_file_without_names_is_refused(tmp_path):
    (tmp_path / "u.data").write_text("1\t2\t3\t4\nnan\t3\t4\t5\n")
    with pytest.raises(ValueError, match="must name the user"):
        data.ratings(tmp_path / "u.data")


def test_masked_entries_are_refused():
    scores = np.ma.array([3, 4], mask=[True, False])
    with pytest.raises(ValueError, match="without masked entries"):
        data.ratings(([1, 2], [1, 1], scores))
    assert len(data.ratings(([1, 2], [1, 1], scores.data)).train) == 2


def test_a_table_of_missing_ratings_alone_is_refused():
    missing = ([1, 1, 2], [1, 2, 1], [np.nan] * 3)
    known = ([3, 3], [1, 2], [4, 5])
    for kwargs in ({}, {"values": [1, 2, 3]}, {"test": known}):
        with pytest.raises(ValueError, match="3 ratings, all of them"):
            data.ratings(missing, **kwargs)


def test_a_missing_rating_of_the_test_table_is_a_training_rating():
    found = data.ratings(
        ([1, 1], [1, 2], [4, 5]), test=([2, 2], [1, 2], [np.nan, 4])
    )
    assert found.test.ratings.tolist() == [4]
    np.testing.assert_array_equal(found.train.ratings, [4, 5, np.nan])


def test_options_of_text_files(tmp_path):
    path = tmp_path / "mine.csv"
    text = "# all\nuser;film;note\nJosé;Brazil;4,5\nAnn;Brazil;3,0\n"
    path.write_text(text, encoding="latin-1")
    options = {
        "separator": ";",
        "decimal": ",",
        "encoding": "latin-1",
        "comment": "#",
    }
    found = data.ratings(path, **options).train
    assert found.user_names.tolist() == ["Ann", "José"]
    assert found.ratings.tolist() == [3, 4.5]
    other = tmp_path / "other.csv"
    other.write_text("#\nuser;film;note\nJosé;Alien;4,5\n", "latin-1")
    assert len(data.ratings(path, test=other, **options).test) == 1
    for name in options:
        rest = {key: x for key, x in options.items() if key != name}
        with pytest.raises(ValueError, match=f"`{name}` must be the"):
            data.ratings(path, **rest)
    for name in ("separator", "decimal"):
        with pytest.raises(ValueError, match=f"`{name}` must be one char"):
            data.ratings(path, **{name: "::"})
