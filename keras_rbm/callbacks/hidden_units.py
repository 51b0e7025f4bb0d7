"""What hidden units, and those of a layer above, say about examples."""

import keras
import numpy as np

from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled

_BATCH = 1000


def ranges(machine, v):
    """Mean free energy of states `v`; least and largest E[h | v] by unit."""
    total, least, most = 0.0, np.inf, -np.inf
    for first in range(0, len(v), _BATCH):
        batch = v[first : first + _BATCH]
        # The last batch is filled up: another shape would be compiled anew.
        rows = np.resize(batch, (min(_BATCH, len(v)), v.shape[1]))
        rows = keras.ops.cast(rows, machine_lib.dtype(machine))
        found = map(keras.ops.convert_to_numpy, _ranges_of_batch(machine, rows))
        free_energy, low, high = found
        total += free_energy[: len(batch)].sum(dtype="float64")
        least, most = np.minimum(least, low), np.maximum(most, high)
    return total / len(v), least, most


def useless(states, least, most):
    """Shares of units that no example switches on, and that none switches off.

    Their means stay below 0.01, or above 0.99, of the way between the states.
    """
    low, high = np.min(states), np.max(states)
    share = 0.01 * (high - low)
    return np.mean(most < low + share), np.mean(least > high - share)


@compiled
def _ranges_of_batch(machine, v):
    inputs = machine_lib.hidden_inputs(machine, v)
    mean = machine.hidden.mean(inputs, machine.hidden_params)
    free_energy = machine_lib.free_energy(machine, v, inputs)
    return (
        free_energy,
        keras.ops.min(mean, axis=0),
        keras.ops.max(mean, axis=0),
    )


def constant(means):
    """Share of the units, columns of `means`, that no example moves.

    Of binary units: those whose means lie within 0.01 of each other.
    """
    return np.mean(np.ptp(means, axis=0) < 0.01)
