"""Missing entries: masks, and their distribution by enumeration."""

import itertools
import math
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.models import examples
from keras_rbm.progress_bar import ProgressBar

#: The most joint states of missing entries that are enumerated.
MAX_STATES = 2**16
# Numbers in a block of the enumeration: some tens of MiB in float64.
_BLOCK_NUMBERS = 2**21


def check_mask(mask, shape, units, name):
    """Checks a mask of examples.

    Args:
        mask: Boolean array, or nested lists of booleans: one mask for all
            examples, or a mask for each example.
        shape: `(examples, units.width)`.
        units: `Units` of the examples.
        name: The argument's name, for errors.

    Returns:
        Boolean array of shape `(units.width,)` or `(examples, units.width)`.

    Raises:
        ValueError: If `mask` is not a mask of this shape, or covers only some
            of the columns of a unit.
    """
    array = _array(mask)
    if (
        array is None
        or isinstance(mask, np.ma.MaskedArray)
        or array.dtype != bool
        or array.shape not in (shape, shape[1:])
    ):
        raise ValueError(
            f"`{name}` must be a boolean array of shape ({shape[1]},) or "
            f"{tuple(shape)}, such as `v > 0.5` makes. Received: {name}="
            + (
                f"{mask!r:.50}"
                if array is None
                else f"an array of shape {array.shape}, {array.dtype}"
            )
        )
    for columns, _ in sites(units):
        part = array[..., columns]
        if (part != part[..., :1]).any():
            raise ValueError(
                f"`{name}` must take all columns of a unit or none. Received: "
                f"{name} that divides columns {columns.start} to "
                f"{columns.stop - 1}"
            )
    return array


def filled(v, mask, units, fill, name="v"):
    """Examples with their missing entries filled.

    Args:
        v: Array of shape `(examples, units.width)`. Values under the mask are
            ignored and may be NaN.
        mask: Boolean array, `True` where an entry is missing; `None` for the
            entries that are NaN.
        units: `Units` that the examples must be states of.
        fill: Function of the number of examples, which returns values for the
            missing entries, array of shape `(examples, units.width)`.
        name: The argument's name, for errors.

    Returns:
        Tuple of the filled examples and the checked mask, as arrays.

    Raises:
        ValueError: If the examples cannot be states of the units, or the mask
            does not have their shape.
    """
    x = examples.dense(examples.array(v, units, name), name)
    if (
        x.shape[1:] != (units.width,)
        or not len(x)
        or x.dtype.kind not in "fbui"
    ):
        units.check(x, name)
    if mask is None:
        mask = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)
    mask = check_mask(mask, x.shape, units, "mask")
    x = np.where(mask, np.asarray(fill(len(x))), x)
    units.check(x, name)
    return x, mask


def restored(x, v, mask):
    """`x` with the values of `v` under the mask, to the bit.

    Args:
        x: Tensor of shape `(..., examples, width)`.
        v: Array of shape `(examples, width)`.
        mask: Boolean array that broadcasts to the shape of `v`.

    Returns:
        Tensor in a dtype that holds the values of both `x` and `v`.
    """
    return ops.convert_to_tensor(np.where(mask, v, x))


def sites(units):
    """The units that have a list of states, with their columns.

    Args:
        units: `Units`.

    Returns:
        List with a tuple for each such unit: the slice of its columns, and
        its states, array of shape `(states, columns)`.
    """
    return [
        (slice(first, first + group.columns), group.states)
        for group in units.sites
        for first in range(group.first, group.end, group.columns)
    ]


class Conditional(NamedTuple):
    """p(v_missing | v_known) of some examples.

    Attributes:
        states: Array of shape `(num_states, missing columns)`, all joint
            states of the missing entries. The last unit changes fastest.
        log_probabilities: `float64` array of shape `(examples, num_states)`,
            in nats.

    Example:
        found = rbm.conditional(x, np.arange(16) >= 12)
        likeliest = found.states[found.log_probabilities.argmax(axis=1)]
    """

    states: np.ndarray
    log_probabilities: np.ndarray


def conditional(machine, v, mask, verbose="auto"):
    """Log p(v_missing | v_known) of all states of the missing entries.

    Computes blocks of examples and states, so that memory stays bounded. The
    hidden inputs are the sum of the inputs from the known entries of an
    example and the inputs from a state of the missing entries.

    Args:
        machine: A `Machine`, in float64.
        v: Array of shape `(examples, visible.width)`; values under the mask
            are ignored.
        mask: Boolean array of shape `(visible.width,)`, `True` where an entry
            is missing in all examples; `None` for the entries that are NaN.
        verbose: `"auto"`, 1 or 0.

    Returns:
        A `Conditional`.

    Raises:
        ValueError: If the examples cannot be states of the visible units, if
            the mask does not have their shape, or if there are too many
            states.
    """
    units = machine.visible
    nothing = ops.zeros((1, units.width), machine_lib.dtype(machine))
    mean = units.mean(nothing, machine.visible_params)
    v, mask = filled(v, mask, units, lambda count: mean)
    if mask.ndim == 2 and (mask == mask[0]).all():
        mask = mask[0]
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
    bar = ProgressBar(scores.size, "Enumerating states", verbose)
    for i, j in itertools.product(
        range(0, len(v), examples), range(0, len(states), size)
    ):
        # The last blocks are padded: XLA would compile other shapes again.
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
        mask: Boolean array of shape `(units.width,)`, equal in all columns of
            a unit.

    Returns:
        `float64` array of shape `(num_states, columns under the mask)`.

    Raises:
        ValueError: If a unit has no list of states, or there are too many.
    """
    chosen = [(c, states) for c, states in sites(units) if mask[c].any()]
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


def _array(mask):
    """Arrays, tensors and lists as an array; `None` for other objects."""
    if not (hasattr(mask, "__array__") or isinstance(mask, list | tuple)):
        return None
    try:
        return np.asarray(mask)
    except ValueError:  # Lists of different lengths.
        return None


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
