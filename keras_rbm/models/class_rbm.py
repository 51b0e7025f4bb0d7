"""The class RBM: features and their label in one machine."""

import warnings
from typing import Any

import keras
import numpy as np

from keras_rbm import checks, units
from keras_rbm.chains import Chain
from keras_rbm.models import arguments, class_objective, inputs, labels
from keras_rbm.models.class_metrics import ClassMetrics
from keras_rbm.models.class_serving import ClassServing
from keras_rbm.models.log_likelihood import LogLikelihood
from keras_rbm.models.rbm import RBM
from keras_rbm.samplers import Sampler
from keras_rbm.typing import Array, Config, Examples, Labels, Tensor, Verbose


@keras.saving.register_keras_serializable("keras_rbm")
class ClassRBM(ClassServing, RBM):
    """RBM of features x and of a label y, p(x, y, h) ~ exp(-beta E(x, y, h)).

    Its visible side is x and beside it y, one-hot: rows (x, one-hot y). The
    label's law given the features is exact, without sampling and without
    log Z; see `class_probabilities`. `fit` minimizes

        L = -generative_weight mean log p(x, y)
            - discriminative_weight mean log p(y | x)

    so that (1, 0) is the generative machine, (0, 1) the discriminative one,
    which runs no chain, and (alpha, 1) the hybrid of the paper.

    `fit(x, y)`, `evaluate(x, y)` and their `validation_data=(x, y)` take
    labels as integers or one-hot rows, or rows (x, one-hot y) alone, as `join`
    makes them; so do data sets. All else that takes `v`, such as `rbm(v)` or
    `free_energy`, takes rows too: a call is E[h | x, y], and the prediction of
    y is `class_probabilities(x)` or `classify(x)`.

    With `generative_weight=0` nothing is learned of p(x, y): `sample_class`
    is refused, and `sample` and `log_likelihood` warn.

    Args:
        features: `Units` of x, or an integer for that many `Bernoulli` units.
        num_classes: Number of classes, 2 or more.
        hidden: `Units` of the hidden side, or an integer, as for x.
        chain: As for `RBM`; left out where `generative_weight` is 0.
        generative_weight: Number, 0 or more.
        discriminative_weight: Number, 0 or more; not both are 0.
        **kwargs: Further arguments of `RBM`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Larochelle and Bengio (2008), "Classification using
        discriminative restricted Boltzmann machines".
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
        weights = class_objective.weights(
            generative_weight, discriminative_weight
        )
        if checks.positive_integer("num_classes", num_classes) < 2:
            raise ValueError(
                "`num_classes` must be 2 or more. Received: "
                f"num_classes={num_classes}"
            )
        chain = class_objective.chain_for(weights[0], chain)
        label = units.Softmax(1, num_classes)
        visible = units.Composite([features, label])
        super().__init__(visible, hidden, chain, **kwargs)
        self.features = features
        self.num_classes = int(num_classes)
        self.generative_weight, self.discriminative_weight = weights
        self._figures = ClassMetrics(visible, self.num_classes, *weights)

    def objective(self, *phases) -> tuple[Tensor, Tensor]:
        """What an update follows; see `class_objective.objective`."""
        return class_objective.objective(
            self.generative_weight,
            self.discriminative_weight,
            self.num_classes,
            *phases,
        )

    def join(self, x: Array, y: Labels) -> np.ndarray:
        """Rows (x, one-hot y), of shape `(examples, visible.width)`.

        Args:
            x: Array of shape `(examples, features.width)`.
            y: Integers from 0 to `num_classes - 1`, or one-hot rows.

        Raises:
            ValueError: If they are not such.
        """
        return labels.joined(x, y, self.features, self.num_classes)

    def class_probabilities(self, x: Array) -> np.ndarray:
        """p(y | x), exactly.

        Args:
            x: Array of shape `(examples, features.width)`.

        Returns:
            Array of shape `(examples, num_classes)`, whose rows sum to 1.

        Raises:
            ValueError: If they cannot be states of the features' units.
        """
        x = self._states(labels.features_of(x, self.features))
        machine, count = self.machine(), self.num_classes
        return class_objective.probabilities(machine, x, count)

    def classify(self, x: Array) -> np.ndarray:
        """The most probable class of each example, `(examples,)`."""
        return self.class_probabilities(x).argmax(axis=1)

    def fit(
        self,
        x: Examples | None = None,
        y: Labels | None = None,
        *args,
        validation_data: tuple[Any, ...] | Examples | None = None,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains the model: `RBM.fit`, with labels.

        Args:
            x: Features, or rows (x, one-hot y) where `y` is left out; or a
                `tf.data.Dataset` of batches of rows, or of (x, y) or
                (x, y, sample_weight).
            y: Labels, as for `join`.
            *args: Further arguments of `RBM.fit`.
            validation_data: (x, y) or (x, y, sample_weight), or a data set.
            **kwargs: Further arguments of `RBM.fit`.

        Raises:
            ValueError: As for `RBM.fit`, or if labels are not such.
        """
        if validation_data is not None:
            kwargs["validation_data"] = labels.validation(
                validation_data, self.features, self.num_classes
            )
        return super().fit(*self._rows(x, y), *args, **kwargs)

    def evaluate(
        self,
        x: Examples | None = None,
        y: Labels | None = None,
        *args,
        **kwargs,
    ) -> float | list[float] | dict[str, float]:
        """Metrics over all of `x`, with labels as for `fit`."""
        if not arguments.is_validation(kwargs):  # `fit` has joined already.
            x, y = self._rows(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def sample(self, *args, **kwargs) -> Tensor:
        """Draws from p(x, y): `RBM.sample`."""
        self._warn("draws")
        return super().sample(*args, **kwargs)

    def log_likelihood(self, *args, **kwargs) -> LogLikelihood:
        """Mean log p(x, y): `RBM.log_likelihood`."""
        self._warn("likelihoods")
        return super().log_likelihood(*args, **kwargs)

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

        The label is held, and the features start from their units without
        inputs: `inpaint`, of all features.

        Args:
            label: The class; or one for each sample, of shape
                `(num_samples,)`, integers or one-hot rows.
            num_samples: Number of samples of the one class; left out where
                there is a label for each.
            num_sweeps: Number of sweeps of each chain.
            seed: As for `inpaint`, as are the others.
            sampler: `Gibbs()`, `Tempered()` or `None`.
            verbose: `"auto"`, 1 or 0.
            inverse_temperature: Of p(x | y), a positive number.

        Returns:
            Tensor of shape `(num_samples, features.width)`, of states.

        Raises:
            ValueError: If an argument is not as described, or
                `generative_weight` is 0.
        """
        if not self.generative_weight:
            raise ValueError(
                "`generative_weight` must be more than 0 to draw features of "
                "a class: this model has learned p(y | x) alone, and nothing "
                "of x. Received: generative_weight=0"
            )
        y = labels.of_samples(label, num_samples, self.num_classes)
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

    def get_config(self) -> Config:
        config = super().get_config()
        del config["visible"]
        return {
            **config,
            "features": keras.saving.serialize_keras_object(self.features),
            "num_classes": self.num_classes,
            "generative_weight": self.generative_weight,
            "discriminative_weight": self.discriminative_weight,
        }

    def _warn(self, what):
        if not self.generative_weight:
            text = "of a ClassRBM with generative_weight=0 mean nothing: it"
            text = f"The {what} {text} learns p(y | x) alone."
            warnings.warn(text, stacklevel=3)

    def _rows(self, x, y):
        """Examples and targets for `RBM`: labels belong to the former."""
        v = labels.rows(x, y, self.features, self.num_classes)
        return v, y if inputs.is_dataset(x) else None
