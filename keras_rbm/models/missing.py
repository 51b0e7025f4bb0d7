"""Missing entries: masks, exact conditionals, and the draws that `fit` needs.

`fit` follows the gradient of the log-likelihood of the observed entries,

    -d log p(v_observed) = E[dF(v) | v_observed] - E[dF(v)],

and needs draws of the missing entries in its positive phase. Gibbs sweeps that
are clamped at the observed entries supply these draws. `PersistentCompletion`
keeps the state of a chain for each row of the data; `FreshCompletion` starts
new chains at each update.
"""

import abc
import dataclasses
import itertools
import math
from typing import Any, NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import checks, gibbs, random, samplers
from keras_rbm import machine as machine_lib
from keras_rbm import rows as rows_lib
from keras_rbm.compiled import compiled
from keras_rbm.machine import Machine
from keras_rbm.models import examples
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.random import Stream, Use
from keras_rbm.samplers import Clamp, Gibbs, GibbsState, HiddenState
from keras_rbm.typing import Config, Tensor
from keras_rbm.units import Units
from keras_rbm.units.sites import joint_index

# Sweeps from visible units without inputs, for streams of data and for metrics.
_FRESH_SWEEPS = 10
#: The most rows that can have their own chains: row numbers are float32.
MOST_ROWS = 2**24
#: The most joint states of missing entries that are enumerated.
MAX_STATES = 2**16
# Numbers in a block of the enumeration: some tens of MiB in float64.
_BLOCK_NUMBERS = 2**21


# Masks.


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


def observed_weight(v: Tensor, weight: Tensor | None) -> Tensor:
    """Weights of rows; 0 for rows without any observed entry."""
    seen = ops.cast(ops.any(~ops.isnan(v), axis=1), v.dtype)
    return seen if weight is None else seen * ops.cast(weight, v.dtype)


def _array(mask):
    """Arrays, tensors and lists as an array; `None` for other objects."""
    if not (hasattr(mask, "__array__") or isinstance(mask, list | tuple)):
        return None
    try:
        return np.asarray(mask)
    except ValueError:  # Lists of different lengths.
        return None


# Exact conditionals of the missing entries.


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
    count = min(max(1, rows // size), len(v))
    scores = np.empty((len(v), len(states)))
    bar = ProgressBar(scores.size, "Enumerating states", verbose)
    for i, j in itertools.product(
        range(0, len(v), count), range(0, len(states), size)
    ):
        # The last blocks are padded: XLA would compile other shapes again.
        block = scores[i : i + count, j : j + size]
        some, part = known[i : i + count], states[j : j + size]
        found = _scores(
            machine,
            ops.convert_to_tensor(np.resize(some, (count, len(mask)))),
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
    index = joint_index([len(states) for _, states in chosen], 0, count)
    return np.concatenate(
        [
            np.empty((count, 0)),
            *(
                states[own]
                for (_, states), own in zip(chosen, index, strict=True)
            ),
        ],
        axis=1,
    )


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


# Draws of the missing entries in training.


class Completion(abc.ABC):
    """How an update draws the missing entries of its examples."""

    @property
    @abc.abstractmethod
    def is_persistent(self) -> bool:
        """Whether each row of the data has a persistent chain."""

    def __post_init__(self):
        checks.positive_integer("num_sweeps", self.num_sweeps)

    def get_config(self) -> Config:
        """The arguments, for `.keras` files."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The completion with these arguments."""
        return cls(**config)


@keras.saving.register_keras_serializable("keras_rbm")
@dataclasses.dataclass(frozen=True)
class PersistentCompletion(Completion):
    """One persistent chain for each row of the data.

    The chain of a row is clamped at the observed entries of this row. An
    update advances the chains of its batch by `num_sweeps` sweeps. Between two
    updates, the hidden states of the chains are kept in a table of shape
    `(rows, hidden.width)`: one byte per unit for binary units, four for real
    units. The table is saved with the model, so that a run can be resumed.

    The data must be an array, or rows that are read from an array. For a
    `tf.data.Dataset`, and for several replicas, use `FreshCompletion`.

    Args:
        num_sweeps: Number of sweeps in an update, a positive integer.

    Raises:
        ValueError: If `num_sweeps` is not a positive integer.

    Reference: Tieleman (2008), "Training restricted Boltzmann machines using
        approximations to the likelihood gradient", section 5.4, for partially
        labelled data.

    Example:
        completion = keras_rbm.PersistentCompletion(num_sweeps=2)
        rbm = keras_rbm.RBM(784, 500, missing=completion)
    """

    num_sweeps: int = 1

    @property
    def is_persistent(self) -> bool:
        return True


@keras.saving.register_keras_serializable("keras_rbm")
@dataclasses.dataclass(frozen=True)
class FreshCompletion(Completion):
    """Some sweeps from visible units without inputs, at each update.

    The missing entries start as draws of the visible units without inputs, and
    are drawn again in each of `num_sweeps` sweeps that are clamped at the
    observed entries. No state is kept, so the data may be any stream. If
    `num_sweeps` is too small for the chains to forget their start, the draws
    are biased.

    Args:
        num_sweeps: Number of sweeps in an update, a positive integer.

    Raises:
        ValueError: If `num_sweeps` is not a positive integer.

    Example:
        # Batches of a tf.data.Dataset may now have NaN in them.
        rbm = keras_rbm.RBM(784, 500, missing=keras_rbm.FreshCompletion(20))
    """

    num_sweeps: int = _FRESH_SWEEPS

    @property
    def is_persistent(self) -> bool:
        return False


def checked(completion: Any) -> Completion | None:
    """Returns a `Completion` or `None`.

    Raises:
        ValueError: If `completion` is anything else.
    """
    if completion is None or isinstance(completion, Completion):
        return completion
    raise ValueError(
        "`missing` must be PersistentCompletion(), FreshCompletion() or None. "
        f"Received: missing={completion!r}"
    )


class Completed(NamedTuple):
    """Rows without missing entries, and which of them were drawn.

    Attributes:
        v: Tensor of shape `(batch, visible.width)`.
        was_missing: Boolean tensor of the shape of `v`; `None` if no entry of
            the data is missing.
        numbers: The numbers of the rows in the data, `(batch,)`, or `None`.
    """

    v: Tensor
    was_missing: Tensor | None = None
    numbers: Tensor | None = None


class Completer:
    """Draws the missing entries of rows, in the graph.

    Args:
        num_sweeps: Number of sweeps in an update.
        tables: `keras.Variable`s of hidden states, each of shape `(rows,
            hidden.width)`, one for each chain of a row; empty if chains are
            not kept.
    """

    def __init__(self, num_sweeps: int, tables: list[keras.Variable] = ()):
        self.num_sweeps, self.tables = num_sweeps, tuple(tables)

    def draw(
        self,
        machine: Machine,
        v: Tensor,
        stream: Stream,
        numbers: Tensor | None = None,
        chain: int = 0,
    ) -> Tensor:
        """A draw of the entries that are NaN, given the other entries.

        Args:
            machine: A `Machine`.
            v: Tensor of shape `(batch, visible.width)`.
            stream: The stream of an update.
            numbers: Numbers of the rows in the data, if chains are kept.
            chain: Index of the chain among the chains of a row.

        Returns:
            Tensor of the shape of `v`.
        """
        clamp = Clamp(~ops.isnan(v), v)
        here = random.fold_in(random.fold_in(stream, Use.COMPLETE), chain)
        sampler, first = Gibbs(), 0
        if self.tables:
            h = ops.take(self.tables[chain].value, numbers, axis=0)
            state = HiddenState(ops.cast(h, machine_lib.dtype(machine)))
            state, _ = sampler.step(
                machine, state, random.fold_in(here, 0), clamp
            )
            first = 1
        else:
            state = GibbsState(clamp.hold(_without_inputs(machine, v, here)))
        state, _ = samplers.run(
            sampler,
            machine,
            state,
            here,
            self.num_sweeps - first,
            first,
            clamp,
        )
        return ops.cast(sampler.samples(state), v.dtype)

    def keep(
        self,
        machine: Machine,
        inputs: Tensor,
        stream: Stream,
        numbers: Tensor,
        chain: int = 0,
    ) -> None:
        """Draws hidden states of completed rows, and keeps them.

        Args:
            machine: The `Machine` of `draw`.
            inputs: Hidden inputs of the completed rows, tensor of shape
                `(batch, hidden.width)`.
            stream: The stream of the update.
            numbers: Numbers of the rows in the data.
            chain: Index of the chain among the chains of a row.
        """
        here = random.fold_in(stream, Use.KEEP_COMPLETED)
        h = machine.hidden.sample(
            inputs, machine.hidden_params, random.fold_in(here, chain)
        )
        table = self.tables[chain]
        h = ops.cast(h, table.dtype)
        table.assign(
            tf.tensor_scatter_nd_update(table.value, numbers[:, None], h)
        )


def fresh() -> Completer:
    """The `Completer` of rows to measure, not to learn from."""
    return Completer(_FRESH_SWEEPS)


def table_for(machine: Machine, x: Any, stream: Stream) -> keras.Variable:
    """The initial hidden states of the chains of all rows.

    Args:
        machine: A `Machine`.
        x: Array or `Rows` of shape `(rows, visible.width)`, with NaN.
        stream: A `Stream`.

    Returns:
        `keras.Variable` of shape `(rows, hidden.width)`.

    Raises:
        ValueError: If the table does not fit into memory.
    """
    kind, shape = table_dtype(machine.hidden), (len(x), machine.hidden.width)
    checks.in_memory("missing", shape)
    found = np.empty(shape, kind)
    size = min(rows_lib.in_part(x), len(x))
    for first, part in rows_lib.parts(x, size):
        # The last part is padded: XLA would compile another shape again.
        whole = ops.cast(
            np.resize(part, (size, x.shape[1])), machine_lib.dtype(machine)
        )
        own = stream._replace(first_row=tf.constant(first))
        h = _first_hidden(machine, whole, own)
        found[first : first + len(part)] = ops.convert_to_numpy(h)[: len(part)]
    return variable(found)


def variable(values: np.ndarray) -> keras.Variable:
    """A table as a variable that no model tracks."""
    return keras.Variable(
        values,
        dtype=values.dtype.name,
        trainable=False,
        autocast=False,
        name="completion",
    )


def table_dtype(units: Units) -> str:
    """The dtype of a table: int8 if it can hold all states of the units."""
    covered = sum(group.size * group.columns for group in units.sites)
    small = all(
        (group.states == np.clip(np.rint(group.states), -128, 127)).all()
        for group in units.sites
    )
    return "int8" if small and covered == units.width else "float32"


def _without_inputs(machine, v, stream):
    return machine.visible.sample(
        ops.zeros_like(v),
        machine.visible_params,
        random.fold_in(stream, Use.START),
    )


@compiled
def _first_hidden(machine, v, stream):
    v = ops.where(ops.isnan(v), _without_inputs(machine, v, stream), v)
    return gibbs.sample_hidden(machine, v, stream)
