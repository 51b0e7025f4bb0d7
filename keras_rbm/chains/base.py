"""The contract of a chain, which supplies the model's samples."""

import keras
from keras import ops

from keras_rbm import checks, replicas
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Config, Shape, Tensor


class Chain(keras.layers.Layer):
    """Supplies samples of the model, and holds the states that persist.

    A chain is an argument of an `RBM`. The model builds the chain, saves it,
    and calls these methods at each update:

        v_model = chain.advance(machine, v, stream)
        negative = chain.negative(machine, v_model, batch)
        chain.persist(machine, hidden_inputs(machine, v_model), stream)

    Subclasses implement `advance` and `samples`. A chain with persistent
    states also sets `num_chains`, creates its variables in `build`, with
    `autocast=False`, and implements `start` and `persist`. If several replicas
    make an update, each draws its share of the samples
    (`replicas.own_rows`), `num_samples` returns their total, and the kept
    states are the same in all replicas (`replicas.all_rows`).

    Args:
        num_sweeps: Number of block-Gibbs updates for each update of the
            parameters, k in CD-k and PCD-k. It is kept in a variable of that
            name, so that a callback can change it while the model trains
            (`rbm.chain.num_sweeps.assign(5)`) without another compilation.

    Raises:
        ValueError: If `num_sweeps` is not a positive integer.
    """

    #: Number of persistent chains, or `None` if nothing persists.
    num_chains: int | None = None
    #: Rates at which neighbouring replicas change places, if there are any.
    swap_rates: Tensor | None = None
    #: Round trips of replicas, per chain and sweep, if there are any.
    trip_rate: Tensor | None = None

    def __init__(self, num_sweeps: int = 1, **kwargs):
        super().__init__(**kwargs)
        self._initial_num_sweeps = checks.positive_integer(
            "num_sweeps", num_sweeps
        )

    def build(self, visible_shape: Shape, hidden_shape: Shape) -> None:
        """Creates the variables, for shapes `(None, width)` of each side."""
        # TensorFlow keeps int32 variables in the host's memory, which a
        # program that XLA compiles for a GPU cannot read.
        self.num_sweeps = self.add_weight(
            name="num_sweeps",
            shape=(),
            dtype="int64",
            initializer=keras.initializers.Constant(self._initial_num_sweeps),
            trainable=False,
            autocast=False,
        )

    def start(
        self,
        machine: Machine,
        stream: Stream,
        mean: Tensor | None = None,
        variance: Tensor | None = None,
        v: Tensor | None = None,
    ) -> None:
        """Sets the first states of the persistent chains, if there are any.

        Args:
            machine: A `keras_rbm.machine.Machine`.
            stream: A `keras_rbm.random.Stream`.
            mean: Tensor of shape `(visible.width,)`, the mean of the data, or
                `None` if it is not known.
            variance: Tensor of the same shape, the variance of the data, or
                `None`.
            v: The states to start from, of shape `(num_chains,
                visible.width)`, or `None` to draw them.
        """

    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """Moves the chains on by `num_sweeps` sweeps.

        Args:
            machine: A `keras_rbm.machine.Machine`.
            v_data: Tensor of shape `(batch, visible.width)`.
            stream: A `keras_rbm.random.Stream` for this update alone.

        Returns:
            Tensor of shape `(chains, visible.width)`, samples of the model.
        """
        raise NotImplementedError

    def model_weight(self, machine: Machine, v_model: Tensor) -> Tensor | None:
        """Weights of the samples in the model's mean.

        Args:
            machine: The `keras_rbm.machine.Machine` of `advance`.
            v_model: The samples that `advance` returned.

        Returns:
            Tensor of shape `(chains,)`, or `None` if all weights are equal.
        """
        return None

    def num_samples(self, examples: float) -> float:
        """Sum of the weights of the samples of all replicas.

        Args:
            examples: Number of the examples of all replicas.
        """
        return examples

    def negative(
        self, machine: Machine, v_model: Tensor, batch: replicas.Batch
    ) -> Tensor:
        """Weights of the samples in the negative phase, `(chains,)`.

        Their sum over all replicas is the mean weight of the examples.

        Args:
            machine: The `keras_rbm.machine.Machine` of `advance`.
            v_model: The samples that `advance` returned.
            batch: The `replicas.Batch` of the examples.
        """
        weight = self.model_weight(machine, v_model)
        if weight is None:
            weight = ops.ones_like(v_model[:, 0])
        weight = ops.cast(weight, v_model.dtype)
        of_all = self.num_samples(batch.examples)
        total = replicas.total(ops.sum(weight), of_all)
        return weight * batch.mean_weight / total

    def persist(self, machine: Machine, inputs: Tensor, stream: Stream) -> None:
        """Keeps the states from which the next `advance` starts.

        Args:
            machine: The `keras_rbm.machine.Machine` of `advance`.
            inputs: Hidden inputs of the samples that `advance` returned,
                shape `(chains, hidden.width)`: the update needs them anyway.
            stream: The stream of `advance`.
        """

    def samples(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """Samples of the model, for evaluation; the kept states do not change.

        Arguments and result are the same as for `advance`.
        """
        raise NotImplementedError

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_sweeps": self._initial_num_sweeps,
        }
