"""`RBMTransformer`: a restricted Boltzmann machine for scikit-learn."""

import types
import warnings
from collections.abc import Callable
from typing import Any, Self

import keras
import numpy as np
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state

from keras_rbm import checks, gibbs, likelihood, random
from keras_rbm import machine as machine_lib
from keras_rbm.chains import Chain
from keras_rbm.compiled import compiled
from keras_rbm.models.weights import check_finite, warn_of_dead_units
from keras_rbm.sklearn import encoding, rows, sparse_scores, training
from keras_rbm.sklearn import model as model_lib
from keras_rbm.units import Units


def _parameter(name, key=None, transposed=False):
    """Returns a property: a parameter of `model_` as an array, with a setter.

    Args:
        name: Name of the model's attribute.
        key: Key in the attribute, or `None` if the attribute is the variable.
        transposed: Whether scikit-learn's array is the transpose.

    Returns:
        A `property` whose value is a copy.
    """

    def variable(self):
        found = getattr(self.model_, name)
        return found if key is None else found[key]

    def get(self) -> np.ndarray:
        value = keras.ops.convert_to_numpy(variable(self)).copy()
        return value.T if transposed else value

    def set_(self, value):
        variable(self).assign(value.T if transposed else value)

    return property(get, set_)


class RBMTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """E[h | v] of a restricted Boltzmann machine as features of v.

    A scikit-learn estimator that can replace `BernoulliRBM`. The arguments up
    to `random_state`, the methods and the attributes have the same names and
    meanings. Differences:

    - The visible bias starts from the log-odds of the data, and the weights
      from a normal distribution of variance 1 / n_features. Examples are
      shuffled before each iteration.
    - The weights are kept in float32. Results have the dtype of `X`, float32 or
      float64.
    - `score_samples` depends only on the row and on `random_state`, not on the
      other rows of `X`.
    - `partial_fit` returns the estimator.
    - The arguments from `chain` on, and the attribute `model_`, are new.

    Examples have values from 0 to 1. As in `BernoulliRBM`, other values are
    accepted, but fitting to them gives a warning, because binary units cannot
    represent them. Sparse matrices, and pandas data frames whose columns are
    all Sparse with fill value 0, are converted to dense rows part by part.
    The estimator passes scikit-learn's `check_estimator` without exceptions.

    Args:
        n_components: Number of hidden units.
        learning_rate: Step size of gradient ascent on the mean log-likelihood
            of a batch.
        batch_size: Number of examples in a batch; all examples, if there are
            fewer.
        n_iter: Number of iterations over the data, of `ceil(examples /
            batch_size)` updates each. With 0, the model stays at its start.
        verbose: 1 prints a line after each iteration.
        random_state: Integer, `RandomState`, or `None` for a new seed at each
            fit.
        chain: A `keras_rbm.Chain`, of which a copy is used. `None` for
            `PersistentChain(batch_size)`, as in `BernoulliRBM`; `fit` uses
            fewer chains if there are fewer examples.
        momentum: Weight of past gradients, in [0, 1).
        weight_decay: Multiple of the weights that is subtracted from their
            gradient, 0 or more.
        centered: Whether the gradient is centred, which is the default of
            `RBM`. A centred gradient needs larger learning rates than
            `BernoulliRBM`.
        visible_units: Function of the number of features that returns
            `Units`, such as `keras_rbm.units.Gaussian`, which takes any
            numbers; examples that are not states of the units are refused.
            `None` for `Bernoulli`; a data frame with any column that does not
            hold numbers is then encoded by the schema that
            `keras_rbm.data.table` infers. `"auto"` as for `RBMOutlierDetector`:
            any data frame is encoded by a schema, and real columns of an array
            are standardized. A `keras_rbm.data.Schema`, or a dict from names to
            columns, for a data frame.
        hidden_units: Function of `n_components` that returns `Units`; `None`
            for `Bernoulli`.

    Attributes:
        components_: W, array of shape `(n_components, n_features)`.
        intercept_hidden_: Bias of the hidden units.
        intercept_visible_: Bias of the visible units.
        model_: The `RBM`, compiled, with its chains and its optimizer.
        encoder_: Converts rows to states of the visible units:
            `encoder_.encode(X)`.
        n_features_in_: Number of features.
        feature_names_in_: Names of the features, if `fit` was given names.

    Reference: Tieleman (2008), "Training restricted Boltzmann machines using
        approximations to the likelihood gradient".

    Example:
        transformer = RBMTransformer(8, n_iter=2, random_state=0)
        features = transformer.fit_transform(x)  # Of shape (30, 8).
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
        visible_units: encoding.VisibleUnits = None,
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

    components_ = _parameter("kernel", transposed=True)
    intercept_hidden_ = _parameter("hidden_params", "bias")
    intercept_visible_ = _parameter("visible_params", "bias")

    def fit(self, X: rows.Rows, y: Any = None) -> Self:
        """Learns from `n_iter` iterations over the examples.

        Args:
            X: Array, sparse matrix or data frame, of shape `(examples,
                features)`.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ValueError: If an argument is not as described, or if training
                diverged.

        Example:
            transformer = RBMTransformer(4, n_iter=2, random_state=0)
            features = transformer.fit(x).transform(x)
        """
        given = self._numbers()
        self.encoder_, X = encoding.fitted(self, X, self.visible_units)
        self._check_examples(X)
        self._start(X, X.shape[0])
        passes = training.passes(
            self.model_, X, given.batch_size, self.random_state_
        )
        for iteration in range(1, given.n_iter + 1):
            seconds = next(passes)
            if self.verbose:
                score = self._mean_score(X, iteration)
                print(
                    f"[{type(self).__name__}] Iteration {iteration}, "
                    f"pseudo-likelihood = {score:.2f}, time = {seconds:.2f}s"
                )
        check_finite(self.model_)
        if given.n_iter:
            _, some = next(rows.parts(X))
            means = machine_lib.hidden_mean(self._machine(X), some)
            warn_of_dead_units(means, type(self).__name__)
        return self

    def partial_fit(self, X: rows.Rows, y: Any = None) -> Self:
        """Makes one update, with all examples as its batch.

        The first call starts the model from these examples. One program is
        compiled for all batches of up to 1,024 examples (fewer if examples are
        wide); the size doubles as often as needed for more. With a chain that
        starts from the batch, such as `ContrastiveDivergence`, each batch size
        has its own program.

        Args:
            X: Array, sparse matrix or data frame, of shape `(examples,
                features)`.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ValueError: As for `fit`.

        Example:
            transformer = RBMTransformer(4, n_iter=2, random_state=0)
            for part in np.array_split(x, 3):
                transformer.partial_fit(part)
        """
        given = self._numbers()
        first = not hasattr(self, "model_")
        if first:
            self.encoder_, X = encoding.fitted(self, X, self.visible_units)
        else:
            X = encoding.encoded(self, X)
        self._check_examples(X)
        if first:
            self._start(X)
        self.model_.optimizer.learning_rate = given.learning_rate
        training.update(self.model_, X)
        check_finite(self.model_)
        return self

    def transform(self, X: rows.Rows) -> np.ndarray:
        """E[h | v], for binary units p(h = 1 | v).

        Args:
            X: Array, sparse matrix or data frame, of shape `(examples,
                features)`.

        Returns:
            Array of shape `(examples, n_components)`, of the dtype of `X`.

        Example:
            transformer = RBMTransformer(4, n_iter=2, random_state=0).fit(x)
            features = transformer.transform(x)  # Of shape (len(x), 4).
        """
        X = encoding.encoded(self, X)
        machine = self._machine(X)
        h = np.empty((X.shape[0], self.model_.hidden.width), X.dtype)
        for first, v in rows.parts(X):
            h[first : first + len(v)] = machine_lib.hidden_mean(machine, v)
        return h

    def score_samples(self, X: rows.Rows) -> np.ndarray:
        """n_features log p(v_i | v_-i), with a random site i of each example.

        An unbiased estimate of the pseudo-log-likelihood sum_i log p(v_i |
        v_-i), which `model_.pseudo_log_likelihood` computes. The site is a
        function of the example and of `random_state`. Values between 0 and 1
        are rounded.

        Args:
            X: Array, sparse matrix or data frame, of shape `(examples,
                features)`.

        Returns:
            Array of shape `(examples,)`, in nats.

        Raises:
            ValueError: If the visible units have no list of states.

        Example:
            transformer = RBMTransformer(4, n_iter=2, random_state=0).fit(x)
            print(transformer.score_samples(x).mean())
        """
        X = encoding.encoded(self, X)
        rng = check_random_state(self.random_state)
        return self._scores(X, rng.randint(2**31 - 1))

    def gibbs(self, v: rows.Rows) -> np.ndarray:
        """One sweep of Gibbs sampling, h from p(h | v) and v from p(v | h).

        Each call gives a new draw; the first draw after `fit` depends only on
        `random_state`.

        Args:
            v: Array, sparse matrix or data frame, of shape `(examples,
                features)`.

        Returns:
            Rows of the shape of `v`, decoded from the states.

        Example:
            transformer = RBMTransformer(4, n_iter=2, random_state=0).fit(x)
            drawn = transformer.gibbs(x)  # States, after one sweep.
        """
        v = encoding.encoded(self, v)
        seed = self.random_state_.randint(2**31 - 1)
        machine, stream = self._machine(v), random.stream(seed)
        states = np.concatenate(
            [
                _sweep(machine, part, stream._replace(first_row=first))
                for first, part in rows.parts(v)
            ]
        )
        return self.encoder_.decode(states)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_examples(self, X):
        """Refuses examples that are not states of the visible units."""
        if isinstance(self.encoder_, encoding.States):
            if self.visible_units is not None:
                for _, part in rows.parts(X):
                    self.encoder_.units.check(part, "X")
                return
            low, high = X.min(), X.max()
            if not self.encoder_.units.fits(np.array([low, high])).all():
                warnings.warn(
                    "`X` should hold values from 0 to 1, which is what binary "
                    "units can stand for. Scale it, for example by "
                    "MinMaxScaler(clip=True), or choose `visible_units`. "
                    f"Received: X from {low:g} to {high:g}",
                    stacklevel=3,
                )

    def _start(self, X, most_chains=np.inf):
        """Creates and compiles the model, and starts it from the data's mean.

        If no chain is given, the number of chains is `batch_size`, but at most
        `most_chains`.
        """
        self.random_state_ = check_random_state(self.random_state)
        seed = self.random_state_.randint(2**31 - 1)
        given = self._numbers()
        rbm = model_lib.new(
            self,
            min(given.batch_size, most_chains),
            seed,
            centered=given.centered,
            kernel_initializer=keras.initializers.LecunNormal(seed),
            kernel_regularizer=keras.regularizers.L2(given.weight_decay / 2)
            if given.weight_decay
            else None,
        )
        model_lib.start(
            rbm,
            keras.optimizers.SGD(given.learning_rate, given.momentum),
            X,
            clipped=self.visible_units is None,
        )
        self.model_ = rbm
        self._n_features_out = rbm.hidden.width

    def _numbers(self):
        """Checks arguments, and converts numbers to Python numbers.

        A search over an array passes NumPy numbers, which Keras does not
        accept everywhere.
        """
        momentum = checks.number_from_0("momentum", self.momentum)
        if momentum >= 1:
            raise ValueError(
                "`momentum` must be 0 or more, and less than 1. Received: "
                f"momentum={self.momentum!r}"
            )
        return types.SimpleNamespace(
            n_components=checks.positive_integer(
                "n_components", self.n_components
            ),
            batch_size=checks.positive_integer("batch_size", self.batch_size),
            learning_rate=checks.positive_number(
                "learning_rate", self.learning_rate
            ),
            n_iter=checks.non_negative_integer("n_iter", self.n_iter),
            momentum=momentum,
            weight_decay=checks.number_from_0(
                "weight_decay", self.weight_decay
            ),
            centered=checks.boolean("centered", self.centered),
        )

    def _machine(self, X):
        """The machine in the dtype of the examples."""
        return machine_lib.cast(self.model_.machine(), X.dtype.name)

    def _scores(self, X, seed):
        """n_features log p(v_i | v_-i) of each row, at a random site."""
        machine, stream = self._machine(X), random.stream(seed)
        if sparse.issparse(X) and sparse_scores.is_possible(machine):
            own = rows.checksums(X) - np.arange(X.shape[0], dtype="uint32")
            own = stream._replace(first_row=own.view("int32"))
            return sparse_scores.scores(machine, X, own)
        found = np.empty(X.shape[0], X.dtype)
        for first, v in rows.parts(X):
            # The address of the draw is the row itself, not its number.
            own = rows.checksums(v) - np.arange(len(v), dtype="uint32")
            found[first : first + len(v)] = (
                likelihood.stochastic_pseudo_log_likelihood(
                    machine,
                    self.model_.visible.nearest(v),
                    stream._replace(first_row=own.view("int32")),
                )
            )
        return found

    def _mean_score(self, X, seed):
        """Mean of the scores; NaN for units without a list of states."""
        if not likelihood.pseudo_likelihood_is_defined(self.model_.visible):
            return np.nan
        return self._scores(X, seed).mean()


_sweep = compiled(gibbs.sweep)
