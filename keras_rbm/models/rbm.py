"""The restricted Boltzmann machine as a Keras model."""

from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_rbm import checks, devices, gradients, random, replicas, units
from keras_rbm.chains import Chain, ContrastiveDivergence
from keras_rbm.models import arguments, normalizable, update
from keras_rbm.models.machine_model import MachineModel
from keras_rbm.models.metrics import Metrics
from keras_rbm.models.offsets import Offsets
from keras_rbm.models.parameters import Parameters
from keras_rbm.typing import (
    Array,
    Constraint,
    Examples,
    Initializer,
    Regularizer,
    Tensor,
)

# Streams of random numbers, one for each use.
_TRAIN, _EVALUATE, _START, _PARTICLES = range(4)


@keras.saving.register_keras_serializable("keras_rbm")
class RBM(MachineModel):
    """Restricted Boltzmann machine, p(v, h) ~ exp(-beta E(v, h)).

    E(v, h) = -<v, W h> + visible.energy(v) + hidden.energy(h), which for
    binary units is -<v, W h> - <b, v> - <c, h>. `fit` follows the gradient of
    the log-likelihood: the data supply the positive phase, the chain's
    samples the negative one. `rbm(v)` gives E[h | v], as a layer does.

    Args:
        visible: `Units`, or an integer for that many `Bernoulli` units.
        hidden: The same for the hidden side.
        chain: A `Chain`; `None` for `ContrastiveDivergence(1)`.
        centered: Whether the gradient is that of the centred parametrization
            (see `gradients.center`), with running means as offsets.
        inverse_temperature: beta, a positive number.
        kernel_initializer: Keras initializer of W, shape `(visible, hidden)`.
            `None` for a normal distribution of standard deviation 0.01,
            drawn from `seed`.
        visible_bias_initializer: Keras initializer of b. `None` for the
            log-odds of the data, by `adapt`, which the first `fit` calls.
        hidden_bias_initializer: Keras initializer of c.
        kernel_regularizer: Keras regularizer of W.
        kernel_constraint: Keras constraint of W; `MaxNorm(axis=0)` bounds what
            comes into each hidden unit. (Keras takes an optimizer's average
            before it: that can lie a little outside.)
        hidden_activity_regularizer: Keras regularizer, such as
            `SquaredSparsity(0.05)`, of the mean of E[h | v] over the examples
            of a batch, of shape `(hidden.width,)`.
        seed: Integer from 0 to 2**64 - 1. The same seed gives the same draws.
            `None` for one from Python's generator.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Raises:
        ValueError: If an argument is not as described, or both sides are
            without bound (see `SpectralBound`).

    Reference: Fischer and Igel (2014), "Training restricted Boltzmann
        machines: an introduction".
    """

    objective = staticmethod(gradients.free_energy_gap)  # What is followed.

    def __init__(
        self,
        visible: units.Units | int,
        hidden: units.Units | int,
        chain: Chain | None = None,
        centered: bool = True,
        inverse_temperature: float = 1.0,
        kernel_initializer: Initializer | None = None,
        visible_bias_initializer: Initializer | None = None,
        hidden_bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer | None = None,
        kernel_constraint: Constraint | None = None,
        hidden_activity_regularizer: Regularizer | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        devices.check(num_chains=getattr(chain, "num_chains", None), seed=seed)
        arguments.check_chain(chain)
        self.visible = units.get("visible", visible)
        self.hidden = units.get("hidden", hidden)
        self.chain = ContrastiveDivergence() if chain is None else chain
        self.offsets = Offsets(dtype=self.dtype_policy) if centered else None
        self.inverse_temperature = checks.positive_number(
            "inverse_temperature", inverse_temperature
        )
        self.seed = checks.seed(seed)
        small = keras.initializers.RandomNormal(0.0, 0.01, self.seed % 2**31)
        self.parameters = Parameters(
            self.visible,
            self.hidden,
            kernel_initializer or small,
            visible_bias_initializer,
            hidden_bias_initializer,
            kernel_regularizer,
            kernel_constraint,
            hidden_activity_regularizer,
            dtype=self.dtype_policy,
        )
        normalizable.check(self.parameters, self.inverse_temperature)
        self._figures = Metrics(self.visible)
        self.build((None, self.example_units.width))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        visible_shape = (None, self.visible.width)
        hidden_shape = (None, self.hidden.width)
        self.parameters.build()
        kept = {"trainable": False, "autocast": False}
        self.updates = self.add_weight(
            name="updates", shape=(), dtype="int64", initializer="zeros", **kept
        )
        self.data_mean, self.data_variance = (
            self.add_weight(
                name=name,
                shape=(self.visible.width,),
                initializer=keras.initializers.Constant(value),
                **kept,
            )
            for name, value in (("data_mean", 0.5), ("data_variance", 1.0))
        )
        if self.offsets is not None:
            self.offsets.build(visible_shape, hidden_shape)
        if not self.chain.built:
            self.chain.build(visible_shape, hidden_shape)
        self.start_chain()
        self.parameters.trainable = self.trainable

    @property
    def fantasy_particles(self) -> Tensor | None:
        """The persistent chains, as draws of v given their hidden states.

        Tensor of shape `(chains, visible.width)`; `None` where the chain
        keeps nothing.
        """
        if not hasattr(self.chain, "particles"):
            return None
        return self.chain.samples(
            self.machine(), None, self._stream(_PARTICLES)
        )

    def adapt(self, x: Examples, sample_weight: Array | None = None) -> None:
        """Starts the model from the mean of the data.

        Sets the visible parameters to those that give the data's mean without
        inputs (for binary units the log-odds; Gaussian ones get the variance
        too) unless they have an initializer, the centring offsets to the
        data's means, and draws the persistent chains afresh.

        Args:
            x: Array of shape `(examples, visible.width)`, or a
                `tf.data.Dataset` of batches, of which the first 100 are used,
                with the weights that it has.
            sample_weight: Array of shape `(examples,)`, the weights of the
                examples in the mean; `None` for ones.

        Raises:
            ValueError: If the data cannot be states of the visible units, or
                if a weight is negative or not a number.
        """
        mean, variance = self._look_at(x, sample_weight)
        self.parameters.start(mean, variance, self.inverse_temperature)
        if self.offsets is not None:
            self.offsets.start(self.machine(), mean)
        self.start_chain()

    def prepare(self, x: Examples, sample_weight: Array | None = None) -> None:
        """Calls `adapt` on a model that nothing has been done to yet."""
        if ops.convert_to_numpy(self.updates):
            return
        untouched = not np.any(self.visible_params["bias"])
        if untouched or self.parameters.visible_bias_initializer is not None:
            self.adapt(x, sample_weight)
        else:
            self._look_at(x, sample_weight)

    @property
    def metrics(self) -> list[keras.Metric]:
        return list(self._figures.means.values())

    def gradient_step(self, data: Any) -> list[Tensor | None]:
        """Moves the chains on; returns the gradient."""
        v, weight = self._unpack(data)
        return update.gradient(self, v, weight, self._stream(_TRAIN))

    def apply_step(self, slopes: list[Tensor | None]) -> None:
        """Updates the parameters, but for those whose slope is `None`."""
        if slopes:
            variables = self.trainable_variables
            if not self.optimizer.built:  # Of all, whatever moves.
                self.optimizer.build(variables)
            moving = [i for i, x in enumerate(slopes) if x is not None]
            self.optimizer.apply(
                [slopes[i] for i in moving], [variables[i] for i in moving]
            )
        self.updates.assign_add(1)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """The metrics of a batch, which moves nothing else."""
        v, weight = self._unpack(data)
        machine = self.machine()
        seen = replicas.all_sum(self._figures.seen)
        stream = random.fold_in(self._stream(_EVALUATE), seen)
        stream = replicas.at_rows(stream, replicas.batch(v, weight))
        v_model = self.chain.samples(machine, v, random.fold_in(stream, 0))
        self._figures.update(
            machine, v, v_model, weight, random.fold_in(stream, 1)
        )
        return self._figures.results()

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "visible": serialize(self.visible),
            "hidden": serialize(self.hidden),
            "chain": serialize(self.chain),
            "centered": self.offsets is not None,
            "inverse_temperature": self.inverse_temperature,
            "seed": self.seed,
            **self.parameters.get_arguments(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**keras.saving.deserialize_keras_object(config))

    def start_chain(self) -> None:
        """Draws the persistent chains afresh, from units without inputs."""
        moments = self.data_mean.value, self.data_variance.value
        self.chain.start(self.machine(), self._stream(_START), *moments)

    def _stream(self, use):
        """The draws of one use at the current update."""
        stream = random.fold_in(random.stream(self.seed), use)
        return random.fold_in(stream, self.updates.value)

    def _unpack(self, data):
        v, _, weight = keras.utils.unpack_x_y_sample_weight(data)
        return self.machine_states(v), weight
