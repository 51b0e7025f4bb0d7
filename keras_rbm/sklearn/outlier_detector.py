"""`RBMOutlierDetector`: finds outliers by their free energy."""

import numbers
from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import OutlierMixin

from keras_rbm import machine as machine_lib
from keras_rbm.chains import Chain
from keras_rbm.sklearn import encoding, rows
from keras_rbm.sklearn.density import DensityEstimator
from keras_rbm.typing import Verbose
from keras_rbm.units import Units


class RBMOutlierDetector(OutlierMixin, DensityEstimator):
    """Outliers are rows of high free energy: log p(v) = -F(v) - log Z.

    A scikit-learn estimator that can replace `IsolationForest` or
    `EllipticEnvelope`. A restricted Boltzmann machine learns the density of
    the rows. `score_samples` is -F(v), which is log p(v) up to the constant
    log Z. The constant does not matter when you compare rows. It differs
    between fits: do not compare scores of two estimators.

    Rows are arrays, data frames or sparse matrices (converted to dense rows
    part by part). With `visible_units="auto"`:

    - a column of an array that holds only 0 and 1 becomes a binary unit. Any
      other column is standardized and becomes a Gaussian unit. Constant columns
      are left out, unless all columns hold only 0 and 1. Later values in these
      columns do not change the score;
    - a data frame is encoded by the schema that `keras_rbm.data.table` infers:
      categories, counts, and so on. Values that the schema does not allow are
      refused.

    The estimator passes scikit-learn's `check_estimator` without exceptions.

    Args:
        n_components: Number of hidden units.
        contamination: Share of the training rows to predict as outliers, in (0,
            0.5], or `"auto"` for Tukey's rule: a row is an outlier if its score
            lies more than 1.5 times the interquartile range below the first
            quartile of the training scores.
        updates: Number of updates of `fit`. With many updates, the machine
            also learns outliers among the training rows.
        batch_size: Number of examples in a batch; all examples, if there are
            fewer.
        learning_rate: The learning rate of the first update, a positive
            number; or `None`, with which `AutoSGD` chooses it.
        visible_units: `"auto"`; a `keras_rbm.data.Schema`, or a dict from
            names to columns, for a data frame; a function of the number of
            features that returns `Units`, such as `keras_rbm.units.Gaussian`
            (rows must then be states of these units); or `None` for
            `Bernoulli`.
        hidden_units: Function of `n_components` that returns `Units`; `None`
            for `Bernoulli`.
        chain: A `keras_rbm.Chain`, of which a copy is used. `None` for
            `PersistentChain(100)`.
        random_state: Integer, `RandomState`, or `None` for a new seed at each
            fit.
        verbose: `"auto"` for a progress bar on a screen if `fit` takes more
            than a few seconds, 1 or 0.

    Attributes:
        offset_: The score below which a row is an outlier.
        model_: The `RBM`, compiled, with its chains and its optimizer.
        encoder_: Converts rows to states of the visible units:
            `encoder_.encode(X)`.
        n_features_in_: Number of features.
        feature_names_in_: Names of the features, if `fit` was given names.

    Reference: Fiore, Palmieri, Castiglione and De Santis (2013), "Network
        anomaly detection with the restricted Boltzmann machine"; Tukey
        (1977), "Exploratory data analysis", section 2D, for the rule.

    Example:
        x_train, x_test = np.random.default_rng(0).normal(size=(2, 60, 3))
        detector = RBMOutlierDetector(4, updates=20, random_state=0)
        detector.fit(x_train)
        outliers = x_test[detector.predict(x_test) == -1]
    """

    def __init__(
        self,
        n_components: int = 64,
        *,
        contamination: float | Literal["auto"] = "auto",
        updates: int = 5000,
        batch_size: int = 32,
        learning_rate: float | None = None,
        visible_units: encoding.VisibleUnits = "auto",
        hidden_units: Callable[[int], Units] | None = None,
        chain: Chain | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: Verbose = 0,
    ):
        super().__init__(
            n_components,
            updates=updates,
            batch_size=batch_size,
            learning_rate=learning_rate,
            visible_units=visible_units,
            hidden_units=hidden_units,
            chain=chain,
            random_state=random_state,
            verbose=verbose,
        )
        self.contamination = contamination

    def fit(self, X: rows.Rows, y: Any = None) -> Self:
        """Learns the density of the rows, and the threshold of the scores.

        Args:
            X: Array, sparse matrix or data frame, of shape `(examples,
                features)`.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ValueError: If an argument is not as described, if all rows are
                equal, if the variance of a column is too large or too small
                for float64, or if training diverged.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            detector = RBMOutlierDetector(4, updates=5, random_state=0)
            is_outlier = detector.fit(x).predict(x) == -1
        """
        self._check_contamination()
        x = self._learn(X)
        self.offset_ = self._offset(self._scores(x))
        return self

    def partial_fit(self, X: rows.Rows, y: Any = None) -> Self:
        """Makes one update, with all rows as its batch.

        The first call creates the model and fits the encoding to its rows: pass
        a few hundred rows. `offset_` is computed from the rows of the last call
        only.

        Args:
            X: As for `fit`.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ValueError: As for `fit`.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            detector = RBMOutlierDetector(4, updates=5, random_state=0)
            for part in np.array_split(x, 3):  # Each makes an update.
                detector.partial_fit(part)
        """
        self._check_contamination()
        x = self._learn_batch(X)
        self.offset_ = self._offset(self._scores(x))
        return self

    def score_samples(self, X: rows.Rows) -> np.ndarray:
        """-F(v), the log-density of the encoded rows up to a constant.

        The higher the score, the more normal the row.

        Args:
            X: As for `fit`.

        Returns:
            `float64` array of shape `(examples,)`, in nats.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            detector = RBMOutlierDetector(4, updates=5, random_state=0).fit(x)
            strangest = np.argsort(detector.score_samples(x))[:5]
        """
        return self._scores(encoding.encoded(self, X))

    def decision_function(self, X: rows.Rows) -> np.ndarray:
        """`score_samples(X) - offset_`: below 0 for outliers.

        Args:
            X: As for `fit`.

        Returns:
            `float64` array of shape `(examples,)`, in nats.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            detector = RBMOutlierDetector(4, updates=5, random_state=0).fit(x)
            is_outlier = detector.decision_function(x) < 0
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: rows.Rows) -> np.ndarray:
        """1 for rows that are normal, -1 for outliers.

        Args:
            X: As for `fit`.

        Returns:
            Integer array of shape `(examples,)`.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            detector = RBMOutlierDetector(4, updates=5, random_state=0).fit(x)
            inliers = x[detector.predict(x) == 1]
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _scores(self, x):
        """-F of encoded rows, in float64."""
        machine = machine_lib.cast(self.model_.machine(), "float64")
        found = np.empty(x.shape[0])
        for first, v in rows.parts(x):
            energies = machine_lib.free_energy(machine, v.astype("float64"))
            found[first : first + len(v)] = -energies.numpy()
        return found

    def _offset(self, scores):
        if self.contamination == "auto":
            first, third = np.percentile(scores, [25, 75])
            return first - 1.5 * (third - first)
        return np.percentile(scores, 100.0 * self.contamination)

    def _check_contamination(self):
        share = self.contamination
        if isinstance(share, str) and share == "auto":
            return
        if (
            isinstance(share, bool)
            or not isinstance(share, numbers.Real)
            or not 0 < share <= 0.5
        ):
            raise ValueError(
                '`contamination` must be "auto" or a number in (0, 0.5]. '
                f"Received: contamination={share!r}"
            )
