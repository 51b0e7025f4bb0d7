"""A restricted Boltzmann machine as a transformer of scikit-learn."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from keras_rbm.chains import Chain
from keras_rbm.models.weights import check_finite
from keras_rbm.sklearn import inference, rows, start, training
from keras_rbm.sklearn.parameter import parameter
from keras_rbm.units import Units


class RBMTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """E[h | v] of a restricted Boltzmann machine as features of v.

    An estimator of scikit-learn that can stand where its `BernoulliRBM`
    stands: the arguments up to `random_state`, the methods and the attributes
    have the same names and meanings. What differs:

    - The visible bias starts from the log-odds of the data, the weights from a
      normal distribution of variance 1 / n_features; examples are shuffled
      anew for each iteration.
    - The weights are kept in float32. What is computed from them is in the
      dtype of `X`, float32 or float64.
    - `score_samples` depends on the row and on `random_state` alone, not on
      the rows beside it.
    - `partial_fit` returns the estimator.
    - Further arguments, from `chain` on, and the `RBM` itself, `model_`.

    Examples have values from 0 to 1. Others are accepted too, as by
    `BernoulliRBM`, with a warning where the model is fitted to them: binary
    units cannot stand for them. Sparse matrices are made dense by parts.

    scikit-learn's `check_estimator` passes without exceptions.

    Args:
        n_components: Number of hidden units.
        learning_rate: Step of gradient ascent of the mean log-likelihood of a
            batch.
        batch_size: Number of examples in a batch; all of them, if fewer.
        n_iter: Number of iterations over the data, of `ceil(examples /
            batch_size)` updates each. 0 gives the start.
        verbose: 1 prints a line after each iteration.
        random_state: Integer, `RandomState`, or `None` for another at each
            fit.
        chain: A `keras_rbm.Chain`, of which a copy is used. `None` for
            `PersistentChain(batch_size)`, which is what `BernoulliRBM` has; of
            fewer chains in `fit`, if there are fewer examples.
        momentum: Weight of past gradients, in [0, 1).
        weight_decay: How much of the weights is subtracted from their
            gradient, 0 or more.
        centered: Whether the gradient is centred, as an `RBM`'s is without
            notice. It takes other learning rates than `BernoulliRBM`, larger
            ones.
        visible_units: Function of the number of features that returns
            `Units`, such as `keras_rbm.units.Gaussian`, which takes any
            numbers. `None` for `Bernoulli`. With one, examples that the units
            cannot stand for are refused.
        hidden_units: The same of `n_components`.

    Attributes:
        components_: W, array of shape `(n_components, n_features)`.
        intercept_hidden_: Bias of the hidden units.
        intercept_visible_: Bias of the visible units.
        model_: The `RBM`, compiled, with its chains and its optimizer.
        n_features_in_: Number of features.
        feature_names_in_: Their names, if they had some in `fit`.

    Reference: Tieleman (2008), "Training restricted Boltzmann machines using
        approximations to the likelihood gradient".
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
        chain: Chain | None = None,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        centered: bool = False,
        visible_units: Callable[[int], Units] | None = None,
        hidden_units: Callable[[int], Units] | None = None,
    ):
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.chain = chain
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.centered = centered
        self.visible_units = visible_units
        self.hidden_units = hidden_units

    components_ = parameter("kernel", transposed=True)
    intercept_hidden_ = parameter("hidden_params", "bias")
    intercept_visible_ = parameter("visible_params", "bias")

    def fit(self, X: rows.Rows, y: Any = None) -> Self:
        """Learns from `n_iter` iterations over the examples.

        Args:
            X: Array or sparse matrix of shape `(examples, features)`.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ValueError: If an argument is not as described, or training
                diverged.
        """
        X = self._validated(X, reset=True)
        start.check_examples(self, X)
        self._start(X, X.shape[0])
        passes = training.passes(
            self.model_, X, self.batch_size, self.random_state_
        )
        for iteration in range(1, self.n_iter + 1):
            seconds = next(passes)
            if self.verbose:
                score = inference.mean_score(self.model_, X, iteration)
                print(
                    f"[{type(self).__name__}] Iteration {iteration}, "
                    f"pseudo-likelihood = {score:.2f}, time = {seconds:.2f}s"
                )
        check_finite(self.model_)
        return self

    def partial_fit(self, X: rows.Rows, y: Any = None) -> Self:
        """Makes one update, with all examples as its batch.

        The first call starts the model from these examples. Each number of
        examples is compiled once, so that it pays to have few.

        Args:
            X: Array or sparse matrix of shape `(examples, features)`.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ValueError: As for `fit`.
        """
        first = not hasattr(self, "model_")
        X = self._validated(X, reset=first)
        start.check_examples(self, X)
        if first:
            self._start(X)
        self.model_.optimizer.learning_rate = self.learning_rate
        training.update(self.model_, X)
        check_finite(self.model_)
        return self

    def transform(self, X: rows.Rows) -> np.ndarray:
        """E[h | v], for binary units p(h = 1 | v).

        Args:
            X: Array or sparse matrix of shape `(examples, features)`.

        Returns:
            Array of shape `(examples, n_components)`, of the dtype of `X`.
        """
        X = self._validated(X)
        return inference.features(self.model_, X)

    def score_samples(self, X: rows.Rows) -> np.ndarray:
        """n_features log p(v_i | v_-i), with a random site i of each example.

        An estimate, without bias, of the pseudo-log-likelihood sum_i
        log p(v_i | v_-i), which `model_.pseudo_log_likelihood` computes. The
        site is a function of the example and of `random_state`. Values
        between 0 and 1 are rounded.

        Args:
            X: Array or sparse matrix of shape `(examples, features)`.

        Returns:
            Array of shape `(examples,)`, in nats.

        Raises:
            ValueError: If the visible units have no list of states.
        """
        X = self._validated(X)
        rng = check_random_state(self.random_state)
        return inference.scores(self.model_, X, rng.randint(2**31 - 1))

    def gibbs(self, v: rows.Rows) -> np.ndarray:
        """One sweep of Gibbs sampling, h from p(h | v) and v from p(v | h).

        Each call gives another draw; the first one after `fit` depends on
        `random_state` alone.

        Args:
            v: Array or sparse matrix of shape `(examples, features)`.

        Returns:
            Array of the shape of `v`, of states.
        """
        v = self._validated(v)
        seed = self.random_state_.randint(2**31 - 1)
        return inference.sweep(self.model_, v, seed)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _validated(self, X, reset=False):
        if not reset:
            check_is_fitted(self)
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            reset=reset,
            dtype=(np.float64, np.float32),
        )

    def _start(self, X, most_chains=np.inf):
        self.random_state_ = check_random_state(self.random_state)
        seed = self.random_state_.randint(2**31 - 1)
        self.model_ = start.model(self, X, seed, most_chains)
        self._n_features_out = self.model_.hidden.width
