"""`Trainer`: Keras's `compile`, `fit`, `evaluate` and `predict` for all models.

`fit` chooses its training loop in `make_train_function`: Keras's own loop,
`compiled_loop` or `distributed_loop`.
"""

import abc
import inspect
import math
import numbers
import types
import warnings
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import blocks, budget, checks, devices, units
from keras_rbm.models import compiled_loop, distributed_loop, examples
from keras_rbm.models.layouts import Layout
from keras_rbm.models.missing import Completion
from keras_rbm.models.weights import (
    averaged_weights,
    build_optimizer,
    check_finite,
    check_path_to_save,
    constrain,
    summary,
)
from keras_rbm.optimizers import AutoSGD, learning_rate, spread
from keras_rbm.rows import Rows, drawn, of_width
from keras_rbm.typing import Array, Config, Examples, Mask, Path, Tensor

# A training step computes its metrics from this many examples of its batch.
_METRIC_EXAMPLES = 32
# The learning rate is chosen from at most this many examples, numbers in them,
# and batches of a data set.
_RATE_EXAMPLES, _RATE_NUMBERS, _RATE_BATCHES = 2000, 2**23, 20
# Number of examples for the checks at the end of `fit`.
_LAST_EXAMPLES = 500
_COUNTS = ("epochs", "batch_size", "steps_per_epoch", "steps")


class Trainer(keras.Model, abc.ABC):
    """A Keras model that learns from examples without targets.

    This class is abstract. A subclass supplies the `layout`, which describes
    the examples, and implements the update of its own objective.
    """

    layout: Layout
    #: Prints a row for each weight: see `keras.Model.summary`.
    summary = summary
    #: Number of updates so far, an integer variable.
    updates: keras.Variable
    missing: Completion | None
    #: Norm of the last update, if `compiled_loop` has measured it.
    last_update_norm: Any = None
    _keep_metrics = False
    # How this call of `fit` trains; see `make_train_function`.
    _compiles_blocks = False
    _calls_done = 0
    _chooses_steps = True
    _chooses_jit = True
    # The loops compiled so far; see `make_train_function` for the keys.
    _loops: Any = None
    # The completer of missing entries in this call of `fit`, and the completer
    # that the model keeps between calls, with its chains.
    _completer: Any = None
    _kept_completer: Any = None
    # Whether the metrics receive rows with missing entries.
    _looks_at_missing = False
    _validation_misses = False

    # Keras's functions for evaluation and prediction that have been traced, by
    # their number of steps.
    _traced: Any = None

    @property
    def auto_optimizer(self) -> AutoSGD | None:
        """The `AutoSGD` that trains the model, or `None`.

        If a model has half precision, Keras wraps its optimizer.
        """
        optimizer = getattr(self, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        return optimizer if isinstance(optimizer, AutoSGD) else None

    @property
    def example_units(self) -> units.Units:
        """The `Units` of the examples: each example is a state of them."""
        return self.layout.units

    @abc.abstractmethod
    def prepare(self, x: Examples, sample_weight: Array | None = None) -> None:
        """Initializes the model from the data before the first update.

        Args:
            x: Array, or `tf.data.Dataset` of batches, which has been checked.
            sample_weight: Array of shape `(examples,)`, which has been
                checked, or `None`.
        """

    @abc.abstractmethod
    def finish(self, v: Array, sample_weight: Array) -> None:
        """Checks the trained model after the last update.

        Args:
            v: Array of shape `(examples, example_units.width)`, some of the
                training examples.
            sample_weight: Array of shape `(examples,)`.
        """

    @abc.abstractmethod
    def make_completer(self, x: Examples) -> Any:
        """The `Completer` of missing entries of training data, or `None`.

        Args:
            x: Array, `Rows` or data set, which has been checked.
        """

    @abc.abstractmethod
    def check_to_sample(self) -> None:
        """Raises a `ValueError` if the model's chains would diverge."""

    @abc.abstractmethod
    def gradient_step(
        self, data: Any, seed: Tensor | None = None
    ) -> list[Tensor | None]:
        """Returns the gradient: a list in the order of `trainable_variables`.

        If several replicas make the update, each replica calls this method
        with its own examples, and gets the gradient over all examples.

        Args:
            data: A batch x, or a tuple (x, y) or (x, y, sample_weight).
            seed: Seed of the draws, a scalar tensor; `None` for the seed of
                the model.
        """

    @abc.abstractmethod
    def apply_step(self, slopes: list[Tensor | None]) -> None:
        """Makes an update with the gradient from `gradient_step`.

        If several replicas make the update, this method is called once.
        """

    def update_step(self, data: Any, seed: Tensor | None = None) -> None:
        """Makes one update, without computing metrics."""
        self.apply_step(self.gradient_step(data, seed))

    def look_step(self, data: Any) -> dict[str, Tensor]:
        """Updates the metrics with the first examples of a batch."""
        return self.test_step(keras.tree.map_structure(_first_examples, data))

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """Makes one update, then measures the first examples of its batch."""
        self.update_step(data)
        return self.look_step(data)

    def make_train_function(self, force: bool = False) -> None:
        """Chooses the training loop of `fit`, and compiles each loop once.

        `fit` uses `distributed_loop` if several replicas train, `compiled_loop`
        for many updates in one compiled call, and otherwise Keras's own loop.
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
            # Keras would track and save a dict that is an attribute.
            self._loops = types.SimpleNamespace(made={})
        key = make, self._completer, self._looks_at_missing
        if make is not compiled_loop.train_function:
            key += (self.steps_per_execution,)
        # Loops of other completers would keep their tables in memory.
        for other in [*self._loops.made]:
            if other[1] not in (None, self._completer):
                del self._loops.made[other]
        if key not in self._loops.made:
            self._loops.made[key] = make(self)
        function, left = self._loops.made[key], self._calls_done

        def after_calls_done(iterator):
            """Skips the calls that the interrupted run has already made."""
            nonlocal left
            if left:
                left -= 1
                return self.get_metrics_result()
            return function(iterator)

        self.train_function = after_calls_done if left else function

    def make_test_function(self, force: bool = False) -> None:
        """Keras's method, with our own loop for several replicas."""
        if not distributed_loop.is_needed(self):
            super().make_test_function(force)
        elif self.test_function is None or force:
            self.test_function = distributed_loop.test_function(self)

    def _set_steps(self, steps):
        """Sets the number of steps in one compiled call.

        Functions for evaluation and prediction keep the number with which they
        were traced.
        """
        if steps == self.steps_per_execution:
            return
        names = "test_function", "predict_function"
        if self._traced is None:
            self._traced = types.SimpleNamespace(made={})
        made = self._traced.made
        made[self.steps_per_execution] = [getattr(self, x) for x in names]
        self.steps_per_execution = steps
        for name, function in zip(
            names, made.pop(steps, (None, None)), strict=True
        ):
            setattr(self, name, function)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras would read a batch, and average it over replicas that may have
        # different numbers of rows. The model has been built already.
        if not distributed_loop.is_needed(self):
            super()._maybe_symbolic_build(iterator, data_batch)

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "auto",
        loss: None = None,
        *,
        steps_per_execution: int | Literal["auto"] = "auto",
        jit_compile: bool | Literal["auto"] = "auto",
        **kwargs,
    ) -> None:
        """Configures training. The objective is fixed, so there is no loss.

        Args:
            optimizer: Any Keras optimizer, or `"auto"` for `AutoSGD`: `fit`
                then chooses the step size and the weight decay. If the
                optimizer keeps an exponential moving average of the weights
                (`use_ema=True`), validation uses the averaged weights, and the
                model has these weights after `fit`, also if `EarlyStopping`
                restores the best ones. (The file of a `ModelCheckpoint` has
                the current weights: after loading, use `averaged_weights`.)
            loss: Must be `None`.
            steps_per_execution: Number of updates in one compiled call.
                Callbacks are called after each such call. `"auto"` for up to
                50 updates, or for 1 if a callback needs every batch.
            jit_compile: Whether to compile with XLA. `"auto"` compiles unless
                several replicas train together. With several replicas, `True`
                is possible only on GPUs.
            **kwargs: `run_eagerly` and `auto_scale_loss` of
                `keras.Model.compile`.

        Raises:
            ValueError: If you give a loss or metrics, if the optimizer is not
                as described, or if an argument is not possible with several
                replicas.

        Example:
            rbm = keras_rbm.RBM(16, 8, seed=0)
            rbm.compile()
            # A constant step size, and the mean of the last weights
            rbm.compile(keras.optimizers.SGD(0.05, use_ema=True))
        """
        devices.check(self.distribute_strategy)
        _check_optimizer(optimizer)
        if optimizer == "auto":
            with devices.scope(self.distribute_strategy):
                optimizer = AutoSGD()
        if steps_per_execution != "auto":
            checks.positive_integer("steps_per_execution", steps_per_execution)
        self._refuse_losses(loss, kwargs)
        self._chooses_jit = jit_compile == "auto"
        if self._chooses_jit and not kwargs.get("run_eagerly"):
            jit_compile = self.distribute_strategy.num_replicas_in_sync == 1
        # The loops compiled so far use the previous optimizer.
        self._loops = self._traced = None
        with devices.scope(self.distribute_strategy):
            super().compile(
                optimizer,
                steps_per_execution=1
                if steps_per_execution == "auto"
                else steps_per_execution,
                jit_compile=jit_compile,
                **kwargs,
            )
        self._chooses_steps = steps_per_execution == "auto"
        if distributed_loop.is_needed(self):
            distributed_loop.check(self)

    def get_compile_config(self) -> Config:
        config = super().get_compile_config()
        if config and self._chooses_steps:
            config["steps_per_execution"] = "auto"
        if config and self._chooses_jit:  # The number of replicas may change.
            config["jit_compile"] = "auto"
        return config

    def compile_from_config(self, config: Config) -> None:
        """Compiles a loaded model with the arguments of the saved model."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        # A frozen model also loads the state of its optimizer, which it needs
        # when you unfreeze it.
        is_trainable = self.trainable
        self.trainable = True
        build_optimizer(self)
        self.trainable = is_trainable

    def fit(
        self,
        x: Examples | None = None,
        y: Any = None,
        *args,
        updates: int | None = None,
        initial_step: int = 0,
        mask: Mask | None = None,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains the model: `keras.Model.fit`, after a check of the data.

        **Data.** `x` is an array or a `tf.data.Dataset` of batches. `fit`
        shuffles arrays; the seed of the model and the number of its updates
        determine the order. Shuffle a data set before you pass it.

        In place of an array, you can pass a data frame; a sparse matrix or a
        memory-mapped array, which become dense batch by batch; pictures of
        shape `(examples, rows, columns)` or `(examples, rows, columns, 1)`;
        and, for `Softmax` units, integer categories. In place of a data set,
        you can pass a `keras.utils.PyDataset` or an endless generator of
        batches; `fit` reads some batches of a generator before training. `y`
        are the labels of a `ClassRBM`; other models take no `y`.

        **Length.** Pass `epochs` or `updates`. `updates` is the number of
        updates, which `fit` divides into about 20 epochs; it is for arrays and
        for endless data sets. By default, `fit` makes one pass over a data
        set, and 20,000 updates on an array, or 30 passes over the array if
        these are more updates. With `steps_per_epoch`, passes over an array
        continue across epochs; each pass leaves out the examples that do not
        fill a batch.

        **Resuming.** `initial_step` resumes training within the epoch
        `initial_epoch`. It is the number of updates of this epoch that an
        earlier call has made, a multiple of `steps_per_execution`. `fit` makes
        the remaining updates of the epoch, and the metrics continue from their
        current values. If `x` is a data set, it must begin with the batches of
        the remaining updates (see `callbacks.Checkpoint`).

        **Missing entries.** Entries may be missing: NaN (in all columns of a
        unit), `None`, masked entries of a masked array, or entries that are
        `True` in `mask`, a boolean array of the shape of `x`.
        `fit` then follows the gradient of the log-likelihood of the observed
        entries; see the argument `missing` of the model. A `tf.data.Dataset`
        may contain NaN if the model has `missing=FreshCompletion()`. A row
        without observed entries has weight 0, and `fit` warns of such rows; a
        column without observed entries is an error. (All zeros of a sparse
        matrix are values, even if the matrix does not store them.
        `data.only_stored` marks entries that are not stored as missing.)

        **Warnings.** At the end, `fit` warns of hidden units that hardly vary
        over the examples. Otherwise, if the model has made fewer than 2,000
        updates and has the metric `pseudo_log_likelihood`, `fit` warns if the
        model predicts a few hundred examples no better than independent units
        do. A `DeepBoltzmannMachine`, and data from a generator, have neither
        check.

        Raises:
            ValueError: If the data cannot be states of the visible units or
                have no end; if labels, weights or `initial_step` are not as
                described; if a data set can be read only once, and the checks
                have read all its batches; or if the parameters are not finite
                after training (`callbacks.StopOnDivergence` stops training at
                once). Each batch of a data set is checked before it is used.

        Example:
            history = rbm.fit(x, batch_size=10, epochs=5, verbose=0)
            history.history["pseudo_log_likelihood"][-1]
        """
        is_read_once = isinstance(x, types.GeneratorType)
        x = examples.masked(examples.from_batches(x), mask)
        x, y = self.layout.joined(x, y)
        x = examples.resolved(x, self.example_units, "x")
        given = _arguments(super().fit, x, y, *args, **kwargs)
        _set_budget(given, updates)
        self._settle_monitors(given.get("callbacks"))
        _keep_averages(given)
        if given.get("validation_data") is not None:
            given["validation_data"] = self.layout.joined_validation(
                _sequence(given["validation_data"])
            )
        self._check_data(given)
        weight = given.get("sample_weight")
        self.prepare(x, weight)
        steps = self.steps_per_execution
        try:
            self._plan(given, initial_step)
            if distributed_loop.is_needed(self):
                distributed_loop.prepare(self, given)
            self._calls_done = initial_step // self.steps_per_execution
            self._keep_metrics = bool(initial_step)
            self.train_function = None
            with examples.reported("x"):
                history = super().fit(**given)
            if examples.is_dataset(x):
                _check_trained(history, "x")
            # Keras's history does not say which epochs were validated.
            frequency = {"validation_freq": given.get("validation_freq", 1)}
            history.params = {**(history.params or {}), **frequency}
            constrain(self.trainable_variables)  # They may be averages.
            check_finite(self)
            if not is_read_once:
                units, may_miss = self.example_units, self.may_miss(x)
                v, weight = examples.some(
                    x, weight, units, _LAST_EXAMPLES, may_miss
                )
                whole = ~np.isnan(v).any(axis=1)
                self.finish(v[whole], weight[whole])
            return history
        finally:
            # The next call chooses again.
            self._set_steps(steps)
            self._compiles_blocks, self._calls_done = False, 0
            self._keep_metrics = False
            self.train_function = None
            # Keras's BackupAndRestore would leave no epoch to the next call.
            self._initial_epoch = None
            self._completer = None
            self._look_at_missing(False)

    def visible_scale(self) -> Tensor | None:
        """The scale of each visible unit in the gradient, or `None` for 1."""
        return None

    def may_miss(self, x: Examples) -> bool:
        """Whether entries of `x` may be missing, as NaN.

        Args:
            x: Array or `tf.data.Dataset`. Entries of a data set may be missing
                only if you gave the model an argument `missing`.
        """
        is_array = not examples.is_dataset(x)
        return self.layout.may_miss and (is_array or self.missing is not None)

    def check_examples(self, x: Array, name: str = "v") -> None:
        """Checks that observed entries can be states or means of the units.

        Args:
            x: See `check_states`.
            name: The name of the examples in an error.

        Raises:
            ValueError: If an entry cannot be a state or a mean.
        """
        examples.check(x, self.example_units, name, self.may_miss(x))

    def check_states(self, x: Array, name: str = "v") -> None:
        """Checks that the observed entries are states of the units.

        Args:
            x: Array of shape `(examples, example_units.width)`, NaN where an
                entry is missing.
            name: The name of the examples in an error.

        Raises:
            ValueError: If an entry is not a state (a mean, for example).
        """
        x = examples.resolved(x, self.example_units, name)
        examples.check_states(x, self.example_units, name, self.may_miss(x))

    def _misses(self, x):
        """Whether entries of checked data are missing.

        For a data set: whether entries may be missing.
        """
        if examples.is_dataset(x) or isinstance(x, tuple | list):
            parts = x if isinstance(x, tuple | list) else (x,)
            return self.may_miss(parts[0]) and (
                examples.is_dataset(parts[0]) or self._misses(parts[0])
            )
        return self.layout.may_miss and examples.has_missing(x)

    def _look_at_missing(self, value):
        """Sets whether the metrics receive rows with missing entries."""
        if value != self._looks_at_missing:
            self._looks_at_missing = value
            self.test_function = self._traced = None

    def _check_data(self, given):
        """Checks the data of `fit`; may replace the `validation_data`."""
        x, validation = given["x"], given.get("validation_data")
        units, weight = self.example_units, given.get("sample_weight")
        examples.check_end(
            x, "x", given.get("steps_per_epoch"), "steps_per_epoch"
        )
        examples.check(x, units, "x", self.may_miss(x))
        _check_weight(given, x)
        if not examples.is_dataset(x) and self._misses(x):
            _warn_of_empty_rows(x, weight, "x")
        if isinstance(validation, tuple | list):
            v, *rest = validation
            v = examples.resolved(v, units, "validation_data")
            examples.check(v, units, "validation_data", self.may_miss(v))
            if len(rest) == 2:
                y, weight = rest
                if not examples.is_dataset(v):
                    weight = examples.check_weight(weight, len(v))
                rest = (_no_targets(v) if y is None else y, weight)
            if not examples.is_dataset(v) and self._misses(v):
                weight = rest[1] if len(rest) == 2 else None
                _warn_of_empty_rows(v, weight, "validation_data")
            given["validation_data"] = (v, *rest)
        elif validation is not None:
            examples.check_end(
                validation,
                "validation_data",
                given.get("validation_steps"),
                "validation_steps",
            )
            validation = examples.resolved(validation, units, "validation_data")
            may_miss = self.may_miss(validation)
            given["validation_data"] = validation
            examples.check(validation, units, "validation_data", may_miss)
            if examples.is_dataset(validation):
                given["validation_data"] = examples.guarded(
                    validation, units, may_miss
                )
            elif self._misses(validation):
                _warn_of_empty_rows(validation, None, "validation_data")

    def _plan(self, given, initial_step):
        """Chooses the loop of `fit`, and makes the batches for the loop.

        Args:
            given: `{name: argument}` of `keras.Model.fit`; this method changes
                the dict.
            initial_step: See `fit`.
        """
        x, units = given["x"], self.example_units
        is_dataset = examples.is_dataset(x)
        if not is_dataset:
            arrays, passes = self._array_batches(given, initial_step)
            learned, *_ = arrays if isinstance(arrays, tuple) else (arrays,)
        self._completer = self.make_completer(x if is_dataset else learned)
        validation = given.get("validation_data")
        self._validation_misses = validation is not None and (
            self._misses(validation)
        )
        self._look_at_missing(
            self._completer is not None or self._validation_misses
        )
        if not is_dataset:
            arrays = _numbered(arrays, self._completer)
            given["validation_data"] = _streamed_validation(given)
            updates, size = passes.updates, passes.batch_size * _row_bytes(x)
        else:
            updates, size = _batches_of_epoch(x, given.get("steps_per_epoch"))
        steps = self.steps_per_execution
        is_compiled = updates is not None and compiled_loop.is_possible(
            self, Trainer.train_step
        )
        is_endless = is_dataset and given.get("steps_per_epoch") is not None
        if self._chooses_steps and _needs_each_batch(given.get("callbacks")):
            steps = 1
        elif self._chooses_steps and is_compiled:
            steps = blocks.block_size(size, updates)
        elif self._chooses_steps and is_endless and not self.run_eagerly:
            steps = budget.steps_per_execution(given["steps_per_epoch"])
        if steps == 1:
            is_compiled = False
        if not is_compiled and not is_dataset:
            # In Keras's loop, the number of updates in a call must divide the
            # number of updates in an epoch.
            steps = next(n for n in range(steps, 0, -1) if updates % n == 0)
        given["shuffle"] = False  # Keras would warn.
        self._set_steps(steps)
        self._compiles_blocks = is_compiled
        planned = updates
        if is_dataset and planned is None:
            count = int(x.cardinality())
            planned = given.get("steps_per_epoch") or max(count, 0)
        self._check_initial_step(initial_step, planned)
        epochs = given.get("initial_epoch", 0), given.get("epochs", 1)
        if self.auto_optimizer is not None:
            done = epochs[0] * planned + initial_step
            if not planned and epochs[0]:  # The length is unknown.
                done = int(self.updates.numpy())
            rows = 0 if is_dataset else passes.num_examples
            self._begin_auto(x, rows, epochs[1] * planned, done)
        if not is_dataset:
            given["x"] = blocks.of_arrays(
                arrays,
                passes,
                epochs,
                steps if is_compiled else None,
                initial_step // steps if is_compiled else initial_step,
            )
            given["steps_per_epoch"] = updates
            return
        known = examples.is_known(x, units)
        if not known:
            x = examples.guarded(x, units, self.may_miss(x))
        if is_compiled and is_endless:
            x = blocks.of_endless(x, steps, updates, initial_step)
        elif is_compiled:
            x = blocks.of_finite(x, steps)
            given["steps_per_epoch"] = updates
        given["x"] = x

    def _begin_auto(self, x, rows, updates, done):
        """Starts an `AutoSGD`.

        Args:
            x: Array or data set.
            rows: Number of examples of an array; 0 for a data set, which may
                know it.
            updates: Number of updates of the run, or 0 if it is unknown.
            done: Number of these updates that earlier calls have made.
        """
        if examples.is_dataset(x):
            some = x.take(_RATE_BATCHES)
            some = examples.batches_of(
                some, self.example_units, "x", self.may_miss(x)
            )
            batches = [v for v, _ in some]
            rows = examples.count(x, len(batches[0]))
            x = np.concatenate(batches)
        width = self.example_units.width
        count = of_width(width, _RATE_EXAMPLES, _RATE_NUMBERS)
        some = drawn(x, count)
        scaled, scale = some, self.visible_scale()
        if scale is not None:
            # The rate depends on the covariance of the standardized states.
            scaled = some / np.sqrt(keras.ops.convert_to_numpy(scale)[:width])
        rate = learning_rate(scaled, self.example_units, self.hidden)
        with devices.scope(self.distribute_strategy):
            build_optimizer(self)
        self.auto_optimizer.begin(
            done, updates, rate, rows, width, spread(some)
        )

    def _array_batches(self, given, initial_step):
        """The training arrays, and the `blocks.Passes` over these arrays.

        Removes the arguments by which Keras would split and batch arrays.
        """
        x, weight = given["x"], given.pop("sample_weight", None)
        arrays = x if weight is None else (x, _no_targets(x), weight)
        given.pop("y", None)
        split = given.pop("validation_split", 0.0)
        if split and given.get("validation_data") is None:
            arrays, given["validation_data"] = _cut(arrays, split)
        count = len(tf.nest.flatten(arrays)[0])
        batch_size = min(given.pop("batch_size", None) or 32, count)
        if given.get("validation_batch_size") is None:
            given["validation_batch_size"] = batch_size
        passes = blocks.passes(
            count,
            batch_size,
            given.get("steps_per_epoch"),
            self.seed if given.pop("shuffle", True) else None,
            int(self.updates.numpy()),
        )
        done = given.get("initial_epoch", 0) * passes.updates + initial_step
        passes = passes._replace(first_update=passes.first_update - done)
        return arrays, passes

    def reset_metrics(self) -> None:
        """Resets the metrics, except when `fit` resumes an epoch."""
        if not self._keep_metrics:
            super().reset_metrics()
        self._keep_metrics = False

    def evaluate(
        self,
        x: Examples | None = None,
        y: Any = None,
        *args,
        mask: Mask | None = None,
        **kwargs,
    ) -> float | list[float] | dict[str, float]:
        """Metrics over all of `x`: `keras.Model.evaluate`.

        `evaluate` uses the current weights. A callback that needs the
        optimizer's averaged weights calls `evaluate` within
        `averaged_weights`. Entries may be missing, and `mask` is the same as in
        `fit`.

        Raises:
            ValueError: If data, labels or weights are not as described in
                `fit`.

        Example:
            metrics = rbm.evaluate(x, verbose=0, return_dict=True)
            metrics["pseudo_log_likelihood"]
        """
        if kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked them.
            given = _arguments(super().evaluate, x, y, *args, **kwargs)
            with examples.reported("validation_data"), averaged_weights(self):
                found = super().evaluate(**given)
            examples.check_seen(self._weight_seen(), "validation_data")
            return found
        x = examples.masked(_sequence(x), mask)
        x, y = self.layout.joined(x, y)
        x = examples.resolved(x, self.example_units, "x")
        given = _arguments(super().evaluate, x, y, *args, **kwargs)
        given["x"] = self._checked_data(x, given.get("steps"))
        _check_weight(given, x)
        before, misses = self._looks_at_missing, self._misses(x)
        if misses and not examples.is_dataset(x):
            _warn_of_empty_rows(x, given.get("sample_weight"), "x")
        _stream(given)
        self.check_to_sample()
        try:
            self._look_at_missing(misses)
            with examples.reported("x"):
                found = super().evaluate(**given)
        finally:
            self._look_at_missing(before)
        examples.check_seen(self._weight_seen(), "x")
        return found

    def predict(self, x: Examples, *args, **kwargs) -> np.ndarray:
        """The result of a call on all of `x`: `keras.Model.predict`.

        Raises:
            ValueError: If the data cannot be states of the visible units.

        Example:
            features = rbm.predict(x, verbose=0)
        """
        x = examples.resolved(_sequence(x), self.example_units, "x")
        given = _arguments(super().predict, x, *args, **kwargs)
        given["x"] = self._checked_data(x, given.get("steps"))
        if self._misses(x):
            parts = (
                given["x"].take(given.get("steps") or -1)
                if (examples.is_dataset(x))
                else [x]
            )
            with examples.reported("x"):
                return np.concatenate(
                    [np.asarray(self(_first(part))) for part in parts]
                )
        _stream(given)
        with examples.reported("x"):
            return super().predict(**given)

    def save(
        self,
        filepath: Path,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs,
    ) -> None:
        """Writes the model to a `.keras` file: `keras.Model.save`.

        Args:
            filepath: Path of the file, whose name ends in `.keras`.
            overwrite: Whether to overwrite an existing file.
            zipped: See `keras.Model.save`.
            **kwargs: Further arguments of `keras.Model.save`.

        Raises:
            ValueError: If the name of the file has another ending.

        Example:
            rbm.save("model.keras")
            rbm = keras.models.load_model("model.keras")
        """
        check_path_to_save(filepath, zipped)
        super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def _weight_seen(self):
        """The sum of the weights of all examples in the metrics."""
        return keras.ops.convert_to_numpy(self.metrics[0].count)

    def _checked_data(self, x, steps):
        """Checks data for Keras, and returns the data.

        The returned data set checks each of its batches when it is read.
        """
        examples.check_end(x, "x", steps, "steps")
        may_miss = self.may_miss(x)
        examples.check(x, self.example_units, "x", may_miss)
        if examples.is_dataset(x):
            return examples.guarded(x, self.example_units, may_miss)
        return x

    def _settle_monitors(self, callbacks):
        """Sets whether callbacks take a larger or a smaller metric as better.

        Warns of callbacks that monitor the loss, which does not measure the
        quality of the model.
        """
        for callback in _each(callbacks):
            monitor = getattr(callback, "monitor", None)
            if isinstance(monitor, str) and (
                getattr(callback, "mode", None) == "auto"
            ):
                is_up = "likelihood" in monitor
                callback.mode = "max" if is_up else "min"
            chooses = getattr(callback, "save_best_only", True)
            if chooses and monitor in ("loss", "val_loss"):
                names = [metric.name for metric in self.metrics]
                better = next(
                    name
                    for name in (
                        "pseudo_log_likelihood",
                        "reconstruction_error",
                    )
                    if name in names
                )
                warnings.warn(
                    f"{type(callback).__name__} monitors "
                    f"{callback.monitor!r}. The loss of a {type(self).__name__}"
                    " is a free-energy gap, which does not measure the "
                    f"quality of the model: pass monitor='val_{better}', or "
                    "'val_log_likelihood' with callbacks.LogLikelihood.",
                    stacklevel=3,
                )

    def _check_initial_step(self, initial_step, steps_per_epoch):
        """Raises an error for an `initial_step` at which no call can stop."""
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
        """Raises an error if a loss or metrics are given.

        Removes these arguments from `given`.
        """
        refused = ("loss_weights", "metrics", "weighted_metrics")
        values = {"loss": loss, **{k: given.pop(k, None) for k in refused}}
        for name, value in values.items():
            if value is not None:
                raise ValueError(
                    f"{type(self).__name__} takes no `{name}`: it has an "
                    "objective and metrics of its own. Leave it out. "
                    f"Received: {name}={value!r}"
                )


def _row_bytes(x):
    """Bytes of a row of an array, as float32."""
    return 4 * int(np.prod(x.shape[1:]))


def _batches_of_epoch(dataset, steps_per_epoch):
    """The number of batches in an epoch, and the size of a batch in bytes.

    The number is `None` if the compiled loop cannot use the batches: their
    shapes differ, their number is unknown, or an epoch is not one pass over a
    finite data set.
    """
    specs = tf.nest.flatten(dataset.element_spec)
    if not all(spec.shape.is_fully_defined() for spec in specs):
        return None, 0
    size = 4 * sum(spec.shape.num_elements() for spec in specs)
    count = int(dataset.cardinality())
    if count == tf.data.INFINITE_CARDINALITY:
        return steps_per_epoch, size
    is_pass = count > 0 and steps_per_epoch is None
    return (count if is_pass else None), size


def _set_budget(given, updates):
    """Converts a number of updates to epochs.

    For arrays without a number of epochs, takes the default number of updates.
    """
    x = given["x"]
    if updates is not None:
        checks.positive_integer("updates", updates)
        if "epochs" in given or "steps_per_epoch" in given:
            raise ValueError(
                "`updates` must be left out beside `epochs` and "
                f"`steps_per_epoch`. Received: updates={updates}"
            )
        if examples.is_dataset(x) and (
            x.cardinality() != tf.data.INFINITE_CARDINALITY
        ):
            raise ValueError(
                "`updates` are for an array, or for a data set without an "
                "end: use `epochs`. Received: a tf.data.Dataset that ends, "
                f"updates={updates}"
            )
    elif examples.is_dataset(x) or given.keys() & {
        "epochs",
        "steps_per_epoch",
        "initial_epoch",
    }:
        return
    if updates is None:
        count = len(x) if hasattr(x, "__array__") else 1
        batch_size = max(1, min(given.get("batch_size") or 32, count))
        updates = budget.default_updates(count // batch_size)
    given["epochs"], given["steps_per_epoch"] = budget.epochs_of(updates)


_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


def _needs_each_batch(callbacks):
    """Whether a callback of `fit` must be called for every batch.

    For callbacks of Keras and of this package, one call for several updates
    is enough, unless the callback counts batches.
    """
    return any(
        getattr(callback, frequency, "epoch") != "epoch"
        for callback in _each(callbacks)
        for frequency in ("save_freq", "_save_freq", "update_freq")
    ) or any(
        hook in vars(callback)
        or _module_that_defines(type(callback), hook)
        not in ("keras", "keras_rbm")
        for callback in _each(callbacks)
        for hook in _BATCH_HOOKS
    )


def _each(callbacks):
    """The single callbacks in a list, in a `CallbackList`, or in a callback."""
    return tf.nest.flatten(getattr(callbacks, "callbacks", callbacks) or [])


def _keep_averages(given):
    """Adds callbacks, so that `EarlyStopping` restores averaged weights."""
    callbacks = given.get("callbacks")
    known = [c.stop for c in _each(callbacks) if isinstance(c, _AveragedBest)]
    new = [
        _AveragedBest(callback)
        for callback in _each(callbacks)
        if isinstance(callback, keras.callbacks.EarlyStopping)
        and callback.restore_best_weights
        and callback not in known  # A `CallbackList` may be used again.
    ]
    if isinstance(callbacks, keras.callbacks.CallbackList):
        for callback in new:
            callbacks.callbacks.append(callback)
    elif new:
        given["callbacks"] = [*_each(callbacks), *new]


class _AveragedBest(keras.callbacks.Callback):
    """Makes the best weights of an `EarlyStopping` the averaged weights.

    Validation measures the averaged weights, and Keras would restore the
    others.

    Args:
        stop: The `EarlyStopping`, which precedes this callback.
    """

    def __init__(self, stop):
        super().__init__()
        self.stop = stop

    def on_epoch_end(self, epoch, logs=None):
        stop = self.stop
        if stop.best_weights is not None and stop.best_epoch == epoch:
            # A `CallbackList` of the user does not set this callback's model.
            with averaged_weights(stop.model):
                stop.best_weights = stop.model.get_weights()


def _module_that_defines(kind, name):
    """The package of the class from which a class has a method."""
    owner = next(base for base in kind.__mro__ if name in vars(base))
    return owner.__module__.partition(".")[0]


def _train_function_of_keras(model):
    keras.Model.make_train_function(model, force=True)
    return model.train_function


def _first(batch):
    return batch[0] if isinstance(batch, tuple) else batch


def _first_examples(x):
    return None if x is None else x[:_METRIC_EXAMPLES]


def _arguments(method, x, *args, **kwargs):
    """Checks the arguments of a method of Keras, and returns them by name.

    If there are sample weights but no targets, adds targets that nothing uses:
    without targets, Keras drops the weights.
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
            "`y` must be left out: this model has no targets. "
            f" Received: type(y)={type(y).__name__}"
        )
    return given


def _warn_of_empty_rows(x, weight, name):
    """Warns of rows without any observed entry.

    Args:
        x: Array or `Rows`.
        weight: Weights of the rows, or `None`.
        name: The name of the data.

    Raises:
        ValueError: If no row with a weight has an observed entry.
    """
    is_empty = examples.without_values(x)
    count = int(is_empty.sum())
    counts = ~is_empty if weight is None else ~is_empty & (weight > 0)
    if not counts.any():
        raise ValueError(
            f"`{name}` must have an observed entry in rows that count. "
            f"Received: {len(is_empty)} rows, of which {count} have none, and "
            "the others have weight 0"
        )
    if count:
        warnings.warn(
            f"{count} of the {len(is_empty)} rows of `{name}` have no observed "
            "entry: they have weight 0 and do not change the result.",
            UserWarning,
            stacklevel=4,
        )


def _numbered(arrays, completer):
    """The training arrays, with the row numbers as targets.

    Without a completer that has tables, returns the arrays unchanged.
    """
    if completer is None or not completer.tables:
        return arrays
    x, *rest = arrays if isinstance(arrays, tuple) else (arrays,)
    return (x, np.arange(len(x), dtype="float32"), *rest[1:])


def _check_trained(history, name):
    """Raises an error if epochs of a data set have had no batch."""
    if history.epoch and "loss" not in history.history:
        raise ValueError(
            f"`{name}` must give its batches each time it is read: `fit` reads "
            "some of them before it trains. Pass an array, a "
            "keras.utils.PyDataset, or a data set that can be read again. "
            "Received: a tf.data.Dataset without a batch for the training"
        )


def _check_weight(given, x):
    """Checks the weights of an array. A data set contains its own weights."""
    if not examples.is_dataset(x) and given.get("sample_weight") is not None:
        weight = examples.check_weight(given["sample_weight"], len(x))
        given["sample_weight"] = weight


def _cut(arrays, split):
    """Splits arrays into training examples and, at the end, validation ones.

    Args:
        arrays: Array or `Rows`, or a tuple of them.
        split: The share of the examples for validation.
    """
    count = len(tf.nest.flatten(arrays)[0])
    first = math.floor(count * (1.0 - split))
    if not 0 < first < count:
        raise ValueError(
            "`validation_split` must leave examples for training and for "
            f"validation. Received: validation_split={split}, with {count} "
            "examples"
        )

    return tuple(
        tf.nest.map_structure(
            lambda x, part=part: examples.subset(x, part), arrays
        )
        for part in (slice(first), slice(first, None))
    )


def _stream(given):
    """Replaces `Rows` by a data set of batches.

    Args:
        given: `{name: argument}` of `evaluate` or `predict`; this function
            changes the dict.
    """
    if isinstance(given["x"], Rows):
        size = given.pop("batch_size", None) or 32
        arrays = given.pop("y", None), given.pop("sample_weight", None)
        given["x"] = examples.in_order(given["x"], size, *arrays)


def _streamed_validation(given):
    """Replaces `Rows` in the `validation_data` of `fit` by batches."""
    validation = given.get("validation_data")
    v, *rest = (
        validation if isinstance(validation, tuple | list) else (validation,)
    )
    if not isinstance(v, Rows):
        return validation
    return examples.in_order(v, given["validation_batch_size"], *rest[:2])


def _sequence(x):
    """Converts a `PyDataset` to a data set; returns other data unchanged."""
    is_sequence = isinstance(x, keras.utils.PyDataset)
    return examples.from_batches(x) if is_sequence else x


def _no_targets(x):
    return np.zeros(len(x), "float32")


def _check_optimizer(optimizer):
    if optimizer is None or isinstance(optimizer, type | numbers.Number):
        raise ValueError(
            "`optimizer` must be a Keras optimizer, such as "
            "keras.optimizers.SGD(0.05), or its name. Received: "
            f"optimizer={optimizer!r}"
        )
