import math
import tracemalloc

import numpy as np
import pandas
import pyarrow
import pytest

from keras_rbm import data, units
from tests.data.made_up_table import people


def test_the_kinds_that_are_inferred():
    schema = data.table(people()).schema
    assert {name: column.kind for name, column in schema.columns.items()} == {
        "number": "dropped",
        "smokes": "binary",
        "job": "category",
        "age": "count",
        "height": "real",
        "wait": "positive",
        "income": "quantiles",
        "planet": "dropped",
        "note": "dropped",
        "born": "dropped",
    }
    assert schema["smokes"].values == ("no", "yes")
    assert schema["job"] == data.Category(("a", "b"), missing=True)
    reasons = [schema[n].reason for n in ("number", "planet", "note", "born")]
    for reason, part in zip(
        reasons,
        ("consecutive numbers", "constant: 'Earth'", "identifier", "timestamp"),
        strict=True,
    ):
        assert part in reason
    assert schema.units == units.Composite(
        units.Bernoulli(1),
        units.Softmax(1, 3),
        units.Binomial(1, schema["age"].most - schema["age"].least),
        units.Gaussian(2),
        units.ReLU(1),
    )


def test_integers_that_no_binomial_law_can_stand_for_are_numbers():
    """Ages of 130 to 170 have 21 times the variance of a binomial law."""
    frame = pandas.DataFrame({"age": [130, 170, 155, 139, 161] * 9})
    table = data.table(frame)
    assert isinstance(table.schema["age"], data.Real)
    assert table.schema.decode(table.train).equals(frame)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.5, None] * 20, data.Category((0.5,), True)),
        ([1, 2] * 20, data.Binary((1, 2))),
        ([True, False, None] * 20, data.Category((False, True), True)),
        ([3.0, 4.0, 9.0] * 20, data.Count(9, 3)),
        ([0, 20, 1] * 20, data.Count(20, 0)),
        # Twice the variance of a binomial law.
        ([9, *[20] * 20, 31] * 3, data.Count(31, 9)),
        ([None] * 20, data.Dropped("no values")),
        (
            [1, "a"] * 20,
            data.Dropped("values of several types, or of an unknown type"),
        ),
        (
            [2**70, 1] * 20,
            data.Dropped("values of several types, or of an unknown type"),
        ),
        ([0.0, -0.0] * 20, data.Dropped("constant: 0.0 in all rows")),
        (
            [[1]] * 20,
            data.Dropped(
                "values of type list<item: int64>, for which there are no units"
            ),
        ),
        (
            [f"{i % 12}" for i in range(20)],
            data.Dropped(
                "free text, or too many categories: 12 values in 20 rows"
            ),
        ),
    ],
)
def test_the_kind_of_a_column(values, kind):
    rows = len(values)
    frame = {
        "x": pandas.Series(values, dtype=object),
        "y": [0, 1] * (rows // 2),
    }
    assert data.table(pandas.DataFrame(frame)).schema["x"] == kind


def test_identifiers_by_name():
    rng = np.random.default_rng(0)
    numbers = rng.choice(10**6, 50, replace=False)
    for name, kind in (
        ("customer_id", "dropped"),
        ("userId", "dropped"),
        ("paid", "positive"),
    ):
        frame = pandas.DataFrame({name: numbers, "y": numbers % 2})
        assert data.table(frame).schema[name].kind == kind


def test_heavy_tails_as_the_argument_says():
    frame = people()
    for how, kind in (
        ("quantiles", data.Quantiles),
        ("logarithm", data.Logarithm),
        ("standardize", data.Real),
    ):
        schema = data.table(frame, heavy_tails=how).schema
        assert isinstance(schema["income"], kind)
    frame["income"] -= frame["income"].min()
    schema = data.table(frame, heavy_tails="logarithm").schema
    assert isinstance(schema["income"], data.Quantiles)
    with pytest.raises(ValueError, match="Received: heavy_tails='x'"):
        data.table(frame, heavy_tails="x")


def test_moments_are_those_of_the_training_rows():
    frame = people()
    table = data.table(frame, validation_size=0.1, test_size=20, seed=1)
    counts = len(table.train), len(table.validation), len(table.test)
    assert counts == (34, 6, 20)
    (column,) = (table.schema.slices[name] for name in ("height",))
    height = table.train[:, column]
    np.testing.assert_allclose(height.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(height.std(), 1, atol=1e-6)
    rows = np.concatenate([table.train, table.validation, table.test])
    again = table.schema.encode(frame)
    order = np.lexsort(rows.T), np.lexsort(again.T)
    np.testing.assert_array_equal(rows[order[0]], again[order[1]])
    whole = data.table(frame)
    assert whole.validation is None
    np.testing.assert_array_equal(whole.train, whole.schema.encode(frame))


def test_no_rows_are_cut_for_a_share_of_0():
    frame = people()
    expected = data.table(frame)
    for zero in (0.0, -0.0, np.float64(0)):
        table = data.table(frame, validation_size=zero, test_size=zero)
        assert table.validation is table.test is table.source_rows is None
        np.testing.assert_array_equal(table.train, expected.train)
        table = data.table(frame, validation_size=zero, test_size=0.25)
        assert (len(table.train), table.validation) == (45, None)
        assert len(table.test) == 15


def test_a_schema_overrides_what_is_inferred(tmp_path):
    frame = people()
    table = data.table(frame, {"age": data.Real(), "job": data.Dropped()})
    assert isinstance(table.schema["age"], data.Real)
    assert table.schema["age"].mean == pytest.approx(frame["age"].mean())
    assert table.schema["job"].reason == "by choice"
    changed = table.schema.replace({"age": data.Count(120, 0)})
    path = tmp_path / "schema.json"
    changed.save(path)
    again = data.table(frame, path)
    assert again.schema == changed
    assert again.schema.units.parts[1] == units.Binomial(1, 120)
    rows = again.schema.decode(again.train)
    assert rows["age"].dtype == frame["age"].dtype
    assert rows["age"].tolist() == frame["age"].tolist()
    with pytest.raises(ValueError, match="`schema` must name columns"):
        data.table(frame, {"x": data.Real()})
    with pytest.raises(ValueError, match=r"Received: schema\['age'\]='Real'"):
        data.table(frame, {"age": "Real"})
    with pytest.raises(ValueError, match="Received: schema=3"):
        data.table(frame, 3)


@pytest.mark.parametrize("name", ["decimal", "separator"])
@pytest.mark.parametrize("mark", ["", "..", 1])
def test_marks_of_a_text_are_single_characters(name, mark):
    with pytest.raises(ValueError, match=f"`{name}` must be one character"):
        data.table("none.csv", **{name: mark})


def test_a_missing_number_is_refused():
    frame = people()
    frame.loc[[3, 5], "height"] = math.nan
    with pytest.raises(ValueError, match=r"'height' .*; 2 of 60 rows"):
        data.table(frame)
    table = data.table(frame, {"height": data.Dropped("has gaps")})
    assert "height" not in table.schema.slices


def test_a_column_without_values_in_the_training_rows_is_dropped():
    values = np.where(np.arange(40) < 3, [0.1, 0.25, 0.4, *[0] * 37], np.nan)
    frame = pandas.DataFrame({"x": values, "y": np.arange(40) % 2})
    for seed in range(30):
        table = data.table(frame, test_size=0.8, seed=seed, missing="nan")
        in_training = set(table.source_rows[: len(table.train)]) & {0, 1, 2}
        dropped = isinstance(table.schema["x"], data.Dropped)
        assert dropped == (not in_training)


def test_missing_values_may_become_nan(tmp_path):
    frame = people(200)
    rng = np.random.default_rng(1)
    for name in ("smokes", "age", "height", "wait"):
        frame[name] = frame[name].astype(object)
        frame.loc[rng.random(200) < 0.3, name] = None
    frame["height"] = frame["height"].astype(float)
    frame["wait"] = frame["wait"].astype(float)
    frame["age"] = frame["age"].astype("Int64")
    table = data.table(
        frame, {"job": data.Category()}, test_size=50, missing="nan"
    )
    schema = table.schema
    assert isinstance(schema["smokes"], data.Binary)
    assert isinstance(schema["age"], data.Count)
    assert isinstance(schema["wait"], data.Positive)
    assert schema["job"] == data.Category(("a", "b"), False)
    x = np.concatenate([table.train, table.test])[np.argsort(table.source_rows)]
    for name, columns in schema.slices.items():
        lost = np.isnan(x[:, columns])
        expected = frame[name].isna().to_numpy()
        np.testing.assert_array_equal(lost.all(axis=1), expected)
        np.testing.assert_array_equal(lost.any(axis=1), expected)
    assert np.isfinite(schema.log_jacobian(x)).all()
    schema.save(tmp_path / "schema.json")
    again = data.Schema.load(tmp_path / "schema.json")
    np.testing.assert_array_equal(again.encode(frame), schema.encode(frame))
    # What a category stands for is no hole.
    schema = data.table(
        frame, {"job": data.Category(missing=True)}, missing="nan"
    ).schema
    assert schema["job"].num_categories == 3
    with pytest.raises(ValueError, match='`missing` must be "category" or'):
        data.table(frame, missing="mean")


def test_tables_that_cannot_be_learned_from(tmp_path):
    frame = people()
    with pytest.raises(ValueError, match=r"keep at least one[\s\S]*planet"):
        data.table(frame[["planet", "note"]])
    with pytest.raises(ValueError, match="with 0 rows"):
        data.table(frame[:0])
    (tmp_path / "a.csv").write_text("x,y\n")
    with pytest.raises(ValueError, match="at least one row"):
        data.table(tmp_path / "a.csv")


def test_memory_holds_the_rows_once():
    """NumPy's part of it: two columns at work beside the arrays."""
    rng = np.random.default_rng(0)
    rows = 200_000
    arrow = pyarrow.table(
        {f"column {i}": rng.normal(size=rows) for i in range(20)}
    )
    tracemalloc.start()
    table = data.table(arrow, test_size=0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    held = table.train.nbytes + table.test.nbytes
    assert held == 4 * 20 * rows
    # A column at work takes some arrays of float64; the check for finite
    # values takes a quarter of what is held.
    assert peak < 1.25 * held + 8 * 8 * rows


@pytest.mark.parametrize("write", ["to_parquet", "to_csv", "to_csv twice"])
def test_the_index_that_pandas_writes_is_dropped(tmp_path, write):
    path = tmp_path / ("a.csv" if "csv" in write else "a.parquet")
    frame = pandas.DataFrame({"x": np.random.default_rng(0).normal(size=90)})
    frame = frame[frame["x"] > 0]
    getattr(frame, write.split()[0])(path)
    if "twice" in write:
        pandas.read_csv(path).to_csv(path, index=False)
    schema = data.table(path).schema
    (index,) = set(schema.columns) - {"x"}
    assert schema[index].reason.startswith("an identifier")
