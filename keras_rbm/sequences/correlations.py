"""Compares letter frequencies and correlations of data and samples."""

from typing import NamedTuple

import numpy as np

from keras_rbm import checks
from keras_rbm.sequences.alignment import Alignment
from keras_rbm.typing import Array

# Number of sequences in a block of the matrix product.
_BLOCK = 2048


class Comparison(NamedTuple):
    """Statistics of one order, for data and for samples.

    Attributes:
        order: 1 for frequencies, 2 for pairs, 3 for triples.
        data: Vector of statistics of the data.
        samples: Vector of the same statistics of the samples.

    Example:
        _, pairs, _ = sequences.compare_correlations(family, drawn)
        print(pairs.order, pairs.correlation)  # The order is 2.
    """

    order: int
    data: np.ndarray
    samples: np.ndarray

    @property
    def correlation(self) -> float:
        """The Pearson correlation; NaN if one of the vectors is constant."""
        if not (np.ptp(self.data) and np.ptp(self.samples)):
            return float("nan")
        return float(np.corrcoef(self.data, self.samples)[0, 1])


def compare_correlations(
    alignment: Alignment,
    samples: Alignment,
    weights: Array | None = None,
    num_triples: int = 300,
    seed: int = 0,
) -> tuple[Comparison, Comparison, Comparison]:
    """f_i(a), and the connected correlations of pairs and triples of sites.

        C_ij(a, b) = f_ij(a, b) - f_i(a) f_j(b)
        C_ijk(a, b, c) = <(x_ia - f_ia) (x_jb - f_jb) (x_kc - f_kc)>

    for all letters, and for all pairs and some random triples of sites.

    Args:
        alignment: The data, an `Alignment` without missing entries.
        samples: Samples, an `Alignment` of the same columns.
        weights: Array of shape `(sequences,)`, the weights of the data;
            `None` for ones.
        num_triples: Number of triples of sites, a positive integer.
        seed: Integer from 0 to 2**64 - 1, for the choice of triples.

    Returns:
        Three `Comparison`s, of orders 1, 2 and 3.

    Raises:
        ValueError: If an argument is not as described, or there are fewer
            than 3 columns.

    Reference: Decelle, Furtlehner and Seoane (2021), "Equilibrium and
        non-equilibrium regimes in the learning of restricted Boltzmann
        machines", section 4.

    Example:
        for found in sequences.compare_correlations(family, drawn, w):
            print(found.order, found.correlation)
    """
    checks.positive_integer("num_triples", num_triples)
    for name, value in (("alignment", alignment), ("samples", samples)):
        if (value.codes < 0).any():
            raise ValueError(
                f"`{name}` must have no missing entries. Received: {name} with "
                f"{(value.codes < 0).sum()} of them"
            )
    width = alignment.shape[1]
    if samples.units != alignment.units or width < 3:
        raise ValueError(
            "`samples` must have the columns of `alignment`, 3 or more. "
            f"Received: {alignment} and {samples}"
        )
    rng = np.random.default_rng(checks.seed(seed))
    triples = np.stack(
        [rng.choice(width, 3, replace=False) for _ in range(num_triples)]
    )
    data, drawn = (
        _statistics(x, x.weight_vector(w), triples)
        for x, w in ((alignment, weights), (samples, None))
    )
    return tuple(
        Comparison(order, *pair)
        for order, pair in enumerate(zip(data, drawn, strict=True), start=1)
    )


def _statistics(alignment, w, triples):
    """Frequencies and connected correlations, as three vectors."""
    codes, letters = alignment.codes, len(alignment.alphabet)
    w = w / w.sum()
    count, width = codes.shape
    size = width * letters
    pairs = np.zeros((size, size), "float32")
    single = np.zeros(size)
    for first in range(0, count, _BLOCK):
        part = slice(first, first + _BLOCK)
        hot = codes[part][:, :, None] == np.arange(letters)
        hot = hot.reshape(-1, size).astype("float32")
        own = w[part].astype("float32")
        pairs += (hot * own[:, None]).T @ hot
        single += own @ hot
    connected = pairs - np.outer(single, single)
    i, j = np.triu_indices(width, 1)
    by_site = connected.reshape(width, letters, width, letters)
    second = by_site[i, :, j].ravel()
    f = single.reshape(width, letters)
    third = []
    for a, b, c in triples:
        index = codes[:, [a, b, c]].astype("int64") @ [letters**2, letters, 1]
        joint = np.bincount(index, w, letters**3).reshape((letters,) * 3)
        # <x y z> minus the part that means and pairs explain.
        joint -= by_site[a, :, b][:, :, None] * f[c]
        joint -= by_site[a, :, c][:, None, :] * f[b][:, None]
        joint -= by_site[b, :, c] * f[a][:, None, None]
        joint -= f[a][:, None, None] * np.outer(f[b], f[c])
        third.append(joint.ravel())
    return single, second, np.concatenate(third)
