"""The contract of a chain, which supplies the model's samples."""

import keras
from keras import ops

from keras_rbm import checks, replicas
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Config, Shape, Tensor


class Chain(keras.layers.Layer):
    """Supplies samples of the model, and owns what must persist for that.

    A chain is an argument of the `RBM`, which builds it, saves it with the
    model, and at each update calls

        v_model = chain.advance(machine, v, stream)
        negative = chain.negative(machine, v_model, batch)
        chain.persist(machine, hidden_inputs(machine, v_model), stream)

    Subclasses implement `advance` and `samples`; those that keep something
    set `num_chains`, create what they keep in `build`, with `autocast=False`,
    and implement `start` and `persist`. Where several replicas make an update,
    each has its share of the samples (`replicas.own_rows`), `num_samples` says
    how many there are together, and what is kept is the same in all
    (`replicas.all_rows`).

    Args:
        num_sweeps: Number of block-Gibbs updates for each update of the
            parameters, k in CD-k and PCD-k. It is kept in a variable of that
            name, so that a callback can change it while the model trains
            (`rbm.chain.num_sweeps.assign(5)`) without another compilation.

    Raises:
        ValueError: If `num_sweeps` is not a positive integer.
    """

    #: Number of persistent chains, or `None` where nothing persists.
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
        """Sets the first states of what persists, if anything does.

        Args:
            machine: A `keras_rbm.machine.Machine`.
            stream: A `keras_rbm.random.Stream`.
            mean: Tensor of shape `(visible.width,)`, the mean of the data, or
                `None` where it is not known.
            variance: The same of its variance.
            v: Where the chains start, of shape `(num_chains, visible.width)`,
                or `None` to draw their states.
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
            machine: A `keras_rbm.machine.Machine`, that of `advance`.
            v_model: What `advance` returned.

        Returns:
            Tensor of shape `(chains,)`, or `None` where all are alike.
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

        Over all replicas their sum is the mean weight of the examples.

        Args:
            machine: A `keras_rbm.machine.Machine`, that of `advance`.
            v_model: What `advance` returned.
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
        """Keeps what the next `advance` starts from.

        Args:
            machine: A `keras_rbm.machine.Machine`, that of `advance`.
            inputs: Hidden inputs of the samples that `advance` returned,
                shape `(chains, hidden.width)`: the update needs them anyway.
            stream: The stream that `advance` had.
        """

    def samples(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """Samples of the model, for evaluation: nothing that persists moves.

        Arguments and result are the same as for `advance`.
        """
        raise NotImplementedError

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_sweeps": self._initial_num_sweeps,
        }
