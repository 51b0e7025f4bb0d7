"""Keras's `compile`, `fit` and `evaluate` for models without targets."""

import inspect

import keras
import numpy as np

from keras_rbm.models import compiled_loop, inputs
from keras_rbm.models.averaging import averaged_weights

# How much of a batch the metrics of a training step look at.
_METRIC_EXAMPLES = 32


class UnsupervisedModel(keras.Model):
    """A Keras model that learns from examples alone, by its own objective.

    Subclasses have `visible`, the `Units` that examples are states of, and
    implement `prepare`, `update_step` and `test_step`, the last two as Keras
    has `train_step` and `test_step`.
    """

    def prepare(self, x, sample_weight=None):
        """Looks at the data before the first update.

        Args:
            x: Array or `tf.data.Dataset` of batches, checked.
            sample_weight: Array of shape `(examples,)`, checked, or `None`.
        """
        raise NotImplementedError

    def update_step(self, data):
        """Makes one update, without looking at metrics."""
        raise NotImplementedError

    def train_step(self, data):
        """One update, and the metrics of a part of its batch after it."""
        self.update_step(data)
        return self.test_step(keras.tree.map_structure(_first_examples, data))

    def compile(
        self, optimizer="sgd", loss=None, *, jit_compile="auto", **kwargs
    ):
        """Configures training; there is no loss to choose.

        Args:
            optimizer: Any Keras optimizer. If it keeps an exponential moving
                average (`use_ema=True`), validation uses the averaged
                weights, and the model has them once `fit` has ended.
            loss: Must be `None`.
            jit_compile: Whether to compile with XLA. `"auto"` does so but
                under a strategy of several replicas.
            **kwargs: `run_eagerly`, `steps_per_execution` and
                `auto_scale_loss` of `keras.Model.compile`.

        Raises:
            ValueError: If a loss or metrics are given.
        """
        refused = ("loss_weights", "metrics", "weighted_metrics")
        given = {"loss": loss, **{n: kwargs.pop(n, None) for n in refused}}
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"{type(self).__name__} takes no `{name}`: it has an "
                    f"objective and metrics of its own. Leave `{name}` out."
                )
        if jit_compile == "auto" and not kwargs.get("run_eagerly"):
            jit_compile = self.distribute_strategy.num_replicas_in_sync == 1
        super().compile(
            optimizer=optimizer, loss=None, jit_compile=jit_compile, **kwargs
        )
        self._block_function = None
        self._fitting = False

    def compile_from_config(self, config):
        """Compiles a loaded model as the saved one was."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains the model: `keras.Model.fit`, with the data checked first.

        `x` is an array or a `tf.data.Dataset`, which should be shuffled
        already. `y` is not used; it may be left out with `sample_weight` too.
        Fastest is an endless data set, with `steps_per_epoch` a multiple of
        `steps_per_execution`. Validation uses the averaged weights where the
        optimizer keeps them.

        Raises:
            ValueError: If the data cannot be states of the visible units, or
                are fewer than a batch, or if a weight is negative or not a
                number.
        """
        given = _arguments(super().fit, x, y, *args, **kwargs)
        inputs.check(x, self.visible, "x", given.get("batch_size"))
        weight = given.get("sample_weight")
        _check_weight(weight, x)
        validation = given.get("validation_data")
        if isinstance(validation, tuple | list):
            v, *rest = validation
            inputs.check(v, self.visible, "validation_data")
            _check_weight(rest[1] if len(rest) == 2 else None, v)
            if len(rest) == 2 and rest[0] is None:
                rest[0] = _no_targets(v)
                given["validation_data"] = (v, *rest)
        elif validation is not None:
            inputs.check(validation, self.visible, "validation_data")
        if inputs.is_dataset(x):
            given["shuffle"] = False  # Keras would warn.
        self.prepare(x, weight)
        steps = compiled_loop.steps_in_block(
            self,
            UnsupervisedModel.train_step,
            x,
            given.get("steps_per_epoch"),
        )
        if steps:
            if self._block_function is None:
                self.optimizer.build(self.trainable_variables)
                self._block_function = compiled_loop.train_function(self)
            self.train_function = self._block_function
            given["x"] = x.batch(steps, drop_remainder=True).prefetch(1)
        self._fitting = True
        try:
            return super().fit(**given)
        finally:
            self._fitting = False
            if steps:
                self.train_function = None  # It takes blocks, not batches.

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Metrics over all of `x`: `keras.Model.evaluate`.

        Raises:
            ValueError: If the data cannot be states of the visible units, or
                if a weight is negative or not a number.
        """
        given = _arguments(super().evaluate, x, y, *args, **kwargs)
        inputs.check(x, self.visible, "x")
        _check_weight(given.get("sample_weight"), x)
        if not getattr(self, "_fitting", False):
            return super().evaluate(**given)
        with averaged_weights(self):
            return super().evaluate(**given)


def _arguments(method, x, y, *args, **kwargs):
    """The arguments by name, with targets if there are sample weights."""
    given = inspect.signature(method).bind(x, y, *args, **kwargs).arguments
    given |= given.pop("kwargs", {})
    if y is None and given.get("sample_weight") is not None:
        given["y"] = _no_targets(x)
    return given


def _check_weight(weight, x):
    if not inputs.is_dataset(x):  # Whose weights are its own.
        inputs.check_weight(weight, len(x))


def _no_targets(x):
    """Targets that nobody uses: without any, Keras drops sample weights."""
    return np.zeros(len(x), "float32")


def _first_examples(x):
    return None if x is None else x[:_METRIC_EXAMPLES]
