"""`RBMSampler`: learns from rows, and draws synthetic ones like them."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from keras_rbm import checks, samplers
from keras_rbm.chains import Chain
from keras_rbm.sklearn import encoding, rows
from keras_rbm.sklearn.density import DensityEstimator
from keras_rbm.typing import Verbose
from keras_rbm.units import Units

# The largest number of training rows from which chains start.
_STARTS = 1000


class RBMSampler(DensityEstimator):
    """Synthetic rows: draws v ~ p(v) of a restricted Boltzmann machine.

    A scikit-learn estimator that can replace `KernelDensity` to draw rows, also
    for mixed columns. If you fit it to a data frame, `sample` returns a data
    frame of the same library, with the same names, types and categories, but
    without the columns that the schema drops. (pandas' Sparse columns become
    dense.) If you fit it to an array or a sparse matrix, `sample` returns an
    array.

    A chain that starts from noise may stay in the first mode that it reaches,
    and the draws then contain rare kinds of rows too often. `fit` therefore
    starts chains from up to 1,000 training rows and moves them by `num_sweeps`
    sweeps; `sample` moves them by `num_sweeps` further sweeps. The estimator
    keeps these draws, `chains_`, and no training rows. A draw may still
    resemble a training row.

    Args:
        n_components: Number of hidden units.
        updates: Number of updates of `fit`.
        batch_size: Number of examples in a batch; all examples, if there are
            fewer.
        num_sweeps: Number of sweeps of a chain in `fit`, from a training row
            to a state in `chains_`, and again in `sample`, from there to a
            draw.
        sampler: A `keras_rbm.samplers.Sampler`; `None` for `Gibbs()`.
        learning_rate: As for `RBMOutlierDetector`.
        visible_units: As for `RBMOutlierDetector`.
        hidden_units: As for `RBMOutlierDetector`.
        chain: The chain for training, as for `RBMOutlierDetector`.
        random_state: Integer, `RandomState`, or `None` for a new seed at each
            fit.
        verbose: `"auto"` for progress bars on a screen if a method takes more
            than a few seconds, 1 or 0.

    Attributes:
        chains_: States of the visible units from which `sample` starts.
        model_: The `RBM`, compiled, with its chains and its optimizer.
        encoder_: Converts rows to states of the visible units:
            `encoder_.encode(X)`.
        n_features_in_: Number of features.
        feature_names_in_: Names of the features, if `fit` was given names.

    Example:
        frame = pd.read_csv("people.csv")
        sampler = RBMSampler(4, updates=5, num_sweeps=5, random_state=0)
        synthetic = sampler.fit(frame).sample(10)  # Also a data frame.
    """

    def __init__(
        self,
        n_components: int = 64,
        *,
        updates: int = 20_000,
        batch_size: int = 32,
        num_sweeps: int = 100,
        sampler: samplers.Sampler | None = None,
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
        self.num_sweeps = num_sweeps
        self.sampler = sampler

    def fit(self, X: rows.Rows, y: Any = None) -> Self:
        """Learns the density of the rows.

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
            sampler = RBMSampler(4, updates=5, num_sweeps=20, random_state=0)
            synthetic = sampler.fit(x).sample(10, random_state=0)
        """
        checks.positive_integer("num_sweeps", self.num_sweeps)
        samplers.get(self.sampler)
        x = self._learn(X)
        count = min(_STARTS, x.shape[0])
        own = self.random_state_.permutation(x.shape[0])[:count]
        # The choice of rows is random, but not their order.
        starts = rows.dense(x, np.sort(own))
        self.chains_ = self._moved(starts, self.random_state_)
        return self

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Draws rows, each with its own chain.

        Args:
            n_samples: Number of rows.
            random_state: Integer or `RandomState`; the same integer gives the
                same rows. `None` for the estimator's own generator, with which
                each call gives new rows; the first call after `fit` then
                depends only on the estimator's `random_state`.

        Returns:
            A data frame of the same library as in `fit`, or an array of shape
            `(n_samples, n_features)`.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            sampler = RBMSampler(4, updates=5, num_sweeps=20, random_state=0)
            synthetic = sampler.fit(x).sample(10, random_state=0)
            print(synthetic.shape)  # (10, 3)
        """
        check_is_fitted(self)
        n_samples = checks.positive_integer("n_samples", n_samples)
        checks.in_memory("n_samples", (n_samples, self.model_.visible.width))
        rng = (
            self.random_state_
            if random_state is None
            else check_random_state(random_state)
        )
        # The numbers of draws from any two chains differ by at most 1.
        order = rng.permutation(len(self.chains_))
        starts = self.chains_[np.resize(order, n_samples)]
        return self.encoder_.decode(self._moved(starts, rng))

    def _moved(self, starts, rng):
        """States of chains from `starts` after `num_sweeps` sweeps."""
        return self.model_.sample(
            start=starts,
            num_sweeps=self.num_sweeps,
            sampler=self.sampler,
            seed=rng.randint(2**31 - 1),
            verbose=self.verbose,
        ).numpy()
