import numpy as np
import pytest

from keras_rbm import sequences
from keras_rbm.sequences import DNA, PROTEIN, RNA, Alphabet
from keras_rbm.sequences.alphabet import named

NAMES = ["one", "two"]


@pytest.mark.parametrize("missing", [False, True])
def test_letters_have_their_numbers(missing):
    alphabet = Alphabet("01_", "XY", gap_letter="_")
    assert len(alphabet) == 3
    assert alphabet.gap == 2
    codes, unknown = alphabet.encode(["10_", "XY1"], NAMES, missing)
    lost = -1 if missing else 2
    np.testing.assert_array_equal(codes, [[1, 0, 2], [lost, lost, 1]])
    assert codes.dtype == np.int8
    assert unknown == 2
    strings = ["10_", "??1"] if missing else ["10_", "__1"]
    assert alphabet.decode(codes) == strings


@pytest.mark.parametrize(
    ("strings", "message"),
    [
        (["AC", "A1"], "'1' in column 2 of 'two'; 1 of 4 letters are not such"),
        (["Ä€", "AC"], "'Ä' in column 1 of 'one'; 2 of 4 letters"),
        (["A?", "AC"], r"letters '-ACGT' and 'N.*Received: '\?' in column 2"),
        (["AC", "aC"], "format=\"a2m\" leaves out.*Received: 'a'"),
        (["A.", "AC"], "format=\"a2m\" leaves out.*Received: '.'"),
    ],
)
def test_other_letters_are_refused_with_their_place(strings, message):
    with pytest.raises(ValueError, match=message):
        DNA.encode(strings, NAMES)


def test_only_insertions_are_taken_for_insertions():
    """A lower-case letter that has no upper-case one in the alphabet."""
    with pytest.raises(ValueError, match="Received: 'u'") as caught:
        DNA.encode(["AC", "uC"], NAMES)
    assert "a2m" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-",), "`letters` must be 2 to 100"),
        (("A",), "`letters` must be 2 to 100"),
        (("".join(map(chr, range(33, 135))),), "`letters` must be 2 to 100"),
        (("-AA",), "letters='-AA'"),
        (("-A", "A"), "unknown='A'"),
        (("-A?",), r"letters='-A\?'"),
        (("-A>",), "letters='-A>'"),
        (("-A ",), "letters='-A '"),
        (("-AÄ",), "letters='-AÄ'"),
        (("AC",), "`gap_letter` must be one of the letters.*gap_letter='-'"),
        (("-AC", "", ""), "gap_letter=''"),
        (("-AC", "", "-A"), "gap_letter='-A'"),
    ],
)
def test_bad_alphabets_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Alphabet(*arguments)


def test_the_alphabets_of_biology():
    """Each letter of IUPAC's codes stands for itself or is unknown."""
    for alphabet, size, letters in (
        (PROTEIN, 21, "ACDEFGHIKLMNPQRSTVWYBJOUXZ*-"),
        (RNA, 5, "ACGURYSWKMBDHVN-"),
        (DNA, 5, "ACGTRYSWKMBDHVN-"),
    ):
        assert len(alphabet) == size
        codes, unknown = alphabet.encode([letters], ["all"])
        assert unknown == len(letters) - size
        assert set(codes[0]) == set(range(size))


def test_an_alphabet_has_a_name():
    for name, alphabet in (("protein", PROTEIN), ("rna", RNA), ("dna", DNA)):
        assert named(name) is alphabet
    own = Alphabet("-01")
    assert named(own) is own
    for wrong in ("RNA", "", None, ["rna"]):
        with pytest.raises(ValueError, match="`alphabet` must be one of"):
            named(wrong)


def test_decode():
    family = sequences.Alignment.from_strings(["AC-W", "YYAA"])
    assert sequences.decode(family.one_hot()[:]) == ["AC-W", "YYAA"]
    assert sequences.decode(family.codes) == ["AC-W", "YYAA"]
    assert sequences.decode([[1, 0, -1]], PROTEIN) == ["A-?"]
    with pytest.raises(ValueError, match="21 columns for each position"):
        sequences.decode(np.zeros((2, 20)))
    with pytest.raises(ValueError, match="from 0 to 20"):
        sequences.decode([[21]])
