import operator
import pickle
import warnings

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.utils.estimator_checks import parametrize_with_checks

from keras_rbm import data, units
from keras_rbm.chains import ContrastiveDivergence
from keras_rbm.sklearn import RBMImputer
from keras_rbm.sklearn.encoding import Holed
from tests import eager

SMALL = {"n_components": 4, "updates": 1500, "random_state": 0}


def complete(count=240, seed=0):
    """A bit, numbers and a set of integers, all of which the bit decides."""
    rng = np.random.default_rng(seed)
    bit = rng.random(count) < 0.5
    return np.column_stack(
        [
            100 + 30 * bit + rng.normal(size=count),
            np.where(bit, 5, 2),
            np.where(bit, rng.integers(3, 5, count), rng.integers(0, 2, count)),
            -7 * bit + rng.normal(size=count),
        ]
    )


def holed(x, seed=0, share=0.25):
    x = x.copy()
    x[np.random.default_rng(seed).random(x.shape) < share] = np.nan
    return x


@pytest.fixture(scope="module")
def fitted():
    return RBMImputer(**SMALL).fit(holed(complete()))


@pytest.fixture
def eagerly():
    with eager.updates(), eager.functions():
        yield


@pytest.mark.slow
@parametrize_with_checks([RBMImputer(n_components=3, updates=2, num_sweeps=2)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_missing_entries_are_what_the_others_say(fitted):
    x = complete()
    seen = holed(x)
    found = fitted.transform(seen)
    lost = np.isnan(seen)
    np.testing.assert_array_equal(found[~lost], x[~lost])
    known = ~lost.all(axis=1) & ~np.isnan(seen[:, [0, 3]]).all(axis=1)
    assert np.mean((found[:, 1] == x[:, 1])[known & lost[:, 1]]) > 0.95
    assert set(np.unique(found[:, 2])) <= {0, 1, 3, 4}
    simple = SimpleImputer().fit_transform(seen)
    for column in (0, 3):
        rows = lost[:, column]
        errors = [
            np.sqrt(np.mean((y - x)[rows, column] ** 2))
            for y in (found, simple)
        ]
        assert errors[0] < 0.6 * errors[1]


def test_rows_are_filled_in_alike_by_themselves(fitted):
    seen = holed(complete())
    found = fitted.transform(seen)
    np.testing.assert_array_equal(fitted.transform(seen[7:40]), found[7:40])
    again = clone(fitted).fit_transform(seen)
    np.testing.assert_array_equal(again, found)
    same = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(same.transform(seen), found)


def test_draws_vary_as_the_data_do(fitted):
    x = complete()
    seen = holed(x, share=0.0)
    seen[:, 3] = np.nan
    tables = fitted.sample(seen, 40, random_state=0)
    assert tables.shape == (40, *x.shape)
    np.testing.assert_array_equal(
        tables[..., :3], np.tile(x[:, :3], (40, 1, 1))
    )
    low, high = np.quantile(tables[..., 3], [0.05, 0.95], axis=0)
    inside = np.mean((low <= x[:, 3]) & (x[:, 3] <= high))
    # A machine that has learned for so short a time is too wide, not too
    # narrow; but much narrower than the column.
    assert inside > 0.84
    assert tables[..., 3].std(axis=0).mean() < 0.7 * x[:, 3].std()
    np.testing.assert_array_equal(
        fitted.sample(seen, 2, random_state=3),
        fitted.sample(seen, 2, random_state=3),
    )
    assert np.any(tables[0] != tables[1])


def test_rows_without_any_entry_are_the_means(fitted):
    x = complete()
    nothing = np.full((200, 4), np.nan)
    (mean, *others) = fitted.transform(nothing)
    assert np.all(others == mean)
    # Means of 3/4 of 240 rows, with deviations of 15 and 3.6.
    np.testing.assert_allclose(mean[[0, 3]], x.mean(axis=0)[[0, 3]], atol=4)
    draws = fitted.sample(nothing, 3, random_state=0)
    # Each row of each table has draws of its own, also beyond one block.
    assert len(np.unique(draws[..., 0])) > 590
    draws = draws[0]
    share = np.mean(draws[:, 1] == 5)
    assert 0.25 < share < 0.75
    # The columns of a draw belong together.
    assert np.mean((draws[:, 0] > 115) == (draws[:, 1] == 5)) > 0.9


def test_units_are_chosen_by_the_observed_values():
    rng = np.random.default_rng(0)
    x = np.column_stack(
        [
            rng.normal(size=100),
            rng.integers(0, 2, 100),
            rng.integers(1, 5, 100),
            np.full(100, 3.0),
            np.full(100, np.nan),
            rng.standard_cauchy(100),
        ]
    )
    x[::7, :3] = np.nan
    encoder = Holed(x)
    assert encoder.units == units.Composite(
        units.Bernoulli(1), units.Softmax(1, 4), units.Gaussian(2)
    )
    states = encoder.encode(x)
    assert np.isnan(states).any(axis=1).sum() == len(x[::7])
    decoded = encoder.decode(np.where(np.isnan(states), 0, states))
    seen = ~np.isnan(x)
    np.testing.assert_allclose(decoded[seen], x[seen], rtol=1e-4, atol=1e-5)
    # A value that was not there is like a missing one.
    new = x[1:2].copy()
    new[:, 1:3] = 0.5, 9
    assert np.isnan(encoder.encode(new)[0, :5]).all()


def test_columns_of_one_value_and_of_none(fitted, eagerly):
    x = holed(complete())
    constant = np.full(len(x), 4.0)
    constant[::5] = np.nan
    more = np.column_stack([x, constant, np.full(len(x), np.nan)])
    imputer = clone(fitted)
    imputer.set_params(updates=2, num_sweeps=5, add_indicator=True)
    found = imputer.fit_transform(more)
    assert found.shape == (len(x), 5 + 6)
    assert np.all(found[:, 4] == 4)
    np.testing.assert_array_equal(found[:, 5:], np.isnan(more))
    names = imputer.get_feature_names_out()
    assert list(names[4:7]) == [
        "x4",
        "missingindicator_x0",
        "missingindicator_x1",
    ]
    assert "missingindicator_x5" in names
    imputer.set_params(keep_empty_features=True)
    found = imputer.fit_transform(more)
    assert np.all(found[:, 5] == 0)
    assert len(imputer.get_feature_names_out()) == found.shape[1] == 12
    alone = RBMImputer().fit(more[:, 4:])
    assert alone.model_ is None
    assert np.all(alone.transform(more[:, 4:]) == 4)
    assert alone.sample(more[:, 4:], 3).shape == (3, len(x), 1)


def test_complete_rows_can_be_learned_from(fitted, eagerly):
    x = complete()
    imputer = clone(fitted).set_params(updates=2, num_sweeps=5).fit(x)
    assert not len(imputer.indicator_features_)
    np.testing.assert_array_equal(imputer.transform(x), x)
    assert np.isfinite(imputer.transform(holed(x))).all()


@pytest.mark.slow
def test_other_chains_have_no_particles_to_start_from(fitted):
    imputer = clone(fitted).set_params(
        updates=10, num_sweeps=5, chain=ContrastiveDivergence(1)
    )
    assert np.isfinite(imputer.fit_transform(holed(complete()))).all()


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_data_frame_gives_a_data_frame(library):
    frames = pytest.importorskip(library)
    new = frames.table if library == "pyarrow" else frames.DataFrame
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b"], 150)
    size = rng.normal(size=150) + 6 * (kind == "a")
    columns = {
        "kind": [None if i % 5 == 0 else k for i, k in enumerate(kind)],
        "size": [None if i % 5 == 1 else s for i, s in enumerate(size)],
        "word": [f"word {i}" for i in range(150)],
        "same": [None if i % 5 == 2 else "c" for i in range(150)],
    }
    frame = new(columns)
    if library == "pandas":
        frame = frame.astype({"kind": "category"})
        frame.index = np.arange(150) + 10
    imputer = RBMImputer(
        3, updates=800, random_state=0, add_indicator=library != "pyarrow"
    )
    found = imputer.fit_transform(frame)
    assert isinstance(found, type(frame))
    names = list(frame.column_names if library == "pyarrow" else frame.columns)
    if library == "pandas":
        assert list(found.dtypes[names]) == list(frame.dtypes)
        assert list(found.index) == list(frame.index)
    elif library == "polars":
        assert list(found.schema.items())[:4] == list(frame.schema.items())
    else:
        assert found.schema.equals(frame.schema)
    values = found.to_pydict() if library == "pyarrow" else found
    filled, numbers = list(values["kind"]), list(values["size"])
    assert np.mean(np.array(filled)[::5] == kind[::5]) > 0.9
    assert all(filled[i] == kind[i] for i in range(150) if i % 5)
    assert all(numbers[i] == size[i] for i in range(150) if i % 5 != 1)
    assert set(values["same"]) == {"c"}
    if library != "pyarrow":
        assert list(found.columns) == list(imputer.get_feature_names_out())
        assert list(found["missingindicator_size"]) == [
            i % 5 == 1 for i in range(150)
        ]
    tables = imputer.sample(frame, 2, random_state=0)
    assert len(tables) == 2
    assert isinstance(tables[0], type(frame))


@pytest.mark.slow
def test_set_output_and_arrays_for_data_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(holed(complete()), columns=list("abcd"))
    imputer = RBMImputer(4, updates=10, random_state=0)
    schema = {"c": data.Category()}
    imputer.set_params(visible_units=schema).set_output(transform="pandas")
    found = imputer.fit_transform(frame)
    assert list(found.columns) == list("abcd")
    assert imputer.encoder_.schema["c"].kind == "category"
    other = imputer.transform(frame[list("dbca")])
    assert list(other.columns) == list("abcd")
    pandas.testing.assert_frame_equal(other, found)
    with pytest.warns(UserWarning, match="valid feature names"):
        array = imputer.set_output(transform="default").transform(
            frame.to_numpy()
        )
    np.testing.assert_array_equal(array, found.to_numpy())


def test_bad_input_is_refused(fitted):
    x = holed(complete())
    with pytest.raises(ValueError, match="infinity"):
        fitted.transform(np.where(np.isnan(x), np.inf, x))
    with pytest.raises(ValueError, match="infinity"):
        clone(fitted).fit(np.where(np.isnan(x), np.inf, x))
    with pytest.raises(ValueError, match="4 features"):
        fitted.transform(x[:, :3])
    with pytest.raises(ValueError, match="`num_sweeps` must be"):
        RBMImputer(num_sweeps=0).fit(x)
    with pytest.raises(ValueError, match='`visible_units` must be "auto"'):
        RBMImputer(visible_units={}).fit(x)
    with pytest.raises(ValueError, match="`n_imputations` must be"):
        fitted.sample(x, 0)


def test_dropped_columns_are_warned_of():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"a": complete()[:40, 0], "t": [f"word {i}" for i in range(40)]}
    )
    frame.loc[3, "t"] = None
    imputer = RBMImputer(2, updates=2, random_state=0)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        imputer.fit(frame)
    assert any("column 't', dropped as" in str(each.message) for each in found)
    with pytest.raises(ValueError, match="feature names should match"):
        imputer.transform(frame.rename(columns={"a": "b"}))
    frame.loc[2, "a"] = np.inf
    with pytest.raises(ValueError, match="Column 'a'"):
        imputer.transform(frame)


@pytest.mark.parametrize("library", ["array", "pandas", "Int64", "polars"])
def test_draws_of_integers_are_possible_values(library):
    rng = np.random.default_rng(0)
    size = rng.normal(size=300)
    x = np.column_stack([np.rint(8 + 4 * size).clip(0), size])
    x[rng.random(x.shape) < 0.2] = np.nan
    table = x
    if library in ("pandas", "Int64"):
        pandas = pytest.importorskip("pandas")
        table = pandas.DataFrame(x, columns=["children", "size"])
        if library == "Int64":
            table["children"] = table["children"].astype("Int64")
    elif library == "polars":
        polars = pytest.importorskip("polars")
        table = polars.DataFrame({"children": x[:, 0], "size": x[:, 1]})
    imputer = RBMImputer(4, updates=50, num_sweeps=20, random_state=0)
    imputer.fit(table)

    def numbers(found):
        return np.column_stack(
            [np.asarray(column, "float64") for column in columns_of(found)]
        )

    def columns_of(found):
        if library == "array":
            return found.T
        return [found[name] for name in ("children", "size")]

    lost = np.isnan(x[:, 0])
    for found in imputer.sample(table, n_imputations=5, random_state=0):
        drawn = numbers(found)
        own = drawn[lost, 0]
        np.testing.assert_array_equal(own, np.rint(own))
        assert own.min() >= np.nanmin(x[:, 0])
        assert own.max() <= np.nanmax(x[:, 0])
        np.testing.assert_array_equal(drawn[~lost, 0], x[~lost, 0])
        real = drawn[np.isnan(x[:, 1]), 1]
        assert (real != np.rint(real)).all()
    means = numbers(imputer.transform(table))[lost, 0]
    assert (means == np.rint(means)).all() == (library == "Int64")


# For tests of what a table becomes, not of what is learned.
QUICK = {"n_components": 2, "updates": 0, "num_sweeps": 2, "random_state": 0}


@pytest.mark.parametrize("names", [range(4), [2019, 2021, 2020, 3]], ids=str)
def test_columns_may_be_named_by_integers(names, eagerly):
    pandas = pytest.importorskip("pandas")
    x = holed(complete(40))
    x[:, 2] = np.nan  # Left out, wherever it is.
    frame = pandas.DataFrame(x, columns=np.array(names))
    imputer = RBMImputer(**QUICK, add_indicator=True).fit(frame)
    found = imputer.transform(frame)
    kept = [names[i] for i in (0, 1, 3)]
    marks = [f"missingindicator_{name}" for name in names]
    assert list(found.columns) == kept + marks
    seen = frame[kept].notna()
    assert (found[kept] == frame[kept])[seen].sum().sum() == seen.sum().sum()
    assert not found.isna().any(axis=None)
    turned = imputer.transform(frame[list(names)[::-1]])
    pandas.testing.assert_frame_equal(turned, found)
    (drawn,) = imputer.sample(frame, 1)
    assert list(drawn.columns) == kept + marks
    np.testing.assert_array_equal(imputer.transform(x), found.to_numpy("float"))


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_set_output_keeps_types(library, output):
    pytest.importorskip(output)
    frames = pytest.importorskip(library)
    new = frames.table if library == "pyarrow" else frames.DataFrame
    # Constants, which need no model.
    columns = {"k": ["u", None], "x": [0.5, None], "n": [3, 3]}
    imputer = RBMImputer(**QUICK, add_indicator=True)
    imputer.set_output(transform=output).fit(new(columns))
    found = imputer.transform(new(columns))
    assert type(found).__module__.startswith(output)
    assert list(found.columns) == list(imputer.get_feature_names_out())
    types = [str(found[name].dtype).lower() for name in found.columns]
    assert types[0] in ("str", "string", "object")
    assert types[1:3] == ["float64", "int64"]
    assert {kind[:4] for kind in types[3:]} == {"bool"}
    assert [list(found[name]) for name in "kxn"] == [
        ["u", "u"],
        [0.5, 0.5],
        [3, 3],
    ]
    with sklearn.config_context(transform_output=output):
        again = clone(imputer)
        del again._sklearn_output_config
        assert again.fit_transform(new(columns)).equals(found)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_data_frame_of_constants_is_filled_in(library):
    frames = pytest.importorskip(library)
    new = frames.table if library == "pyarrow" else frames.DataFrame
    frame = new({"a": [1.5, None, 1.5], "b": ["u", "u", None]})
    imputer = RBMImputer(**QUICK)
    found = imputer.fit_transform(frame)
    assert imputer.model_ is None
    assert imputer.encoder_.encode(frame).shape == (3, 0)
    for same in (found, *imputer.sample(frame, 2)):
        assert type(same) is type(frame)
        assert list(np.asarray(same["a"])) == [1.5] * 3
        assert list(np.asarray(same["b"])) == ["u"] * 3
    empty = new({"a": [None, None], "b": [None, None]})
    assert RBMImputer(**QUICK).fit_transform(empty).shape[1] == 0
    kept = RBMImputer(**QUICK, keep_empty_features=True)
    assert kept.fit_transform(empty).shape == (2, 2)
    with pytest.raises(ValueError, match="at least one row"):
        RBMImputer(**QUICK).fit(frame[:0])


@pytest.mark.parametrize("learned", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_the_result_has_the_library_of_the_rows(learned, library, eagerly):
    def new(name):
        frames = pytest.importorskip(name)
        make = frames.table if name == "pyarrow" else frames.DataFrame
        return make(
            {
                "kind": ["a", None, "b", "b"] * 5,
                "size": [0.5, 1.0, None, 4.0] * 5,
                "same": [None, "c", "c", "c"] * 5,
            }
        )

    imputer = RBMImputer(**QUICK, add_indicator=library != "pyarrow")
    imputer.fit(new(learned))
    frame = new(library)
    for found in (imputer.transform(frame), *imputer.sample(frame, 2)):
        assert type(found) is type(frame)
        column = np.asarray(found["kind"])
        assert set(column[1::4]) <= {"a", "b"}
        assert list(column[[0, 2, 3]]) == ["a", "b", "b"]
        size = np.asarray(found["size"])
        assert np.isfinite(size).all()
        assert list(size[[0, 1, 3]]) == [0.5, 1, 4]
        assert set(np.asarray(found["same"])) == {"c"}


def test_masked_entries_are_filled_in(eagerly):
    x = holed(complete(40))
    lost = np.isnan(x)
    masked = np.ma.array(np.where(lost, 999.0, x), mask=lost)
    imputer = RBMImputer(**QUICK, add_indicator=True)
    found = imputer.fit_transform(masked)
    np.testing.assert_array_equal(found, clone(imputer).fit_transform(x))
    np.testing.assert_array_equal(found[:, 4:], lost)


def test_columns_of_arrays_pass_through(eagerly):
    pandas = pytest.importorskip("pandas")
    x = holed(complete(40))
    same, other = [np.arange(3.0)] * 40, list(complete(40))
    frame = pandas.DataFrame({"a": x[:, 0], "same": same, "other": other})
    found = RBMImputer(**QUICK).fit_transform(frame)
    assert not found["a"].isna().any()
    for name in ("same", "other"):
        assert all(map(operator.is_, found[name], frame[name]))
    frame.loc[3, "same"] = None
    found = RBMImputer(**QUICK).fit_transform(frame)
    np.testing.assert_array_equal(found["same"][3], np.arange(3.0))


def test_sparse_columns_become_dense(eagerly):
    pandas = pytest.importorskip("pandas")
    x = holed(complete(40))
    frame = pandas.DataFrame(x, columns=list("abcd"))
    imputer = RBMImputer(**QUICK)
    expected = imputer.fit_transform(frame)
    for same in (
        frame.astype(pandas.SparseDtype("float64", np.nan)),
        frame.astype({"b": pandas.SparseDtype("float64", 0.0)}),
    ):
        pandas.testing.assert_frame_equal(imputer.transform(same), expected)
        found = RBMImputer(**QUICK).fit_transform(same)
        pandas.testing.assert_frame_equal(found, expected)


def test_the_columns_of_a_schema_have_any_order(eagerly):
    pandas = pytest.importorskip("pandas")
    x = holed(complete(40))
    frame = pandas.DataFrame({"a": x[:, 0], "b": x[:, 3], "t": [7.0] * 40})
    schema = data.Schema(
        {"t": data.Dropped(), "gone": data.Dropped()}
        | {name: data.Real() for name in "ba"},
        keeps_missing=True,
    )
    # Here a warning, such as one of entries of "t", is an error.
    imputer = RBMImputer(**QUICK, visible_units=schema)
    found = imputer.fit_transform(frame)
    assert list(found.columns) == ["a", "b", "t"]
    assert not found.isna().any(axis=None)
    # The imputer reads the columns of an array in the order of `fit`.
    with pytest.warns(UserWarning, match="valid feature names"):
        array = imputer.transform(frame.to_numpy())
    np.testing.assert_array_equal(array, found)


def test_a_schema_of_a_complete_table_serves(eagerly):
    """`data.table` returns it by default, for models that refuse NaN."""
    pandas = pytest.importorskip("pandas")
    x = complete(40)
    frame = pandas.DataFrame({"a": x[:, 0], "k": np.where(x[:, 1] > 3, *"uv")})
    schema = data.table(frame).schema
    assert not schema.keeps_missing
    frame.loc[3, "a"] = frame.loc[5, "k"] = None
    found = RBMImputer(**QUICK, visible_units=schema).fit_transform(frame)
    assert not found.isna().any(axis=None)


@pytest.mark.parametrize("kind", ["schema", "dict"])
def test_a_category_of_missing_entries_is_warned_of(kind, eagerly):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"k": ["u", "v"] * 20, "l": ["u", "v"] * 20})
    frame.loc[3, "k"] = None
    given = {"k": data.Category(missing=True)}
    if kind == "schema":
        given = data.table(frame).schema
    imputer = RBMImputer(**QUICK, visible_units=given)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = imputer.fit_transform(frame)
    texts = [str(each.message) for each in warned]
    assert sum("Received: column 'k', Category(mis" in x for x in texts) == 1
    assert found.isna().sum().to_dict() == {"k": 1, "l": 0}


@pytest.mark.parametrize(
    "argument",
    [{"add_indicator": "no"}, {"keep_empty_features": None}, {"updates": -1}],
    ids=lambda argument: "".join(argument),
)
def test_bad_arguments(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"`{name}`.*Received: {name}="):
        RBMImputer(**QUICK | argument).fit(complete(20))
