import numpy as np
import pytest

from keras_rbm import sequences
from tests.made_up_family import SITES


def test_correlations(family):
    """Against means of products of centred one-hot columns."""
    w = np.random.default_rng(2).random(60)
    other = family[::2]
    found = sequences.compare_correlations(family, other, w, num_triples=1)
    hot = np.asarray(family.one_hot()[:], "float64")
    share = w / w.sum()
    mean = share @ hot
    np.testing.assert_allclose(found[0].data, mean, atol=1e-6)
    centred = hot - mean
    second = (centred * share[:, None]).T @ centred
    by_site = second.reshape(SITES, 5, SITES, 5)
    i, j = np.triu_indices(SITES, 1)
    np.testing.assert_allclose(
        found[1].data, by_site[i, :, j].ravel(), atol=1e-6
    )
    triple = np.random.default_rng(0).choice(SITES, 3, replace=False)
    a, b, c = centred.reshape(-1, SITES, 5)[:, triple].transpose(1, 0, 2)
    third = np.einsum("s,sa,sb,sc->abc", share, a, b, c)
    np.testing.assert_allclose(found[2].data, third.ravel(), atol=1e-6)
    same = sequences.compare_correlations(family, family)
    assert all(np.isclose(own.correlation, 1) for own in same)
    with pytest.raises(ValueError, match="must have the columns"):
        sequences.compare_correlations(family, family.columns([0, 1, 2]))
