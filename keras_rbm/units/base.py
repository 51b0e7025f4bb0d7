"""What one side of a machine must be able to do."""

import abc

import numpy as np
from keras import ops

from keras_rbm import checks


class Units(abc.ABC):
    """One side of a machine: p(x | inputs) ~ exp(-energy(x) + <inputs, x>).

    Units hold configuration, never variables: the parameters arrive as
    tensors, so that annealed, tempered and averaged parameters run the same
    code. One identity ties the methods together, and every type is tested
    for it: the gradient of `log_partition` with respect to `inputs` is
    `mean`.

    To add a type, subclass this in a file of its own, register it with
    `@keras.saving.register_keras_serializable("keras_rbm")` and implement the
    abstract methods.

    Args:
        size: Number of units, a positive integer.

    Raises:
        ValueError: If `size` is not a positive integer.
    """

    #: Smallest and largest value that data may have on this side.
    support = (-np.inf, np.inf)

    #: The values of a unit that takes one of two, else `None`.
    states = None

    def __init__(self, size):
        self.size = checks.positive_integer("size", size)

    @property
    def width(self):
        """Number of columns that these units take in a batch."""
        return self.size

    @property
    def num_joint_states(self):
        """How many states all units have together; `None` if uncountable."""
        return 2**self.size if self.states else None

    def joint_states(self, index):
        """The joint states of these numbers, by the binary digits of them.

        Args:
            index: Integer tensor of shape `(count,)`, from 0 to
                `num_joint_states - 1`.

        Returns:
            Tensor of shape `(count, width)`, `float32`.

        Raises:
            ValueError: If the states cannot be enumerated.
        """
        if not self.states:
            raise ValueError(f"The states of {self} cannot be enumerated.")
        places = 2 ** np.arange(self.size - 1, -1, -1, dtype="int64")
        digits = ops.cast(index, "int64")[:, None] // places % 2
        low, high = self.states
        return low + (high - low) * ops.cast(digits, "float32")

    @abc.abstractmethod
    def parameters(self):
        """Returns `{name: (shape, initializer)}` of what is to be learned."""

    @abc.abstractmethod
    def energy(self, x, params):
        """Energy of the units alone, without inputs.

        Args:
            x: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`; here and below they
                may have a row for each of the batch, `(batch, width)`.

        Returns:
            Tensor of shape `(batch,)`, in nats.
        """

    @abc.abstractmethod
    def log_partition(self, inputs, params):
        """The log of sum_x exp(-energy(x) + <inputs, x>).

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`.

        Returns:
            Tensor of shape `(batch,)`, in nats.
        """

    def log_partition_change(self, inputs, params, new_inputs, new_params):
        """`log_partition` of the last two arguments less that of the first.

        A difference of each term of a sum is rounded less than one of sums.
        """
        old = self.log_partition(inputs, params)
        return self.log_partition(new_inputs, new_params) - old

    @abc.abstractmethod
    def mean(self, inputs, params):
        """Expectation of x under p(x | inputs).

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`.

        Returns:
            Tensor of shape `(batch, width)`.
        """

    @abc.abstractmethod
    def sample(self, inputs, params, stream):
        """A draw from p(x | inputs), exact.

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`.
            stream: A `keras_rbm.random.Stream`.

        Returns:
            Tensor of shape `(batch, width)` and the dtype of `inputs`.
        """

    @abc.abstractmethod
    def fit_parameters(self, mean):
        """Parameters that give the units this mean when there are no inputs.

        Args:
            mean: Array or tensor of shape `(width,)`, the mean of the data.

        Returns:
            Tensors by the names of `parameters`.
        """

    def check(self, x, name="x"):
        """Checks that data can be states of these units.

        Args:
            x: Array of shape `(batch, width)`.
            name: What to call it in an error.

        Raises:
            ValueError: If the shape is wrong, there are no rows, or a value
                is not a number or outside the support. The first offender is
                named.
        """
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.width:
            raise ValueError(
                f"`{name}` must have shape (examples, {self.width}), one "
                f"column for each visible unit. Received: {name}.shape="
                f"{x.shape}"
            )
        if not len(x):
            raise ValueError(
                f"`{name}` must have at least one example. Received: "
                f"{name}.shape={x.shape}"
            )
        if x.dtype.kind not in "fbui":
            raise ValueError(
                f"`{name}` must hold real numbers. Received: {name}.dtype="
                f"{x.dtype}"
            )
        lowest, highest = self.support
        # Written so that NaN, for which every comparison fails, is an error.
        wrong = ~((x >= lowest) & (x <= highest) & np.isfinite(x))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"`{name}` must hold finite values from {lowest:g} to "
                f"{highest:g}, which is what {type(self).__name__} units can "
                f"stand for; {wrong.sum()} of {wrong.size} do not. Rescale "
                f"or clean the data. Received: {name}[{row}, {column}]="
                f"{x[row, column]}"
            )

    def check_states(self, x, name="x"):
        """Checks that data are states of these units, not means of them.

        The log-likelihood of grey values is none: where units have two
        states, only these are accepted.

        Args:
            x: Array of shape `(batch, width)`.
            name: What to call it in an error.

        Raises:
            ValueError: If `check` fails or a value is in between.
        """
        self.check(x, name)
        if not self.states:
            return
        x = np.asarray(x)
        low, high = self.states
        between = (x != low) & (x != high)
        if between.any():
            row, column = np.argwhere(between)[0]
            raise ValueError(
                f"`{name}` must hold {low:g} and {high:g} alone: a machine of "
                f"{type(self).__name__} units gives no likelihood to the "
                f"values in between ({between.sum()} of {between.size}). "
                "Binarize the data first, for example by "
                f"keras_rbm.data.binarized. Received: {name}[{row}, {column}]"
                f"={x[row, column]}"
            )

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"size": self.size}

    @classmethod
    def from_config(cls, config):
        """Returns units from what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other):
        return (
            type(self) is type(other)
            and self.get_config() == other.get_config()
        )

    def __hash__(self):
        return hash((type(self), repr(sorted(self.get_config().items()))))

    def __repr__(self):
        arguments = ", ".join(f"{k}={v}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def dot(x, parameter):
    """<x, parameter> of each row, for a parameter with one row or with all.

    Args:
        x: Tensor of shape `(batch, width)`.
        parameter: Tensor of shape `(width,)` or `(batch, width)`.

    Returns:
        Tensor of shape `(batch,)`.
    """
    if len(parameter.shape) == 1:  # A product is faster than a sum.
        return ops.matmul(x, parameter)
    return ops.sum(x * parameter, axis=-1)
