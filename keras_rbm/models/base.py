"""`MachineModel`: methods of a model (`sample`, `log_likelihood`, `export`...).

Other methods are `machine`, `predict_hidden`, `free_energy`, `inpaint` and
`log_partition`. `compile`, `fit`, `evaluate` and `predict` are in `trainer.py`.
`MachineModel` is the base class of all models except `RatingsRBM`; its
subclasses are in `rbm.py`, `class_rbm.py` and `deep_boltzmann_machine.py`.
"""

import abc
import math
import operator
import reprlib
import warnings
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import (
    checks,
    devices,
    gradients,
    likelihood,
    presets,
    random,
    replicas,
    samplers,
    units,
)
from keras_rbm import machine as machine_lib
from keras_rbm import rows as rows_lib
from keras_rbm.chains import Chain
from keras_rbm.models import (
    examples,
    sampling,
    serving,
    weights,
)
from keras_rbm.models import log_likelihood as log_likelihood_lib
from keras_rbm.models import missing as missing_lib
from keras_rbm.models.layouts import Layout
from keras_rbm.models.metrics import Metrics, number
from keras_rbm.models.parameters import (
    Offsets,
    Parameters,
    check_normalizable,
)
from keras_rbm.models.trainer import Trainer
from keras_rbm.random import Use
from keras_rbm.typing import (
    Array,
    Config,
    Constraint,
    Examples,
    Initializer,
    Mask,
    Method,
    Path,
    PictureShape,
    Regularizer,
    Shape,
    Start,
    Tensor,
    Verbose,
)

# After fewer updates, `fit` compares the model with independent units.
_FEW_UPDATES = 2000
# Numbers of clamped sweeps: to fill in missing entries before other chains
# start, and to average E[h | v].
_SWEEPS_OF_START, _SWEEPS_OF_MEAN = 100, 400
# In a saved file, the names of the chains of rows with missing entries have
# this prefix.
_TABLE = "completion_"

# Added to the relative variances of a standardized model: the step of a weight
# is at most 1 + 1 / 0.1 = 11 times as large as without standardization.
_SCALE_OFFSET = 0.1


class MachineModel(Trainer):
    """A Keras model whose parameters form a `Machine`.

    This class is abstract; `RBM`, `ClassRBM` and `DeepBoltzmannMachine`
    inherit from it. Each subclass has its own layout, which maps examples to
    visible rows of the machine, its own metrics, and its own update
    (`gradient_step`).

    Args:
        visible: `Units` of the machine's visible side.
        hidden: `Units` of the machine's hidden side.
        chain: The `Chain` that supplies the samples of the negative phase, a
            new one for each model.
        layout: The `Layout`, which maps examples to rows and back.
        metrics: The `Metrics` that training and evaluation report.
        centered: See `RBM`, which describes this and all further arguments.
        inverse_temperature: A positive number.
        kernel_initializer: Keras initializer, or `None`.
        visible_bias_initializer: Keras initializer, or `None`.
        hidden_bias_initializer: Keras initializer.
        kernel_regularizer: Keras regularizer, or `None`.
        kernel_constraint: Keras constraint, or `None`.
        hidden_activity_regularizer: Keras regularizer, or `None`.
        seed: Integer from 0 to 2**64 - 1, or `None`.
        missing: A `Completion`, or `None`.
        standardized: See `RBM`.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        # Accepts an RBM, a ClassRBM or a DeepBoltzmannMachine.
        def mean_free_energy(model: keras_rbm.models.MachineModel, x):
            return np.mean(model.free_energy(x))

        mean_free_energy(rbm, x)
    """

    def __init__(
        self,
        visible: units.Units,
        hidden: units.Units,
        chain: Chain,
        layout: Layout,
        metrics: Metrics,
        centered: bool = True,
        inverse_temperature: float = 1.0,
        kernel_initializer: Initializer | None = None,
        visible_bias_initializer: Initializer | None = None,
        hidden_bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer | None = None,
        kernel_constraint: Constraint | None = None,
        hidden_activity_regularizer: Regularizer | None = None,
        seed: int | None = None,
        missing: missing_lib.Completion | None = None,
        standardized: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(chain, Chain):
            raise ValueError(
                "`chain` must be a Chain, such as PersistentChain(100), or "
                f"None. Received: chain={chain!r}"
            )
        if chain.has_model and chain.num_chains is not None:
            raise ValueError(
                "`chain` must be new, because each model keeps its own "
                f"particles in its chain: make another {type(chain).__name__} "
                "for this model. Received: a chain that was given to another "
                f"model, chain={chain!r}"
            )
        devices.check(num_chains=chain.num_chains, seed=seed)
        self.visible: units.Units = visible
        self.hidden: units.Units = hidden
        self.chain: Chain = chain
        self.layout = layout
        self.missing = missing_lib.checked(missing)
        centered = checks.boolean("centered", centered)
        self.standardized = checks.boolean("standardized", standardized)
        if standardized and not centered:
            raise ValueError(
                "`standardized` needs a centred gradient: leave "
                "`centered=True`. Received: "
                f"standardized={standardized!r}, centered={centered!r}"
            )
        self.offsets = Offsets(dtype=self.dtype_policy) if centered else None
        self.inverse_temperature = checks.positive_number(
            "inverse_temperature", inverse_temperature
        )
        self.seed = checks.seed(seed)
        small = keras.initializers.RandomNormal(
            0.0,
            1 / np.sqrt(max(visible.width, hidden.width)),
            self.seed % 2**31,
        )
        self.parameters = Parameters(
            visible,
            hidden,
            kernel_initializer or small,
            visible_bias_initializer,
            hidden_bias_initializer,
            kernel_regularizer,
            kernel_constraint,
            hidden_activity_regularizer,
            dtype=self.dtype_policy,
        )
        check_normalizable(self.parameters, self.inverse_temperature)
        self._running = metrics
        self._image_shape: PictureShape | None = None
        # The rows from which `start_chain` has started the chains.
        self._start: np.ndarray | None = None
        self.build((None, layout.units.width))
        chain.has_model = True

    def build(self, input_shape: Shape) -> None:
        if self.built:  # By the constructor.
            return
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

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        shape = self.image_shape
        return {
            **super().get_config(),
            "hidden": serialize(self.hidden),
            "chain": serialize(self.chain),
            "centered": self.offsets is not None,
            "inverse_temperature": self.inverse_temperature,
            "seed": self.seed,
            "missing": serialize(self.missing),
            **self.parameters.get_arguments(),
            **({"standardized": True} if self.standardized else {}),
            **self.parameters.frozen_config(),
            **({} if shape is None else {"image_shape": list(shape)}),
            **self.own_config(),
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(keras.saving.deserialize_keras_object(config))
        image_shape = config.pop("image_shape", None)
        learn_visible = config.pop("learn_visible", True)
        model = cls(**config)
        model.image_shape = image_shape
        model.parameters.learn_visible = learn_visible
        return model

    @abc.abstractmethod
    def own_config(self) -> Config:
        """The arguments of the constructor that only this model has."""

    # The picture of an example.

    @property
    def image_shape(self) -> PictureShape | None:
        """Shape of an example as a picture, for `keras_rbm.plots`.

        `(height, width)` in pixels, or `(height, width, channels)`; `None`, the
        default, for examples that are not pictures. Assign a shape to set it.
        The product of the shape is the number of pixel columns: all columns of
        an example, or the features of a `ClassRBM`. The shape changes no
        computation. It is saved with the model; a preset has its own, and
        `experiment.run` sets the shape of its data.

        Raises:
            ValueError: If the assigned shape is not as described.

        Example:
            rbm = keras_rbm.RBM(16, 8)
            rbm.image_shape = (4, 4)
            plots.filters(rbm)
        """
        shape = self._image_shape
        return None if shape is None else tuple(shape)

    @image_shape.setter
    def image_shape(self, image_shape: PictureShape | None) -> None:
        if image_shape is not None:
            image_shape = _check_image_shape(image_shape, self.num_pixels)
        self._image_shape = image_shape

    @property
    def num_pixels(self) -> int:
        """Number of columns of an example that a picture shows."""
        return self.example_units.width

    # Parameters and machine.

    @property
    def kernel(self) -> keras.Variable:
        """W, a variable of shape `(visible.width, hidden.width)`."""
        return self.parameters.kernel

    @property
    def visible_params(self) -> dict[str, keras.Variable]:
        """The variables of the visible units by name, such as `"bias"`."""
        return self.parameters.visible_params

    @property
    def hidden_params(self) -> dict[str, keras.Variable]:
        """The variables of the hidden units by name, such as `"bias"`."""
        return self.parameters.hidden_params

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The variables that `fit` of this model trains."""
        return self._trained_first(super().trainable_variables)

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """The same as `trainable_variables`."""
        return self._trained_first(super().trainable_weights)

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """The variables that `fit` does not train."""
        return self._not_trained(super().non_trainable_variables)

    @property
    def non_trainable_weights(self) -> list[keras.Variable]:
        """The weights that `fit` does not train."""
        return self._not_trained(super().non_trainable_weights)

    def _trained_first(self, variables):
        trained = self.parameters.trained_by_fit() if self.trainable else []
        known = {id(v) for v in trained}
        return trained + [v for v in variables if id(v) not in known]

    def _not_trained(self, variables):
        known = {id(v) for v in self.trainable_variables}
        return [v for v in variables if id(v) not in known]

    def machine(self) -> machine_lib.Machine:
        """The current parameters as a `Machine`, scaled by beta.

        Here beta is the inverse temperature of the model. Under a
        mixed-precision policy, the kernel has the compute dtype, and all other
        tensors have the dtype of the variables.

        Example:
            machine = rbm.machine()
            print(machine.kernel.shape, machine.beta)
        """
        machine = self.parameters.machine()
        if self.inverse_temperature != 1.0:
            machine = machine_lib.scale(machine, self.inverse_temperature)
        kernel = ops.cast(machine.kernel, self.compute_dtype)
        return machine._replace(kernel=kernel)

    def base_machine(
        self, machine: machine_lib.Machine | None = None
    ) -> machine_lib.Machine:
        """A machine of independent units with the training data's moments.

        Annealed importance sampling starts from this machine.

        Args:
            machine: The `Machine` at which annealing ends; `None` for the
                current machine of the model.

        Returns:
            A `Machine` with `beta=0`.

        Example:
            base = rbm.base_machine()
            log_z = keras_rbm.machine.log_partition_decoupled(base)  # Exact.
        """
        machine = self.machine() if machine is None else machine
        mean = self.data_mean.value
        if self.offsets is not None and ops.convert_to_numpy(self.updates):
            mean = self.layout.base_mean(mean, self.offsets.visible.value)
        return machine_lib.decouple(machine, mean, self.data_variance.value)

    def machine_states(self, v: Array) -> Tensor:
        """The examples `v` as rows of the machine's visible side."""
        return self.layout.rows(self.machine(), self._states(v))

    @property
    def fantasy_particles(self) -> Tensor | None:
        """The persistent chains as examples, `(chains, example_units.width)`.

        If the chain keeps hidden states, these are draws of v given the hidden
        states. `None` if the chain keeps no states.
        """
        particles = self.machine_particles
        return None if particles is None else self.layout.examples(particles)

    @property
    def machine_particles(self) -> Tensor | None:
        """The persistent chains as rows, of shape `(chains, visible.width)`."""
        if self.chain.num_chains is None:
            return None
        stream = self.stream(Use.FANTASY_PARTICLES)
        return self.chain.samples(self.machine(), None, stream)

    # Abilities of the model.

    #: Number of classes whose labels are the last columns of an example.
    num_classes: int = 0

    @property
    def can_sample(self) -> bool:
        """Whether the model learns p(v), so that you can sample from it."""
        return True

    @property
    def has_likelihood_bounds(self) -> bool:
        """Whether `log_likelihood` is a variational bound."""
        return self.layout.is_bound

    @property
    def has_pseudo_likelihood(self) -> bool:
        """Whether `pseudo_log_likelihood` is defined."""
        return not self.layout.is_bound and (
            likelihood.pseudo_likelihood_is_defined(self.visible)
            or likelihood.has_density(self.visible, self.hidden)
        )

    # Initialization, and the steps of an update.

    def adapt(self, x: Examples, sample_weight: Array | None = None) -> None:
        """Initializes the model from the mean of the data.

        - Sets the visible parameters so that visible units without inputs have
          the mean of the data: the bias of a binary unit becomes the log-odds
          of its mean, and Gaussian units also get the variance. If the visible
          bias has its own initializer, the parameters stay as they are.
        - Sets the centring offsets to the mean of the data, and to E[h | v]
          at this mean.
        - Starts new persistent chains.

        Args:
            x: Array of shape `(examples, visible.width)`, or a
                `tf.data.Dataset` of batches, with or without weights. Only
                the first 100 batches of a data set are used.
            sample_weight: Array of shape `(examples,)`, the weights of the
                examples in the mean; `None` for equal weights.

        Raises:
            ValueError: If the data cannot be states of the visible units, or
                if a weight is negative or not a number.

        Example:
            rbm = keras_rbm.RBM(16, 8, seed=0)
            rbm.adapt(x)
        """
        mean, variance = self._keep_moments(x, sample_weight)
        self.parameters.start(mean, variance, self.inverse_temperature)
        if self.offsets is not None:
            self.offsets.start(self.machine(), mean)
        self.start_chain()

    def prepare(self, x: Examples, sample_weight: Array | None = None) -> None:
        """Calls `adapt` on a model that has made no update.

        If you have assigned the visible bias, keeps all parameters, and only
        records the moments of the data. Chains that you have started from rows
        start from these rows again.
        """
        self.check_to_sample()
        if ops.convert_to_numpy(self.updates):
            self._start = None
            return
        untouched = not np.any(self.visible_params["bias"])
        if untouched or self.parameters.visible_bias_initializer is not None:
            start = self._start
            self.adapt(x, sample_weight)
            if start is not None:
                self.start_chain(start)
        else:
            self._keep_moments(x, sample_weight)

    def finish(self, v: Array, sample_weight: Array) -> None:
        """Warns of constant hidden units, and of too few updates."""
        # If all examples are equal, hidden units of any model are constant.
        if self.layout.is_bound or not np.any(v != v[:1]):
            return
        machine = machine_lib.cast(self.machine(), self.variable_dtype)
        rows = self.machine_states(v)
        means = machine_lib.hidden_mean(machine, rows)
        updates = int(ops.convert_to_numpy(self.updates))
        names = [metric.name for metric in self.metrics]
        if weights.warn_of_dead_units(means, self.name) or (
            updates >= _FEW_UPDATES
            or not (self.can_sample and self.trainable_variables)
            or "pseudo_log_likelihood" not in names
        ):
            return
        log_likelihood_lib.warn_of_short_run(
            updates,
            machine,
            self.base_machine(machine),
            rows,
            sample_weight,
            sampling.stream(self.seed, Use.SHORT_RUN),
        )

    def start_chain(self, v: Array | None = None) -> None:
        """Starts new persistent chains.

        Args:
            v: Rows of the machine from which the chains start, of shape
                `(rows, visible.width)`. Only the first `num_chains` rows are
                used, and none if no chains persist. `None` for draws of the
                visible units without inputs.

        Raises:
            ValueError: If `v` has fewer rows than there are chains, or holds
                values that are neither states of the visible units nor their
                means.

        Example:
            rbm = keras_rbm.RBM(16, 8, keras_rbm.PersistentChain(20), seed=0)
            rbm.start_chain(x[:20])  # From examples.
            print(rbm.fantasy_particles.shape)
        """
        count = self.chain.num_chains or 0
        self._start = None
        if not count:
            v = None
        if v is not None:
            if np.ndim(v) != 2 or np.shape(v)[0] < count:
                raise ValueError(
                    f"`v` must have a row for each of the {count} chains. "
                    f"Received: v of shape {np.shape(v)}"
                )
            # A copy: the user's array may change, and may be large.
            v = examples.resolved(v[:count], self.visible, "v")
            v = np.array(examples.dense(v, "v"))
            examples.check(v, self.visible, "v")
            self._start = v
            v = ops.cast(v, self.variable_dtype)
        self.chain.start(
            self.machine(),
            self.stream(Use.START_CHAINS),
            self.data_mean.value,
            self.data_variance.value,
            v,
        )

    def stream(self, use: Use, seed: Tensor | None = None) -> random.Stream:
        """The stream of random numbers of one use, at the current update.

        Args:
            use: A `random.Use`.
            seed: Scalar tensor; `None` for the seed of the model.
        """
        seed = self.seed if seed is None else seed
        stream = random.fold_in(random.stream(seed), use)
        return random.fold_in(stream, self.updates.value)

    def unpack(self, data: Any) -> tuple[Tensor, Tensor | None]:
        """Converts a batch of examples to rows of the machine and weights."""
        v, _, weight = keras.utils.unpack_x_y_sample_weight(data)
        v = self.machine_states(v)
        if self._completer is not None or self._looks_at_missing:
            weight = missing_lib.observed_weight(v, weight)
        return v, weight

    def complete_by(self, completer: missing_lib.Completer | None) -> None:
        """Sets the completer of missing entries for updates outside of `fit`.

        `fit` creates its own completer for its data. If the completer has
        tables, each batch must be a pair of rows and row numbers.

        Args:
            completer: A `missing.Completer`; `None` for rows without
                missing entries.
        """
        self._completer = completer

    def complete(
        self,
        machine: machine_lib.Machine,
        v: Tensor,
        data: Any,
        stream: random.Stream,
    ) -> missing_lib.Completed:
        """Draws the missing entries for an update.

        Rows with missing entries have their positive phase here: see
        `missing`. If no entry of the data is missing, the rows do not
        change.

        Args:
            machine: A `Machine`.
            v: Rows from `unpack`.
            data: The batch. If each row has its own chain, the targets of the
                batch are the row numbers.
            stream: The stream of this update.
        """
        completer = self._completer
        if completer is None:
            return missing_lib.Completed(v)
        numbers = None
        if completer.tables:
            _, numbers, _ = keras.utils.unpack_x_y_sample_weight(data)
            numbers = ops.cast(numbers, "int32")
        drawn = completer.draw(machine, v, stream, numbers)
        return missing_lib.Completed(drawn, ops.isnan(v), numbers)

    def complete_to_look(
        self, machine: machine_lib.Machine, v: Tensor, stream: random.Stream
    ) -> Tensor:
        """Draws the missing entries for the metrics.

        Args:
            machine: A `Machine`.
            v: Rows from `unpack`.
            stream: A `Stream`.
        """
        return missing_lib.fresh().draw(machine, v, stream)

    def keep(
        self,
        completed: missing_lib.Completed,
        machine: machine_lib.Machine,
        inputs: Tensor,
        stream: random.Stream,
    ) -> None:
        """Keeps the states from which the next `complete` of the rows starts.

        Args:
            completed: The result of `complete`.
            machine: A `Machine`.
            inputs: Hidden inputs of the completed rows.
            stream: See `complete`.
        """
        if completed.numbers is not None:
            self._completer.keep(machine, inputs, stream, completed.numbers)

    def known(self, completed: missing_lib.Completed) -> Tensor:
        """The rows for the offsets of centring.

        Missing entries have the value of the offset, so that draws of missing
        entries do not move the offsets.
        """
        if completed.was_missing is None or self.offsets is None:
            return completed.v
        offset = ops.cast(self.offsets.visible.value, completed.v.dtype)
        return ops.where(completed.was_missing, offset, completed.v)

    def regularized(
        self,
        objective: Tensor,
        machine: machine_lib.Machine,
        inputs: Tensor,
        batch: replicas.Batch,
    ) -> Tensor:
        """The objective plus all penalties, scaled for the optimizer.

        Args:
            objective: Scalar, this replica's share of the objective.
            machine: A `Machine`.
            inputs: Hidden inputs of the examples, `(batch, hidden.width)`.
            batch: The `replicas.Batch` of the examples.
        """
        penalty = self.parameters.activity_penalty(machine, inputs, batch)
        # Penalties of the weights count once, for any number of replicas.
        penalties = sum(self.losses)
        if self.auto_optimizer is not None:
            if not self.optimizer.built:  # Outside of `fit`.
                self.optimizer.build(self.trainable_variables)
            penalties += self.auto_optimizer.penalty_of(self.kernel.value)
        penalties /= replicas.count()
        return self.optimizer.scale_loss(objective + penalty + penalties)

    def visible_scale(self) -> Tensor | None:
        """The scale s of the visible units, for `gradients.center`.

        s_i = (r_i + 0.1) / 1.1, where r_i is the variance of visible unit i,
        divided by the largest variance. The constant bounds the steps of
        units that hardly vary. The variances are those that `adapt` has
        recorded; before, and for constant data, s_i = 1. In a
        `DeepBoltzmannMachine`, the units of the top layer have variance 0.25.

        Returns:
            Tensor of shape `(visible.width,)`, or `None` if the model is not
            `standardized`.
        """
        if not self.standardized:
            return None
        variance = ops.cast(self.data_variance, self.variable_dtype)
        largest = ops.max(variance)
        ratio = ops.where(
            largest > 0, variance / ops.maximum(largest, 1e-12), 1.0
        )
        return (ratio + _SCALE_OFFSET) / (1 + _SCALE_OFFSET)

    def centered_gradient(
        self,
        slopes: list[Tensor | None],
        machine: machine_lib.Machine,
        v: Tensor,
        inputs: Tensor,
        batch: replicas.Batch,
    ) -> list[Tensor | None]:
        """Sums the gradient over replicas, and centres it if `centered`.

        Frozen parameters take no part in the centring: a frozen bias is left
        out, and with a frozen kernel, no gradient is centred. Otherwise, the
        gradients of frozen parameters, which need not vanish, would move the
        other parameters away from the optimum.

        Args:
            slopes: This replica's gradients, in the order of
                `parameters.variables`.
            machine: A `Machine`.
            v: Rows of the examples, `(batch, visible.width)`.
            inputs: Hidden inputs of these rows, `(batch, hidden.width)`.
            batch: The `replicas.Batch` of the examples.

        Returns:
            List of gradients, in the order of `trainable_variables`.
        """
        means = None
        if self.offsets is not None:
            means = self.offsets.batch_means(machine, v, inputs, batch)
        slopes, means = replicas.all_sum((slopes, means))
        paths = [variable.path for variable in self.parameters.variables]
        by_path = dict(zip(paths, slopes, strict=True))
        learned = {variable.path for variable in self.trainable_variables}
        if means is not None:
            self.offsets.move(*means)
        if means is not None and self.kernel.path in learned:
            biases = self.visible_params["bias"], self.hidden_params["bias"]
            paths = [variable.path for variable in (self.kernel, *biases)]
            centred = gradients.center(
                *(
                    by_path[path]
                    if path in learned
                    else ops.zeros_like(by_path[path])
                    for path in paths
                ),
                self.offsets.visible.value,
                self.offsets.hidden.value,
                self.visible_scale(),
            )
            by_path.update(zip(paths, centred, strict=True))
        return [by_path[v.path] for v in self.trainable_variables]

    def apply_step(self, slopes: list[Tensor | None]) -> None:
        """Updates the parameters whose gradient is not `None`."""
        if slopes:
            variables = self.trainable_variables
            if not self.optimizer.built:  # Also for those without a gradient.
                self.optimizer.build(variables)
            moving = [i for i, x in enumerate(slopes) if x is not None]
            self.optimizer.apply(
                [slopes[i] for i in moving], [variables[i] for i in moving]
            )
        self.updates.assign_add(1)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """Updates the metrics with a batch. Changes no other state."""
        v, weight = self.unpack(data)
        machine = self.machine()
        seen = number(replicas.all_sum(self._running.seen))
        stream = random.fold_in(self.stream(Use.EVALUATE), seen)
        stream = replicas.batch(v, weight).stream(stream)
        given = v if self._looks_at_missing else None
        if self._looks_at_missing:
            here = random.fold_in(stream, Use.COMPLETED)
            v = self.complete_to_look(machine, v, here)
        v_model = self.chain.samples(
            machine, v, random.fold_in(stream, Use.MODEL_SAMPLES)
        )
        sites = random.fold_in(stream, Use.SITES)
        follows = self.chain.follows_examples
        self._running.update(machine, v, v_model, weight, sites, given, follows)
        return self._running.results()

    def train_on_batch(
        self,
        x: Array,
        y: Any = None,
        sample_weight: Array | None = None,
        class_weight: None = None,
        return_dict: bool = False,
    ) -> Any:
        """`keras.Model.train_on_batch`, after a check of the examples.

        No entry may be missing. With `AutoSGD`, the rate is constant, because
        the number of updates is unknown, and there is no penalty.

        Raises:
            ValueError: If the examples cannot be states of the visible units,
                labels or weights are not as described in `fit`, or you pass
                `class_weight`. (All weights of a batch may be 0.)

        Example:
            rbm.compile(keras.optimizers.SGD(0.1))
            logs = rbm.train_on_batch(x[:10], return_dict=True)
        """
        if class_weight is not None:
            raise ValueError(
                "`class_weight` must be left out: pass `sample_weight`, or "
                "call `fit`. Received: class_weight="
                f"{reprlib.repr(class_weight)}"
            )
        x, y, weight = self._whole_batch(x, y, sample_weight)
        if self.auto_optimizer is not None and self.optimizer.built:
            self.auto_optimizer.begin_single()  # An earlier `fit` has others.
        return super().train_on_batch(x, y, weight, return_dict=return_dict)

    def test_on_batch(
        self,
        x: Array,
        y: Any = None,
        sample_weight: Array | None = None,
        return_dict: bool = False,
    ) -> Any:
        """`keras.Model.test_on_batch`, after a check of the examples.

        Raises:
            ValueError: As `train_on_batch` does.

        Example:
            logs = rbm.test_on_batch(x[:10], return_dict=True)
        """
        x, y, weight = self._whole_batch(x, y, sample_weight)
        return super().test_on_batch(x, y, weight, return_dict=return_dict)

    def _whole_batch(self, x, y, sample_weight):
        """Examples without missing entries as a dense array, `y`, weights."""
        if self.num_classes:  # Other models do not look at `y`.
            x, y = self.layout.joined(x, y)
        x = examples.resolved(x, self.example_units, "x")
        examples.check(x, self.example_units, "x")
        weight = examples.check_batch_weight(sample_weight, len(x))
        return x[:], y, weight

    def check_to_sample(self) -> None:
        """Raises an error if the machine is not normalizable.

        Raises:
            ValueError: If chains of the machine would diverge; see
                `SpectralBound`.
        """
        sampling.check_kernel(self.machine())

    @property
    def metrics(self) -> list[keras.Metric]:
        return list(self._running.means.values())

    # The model as a layer.

    def call(self, inputs: Tensor) -> Tensor:
        """E[h | v], of shape `(batch, hidden.width)`.

        A `DeepBoltzmannMachine` returns E[h2 | v], of shape `(batch,
        top.width)`. Entries of an array may be missing (NaN), as in
        `predict_hidden`. If the model is a layer of another model, no entry
        may be missing.
        """
        code = self.layout.encode(self.machine(), self._states(inputs))
        return ops.cast(code, self.compute_dtype)

    def __call__(self, inputs, *args, **kwargs):
        """`call`, after a check of the inputs before Keras converts them.

        If this model is a layer of the model that you call, only the width of
        the inputs is checked.
        """
        if examples.comes_from_a_layer(inputs, self):
            examples.check_width(inputs, self.example_units, "v")
            return super().__call__(inputs, *args, **kwargs)
        may_miss = self.layout.may_miss
        inputs = examples.called(inputs, self.example_units, "v", may_miss)
        if examples.is_known_to_miss(inputs):
            return ops.cast(self.predict_hidden(inputs), self.compute_dtype)
        return super().__call__(inputs, *args, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.layout.code_units.width)

    def to_dense(self, **kwargs) -> keras.layers.Dense:
        """A `keras.layers.Dense` that computes E[h | v], as a call does.

        Its kernel and bias are copies of W and of the hidden bias, times the
        model's inverse temperature. The layer does not contain the visible
        parameters.

        Args:
            **kwargs: Arguments of `keras.layers.Dense`, such as `name` or
                `kernel_constraint`. An `activation` replaces the activation of
                the hidden units.

        Returns:
            A built `keras.layers.Dense`.

        Raises:
            ValueError: If Keras has no activation that equals the mean of the
                hidden units, and you give no `activation`. You can then use
                the model itself as a layer.

        Example:
            dense = rbm.to_dense(name="features")
            features = dense(x)
        """
        if self.layout.is_bound:
            raise ValueError(
                "A call of this model is more than one layer: use the model "
                f"itself as one. Received: {type(self).__name__}"
            )
        return serving.encoder(self, **kwargs)

    # Means, without draws.

    def predict_hidden(self, v: Array) -> Tensor:
        """E[h | v], of shape `(batch, hidden.width)`.

        A `DeepBoltzmannMachine` returns E[h1 | v], by mean field.

        If entries are missing (NaN), returns E[h | v_observed]. This is an
        exact sum over the missing entries where `log_likelihood` is exact, and
        otherwise the mean over clamped Gibbs sweeps with a fixed seed.

        Args:
            v: Array of shape `(batch, example_units.width)`.

        Example:
            features = rbm.predict_hidden(x)
        """
        return self._by_part(self.layout.hidden_mean, v, self._observed_hidden)

    def predict_visible(self, h: Array) -> Tensor:
        """E[v | h], of shape `(batch, example_units.width)`.

        Args:
            h: Array of shape `(batch, hidden.width)`, of states or means.

        Example:
            v_mean = rbm.predict_visible(rbm.sample_hidden(x, seed=0))
        """
        h = examples.checked(h, self.hidden, "h")
        mean = machine_lib.visible_mean(self.machine(), self._states(h))
        return self.layout.examples(mean)

    def predict_reconstruction(self, v: Array) -> Tensor:
        """E[v' | h = E[h | v]], of the shape of `v`.

        This is one mean-field pass up and down, without draws. For rows with
        missing entries, h = E[h | v_observed].

        Args:
            v: Array of shape `(batch, example_units.width)`.

        Example:
            v_mean = rbm.predict_reconstruction(x)
        """
        machine, may_miss = self.machine(), self.layout.may_miss
        v = examples.checked(v, self.example_units, "v", may_miss)
        if examples.is_known_to_miss(v):
            h = self.predict_hidden(v)
        else:
            h = self.layout.hidden_mean(machine, self._states(v))
        return self.layout.examples(machine_lib.visible_mean(machine, h))

    # Draws.

    def sample_hidden(self, v: Array, seed: int | None = None) -> Tensor:
        """A draw of h from p(h | v), of shape `(batch, hidden.width)`.

        A `DeepBoltzmannMachine` draws h1 from its mean-field distribution.

        Args:
            v: Array of shape `(batch, example_units.width)`.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                draw. `None` for a new draw at each call.

        Example:
            h = rbm.sample_hidden(x, seed=0)
        """
        v = self._states(self._checked_states(v))
        return self.layout.sample_hidden(self._machine_to_sample(), v, seed)

    def sample_visible(self, h: Array, seed: int | None = None) -> Tensor:
        """A draw of v from p(v | h), of shape `(batch, example_units.width)`.

        Args:
            h: Array of shape `(batch, hidden.width)`, of states or means.
            seed: See `sample_hidden`.

        Example:
            h = rbm.sample_hidden(x, seed=0)
            v_new = rbm.sample_visible(h, seed=1)
        """
        h = self._states(examples.checked(h, self.hidden, "h"))
        stream = sampling.stream(seed, Use.SAMPLE_VISIBLE)
        v = sampling.visible(self._machine_to_sample(), h, stream)
        return self.layout.examples(v)

    def sample(
        self,
        num_samples: int | None = None,
        num_sweeps: int = 1000,
        start: Start | None = None,
        clamp: Mask | None = None,
        inverse_temperature: float = 1.0,
        seed: int | None = None,
        sampler: samplers.Sampler | None = None,
        every: int | None = None,
        verbose: Verbose = "auto",
    ) -> Tensor:
        """Draws samples from the model: from p(v) or p(v_free | v_clamped).

        Args:
            num_samples: Number of chains, each of which gives one sample. If
                you give a `start`, its first `num_samples` rows are used;
                `None` for all rows.
            num_sweeps: Number of sweeps of each chain.
            start: Array of examples from which the chains start, of shape
                `(num_samples, example_units.width)`; `"chains"` to start from
                the `fantasy_particles`, which stay the same until the next
                update; `None` to start from draws of the visible units without
                inputs. (The top layer of a `DeepBoltzmannMachine` is not in the
                array; it starts from mean field.)
            clamp: Boolean array or lists, of shape `(example_units.width,)`
                or `(num_samples, example_units.width)`, `True` where an entry
                keeps its value in `start`; `None` to clamp no entry.
            inverse_temperature: Factor of the model's inverse temperature. A
                factor below 1 samples at a higher temperature, a factor above
                1 at a lower temperature.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                samples. `None` for new samples at each call.
            sampler: `Gibbs()`, or `Tempered()` if Gibbs sampling does not mix.
                `None` for `Gibbs()`.
            every: Number of sweeps between the recorded states of each chain,
                or `None` to return only the last states.
            verbose: `"auto"` for a progress bar in a terminal or notebook, 1
                for a progress bar everywhere, 0 for none. The bar appears only
                if the run takes more than a few seconds.

        Returns:
            Tensor of states, of shape `(num_samples, example_units.width)`.
            With `every`, the states are recorded each `every` sweeps, and the
            shape is `(num_sweeps // every, num_samples, example_units.width)`.
            With `clamp`, the dtype can represent the values of `start`, too.

        Raises:
            ValueError: If an argument is not as described, or the parameters
                of the model or its draws are not finite.

        Example:
            samples = rbm.sample(10, num_sweeps=100, seed=0)
            # Keep the first row of each pattern, and draw the others.
            clamp = np.arange(16) < 4
            samples = rbm.sample(start=x, num_sweeps=100, clamp=clamp, seed=0)
        """
        self._warn_if_it_cannot_sample("draws")
        machine = self._machine_to_sample(inverse_temperature)
        stream = sampling.stream(seed, Use.SAMPLE)
        checks.positive_integer("num_sweeps", num_sweeps)
        if clamp is not None and start is None:
            raise ValueError(
                "`clamp` needs a `start`, whose values the clamped entries "
                "keep. Received: start=None"
            )
        if start is None:
            rows = sampling.without_inputs(machine, num_samples, stream)
        else:
            rows = sampling.start(self, start, num_samples, seed)
        if clamp is not None:
            shape = (len(rows), self.example_units.width)
            clamp = missing_lib.check_mask(
                clamp, shape, self.example_units, "clamp"
            )
            clamp = self.layout.clamped(clamp)
        few = num_sweeps < 2 or len(rows) < sampling.MIN_CHAINS
        if start is None and every is None and not few:
            return self._run(
                sampling.checked_sample,
                machine,
                rows,
                stream,
                num_sweeps,
                sampler=sampler,
                particles=self.machine_particles,
                verbose=verbose,
            )
        return self._run(
            samplers.sample,
            machine,
            rows,
            stream,
            num_sweeps,
            clamp,
            sampler,
            every=every,
            verbose=verbose,
        )

    def reconstruct(
        self,
        v: Array,
        num_sweeps: int = 1,
        inverse_temperature: float = 1.0,
        seed: int | None = None,
        sampler: samplers.Sampler | None = None,
        verbose: Verbose = "auto",
    ) -> Tensor:
        """A draw of v after `num_sweeps` sweeps that start from `v`.

        `predict_reconstruction` is the mean-field counterpart.

        Args:
            v: Array of shape `(batch, example_units.width)`.
            num_sweeps: Number of sweeps.
            inverse_temperature: See `sample`, which describes this and all
                further arguments.
            seed: Integer, or `None`.
            sampler: `Gibbs()`, `Tempered()` or `None`.
            verbose: `"auto"`, 1 or 0.

        Returns:
            Tensor of the shape of `v`, of states.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            v_new = rbm.reconstruct(x, num_sweeps=5, seed=0)
        """
        return self.sample(
            num_sweeps=num_sweeps,
            start=self._checked_states(v),
            inverse_temperature=inverse_temperature,
            seed=seed,
            sampler=sampler,
            verbose=verbose,
        )

    def denoise(
        self,
        v: Array,
        num_sweeps: int = 10,
        seed: int | None = None,
        sampler: samplers.Sampler | None = None,
        verbose: Verbose = "auto",
        inverse_temperature: float = 1.0,
    ) -> Tensor:
        """Mean of E[v | h] over the second half of the sweeps from `v`.

        During the first half of the sweeps, the chain moves away from the
        noise. Averages of E[v | h] have a smaller variance than averages of
        draws of v (Rao-Blackwell). The longer the run, the less the result
        depends on `v`; after very many sweeps, the result is the mean of the
        model.

        Args:
            v: Array of shape `(batch, example_units.width)`.
            num_sweeps: Number of sweeps.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                average. `None` for a new average at each call.
            sampler: `Gibbs()`, `Tempered()` or `None`, as in `sample`.
            verbose: `"auto"`, 1 or 0, as in `sample`.
            inverse_temperature: Factor of the model's inverse temperature, a
                positive number.

        Returns:
            Tensor of means, of the shape of `v`.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            noise = np.random.default_rng(0).random(x.shape) < 0.1
            v_mean = rbm.denoise(np.where(noise, 1 - x, x), seed=0)
        """
        machine = self._machine_to_sample(inverse_temperature)
        v = self._checked_states(v)
        return self._run(
            samplers.average_visible,
            machine,
            self.layout.start(self.machine(), v, seed),
            sampling.stream(seed, Use.DENOISE),
            num_sweeps,
            sampler=sampler,
            verbose=verbose,
        )

    # Missing entries.

    def inpaint(
        self,
        v: Array,
        mask: Mask | None = None,
        num_sweeps: int = 1000,
        seed: int | None = None,
        sampler: samplers.Sampler | None = None,
        verbose: Verbose = "auto",
        inverse_temperature: float = 1.0,
        every: int | None = None,
    ) -> Tensor:
        """A draw of the missing entries from p(v_missing | v_known).

        Args:
            v: Array of shape `(batch, example_units.width)`. The values of
                missing entries are ignored and may be NaN. In these entries,
                the chains start from draws of the visible units without
                inputs.
            mask: Boolean array or lists, of shape `(example_units.width,)` or
                `(batch, example_units.width)`, `True` where an entry is
                missing; `None` for the entries that are NaN.
            num_sweeps: Number of sweeps.
            seed: See `sample`, which describes this and all further
                arguments.
            sampler: `Gibbs()`, `Tempered()` or `None`.
            verbose: `"auto"`, 1 or 0.
            inverse_temperature: A positive number.
            every: Number of sweeps between the recorded draws of each chain,
                or `None` to return only the last draw.

        Returns:
            Tensor of the shape of `v`, in a dtype that can represent its
            values. The known values do not change, to the bit. With `every`,
            the shape is `(num_sweeps // every, batch, example_units.width)`;
            draws that are close in time depend on each other.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            # The lower half of each pattern is missing.
            mask = np.arange(16) >= 8
            filled = rbm.inpaint(x, mask, num_sweeps=100, seed=0)
        """
        return self._fill(
            samplers.sample,
            Use.SAMPLE,
            v,
            mask,
            num_sweeps,
            seed,
            sampler,
            verbose,
            inverse_temperature,
            every=every,
        )

    def predict_missing(
        self,
        v: Array,
        mask: Mask | None = None,
        num_sweeps: int = 1000,
        seed: int | None = None,
        sampler: samplers.Sampler | None = None,
        verbose: Verbose = "auto",
        inverse_temperature: float = 1.0,
    ) -> Tensor:
        """E[v_missing | v_known], as the mean of E[v_missing | h] over sweeps.

        The chains sample p(v_missing, h | v_known), and the mean is over the
        second half of their sweeps. If the missing entries have few joint
        states, `conditional` gives their exact distribution.

        Args:
            v: Array of shape `(batch, example_units.width)`, as in `inpaint`.
            mask: See `inpaint`.
            num_sweeps: Number of sweeps.
            seed: See `denoise`, which describes this and all further
                arguments.
            sampler: `Gibbs()`, `Tempered()` or `None`.
            verbose: `"auto"`, 1 or 0.
            inverse_temperature: A positive number.

        Returns:
            Tensor of the shape of `v`, with the means of the missing entries.
            The known values do not change, to the bit.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            mask = np.arange(16) >= 8
            means = rbm.predict_missing(x, mask, num_sweeps=100, seed=0)
        """
        return self._fill(
            samplers.average_visible,
            Use.PREDICT_MISSING,
            v,
            mask,
            num_sweeps,
            seed,
            sampler,
            verbose,
            inverse_temperature,
        )

    def conditional(
        self, v: Array, mask: Mask | None = None, verbose: Verbose = "auto"
    ) -> missing_lib.Conditional:
        """Log p(v_missing | v_known) of all states of the missing entries.

        Enumerates these states:

            log p(v_missing | v_known) = -F(v) - log sum_missing exp(-F(v))

        Args:
            v: Array of shape `(batch, visible.width)`. The values of missing
                entries are ignored and may be NaN.
            mask: Boolean array of shape `(visible.width,)`, `True` where an
                entry is missing. The missing entries may have at most 2**16
                joint states. `None` for the entries that are NaN, which must
                be the same entries in all rows.
            verbose: `"auto"`, 1 or 0, as in `sample`.

        Returns:
            A `Conditional`, a named tuple of `states`, of shape
            `(num_states, missing columns)`, and `log_probabilities`, of shape
            `(batch, num_states)`, in nats.

        Raises:
            ValueError: If an argument is not as described, the missing
                entries have too many states, or the hidden layers cannot be
                summed out (`has_likelihood_bounds`).

        Example:
            mask = np.arange(16) >= 12
            states, log_probabilities = rbm.conditional(x, mask)
        """
        self._check_summed_out("exact conditional", "predict_missing")
        machine = machine_lib.cast(self.machine(), "float64")
        sampling.check_parameters(machine)
        return missing_lib.conditional(machine, v, mask, verbose)

    # Likelihood.

    def free_energy(self, v: Array) -> Tensor:
        """F(v) = -log sum_h exp(-beta E(v, h)), of shape `(batch,)`, in nats.

        A lower free energy means a higher probability: log p(v) = -F(v) -
        log Z. A `DeepBoltzmannMachine` returns a variational upper bound.

        If entries are missing (NaN), returns -log sum_missing exp(-F(v)),
        summed out as in `log_likelihood`. If the sum has too many terms,
        annealed importance sampling with a fixed seed estimates the sum; the
        resulting free energy is too high on average. The other examples of the
        call can decide whether a sum is exact (see `likelihood.exact_rows`),
        and they change the random numbers of an estimate.

        Args:
            v: Array of shape `(batch, example_units.width)`.

        Example:
            energies = rbm.free_energy(x)
            # The pattern that the machine finds most probable.
            best = x[np.argmin(energies)]
        """
        return self._by_part(
            self.layout.free_energy, v, self._observed_free_energy
        )

    def log_partition(
        self,
        method: Method = "auto",
        v: Examples | None = None,
        num_betas: int = 10_000,
        num_chains: int = 200,
        num_sweeps: int = 1000,
        seed: int | None = None,
        verbose: Verbose = "auto",
        sampler: samplers.Sampler | None = None,
    ) -> likelihood.Exact | likelihood.Bracket:
        """Log Z: the exact value, or a lower and an upper estimate.

        Args:
            method: `"exact"` to enumerate the smaller side, of at most 2**25
                states (if both sides are `Gaussian`, log Z has a closed form);
                `"ais"` for annealed importance sampling (AIS) in both
                directions; `"auto"` for `"exact"` if possible, and otherwise
                for `"ais"`.
            v: Data as in `log_likelihood`, or `None`. Half of the chains of
                reverse AIS start from the first 10,000 examples, and the
                particles of AIS are compared with these examples. Without
                data, AIS is more likely to miss a mode, and the limits for a
                trusted estimate are half as wide.
            num_betas: Number of steps of the annealing.
            num_chains: Number of chains of the annealing.
            num_sweeps: Number of sweeps before reverse AIS starts. The sweeps
                start from the fantasy particles or, if the chain keeps no
                particles, from draws with the moments of the training data.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                estimate. `None` for a new estimate at each call.
            verbose: `"auto"`, 1 or 0, as in `sample`.
            sampler: The sampler of the sweeps before reverse AIS: `Gibbs()`,
                `Tempered()`, or `None` for `Gibbs()`.

        Returns:
            A `likelihood.Exact` or a `likelihood.Bracket`. Both have `lower`,
            `upper`, `standard_error`, `trusted` and `warnings`.

        Raises:
            ValueError: If an argument is not as described, or if
                `method="exact"` and neither side can be enumerated.

        Reference: Salakhutdinov and Murray (2008), "On the quantitative
            analysis of deep belief networks"; Krause, Fischer and Igel
            (2020), "Algorithms for estimating the partition function of
            restricted Boltzmann machines".

        Example:
            log_z = rbm.log_partition()
            print(log_z)
            # Several data sets can share the result.
            rbm.log_likelihood(x, log_partition=log_z)
        """
        machine = machine_lib.cast(self.machine(), self.variable_dtype)
        if log_likelihood_lib.is_exact(method, machine):
            return likelihood.exact(machine, verbose)
        sampling.check_kernel(machine)
        rows = log_likelihood_lib.first_examples(
            v, self.example_units, self.layout.may_miss
        )
        if rows is not None and np.isnan(rows).any():
            rows = self.inpaint(rows, None, _SWEEPS_OF_START, 0, verbose=0)
        if rows is not None:
            rows = self.layout.start(self.machine(), rows, 0)
        with devices.scope(self.distribute_strategy):
            return log_likelihood_lib.bracket(
                machine,
                self.base_machine(machine) if self._has_moments() else None,
                self.machine_particles,
                rows,
                num_betas,
                num_chains,
                num_sweeps,
                seed,
                samplers.get(sampler),
                verbose,
            )

    def log_likelihood(
        self,
        v: Examples,
        method: Method = "auto",
        log_partition: likelihood.Exact | likelihood.Bracket | None = None,
        **kwargs,
    ) -> log_likelihood_lib.MeanLogLikelihood:
        """Mean log p(v) = -mean F(v) - log Z, with its uncertainty.

        A `DeepBoltzmannMachine` returns the variational bound

            log p(v) >= E_q[-E(v, h1, h2)] + H(q) - log Z

        If entries are missing (NaN), the result is the log-likelihood of the
        observed entries. Missing entries are summed out exactly if the hidden
        side, or the missing entries of an example, have few joint states (see
        `likelihood.exact_rows`), or if both sides are `Gaussian`. If all hidden
        units are bounded, a missing entry of `Gaussian` or `ReLU` units is
        integrated out by a sum over nodes, with an error below 1e-8 nats. For
        other examples, annealed importance sampling in both directions
        estimates the sum from below and from above, and `upper_scores` of the
        result is set. An example without any observed entry has log p = 0, up
        to the standard error of an estimate.

        The number of states is limited for all examples of a batch together.
        The sum of an example with missing entries can therefore be exact in one
        call, and an estimate in a call with other examples.

        Args:
            v: Array of states, of shape `(examples, example_units.width)`; or
                other data that `fit` accepts; or a finite `tf.data.Dataset`
                of batches. Grey values are refused: they have no probability
                under binary units.
            method: See `log_partition`.
            log_partition: The result of `log_partition` for the same weights;
                `None` to compute log Z. If you pass a result, leave out
                `method` and all further arguments except for `seed` and
                `verbose`.
            **kwargs: Further arguments of `log_partition`. The estimates of
                sums over missing entries also use `seed` and `verbose`.

        Returns:
            A `MeanLogLikelihood`, here called `result`. `float(result)` and
            `result.lower` are the lower bound, and `result.upper` is the upper
            bound. `result.baseline` is the log-likelihood under independent
            units, and `result.gain` is the model's gain over this baseline.
            `print(result)` shows all of these values. For real columns, the
            values are log-densities of `v`; `result.in_own_units` converts
            them to the units of the original data.

        Raises:
            ValueError: If the data are not states of the visible units, or
                an argument is not as described.

        Example:
            result = rbm.log_likelihood(x)
            print(result)
            print(result.lower, result.gain)
        """
        self._warn_if_it_cannot_sample("likelihoods")
        log_likelihood_lib.check_arguments(method, log_partition, kwargs)
        machine = machine_lib.cast(self.machine(), self.variable_dtype)
        baseline = self._baseline()
        watch = None if baseline is None else baseline.add
        v = examples.resolved(v, self.example_units, "v")
        if not self._misses(v):
            observed = None
            scores = self.layout.scores(machine, v, watch)
        else:
            observed = log_likelihood_lib.observed_scores(
                machine,
                self.base_machine(machine),
                v,
                sampling.stream(kwargs.get("seed"), Use.OBSERVED),
                watch,
                kwargs.get("verbose", "auto"),
            )
            scores = observed.lower
        if log_partition is None:
            log_partition = self.log_partition(method, v=v, **kwargs)
        found = log_likelihood_lib.MeanLogLikelihood(
            scores,
            log_partition,
            self.layout.is_bound,
            None if baseline is None else baseline.scores,
            self.example_units.size,
        )
        if observed is None or not observed.standard_error.any():
            return found
        return found._replace(
            upper_scores=observed.upper,
            scores_error=log_likelihood_lib.observed_error(observed),
            scores_warnings=observed.warnings,
        )

    def pseudo_log_likelihood(self, v: Examples) -> np.ndarray:
        """sum_i log p(v_i | v_-i) of each example, over all sites i.

        For `Gaussian` visible units, the values are log-densities, computed in
        float64; see `likelihood.pseudo_log_density`. (`fit` has a metric of the
        same name: an estimate from random sites, which exists only for visible
        units with a list of states.)

        Args:
            v: See `log_likelihood`.

        Returns:
            `float64` array of shape `(examples,)`, in nats.

        Raises:
            ValueError: If the data are not states, if the hidden layers cannot
                be summed out, or if the pseudo-likelihood is not defined
                (`has_pseudo_likelihood`). It is defined for visible units with
                a list of states, and for `Gaussian` visible units if the
                hidden units are bounded or `Gaussian`.

        Reference: Besag (1975), "Statistical analysis of non-lattice data".

        Example:
            values = rbm.pseudo_log_likelihood(x)
        """
        self._check_summed_out("pseudo-likelihood", "log_likelihood")
        machine = machine_lib.cast(self.machine(), self.variable_dtype)
        sampling.check_kernel(machine)
        return log_likelihood_lib.pseudo_log_likelihood(machine, v)

    def surprise(self, v: Array) -> np.ndarray:
        """-log p(v_i | v_rest) of each observed entry, in nats.

        The values show which entries of a row are unusual, given the other
        entries of the row. If entries are missing, v_rest are the other
        observed entries. All values are exact. For real units, the values are
        negative log-densities, which may be below 0.

        Args:
            v: Array of states, of shape `(batch, example_units.width)`, NaN
                where an entry is missing.

        Returns:
            `float64` array of shape `(batch, example_units.size)`, with one
            column for each unit (a site of `Softmax` units is one unit); NaN
            for missing entries.

        Raises:
            ValueError: If the examples are not states of the visible units, or
                if a sum is too long: the hidden side has too many joint
                states, and so have an entry and the missing entries of its row
                together (see `likelihood.exact_rows`).

        Example:
            rbm = keras_rbm.RBM(6, 3, seed=0)
            odd = rbm.surprise(np.eye(6)).argmax(axis=1)
        """
        self._check_summed_out("surprise of an entry", "free_energy")
        v = examples.resolved(v, self.example_units, "v")
        self.check_examples(v, "v")
        self.check_states(v, "v")
        machine = machine_lib.cast(self.machine(), "float64")
        sampling.check_parameters(machine)
        found = [
            log_likelihood_lib.surprise(machine, part)
            for _, part in rows_lib.parts(v)
        ]
        return np.concatenate(found)

    # Files.

    def save_own_variables(self, store: Any) -> None:
        """Also saves the chains of rows with missing entries."""
        super().save_own_variables(store)
        if self._kept_completer is not None:
            for number, table in enumerate(self._kept_completer.tables):
                store[f"{_TABLE}{number}"] = table.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Also loads the chains of rows with missing entries."""
        names = list(store.keys())
        tables = sorted(name for name in names if name.startswith(_TABLE))
        super().load_own_variables(
            {name: store[name] for name in names if name not in tables}
        )
        if tables:
            self._kept_completer = missing_lib.Completer(
                1,
                [missing_lib.variable(np.array(store[n])) for n in tables],
            )

    @classmethod
    def from_preset(
        cls,
        preset: Path,
        dtype: Any = None,
        seed: int | None = None,
    ) -> Self:
        """Loads a trained model: a preset of the package, or a `.keras` file.

        `keras_rbm.presets.PRESETS` lists the names, and
        `keras_rbm.presets.card` describes each preset. The model is not
        compiled; call `compile` and `fit` to train it further.

        Args:
            preset: Name of a preset, such as `"digits"`, or the path of a
                `.keras` file.
            dtype: Keras dtype or policy of the model; `None` for the dtype in
                the file, which is float32 for all presets.
            seed: Integer from 0 to 2**64 - 1, the seed of the model's draws;
                `None` for the seed in the file.

        Returns:
            The model, an object of the class on which you call the method.

        Raises:
            ValueError: If there is no such preset or file, or if the file
                holds a model of another class.

        Example:
            rbm = keras_rbm.RBM.from_preset("digits")
            plots.samples(rbm)
        """
        model = keras.saving.load_model(presets.path(preset), compile=False)
        if preset in presets.PRESETS:
            model.image_shape = presets.PRESETS[preset].image_shape
        if not isinstance(model, cls):
            raise ValueError(
                f"`preset` must be of a {cls.__name__}: call `from_preset` of "
                f"{type(model).__name__}. Received: preset={str(preset)!r}"
            )
        given = {"dtype": dtype, "seed": seed}
        given = {name: x for name, x in given.items() if x is not None}
        if not given:
            return model
        other = type(model).from_config({**model.get_config(), **given})
        for variable, trained in zip(other.weights, model.weights, strict=True):
            variable.assign(trained.value)
        return other

    # Serving.

    def endpoints(self, v: Any) -> dict[str, tuple[Any, list[Any]]]:
        """The endpoints of a SavedModel, by name.

        Args:
            v: The `keras.InputSpec` of examples, or another spec that Keras
                accepts.

        Returns:
            Dict of pairs: a function, and the list of its arguments' specs.
        """
        found = serving.endpoints(
            self, v, lambda *args: serving.sample(self, *args)
        )
        if not self.can_sample:
            del found["sample"]
        return found

    def export(
        self,
        filepath: Path,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: list[Any] | None = None,
        **kwargs,
    ) -> None:
        """Writes the model for inference: `keras.Model.export`.

        A SavedModel has the following endpoints:

        - `serve` and `features` take examples `v`. Both return E[h | v], as a
          call does, up to rounding.
        - `sample` takes examples `v` and the scalars `num_sweeps` (int32) and
          `seed` (int64). It returns v after `num_sweeps` sweeps of Gibbs
          sampling from `v`, with the same draws as `sample(start=v,
          num_sweeps=..., seed=...)`. A model whose `can_sample` is `False` has
          no such endpoint.
        - `class_probabilities` takes the features `x`. Only a `ClassRBM` has
          this endpoint.

        The endpoints consist of TensorFlow's own operations, without XLA. They
        accept any number of rows, and do not check the values.
        `tf.saved_model.load` provides the endpoints as methods, and TensorFlow
        Serving provides them as signatures.

        Args:
            filepath: The folder, or file, to write to.
            format: `"tf_saved_model"`, or another format of Keras, which has
                only the endpoint `serve`.
            verbose: Whether to print a summary of the endpoints. `None` prints
                the summary.
            input_signature: A list with the `keras.InputSpec` of `v`, or
                another spec that Keras accepts. `None` for any number of rows,
                in the dtype of the model's variables.
            **kwargs: Further arguments for the other formats.

        Example:
            rbm.export("served", verbose=False)
            served = tf.saved_model.load("served")
            features = served.features(tf.constant(x))
        """
        if input_signature is None:
            input_signature = serving.signature(self)
        if format != "tf_saved_model":
            super().export(filepath, format, verbose, input_signature, **kwargs)
            return
        self.check_to_sample()
        endpoints = self.endpoints(*input_signature)
        serving.write_saved_model(self, endpoints, filepath, verbose, **kwargs)

    # Steps that several methods share.

    def make_completer(self, x: Any) -> missing_lib.Completer | None:
        """The `Completer` that draws the missing entries of training data.

        Args:
            x: Array, `Rows` or data set, checked.

        Returns:
            A `missing.Completer`; `None` if no entry of the data is
            missing.

        Raises:
            ValueError: If the model would have to keep a chain for each row of
                data for which this is not possible.
        """
        count = self.distribute_strategy.num_replicas_in_sync
        is_dataset = examples.is_dataset(x)
        if is_dataset:
            if self.missing is None or not self.layout.may_miss:
                return None
        elif not self.layout.may_miss or not examples.has_missing(x):
            return None
        kind = self.missing
        if kind is None and count > 1:
            kind = missing_lib.FreshCompletion()
        if kind is None:
            kind = missing_lib.PersistentCompletion()
        if not kind.is_persistent:
            old = self._kept_completer
            if old is None or old.tables or old.num_sweeps != kind.num_sweeps:
                self._kept_completer = missing_lib.Completer(kind.num_sweeps)
            return self._kept_completer
        if is_dataset or count > 1 or len(x) > missing_lib.MOST_ROWS:
            raise ValueError(
                "`missing` must be FreshCompletion() for a tf.data.Dataset, "
                "for several replicas and for more than 2**24 rows: a "
                "PersistentCompletion keeps a chain for each row of an array. "
                f"Received: missing={kind!r}"
            )
        return self._persistent_completer(x, kind)

    def _persistent_completer(self, x, kind):
        """A completer with a chain for each row of `x`.

        If the model keeps the chains of as many rows, these chains continue.
        Otherwise new chains start.
        """
        count, old = self._num_completed_chains(), self._kept_completer
        tables = () if old is None else old.tables
        if len(tables) != count or tables[0].shape[0] != len(x):
            stream = self.stream(Use.START_COMPLETED)
            with devices.scope(self.distribute_strategy):
                tables = [
                    missing_lib.table_for(
                        self.machine(), x, random.fold_in(stream, number)
                    )
                    for number in range(count)
                ]
        elif old.num_sweeps == kind.num_sweeps:
            return old
        self._kept_completer = missing_lib.Completer(kind.num_sweeps, tables)
        return self._kept_completer

    def _num_completed_chains(self):
        """How many chains each row with missing entries has."""
        return 1

    def _states(self, v):
        return ops.cast(v, self.variable_dtype)

    def _checked_states(self, v):
        return examples.checked(v, self.example_units, "v")

    def _by_part(self, function, v, of_missing):
        """Applies `function(machine, v)` to the examples, part by part.

        Applies `of_missing(v)` instead to a part with missing entries. Returns
        the joined results.
        """
        machine, found = self.machine(), []
        for part in examples.in_parts(
            v, self.example_units, "v", self.layout.may_miss
        ):
            if examples.is_known_to_miss(part):
                own = ops.cast(of_missing(part), self.variable_dtype)
            else:
                own = function(machine, self._states(part))
            found.append(own)
        return found[0] if len(found) == 1 else ops.concatenate(found)

    def _observed_free_energy(self, v):
        machine = machine_lib.cast(self.machine(), self.variable_dtype)
        with devices.scope(self.distribute_strategy):
            found = likelihood.observed(
                machine,
                self.base_machine(machine),
                v,
                sampling.stream(0, Use.OBSERVED),
                verbose=0,
            )
        return -found.lower

    def _observed_hidden(self, v):
        return sampling.observed_mean(
            machine_lib.cast(self.machine(), self.variable_dtype),
            np.asarray(v),
            _SWEEPS_OF_MEAN,
        )

    def _keep_moments(self, x, sample_weight):
        """Records the mean and variance of the rows, and returns both."""
        moments = examples.moments(
            x, self.example_units, "x", sample_weight, self.may_miss(x)
        )
        mean, variance = self.layout.moments(*moments)
        self.data_mean.assign(mean)
        self.data_variance.assign(variance)
        return mean, variance

    def _has_moments(self):
        """Whether the model has recorded the moments of data."""
        mean, variance = self.data_mean.numpy(), self.data_variance.numpy()
        return not (np.all(mean == 0.5) and np.all(variance == 1.0))

    def _baseline(self):
        """Independent units with the moments of the examples.

        `None` if the model has not recorded the moments of data.
        """
        if not self._has_moments():
            return None
        width = self.example_units.width
        mean, variance = (
            moment.numpy()[:width]
            for moment in (self.data_mean, self.data_variance)
        )
        return log_likelihood_lib.Baseline(self.example_units, mean, variance)

    def _machine_to_sample(self, inverse_temperature=1.0):
        """The machine at an inverse temperature, checked before sampling.

        All methods that draw call this method.
        """
        machine = self.machine()
        factor = checks.positive_number(
            "inverse_temperature", inverse_temperature
        )
        if factor != 1.0:
            beta = factor * self.inverse_temperature
            check_normalizable(self.parameters, beta)
            machine = machine_lib.scale(machine, factor)
        sampling.check_parameters(machine)
        return machine

    def _run(
        self,
        function,
        machine,
        rows,
        stream,
        num_sweeps,
        mask=None,
        sampler=None,
        **kwargs,
    ):
        """Runs a sampler from given rows, and returns examples.

        Entries that are `True` in the mask are clamped: they keep their
        values, to the bit.
        """
        v = self._states(rows)
        clamp = None
        if mask is not None:
            clamp = samplers.Clamp(tf.constant(mask), v)
        with devices.scope(self.distribute_strategy):
            found = function(
                samplers.get(sampler),
                machine,
                v,
                stream,
                num_sweeps,
                self.base_machine(machine),
                clamp,
                **kwargs,
            )
        if mask is not None:
            found = missing_lib.restored(found, rows, mask)
        return self.layout.examples(found)

    def _fill(
        self,
        function,
        use,
        v,
        mask,
        num_sweeps,
        seed,
        sampler,
        verbose,
        inverse_temperature,
        **kwargs,
    ):
        """Runs a sampler with all known entries clamped."""
        machine = self._machine_to_sample(inverse_temperature)
        stream = sampling.stream(seed, use)
        rows, mask = missing_lib.filled(
            *self.layout.with_missing(v, mask),
            self.visible,
            lambda count: sampling.without_inputs(machine, count, stream),
        )
        return self._run(
            function,
            machine,
            rows,
            stream,
            num_sweeps,
            ~mask,
            sampler,
            verbose=verbose,
            **kwargs,
        )

    def _warn_if_it_cannot_sample(self, what):
        if not self.can_sample:
            warnings.warn(
                f"The {what} of a {type(self).__name__} with "
                "generative_weight=0 have no meaning: the model learns only "
                "p(y | x).",
                stacklevel=3,
            )

    def _check_summed_out(self, what, instead):
        if self.layout.is_bound:
            raise ValueError(
                f"There is no {what} of a {type(self).__name__}: its hidden "
                f"layers cannot be summed out. Use `{instead}`."
            )


def _check_image_shape(image_shape, num_pixels):
    """Returns `image_shape` as a tuple of integers whose product fits."""
    try:
        shape = tuple(operator.index(side) for side in image_shape)
    except TypeError:
        shape = ()
    if (
        len(shape) not in (2, 3)
        or min(shape) < 1
        or math.prod(shape) != num_pixels
    ):
        raise ValueError(
            "`image_shape` must be (height, width) or (height, width, "
            f"channels) with the product {num_pixels}, the number of columns "
            "of an example, or None for examples that are not pictures. "
            f"Received: image_shape={image_shape!r}"
        )
    return shape
