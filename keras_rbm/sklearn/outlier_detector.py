"""`RBMOutlierDetector`: outliers, by the free energy."""

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

    An estimator of scikit-learn that can stand where its `IsolationForest` or
    `EllipticEnvelope` stands. A restricted Boltzmann machine learns the
    density of the rows; `score_samples` is -F(v), which is log p(v) up to a
    constant that no comparison of rows needs. Since the constant of another
    fit is another one, scores of two estimators are not to be compared.

    Rows are arrays, sparse matrices, which are made dense by parts, or data
    frames. With `visible_units="auto"`

    - a column of an array that holds 0 and 1 alone is one of binary units,
      and any other is standardized, for Gaussian units. Columns that are
      constant are left out, unless all columns hold 0 and 1 alone: whatever
      they hold later, the score does not depend on it;
    - a data frame goes by the schema that `keras_rbm.data.table` infers from
      it: categories, counts, and so on. Values that the schema does not allow
      are refused.

    scikit-learn's `check_estimator` passes without exceptions.

    Args:
        n_components: Number of hidden units.
        contamination: Share of outliers among the rows of `fit`, in
            (0, 0.5]: so many of them are predicted to be outliers. `"auto"`
            for Tukey's rule: an outlier is a row whose score is below the
            first quartile of the scores of `fit` by more than 1.5 times the
            distance of the quartiles.
        updates: Number of updates of `fit`. More of them learn the outliers
            that are among the rows too.
        batch_size: Number of examples in a batch; all of them, if fewer.
        learning_rate: The rate of the first update, a positive number, or
            `None` for `AutoSGD`'s.
        visible_units: `"auto"`; a `keras_rbm.data.Schema`, or a dict from
            names to columns, for a data frame; a function of the number of
            features that returns `Units`, such as `keras_rbm.units.Gaussian`,
            of which the rows then are states; or `None` for `Bernoulli`.
        hidden_units: Function of `n_components` that returns `Units`; `None`
            for `Bernoulli`.
        chain: A `keras_rbm.Chain`, of which a copy is used. `None` for
            `PersistentChain(100)`.
        random_state: Integer, `RandomState`, or `None` for another at each
            fit.
        verbose: `"auto"` for a progress bar on a screen if `fit` takes more
            than a few seconds, 1 or 0.

    Attributes:
        offset_: The score below which a row is an outlier.
        model_: The `RBM`, compiled, with its chains and its optimizer.
        encoder_: The map of rows to states of the visible units:
            `encoder_.encode(X)`.
        n_features_in_: Number of features.
        feature_names_in_: Their names, if they had some in `fit`.

    Reference: Fiore, Palmieri, Castiglione and De Santis (2013), "Network
        anomaly detection with the restricted Boltzmann machine"; Tukey
        (1977), "Exploratory data analysis", section 2D, for the rule.

    Example:
        detector = RBMOutlierDetector(random_state=0).fit(x_train)
        x_test[detector.predict(x_test) == -1]
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
        """Learns the density of the rows, and the score of an outlier.

        Args:
            X: Array, sparse matrix or data frame, of shape `(examples,
                features)`.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ValueError: If an argument is not as described, all rows are
                alike, or training diverged.
        """
        self._check_contamination()
        x = self._learn(X)
        self.offset_ = self._offset(self._scores(x))
        return self

    def partial_fit(self, X: rows.Rows, y: Any = None) -> Self:
        """Makes one update, with all rows as its batch.

        The first call starts the model from these rows, and fits what maps
        rows to states: give it some hundreds. `offset_` follows from the rows
        of the last call alone.

        Args:
            X: As for `fit`.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ValueError: As for `fit`.
        """
        self._check_contamination()
        x = self._learn_batch(X)
        self.offset_ = self._offset(self._scores(x))
        return self

    def score_samples(self, X: rows.Rows) -> np.ndarray:
        """-F(v), the log of the density up to a constant.

        The higher, the more normal. The density is one of the encoded rows.

        Args:
            X: As for `fit`.

        Returns:
            `float64` array of shape `(examples,)`, in nats.
        """
        return self._scores(encoding.encoded(self, X))

    def decision_function(self, X: rows.Rows) -> np.ndarray:
        """`score_samples(X) - offset_`: below 0 for outliers.

        Args:
            X: As for `fit`.

        Returns:
            `float64` array of shape `(examples,)`, in nats.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: rows.Rows) -> np.ndarray:
        """1 for rows that are normal, -1 for outliers.

        Args:
            X: As for `fit`.

        Returns:
            Integer array of shape `(examples,)`.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _scores(self, x):
        """-F of rows that are states, in float64."""
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
