"""Layouts: how examples of a model map to visible rows of its machine.

`base.MachineModel` implements drawing, prediction, measurement and export once
for all models; the layout implements the differences between the models.
"""

import abc
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.models import log_likelihood, sampling
from keras_rbm.random import Use
from keras_rbm.typing import Array, Examples, Tensor
from keras_rbm.units import Units


class Layout(abc.ABC):
    """Maps a user's examples to visible rows of a machine, and back.

    A row may have more columns than an example (a one-hot label, the states
    of a layer above). Methods that return tensors run in the compiled graph.
    """

    #: Whether the hidden layers cannot be summed out: `free_energy` is then an
    #: upper bound, and `scores` are lower bounds.
    is_bound: bool = False
    #: Whether entries of examples may be missing, as NaN.
    may_miss: bool = False

    @property
    @abc.abstractmethod
    def units(self) -> Units:
        """`Units` of the examples."""

    @property
    @abc.abstractmethod
    def code_units(self) -> Units:
        """`Units` whose means `encode` returns."""

    @abc.abstractmethod
    def joined(
        self, x: Examples, y: Any, names: tuple[str, str] = ("x", "y")
    ) -> tuple[Examples, Any]:
        """Examples and targets for Keras, from `x` and `y` of `fit`.

        Args:
            x: Array, or a `tf.data.Dataset` of batches.
            y: Labels of an array if the layout has labels, or `None`.
            names: The names of both arguments, for errors.
        """

    @abc.abstractmethod
    def joined_validation(self, data: Any) -> Any:
        """`validation_data` with its examples joined as in `joined`."""

    @abc.abstractmethod
    def rows(self, machine: Machine, v: Tensor) -> Tensor:
        """Rows to learn from and to measure, `(batch, visible.width)`.

        Args:
            machine: A `Machine`.
            v: Tensor of shape `(batch, units.width)`, in the dtype of the
                variables.
        """

    @abc.abstractmethod
    def start(self, machine: Machine, v: Array, seed: Any) -> Array:
        """Rows that chains start from, `(batch, visible.width)`.

        Args:
            machine: A `Machine`.
            v: Array or tensor of shape `(batch, units.width)`.
            seed: Integer or scalar tensor; `None` for new draws at each call.
        """

    @abc.abstractmethod
    def examples(self, rows: Tensor) -> Tensor:
        """The examples in rows, of shape `(..., visible.width)`."""

    @abc.abstractmethod
    def with_missing(self, v: Array, mask: Any) -> tuple[Array, Any]:
        """Rows and their mask, from examples with missing entries.

        Args:
            v: Array of shape `(batch, units.width)`.
            mask: Boolean array, `True` where an entry is missing; `None`
                for the entries that are NaN.
        """

    @abc.abstractmethod
    def clamped(self, mask: np.ndarray) -> np.ndarray:
        """Extends a mask of clamped entries from examples to rows."""

    @abc.abstractmethod
    def encode(self, machine: Machine, v: Tensor) -> Tensor:
        """The result of a call of the model, `(batch, code_units.width)`."""

    @abc.abstractmethod
    def hidden_mean(self, machine: Machine, v: Tensor) -> Tensor:
        """E[h | v], of shape `(batch, hidden.width)`."""

    @abc.abstractmethod
    def sample_hidden(self, machine: Machine, v: Tensor, seed: Any) -> Tensor:
        """A draw of h given v, of shape `(batch, hidden.width)`."""

    @abc.abstractmethod
    def free_energy(self, machine: Machine, v: Tensor) -> Tensor:
        """-log p(v) - log Z, or a bound on it, of shape `(batch,)`."""

    @abc.abstractmethod
    def scores(
        self,
        machine: Machine,
        v: Examples,
        watch: Callable[[np.ndarray], None] | None = None,
    ) -> np.ndarray:
        """-`free_energy` of all examples, in `float64`, batch by batch.

        Args:
            machine: A `Machine`, in the dtype of the variables.
            v: Array, or a finite `tf.data.Dataset` of batches.
            watch: Function that is called with each batch of examples.

        Raises:
            ValueError: If the data are not states of the units.
        """

    @abc.abstractmethod
    def moments(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Extends mean and variance from the training examples to rows."""

    @abc.abstractmethod
    def base_mean(self, mean: Tensor, running_mean: Tensor) -> Tensor:
        """The mean of the rows of the machine that annealing starts from.

        Args:
            mean: Mean of the rows at the start of training.
            running_mean: Running mean of the rows during training.
        """


class Direct(Layout):
    """Base class of layouts whose rows are the examples.

    Args:
        visible: `Units` of the machine's visible side.
        hidden: `Units` of its hidden side.
    """

    may_miss = True

    def __init__(self, visible: Units, hidden: Units):
        self._visible, self._hidden = visible, hidden

    @property
    def units(self) -> Units:
        return self._visible

    @property
    def code_units(self) -> Units:
        return self._hidden

    def rows(self, machine: Machine, v: Tensor) -> Tensor:
        return v

    def start(self, machine: Machine, v: Array, seed: Any) -> Array:
        return v

    def examples(self, rows: Tensor) -> Tensor:
        return rows

    def with_missing(self, v: Array, mask: Any) -> tuple[Array, Any]:
        return v, mask

    def clamped(self, mask: np.ndarray) -> np.ndarray:
        return mask

    def encode(self, machine: Machine, v: Tensor) -> Tensor:
        return machine_lib.hidden_mean(machine, v)

    def hidden_mean(self, machine: Machine, v: Tensor) -> Tensor:
        return machine_lib.hidden_mean(machine, v)

    def sample_hidden(self, machine: Machine, v: Tensor, seed: Any) -> Tensor:
        stream = sampling.stream(seed, Use.SAMPLE_HIDDEN)
        return sampling.hidden(machine, v, stream)

    def free_energy(self, machine: Machine, v: Tensor) -> Tensor:
        return machine_lib.free_energy(machine, v)

    def scores(
        self,
        machine: Machine,
        v: Examples,
        watch: Callable[[np.ndarray], None] | None = None,
    ) -> np.ndarray:
        return log_likelihood.scores(machine, v, watch)

    def moments(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return mean, variance

    def base_mean(self, mean: Tensor, running_mean: Tensor) -> Tensor:
        return mean


class Identity(Direct):
    """The examples are the rows, and there are no labels."""

    def joined(
        self, x: Examples, y: Any, names: tuple[str, str] = ("x", "y")
    ) -> tuple[Examples, Any]:
        return x, y

    def joined_validation(self, data: Any) -> Any:
        return data
