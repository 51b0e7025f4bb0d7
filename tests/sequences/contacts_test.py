import itertools

import numpy as np
import pytest

from keras_rbm import couplings, sequences


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
    for category in (-1, 3, 0.5):
        with pytest.raises(ValueError, match=r"`exclude` must .* from 0 to 2"):
            sequences.frobenius_norms(pairs, exclude=[category])


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


@pytest.mark.parametrize("num_sites", [6, 20])
@pytest.mark.parametrize("spread", [2, 30])
def test_scores_that_are_products_of_sites_are_removed(num_sites, spread):
    size = np.geomspace(1, spread, num_sites)
    size[2] = 0.0
    scores = np.outer(size, size)
    np.fill_diagonal(scores, np.nan)  # The diagonal is not used.
    corrected = sequences.median_product_correction(scores)
    np.testing.assert_allclose(corrected, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("num_sites", "pairs"),
    [
        (6, [(0, 1)]),
        (7, [(5, 6)]),
        (20, [(0, 19)]),
        (20, [(18, 19), (3, 9), (0, 1), (9, 12)]),
        (20, [(4, j) for j in range(5, 10)]),
    ],
)
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_what_pairs_add_to_products_is_left_whole(num_sites, pairs, scale):
    size = np.geomspace(1, 10, num_sites)
    products = np.outer(size, size)
    for extra in (0.5, 1e6):
        added = np.zeros_like(products)
        for rank, (i, j) in enumerate(pairs, start=1):
            added[i, j] = added[j, i] = extra / rank
        scores = scale * (products + added)
        corrected = sequences.median_product_correction(scores) / scale
        np.testing.assert_allclose(corrected, added, rtol=1e-6, atol=1e-8)


def test_the_medians_are_those_of_the_formula():
    x = np.random.default_rng(3).gamma(2.0, size=(7, 7))
    scores = x + x.T
    scores[2, 5] = scores[5, 2] = 0.0  # Left out of the quotients.
    v = []
    for i in range(7):
        others = [n for n in range(7) if n != i]
        quotients = [
            scores[i, j] * scores[i, k] / scores[j, k]
            for j, k in itertools.combinations(others, 2)
            if (j, k) != (2, 5)
        ]
        v.append(np.sqrt(np.median(quotients)))
    expected = scores - np.outer(v, v)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(
        sequences.median_product_correction(scores), expected
    )


def test_scores_of_few_pairs_stay():
    scores = np.zeros((6, 6))
    np.testing.assert_array_equal(
        sequences.median_product_correction(scores), scores
    )
    scores[0, 1] = scores[1, 0] = scores[2, 3] = scores[3, 2] = 1.0
    np.testing.assert_array_equal(
        sequences.median_product_correction(scores), scores
    )


def test_scores_without_medians_of_products_are_refused():
    correct = sequences.median_product_correction
    ones = np.ones((6, 6))
    for bad in (-ones, ones * np.inf, ones * np.nan, np.ones((5, 5))):
        with pytest.raises(ValueError, match="must have 6 sites or more"):
            correct(bad)
    for scale in (1e-10, 1.0):
        with pytest.raises(ValueError, match="must be symmetric"):
            correct(scale * (ones + np.triu(ones, 1)))


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
    path.write_text("\ufeff1,2,3.5\n\n , \n2,3,9\n\n", encoding="utf-8")
    np.testing.assert_array_equal(sequences.read_distances(path, 3), expected)
    path.write_text("residue 1,residue 2,-\n1,2,3.5\n")
    assert sequences.read_distances(path, 2)[0, 1] == 3.5
    for line in ("0,1,2.0", "1,4,2.0", "1\t2\t3.5", "1;2;3.5", "1,2,"):
        path.write_text(f"{line}\n1,2,3.5\n")
        with pytest.raises(ValueError, match=r"by commas, .* in line 1 of"):
            sequences.read_distances(path, 3)
    for text in ("i,j,d\n1,9,2\n", "i,j,d\n1,2\n", "i,j,d\n0,1,2.0\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="in line 2"):
            sequences.read_distances(path, 3)


def test_a_contact_map_takes_another_correction(rbm):
    pairs = couplings.effective(rbm.machine()).pairs
    norms = sequences.frobenius_norms(pairs, exclude=[0])
    correction = sequences.median_product_correction
    found = sequences.contact_map(rbm.machine(), correction=correction)
    np.testing.assert_allclose(found, correction(norms), atol=1e-6)
    assert not np.allclose(found, sequences.contact_map(rbm.machine()))
