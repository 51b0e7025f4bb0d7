"""Measures of samples: differences between samples and data.

`keras_rbm.evaluation` exports them.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_rbm import checks
from keras_rbm.typing import Array

# The most columns for moments, and the number of triples of columns.
_COLUMNS, _TRIPLES = 500, 5000
# Number of triples that are computed together.
_AT_ONCE = 500
# The most columns whose pairs are compared; the least number of rows of a pair
# in which each column differs from its most frequent value; the nominal chance
# that equal dependences are reported; and the least difference reported.
_WIDEST, _LEAST_ROWS, _CHANCE, _LEAST_DIFFERENCE = 2000, 20, 0.01, 0.1
# Larger correlations count as this one: the z of 1 is infinite.
_LARGEST_CORRELATION = 0.999
#: A cluster is missed if its share in the samples is less than this part of
#: its share in the data.
MISSED = 0.1


class Moments(NamedTuple):
    """Differences between moments of one order of data and samples.

    Attributes:
        order: 1 for means, 2 for covariances of pairs of columns, 3 for third
            central moments of triples of columns.
        correlation: Pearson correlation between the moments of the data and
            the moments of the samples; NaN if either does not vary.
        rmse: Root of the mean squared difference.
        count: Number of moments.

    Example:
        means, pairs, triples = evaluation.moments(x[::2], x[1::2])
        print(pairs.correlation, pairs.rmse)
    """

    order: int
    correlation: float
    rmse: float
    count: int


def moments(x: Array, samples: Array, seed: int = 0) -> tuple[Moments, ...]:
    """Compares <x_i>, <dx_i dx_j> and <dx_i dx_j dx_k>, dx = x - <x>.

    The second and third moments are connected correlations: the means of the
    same rows are subtracted. They are computed for pairs i < j, and for at most
    5,000 random triples of different columns. If there are more than 500
    columns, only the 500 columns that vary most in the data are used.

    Args:
        x: Data, an array of shape `(rows, columns)`.
        samples: Samples, an array of shape `(other rows, columns)`.
        seed: Integer from 0 to 2**64 - 1, for the choice of triples.

    Returns:
        A tuple of `Moments`: of order 1, of order 2 if there are at least two
        columns, and of order 3 if there are at least three columns.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Decelle, Furtlehner and Seoane (2021), "Equilibrium and
        non-equilibrium regimes in the learning of restricted Boltzmann
        machines", section 4.

    Example:
        x = keras_rbm.data.digits().train
        for found in evaluation.moments(x[::2], x[1::2]):
            print(found.order, found.correlation)
    """
    both = _pair(x, samples)
    found = [_moments(1, *(rows.mean(axis=0) for rows in both))]
    columns = np.argsort(-both[0].var(axis=0), kind="stable")[:_COLUMNS]
    both = [rows[:, columns] - rows[:, columns].mean(axis=0) for rows in both]
    width = len(columns)
    if width > 1:
        pairs = np.triu_indices(width, 1)
        found.append(
            _moments(2, *((rows.T @ rows / len(rows))[pairs] for rows in both))
        )
    if width > 2:
        triples = _triples(width, np.random.default_rng(checks.seed(seed)))
        found.append(_moments(3, *(_third(rows, triples) for rows in both)))
    return tuple(found)


def _moments(order, data, samples):
    varies = min(np.ptp(data), np.ptp(samples)) > 0
    correlation = np.corrcoef(data, samples)[0, 1] if varies else math.nan
    rmse = np.sqrt(np.mean(np.square(data - samples)))
    return Moments(order, float(correlation), float(rmse), len(data))


def _triples(width, generator):
    """All or some triples of different columns, of shape `(triples, 3)`."""
    if math.comb(width, 3) <= _TRIPLES:
        i = np.arange(width)
        i, j, k = np.meshgrid(i, i, i, indexing="ij")
        return np.stack([i, j, k], axis=-1)[(i < j) & (j < k)]
    drawn = np.sort(generator.integers(width, size=(2 * _TRIPLES, 3)), axis=1)
    different = (np.diff(drawn, axis=1) > 0).all(axis=1)
    return _some(np.unique(drawn[different], axis=0), _TRIPLES, generator)


def _third(rows, triples):
    """Means of products of three columns."""
    parts = np.array_split(triples, -(-len(triples) // _AT_ONCE))
    return np.concatenate(
        [
            np.mean(rows[:, i] * rows[:, j] * rows[:, k], axis=0)
            for i, j, k in (part.T for part in parts)
        ]
    )


class PairDifference(NamedTuple):
    """The pair of columns whose dependence differs most in data and samples.

    Attributes:
        columns: Indices of the two columns.
        data: Rank correlation of the two columns in the data.
        samples: Rank correlation of the two columns in the samples.
        standard_error: Standard error of `data - samples`.
        rows: Number of rows of the data in which both columns are observed.
        pairs: Number of pairs from which this one was chosen.
        differs: Whether the difference is at least 0.1, and Fisher's z of the
            two correlations, atanh(r), differ by more than their noise: a
            normal variable with the standard deviation of this difference
            exceeds the noise with probability 0.01 / `pairs`.

    Example:
        x = keras_rbm.data.digits().train
        pair = evaluation.worst_pair(x[::2], x[1::2])
        print(pair.columns, pair.data, pair.samples, pair.differs)
    """

    columns: tuple[int, int]
    data: float
    samples: float
    standard_error: float
    rows: int
    pairs: int
    differs: bool


def worst_pair(
    x: Array, samples: Array, groups: Sequence[int] | None = None
) -> PairDifference | None:
    """The largest |rho_ij(data) - rho_ij(samples)| of all pairs i < j.

    rho is Spearman's rank correlation; for two binary columns, it is the phi
    coefficient. Equal values share their mean rank. Each column is ranked
    among its observed entries, and each pair of columns compared in the rows
    in which both are observed. If the differences of some pairs exceed their
    noise, the largest of these differences is returned, and otherwise the
    largest of all differences. If a column is constant in the samples, its
    correlations in the samples count as 0.

    Correlations r are compared as z = atanh(r). The standard error of z comes
    from the influences of the rows in the data or in the samples, whichever are
    larger, but is at least sqrt(1.06 / (rows - 3)). A pair is compared if each
    of its columns differs from its most frequent value in at least 20 of the
    rows of the data in which both are observed, and in at least 20 samples or
    in none. Columns beyond the first 2,000 are left out.

    The standard error is approximate, and so is the rate of false alarms. In
    simulations of 15 kinds of data, with samples from the same distribution,
    `differs` was `True` in at most 4 of 300 draws of a kind, and in 14 of all
    4,500. The data had 100 to 300 rows, the samples 100 or 1,000 rows, and both
    5 to 100 columns: normal columns with correlations from 0 to 0.98, of which
    up to 80 % of the entries were missing; mixtures; heavy tails; counts;
    binary columns, rare or dependent on each other; and one-hot columns of
    categories with 8 to 20 values.

    Args:
        x: Data, an array of shape `(rows, columns)`, NaN where an entry is
            missing.
        samples: Samples, an array of shape `(other rows, columns)`.
        groups: An integer for each column. Columns of the same group, such as
            the one-hot columns of a category, are not compared. `None` to
            compare all columns.

    Returns:
        A `PairDifference`, or `None` if there is no pair to compare.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(300, 1)) + 0.3 * rng.normal(size=(300, 3))
        shuffled = x.copy()
        rng.shuffle(shuffled[:, 2])
        pair = evaluation.worst_pair(x, shuffled)  # Columns 0 or 1, and 2.
    """
    x, samples = _rows("x", x, may_miss=True), _rows("samples", samples)
    _check_width("samples", samples, x)
    groups = np.arange(x.shape[1]) if groups is None else np.asarray(groups)
    if groups.shape != (x.shape[1],):
        raise ValueError(
            "`groups` must have an integer for each column. Received: "
            f"groups.shape={groups.shape}, x.shape={x.shape}"
        )
    x, samples = x[:, :_WIDEST], samples[:, :_WIDEST]
    groups = groups[:_WIDEST]
    varied, count = _varied_rows(x)
    (data, data_error), (drawn, drawn_error) = map(
        _rank_correlations, (x, samples)
    )
    # A column that never varies in the samples depends on no other one there.
    is_constant = np.ptp(samples, axis=0) == 0
    is_constant = is_constant | is_constant[:, None]
    drawn[is_constant] = 0.0
    sides = (data, data_error, count), (drawn, drawn_error, len(samples))
    z, z_error, error = _fisher(*zip(*sides, strict=True))
    compared = np.triu(groups[:, None] != groups, 1)
    compared &= (np.minimum(varied, varied.T) >= _LEAST_ROWS) & ~np.isnan(data)
    varied, _ = _varied_rows(samples)
    compared &= (np.minimum(varied, varied.T) >= _LEAST_ROWS) | is_constant
    pairs = int(compared.sum())
    if not pairs:
        return None
    from scipy.stats import norm

    difference = np.where(compared, np.abs(data - drawn), -1.0)
    # Bonferroni's correction: the largest of all pairs is looked at.
    differs = np.abs(z) > norm.isf(_CHANCE / (2 * pairs)) * z_error
    differs &= difference >= _LEAST_DIFFERENCE
    if differs.any():
        difference = np.where(differs, difference, -1.0)
    i, j = np.unravel_index(difference.argmax(), difference.shape)
    return PairDifference(
        (int(i), int(j)),
        float(data[i, j]),
        float(drawn[i, j]),
        float(error[i, j]),
        int(count[i, j]),
        pairs,
        bool(differs.any()),
    )


def _fisher(correlations, errors, counts):
    """Differences of Fisher's z = atanh(r), and standard errors.

    The mean square of the influences is too small for few rows: two categories
    that never meet in the data seem to be sure not to meet. If the two laws are
    the same, the influences on z are alike, so that the larger mean square of
    the two sides counts. The variance of z is at least 1.06 / (count - 3).

    Args:
        correlations: Pair of the correlations of both sides.
        errors: Their standard errors by the influences of the rows.
        counts: Their numbers of rows.

    Returns:
        Tuple of the differences of z, the standard errors of these differences,
        and the standard errors of the differences of the correlations.

    Reference: Fieller, Hartley and Pearson (1957), "Tests for rank correlation
        coefficients. I".
    """
    first, second = (
        np.clip(r, -_LARGEST_CORRELATION, _LARGEST_CORRELATION)
        for r in correlations
    )
    slopes = 1 - first**2, 1 - second**2
    spread = np.fmax(
        *(
            error / slope * np.sqrt(count)
            for error, slope, count in zip(errors, slopes, counts, strict=True)
        )
    )
    own = [
        np.fmax(
            spread / np.sqrt(np.maximum(count, 1)),
            np.sqrt(1.06 / np.maximum(count - 3, 1)),
        )
        for count in counts
    ]
    return (
        np.arctanh(first) - np.arctanh(second),
        np.hypot(*own),
        np.hypot(own[0] * slopes[0], own[1] * slopes[1]),
    )


def _varied_rows(x):
    """Numbers of rows in which the columns of a pair are observed and vary.

    Args:
        x: Array of shape `(rows, width)`, NaN where an entry is missing.

    Returns:
        Two arrays of shape `(width, width)`. Entry (i, j) counts the rows in
        which both columns are observed: the rows in which column i differs from
        its most frequent value, and all of these rows.
    """
    observed = ~np.isnan(x)
    differs = np.zeros(x.shape, "float64")
    for found, column, own in zip(differs.T, x.T, observed.T, strict=True):
        values, counts = np.unique(column[own], return_counts=True)
        if len(values):
            found[own] = column[own] != values[counts.argmax()]
    observed = observed.astype("float64")
    return differs.T @ observed, observed.T @ observed


def _rank_correlations(x):
    """Rank correlations of columns, and standard errors, `(width, width)`.

    The influence of a row on a correlation r of standardized ranks a and b is
    a b - r (a^2 + b^2) / 2.
    """
    from scipy.stats import rankdata

    a, observed = np.zeros(x.shape), ~np.isnan(x)
    for ranks, values, own in zip(a.T, x.T, observed.T, strict=True):
        found = rankdata(values[own])
        ranks[own] = (found - found.mean()) / (found.std() or 1.0)
    powers = [observed.astype("float64"), a, a**2, a**3, a**4]
    count = np.maximum(powers[0].T @ powers[0], 1.0)

    @functools.cache
    def raw(p, q):
        """Means of a^p b^q in the rows that have both."""
        return raw(q, p).T if p < q else powers[p].T @ powers[q] / count

    means = raw(1, 0)

    def central(p, q):
        """Means of (a - <a>)^p (b - <b>)^q in the rows that have both."""
        return sum(
            math.comb(p, k)
            * math.comb(q, m)
            * (-means) ** (p - k)
            * (-means.T) ** (q - m)
            * raw(k, m)
            for k in range(p + 1)
            for m in range(q + 1)
        )

    squares, product = central(2, 0), central(1, 1)
    # Rounding errors of columns that are constant in the rows of a pair.
    squares[squares < 1e-9] = math.nan
    both = squares * squares.T
    r = product / np.sqrt(both)
    odd = central(3, 1) / squares / np.sqrt(both)
    fourth = central(4, 0) / squares**2
    square = central(2, 2) / both
    influence = square - r * (odd + odd.T)
    influence += r**2 / 4 * (fourth + 2 * square + fourth.T)
    return r, np.sqrt(np.maximum(influence, 0.0) / count)


def pca_distance(
    x: Array, samples: Array, axes: int = 3, x_train: Array | None = None
) -> np.ndarray:
    """Wasserstein distances of the projections on the data's principal axes.

    For each axis, W = integral |F_data(t) - F_samples(t)| dt in units of the
    standard deviation of the data on this axis, where F are the distribution
    functions of the projections. Samples that miss one of two equal, far
    clusters are at a distance of about 1 on the axis that separates them.

    Args:
        x: Data, an array of shape `(rows, columns)`.
        samples: Samples, an array of shape `(other rows, columns)`.
        axes: The largest number of axes, a positive integer.
        x_train: Rows of data that determine the axes; `None` for `x`. A few
            rows with many columns vary more along their own axes than other
            rows do.

    Returns:
        A `float64` array with one distance for each axis along which the data
        vary.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Yale, Dash, Dutta, Guyon, Pavao and Bennett (2020), "Generation
        and evaluation of privacy preserving synthetic health data", for the
        comparison on principal axes.

    Example:
        x = keras_rbm.data.digits().train
        print(evaluation.pca_distance(x[::2], x[1::2]))
    """
    x, samples = _pair(x, samples)
    axes = checks.positive_integer("axes", axes)
    known = x if x_train is None else _others(x_train, x)
    if not np.any(known != known[:1]):
        return np.zeros(0)
    # Imported here and below, because these modules take long to import.
    from scipy.stats import wasserstein_distance
    from sklearn.decomposition import PCA

    pca = PCA(min(axes, *known.shape), random_state=0).fit(known)
    deviations = np.sqrt(pca.explained_variance_)
    vary = deviations > 1e-6 * deviations[0]
    both = [pca.transform(rows)[:, vary].T for rows in (x, samples)]
    return (
        np.array(
            [wasserstein_distance(*pair) for pair in zip(*both, strict=True)]
        )
        / deviations[vary]
    )


class AdversarialAccuracy(NamedTuple):
    """How well nearest neighbours tell data from samples.

    Attributes:
        truth: Share of the data whose nearest neighbour is a row of the data
            and not a sample.
        synthetic: Share of the samples whose nearest neighbour is a sample
            and not a row of the data.
        standard_error: Standard error of `value`, from the spread over rows.

    Example:
        found = evaluation.adversarial_accuracy(x[::2], x[1::2])
        print(found.value, found.standard_error)
    """

    truth: float
    synthetic: float
    standard_error: float

    @property
    def value(self) -> float:
        """The mean of both shares: 0.5 is ideal."""
        return 0.5 * (self.truth + self.synthetic)


def adversarial_accuracy(
    x: Array, samples: Array, seed: int = 0
) -> AdversarialAccuracy:
    """AA = (mean 1[d_TS > d_TT] + mean 1[d_ST > d_SS]) / 2.

    d_TS are the distances from each row of the data (T, "truth") to its nearest
    sample (S), d_TT the distances to the nearest other row of the data, and so
    on. Ties count one half, which matters for rows with few binary columns. 0.5
    is ideal. Near 1, the samples are unlike the data. Well below 0.5, they are
    closer to the data than the data to each other: the model has memorized
    them. Distances are Euclidean; for binary columns they order rows as the
    Hamming distance does.

    Args:
        x: Data, an array of shape `(rows, columns)`.
        samples: Samples, an array of shape `(other rows, columns)`. From the
            larger set, a random choice of rows is used, as many as the smaller
            set has.
        seed: Integer from 0 to 2**64 - 1, for this choice.

    Returns:
        An `AdversarialAccuracy`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Yale, Dash, Dutta, Guyon, Pavao and Bennett (2020), "Generation
        and evaluation of privacy preserving synthetic health data", section
        3.2.

    Example:
        x = keras_rbm.data.digits().train
        print(evaluation.adversarial_accuracy(x[::2], x[1::2]).value)
    """
    x, samples = _pair(x, samples)
    count = min(len(x), len(samples))
    generator = np.random.default_rng(checks.seed(seed))
    x, samples = (_some(rows, count, generator) for rows in (x, samples))
    from sklearn.metrics.pairwise import euclidean_distances

    # Squared distances of binary rows are integers, whose ties are exact.
    across = euclidean_distances(x, samples, squared=True)
    won = []
    for rows, nearest in ((x, across.min(axis=1)), (samples, across.min(0))):
        within = euclidean_distances(rows, squared=True)
        np.fill_diagonal(within, np.inf)
        within = within.min(axis=1)
        won.append(np.where(nearest == within, 0.5, nearest > within))
    error = np.hypot(*(w.std() for w in won)) / (2 * math.sqrt(count))
    return AdversarialAccuracy(*(float(w.mean()) for w in won), float(error))


def privacy_gap(
    x_train: Array, x_test: Array, samples: Array, seed: int = 0
) -> float:
    """AA of the test data minus AA of the training data.

    Both are values of `adversarial_accuracy` for the same number of rows. The
    gap is 0 if samples are as far from the training data as from data that
    the model has not seen, and up to 0.5 if the samples are copies of training
    data.

    Args:
        x_train: Training data, an array of shape `(rows, columns)`.
        x_test: Data that the model has not seen, with as many columns.
        samples: Samples, with as many columns.
        seed: Integer from 0 to 2**64 - 1, for the choice of rows.

    Returns:
        The gap, a number.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Yale, Dash, Dutta, Guyon, Pavao and Bennett (2020), "Generation
        and evaluation of privacy preserving synthetic health data", section
        3.2 ("privacy loss").

    Example:
        train, test = keras_rbm.data.digits().train[:800].reshape(2, 400, 64)
        print(evaluation.privacy_gap(train, test, samples=train))
    """
    x_train, x_test = _rows("x_train", x_train), _rows("x_test", x_test)
    samples = _rows("samples", samples)
    count = min(map(len, (x_train, x_test, samples)))
    generator = np.random.default_rng(checks.seed(seed))
    test, train = (
        adversarial_accuracy(_some(rows, count, generator), samples, seed).value
        for rows in (x_test, x_train)
    )
    return test - train


class MeanDiscrepancy(NamedTuple):
    """The maximum mean discrepancy between data and samples.

    Attributes:
        squared: Unbiased estimate of MMD^2. It is about 0, and may be negative,
            if data and samples have the same distribution.
        standard_error: Standard deviation of `squared` for data and samples
            with the same distribution, from permutations.
        p_value: Share of permutations for which `squared` is at least as
            large.
        bandwidth: sigma of the kernel.

    Example:
        found = evaluation.maximum_mean_discrepancy(x[::2], x[1::2])
        print(found.squared, found.p_value)
    """

    squared: float
    standard_error: float
    p_value: float
    bandwidth: float


def maximum_mean_discrepancy(
    x: Array,
    samples: Array,
    bandwidth: float | None = None,
    num_permutations: int = 100,
    seed: int = 0,
) -> MeanDiscrepancy:
    """MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), without bias.

    x and x' are different rows of the data, y and y' different samples. The
    kernel is the Gaussian one, k(x, y) = exp(-|x - y|^2 / (2 sigma^2)).

    Args:
        x: Data, an array of shape `(rows, columns)`.
        samples: Samples, an array of shape `(other rows, columns)`.
        bandwidth: sigma, a positive number; `None` for the median distance
            between different rows of both sets together.
        num_permutations: Number of permutations of the rows of both sets, for
            `standard_error` and `p_value`; a positive integer.
        seed: Integer from 0 to 2**64 - 1, for the permutations.

    Returns:
        A `MeanDiscrepancy`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Gretton, Borgwardt, Rasch, Schoelkopf and Smola (2012), "A
        kernel two-sample test", lemma 6, and section 8 for the bandwidth.

    Example:
        x = keras_rbm.data.digits().train
        print(evaluation.maximum_mean_discrepancy(x[::2], x[1::2]))
    """
    x, samples = _pair(x, samples)
    count = checks.positive_integer("num_permutations", num_permutations)
    generator = np.random.default_rng(checks.seed(seed))
    from sklearn.metrics.pairwise import euclidean_distances

    squares = euclidean_distances(np.concatenate([x, samples]), squared=True)
    if bandwidth is None:
        distances = np.sqrt(squares[np.triu_indices(len(squares), 1)])
        bandwidth = float(np.median(distances))
        if not bandwidth:  # More than half of the pairs are equal.
            bandwidth = float(distances.mean()) or 1.0
    sigma = checks.positive_number("bandwidth", bandwidth)
    kernel = np.exp(squares / (-2 * sigma**2))
    # Columns with ones for the rows of x: first the actual ones, then permuted.
    chosen = np.zeros((len(kernel), 1 + count))
    chosen[: len(x), 0] = 1.0
    for column in chosen.T[1:]:
        column[generator.permutation(len(kernel))[: len(x)]] = 1.0
    found = _unbiased(kernel, chosen, len(x), len(samples))
    own, others = found[0], found[1:]
    p_value = (1 + np.count_nonzero(others >= own)) / (1 + count)
    return MeanDiscrepancy(
        float(own), float(others.std()), float(p_value), sigma
    )


def _unbiased(kernel, chosen, n, m):
    """MMD^2 between the chosen rows and the other rows, for each column."""
    to_chosen = kernel @ chosen
    to_others = kernel.sum(axis=1)[:, None] - to_chosen
    first = np.sum(chosen * to_chosen, axis=0) - n
    across = np.sum(chosen * to_others, axis=0)
    second = np.sum((1 - chosen) * to_others, axis=0) - m
    return first / (n * (n - 1)) + second / (m * (m - 1)) - 2 * across / (n * m)


class ClusterCoverage(NamedTuple):
    """Shares of clusters, in the data and in the samples.

    Attributes:
        data: Shares of the clusters in the data, array of shape `(clusters,)`.
        samples: Shares of the clusters in the samples.
        data_errors: Standard errors of `data`, sqrt(p (1 - p) / rows).
        sample_errors: Standard errors of `samples`, for independent samples.
        distance: Total variation distance, half of the sum of
            |data - samples|: 0 for equal shares, 1 for no common cluster.
        floor: Approximate `distance` of independent draws from one
            distribution.
        missed: Number of clusters that the samples miss: their share is below
            a tenth of the share in the data, and at least five samples were
            expected.

    Example:
        found = evaluation.cluster_coverage(x[::2], x[1::2], clusters=3)
        print(found.distance, found.missed)
    """

    data: np.ndarray
    samples: np.ndarray
    data_errors: np.ndarray
    sample_errors: np.ndarray
    distance: float
    floor: float
    missed: int


def cluster_coverage(
    x: Array,
    samples: Array,
    clusters: int | Array = 10,
    seed: int = 0,
    x_train: Array | None = None,
) -> ClusterCoverage:
    """Shares of the data's clusters: p_k = rows nearest to centre k / rows.

    K-means on the data finds the clusters. Each row, and each sample,
    belongs to the nearest centre.

    Args:
        x: Data, an array of shape `(rows, columns)`.
        samples: Samples, an array of shape `(other rows, columns)`.
        clusters: Number of clusters, a positive integer (fewer if the data
            have fewer different rows); or the centres, an array of shape
            `(clusters, columns)`, if you know them.
        seed: Integer from 0 to 2**64 - 1, for k-means.
        x_train: Rows of data that k-means is fitted to; `None` for `x`.
            Clusters of a few rows with many columns fit these rows better than
            other rows.

    Returns:
        A `ClusterCoverage`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Lloyd (1982), "Least squares quantization in PCM", for k-means.

    Example:
        x = keras_rbm.data.digits().train
        print(evaluation.cluster_coverage(x[::2], x[1::2], clusters=10))
    """
    x, samples = _pair(x, samples)
    if np.ndim(clusters) == 0:
        count = checks.positive_integer("clusters", clusters)
        known = x if x_train is None else _others(x_train, x)
        count = min(count, len(np.unique(known, axis=0)))
        from sklearn.cluster import KMeans

        seed = checks.seed(seed) % 2**32
        found = KMeans(count, n_init=2, random_state=seed).fit(known)
        centres = found.cluster_centers_
    else:
        centres = _rows("clusters", clusters, least=1)
        _check_width("clusters", centres, x)
    from sklearn.metrics import pairwise_distances_argmin

    shares = [
        np.bincount(
            pairwise_distances_argmin(rows, centres), minlength=len(centres)
        )
        / len(rows)
        for rows in (x, samples)
    ]
    errors = [
        np.sqrt(p * (1 - p) / len(rows))
        for p, rows in zip(shares, (x, samples), strict=True)
    ]
    data, found = shares
    # For draws from the data's shares: the mean of |z| is sqrt(2 / pi).
    spread = np.sqrt(data * (1 - data) * (1 / len(x) + 1 / len(samples)))
    missed = (found < MISSED * data) & (data * len(samples) >= 5)
    return ClusterCoverage(
        data,
        found,
        *errors,
        distance=float(0.5 * np.abs(data - found).sum()),
        floor=float(0.5 * math.sqrt(2 / math.pi) * spread.sum()),
        missed=int(missed.sum()),
    )


def compare_samples(
    x: Array,
    samples: Array,
    x_train: Array | None = None,
    clusters: int | Array = 10,
    max_rows: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """All measures of samples against data, as a dict of numbers.

    Its keys are `moments`, `pca_distance`, `adversarial_accuracy`,
    `maximum_mean_discrepancy` and `cluster_coverage`, with the results of the
    functions of these names, and `privacy_gap` (`None` without `x_train`).

    Args:
        x: Data that the model has not seen, of shape `(rows, columns)`.
        samples: Samples of the model, an array of shape `(other rows,
            columns)`.
        x_train: Training data with as many columns, for `privacy_gap`, the axes
            and the clusters; or `None`.
        clusters: As for `cluster_coverage`.
        max_rows: The most rows of each set, chosen at random.
        seed: Integer from 0 to 2**64 - 1, for all random choices.

    Returns:
        A JSON-serializable dict of numbers, lists and dicts.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        x = keras_rbm.data.digits().train
        print(evaluation.compare_samples(x[::2], x[1::2]))
    """
    most = checks.positive_integer("max_rows", max_rows)
    generator = np.random.default_rng(checks.seed(seed))
    # Choose rows before a copy is made: the data may be large.
    x, samples, x_train = (
        rows if rows is None else _some(np.asanyarray(rows), most, generator)
        for rows in (x, samples, x_train)
    )
    x, samples = _pair(x, samples)
    gap = None
    if x_train is not None:
        x_train = _others(x_train, x)
        gap = privacy_gap(x_train, x, samples, seed)
    accuracy = adversarial_accuracy(x, samples, seed)
    coverage = cluster_coverage(x, samples, clusters, seed, x_train)
    discrepancy = maximum_mean_discrepancy(x, samples, seed=seed)
    return {
        "moments": [found._asdict() for found in moments(x, samples, seed)],
        "pca_distance": pca_distance(x, samples, x_train=x_train).tolist(),
        "adversarial_accuracy": {
            "value": accuracy.value,
            **accuracy._asdict(),
        },
        "privacy_gap": gap,
        "maximum_mean_discrepancy": discrepancy._asdict(),
        "cluster_coverage": {
            name: np.asarray(found).tolist()
            for name, found in coverage._asdict().items()
        },
    }


def _pair(x, samples):
    """Returns both as `float64` arrays with the same number of columns."""
    x, samples = _rows("x", x), _rows("samples", samples)
    _check_width("samples", samples, x)
    return x, samples


def _others(x_train, x):
    """Further rows of data, as a `float64` array as wide as `x`."""
    x_train = _rows("x_train", x_train)
    _check_width("x_train", x_train, x)
    return x_train


def _rows(name, x, least=2, may_miss=False):
    """A `float64` array of two axes with at least some rows.

    With `may_miss`, entries may be NaN.
    """
    try:
        rows = np.asarray(checks.unmasked(x), "float64")
    except (TypeError, ValueError):
        rows = np.zeros(0)
    if rows.ndim != 2 or len(rows) < least or not rows.shape[1]:
        raise ValueError(
            f"`{name}` must be a dense array of shape (rows, columns) with at "
            f"least {least} rows. Received: shape={np.shape(x)}"
        )
    wrong = ~np.isfinite(rows) & ~(may_miss & np.isnan(rows))
    if wrong.any():
        raise ValueError(
            f"`{name}` must hold finite numbers. Received: "
            f"{int(np.sum(wrong))} that are not finite"
        )
    return rows


def _check_width(name, rows, x):
    if rows.shape[1] != x.shape[1]:
        raise ValueError(
            f"`{name}` must have as many columns as `x`. Received: "
            f"{name}.shape={rows.shape}, x.shape={x.shape}"
        )


def _some(rows, count, generator):
    """A random choice of rows, or all of them if they are few."""
    if not rows.ndim or len(rows) <= count:
        return rows
    return rows[np.sort(generator.choice(len(rows), count, replace=False))]
