"""The class RBM: features and their label in one machine.

This file has its constructor, its objective and update, the distribution of
the label, its layout (labels beside features) and its metrics. Its `fit` also
takes labels and class weights; `classify` predicts classes. `base.py` has the
methods of a trained model (`predict_hidden`, `sample`, `log_likelihood`,
`export`, ...), and `trainer.py` has `compile` and the training.
"""

import inspect
import types
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import (
    checks,
    class_labels,
    gradients,
    likelihood,
    random,
    replicas,
    units,
)
from keras_rbm import machine as machine_lib
from keras_rbm.chains import Chain, ContrastiveDivergence, NoChain
from keras_rbm.compiled import compiled, without_autograph
from keras_rbm.models import (
    examples,
    metrics,
    missing,
    sampling,
)
from keras_rbm.models.base import MachineModel
from keras_rbm.models.layouts import Direct
from keras_rbm.random import Use
from keras_rbm.rows import Rows, parts
from keras_rbm.samplers import Sampler
from keras_rbm.typing import Array, Config, Examples, Labels, Tensor, Verbose

# Largest size of a block of p(y | x), in numbers of shape (examples, classes,
# hidden), and in examples.
_NUMBERS, _MOST_ROWS = 5_000_000, 500
# Clamped sweeps that estimate p(y | x_observed) if it has no exact sum.
_SWEEPS_OF_MEAN = 400
# The metrics that need the label of an example.
_OF_LABELS = "error", "conditional_log_likelihood"


@keras.saving.register_keras_serializable("keras_rbm")
class ClassRBM(MachineModel):
    """RBM of features x and of a label y, p(x, y, h) ~ exp(-beta E(x, y, h)).

    A row of the visible side is (x, one-hot y). The distribution of the label
    given the features is exact and needs neither sampling nor log Z; see
    `class_probabilities`. `fit` minimizes

        L = -generative_weight mean log p(x, y)
            - discriminative_weight mean log p(y | x)

    The weights (1, 0) give the generative machine, (0, 1) the discriminative
    machine, which runs no chain, and (alpha, 1) the hybrid machine of the
    paper.

    `fit(x, y)`, `evaluate(x, y)` and their `validation_data=(x, y)` take labels
    as whole numbers of any type, or as one-hot rows. In place of x and y, you
    can pass rows (x, one-hot y), which `join` makes. Data sets can have either
    form, with labels of an integer type. All methods with an argument `v`, such
    as `rbm(v)` or `free_energy`, take rows: a call returns E[h | x, y].
    `class_probabilities(x)` and `classify(x)` predict y.

    With `generative_weight=0` the model does not learn p(x, y) (`can_sample`
    is `False`): `sample_class` is refused, and `sample` and `log_likelihood`
    give a warning.

    Labels may be unknown: -1, NaN or `None`, or a row of NaN. With a
    `generative_weight`, the model learns p(x) from such examples, with y summed
    out exactly. (A `tf.data.Dataset` needs `missing=FreshCompletion()`.)
    Entries of the features may be missing, too, as for `RBM`. The
    discriminative part is then log p(y | x_observed), whose gradient needs a
    second chain for each row, in which the label is not clamped.

    The metrics are the same as for `RBM`, computed on rows (x, one-hot y);
    `loss` is the objective without regularizers. Two metrics are added:

    - `error`: share of the examples whose most probable class is not their
      label;
    - `conditional_log_likelihood`: log p(y | x), in nats per example.

    Both are means over the examples that have a label; they are NaN if no
    measured example has a label. For all metrics, missing features are drawn
    given the observed features, not given the label.

    Args:
        features: `Units` of x, or an integer for that many `Bernoulli` units.
        num_classes: Number of classes, 2 or more.
        hidden: `Units` of h, or an integer for that many `Bernoulli` units.
        chain: A `Chain`, a new one for each model; `None` for
            `ContrastiveDivergence()`. Leave it out if `generative_weight` is 0.
        generative_weight: Number, 0 or more.
        discriminative_weight: Number, 0 or more. At least one of the two
            weights must be more than 0.
        **kwargs: Further arguments of `RBM`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Larochelle and Bengio (2008), "Classification using
        discriminative restricted Boltzmann machines".

    Example:
        model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
        probabilities = model.class_probabilities(x)
    """

    def __init__(
        self,
        features: units.Units | int,
        num_classes: int,
        hidden: units.Units | int,
        chain: Chain | None = None,
        generative_weight: float = 0.01,
        discriminative_weight: float = 1.0,
        **kwargs,
    ):
        features = units.get("features", features)
        weights = _weights(generative_weight, discriminative_weight)
        if checks.positive_integer("num_classes", num_classes) < 2:
            raise ValueError(
                "`num_classes` must be 2 or more. Received: "
                f"num_classes={num_classes}"
            )
        num_classes = int(num_classes)
        label = units.Softmax(1, num_classes)
        visible = units.Composite([features, label])
        hidden = units.get("hidden", hidden)
        layout = BesideLabels(features, num_classes, visible, hidden)
        super().__init__(
            visible,
            hidden,
            _chain(weights[0], chain),
            layout,
            ClassMetrics(visible, num_classes, *weights),
            **kwargs,
        )
        self.features = features
        self.num_classes = num_classes
        self.generative_weight, self.discriminative_weight = weights

    def own_config(self) -> Config:
        return {
            "features": keras.saving.serialize_keras_object(self.features),
            "num_classes": self.num_classes,
            "generative_weight": self.generative_weight,
            "discriminative_weight": self.discriminative_weight,
        }

    @property
    def num_pixels(self) -> int:
        return self.features.width

    @property
    def can_sample(self) -> bool:
        return bool(self.generative_weight)

    def fit(
        self,
        x: Examples | None = None,
        y: Any = None,
        *args,
        class_weight: dict[int, float] | None = None,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains the model on features and labels: see `RBM.fit`.

        Args:
            x: Array of features if you pass `y`; otherwise rows
                (x, one-hot y), or batches: a `tf.data.Dataset`, a
                `keras.utils.PyDataset` or a generator.
            y: Labels of the examples in `x`, or `None`.
            *args: Further arguments of `keras.Model.fit`.
            class_weight: Dict from classes to factors, or `None`. The sample
                weight of an example is multiplied by the factor of its class,
                which is 1 for classes that are not in the dict. The weights
                of validation data do not change.
            **kwargs: Further arguments of `keras.Model.fit`.

        Raises:
            ValueError: If `class_weight` is not as described, or for the
                reasons that `RBM.fit` lists.

        Example:
            model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
            model.compile()
            found = model.fit(x, y, epochs=3, class_weight={1: 2.0}, verbose=0)
            print(found.history["error"][-1])  # Share of wrong labels.
        """
        if class_weight is not None:
            kwargs["class_weight"] = class_weight
        kwargs = dict(**_named(args), **kwargs)
        class_weight = kwargs.pop("class_weight", None)
        if class_weight is None:
            return super().fit(x, y, **kwargs)
        factors = _class_factors(class_weight, self.num_classes)
        is_read_once = isinstance(x, types.GeneratorType)
        x = examples.masked(examples.from_batches(x), kwargs.pop("mask", None))
        x, y = self.layout.joined(x, y)
        if examples.is_dataset(x):
            x = _weighted_dataset(x, factors, self.visible.width)
            x.is_read_once = is_read_once  # See `examples.some`.
            return super().fit(x, y, **kwargs)
        x = examples.resolved(x, self.visible, "x")
        examples.check(x, self.visible, "x", self.may_miss(x))
        weight = examples.check_weight(
            kwargs.pop("sample_weight", None), len(x)
        )
        split = kwargs.pop("validation_split", None)
        if split and kwargs.get("validation_data") is None:
            # Split as Keras does, before the class weights are applied.
            count = int(
                len(x) * (1.0 - checks.fraction("validation_split", split))
            )
            if not 0 < count < len(x):
                raise ValueError(
                    "`validation_split` must leave examples for training and "
                    f"for validation. Received: validation_split={split}, with "
                    f"{len(x)} examples"
                )
            held_out = None if weight is None else weight[count:]
            held_out_rows = examples.subset(x, slice(count, None))
            kwargs["validation_data"] = (held_out_rows, None, held_out)
            x = examples.subset(x, slice(count))
            weight = None if weight is None else weight[:count]
        own = np.concatenate(
            [
                _factors_of(part[:, -self.num_classes :], factors)
                for _, part in parts(x)
            ]
        )
        weight = own if weight is None else own * weight
        return super().fit(x, None, sample_weight=weight, **kwargs)

    def gradient_step(
        self, data: Any, seed: Tensor | None = None
    ) -> list[Tensor | None]:
        """Advances the chains, and returns the gradient of `objective`.

        Like `RBM.gradient_step`, whose objective is the free-energy gap.
        """
        v, weight = self.unpack(data)
        batch = replicas.batch(v, weight)
        count = ops.shape(v)[0]
        stream = batch.stream(self.stream(Use.TRAIN, seed))
        machine = self.machine()
        # In the positive phase, missing entries are drawn given the others.
        positive = self.complete(machine, v, data, stream)
        unknown = self._unknown(machine, v, positive, stream)
        v = positive.v
        v_model = self.chain.advance(machine, v, stream)
        negative = self.chain.negative(machine, v_model, batch)
        with self.parameters.tape() as tape:
            machine = self.machine()
            objective, inputs = self.objective(
                machine, v, v_model, batch.parts(), negative, unknown
            )
            loss = self.regularized(objective, machine, inputs[:count], batch)
        slopes = tape.gradient(loss, self.parameters.variables)
        self.chain.persist(machine, inputs[count:], stream)
        self.keep(positive, machine, inputs[:count], stream)
        if unknown is not None and unknown.free is not None:
            self._keep_free(positive, machine, unknown.free, stream)
        return self.centered_gradient(
            slopes, machine, self.known(positive), inputs[:count], batch
        )

    def complete_to_look(
        self, machine: machine_lib.Machine, v: Tensor, stream: random.Stream
    ) -> Tensor:
        """Rows to measure; missing features are drawn ignoring the label."""
        drawn = super().complete_to_look(
            machine, self._without_labels(v), stream
        )
        is_label = ops.arange(self.visible.width) >= self.features.width
        return ops.where(is_label & ~ops.isnan(v), v, drawn)

    def _without_labels(self, v):
        """The rows with all labels replaced by NaN."""
        is_label = ops.arange(self.visible.width) >= self.features.width
        return ops.where(is_label, ops.full_like(v, np.nan), v)

    def make_completer(self, x: Any) -> missing.Completer | None:
        completer = super().make_completer(x)
        if completer is not None and not self.generative_weight:
            raise ValueError(
                "`generative_weight` must be more than 0 for examples without "
                "labels or with missing features: a model of p(y | x) alone "
                "does not learn p(x). Leave these examples out, or create the "
                "model with generative_weight=0.01. Received: "
                "generative_weight=0"
            )
        return completer

    def _num_completed_chains(self):
        return 2 if self.discriminative_weight else 1

    def _unknown(self, machine, v, positive, stream):
        """The `Unknown` for `objective`; `None` if no entry is missing."""
        if positive.was_missing is None:
            return None
        has_label = ~positive.was_missing[:, -1]
        if not self.discriminative_weight:
            return Unknown(has_label, None)
        free = self._completer.draw(
            machine,
            self._without_labels(v),
            stream,
            positive.numbers,
            chain=1,
        )
        return Unknown(has_label, free)

    def _keep_free(self, positive, machine, free, stream):
        """Stores the chains in which the labels are free."""
        if positive.numbers is not None:
            inputs = machine_lib.hidden_inputs(machine, free)
            self._completer.keep(
                machine, inputs, stream, positive.numbers, chain=1
            )

    def objective(
        self,
        machine: machine_lib.Machine,
        v: Tensor,
        v_model: Tensor,
        positive: Tensor,
        negative: Tensor,
        unknown: "Unknown | None" = None,
    ) -> tuple[Tensor, Tensor]:
        """L = generative_weight L_gen + discriminative_weight L_disc.

        L_gen stands for the negative mean of log p(x, y); its surrogate, the
        free-energy gap, has the same gradient. L_disc is the negative mean of
        log p(y | x), and is exact.

        Args:
            machine: A `Machine`.
            v: Tensor of shape `(batch, visible.width)`.
            v_model: Samples of the model, `(chains, visible.width)`; not used
                if `generative_weight` is 0.
            positive: Weights of the examples, as for
                `gradients.free_energy_gap`.
            negative: Weights of the samples.
            unknown: An `Unknown` if entries of `v` were missing, or `None`.

        Returns:
            The objective, a scalar in nats, and the hidden inputs, as
            `gradients.free_energy_gap` returns them.

        Reference: Larochelle and Bengio (2008), "Classification using
            discriminative restricted Boltzmann machines", sections 2 to 4.
            Their alpha is `generative_weight`.
        """
        value = 0.0
        if self.generative_weight:
            gap, inputs = gradients.free_energy_gap(
                machine, v, v_model, positive, negative
            )
            value = self.generative_weight * gap
        else:
            inputs = machine_lib.hidden_inputs(machine, v)
        if unknown is not None:
            return value + self._of_unknown(machine, v, positive, unknown), (
                inputs
            )
        if self.discriminative_weight:
            count = self.num_classes
            # Subtracting the label's share of the hidden inputs is cheaper
            # than another product with the kernel.
            rows = likelihood.class_inputs(machine, count)
            own = ops.matmul(v[:, -count:], rows)
            labels, log_p = _predictions(
                machine, v, count, inputs[: ops.shape(v)[0]] - own
            )
            own = ops.sum(labels * log_p, axis=1)
            value = value - self.discriminative_weight * ops.sum(positive * own)
        return value, inputs

    def _of_unknown(self, machine, v, positive, unknown):
        """The terms that missing entries add to the gap of completed rows.

        Let alpha and gamma be the weights of the generative and of the
        discriminative part, F(x) = F(x, y) + log p(y | x), which is the same
        for each y, and x' the features drawn with a free label. The terms are

            alpha (F(x) - F(x, y)) for examples without a label,
            gamma (F(x, y) - F(x')) for examples with a label.

        The second term is the surrogate of -log p(y | x_observed). If no
        feature is missing, x' = x, and the term equals -log p(y | x).
        """
        has_label = ops.cast(unknown.has_label, v.dtype)
        labels, log_p = _predictions(machine, v, self.num_classes)
        own = ops.sum(labels * log_p, axis=1)
        alpha = self.generative_weight
        found = alpha * ops.sum(positive * (1.0 - has_label) * own)
        if unknown.free is None:
            return found
        free = ops.stop_gradient(unknown.free)
        labels, log_p = _predictions(machine, free, self.num_classes)
        of_free = machine_lib.free_energy(machine, free) + ops.sum(
            labels * log_p, axis=1
        )
        gap = machine_lib.free_energy(machine, v) - of_free
        gamma = self.discriminative_weight
        return found + gamma * ops.sum(positive * has_label * gap)

    def join(self, x: Array, y: Labels) -> np.ndarray:
        """Rows (x, one-hot y), of shape `(examples, visible.width)`.

        Args:
            x: Array of shape `(examples, features.width)`.
            y: Integers from 0 to `num_classes - 1`, or one-hot rows. -1, NaN
                or `None` stand for an unknown label, which becomes NaN in all
                label columns of the row.

        Raises:
            ValueError: If `x` or `y` is not as described.

        Example:
            model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
            rows = model.join(x, y)  # Of shape (len(x), 16 + 2).
            energies = model.free_energy(rows)
        """
        return _joined(x, y, self.features, self.num_classes)

    def class_probabilities(self, x: Array) -> np.ndarray:
        """p(y | x), exactly.

        If features are missing (NaN), returns p(y | x_observed): by exact sums
        where `log_likelihood` is exact, and otherwise as the mean of p(y | x)
        over clamped Gibbs sweeps with a fixed seed.

        Args:
            x: Array of shape `(examples, features.width)`.

        Returns:
            Array of shape `(examples, num_classes)`, whose rows sum to 1.

        Raises:
            ValueError: If `x` cannot be states of the features' units.

        Example:
            model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
            p = model.class_probabilities(x)  # Of shape (len(x), 2).
            confident = p.max(axis=1) > 0.9
        """
        x = examples.array(x, self.features, "x")
        examples.check(x, self.features, "x", may_miss=True)
        machine = self.machine()
        numbers = self.num_classes * self.hidden.width
        count = min(max(_NUMBERS // numbers, 1), _MOST_ROWS)
        found = []
        for _, block in parts(x, count):
            if examples.has_missing(block):
                found.append(self._observed_law(block))
                continue
            # The last block is padded: XLA would compile another shape again.
            whole = np.resize(block, (count, x.shape[1]))
            whole = ops.cast(whole, self.variable_dtype)
            part = _compiled_law(machine, whole, self.num_classes)
            found.append(ops.convert_to_numpy(part)[: len(block)])
        return np.concatenate(found)

    def _observed_law(self, x):
        """p(y | x_observed) of rows with missing features."""
        labels = np.full((len(x), self.num_classes), np.nan)
        found = sampling.observed_mean(
            machine_lib.cast(self.machine(), self.variable_dtype),
            np.concatenate([x, labels], axis=1),
            _SWEEPS_OF_MEAN,
            self.num_classes,
        )
        return found.astype(self.variable_dtype)

    def predict(self, x: Examples, *args, **kwargs) -> np.ndarray:
        """The hidden means of rows (x, one-hot y): see `RBM.predict`.

        To predict the classes of features, call `classify(x)`.

        Raises:
            ValueError: If `x` are features without labels, or cannot be states
                of the visible units.

        Example:
            model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
            h = model.predict(model.join(x, y), verbose=0)  # E[h | x, y]
        """
        shape = getattr(x, "shape", ())
        if len(shape) == 2 and shape[1] == self.features.width:
            raise ValueError(
                "`x` must have the columns of the features and of the one-hot "
                "label. Call `classify(x)` or `class_probabilities(x)` for the "
                "classes of features, or `predict(join(x, y))` for the means "
                f"of the hidden units. Received: x.shape={tuple(shape)}"
            )
        return super().predict(x, *args, **kwargs)

    def classify(self, x: Array) -> np.ndarray:
        """The most probable class of each example, argmax_y p(y | x).

        Args:
            x: See `class_probabilities`.

        Returns:
            Integer array of shape `(examples,)`.

        Raises:
            ValueError: See `class_probabilities`.

        Example:
            model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
            error = np.mean(model.classify(x) != y)
        """
        return self.class_probabilities(x).argmax(axis=1)

    def sample_class(
        self,
        label: int | Labels,
        num_samples: int | None = None,
        num_sweeps: int = 1000,
        seed: int | None = None,
        sampler: Sampler | None = None,
        verbose: Verbose = "auto",
        inverse_temperature: float = 1.0,
    ) -> Tensor:
        """Draws of the features given the class, from p(x | y).

        Calls `inpaint` on rows with this label in which all features are
        missing: the label is clamped, and the features start from draws of
        their units without inputs.

        Args:
            label: Integer, the class of all samples; or a label for each
                sample: integers of shape `(num_samples,)`, or one-hot rows.
            num_samples: Number of samples if `label` is one class; `None` if
                there is a label for each sample.
            num_sweeps: Number of sweeps of each chain.
            seed: See `inpaint`, also for all further arguments.
            sampler: `Gibbs()`, `Tempered()` or `None`.
            verbose: `"auto"`, 1 or 0.
            inverse_temperature: Multiplies the inverse temperature of the
                model, a positive number.

        Returns:
            Tensor of shape `(num_samples, features.width)`, of states.

        Raises:
            ValueError: If an argument is not as described, or
                `generative_weight` is 0.

        Example:
            model = keras_rbm.ClassRBM(16, 2, 8, generative_weight=1.0, seed=0)
            drawn = model.sample_class([0, 0, 1], num_sweeps=10, seed=0)
            print(drawn.shape)  # (3, 16): two of class 0, and one of class 1.
        """
        if not self.generative_weight:
            raise ValueError(
                "`generative_weight` must be more than 0 to draw features of "
                "a class: this model has learned only p(y | x). Received: "
                "generative_weight=0"
            )
        y = _labels_of_samples(label, num_samples, self.num_classes)
        unknown = np.full((len(y), self.features.width), np.nan, y.dtype)
        drawn = self.inpaint(
            np.concatenate([unknown, y], axis=1),
            np.arange(self.visible.width) < self.features.width,
            num_sweeps,
            seed,
            sampler,
            verbose,
            inverse_temperature,
        )
        return drawn[:, : self.features.width]

    def endpoints(self, v: Any) -> dict[str, tuple[Any, list[Any]]]:
        shape = (*v.shape[:-1], self.features.width)
        x = keras.InputSpec(shape=shape, dtype=v.dtype)

        def class_probabilities(x):
            x = ops.cast(x, self.variable_dtype)
            return _law(self.machine(), x, self.num_classes)

        endpoint = class_probabilities, [x]
        return {**super().endpoints(v), "class_probabilities": endpoint}


class Unknown(NamedTuple):
    """Missing labels and features of a batch, for the objective.

    Attributes:
        has_label: Boolean tensor of shape `(batch,)`.
        free: Rows completed with a free label, `(batch, visible.width)`;
            `None` if the objective does not need them.
    """

    has_label: Tensor
    free: Tensor | None


class BesideLabels(Direct):
    """Rows (x, one-hot y), joined from features and labels if necessary.

    Args:
        features: `Units` of x.
        num_classes: Number of classes.
        visible: `Units` of the visible side, x and y.
        hidden: `Units` of the hidden side.
    """

    def __init__(self, features, num_classes, visible, hidden):
        super().__init__(visible, hidden)
        self.features, self.num_classes = features, num_classes

    def joined(
        self, x: Examples, y: Any, names: tuple[str, str] = ("x", "y")
    ) -> tuple[Examples, Any]:
        """Rows (x, one-hot y), joined unless `x` already contains the labels.

        An array contains the labels if `y` is `None`; a data set contains
        them if its batches are not pairs of features and labels.

        Raises:
            ValueError: If features or labels are not as described, or a data
                set with targets does not say how many columns it has.
        """
        if examples.is_dataset(x):
            return self._joined_dataset(x, names[0]), y
        if y is not None:
            x = _joined(x, y, self.features, self.num_classes, *names)
        return x, None

    def joined_validation(self, data: Any) -> Any:
        """`validation_data` with rows in place of features and labels.

        Takes (x, y), (x, y, weight), (v,), (v, None, weight) or a data set.
        """
        if examples.is_dataset(data):
            return self._joined_dataset(data, "validation_data")
        if not isinstance(data, tuple | list) or len(data) not in (2, 3):
            return data
        x, y, *weight = data
        names = "validation_data[0]", "validation_data[1]"
        v, _ = self.joined(x, y, names)
        return (v, None, *weight) if weight else (v,)

    def _joined_dataset(self, x, name):
        spec, width = x.element_spec, self.features.width
        pairs = isinstance(spec, tuple) and len(spec) in (2, 3)
        if not pairs or not isinstance(spec[0], tf.TensorSpec):
            return x
        shape = spec[0].shape
        if shape.rank is None or (shape.rank == 2 and shape[-1] is None):
            raise ValueError(
                f"`{name}` must say how many columns its batches have, "
                f"{width} of features beside labels or "
                f"{width + self.num_classes} with them. Map it by "
                f"tf.ensure_shape. Received: {name}.element_spec={spec}"
            )
        if shape.rank != 2 or shape[-1] != width:
            return x
        return _joined_dataset(x, self.num_classes, name)


class MeanOfLabelled(keras.metrics.Mean):
    """A mean over examples with a label; NaN if no example has a label."""

    def result(self):
        # Keras's own mean of no examples is 0, which looks like a value.
        return ops.divide(self.total, ops.cast(self.count, self.dtype))


class ClassMetrics(metrics.Metrics):
    """The metrics that the docstring of `ClassRBM` describes.

    Args:
        visible: `Units` of the visible side.
        num_classes: Number of classes.
        generative_weight: Weight of the free-energy gap.
        discriminative_weight: Weight of -log p(y | x).
    """

    def __init__(
        self, visible, num_classes, generative_weight, discriminative_weight
    ):
        super().__init__(metrics.names_of_rbm(visible))
        self.means |= {name: MeanOfLabelled(name=name) for name in _OF_LABELS}
        self.num_classes = num_classes
        self.generative_weight = generative_weight
        self.discriminative_weight = discriminative_weight

    def weight(self, name, given, weight):
        """0 for examples without a label, if the metric needs a label."""
        if name not in _OF_LABELS:
            return weight
        if given is None:
            return weight
        has_label = ops.cast(~ops.isnan(given[:, -1]), given.dtype)
        return has_label if weight is None else has_label * weight

    def values(self, machine, v, inputs, v_model, weight, stream, given):
        values = metrics.values_of_rbm(
            machine, v, inputs, v_model, weight, stream
        )
        # Computed anew: `inputs` contain the label's share, and subtracting
        # it would leave rounding errors.
        labels, log_p = _predictions(machine, v, self.num_classes)
        wrong = ops.argmax(log_p, axis=1) != ops.argmax(labels, axis=1)
        own = ops.sum(labels * log_p, axis=1)
        loss, gap = -self.discriminative_weight * own, values["loss"]
        if given is not None:
            # Without a label, the loss uses F(x) = F(x, y) + log p(y | x).
            has_label = ~ops.isnan(given[:, -1])
            loss = ops.where(has_label, loss, 0.0)
            gap = gap + ops.where(has_label, 0.0, own)
        if self.generative_weight:
            loss = loss + self.generative_weight * gap
        return values | {
            "loss": loss,
            "error": ops.cast(wrong, v.dtype),
            "conditional_log_likelihood": own,
        }


def _named(args):
    """The positional arguments of `keras.Model.fit` after x and y, by name."""
    given = inspect.signature(keras.Model.fit).bind_partial(
        "self", "x", "y", *args
    )
    return dict([*given.arguments.items()][3:])


def _factors_of(labels, factors):
    """The class weight of each example; 1 for examples without a label."""
    return np.where(np.isnan(labels[:, 0]), 1.0, labels @ factors)


def _class_factors(class_weight, num_classes):
    """The weight of each class, `float32` array of shape `(num_classes,)`.

    Raises:
        ValueError: If `class_weight` is not a dict from classes to numbers.
    """
    factors = np.ones(num_classes, "float32")
    try:
        for label, weight in class_weight.items():
            if label not in range(num_classes):
                raise TypeError
            factors[int(label)] = weight
        if not ((factors >= 0) & np.isfinite(factors)).all():
            raise TypeError
    except (AttributeError, TypeError, ValueError):
        raise ValueError(
            "`class_weight` must be a dict from classes, integers from 0 to "
            f"{num_classes - 1}, to numbers that are not negative. Received: "
            f"class_weight={class_weight!r}"
        ) from None
    return factors


def _weighted_dataset(dataset, factors, width):
    """Batches of rows, with sample weights multiplied by class weights.

    Args:
        dataset: A `tf.data.Dataset` of rows v, (v, y) or (v, y, weight).
        factors: Array of the class weights.
        width: Number of columns of a row.

    Returns:
        A `tf.data.Dataset` of (v, 0, weight).
    """
    examples.check_structure(dataset, "x")

    @without_autograph
    def multiplied(*batch):
        v = batch[0]
        rows = tf.cast(v, tf.float32)
        # `fit` raises the error for rows of another width.
        own = rows[:, width - len(factors) : width]
        weight = tf.linalg.matvec(own, factors[: own.shape[-1]])
        weight = tf.where(tf.math.is_nan(weight), 1.0, weight)
        if len(batch) == 3:
            weight = weight * tf.cast(batch[2], tf.float32)
        return v, tf.zeros_like(weight), weight

    return examples.counted_as(dataset.map(multiplied), dataset)


def _weights(generative_weight, discriminative_weight):
    """Both weights as floats.

    Raises:
        ValueError: If a weight is not 0 or a positive number, or both are 0.
    """
    given = {
        "generative_weight": generative_weight,
        "discriminative_weight": discriminative_weight,
    }
    found = [
        0.0 if value == 0 else checks.positive_number(name, value)
        for name, value in given.items()
    ]
    if not any(found):
        raise ValueError(
            "`generative_weight` or `discriminative_weight` must be more "
            "than 0. Received: generative_weight=0, discriminative_weight=0"
        )
    return found


def _chain(generative_weight, chain):
    """The given chain, or the default for this generative weight.

    Args:
        generative_weight: A number, 0 or more.
        chain: A `Chain` or `None`.

    Raises:
        ValueError: If the chain draws samples although the weight is 0, or
            draws no samples although the weight is positive.
    """
    if chain is None:
        chain = ContrastiveDivergence() if generative_weight else NoChain()
    if isinstance(chain, NoChain) == bool(generative_weight):
        raise ValueError(
            "`chain` must be left out if `generative_weight` is 0, which "
            "needs no samples, and must draw samples otherwise. "
            f"Received: chain={chain!r}, generative_weight="
            f"{generative_weight:g}"
        )
    return chain


def _predictions(machine, v, num_classes, inputs=None):
    """The labels of the examples, and log p(y | x) of all classes.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`, rows (x, one-hot y).
        num_classes: Number of classes.
        inputs: Inputs of the hidden units from the features alone; `None` to
            compute them in the same way as `_law`, with the same rounding.

    Returns:
        Tuple of one-hot labels and of log p(y | x), both of shape `(batch,
        num_classes)`.
    """
    x, labels = v[:, :-num_classes], v[:, -num_classes:]
    if inputs is None:
        inputs = likelihood.feature_inputs(machine, x)
    return labels, likelihood.log_class_probabilities(
        machine, num_classes, inputs
    )


def _law(machine, x, num_classes):
    """p(y | x) of features, a tensor of shape `(examples, num_classes)`."""
    inputs = likelihood.feature_inputs(machine, x)
    return ops.exp(
        likelihood.log_class_probabilities(machine, num_classes, inputs)
    )


_compiled_law = compiled(_law)


def _joined(x, y, features, num_classes, name="x", label_name="y"):
    """Rows (x, one-hot y), the examples of a `ClassRBM`.

    Args:
        x: Array of shape `(examples, features.width)`.
        y: See `class_labels.one_hot`.
        features: `Units` of x.
        num_classes: Number of classes.
        name: The name of `x`, for errors.
        label_name: The name of `y`, for errors.

    Returns:
        Array or `Rows` of shape `(examples, features.width + num_classes)`.

    Raises:
        ValueError: If the features cannot be states of the units, or the
            labels are not as described.
    """
    x = examples.array(x, features, name)
    examples.check(x, features, name, may_miss=True)
    y = checks.from_frame(label_name, y)
    y = class_labels.one_hot(y, num_classes, len(x), label_name, may_miss=True)
    if isinstance(x, Rows):
        return x.beside(y)
    kind = x.dtype if x.dtype.kind == "f" else "float32"
    return np.concatenate([x.astype(kind), y.astype(kind)], axis=1)


def _joined_dataset(dataset, num_classes, name="x"):
    """A data set of (x, y) or (x, y, weight), with x and y joined.

    If a batch has labels that `class_labels.one_hot` would refuse, the data
    set ends with an error: see `examples.reported`.

    Args:
        dataset: A `tf.data.Dataset` of batches.
        num_classes: Number of classes.
        name: The argument's name, for errors.

    Returns:
        A `tf.data.Dataset` of v, or of (v, 0, weight), with NaN in the label
        columns of examples without a label.

    Raises:
        ValueError: If the labels are neither integers nor rows of
            `num_classes` columns.
    """
    y = dataset.element_spec[1]
    dense = isinstance(y, tf.TensorSpec)
    integers = dense and y.shape.rank == 1 and y.dtype.is_integer
    one_hot = dense and y.shape.rank == 2 and y.shape[-1] == num_classes
    if one_hot:
        one_hot = y.dtype.is_floating or y.dtype.is_integer or y.dtype.is_bool
    if not one_hot and not integers:
        raise ValueError(
            f"`{name}` must be a data set of (x, y) whose labels are integers, "
            f"or one-hot rows of {num_classes} columns. Received: "
            f"{name}.element_spec={dataset.element_spec}"
        )

    @without_autograph
    def join(x, y, *weight):
        kind = x.dtype if x.dtype.is_floating else tf.float32
        y = tf.cast(y, tf.float64 if one_hot else tf.int64)
        with tf.control_dependencies([_look_at(y, num_classes)]):
            y = tf.identity(y)
        if integers:
            known = y != class_labels.UNLABELLED
            y = tf.where(known[:, None], tf.one_hot(y, num_classes), np.nan)
        v = tf.concat([tf.cast(x, kind), tf.cast(y, kind)], axis=1)
        return (v, tf.zeros_like(weight[0]), *weight) if weight else v

    return examples.counted_as(dataset.map(join), dataset)


def _labels_of_samples(label, num_samples, num_classes):
    """One-hot labels of the samples to draw.

    Args:
        label: One label for all samples, or a label for each sample.
        num_samples: Number of samples if `label` is one label, or `None`.
        num_classes: Number of classes.

    Returns:
        `float32` array of shape `(num_samples, num_classes)`.

    Raises:
        ValueError: If `label` is not as described, or its length is not
            `num_samples`.
    """
    y = np.asarray(label)
    if not y.ndim:
        y = np.full(checks.positive_integer("num_samples", num_samples), y)
    elif num_samples not in (None, len(y)):
        raise ValueError(
            "`num_samples` must be left out where there is a label for each "
            f"sample. Received: num_samples={num_samples}, "
            f"label.shape={y.shape}"
        )
    return class_labels.one_hot(y, num_classes, len(y), "label")


def _look_at(y, num_classes):
    """An operation that fails if a batch has an invalid label."""
    if y.shape.rank == 1:
        fits = tf.reduce_all(
            (y >= 0) & (y < num_classes) | (y == class_labels.UNLABELLED)
        )
    else:
        lost = tf.reduce_all(tf.math.is_nan(y), axis=1)
        zeros_and_ones = tf.reduce_all((y == 0) | (y == 1), axis=1)
        is_one_hot = zeros_and_ones & (tf.reduce_sum(y, axis=1) == 1)
        fits = tf.reduce_all(is_one_hot | lost)
    return examples.refusal(
        fits,
        f"have, in each batch, labels from 0 to {num_classes - 1}, as integers "
        "or one-hot rows, or -1 or rows of NaN without a label. Received, of a "
        "batch, its labels' shape, least and largest value",
        tf.shape(y),
        tf.reduce_min(y),
        tf.reduce_max(y),
    )
