import numpy as np
import pytest

from keras_rbm import sequences


def test_frobenius_norms_leave_letters_out():
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(4, 4, 3, 3))
    pairs = pairs + pairs.transpose(1, 0, 3, 2)
    found = sequences.frobenius_norms(pairs, exclude=[0])
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 0)
    expected = np.linalg.norm(pairs[1, 2, 1:, 1:])
    assert np.isclose(found[1, 2], expected)
    whole = sequences.frobenius_norms(pairs)
    assert np.isclose(whole[1, 2], np.linalg.norm(pairs[1, 2]))
    spins = sequences.frobenius_norms(np.array([[5.0, -2.0], [-2.0, 0.0]]))
    np.testing.assert_array_equal(spins, [[0, 2], [2, 0]])
    with pytest.raises(ValueError, match="`pairs` must have shape"):
        sequences.frobenius_norms(np.zeros((3, 3, 2)))


def test_the_product_of_means_is_taken_away():
    rng = np.random.default_rng(1)
    size = rng.uniform(1, 2, 200)
    scores = np.outer(size, size)
    corrected = sequences.average_product_correction(scores)
    np.testing.assert_array_equal(np.diag(corrected), 0)
    # What is a product of the sites' sizes vanishes, up to the diagonal.
    assert np.abs(corrected).max() < 0.03 * scores.max()
    scores[3, 7] = scores[7, 3] = 9.0
    corrected = sequences.average_product_correction(scores)
    assert corrected.argmax() == 3 * 200 + 7
    np.testing.assert_array_equal(
        sequences.average_product_correction(np.zeros((3, 3))), 0
    )


def test_top_pairs_and_their_predictive_value():
    scores = np.zeros((8, 8))
    for rank, (i, j) in enumerate([(0, 7), (1, 6), (2, 7), (0, 1)]):
        scores[i, j] = scores[j, i] = 10 - rank
    np.testing.assert_array_equal(
        sequences.top_pairs(scores, 3), [[0, 7], [1, 6], [2, 7]]
    )
    assert sequences.top_pairs(scores, 28, 1).tolist()[3] == [0, 1]
    distances = np.full((8, 8), 20.0)
    distances[0, 7] = distances[2, 7] = 5.0
    value = sequences.positive_predictive_value
    np.testing.assert_allclose(
        value(scores, distances, [1, 2, 3]), [1, 0.5, 2 / 3]
    )
    # A threshold is no contact; unknown distances are left out.
    distances[1, 6], distances[0, 7] = np.nan, 8.0
    np.testing.assert_allclose(value(scores, distances, [1, 2]), [0, 0.5])
    with pytest.raises(ValueError, match="of which 5 have a distance"):
        value(scores, distances, [6])
    with pytest.raises(ValueError, match="must have the shape of"):
        value(scores, np.zeros((4, 4)), [1])
    with pytest.raises(ValueError, match="at most 6"):
        sequences.top_pairs(scores, 7)


def test_read_distances(tmp_path):
    path = tmp_path / "distances.csv"
    path.write_text("i,j,distance\n1,2,3.5\n2,3,9\n")
    found = sequences.read_distances(path, 3)
    expected = [[0, 3.5, np.nan], [3.5, 0, 9], [np.nan, 9, 0]]
    np.testing.assert_array_equal(found, expected)
    path.write_text("1,2,3.5\n")
    assert sequences.read_distances(path, 2)[0, 1] == 3.5
    for text in ("i,j,d\n1,9,2\n", "i,j,d\n1,2\n", "i,j,d\n0,1,2.0\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="in line 2"):
            sequences.read_distances(path, 3)
