"""What one side of a machine must be able to do."""

import abc
from typing import NamedTuple

import numpy as np

from keras_rbm.random import Stream
from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units.domain import Domain
from keras_rbm.units.products import dot


class Parameter(NamedTuple):
    """What is to be learned of units.

    Attributes:
        shape: Shape of the tensor.
        initializer: Keras initializer.
        constraint: Keras constraint, or `None`.
        trainable: Whether it is learned, or keeps its first value.
    """

    shape: tuple
    initializer: object = "zeros"
    constraint: object = None
    trainable: bool = True


class Units(Domain, abc.ABC):
    """One side of a machine: p(x | inputs) ~ exp(-energy(x) + <inputs, x>).

    The energy is linear in the parameters, of which one is the `bias`:

        energy(x) = base_energy(x) - sum_name <statistics(x)[name],
                                               params[name]>

    Units hold configuration, never variables: the parameters arrive as
    tensors, so that annealed, tempered and averaged parameters run the same
    code. One identity ties the methods together, and every type is tested
    for it: the gradient of `log_partition` with respect to `inputs` is
    `mean`.

    To add a type, subclass this in a file of its own, register it with
    `@keras.saving.register_keras_serializable("keras_rbm")` and implement the
    abstract methods; docs/developer/new_unit_type.md shows it.

    Args:
        size: Number of units, a positive integer.

    Raises:
        ValueError: If `size` is not a positive integer.
    """

    #: The reason why samples do not follow `log_partition` exactly, or `None`.
    approximation: str | None = None
    #: Name of the Keras activation f, mean = f(bias + inputs); else `None`.
    activation: str | None = None

    def least_curvature(self, inverse_temperature: float = 1.0) -> float:
        """Least second derivative of the energy far out; infinite if bounded.

        Two sides that are not bounded are normalizable together while the
        squared norm of the kernel is less than the product of theirs.

        Args:
            inverse_temperature: What the parameters are multiplied by; the
                base energy is not.
        """
        return np.inf if np.isfinite(self.support).all() else 0.0

    @abc.abstractmethod
    def parameters(self) -> dict[str, Parameter]:
        """Returns `{name: Parameter}`, one of which is the `bias`.

        Each has shape `(width,)`. Of `Composite` units, the parameters of a
        part have the width of the part.
        """

    def statistics(self, x: Array) -> dict[str, Tensor]:
        """What the parameters are the coefficients of.

        Args:
            x: Tensor of shape `(batch, width)`.

        Returns:
            Tensors of shape `(batch, width)` by the names of `parameters`.
        """
        return {"bias": x}

    def base_energy(self, x: Array) -> Tensor | None:
        """The part of the energy without parameters, or `None` for 0.

        exp(-base_energy) is the measure that all laws of these units are
        densities of: no inverse temperature scales it.

        Args:
            x: Tensor of shape `(batch, width)`.

        Returns:
            Tensor of shape `(batch,)`, in nats.
        """
        return None

    def energy(self, x: Array, params: Params) -> Tensor:
        """Energy of the units alone, without inputs.

        Args:
            x: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`; here and below they
                may have a row for each of the batch, `(batch, width)`.

        Returns:
            Tensor of shape `(batch,)`, in nats.
        """
        base, linear = self.base_energy(x), self._linear(x, params)
        return -linear if base is None else base - linear

    def energy_change(
        self, x: Array, params: Params, new_params: Params
    ) -> Tensor:
        """`energy` with the second parameters less that with the first.

        One product with the difference of the parameters, which is rounded
        less than a difference of energies.
        """
        change = {name: p - new_params[name] for name, p in params.items()}
        return self._linear(x, change)

    @abc.abstractmethod
    def log_partition(self, inputs: Array, params: Params) -> Tensor:
        """The log of sum_x exp(-energy(x) + <inputs, x>).

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`.

        Returns:
            Tensor of shape `(batch,)`, in nats.
        """

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """The terms of `log_partition`, one for each unit.

        The likelihood of rows with missing entries needs them: it sums out
        some of the units. All types of this package have them.

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`.

        Returns:
            Tensor of shape `(batch, size)`, in nats.

        Raises:
            ValueError: If the type does not implement this method.
        """
        raise ValueError(
            f"{type(self).__name__} units must implement `log_partitions` for "
            "likelihoods of rows with missing entries. Received: units="
            f"{self!r}"
        )

    def log_partition_change(
        self,
        inputs: Array,
        params: Params,
        new_inputs: Array,
        new_params: Params,
    ) -> Tensor:
        """`log_partition` of the last two arguments minus that at the first.

        A difference of each term of a sum is rounded less than one of sums.
        """
        old = self.log_partition(inputs, params)
        return self.log_partition(new_inputs, new_params) - old

    @abc.abstractmethod
    def mean(self, inputs: Array, params: Params) -> Tensor:
        """Expectation of x under p(x | inputs).

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`.

        Returns:
            Tensor of shape `(batch, width)`.
        """

    def affine(self, kernel: Array, params: Params) -> tuple[Tensor, Tensor]:
        """Kernel and bias of a dense layer whose output is `mean`.

        mean(x kernel) = activation(x W + b), where there is an `activation`.

        Args:
            kernel: Tensor of shape `(inputs, width)`.
            params: Tensors by the names of `parameters`.

        Returns:
            W, of shape `(inputs, width)`, and b, of shape `(width,)`.
        """
        return kernel, params["bias"]

    @abc.abstractmethod
    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """A draw from p(x | inputs), exact.

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`.
            stream: A `keras_rbm.random.Stream`.

        Returns:
            Tensor of shape `(batch, width)` and the dtype of `inputs`.
        """

    @abc.abstractmethod
    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """Parameters that give the units this mean when there are no inputs.

        Args:
            mean: Array or tensor of shape `(width,)`, the mean of the data.
            variance: The same of their variance, for units that have a
                parameter for it; `None` for what they start with.

        Returns:
            Tensors by the names of `parameters`.
        """

    def base_parameters(
        self, mean: Array, variance: Array | None, params: Params
    ) -> dict[str, Tensor]:
        """Parameters of the base that a machine is annealed from.

        Args:
            mean: As for `fit_parameters`.
            variance: As for `fit_parameters`.
            params: Parameters of the machine; parameters that are not learned
                stay unchanged.

        Returns:
            Tensors by the names of `parameters`.
        """
        return self.fit_parameters(mean, variance)

    def start_parameters(
        self, mean: Array, variance: Array | None, inverse_temperature: float
    ) -> dict[str, Tensor]:
        """What to give a model's variables so that it starts from data.

        Args:
            mean: As for `fit_parameters`.
            variance: As for `fit_parameters`.
            inverse_temperature: What the model multiplies its parameters by.

        Returns:
            Tensors by the names of those `parameters` that are to be set.
        """
        fitted = self.fit_parameters(mean, variance)
        return {name: p / inverse_temperature for name, p in fitted.items()}

    def _linear(self, x, params):
        """sum_name <statistics(x)[name], params[name]>, of shape (batch,)."""
        statistics = self.statistics(x)
        return sum(dot(statistics[name], params[name]) for name in statistics)
