"""How probable the states of a missing part are, by enumeration."""

import itertools
import math
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.models import masks
from keras_rbm.progress import Progress

#: The most joint states of a missing part that are enumerated.
MAX_STATES = 2**16
# Numbers in a block of the enumeration: some tens of MiB in float64.
_BLOCK_NUMBERS = 2**21


class Conditional(NamedTuple):
    """p(v_missing | v_known) of some examples.

    Attributes:
        states: Array of shape `(num_states, missing columns)`, all joint
            states of the missing part, the last unit changing fastest.
        log_probabilities: `float64` array of shape `(examples, num_states)`,
            in nats.
    """

    states: np.ndarray
    log_probabilities: np.ndarray


def conditional(machine, v, mask, verbose="auto"):
    """Log p(v_missing | v_known) of all states of the missing part.

    In blocks of examples and states, so that memory stays bounded. The hidden
    inputs of an example are those of its known part and of a state, added.

    Args:
        machine: A `Machine`, in float64.
        v: Array of shape `(examples, visible.width)`; what it holds under
            the mask is not looked at.
        mask: Boolean array of shape `(visible.width,)`, `True` where an entry
            is missing in all examples.
        verbose: `"auto"`, 1 or 0.

    Returns:
        A `Conditional`.

    Raises:
        ValueError: If the examples cannot be states of the visible units, the
            mask is none, or the states are too many.
    """
    units = machine.visible
    nothing = ops.zeros((1, units.width), machine_lib.dtype(machine))
    mean = units.mean(nothing, machine.visible_params)
    v, mask = masks.filled(v, mask, units, lambda count: mean)
    if mask.ndim != 1:
        raise ValueError(
            f"`mask` must have shape ({units.width},): the entries that are "
            "missing must be the same in all examples. Received: mask of "
            f"shape {mask.shape}"
        )
    states = joint_states(units, mask)
    checks.in_memory("mask", (2, len(v), len(states)))
    known = np.where(mask, 0.0, v)
    place = np.eye(units.width)[mask]
    numbers = max(units.width, machine.hidden.width)
    rows = max(1, _BLOCK_NUMBERS // numbers)
    size = min(rows, len(states))
    examples = min(max(1, rows // size), len(v))
    scores = np.empty((len(v), len(states)))
    bar = Progress(scores.size, "Enumerating states", verbose)
    for i, j in itertools.product(
        range(0, len(v), examples), range(0, len(states), size)
    ):
        # The last blocks are filled up: other shapes would compile anew.
        block = scores[i : i + examples, j : j + size]
        some, part = known[i : i + examples], states[j : j + size]
        found = _scores(
            machine,
            ops.convert_to_tensor(np.resize(some, (examples, len(mask)))),
            ops.convert_to_tensor(np.resize(part, (size, len(place)))),
            ops.convert_to_tensor(place),
        )
        block[:] = found[: len(some), : len(part)]
        bar.add(block.size)
    top = scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(scores - top).sum(axis=1, keepdims=True)) + top
    return Conditional(states, scores - total)


def joint_states(units, mask):
    """All joint states of the units under a mask.

    Args:
        units: `Units`.
        mask: Boolean array of shape `(units.width,)`, that takes all columns
            of a unit or none.

    Returns:
        `float64` array of shape `(num_states, columns under the mask)`.

    Raises:
        ValueError: If a unit has no list of states, or there are too many.
    """
    chosen = [(c, states) for c, states in masks.sites(units) if mask[c].any()]
    count = math.prod(len(states) for _, states in chosen)
    columns = sum(states.shape[1] for _, states in chosen)
    if columns != mask.sum() or count > MAX_STATES:
        raise ValueError(
            "`mask` must leave out units with few states, and at most 2**16 "
            "joint ones; `inpaint` and `predict_missing` know no such bound. "
            f"Received: mask of {mask.sum()} entries of {units}"
        )
    rows = itertools.product(*(states for _, states in chosen))
    return np.array(
        [np.concatenate(row) if row else [] for row in rows], "float64"
    ).reshape(count, columns)


@compiled
def _scores(machine, known, states, place):
    """-F(v) of each example with each state, `(examples, states)`."""
    missing = ops.matmul(states, place)

    def pairs(x, y):
        both = x[:, None, :] + y[None, :, :]
        return ops.reshape(both, (-1, both.shape[-1]))

    inputs = pairs(
        machine_lib.hidden_inputs(machine, known),
        machine_lib.hidden_inputs(machine, missing),
    )
    v = pairs(known, missing)
    scores = -machine_lib.free_energy(machine, v, inputs)
    return ops.reshape(scores, (known.shape[0], states.shape[0]))
