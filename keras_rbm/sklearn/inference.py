"""What a model says of the rows of a matrix, in the dtype of these."""

import numpy as np

from keras_rbm import gibbs, likelihood, random
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.sklearn import rows


def features(model, x):
    """E[h | v] of each row.

    Args:
        model: An `RBM`.
        x: Array or CSR matrix of shape `(examples, visible.width)`, of
            float32 or float64.

    Returns:
        Array of shape `(examples, hidden.width)`.
    """
    machine = _machine(model, x)
    h = np.empty((x.shape[0], model.hidden.width), x.dtype)
    for first, v in rows.parts(x):
        h[first : first + len(v)] = machine_lib.hidden_mean(machine, v)
    return h


def scores(model, x, seed):
    """N log p(v_i | v_-i) of each row, at a site i that the row chooses.

    Args:
        model: An `RBM` whose visible units have a list of states.
        x: As for `features`; rounded to states.
        seed: Integer. With the row, it alone says which site.

    Returns:
        Array of shape `(examples,)`, in nats.
    """
    machine, stream = _machine(model, x), random.stream(seed)
    found = np.empty(x.shape[0], x.dtype)
    for first, v in rows.parts(x):
        # The address of the draw is the row itself, not its number.
        own = rows.checksums(v) - np.arange(len(v), dtype="uint32")
        found[first : first + len(v)] = (
            likelihood.stochastic_pseudo_log_likelihood(
                machine,
                model.visible.nearest(v),
                stream._replace(first_row=own.view("int32")),
            )
        )
    return found


def mean_score(model, x, seed):
    """Mean of `scores`, or NaN where the visible units have no states."""
    if not likelihood.pseudo_likelihood_is_defined(model.visible):
        return np.nan
    return scores(model, x, seed).mean()


def sweep(model, x, seed):
    """States of v after a sweep of Gibbs sampling from each row.

    Args:
        model: An `RBM`.
        x: As for `features`.
        seed: Integer.

    Returns:
        Array of the shape and dtype of `x`.
    """
    machine, stream = _machine(model, x), random.stream(seed)
    return np.concatenate(
        [
            _sweep(machine, v, stream._replace(first_row=first))
            for first, v in rows.parts(x)
        ]
    )


def _machine(model, x):
    return machine_lib.cast(model.machine(), x.dtype.name)


_sweep = compiled(gibbs.sweep)
