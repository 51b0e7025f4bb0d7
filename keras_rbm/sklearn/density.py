"""`DensityEstimator`: the base of `RBMOutlierDetector` and `RBMSampler`."""

import abc
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from keras_rbm import checks
from keras_rbm.chains import Chain
from keras_rbm.models.weights import check_finite
from keras_rbm.optimizers import AutoSGD, learning_rate, spread
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.sklearn import encoding, rows, training
from keras_rbm.sklearn import model as model_lib
from keras_rbm.typing import Verbose
from keras_rbm.units import Units

# The most examples that choose the learning rate, and the most updates between
# two moves of the progress bar.
_RATE_EXAMPLES, _UPDATES = 2000, 500
# Number of persistent chains if no chain is given.
_CHAINS = 100


class DensityEstimator(BaseEstimator, abc.ABC):
    """Abstract base: an `RBM` of rows of any kind, trained with `AutoSGD`.

    `RBMOutlierDetector` and `RBMSampler` document the arguments and implement
    `fit`.
    """

    def __init__(
        self,
        n_components: int = 64,
        *,
        updates: int = 5000,
        batch_size: int = 32,
        learning_rate: float | None = None,
        visible_units: encoding.VisibleUnits = "auto",
        hidden_units: Callable[[int], Units] | None = None,
        chain: Chain | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: Verbose = 0,
    ):
        self.n_components = n_components
        self.updates = updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.visible_units = visible_units
        self.hidden_units = hidden_units
        self.chain = chain
        self.random_state = random_state
        self.verbose = verbose

    @abc.abstractmethod
    def fit(self, X: rows.Rows, y: Any = None) -> "DensityEstimator":
        """Learns from rows.

        Args:
            X: Array, sparse matrix or data frame, of shape `(examples,
                features)`.
            y: Not used.
        """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _learn(self, X):
        """Trains a new model, and returns the encoded rows."""
        x = self._start(X)
        self._train(x)
        return x

    def _train(self, x):
        """Makes the updates of `fit`, with the encoded rows."""
        examples, width = x.shape
        model, given = self.model_, self._numbers()
        some = rows.drawn(x, _RATE_EXAMPLES)
        self._rate_examples = 0
        model.optimizer.begin(
            0, given.updates, self._rate(some), examples, width, spread(some)
        )
        advance = training.updater(
            model, x, given.batch_size, self.random_state_, given.updates
        )
        bar = ProgressBar(
            given.updates, f"{type(self).__name__} (updates)", self.verbose
        )
        for done in range(0, given.updates, _UPDATES):
            count = min(_UPDATES, given.updates - done)
            advance(count)
            bar.add(count)
        check_finite(model)

    def _learn_batch(self, X):
        """Makes one update, and returns the encoded rows."""
        if hasattr(self, "model_"):
            x = encoding.encoded(self, X)
        else:
            x = self._start(X)
        # The numbers of examples and updates are unknown: 0.
        some = rows.drawn(x, _RATE_EXAMPLES)
        self.model_.optimizer.begin(0, 0, self._rate(some), 0, x.shape[1])
        training.update(self.model_, x)
        check_finite(self.model_)
        return x

    def _start(self, X):
        """Creates the model, starts it from the mean, and encodes the rows."""
        given = self._numbers()
        self.encoder_, x = encoding.fitted(self, X, self.visible_units)
        for _, part in rows.parts(x):
            self.encoder_.units.check(part, "X")
        self.random_state_ = check_random_state(self.random_state)
        seed = self.random_state_.randint(2**31 - 1)
        self._rate_examples = 0
        self.model_ = model_lib.new(self, _CHAINS, seed)
        model_lib.start(self.model_, AutoSGD(given.learning_rate), x)
        return x

    def _numbers(self):
        """Checks the numeric arguments, and converts them to Python numbers.

        A search over an array passes NumPy numbers, which Keras does not
        accept everywhere.
        """
        rate = self.learning_rate
        return types.SimpleNamespace(
            n_components=checks.positive_integer(
                "n_components", self.n_components
            ),
            batch_size=checks.positive_integer("batch_size", self.batch_size),
            learning_rate=None
            if rate is None
            else checks.positive_number("learning_rate", rate),
            updates=checks.non_negative_integer("updates", self.updates),
        )

    def _rate(self, some):
        """The given learning rate, or the one that suits a sample of rows.

        The largest sample so far decides the rate, because a smaller sample
        tells less about the variance.
        """
        rate = self._numbers().learning_rate
        if rate is not None:
            return rate
        if len(some) > self._rate_examples:
            self._rate_examples = len(some)
            if len(some) == 1:
                # A single row has a variance only about 0.
                some = np.concatenate([some, -some])
            model = self.model_
            self._chosen_rate = learning_rate(some, model.visible, model.hidden)
        return self._chosen_rate
