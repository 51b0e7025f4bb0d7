"""Missing entries of examples, drawn given the observed ones while training.

The gradient of the log-likelihood of the observed entries,

    -d log p(v_observed) = E[dF(v) | v_observed] - E[dF(v)],

needs draws of the missing entries in its positive phase. Gibbs sweeps that are
clamped at the observed entries supply these draws. `PersistentCompletion` keeps
the state of a chain for each row of the data; `FreshCompletion` starts new
chains at each update.
"""

import abc
import dataclasses
from typing import Any, NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import checks, gibbs, random, rows, samplers
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.samplers import Clamp, Gibbs, GibbsState, HiddenState
from keras_rbm.typing import Config, Tensor
from keras_rbm.units import Units

# Sweeps from visible units without inputs, for streams of data and for metrics.
_FRESH_SWEEPS = 10
#: The most rows that can have their own chains: row numbers are float32.
MOST_ROWS = 2**24


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


def check(completion: Any) -> Completion | None:
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
    kind, shape = dtype(machine.hidden), (len(x), machine.hidden.width)
    checks.in_memory("missing", shape)
    found = np.empty(shape, kind)
    size = min(rows.in_part(x), len(x))
    for first, part in rows.parts(x, size):
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


def dtype(units: Units) -> str:
    """The dtype of a table: int8 if it can hold all states of the units."""
    covered = sum(sites.size * sites.columns for sites in units.sites)
    small = all(
        (sites.states == np.clip(np.rint(sites.states), -128, 127)).all()
        for sites in units.sites
    )
    return "int8" if small and covered == units.width else "float32"


def observed_weight(v: Tensor, weight: Tensor | None) -> Tensor:
    """Weights of rows; 0 for rows without any observed entry."""
    seen = ops.cast(ops.any(~ops.isnan(v), axis=1), v.dtype)
    return seen if weight is None else seen * ops.cast(weight, v.dtype)


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
