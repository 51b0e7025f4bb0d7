"""The interface of units, which form one side of a machine."""

import abc
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm.random import Stream
from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units.domain import Domain
from keras_rbm.units.quadrature import Nodes


class Parameter(NamedTuple):
    """Description of a parameter of units.

    Attributes:
        shape: Shape of the tensor.
        initializer: Keras initializer.
        constraint: Keras constraint, or `None`.
        trainable: Whether the parameter is learned. If not, it keeps its
            initial value.

    Example:
        parameters = keras_rbm.Gaussian(3).parameters()
        print(parameters["bias"].shape, parameters["precision"].trainable)
    """

    shape: tuple
    initializer: object = "zeros"
    constraint: object = None
    trainable: bool = True


class Units(Domain, abc.ABC):
    """One side of a machine: p(x | inputs) ~ exp(-energy(x) + <inputs, x>).

    The energy is linear in the parameters. One parameter is the `bias`:

        energy(x) = base_energy(x) - sum_name <statistics(x)[name],
                                               params[name]>

    Units hold configuration, never variables: the parameters arrive as
    tensors, so that annealed, tempered and averaged parameters run the same
    code. The methods must satisfy one identity, for which every type is
    tested: the gradient of `log_partition` with respect to `inputs` is `mean`.

    To add a type, subclass this in a file of its own, register it with
    `@keras.saving.register_keras_serializable("keras_rbm")` and implement the
    abstract methods. docs/developer/new_unit_type.md has an example.

    Args:
        size: Number of units, a positive integer.

    Raises:
        ValueError: If `size` is not a positive integer.

    Example:
        # All types of units have these methods. Here: three binary units.
        units, params = keras_rbm.Bernoulli(3), {"bias": np.zeros(3, "float32")}
        inputs = np.array([[-1, 0, 2]], "float32")
        means = units.mean(inputs, params)
        energies = units.energy(np.round(means), params)
    """

    #: The reason why samples do not follow `log_partition` exactly, or `None`.
    approximation: str | None = None
    #: Whether the side has units of several types, as in `Composite`.
    is_composite: bool = False
    #: Name of the Keras activation f with mean = f(bias + inputs), or `None`.
    activation: str | None = None

    def least_curvature(self, inverse_temperature: float = 1.0) -> float:
        """Least second derivative of the energy for large values of x.

        It is infinite for units of bounded support. A machine whose two sides
        are unbounded can be normalized if the squared norm of the kernel is
        less than the product of the least curvatures of both sides.

        Args:
            inverse_temperature: Factor of the parameters. The base energy is
                not multiplied by it.
        """
        return np.inf if np.isfinite(self.support).all() else 0.0

    def curvature(self, params: Params) -> Array | float:
        """Second derivative of the energy for large values of each unit.

        If the derivative differs between large positive and large negative
        values, the result is the smaller of the two.

        Args:
            params: Dictionary of tensors with the keys of `parameters`.

        Returns:
            Tensor of shape `(width,)`, or a number for all units.
        """
        return self.least_curvature()

    @abc.abstractmethod
    def parameters(self) -> dict[str, Parameter]:
        """Returns `{name: Parameter}`, one of which is the `bias`.

        Each parameter has shape `(width,)`. In `Composite` units, `width` is
        the width of the part that the parameter belongs to, except for `bias`.

        Example:
            print(list(keras_rbm.Gaussian(3).parameters()))  # bias, precision
        """

    def statistics(self, x: Array) -> dict[str, Tensor]:
        """The sufficient statistics, one for each parameter.

        Args:
            x: Tensor of shape `(batch, width)`.

        Returns:
            Dictionary of tensors of shape `(batch, width)`, with the keys of
            `parameters`.

        Example:
            states = np.array([[0, 1, 1]], "float32")
            print(list(keras_rbm.Bernoulli(3).statistics(states)))  # ["bias"]
        """
        return {"bias": x}

    def base_energy(self, x: Array) -> Tensor | None:
        """The part of the energy without parameters, or `None` if it is 0.

        exp(-base_energy) is the base measure of the exponential family that
        these units form. No inverse temperature scales it.

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
            params: Dictionary of tensors with the keys of `parameters`. In all
                methods, a tensor has shape `(width,)`, or `(batch, width)` if
                each row of the batch has its own parameters.

        Returns:
            Tensor of shape `(batch,)`, in nats.

        Example:
            units, params = keras_rbm.Bernoulli(3), {"bias": tf.zeros(3)}
            states = np.array([[0, 1, 1]], "float32")
            energies = units.energy(states, params)  # Of shape (1,).
        """
        base, linear = self.base_energy(x), self._linear(x, params)
        return -linear if base is None else base - linear

    def energy_change(
        self, x: Array, params: Params, new_params: Params
    ) -> Tensor:
        """`energy` with `new_params` minus `energy` with `params`.

        The statistics are multiplied by the difference of the parameters,
        because this product has a smaller rounding error than a difference of
        energies.
        """
        change = {name: p - new_params[name] for name, p in params.items()}
        return self._linear(x, change)

    @abc.abstractmethod
    def log_partition(self, inputs: Array, params: Params) -> Tensor:
        """The log of sum_x exp(-energy(x) + <inputs, x>).

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Dictionary of tensors with the keys of `parameters`.

        Returns:
            Tensor of shape `(batch,)`, in nats.

        Example:
            units, params = keras_rbm.Bernoulli(3), {"bias": tf.zeros(3)}
            inputs = np.zeros((1, 3), "float32")
            print(units.log_partition(inputs, params))  # 3 log 2
        """

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """The terms of `log_partition`, one for each unit.

        The likelihood of rows with missing entries needs these terms, because
        it sums out some of the units. All types of this package implement
        this method.

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Dictionary of tensors with the keys of `parameters`.

        Returns:
            Tensor of shape `(batch, size)`, in nats.

        Raises:
            ValueError: If the type does not implement this method.

        Example:
            units, params = keras_rbm.Bernoulli(3), {"bias": tf.zeros(3)}
            inputs = np.zeros((1, 3), "float32")
            print(units.log_partitions(inputs, params))  # log 2 for each unit.
        """
        raise ValueError(
            f"{type(self).__name__} units must implement `log_partitions` for "
            "likelihoods of rows with missing entries. Received: units="
            f"{self!r}"
        )

    def nodes(
        self, low: np.ndarray, high: np.ndarray, params: Params
    ) -> tuple[Nodes, ...]:
        """Nodes that integrate over real units, for inputs within bounds.

            integral f(x) dx = sum_k exp(log_weights[k]) f(points[k])

        holds for f(x) = exp(-energy(x) + inputs x) up to a relative error
        below 1e-9, whatever the inputs within the bounds are, and therefore
        for all mixtures of such functions. The likelihood of rows with few
        missing real entries is computed with these nodes.

        Args:
            low: The least inputs, finite `float64` array of shape `(width,)`.
            high: The largest inputs, an array like `low`.
            params: Dictionary of tensors with the keys of `parameters`, of
                shape `(width,)`.

        Returns:
            A tuple of `units.Nodes`, one for each real unit that can be
            integrated over; empty if the type has no such nodes. Some units of
            a type that has nodes may have none, such as diverged units.

        Example:
            units, params = keras_rbm.Gaussian(1), {
                "bias": np.zeros(1),
                "precision": np.ones(1),
            }
            (nodes,) = units.nodes(np.zeros(1), np.zeros(1), params)
            law = np.exp(nodes.log_weights - nodes.points**2 / 2)
            print(law.sum())  # The root of 2 pi.
        """
        return ()

    def log_partition_change(
        self,
        inputs: Array,
        params: Params,
        new_inputs: Array,
        new_params: Params,
    ) -> Tensor:
        """`log_partition` at the last two arguments minus at the first two.

        Types whose `log_partition` is a sum should subtract term by term,
        because a difference of two sums has a larger rounding error.
        """
        old = self.log_partition(inputs, params)
        return self.log_partition(new_inputs, new_params) - old

    @abc.abstractmethod
    def mean(self, inputs: Array, params: Params) -> Tensor:
        """Expectation of x under p(x | inputs).

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Dictionary of tensors with the keys of `parameters`.

        Returns:
            Tensor of shape `(batch, width)`.

        Example:
            units, params = keras_rbm.Bernoulli(3), {"bias": tf.zeros(3)}
            print(units.mean(np.zeros((1, 3), "float32"), params))  # 0.5
        """

    def affine(self, kernel: Array, params: Params) -> tuple[Tensor, Tensor]:
        """Kernel and bias of a dense layer whose output is `mean`.

        mean(x kernel) = activation(x W + b), if `activation` is not `None`.

        Args:
            kernel: Tensor of shape `(inputs, width)`.
            params: Dictionary of tensors with the keys of `parameters`.

        Returns:
            W, of shape `(inputs, width)`, and b, of shape `(width,)`.

        Example:
            units, params = keras_rbm.Bernoulli(3), {"bias": tf.zeros(3)}
            kernel, bias = units.affine(np.ones((2, 3), "float32"), params)
            layer = keras.layers.Dense(3, activation=units.activation)
        """
        return kernel, params["bias"]

    @abc.abstractmethod
    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """An exact draw from p(x | inputs), unless `approximation` is set.

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Dictionary of tensors with the keys of `parameters`.
            stream: A `keras_rbm.random.Stream`.

        Returns:
            Tensor of shape `(batch, width)`, of the dtype of `inputs`.

        Example:
            units, params = keras_rbm.Bernoulli(3), {"bias": tf.zeros(3)}
            drawn = units.sample(tf.zeros((5, 3)), params, random.stream(0))
        """

    @abc.abstractmethod
    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """Parameters that give the units this mean when the inputs are 0.

        Args:
            mean: Array or tensor of shape `(width,)`, the mean of the data.
            variance: Array or tensor of shape `(width,)`, the variance of the
                data, for units with a parameter that sets the variance. `None`
                stands for the variance of such units when they are created.

        Returns:
            Dictionary of tensors with the keys of `parameters`.

        Example:
            units = keras_rbm.Bernoulli(3)
            params = units.fit_parameters(np.array([0.1, 0.5, 0.9], "float32"))
            means = units.mean(np.zeros((1, 3), "float32"), params)  # The same.
        """

    def base_parameters(
        self, mean: Array, variance: Array | None, params: Params
    ) -> dict[str, Tensor]:
        """Parameters of the base machine from which annealing starts.

        Args:
            mean: See `fit_parameters`.
            variance: See `fit_parameters`.
            params: Parameters of the machine; parameters that are not learned
                stay unchanged.

        Returns:
            Dictionary of tensors with the keys of `parameters`.
        """
        return self.fit_parameters(mean, variance)

    def start_parameters(
        self, mean: Array, variance: Array | None, inverse_temperature: float
    ) -> dict[str, Tensor]:
        """Initial values of a model's variables, fitted to data.

        Args:
            mean: See `fit_parameters`.
            variance: See `fit_parameters`.
            inverse_temperature: Factor by which the model multiplies its
                parameters.

        Returns:
            Dictionary of tensors whose keys are the `parameters` to set.
        """
        fitted = self.fit_parameters(mean, variance)
        return {name: p / inverse_temperature for name, p in fitted.items()}

    def _linear(self, x, params):
        """sum_name <statistics(x)[name], params[name]>, of shape (batch,)."""
        statistics = self.statistics(x)
        return sum(dot(statistics[name], params[name]) for name in statistics)


def dot(x, parameter):
    """The dot product <x, parameter> of each row.

    Args:
        x: Tensor of shape `(batch, width)`.
        parameter: Tensor of shape `(width,)`, shared by all rows, or
            `(batch, width)`.

    Returns:
        Tensor of shape `(batch,)`.
    """
    if len(parameter.shape) == 1:  # `matmul` is faster than a sum.
        return ops.matmul(x, parameter)
    return ops.sum(x * parameter, axis=-1)
