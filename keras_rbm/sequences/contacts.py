"""Contacts of a structure, predicted from couplings."""

import csv
from collections.abc import Callable, Sequence

import numpy as np

from keras_rbm import checks
from keras_rbm.couplings import effective
from keras_rbm.machine import Machine
from keras_rbm.typing import Array, Path


def frobenius_norms(pairs: Array, exclude: Sequence[int] = ()) -> np.ndarray:
    """F_ij = sqrt(sum_ab J_ij(a, b)^2), with 0 for i = j.

    Args:
        pairs: Couplings, of shape `(sites, sites, categories, categories)`,
            or `(sites, sites)` for spins, as returned by `couplings.effective`.
        exclude: Categories that the sum leaves out, such as the gap.

    Returns:
        Array of shape `(sites, sites)`, symmetric.

    Raises:
        ValueError: If the shape is not as described, or if `exclude` holds
            anything but categories of the couplings.

    Reference: Ekeberg, Lovkvist, Lan, Weigt and Aurell (2013), "Improved
        contact prediction in proteins: using pseudolikelihoods to infer Potts
        models", section II.

    Example:
        pairs = couplings.effective(rbm.machine()).pairs
        norms = sequences.frobenius_norms(pairs, exclude=[0])  # Without gaps.
    """
    pairs = np.asarray(pairs, "float64")
    if pairs.ndim not in (2, 4) or pairs.shape[0] != pairs.shape[1]:
        raise ValueError(
            "`pairs` must have shape (sites, sites, categories, categories), "
            f"or (sites, sites). Received: pairs.shape={pairs.shape}"
        )
    if pairs.ndim == 2:
        norms = np.abs(pairs)
    else:
        every = np.arange(pairs.shape[2])
        if not np.isin(exclude, every).all():
            raise ValueError(
                f"`exclude` must hold categories, integers from 0 to "
                f"{every[-1]}. Received: exclude={exclude}"
            )
        keep = np.setdiff1d(every, exclude)
        norms = np.sqrt(np.square(pairs[:, :, keep][..., keep]).sum((2, 3)))
    norms = (norms + norms.T) / 2
    np.fill_diagonal(norms, 0.0)
    return norms


def average_product_correction(scores: Array) -> np.ndarray:
    """S_ij - S_i S_j / S, the average-product correction of scores.

    S_i is the mean of S_ij over j, and S the mean of S_i. The correction
    removes the part of a score that comes from the variability of the two
    sites.

    Args:
        scores: Array of shape `(sites, sites)`, symmetric.

    Returns:
        Array of the same shape, with 0 for i = j.

    Raises:
        ValueError: If the array is not square with 3 or more sites.

    Reference: Dunn, Wahl and Gloor (2008), "Mutual information without the
        influence of phylogeny or entropy dramatically improves residue contact
        prediction", equation 3.

    Example:
        pairs = couplings.effective(rbm.machine()).pairs
        scores = sequences.average_product_correction(
            sequences.frobenius_norms(pairs, exclude=[0])
        )
    """
    scores = _square("scores", scores)
    scores = scores - np.diag(np.diag(scores))
    means = scores.sum(axis=1) / (len(scores) - 1)
    every = means.mean()
    if not every:
        return scores
    corrected = scores - np.outer(means, means) / every
    np.fill_diagonal(corrected, 0.0)
    return corrected


def median_product_correction(scores: Array) -> np.ndarray:
    """S_ij - v_i v_j, where v_i^2 is the median of S_ij S_ik / S_jk over j < k.

    Like the average-product correction, this removes the part of a score that
    comes from the variability of the two sites. For products S_ij = v_i v_j, it
    finds v exactly, even if some scores are changed, by however much: with many
    sites, up to a fifth of the scores of each site.

    j and k are sites other than i. Quotients with S_jk = 0 are left out. Sites
    most of whose quotients are 0 have v_i = 0, so that their scores are not
    corrected. The time grows with the third power of the number of sites.

    Args:
        scores: Array of shape `(sites, sites)`, symmetric and not negative. The
            diagonal is not used.

    Returns:
        Array of the same shape, with 0 for i = j.

    Raises:
        ValueError: If the array is not as described, or has fewer than 6
            sites: one pair would decide most of the quotients of its sites.

    Reference: Zhang, Gao, Deng, Wang, Zhu, Li, Zheng and Bu (2016), "Improving
        residue-residue contact prediction via low-rank and sparse decomposition
        of residue correlation matrix", for the idea that contacts remain after
        a matrix of low rank is subtracted. The medians are this package's own.

    Example:
        pairs = couplings.effective(rbm.machine()).pairs
        scores = sequences.median_product_correction(
            sequences.frobenius_norms(pairs, exclude=[0])
        )
    """
    scores = _square("scores", scores).copy()
    np.fill_diagonal(scores, 0.0)
    if len(scores) < 6 or not (np.isfinite(scores) & (scores >= 0)).all():
        raise ValueError(
            "`scores` must have 6 sites or more, and finite entries that are "
            f"not negative. Received: scores.shape={scores.shape}, with "
            f"entries from {scores.min()} to {scores.max()}"
        )
    largest = scores.max() or 1.0
    x = scores / largest
    if not np.allclose(x, x.T):
        worst = np.abs(scores - scores.T).max()
        raise ValueError(
            "`scores` must be symmetric. Received entries (i, j) and (j, i) "
            f"that differ by up to {worst}"
        )
    j, k = np.triu_indices(len(x), 1)
    known = x[j, k] > 0
    j, k = j[known], k[known]
    squares = np.zeros(len(x))
    with np.errstate(over="ignore"):  # Of single quotients.
        for i, row in enumerate(x):
            other = (j != i) & (k != i)
            if other.any():
                a, b = j[other], k[other]
                squares[i] = np.median(row[a] * row[b] / x[a, b])
    v = np.sqrt(squares)
    corrected = (x - np.outer(v, v)) * largest
    np.fill_diagonal(corrected, 0.0)
    return corrected


def contact_map(
    machine: Machine,
    exclude: Sequence[int] = (0,),
    *,
    correction: Callable[[np.ndarray], np.ndarray] = average_product_correction,
    **kwargs,
) -> np.ndarray:
    """Scores of contacts: norms of the effective couplings, corrected.

    Args:
        machine: A `Machine`, such as `rbm.machine()`.
        exclude: Categories that the norms leave out; `()` for none. The gap is
            category 0 in the named alphabets of this package; it is category
            `alphabet.gap` of any `Alphabet`.
        correction: Function that removes the contribution of single sites from
            the norms, such as `median_product_correction`.
        **kwargs: Arguments of `couplings.effective`.

    Returns:
        Symmetric array of shape `(sites, sites)`. Higher scores predict smaller
        distances.

    Raises:
        ValueError: If `couplings.effective` does not accept the machine, if
            `exclude` is not as described, or if `correction` does not accept
            the norms.

    Example:
        scores = sequences.contact_map(rbm.machine())
        sequences.top_pairs(scores, 3)
    """
    pairs = effective(machine, **kwargs).pairs
    return correction(frobenius_norms(pairs, exclude))


def top_pairs(scores: Array, count: int, min_separation: int = 5) -> np.ndarray:
    """The pairs of sites with the highest scores, best first.

    Args:
        scores: Array of shape `(sites, sites)`.
        count: Number of pairs.
        min_separation: Least j - i of a pair, a positive integer.

    Returns:
        Integer array of shape `(count, 2)` of columns i < j, from 0.

    Raises:
        ValueError: If there are fewer pairs.

    Example:
        scores = sequences.contact_map(rbm.machine())
        for i, j in sequences.top_pairs(scores, 3, min_separation=2):
            print(family.positions[i], family.positions[j], scores[i, j])
    """
    scores = _square("scores", scores)
    checks.positive_integer("min_separation", min_separation)
    checks.positive_integer("count", count)
    i, j = np.triu_indices(len(scores), min_separation)
    if count > len(i):
        raise ValueError(
            f"`count` must be at most {len(i)}, the number of pairs. Received: "
            f"count={count}"
        )
    order = np.argsort(-scores[i, j], kind="stable")[:count]
    return np.stack([i[order], j[order]], axis=1)


def positive_predictive_value(
    scores: Array,
    distances: Array,
    counts: Sequence[int],
    threshold: float = 8.0,
    min_separation: int = 5,
) -> np.ndarray:
    """The share of true contacts among the pairs with the highest scores.

    Pairs whose distance is not known (NaN) are left out.

    Args:
        scores: Array of shape `(sites, sites)`, such as a `contact_map`.
        distances: Distances, an array of the same shape, such as the result of
            `read_distances`.
        counts: Numbers of pairs.
        threshold: A pair is a contact if its distance is below this.
        min_separation: Least j - i of a pair; 5 leaves out the neighbours
            along the chain.

    Returns:
        Array with a share for each of the `counts`.

    Raises:
        ValueError: If the arrays differ in shape, or if there are too few
            pairs.

    Example:
        scores = sequences.contact_map(rbm.machine())
        distances = np.full(scores.shape, 7.0)  # In angstrom.
        length = len(scores) // 4
        sequences.positive_predictive_value(
            scores, distances, [length, 2 * length]
        )
    """
    scores = _square("scores", scores)
    distances = _square("distances", distances)
    checks.positive_number("threshold", threshold)
    pairs = num_known_pairs(scores, distances, min_separation)
    counts = [checks.positive_integer("counts", count) for count in counts]
    if not counts or max(counts) > pairs:
        raise ValueError(
            f"`counts` must be numbers of pairs, of which {pairs} have a "
            f"distance. Received: counts={counts}"
        )
    known = np.where(np.isnan(distances), -np.inf, scores)
    best = top_pairs(known, max(counts), min_separation)
    hits = np.cumsum(distances[best[:, 0], best[:, 1]] < threshold)
    return np.array([hits[count - 1] / count for count in counts])


def num_known_pairs(
    scores: Array, distances: Array, min_separation: int = 5
) -> int:
    """The number of pairs that `positive_predictive_value` can rank.

    Args:
        scores: Array of shape `(sites, sites)`.
        distances: Array of the same shape, NaN where a distance is not known.
        min_separation: Least j - i of a pair.

    Raises:
        ValueError: If the arrays are not square, or differ in shape.
    """
    scores = _square("scores", scores)
    distances = _square("distances", distances)
    if scores.shape != distances.shape:
        raise ValueError(
            "`distances` must have the shape of `scores`. Received: "
            f"distances.shape={distances.shape}, scores.shape={scores.shape}"
        )
    i, j = np.triu_indices(len(scores), min_separation)
    known = np.isfinite(scores[i, j]) & ~np.isnan(distances[i, j])
    return int(known.sum())


def read_distances(path: Path, num_sites: int) -> np.ndarray:
    """Reads distances from a CSV file with the columns i, j, distance.

    i and j count from 1. If no field of the first line begins with a digit,
    this line is a header, which is skipped. Empty lines are skipped, too.

    Args:
        path: Path of the file.
        num_sites: Number of columns of the alignment.

    Returns:
        Array of shape `(num_sites, num_sites)`, symmetric; NaN where the file
        has no distance, and 0 for i = j.

    Raises:
        ValueError: If a line is not as described.

    Example:
        with open("distances.csv", "w") as file:
            print("1,7,5.2", file=file)  # Columns 1 and 7, in angstrom.
        distances = sequences.read_distances("distances.csv", num_sites=8)
    """
    checks.positive_integer("num_sites", num_sites)
    found = np.full((num_sites, num_sites), np.nan)
    np.fill_diagonal(found, 0.0)
    # Excel begins files in UTF-8 with a byte-order mark.
    with open(path, encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            has_digits = any(x.strip()[:1].isdigit() for x in row)
            if not "".join(row).strip() or (number == 1 and not has_digits):
                continue
            try:
                i, j, distance = int(row[0]), int(row[1]), float(row[2])
                if not (1 <= i <= num_sites and 1 <= j <= num_sites):
                    raise ValueError
            except (ValueError, IndexError):
                raise ValueError(
                    "A line must hold i, j and a distance, separated by "
                    f"commas, with i and j from 1 to {num_sites} "
                    f"(`num_sites`). Received: {row} in line {number} of "
                    f"{str(path)!r}"
                ) from None
            found[i - 1, j - 1] = found[j - 1, i - 1] = distance
    return found


def _square(name, x):
    x = np.asarray(x, "float64")
    if x.ndim != 2 or x.shape[0] != x.shape[1] or len(x) < 3:
        raise ValueError(
            f"`{name}` must have shape (sites, sites), with 3 sites or more. "
            f"Received: {name}.shape={x.shape}"
        )
    return x
