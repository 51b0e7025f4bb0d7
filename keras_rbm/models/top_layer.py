"""Rows (v, h2) of a deep Boltzmann machine, for examples v."""

import numpy as np
from keras import ops

from keras_rbm import random
from keras_rbm.models import inputs, sampling

# The stream of draws of h2, apart from those of training.
_TOP = 2**33 + 100


def drawn(model, v, seed):
    """Rows (v, h2), with h2 drawn from mean field.

    Args:
        model: A `DeepBoltzmannMachine`.
        v: Array of shape `(batch, features.width)`.
        seed: Integer from 0 to 2**64 - 1, or `None`.

    Returns:
        Tensor of shape `(batch, visible.width)`.
    """
    v = inputs.checked(v, model.features, "v")
    _, h2 = model.posterior(v)
    return with_draws(v, h2, seed)


def with_draws(v, h2, seed):
    """Rows (v, h2), with h2 drawn from these means; `seed` may be a tensor."""
    h2 = random.bernoulli(sampling.stream(seed, _TOP), h2)
    return ops.concatenate([ops.cast(v, h2.dtype), h2], axis=1)


def missing(model, v, entries):
    """Rows whose top layer is missing too, and the mask of both.

    Args:
        model: A `DeepBoltzmannMachine`.
        v: Array of shape `(batch, features.width)`.
        entries: Boolean array, `True` where an entry of v is missing.
    """
    v = inputs.array(v, model.features, "v")
    if v.ndim != 2:
        model.features.check(v, "v")
    top = np.full((len(v), model.top.width), np.nan, "float32")
    return np.concatenate([v, top], axis=1), mask(model, entries, True)


def mask(model, entries, value):
    """A mask of examples as one of rows, with this value in the top layer."""
    entries = np.asarray(entries)
    top = np.full((*entries.shape[:-1], model.top.width), value)
    return np.concatenate([entries, top], axis=-1)
