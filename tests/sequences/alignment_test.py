import keras
import numpy as np
import pytest

from keras_rbm import RBM, PersistentChain, sequences
from keras_rbm.sequences import Alignment
from tests import eager

FAMILY = Alignment.from_strings(
    ["ACD-F", "A-D-F", "ACDEF", "ACD-F", "-----"],
    ["one x", "two", "three", "four", "five"],
)


def test_one_hot():
    hot = FAMILY.one_hot()
    assert hot.shape == (5, 5 * 21)
    dense = np.asarray(hot[[2, 0]])
    assert dense.dtype == "float32"
    expected = np.eye(21)[FAMILY.codes[[2, 0]]].reshape(2, -1)
    np.testing.assert_array_equal(dense, expected)
    FAMILY.units.check_states(hot)


def test_rows_and_columns_keep_names_and_positions():
    part = FAMILY[[2, 0]].columns([4, 1])
    assert part.names == ("three", "one x")
    assert part.strings() == ["FC", "FC"]
    np.testing.assert_array_equal(part.positions, [5, 2])
    np.testing.assert_array_equal(part.columns([True, False]).positions, [5])
    assert FAMILY[1].shape == (1, 5)
    with pytest.raises(ValueError, match="must leave a column"):
        FAMILY.columns(np.zeros(5, bool))


def test_columns_of_a_reference():
    found = FAMILY.columns_of("one", first=10)
    assert found.strings()[2] == "ACDF"
    np.testing.assert_array_equal(found.positions, [10, 11, 12, 13])
    later = found.columns(found.gap_shares(axis=0) < 0.3)
    assert later.strings()[0] == "ADF"
    np.testing.assert_array_equal(later.positions, [10, 12, 13])


@pytest.mark.parametrize("unknown", ["gap", "missing"])
def test_all_letters_of_a_reference_have_numbers(unknown):
    """Also unknown letters, and letters in columns that are left out."""
    strings = ["AXC-D", "AACCD", "--CXX"]
    family = Alignment.from_strings(strings, "abc", unknown=unknown)
    found = family.columns_of("a")
    is_gap = unknown == "gap"
    numbers = [1, 3, 4] if is_gap else [1, 2, 3, 4]
    np.testing.assert_array_equal(found.positions, numbers)
    part = family[[2, 0, 1]].columns([4, 2]).filter(max_gaps=0.5)
    np.testing.assert_array_equal(part.columns_of("a", 11).positions, [14, 13])
    np.testing.assert_array_equal(part.columns_of("b").positions, [5, 3])
    # A second reference counts its own letters.
    again = found.columns_of("b").unique().columns_of("c", first=5)
    numbers = [5] if is_gap else [5, 7]
    np.testing.assert_array_equal(again.positions, numbers)


def test_numbers_of_long_sequences():
    codes = np.ones((2, 300), int)
    found = Alignment(codes).columns([0, 299]).columns_of("1", first=2)
    np.testing.assert_array_equal(found.positions, [2, 301])


def test_a_whole_name_comes_before_a_first_word():
    family = Alignment.from_strings(["AC", "AD"], ["one x", "one"])
    assert family.index("one") == 1
    assert family.index("one x") == 0
    assert family[:1].index("one") == 0


def test_filters():
    np.testing.assert_allclose(FAMILY.gap_shares(), [0.2, 0.4, 0, 0.2, 1])
    np.testing.assert_allclose(FAMILY.gap_shares(0), [0.2, 0.4, 0.2, 0.8, 0.2])
    assert len(FAMILY.filter(max_gaps=0.2)) == 3
    found = FAMILY.filter(max_gaps=0.0, max_column_gaps=0.5)
    assert found.strings() == ["ACDF"] * 3
    np.testing.assert_allclose(FAMILY.identity("one"), [1, 0.75, 1, 1, 0])
    assert len(FAMILY.filter(query="three", min_identity=0.7)) == 3
    assert FAMILY.unique().names == ("one x", "two", "three", "five")
    with pytest.raises(ValueError, match="needs a `query`"):
        FAMILY.filter(min_identity=0.5)
    with pytest.raises(ValueError, match="must leave a sequence"):
        FAMILY[4:].filter(max_gaps=0.5)
    with pytest.raises(ValueError, match="share from 0 to 1"):
        FAMILY.filter(max_gaps=20)
    with pytest.raises(ValueError, match="name='six'"):
        FAMILY.columns_of("six")


def test_frequencies_are_weighted_and_have_a_pseudocount():
    w = np.array([1.0, 0.5, 2.0, 0.0, 0.25])
    found = FAMILY.frequencies(w, pseudocount=2.0)
    assert found.shape == (5, 21)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    c = "-ACDEFGHIKLMNPQRSTVWY".index("C")
    assert np.isclose(found[1, c], (2 / 21 + 3.0) / (2 + 3.75))
    plain = FAMILY.frequencies(pseudocount=0)
    assert np.isclose(plain[1, c], 3 / 5)


def test_missing_entries_do_not_count():
    family = Alignment.from_strings(["AX", "AX", "CD"], unknown="missing")
    found = family.frequencies(pseudocount=0)
    assert found[1, "-ACD".index("D")] == 1
    with pytest.raises(ValueError, match="must be positive where"):
        family[:2].frequencies(pseudocount=0)


def test_fields_give_the_frequencies():
    fields = FAMILY.fields()
    assert np.isfinite(fields).all()
    mean = FAMILY.units.mean(np.zeros((1, 105), "float32"), {"bias": fields})
    np.testing.assert_allclose(
        np.reshape(mean, (5, 21)), FAMILY.frequencies(), rtol=1e-5
    )
    with pytest.raises(ValueError, match="`pseudocount` must be positive"):
        FAMILY.fields(pseudocount=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"codes": [[0.5]]}, "must hold integers"),
        ({"codes": [[21]]}, "from 0 to 20"),
        ({"codes": [[-2]]}, "from 0 to 20"),
        ({"codes": np.zeros((0, 3), int)}, "at least one of each"),
        ({"codes": [[1, 2]], "names": ["a", "b"]}, "`names` must have 1"),
        ({"codes": [[1, 2]], "positions": [1]}, "`positions` must have 2"),
    ],
)
def test_bad_alignments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Alignment(**arguments)


@pytest.mark.parametrize(
    "weights", [[1, 2], [1, 1, 1, 1, -1], [np.nan] * 5, [0] * 5]
)
def test_bad_weights_are_refused(weights):
    with pytest.raises(ValueError, match="`weights` must have"):
        FAMILY.frequencies(weights)
    with pytest.raises(ValueError, match='"gap" or "missing"'):
        sequences.Alignment.from_strings(["A"], unknown="x")


def test_a_model_learns_from_sequences_with_missing_entries():
    strings = ["ACGUX", "ACGUA", "AXGUA", "-CGUC"] * 8
    family = Alignment.from_strings(
        strings,
        alphabet=sequences.Alphabet("-ACGU", "X"),
        unknown="missing",
    )
    assert family.unknown == 16
    rbm = RBM(family.units, 3, PersistentChain(8), seed=0)
    with eager.updates():
        rbm.compile(keras.optimizers.SGD(0.1))
        rbm.fit(family.one_hot(), batch_size=8, updates=4, verbose=0)
    assert np.isfinite(rbm.kernel).all()
    assert np.isfinite(rbm.log_likelihood(family.one_hot()).lower)
