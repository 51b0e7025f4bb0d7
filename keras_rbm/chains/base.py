"""The interface of a chain, which supplies samples of the model."""

import abc
import reprlib
from typing import Any

import keras
from keras import ops

from keras_rbm import checks, replicas
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.samplers import Sampler
from keras_rbm.typing import Config, Shape, Tensor


class Chain(keras.layers.Layer, abc.ABC):
    """Supplies samples of the model, and keeps states between updates.

    You pass a chain to an `RBM`. The model builds the chain, saves it, and
    calls these methods in each update:

        v_model = chain.advance(machine, v, stream)
        negative = chain.negative(machine, v_model, batch)
        chain.persist(machine, hidden_inputs(machine, v_model), stream)

    Subclasses implement `advance` and `samples`. If what
    `advance` returns depends neither on the examples nor on their number, set
    `depends_on_batch = False`. If sample i starts from example i, as in CD, set
    `follows_examples = True`: the sample then has the weight of its example. A
    chain with persistent states also sets
    `num_chains`, creates its variables in `build`, after `super().build`, with
    `autocast=False`, and implements `start` and `persist`. If several replicas
    share an update, each replica draws its share of the samples
    (`replicas.own_rows`), `num_samples` returns the total number of samples,
    and all replicas keep the same states (`replicas.all_rows`).

    Args:
        num_sweeps: Number of block-Gibbs updates for each update of the
            parameters, k in CD-k and PCD-k. The attribute `num_sweeps` is a
            variable, so that a callback can change the number during training
            (`rbm.chain.num_sweeps.assign(5)`) without recompilation.

    Raises:
        ValueError: If `num_sweeps` is not a positive integer, or if a plain
            value is set in place of a variable (`rbm.chain.num_sweeps = 5`).

    Example:
        class OneSweep(keras_rbm.Chain):
            follows_examples = True

            def advance(self, machine, v_data, stream):
                return keras_rbm.gibbs.sweep(machine, v_data, stream)

            samples = advance

        rbm = keras_rbm.RBM(16, 8, OneSweep(), seed=0)
    """

    #: Whether a model was given this chain. Each model needs persistent chains
    #: of its own.
    has_model: bool = False
    #: Number of persistent chains, or `None` if nothing persists.
    num_chains: int | None = None
    #: The sampler that moves persistent chains, or `None` without one.
    sampler: Sampler | None = None
    #: The states that the sampler keeps of persistent chains (`Gibbs` keeps
    #: hidden states), a variable, or `None`. For visible states, see
    #: `MachineModel.fantasy_particles`.
    particles: keras.Variable | None = None
    #: Whether what `advance` returns depends on the examples of a batch or on
    #: their number, as in CD.
    depends_on_batch: bool = True
    #: Whether sample i starts from example i of the batch, as in CD. A sample
    #: then has the weight of its example.
    follows_examples: bool = False
    #: Swap rates of neighbouring tempered replicas, or `None` without them.
    swap_rates: Tensor | None = None
    #: Round trips of tempered replicas, per chain and sweep, or `None`.
    trip_rate: Tensor | None = None

    def __init__(self, num_sweeps: int = 1, **kwargs):
        super().__init__(**kwargs)
        self._initial_num_sweeps = checks.positive_integer(
            "num_sweeps", num_sweeps
        )

    def __setattr__(self, name: str, value: Any) -> None:
        known = self.__dict__.get(name)
        is_variable = name == "num_sweeps" or isinstance(known, keras.Variable)
        if is_variable and not isinstance(value, keras.Variable):
            or_else = ""
            if name == "num_sweeps":
                or_else = ", or pass it to the constructor"
            raise ValueError(
                f"`{name}` is a variable of the chain. Set its value by "
                f"`chain.{name}.assign(value)`{or_else}. "
                f"Received: {name}={reprlib.repr(value)}"
            )
        super().__setattr__(name, value)

    def build(self, visible_shape: Shape, hidden_shape: Shape) -> None:
        """Creates the variables. Both shapes are `(None, width)`."""
        # TensorFlow keeps int32 variables in host memory, which programs that
        # XLA compiles for a GPU cannot read.
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
        """Sets the initial states of the persistent chains, if any.

        Args:
            machine: A `keras_rbm.machine.Machine`.
            stream: A `keras_rbm.random.Stream`.
            mean: Tensor of shape `(visible.width,)`, the mean of the data, or
                `None` if unknown.
            variance: Tensor of the same shape, the variance of the data, or
                `None`.
            v: Initial visible states, of shape `(num_chains, visible.width)`,
                or `None` to draw them.
        """

    @abc.abstractmethod
    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """Advances the chains by `num_sweeps` sweeps.

        Args:
            machine: A `keras_rbm.machine.Machine`.
            v_data: Tensor of shape `(batch, visible.width)`, the examples.
            stream: A `keras_rbm.random.Stream`, different for each update.

        Returns:
            Tensor of shape `(chains, visible.width)`, samples of the model.
        """

    def model_weight(self, machine: Machine, v_model: Tensor) -> Tensor | None:
        """Weights of the samples in means over the model.

        Args:
            machine: The `keras_rbm.machine.Machine` of `advance`.
            v_model: The samples that `advance` returned.

        Returns:
            Tensor of shape `(chains,)`, or `None` if all weights are equal.
        """
        return None

    def num_samples(self, examples: float) -> float:
        """Sum of the weights of the samples, over all replicas.

        Args:
            examples: Number of examples, summed over all replicas.
        """
        return examples

    def negative(
        self, machine: Machine, v_model: Tensor, batch: replicas.Batch
    ) -> Tensor:
        """Weights of the samples in the negative phase, of shape `(chains,)`.

        Their sum over all replicas is `batch.mean_weight`, the mean weight of
        the examples.

        Args:
            machine: The `keras_rbm.machine.Machine` of `advance`.
            v_model: The samples that `advance` returned.
            batch: The `replicas.Batch` of the examples.
        """
        if self.follows_examples:
            return batch.shares() * batch.mean_weight
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
            inputs: Hidden inputs of the samples that `advance` returned, of
                shape `(chains, hidden.width)`. The update computes them in
                any case.
            stream: The stream of `advance`.
        """

    @abc.abstractmethod
    def samples(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """Samples of the model for evaluation. Does not change kept states.

        See `advance` for the arguments and the result.
        """

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_sweeps": self._initial_num_sweeps,
        }
