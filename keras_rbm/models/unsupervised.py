"""Keras's `compile`, `fit` and `evaluate` for models without targets."""

from typing import Any, Literal

import keras
import numpy as np

from keras_rbm import devices, units
from keras_rbm.models import (
    arguments,
    compiled_loop,
    distributed_loop,
    finite,
    inputs,
    partial_epoch,
    stream_checks,
)
from keras_rbm.models.averaging import averaged_weights, constrain
from keras_rbm.typing import Array, Config, Examples, Tensor

# How much of a batch the metrics of a training step look at.
_METRIC_EXAMPLES = 32


class UnsupervisedModel(keras.Model):
    """A Keras model that learns from examples alone, by its own objective.

    Subclasses have `visible`, `Units` that examples are states of, and
    implement `prepare`, `gradient_step`, `apply_step` and Keras's `test_step`.
    """

    #: Norm of the last update, where it was measured: see `compiled_loop`.
    last_update_norm: Any = None
    _keep_metrics = False

    @property
    def example_units(self) -> units.Units:
        """`Units` that examples are states of."""
        return self.visible

    def prepare(self, x: Examples, sample_weight: Array | None = None) -> None:
        """Looks at the data before the first update.

        Args:
            x: Array or `tf.data.Dataset` of batches, checked.
            sample_weight: Array of shape `(examples,)`, checked, or `None`.
        """
        raise NotImplementedError

    def gradient_step(self, data: Any) -> list[Tensor | None]:
        """Returns the gradient, a list by `trainable_variables`.

        Where several replicas make the update, each calls this with its own
        examples, and gets the gradient of all.
        """
        raise NotImplementedError

    def apply_step(self, slopes: list[Tensor | None]) -> None:
        """Makes an update of what `gradient_step` returned.

        Where several replicas make the update, this is called once for all.
        """
        raise NotImplementedError

    def update_step(self, data: Any) -> None:
        """Makes one update, without looking at metrics."""
        self.apply_step(self.gradient_step(data))

    def look_step(self, data: Any) -> dict[str, Tensor]:
        """The metrics of a part of a batch."""
        return self.test_step(keras.tree.map_structure(_first_examples, data))

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One update, and the metrics of a part of its batch after it."""
        self.update_step(data)
        return self.look_step(data)

    def make_train_function(self, force: bool = False) -> None:
        """As Keras's, with a loop of our own for several replicas."""
        if not distributed_loop.is_needed(self):
            super().make_train_function(force)
        elif self.train_function is None or force:
            self.train_function = distributed_loop.train_function(self)

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
            jit_compile: Whether to compile with XLA. `"auto"` does so but
                under a strategy of several replicas, where `True` is for GPUs
                alone.
            **kwargs: `run_eagerly`, `steps_per_execution` and
                `auto_scale_loss` of `keras.Model.compile`.

        Raises:
            ValueError: If a loss or metrics are given, or no optimizer, or
                what several replicas cannot do.
        """
        devices.check(self.distribute_strategy)
        arguments.check_optimizer(
            optimizer, kwargs.get("steps_per_execution", 1)
        )
        arguments.refuse_losses(type(self).__name__, loss, kwargs)
        if jit_compile == "auto" and not kwargs.get("run_eagerly"):
            jit_compile = self.distribute_strategy.num_replicas_in_sync == 1
        with devices.scope(self.distribute_strategy):
            super().compile(optimizer, jit_compile=jit_compile, **kwargs)
        if distributed_loop.is_needed(self):
            distributed_loop.check(self)
        self._block_function = None

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
        already. `y` is not used; it may be left out with `sample_weight` too.
        Fastest is an endless data set, with `steps_per_epoch` a multiple of
        `steps_per_execution`. Validation uses the averaged weights where the
        optimizer keeps them.

        With `initial_step`, a multiple of `steps_per_execution`, so many
        updates of the epoch `initial_epoch` have been made before: the epoch
        makes those that are left, `x` begins with them, and the metrics go on
        from what they are (see `callbacks.Checkpoint`).

        Raises:
            ValueError: If the data cannot be states of the visible units, are
                fewer than a batch or have no end, if a weight is negative or
                not a number, if `initial_step` is not such a number, or if the
                parameters are not finite at the end (see
                `callbacks.StopOnDivergence`, which stops at once). Of a data
                set each batch is looked at before it is used.
        """
        given = arguments.named(super().fit, x, y, *args, **kwargs)
        partial_epoch.check(self, initial_step, given.get("steps_per_epoch"))
        arguments.check_data(given, self.example_units)
        if inputs.is_dataset(x):
            given["shuffle"] = False  # Keras would warn.
        self.prepare(x, given.get("sample_weight"))
        steps = compiled_loop.steps_in_block(
            self, UnsupervisedModel.train_step, x, given.get("steps_per_epoch")
        )
        known = inputs.is_dataset(x) and stream_checks.is_known(
            x, self.example_units
        )
        if steps:
            if self._block_function is None:
                self.optimizer.build(self.trainable_variables)
                self._block_function = compiled_loop.train_function(self)
            self.train_function = self._block_function
            x = x.batch(steps, drop_remainder=True)
        if inputs.is_dataset(x):
            x = x if known else stream_checks.guarded(x, self.example_units)
            given["x"] = x.prefetch(1) if steps else x
        if distributed_loop.is_needed(self):
            distributed_loop.prepare(self, given)
        if initial_step:
            self.make_train_function()
            calls = initial_step // self.steps_per_execution
            self.train_function = partial_epoch.train_function(self, calls)
            self._keep_metrics = True
        try:
            with stream_checks.told("x"):
                history = super().fit(**given)
            constrain(self.trainable_variables)  # They are averages.
            finite.check(self)
            return history
        finally:
            self._keep_metrics = False
            if steps or initial_step:
                self.train_function = None  # It is made for this call alone.

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
            ValueError: If data or weights cannot be such, as for `fit`.
        """
        given = arguments.named(super().evaluate, x, y, *args, **kwargs)
        if arguments.is_validation(given):  # `fit` has looked already.
            with stream_checks.told("validation_data"), averaged_weights(self):
                return super().evaluate(**given)
        steps = given.get("steps")
        given["x"] = arguments.checked(x, self.example_units, steps)
        arguments.check_weight(given.get("sample_weight"), x)
        with stream_checks.told("x"):
            return super().evaluate(**given)

    def predict(self, x: Examples, *args, **kwargs) -> np.ndarray:
        """What a call returns, of all of `x`: `keras.Model.predict`.

        Raises:
            ValueError: If the data cannot be states of the visible units.
        """
        given = arguments.named(super().predict, x, *args, **kwargs)
        steps = given.get("steps")
        given["x"] = arguments.checked(x, self.example_units, steps)
        with stream_checks.told("x"):
            return super().predict(**given)


def _first_examples(x):
    return None if x is None else x[:_METRIC_EXAMPLES]
