import json

import numpy as np
import pytest
from scipy import stats

from keras_rbm import evaluation
from keras_rbm.sample_measures import _rank_correlations, _triples

COUNT, WIDTH = 400, 20


def draw(count=COUNT, seed=0, shares=(0.5, 0.5), width=WIDTH):
    """Clusters whose columns are 1 with probability 0.9 or 0.1."""
    centres = np.random.default_rng(7).random((len(shares), width)) < 0.5
    rng = np.random.default_rng(seed)
    rows = centres[rng.choice(len(shares), count, p=shares)]
    return (rows ^ (rng.random(rows.shape) < 0.1)).astype("float32")


def centres(count=2):
    generator = np.random.default_rng(7)
    return (generator.random((count, WIDTH)) < 0.5).astype("float32")


def test_moments_are_those_of_their_definition():
    x, y = draw(seed=0, width=6), draw(300, seed=1, width=6)
    first, second, third = evaluation.moments(x, y)
    assert (first.order, second.order, third.order) == (1, 2, 3)
    assert (first.count, second.count, third.count) == (6, 15, 20)

    def expected(rows, order):
        mean = rows.mean(axis=0, dtype="float64")
        d = rows - mean
        if order == 1:
            return mean
        if order == 2:
            pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
            return np.array([np.mean(d[:, i] * d[:, j]) for i, j in pairs])
        return np.array(
            [
                np.mean(d[:, i] * d[:, j] * d[:, k])
                for i in range(6)
                for j in range(i + 1, 6)
                for k in range(j + 1, 6)
            ]
        )

    for found in (first, second, third):
        a, b = (expected(rows, found.order) for rows in (x, y))
        assert found.correlation == pytest.approx(stats.pearsonr(a, b)[0])
        assert found.rmse == pytest.approx(np.sqrt(np.mean((a - b) ** 2)))


def test_moments_of_wide_and_of_narrow_data():
    x = draw(50, width=600)
    _, second, third = evaluation.moments(x, draw(50, seed=1, width=600))
    assert second.count == 500 * 499 // 2
    assert third.count == 5000
    triples = _triples(500, np.random.default_rng(0))
    assert (np.diff(triples, axis=1) > 0).all()
    assert len(np.unique(triples, axis=0)) == 5000
    # The smallest of three uniform columns: 125 on average, deviation 97.
    assert abs(triples[:, 0].mean() - 125) < 5 * 97 / np.sqrt(5000)
    assert len(evaluation.moments(x[:, :1], x[:, :1])) == 1
    (first,) = evaluation.moments(np.ones((3, 1)), np.ones((4, 1)))
    assert np.isnan(first.correlation)
    assert first.rmse == 0


def test_distances_on_axes_are_in_standard_deviations():
    x = draw()
    same = evaluation.pca_distance(x, draw(seed=1), x_train=draw(seed=2))
    assert same.shape == (3,)
    # Of 400 draws, means on an axis differ by sqrt(2 / 400) = 0.07.
    assert same.max() < 0.2
    # All samples in one of two clusters: half of the mass moves by two
    # deviations of an axis that separates them.
    one = evaluation.pca_distance(x, draw(seed=1, shares=(1.0, 0.0)), axes=1)
    assert one[0] == pytest.approx(1.0, abs=0.15)
    assert evaluation.pca_distance(np.ones((5, 3)), np.ones((5, 3))).size == 0


def test_axes_of_other_data_do_not_favour_the_rows_they_are_fitted_to():
    x, y, z = (
        np.random.default_rng(k).normal(size=(100, 300)) for k in (0, 1, 2)
    )
    own = evaluation.pca_distance(x, y)
    other = evaluation.pca_distance(x, y, x_train=z)
    assert other.max() < 0.5 * own.max()


def test_equal_distributions_have_an_adversarial_accuracy_of_a_half():
    found = evaluation.adversarial_accuracy(draw(), draw(seed=1))
    assert 0.005 < found.standard_error < 0.03
    assert abs(found.value - 0.5) < 4 * found.standard_error
    # Rows of three columns are equal to others: all is a tie.
    x = np.random.default_rng(0).integers(0, 2, (2, COUNT, 3))
    found = evaluation.adversarial_accuracy(*x)
    assert (found.truth, found.synthetic, found.value) == (0.5, 0.5, 0.5)


def test_samples_unlike_the_data_and_copies_of_them():
    x = np.random.default_rng(0).normal(size=(COUNT, 5))
    far = evaluation.adversarial_accuracy(x, x + 100)
    assert far.value == 1.0
    copies = evaluation.adversarial_accuracy(x, x[::-1] + 1e-6)
    assert copies.value < 0.01


def test_adversarial_accuracy_by_hand():
    x, y = np.array([[0.0], [1.0], [5.0]]), np.array([[0.4], [4.0], [9.0]])
    found = evaluation.adversarial_accuracy(x, y)
    # To the nearest sample 0.4, 0.6, 1; to the nearest other row 1, 1, 4.
    assert found.truth == 0.0
    # To the nearest row 0.4, 1, 4; to the nearest other sample 3.6, 3.6, 5.
    assert found.synthetic == 0.0
    y = np.array([[-2.0], [3.0], [9.0]])  # 2, 2, 2 and 2, 2, 4; 5, 5, 6.
    found = evaluation.adversarial_accuracy(x, y)
    assert found.truth == pytest.approx(2 / 3)
    assert found.synthetic == 0.0


def test_memorized_training_data_have_a_privacy_gap():
    train, test = np.random.default_rng(0).normal(size=(2, COUNT, 10))
    copies = train[: COUNT // 2]
    assert evaluation.privacy_gap(train[: len(copies)], test, copies) > 0.4
    fresh = np.random.default_rng(1).normal(size=(COUNT, 10))
    # The difference of two accuracies, each with an error of about 0.015.
    assert abs(evaluation.privacy_gap(train, test, fresh)) < 0.1


def test_the_discrepancy_is_the_unbiased_one():
    x, y = np.random.default_rng(0).normal(size=(2, 6, 3))
    y = y[:5]
    found = evaluation.maximum_mean_discrepancy(x, y, bandwidth=2.0)

    def mean(a, b, equal):
        values = [
            np.exp(-np.sum((p - q) ** 2) / 8)
            for i, p in enumerate(a)
            for j, q in enumerate(b)
            if not (equal and i == j)
        ]
        return np.mean(values)

    expected = mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)
    assert found.squared == pytest.approx(expected)
    assert found.bandwidth == 2.0
    rows = np.concatenate([x, y])
    distances = [
        np.linalg.norm(p - q) for i, p in enumerate(rows) for q in rows[:i]
    ]
    found = evaluation.maximum_mean_discrepancy(x, y)
    assert found.bandwidth == pytest.approx(np.median(distances))


def test_the_discrepancy_tells_distributions_apart():
    x = draw()
    same = evaluation.maximum_mean_discrepancy(x, draw(seed=1))
    assert abs(same.squared) < 4 * same.standard_error
    assert same.p_value > 0.01
    other = draw(seed=1, shares=(0.8, 0.2))
    found = evaluation.maximum_mean_discrepancy(x, other)
    assert found.squared > 5 * found.standard_error
    assert found.p_value == pytest.approx(1 / 101)
    equal = evaluation.maximum_mean_discrepancy(
        np.ones((5, 2)), np.ones((5, 2))
    )
    assert equal.squared == pytest.approx(0, abs=1e-12)


def test_shares_of_clusters_and_what_is_missed():
    x = draw(shares=(0.2, 0.5, 0.3))
    same = evaluation.cluster_coverage(
        x, draw(seed=1, shares=(0.2, 0.5, 0.3)), 3
    )
    np.testing.assert_allclose(np.sort(same.data), [0.2, 0.3, 0.5], atol=0.1)
    errors = np.hypot(same.data_errors, same.sample_errors)
    np.testing.assert_array_less(np.abs(same.data - same.samples), 4 * errors)
    assert same.missed == 0
    assert same.distance < 4 * same.floor
    found = evaluation.cluster_coverage(
        x, draw(seed=1, shares=(0.0, 0.6, 0.4)), centres(3)
    )
    assert found.missed == 1
    assert found.samples[0] < 0.02
    assert found.distance == pytest.approx(0.2, abs=0.08)
    assert found.distance > 3 * found.floor


def test_fewer_different_rows_than_clusters():
    x = np.repeat(np.eye(3), 10, axis=0)
    found = evaluation.cluster_coverage(x, x[:12], clusters=10)
    np.testing.assert_allclose(found.data, 1 / 3)


def test_all_measures_are_json():
    x, y, train = draw(), draw(seed=1), draw(seed=2)
    found = evaluation.compare_samples(x, y, train, clusters=3)
    assert json.loads(json.dumps(found)) == found
    again = evaluation.compare_samples(x, y, train, clusters=3)
    assert found == again
    accuracy = evaluation.adversarial_accuracy(x, y)
    assert found["adversarial_accuracy"]["value"] == accuracy.value
    assert found["privacy_gap"] == evaluation.privacy_gap(train, x, y)
    assert sum(found["cluster_coverage"]["samples"]) == pytest.approx(1)
    few = evaluation.compare_samples(x, y, max_rows=100)
    assert few["privacy_gap"] is None
    assert few["moments"][0]["count"] == WIDTH


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones(3)}, "`x` must be a dense array of shape"),
        ({"x": np.ones((1, 3))}, "at least 2 rows"),
        ({"samples": np.full((4, 3), np.nan)}, "`samples` must hold finite"),
        ({"x": np.ma.array(np.eye(3), mask=np.eye(3))}, "`x` must hold finite"),
        ({"samples": np.ones((4, 2))}, "`samples` must have as many columns"),
        ({"x_train": np.ones((4, 2))}, "`x_train` must have as many columns"),
        ({"clusters": 0}, "`clusters` must be a positive"),
        ({"clusters": np.ones((2, 7))}, "`clusters` must have as many"),
        ({"max_rows": 0}, "`max_rows` must be a positive"),
        ({"seed": -1}, "`seed` must be an integer"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = {"x": np.eye(3), "samples": np.eye(3)} | change
    with pytest.raises(ValueError, match=message):
        evaluation.compare_samples(**arguments)


def test_bad_arguments_of_single_measures_are_refused():
    x = np.eye(3)
    with pytest.raises(ValueError, match="`axes` must be a positive"):
        evaluation.pca_distance(x, x, axes=0)
    with pytest.raises(ValueError, match="`bandwidth` must be"):
        evaluation.maximum_mean_discrepancy(x, x, bandwidth=-1)
    with pytest.raises(ValueError, match="`num_permutations` must be"):
        evaluation.maximum_mean_discrepancy(x, x, num_permutations=0)


def tied(count, rho, seed, holes=0.1):
    """Normal columns with correlation rho; the last one becomes counts."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(count, 1))
    own = rng.normal(size=(count, 3))
    x = np.sqrt(rho) * common + np.sqrt(1 - rho) * own
    x[:, 2] = np.floor(np.exp(x[:, 2]))
    return np.where(rng.random(x.shape) < holes, np.nan, x)


def test_rank_correlations_are_those_of_scipy():
    x = tied(200, 0.5, seed=0, holes=0)
    found, _ = _rank_correlations(x)
    np.testing.assert_allclose(found, stats.spearmanr(x).statistic, rtol=1e-9)
    # Ranks come from all observed entries of a column, so that a random tenth
    # of holes changes correlations a little.
    x = tied(200, 0.5, seed=0)
    found, _ = _rank_correlations(x)
    expected = stats.spearmanr(x, nan_policy="omit").statistic
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_the_standard_error_of_a_rank_correlation(rho):
    runs = [_rank_correlations(tied(200, rho, seed)) for seed in range(600)]
    correlations, errors = (np.array(part) for part in zip(*runs, strict=True))
    for i, j in ((0, 1), (0, 2)):
        # A standard deviation of 600 draws has an error of 3 %. The formula
        # itself is right for many rows.
        assert errors[:, i, j].mean() == pytest.approx(
            correlations[:, i, j].std(), rel=0.09 + 0.08
        )


def test_the_worst_pair_is_the_one_that_the_samples_lack():
    x = tied(300, 0.9, seed=0)
    samples = tied(1000, 0.9, seed=1, holes=0)
    same = evaluation.worst_pair(x, samples)
    assert not same.differs
    assert same.pairs == 3
    np.random.default_rng(2).shuffle(samples[:, 2])
    samples[:, 1] += np.random.default_rng(3).normal(size=1000) / 3
    pair = evaluation.worst_pair(x, samples)
    assert pair.differs
    assert pair.columns in ((0, 2), (1, 2))
    assert abs(pair.samples) < 0.15 < 0.7 < pair.data
    # 300 rows, of which a tenth misses one entry, and another the other one.
    assert 225 < pair.rows < 260
    masked = np.ma.array(np.nan_to_num(x, nan=7.0), mask=np.isnan(x))
    assert evaluation.worst_pair(masked, samples) == pair
    # A large difference of few rows is noise, and does not hide another one.
    few = np.full((300, 1), np.nan)
    few[:25, 0] = np.random.default_rng(4).normal(size=25)
    wide = np.concatenate([x, few], axis=1)
    more = np.random.default_rng(5).normal(size=(1000, 1))
    again = evaluation.worst_pair(wide, np.concatenate([samples, more], 1))
    assert again.columns == pair.columns


def normal(count, seed, holes=0.0, width=20):
    """Independent normal columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, width))
    return np.where(rng.random(x.shape) < holes, np.nan, x)


def one_hot(count, seed, categories=6, values=8):
    """Independent categories, each as columns of 0 and 1."""
    drawn = np.random.default_rng(seed).integers(
        values, size=(count, categories)
    )
    return np.eye(values)[drawn].reshape(count, -1)


def copies(count, seed, values=10):
    """Three categories, of which two are copies of the first in half the rows.

    The copies are independent of each other, given the first category.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.integers(values, size=(count, 3))
    drawn = np.where(rng.random((count, 3)) < 0.5, drawn[:, :1], drawn)
    return np.eye(values)[drawn].reshape(count, -1)


@pytest.mark.parametrize(
    ("draw_x", "draw_samples", "group"),
    [
        (lambda seed: tied(200, 0.5, seed), lambda s: tied(500, 0.5, s, 0), 1),
        (lambda seed: one_hot(300, seed), lambda s: one_hot(1000, s), 8),
        (lambda seed: one_hot(1000, seed), lambda s: one_hot(100, s), 8),
        (lambda seed: copies(300, seed), lambda s: copies(1000, s), 10),
        (lambda seed: normal(300, seed, 0.5), lambda s: normal(1000, s), 1),
        (lambda seed: normal(300, seed, 0.8), lambda s: normal(1000, s), 1),
        # About ten rows have both entries.
        (
            lambda seed: normal(250, seed, 0.8, 2),
            lambda s: normal(1000, s, width=2),
            1,
        ),
    ],
    ids=["tied", "hot", "few samples", "copies", "half", "holes", "ten rows"],
)
def test_equal_dependences_rarely_differ(draw_x, draw_samples, group):
    alarms = 0
    for seed in range(60):
        x, samples = draw_x(seed), draw_samples(1000 + seed)
        groups = np.arange(x.shape[1]) // group
        found = evaluation.worst_pair(x, samples, groups)
        alarms += found is not None and found.differs
    # At a rate of 1 %, five of 60 or more have a probability of 0.0004.
    assert alarms <= 4


def test_a_column_that_is_constant_in_the_samples_depends_on_nothing():
    x = tied(300, 0.98, seed=0)
    samples = tied(1000, 0.98, seed=1, holes=0)
    samples[:, 2] = 3.0  # It has collapsed.
    pair = evaluation.worst_pair(x, samples)
    assert (pair.pairs, pair.differs, pair.samples) == (3, True, 0.0)
    assert pair.columns in ((0, 2), (1, 2))
    assert pair.data > 0.8
    nothing = evaluation.worst_pair(x, np.ones((50, 3)))
    assert (nothing.pairs, nothing.differs) == (3, True)


def test_opposite_dependences_without_noise_differ():
    x = np.linspace(0, 1, 50)[:, None]
    pair = evaluation.worst_pair(x * [1, 1], x * [1, -1])
    assert (pair.data, pair.samples) == pytest.approx((1.0, -1.0))
    assert 0.0 < pair.standard_error < 0.001
    assert (pair.differs, pair.rows) == (True, 50)


def test_a_weaker_dependence_of_the_samples_is_seen_in_few_rows():
    """0.85 and 0.55 in 195 and 1,000 rows are far apart for Fisher's z."""
    found = evaluation.worst_pair(
        tied(195, 0.87, seed=0, holes=0), tied(1000, 0.57, seed=1, holes=0)
    )
    assert found.data - found.samples > 0.2
    assert found.differs
    assert found.standard_error < 0.05


def test_pairs_that_few_rows_have_are_left_out():
    rng = np.random.default_rng(0)
    x, samples = rng.normal(size=(100, 2)), rng.normal(size=(100, 2))
    x[:45, 0] = x[54:, 1] = np.nan  # 9 rows have both entries.
    assert evaluation.worst_pair(x, samples) is None
    x[54:70, 1] = x[54:70, 0]
    assert evaluation.worst_pair(x, samples).rows == 25
    # Columns must vary in the samples, too, or be constant there.
    few = samples.copy()
    few[19:, 0] = 1.0
    assert evaluation.worst_pair(x, few) is None
    # One column varies, but not in the rows that have both.
    x[45:70, 0] = 1.0
    assert evaluation.worst_pair(x, samples) is None


def test_categories_are_compared_with_other_columns_alone():
    rng = np.random.default_rng(0)
    hot = np.eye(3)[rng.integers(3, size=400)]
    x = np.concatenate([hot, hot[:, 2:] + rng.normal(size=(400, 1))], axis=1)
    samples = np.concatenate(
        [np.eye(3)[rng.integers(3, size=400)], rng.normal(size=(400, 1))], 1
    )
    pair = evaluation.worst_pair(x, samples, [0, 0, 0, 1])
    assert (pair.columns, pair.pairs, pair.differs) == ((2, 3), 3, True)
    # Too few rows with a category, and nothing that varies.
    x[:, :3] = [0, 1, 0]
    x[:9, :3] = [1, 0, 0]
    assert evaluation.worst_pair(x, samples, [0, 0, 0, 1]) is None
    with pytest.raises(ValueError, match="`groups` must have an integer"):
        evaluation.worst_pair(x, samples, [0, 1])
    with pytest.raises(ValueError, match="`samples` must hold finite"):
        evaluation.worst_pair(x, np.where(samples > 2, np.nan, samples))
