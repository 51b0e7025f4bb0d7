import numpy as np
import pytest

from keras_rbm import sequences
from keras_rbm.sequences import Alignment, Alphabet, reweighting


def relatives(count, width, letters=4, seed=0):
    """Sequences with close relatives, in random order."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(letters, size=(max(count // 4, 1), width))
    codes = codes[rng.integers(len(codes), size=count)]
    changed = rng.random(codes.shape) < 0.12
    codes = np.where(changed, rng.integers(letters, size=codes.shape), codes)
    return Alignment(codes, alphabet=Alphabet("-ABC"))


def counted(alignment, identity):
    codes = alignment.codes
    same = (codes[:, None] == codes[None]).sum(axis=2)
    return (same >= np.ceil(identity * codes.shape[1] - 1e-9)).sum(axis=1)


# One block; several, the last of which is not full; more than 255 columns.
@pytest.mark.parametrize(("count", "width"), [(50, 10), (300, 13), (40, 261)])
@pytest.mark.parametrize("identity", [0.8, 0.5])
def test_neighbours_are_counted_exactly(monkeypatch, count, width, identity):
    monkeypatch.setattr(reweighting, "_ROWS", 128)
    family = relatives(count, width)
    found = sequences.neighbours(family, identity)
    expected = counted(family, identity)
    np.testing.assert_array_equal(found, expected)
    assert expected.max() > 1
    w = sequences.weights(family, identity)
    np.testing.assert_allclose(w, 1 / expected, rtol=1e-6)
    assert np.isclose(
        sequences.effective_number(w), (1 / expected).sum(), rtol=1e-5
    )


def test_wide_sequences_are_their_own_neighbours():
    """A count of equal letters has more than 16 bits."""
    family = relatives(8, 2**16)
    found = sequences.neighbours(family, 0.7)
    np.testing.assert_array_equal(found, counted(family, 0.7))


def test_the_threshold_is_included():
    family = Alignment.from_strings(["ACDEFGHIKL", "ACDEFGHIYY"])
    assert sequences.neighbours(family, 0.8).tolist() == [2, 2]
    assert sequences.neighbours(family, 0.81).tolist() == [1, 1]


def test_missing_entries_are_letters_of_their_own():
    """Not those that fill up a block, whose rows are no neighbours."""
    codes = np.full((3, 10), -1)
    codes[2] = 1
    family = Alignment(codes, alphabet=Alphabet("-ABC"))
    assert sequences.neighbours(family).tolist() == [2, 2, 1]


def test_bad_arguments_are_refused():
    family = relatives(10, 5)
    with pytest.raises(ValueError, match="`identity` must be a number"):
        sequences.weights(family, 80)
    with pytest.raises(ValueError, match="must be an Alignment"):
        sequences.weights(family.codes)
    with pytest.raises(ValueError, match="positive numbers"):
        sequences.effective_number([0.0, 1.0])
