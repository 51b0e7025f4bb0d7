"""Keras's `compile`, `fit`, `evaluate` and `predict` for models of examples.

`fit` chooses its loop in `make_train_function`: Keras's own, `compiled_loop`
or `distributed_loop`.
"""

import abc
import inspect
import numbers
import types
from typing import Any, Literal

import keras
import numpy as np

from keras_rbm import checks, devices, units
from keras_rbm.models import compiled_loop, distributed_loop, examples
from keras_rbm.models.layouts import Layout
from keras_rbm.models.weights import averaged_weights, check_finite, constrain
from keras_rbm.typing import Array, Config, Examples, Tensor

# Examples of a batch that the metrics of a training step look at.
_METRIC_EXAMPLES = 32
_COUNTS = ("epochs", "batch_size", "steps_per_epoch", "steps")


class Trainer(keras.Model, abc.ABC):
    """A Keras model that learns from examples by an objective of its own.

    Abstract: `MachineModel` has `layout`, which says what examples are, and
    its models implement the update.
    """

    layout: Layout
    #: Norm of the last update, where it was measured: see `compiled_loop`.
    last_update_norm: Any = None
    _keep_metrics = False
    # How this call of `fit` trains; see `make_train_function`.
    _compiles_blocks = False
    _calls_done = 0
    # The compiled loops so far, by what makes them.
    _loops: Any = None

    @property
    def example_units(self) -> units.Units:
        """`Units` that examples are states of."""
        return self.layout.units

    @abc.abstractmethod
    def prepare(self, x: Examples, sample_weight: Array | None = None) -> None:
        """Looks at the data before the first update.

        Args:
            x: Array or `tf.data.Dataset` of batches, checked.
            sample_weight: Array of shape `(examples,)`, checked, or `None`.
        """

    @abc.abstractmethod
    def check_to_sample(self) -> None:
        """Refuses a model whose chains would run away."""

    @abc.abstractmethod
    def gradient_step(
        self, data: Any, seed: Tensor | None = None
    ) -> list[Tensor | None]:
        """Returns the gradient, a list by `trainable_variables`.

        Where several replicas make the update, each calls this with its own
        examples, and gets the gradient of all.

        Args:
            data: A batch, alone or as (x, y) or (x, y, sample_weight).
            seed: Seed of the draws, a scalar tensor; `None` for the model's.
        """

    @abc.abstractmethod
    def apply_step(self, slopes: list[Tensor | None]) -> None:
        """Makes an update of what `gradient_step` returned.

        Where several replicas make the update, this is called once for all.
        """

    def update_step(self, data: Any, seed: Tensor | None = None) -> None:
        """Makes one update, without looking at metrics."""
        self.apply_step(self.gradient_step(data, seed))

    def look_step(self, data: Any) -> dict[str, Tensor]:
        """The metrics of a part of a batch."""
        return self.test_step(keras.tree.map_structure(_first_examples, data))

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One update, and the metrics of a part of its batch after it."""
        self.update_step(data)
        return self.look_step(data)

    def make_train_function(self, force: bool = False) -> None:
        """Chooses the loop of `fit`, and compiles it once.

        Several replicas have a loop of their own, and so have many updates in
        one compiled call; all else is trained by Keras's loop.
        """
        if self.train_function is not None and not force:
            return
        if distributed_loop.is_needed(self):
            make = distributed_loop.train_function
        elif self._compiles_blocks:
            make = compiled_loop.train_function
        else:
            make = _train_function_of_keras
        if self._loops is None or force:
            # No dict of the model's own, which Keras would track and save.
            self._loops = types.SimpleNamespace(made={})
        if make not in self._loops.made:
            self._loops.made[make] = make(self)
        function, left = self._loops.made[make], self._calls_done

        def after_calls_done(iterator):
            """Skips the calls that the interrupted run has made already."""
            nonlocal left
            if left:
                left -= 1
                return self.get_metrics_result()
            return function(iterator)

        self.train_function = after_calls_done if left else function

    def make_test_function(self, force: bool = False) -> None:
        """As Keras's, with a loop of our own for several replicas."""
        if not distributed_loop.is_needed(self):
            super().make_test_function(force)
        elif self.test_function is None or force:
            self.test_function = distributed_loop.test_function(self)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras would take a batch from the data, and average it over replicas
        # that may have unlike numbers of rows. The model is built already.
        if not distributed_loop.is_needed(self):
            super()._maybe_symbolic_build(iterator, data_batch)

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "sgd",
        loss: None = None,
        *,
        jit_compile: bool | Literal["auto"] = "auto",
        **kwargs,
    ) -> None:
        """Configures training; there is no loss to choose.

        Args:
            optimizer: Any Keras optimizer. If it keeps an exponential moving
                average (`use_ema=True`), validation uses the averaged
                weights, and the model has them once `fit` has ended.
            loss: Must be `None`.
            jit_compile: Whether to compile with XLA. `"auto"` does so unless
                several replicas train together, where `True` is for GPUs
                alone.
            **kwargs: `run_eagerly`, `steps_per_execution` and
                `auto_scale_loss` of `keras.Model.compile`.

        Raises:
            ValueError: If a loss or metrics are given, or no optimizer, or
                what several replicas cannot do.
        """
        devices.check(self.distribute_strategy)
        _check_optimizer(optimizer, kwargs.get("steps_per_execution", 1))
        self._refuse_losses(loss, kwargs)
        if jit_compile == "auto" and not kwargs.get("run_eagerly"):
            jit_compile = self.distribute_strategy.num_replicas_in_sync == 1
        # Before anything can fail: these belong to the optimizer there was.
        self._loops = None
        with devices.scope(self.distribute_strategy):
            super().compile(optimizer, jit_compile=jit_compile, **kwargs)
        if distributed_loop.is_needed(self):
            distributed_loop.check(self)

    def compile_from_config(self, config: Config) -> None:
        """Compiles a loaded model as the saved one was."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: Examples | None = None,
        y: Any = None,
        *args,
        initial_step: int = 0,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains the model: `keras.Model.fit`, with the data checked first.

        `x` is an array or a `tf.data.Dataset`, which should be shuffled
        already. `y` are the labels of a `ClassRBM`; other models have none.
        Fastest is an endless data set, with `steps_per_epoch` a multiple of
        `steps_per_execution`. Validation uses the averaged weights where the
        optimizer keeps them.

        With `initial_step`, a multiple of `steps_per_execution`, this many
        updates of the epoch `initial_epoch` have been made before: the epoch
        makes the remaining ones, `x` begins with them, and the metrics go on
        from what they are (see `callbacks.Checkpoint`).

        Raises:
            ValueError: If the data cannot be states of the visible units, are
                fewer than a batch or have no end, if labels or weights are
                not as described, if `initial_step` is not such a number, or
                if the parameters are not finite at the end (see
                `callbacks.StopOnDivergence`, which stops at once). Each batch
                of a data set is checked before it is used.
        """
        x, y = self.layout.joined(checks.from_frame("x", x), y)
        given = _arguments(super().fit, x, y, *args, **kwargs)
        if given.get("validation_data") is not None:
            given["validation_data"] = self.layout.joined_validation(
                given["validation_data"]
            )
        self._check_initial_step(initial_step, given.get("steps_per_epoch"))
        _check_data(given, self.example_units)
        if examples.is_dataset(x):
            given["shuffle"] = False  # Keras would warn.
        self.prepare(x, given.get("sample_weight"))
        steps = compiled_loop.steps_in_block(
            self, Trainer.train_step, x, given.get("steps_per_epoch")
        )
        if examples.is_dataset(x):
            known = examples.is_known(x, self.example_units)
            if steps:
                x = x.batch(steps, drop_remainder=True)
            if not known:
                x = examples.guarded(x, self.example_units)
            given["x"] = x.prefetch(1) if steps else x
        if distributed_loop.is_needed(self):
            distributed_loop.prepare(self, given)
        self._compiles_blocks = bool(steps)
        self._calls_done = initial_step // self.steps_per_execution
        self._keep_metrics = bool(initial_step)
        self.train_function = None
        try:
            with examples.reported("x"):
                history = super().fit(**given)
            constrain(self.trainable_variables)  # They are averages.
            check_finite(self)
            return history
        finally:
            # The next call makes a choice of its own.
            self._compiles_blocks, self._calls_done = False, 0
            self._keep_metrics = False
            self.train_function = None

    def reset_metrics(self) -> None:
        """Begins the metrics anew, but in an epoch that is half done."""
        if not self._keep_metrics:
            super().reset_metrics()
        self._keep_metrics = False

    def evaluate(
        self, x: Examples | None = None, y: Any = None, *args, **kwargs
    ) -> float | list[float] | dict[str, float]:
        """Metrics over all of `x`: `keras.Model.evaluate`.

        With the weights as they are; a callback that wants the optimizer's
        average, as validation has it, calls it within `averaged_weights`.

        Raises:
            ValueError: If data, labels or weights cannot be such, as for
                `fit`.
        """
        if kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked them.
            given = _arguments(super().evaluate, x, y, *args, **kwargs)
            with examples.reported("validation_data"), averaged_weights(self):
                found = super().evaluate(**given)
            examples.check_seen(self._weight_seen(), "validation_data")
            return found
        x, y = self.layout.joined(checks.from_frame("x", x), y)
        given = _arguments(super().evaluate, x, y, *args, **kwargs)
        given["x"] = self._checked_data(x, given.get("steps"))
        _check_weight(given, x)
        self.check_to_sample()
        with examples.reported("x"):
            found = super().evaluate(**given)
        examples.check_seen(self._weight_seen(), "x")
        return found

    def predict(self, x: Examples, *args, **kwargs) -> np.ndarray:
        """What a call returns, of all of `x`: `keras.Model.predict`.

        Raises:
            ValueError: If the data cannot be states of the visible units.
        """
        x = checks.from_frame("x", x)
        given = _arguments(super().predict, x, *args, **kwargs)
        given["x"] = self._checked_data(x, given.get("steps"))
        with examples.reported("x"):
            return super().predict(**given)

    def _weight_seen(self):
        """The weight of all examples that the metrics have seen."""
        return keras.ops.convert_to_numpy(self.metrics[0].count)

    def _checked_data(self, x, steps):
        """Data for Keras: those of a data set are checked as they come."""
        examples.check_end(x, "x", steps, "steps")
        examples.check(x, self.example_units, "x")
        if examples.is_dataset(x):
            return examples.guarded(x, self.example_units)
        return x

    def _check_initial_step(self, initial_step, steps_per_epoch):
        """Refuses updates of an epoch that no call can have made before."""
        if initial_step:
            checks.positive_integer("initial_step", initial_step)
        if initial_step and (
            initial_step % self.steps_per_execution
            or not steps_per_epoch
            or initial_step >= steps_per_epoch
        ):
            raise ValueError(
                "`initial_step` must be a multiple of `steps_per_execution`, "
                f"{self.steps_per_execution}, below `steps_per_epoch`, "
                f"{steps_per_epoch}. Received: initial_step={initial_step}"
            )

    def _refuse_losses(self, loss, given):
        """Refuses a loss and metrics, and takes them out of the arguments."""
        refused = ("loss_weights", "metrics", "weighted_metrics")
        values = {"loss": loss, **{k: given.pop(k, None) for k in refused}}
        for name, value in values.items():
            if value is not None:
                raise ValueError(
                    f"{type(self).__name__} takes no `{name}`: it has an "
                    "objective and metrics of its own. Leave it out. "
                    f"Received: {name}={value!r}"
                )


def _train_function_of_keras(model):
    keras.Model.make_train_function(model, force=True)
    return model.train_function


def _first_examples(x):
    return None if x is None else x[:_METRIC_EXAMPLES]


def _arguments(method, x, *args, **kwargs):
    """The arguments of a method of Keras by name, numbers checked.

    Where there are sample weights and no targets, there are targets that
    nobody uses: without any, Keras drops the weights.
    """
    given = inspect.signature(method).bind(x, *args, **kwargs).arguments
    given |= given.pop("kwargs", {})
    for name in _COUNTS:
        if given.get(name) is not None or (name == "epochs" and name in given):
            checks.positive_integer(name, given[name])
    frequency = given.get("validation_freq", 1)
    if not isinstance(frequency, list | tuple):
        checks.positive_integer("validation_freq", frequency)
    if given.get("initial_epoch"):
        checks.positive_integer("initial_epoch", given["initial_epoch"])
    if given.get("validation_split"):
        checks.fraction("validation_split", given["validation_split"])
    if given.get("class_weight") is not None:
        raise ValueError(
            "`class_weight` must be left out: there are no classes. Use "
            f"`sample_weight`. Received: class_weight={given['class_weight']}"
        )
    y = given.get("y")
    if y is None and given.get("sample_weight") is not None:
        given["y"] = _no_targets(x)
    elif y is not None and not hasattr(y, "__array__"):
        raise ValueError(
            "`y` must be left out: a model of the examples alone has no "
            f"targets. Received: type(y)={type(y).__name__}"
        )
    return given


def _check_data(given, units):
    """Checks the data of `fit`; `validation_data` may be replaced."""
    x, validation = given["x"], given.get("validation_data")
    examples.check_end(x, "x", given.get("steps_per_epoch"), "steps_per_epoch")
    examples.check(x, units, "x", given.get("batch_size"))
    _check_weight(given, x)
    if isinstance(validation, tuple | list):
        v, *rest = validation
        v = checks.from_frame("validation_data", v)
        examples.check(v, units, "validation_data")
        if len(rest) == 2:
            y, weight = rest
            if not examples.is_dataset(v):
                weight = examples.check_weight(weight, len(v))
            rest = (_no_targets(v) if y is None else y, weight)
        given["validation_data"] = (v, *rest)
    elif validation is not None:
        examples.check_end(
            validation,
            "validation_data",
            given.get("validation_steps"),
            "validation_steps",
        )
        validation = checks.from_frame("validation_data", validation)
        given["validation_data"] = validation
        examples.check(validation, units, "validation_data")
        if examples.is_dataset(validation):
            given["validation_data"] = examples.guarded(validation, units)


def _check_weight(given, x):
    """Checks the weights of examples; those of a data set are its own."""
    if not examples.is_dataset(x) and given.get("sample_weight") is not None:
        weight = examples.check_weight(given["sample_weight"], len(x))
        given["sample_weight"] = weight


def _no_targets(x):
    return np.zeros(len(x), "float32")


def _check_optimizer(optimizer, steps_per_execution):
    checks.positive_integer("steps_per_execution", steps_per_execution)
    if optimizer is None or isinstance(optimizer, type | numbers.Number):
        raise ValueError(
            "`optimizer` must be a Keras optimizer, such as "
            "keras.optimizers.SGD(0.05), or its name. Received: "
            f"optimizer={optimizer!r}"
        )
