import math

import numpy as np
import pandas
import pyarrow
import pytest
from scipy import stats

from keras_rbm import data
from keras_rbm.data import columns
from tests.data.made_up_table import people


def column_of(*values, dtype=None):
    return pyarrow.chunked_array([pyarrow.array(values, dtype)])


@pytest.mark.parametrize(
    ("column", "values", "states"),
    [
        (data.Binary(("no", "yes")), ["yes", "no"], [[1], [0]]),
        (
            data.Category(("a", "b"), missing=True),
            ["b", None, "a"],
            [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
        ),
        (data.Count(9, 3), [3, 9, 5], [[0], [6], [2]]),
        (data.Real(10.0, 2.0), [8.0, 13.0], [[-1], [1.5]]),
        (data.Logarithm(1.0, 2.0), [math.e, math.e**5], [[0], [2]]),
        # Linear beyond the knots, too.
        (
            data.Quantiles((0.0, 1.0, 5.0), (-1.0, 0.0, 1.0)),
            [-0.5, 0.5, 3.0, 7.0],
            [[-1.5], [-0.5], [0.5], [1.5]],
        ),
        (data.Positive(4.0), [0.0, 2.0], [[0], [0.5]]),
    ],
    ids=lambda x: getattr(x, "kind", None),
)
def test_values_have_their_states(column, values, states):
    assert column.is_fitted
    assert column.width == len(states[0]) == column.units(1).width
    found = column.encode("x", column_of(*values))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, states, rtol=1e-6)
    close = isinstance(column, columns.Number)
    wanted = pytest.approx(values, rel=1e-6) if close else values
    assert column.decode(found).to_pylist() == wanted
    assert type(column).from_config(column.get_config()) == column


def test_a_dropped_column_has_no_states():
    column = data.Dropped("free text")
    assert column.encode("x", column_of("a", "b")).shape == (2, 0)
    assert column.units(1) is None
    with pytest.raises(ValueError, match="has no values"):
        column.decode(np.zeros((2, 0)))


def test_arguments_that_are_left_out_are_computed():
    """Bounds and categories of all rows, moments of the training rows."""
    numbers = column_of(3, 5, 10)
    training = np.array([0, 1])
    for column, expected in (
        (data.Count(), data.Count(10, 3)),
        (data.Count(most=20), data.Count(20, 3)),
        (data.Real(), data.Real(4.0, 1.0)),
        (data.Real(mean=0.0), data.Real(0.0, 1.0)),
        (data.Category(), data.Category((3, 5, 10), False)),
    ):
        assert not column.is_fitted
        found = column.fitted("x", numbers, training)
        assert found.is_fitted
        assert found == expected
    found = data.Positive().fitted("x", numbers, training)
    assert found.scale == pytest.approx(np.sqrt((3**2 + 5**2) / 2))
    logs = data.Logarithm().fitted("x", column_of(1.0, math.e**4), None)
    assert (logs.mean, logs.deviation) == pytest.approx((2, 2))
    words = column_of("b", None, "a", "b")
    found = data.Category().fitted("x", words, None)
    assert found == data.Category(("a", "b"), True)
    # The three values are in the middles of thirds of the normal law.
    third = data.Quantiles().fitted("x", numbers, None)
    assert third.values == (3, 5, 10)
    np.testing.assert_allclose(
        stats.norm.cdf(third.normal), [1 / 6, 1 / 2, 5 / 6]
    )


@pytest.mark.parametrize(
    ("column", "values", "match"),
    [
        (data.Binary(), (1, 2, 3), "'x' must hold two values to be `Binary`"),
        (data.Category(), (1, 1), "'x' must hold two values or more to be a"),
        (data.Logarithm(), (0, 1), "'x' must hold positive numbers to be enc"),
        (data.Real(), (math.inf, 1.0), "'x' must hold finite numbers.*: inf"),
        (data.Count(), (None, math.nan), "'x' .*: only missing values"),
        (data.Real(), (1e308, -1e308), "'x' .*variance is finite. Divide them"),
    ],
)
def test_values_that_a_column_cannot_be_fitted_to(column, values, match):
    with pytest.raises(ValueError, match=match):
        column.fitted("x", column_of(*values), None)


def test_a_table_passes_the_errors_of_its_columns_on():
    huge = pandas.DataFrame({"x": [1e308, -1e308, 0.5] * 9})
    with pytest.raises(ValueError, match="Divide them"):
        data.table(huge)
    with pytest.raises(ValueError, match="by their logarithms"):
        data.table(people().assign(age=-1.5), {"age": data.Logarithm()})


@pytest.mark.parametrize(
    ("values", "dtype", "family", "distinct", "missing"),
    [
        ((True, None, True), None, "bool", (True,), 1),
        ((3, 1, 3), pyarrow.uint8(), "integer", (1, 3), 0),
        ((0.0, -0.0, math.nan, None), None, "float", (0.0,), 2),
        (("b", "a", None), None, "text", ("a", "b"), 1),
        (("b", "a", "b"), pyarrow.large_string(), "text", ("a", "b"), 0),
        ((None, None), None, "null", (), 2),
    ],
)
def test_what_a_column_holds(values, dtype, family, distinct, missing):
    column = column_of(*values, dtype=dtype)
    for same in (column, column.dictionary_encode()):
        if family != "null" or same is column:
            assert columns.family(same) == family
            assert columns.distinct(same) == distinct
            assert columns.num_distinct(same) == len(distinct)
            assert columns.num_missing(same) == missing
    assert columns.family(column_of([1])) == "other"


def test_tails_are_heavy_above_a_kurtosis_of_10():
    """Where a share p is -1 or 1, in equal parts, and the rest 0: 1 / p."""
    for zeros, expected in ((16, False), (20, True)):
        assert (
            columns.has_heavy_tails(np.r_[np.zeros(zeros), -1, 1]) == expected
        )


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: data.Binary(["a"]), "2 different values"),
        (lambda: data.Category(["a", "a"]), "1 or more different values"),
        (lambda: data.Category(["a", 1]), "one type"),
        (lambda: data.Category(["a"], missing=False), "two or more"),
        (lambda: data.Count(1, 1), "`most` must be greater"),
        (lambda: data.Real(0.0, 0.0), "`deviation` must be a positive"),
        (lambda: data.Positive(-1.0), "`scale` must be a positive"),
        (lambda: data.Quantiles((0, 0), (0, 1)), "rising numbers"),
    ],
)
def test_what_is_no_column(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("job", "c", "'job' must hold the values of its schema.*'c' in 1 rows"),
        ("smokes", None, "'smokes' must have no missing values; 1 of 60"),
        ("age", 17.0, "'age' must hold integers from"),
        ("age", 30.5, "30.5 in row 3"),
        ("height", math.nan, r"'height' .*1 of 60 rows .*Dropped\(\)"),
        ("height", math.inf, "inf in row 3"),
        ("height", "tall", "'height' must hold numbers"),
        ("wait", -1.0, "'wait' must hold numbers of 0 or more"),
    ],
)
def test_values_that_the_schema_does_not_allow(name, value, match):
    frame = people()
    schema = data.table(frame).schema
    frame[name] = frame[name].astype(object)
    frame.loc[3, name] = value
    if not isinstance(value, str) and value is not None:
        frame[name] = frame[name].astype(float)
    if value == "tall":
        frame[name] = frame[name].astype(str)
    with pytest.raises(ValueError, match=match):
        schema.encode(frame)


def test_categories_may_come_as_another_type():
    column = data.Category(["1", "2", "x"])
    schema = data.Schema({"a": column.fitted("a", column_of("1"), None)})
    x = schema.encode(pandas.DataFrame({"a": [2, 1]}))
    np.testing.assert_array_equal(x, [[0, 1, 0], [1, 0, 0]])


def test_numbers_come_back_with_their_own_digits():
    mass = np.round(np.random.default_rng(0).normal(4000, 500, 200), 1)
    frame = pandas.DataFrame(
        {"mass": mass, "tiny": mass * 1e-9, "big": mass * 1e5}
    )
    schema = data.table(frame).schema
    back = schema.decode(schema.encode(frame))
    np.testing.assert_array_equal(back["mass"], mass)
    for name in ("tiny", "big"):
        np.testing.assert_allclose(back[name], frame[name], rtol=1e-6)


@pytest.mark.parametrize(
    "column",
    [data.Real(), data.Positive(), data.Logarithm(), data.Quantiles()],
    ids=lambda column: column.kind,
)
def test_the_jacobian_is_the_slope_of_encode(column):
    values = np.exp(np.random.default_rng(0).normal(size=200))
    frame = pandas.DataFrame({"x": values, "y": [0, 1] * 100})
    column = data.table(frame, {"x": column}).schema["x"]
    # Not at a knot, where the slope jumps.
    points = np.sort(values)[:-1] + 0.3 * np.diff(np.sort(values))
    points = points[np.diff(np.sort(values)) > 1e-3]
    step = 1e-6
    slope = column.forward(points + step) - column.forward(points - step)
    got = column.log_jacobian(column.forward(points)[:, None])
    wanted = np.log(slope / (2 * step))
    if column.kind == "quantiles":
        # A knot may lie within a step.
        close = np.isclose(got, wanted, atol=1e-3)
        assert close.mean() > 0.95
    else:
        np.testing.assert_allclose(
            np.broadcast_to(got, wanted.shape), wanted, atol=1e-4
        )


def test_quantiles_are_normal():
    values = np.random.default_rng(0).standard_cauchy(2000)
    table = data.table(pandas.DataFrame({"x": values}))
    assert isinstance(table.schema["x"], data.Quantiles)
    x = table.train[:, 0]
    assert abs(x.mean()) < 0.02
    assert abs(x.std() - 1) < 0.02
    assert np.abs(x).max() < 4
    # Most values the same: they become one.
    tied = np.where(np.arange(2000) % 10, 0.0, values)
    table = data.table(pandas.DataFrame({"x": tied}), {"x": data.Quantiles()})
    assert np.isfinite(table.schema.log_jacobian(table.train)).all()


def test_quantiles_beside_one_huge_value_are_normal():
    values = np.append(np.random.default_rng(0).normal(size=999), 1e12)
    table = data.table(pandas.DataFrame({"x": values}))
    assert isinstance(table.schema["x"], data.Quantiles)
    x = table.train[:, 0]
    assert abs(x.std() - 1) < 0.02
    found = table.schema.decode(table.train)["x"]
    usual = values < 2.5  # Beyond, the map is linear up to the huge value.
    np.testing.assert_allclose(found[usual], values[usual], atol=1e-4)


def test_rounding_errors_around_0_are_one_knot():
    rng = np.random.default_rng(0)
    noise = 1e-16 * rng.normal(size=1600)
    values = np.append(noise, rng.lognormal(0, 3, 400))
    frame = pandas.DataFrame({"x": values})
    schema = data.table(frame, {"x": data.Quantiles()}).schema
    near = schema.encode(pandas.DataFrame({"x": [-0.01, 0.0, 0.01]}))[:, 0]
    # The gap between them and the next values is the steepest piece.
    assert np.ptp(near) < 100


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_numbers_are_booleans_only_if_they_are_0_and_1(dtype):
    schema = data.Schema({"on": data.Binary((False, True))})
    values = np.array([1, 0, 1], dtype)
    found = schema.encode(pandas.DataFrame({"on": values}))
    np.testing.assert_array_equal(found[:, 0], values)
    for wrong in (9, -1):
        frame = pandas.DataFrame({"on": np.array([0, wrong], dtype)})
        with pytest.raises(ValueError, match=rf"values of its .*{wrong}"):
            schema.encode(frame)


def test_arguments_may_be_numbers_of_numpy(tmp_path):
    columns = {
        "a": data.Count(most=np.int64(9), least=np.int32(0)),
        "b": data.Real(mean=np.float64(0.5), deviation=np.float32(2)),
    }
    data.Schema(columns).save(tmp_path / "schema.json")
    found = data.Schema.load(tmp_path / "schema.json")
    assert dict(found.columns) == columns


def test_integers_beyond_those_with_a_sign():
    large = 2**63 + 5
    frame = pandas.DataFrame({"h": np.array([1, large, 1, large], "uint64")})
    schema = data.table(frame).schema
    assert schema["h"].values == (1, large)
    pandas.testing.assert_frame_equal(
        schema.decode(schema.encode(frame)), frame
    )
