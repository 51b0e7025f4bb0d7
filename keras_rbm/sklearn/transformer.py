"""A restricted Boltzmann machine as a transformer of scikit-learn."""

import time

import keras
import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from keras_rbm import gibbs, likelihood, random
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.models import finite
from keras_rbm.sklearn import rows, start, training


class RBMTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """E[h | v] of a restricted Boltzmann machine as features of v.

    An estimator of scikit-learn that can stand where its `BernoulliRBM`
    stands: the arguments up to `random_state`, the methods and the attributes
    have the same names and meanings. What differs:

    - The visible bias starts from the log-odds of the data, the gradient is
      centred, and examples are shuffled anew for each iteration.
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
        batch_size: Number of examples in a batch, and of chains; with fewer
            examples all are one batch.
        n_iter: Number of iterations over the data, of `ceil(examples /
            batch_size)` updates each. 0 gives the start.
        verbose: 1 prints a line after each iteration.
        random_state: Integer, `RandomState`, or `None` for another at each
            fit.
        chain: A `keras_rbm.Chain`, of which a copy is used. `None` for
            `PersistentChain(batch_size)`.
        momentum: Weight of past gradients, in [0, 1).
        weight_decay: How much of the weights is subtracted from their
            gradient, 0 or more.
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
        approximations to the likelihood gradient"; Melchior, Fischer and
        Wiskott (2016), "How to center deep Boltzmann machines".
    """

    def __init__(
        self,
        n_components=256,
        *,
        learning_rate=0.1,
        batch_size=10,
        n_iter=10,
        verbose=0,
        random_state=None,
        chain=None,
        momentum=0.0,
        weight_decay=0.0,
        visible_units=None,
        hidden_units=None,
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
        self.visible_units = visible_units
        self.hidden_units = hidden_units

    @property
    def components_(self):
        return keras.ops.convert_to_numpy(self.model_.kernel).T

    @property
    def intercept_hidden_(self):
        bias = self.model_.hidden_params["bias"]
        return keras.ops.convert_to_numpy(bias)

    @property
    def intercept_visible_(self):
        bias = self.model_.visible_params["bias"]
        return keras.ops.convert_to_numpy(bias)

    def fit(self, X, y=None):
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
        self._start(X)
        examples, width = X.shape
        batch_size = min(self.batch_size, examples)
        updates = -(-examples // batch_size)
        steps = training.steps_in_block(batch_size, width)
        block = np.zeros((steps, batch_size, width), "float32")
        fill = rows.batches(X, batch_size, self.random_state_)
        update = training.updates(self.model_)
        for iteration in range(1, self.n_iter + 1):
            begin = time.perf_counter()
            for first in range(0, updates, steps):
                count = min(steps, updates - first)
                fill(block, count)
                update(self.model_, block, count)
            if self.verbose:
                score = self._scores(X, iteration).mean()
                print(
                    f"[{type(self).__name__}] Iteration {iteration}, "
                    f"pseudo-likelihood = {score:.2f}, "
                    f"time = {time.perf_counter() - begin:.2f}s"
                )
        finite.check(self.model_)
        return self

    def partial_fit(self, X, y=None):
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
        block = rows.dense(X, slice(None)).astype("float32")[None]
        training.updates(self.model_)(self.model_, block, 1)
        finite.check(self.model_)
        return self

    def transform(self, X):
        """E[h | v], for binary units p(h = 1 | v).

        Args:
            X: Array or sparse matrix of shape `(examples, features)`.

        Returns:
            Array of shape `(examples, n_components)`, of the dtype of `X`.
        """
        X, machine = self._ready(X)
        h = np.empty((X.shape[0], self.model_.hidden.width), X.dtype)
        for first, v in rows.parts(X):
            h[first : first + len(v)] = machine_lib.hidden_mean(machine, v)
        return h

    def score_samples(self, X):
        """n_features log p(v_i | v_-i), with a random site i of each example.

        An estimate, without bias, of the pseudo-log-likelihood sum_i
        log p(v_i | v_-i), which `model_.pseudo_log_likelihood` computes. The
        site is a function of the example and of `random_state`. Values
        between 0 and 1 are rounded.

        Args:
            X: Array or sparse matrix of shape `(examples, features)`.

        Returns:
            Array of shape `(examples,)`, in nats.
        """
        check_is_fitted(self)
        rng = check_random_state(self.random_state)
        X = self._validated(X)
        return self._scores(X, rng.randint(2**31 - 1))

    def gibbs(self, v):
        """One sweep of Gibbs sampling, h from p(h | v) and v from p(v | h).

        Each call gives another draw; the first one after `fit` depends on
        `random_state` alone.

        Args:
            v: Array or sparse matrix of shape `(examples, features)`.

        Returns:
            Array of the shape of `v`, of states.
        """
        v, machine = self._ready(v)
        stream = random.stream(self.random_state_.randint(2**31 - 1))
        return np.concatenate(
            [
                _sweep(machine, part, stream._replace(first_row=first))
                for first, part in rows.parts(v)
            ]
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _validated(self, X, reset=False):
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            reset=reset,
            dtype=(np.float64, np.float32),
        )

    def _ready(self, X):
        """Data, and the machine in their dtype."""
        check_is_fitted(self)
        X = self._validated(X)
        return X, machine_lib.cast(self.model_.machine(), X.dtype.name)

    def _scores(self, X, seed):
        machine = machine_lib.cast(self.model_.machine(), X.dtype.name)
        stream = random.stream(seed)
        scores = np.empty(X.shape[0], X.dtype)
        for first, v in rows.parts(X):
            # The address of the draw is the row itself, not its number.
            own = rows.checksums(v) - np.arange(len(v), dtype="uint32")
            here = stream._replace(first_row=own.view("int32"))
            v = self.model_.visible.nearest(v)
            scores[first : first + len(v)] = (
                likelihood.stochastic_pseudo_log_likelihood(machine, v, here)
            )
        return scores

    def _start(self, X):
        self.random_state_ = check_random_state(self.random_state)
        seed = self.random_state_.randint(2**31 - 1)
        self.model_ = start.model(self, X, seed)
        self._n_features_out = self.model_.hidden.width


_sweep = compiled(gibbs.sweep)
