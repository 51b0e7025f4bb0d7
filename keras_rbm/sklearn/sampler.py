"""`RBMSampler`: synthetic rows of the kind that it has learned from."""

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

# Rows that chains start from, at most.
_STARTS = 1000


class RBMSampler(DensityEstimator):
    """Synthetic rows: draws v ~ p(v) of a restricted Boltzmann machine.

    An estimator that can stand where scikit-learn's `KernelDensity` stands to
    draw rows, of mixed columns too: fitted to a data frame, `sample` gives a
    data frame of the same library, with its names, types and categories. (The
    columns that its schema drops are left out.) Fitted to an array or to a
    sparse matrix, it gives an array.

    A chain that starts from noise may stay where it came first, so that the
    rare kinds of rows are too frequent. `fit` therefore moves chains
    `num_sweeps` sweeps from up to 1,000 training rows, and `sample` moves them
    on by as many. What is kept, `chains_`, are draws, and no training rows;
    but nothing guarantees that no draw is like a training row.

    Args:
        n_components: Number of hidden units.
        updates: Number of updates of `fit`.
        batch_size: Number of examples in a batch; all of them, if fewer.
        num_sweeps: Number of sweeps of a chain from a training row to what is
            kept, and from there to a draw.
        sampler: A `keras_rbm.samplers.Sampler`; `None` for `Gibbs()`.
        learning_rate: As for `RBMOutlierDetector`.
        visible_units: As for `RBMOutlierDetector`.
        hidden_units: As for `RBMOutlierDetector`.
        chain: The chain of the training, as for `RBMOutlierDetector`.
        random_state: Integer, `RandomState`, or `None` for another at each
            fit.
        verbose: `"auto"` for progress bars on a screen for what takes more
            than a few seconds, 1 or 0.

    Attributes:
        chains_: States of the visible units that `sample` starts from.
        model_: The `RBM`, compiled, with its chains and its optimizer.
        encoder_: The map of rows to states of the visible units:
            `encoder_.encode(X)`.
        n_features_in_: Number of features.
        feature_names_in_: Their names, if they had some in `fit`.

    Example:
        sampler = RBMSampler(random_state=0).fit(frame)
        synthetic = sampler.sample(1000)
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
            ValueError: If an argument is not as described, all rows are
                alike, or training diverged.
        """
        checks.positive_integer("num_sweeps", self.num_sweeps)
        samplers.get(self.sampler)
        x = self._learn(X)
        count = min(_STARTS, x.shape[0])
        own = self.random_state_.permutation(x.shape[0])[:count]
        # In the order of the rows: which rows these are is all that is drawn.
        starts = rows.dense(x, np.sort(own))
        self.chains_ = self._moved(starts, self.random_state_)
        return self

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Draws rows, each by a chain of its own.

        Args:
            n_samples: Number of rows.
            random_state: Integer or `RandomState`: the same gives the same
                rows. `None` for the estimator's own generator: each call then
                gives other rows, the first one after `fit` by the
                `random_state` of the estimator alone.

        Returns:
            A data frame, or an array of shape `(n_samples, n_features)`, of
            the kind that was given to `fit`.

        Raises:
            ValueError: If an argument is not as described.
        """
        check_is_fitted(self)
        n_samples = checks.positive_integer("n_samples", n_samples)
        checks.in_memory("n_samples", (n_samples, self.model_.visible.width))
        rng = (
            self.random_state_
            if random_state is None
            else check_random_state(random_state)
        )
        # Each as often as any other, but for one.
        order = rng.permutation(len(self.chains_))
        starts = self.chains_[np.resize(order, n_samples)]
        return self.encoder_.decode(self._moved(starts, rng))

    def _moved(self, starts, rng):
        """States `num_sweeps` sweeps from others, a chain for each."""
        return self.model_.sample(
            start=starts,
            num_sweeps=self.num_sweeps,
            sampler=self.sampler,
            seed=rng.randint(2**31 - 1),
            verbose=self.verbose,
        ).numpy()
