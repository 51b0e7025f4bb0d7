"""A made-up family of RNA for tests."""

import numpy as np

from keras_rbm import sequences

SITES = 7


def draw():
    """60 sequences of independent letters, as an `Alignment`."""
    codes = np.random.default_rng(0).integers(0, 5, size=(60, SITES))
    family = sequences.Alignment(codes, alphabet=sequences.RNA)
    return family.columns(range(SITES))
