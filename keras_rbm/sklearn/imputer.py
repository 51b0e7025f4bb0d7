"""`RBMImputer`: fills in missing entries, given the observed ones."""

import dataclasses
import types
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import sklearn
from keras import ops
from numpy.typing import ArrayLike
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from keras_rbm import checks, data, random, samplers
from keras_rbm.chains import Chain
from keras_rbm.data import Category, Count, Dropped, Real, Schema, frames
from keras_rbm.optimizers import AutoSGD
from keras_rbm.random import Use
from keras_rbm.samplers import Clamp
from keras_rbm.sklearn import encoding, filling, rows
from keras_rbm.sklearn import model as model_lib
from keras_rbm.sklearn.density import DensityEstimator
from keras_rbm.typing import Verbose
from keras_rbm.units import Units

# Number of persistent chains if no chain is given, and number of rows that are
# completed together.
_CHAINS, _ROWS = 100, 256


class RBMImputer(OneToOneFeatureMixin, TransformerMixin, DensityEstimator):
    """Fills in missing entries: E[v_missing | v_observed].

    A scikit-learn estimator that can replace `IterativeImputer` or
    `KNNImputer`, also for tables of mixed columns. A restricted Boltzmann
    machine learns the joint distribution of all columns from the observed
    entries; no row is dropped, and no entry is filled in first. Entries must
    be missing at random: whether an entry is missing may depend on the
    observed entries, but not on the missing value itself.

    `transform` fills in each missing entry once:

    - a category, or one of two values, by the most probable one;
    - a number by its conditional mean. A column with heavy tails is encoded
      by its quantiles (or by its logarithm, if the schema says so). For such a
      column, the mean of the encoded number is mapped back, which gives about
      the median. (The mean itself would depend on a few extreme rows);
    - an entry of a row without any observed entry by the mean (or median, or
      most frequent value) of the observed entries of its column.

    As with scikit-learn's `IterativeImputer`, the mean of a column of integers
    need not be an integer. (It is rounded if the type of the column holds only
    integers, such as pandas' `Int64`.) A table completed by means also has less
    variance than the data. `sample` returns several tables with draws from
    p(v_missing | v_observed) instead, for multiple imputation, or a single one
    with `n_imputations=1`. Draws are possible values: if all values of a column
    that `fit` observed are integers, its draws are rounded, and clipped to the
    range of these values.

    For an array, the result is an array. For a pandas or Polars data frame or a
    pyarrow table, it is a table of the same library, with the same columns and
    types. (pandas' Sparse columns become dense. If an imputed category is not
    in a column's type, it is added. A column in which all entries are `None`
    gets the type of the imputed values.) Observed entries stay as they are.
    With `visible_units="auto"`, `keras_rbm.data.table` infers the schema of a
    data frame, with `missing="nan"`, except that integers in a range of up to
    10 are categories, and other integers are real numbers. (`Binomial` units
    of many trials have a large variance, and slow down the learning of all
    columns.)
    Columns of an array are `Bernoulli` (two values), `Softmax` (3 to 10
    integers) or `Gaussian` (other numbers, standardized, or by quantiles if the
    tails are heavy).

    These columns are not part of the model:

    - A column of one observed value is filled in with this value.
    - A column without observed values is left out of the result. With
      `keep_empty_features=True` it is kept: as zeros in an array, as missing
      entries in a data frame.
    - Columns of a data frame that the schema drops for another reason, such
      as free text, identifiers and dates, stay as they are, with a warning if
      they have missing entries.

    The missing entries of a `Category(missing=True)` are one of its values:
    they also stay missing, with a warning.

    Args:
        n_components: Number of hidden units.
        updates: Number of updates of `fit`.
        batch_size: Number of examples in a batch; all examples, if there are
            fewer.
        num_sweeps: Number of Gibbs sweeps of `transform` and `sample`, with the
            observed entries clamped. `transform` averages over the second half
            of the sweeps.
        add_indicator: Whether the result has a further column of 0 and 1 for
            each feature with missing entries in `fit`, where 1 marks a missing
            entry.
        keep_empty_features: Whether the result includes features that had no
            observed entry in `fit`.
        learning_rate: The learning rate of the first update, a positive
            number; or `None`, with which `AutoSGD` chooses it.
        visible_units: `"auto"`; or, for a data frame, a
            `keras_rbm.data.Schema` or a dict from names to columns. Missing
            entries are NaN for the model, whatever the schema's
            `keeps_missing` is.
        hidden_units: Function of `n_components` that returns `Units`; `None`
            for `Bernoulli`.
        chain: A `keras_rbm.Chain`, of which a copy is used. `None` for
            `PersistentChain(100)`.
        random_state: Integer, `RandomState`, or `None` for a new seed at each
            fit.
        verbose: `"auto"` for a progress bar on a screen if `fit` takes more
            than a few seconds, 1 or 0.

    Attributes:
        model_: The `RBM`, compiled, with its chains and its optimizer; `None`
            if no column varies.
        encoder_: Converts rows to states of the visible units:
            `encoder_.encode(X)`.
        empty_features_: Indices of the features without any observed entry.
        indicator_features_: Indices of the features with missing entries.
        n_features_in_: Number of features.
        feature_names_in_: Names of the features, if `fit` was given names.

    Reference: Salakhutdinov, Mnih and Hinton (2007), "Restricted Boltzmann
        machines for collaborative filtering"; Rubin (1987), "Multiple
        imputation for nonresponse in surveys", on several tables.

    Example:
        x = np.random.default_rng(0).normal(size=(200, 1)) + np.zeros((1, 3))
        x[::4, 1] = np.nan
        imputer = RBMImputer(8, updates=200, random_state=0)
        completed = imputer.fit_transform(x)
        tables = imputer.sample(x, n_imputations=5, random_state=0)
    """

    def __init__(
        self,
        n_components: int = 64,
        *,
        updates: int = 10_000,
        batch_size: int = 32,
        num_sweeps: int = 200,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
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
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learns the joint distribution of the columns.

        Args:
            X: Array or data frame of shape `(examples, features)`. Missing
                entries are NaN, masked entries of a masked array, or missing
                values of the data frame.
            y: Not used.

        Returns:
            The estimator.

        Raises:
            ValueError: If an argument is not as described, if `X` holds
                infinite values, if the variance of a column is too large or
                too small for float64, or if training diverged.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            x[::4, 1] = np.nan
            imputer = RBMImputer(4, updates=5, num_sweeps=20, random_state=0)
            completed = imputer.fit(x).transform(x)
        """
        self._numbers()
        checks.positive_integer("num_sweeps", self.num_sweeps)
        checks.boolean("add_indicator", self.add_indicator)
        checks.boolean("keep_empty_features", self.keep_empty_features)
        if encoding.is_frame(X):
            states, lost = self._fit_frame(X)
        else:
            if self.visible_units != "auto":
                raise ValueError(
                    '`visible_units` must be "auto" for an array. Pass a data '
                    "frame with a schema instead. Received: visible_units="
                    f"{self.visible_units!r}"
                )
            X = self._array(X, reset=True)
            self.encoder_, lost = encoding.Holed(X), np.isnan(X)
            self._integer_bounds = {
                column: bounds
                for column, values in enumerate(X.T)
                if (bounds := filling.integer_bounds(values))
            }
            states = self.encoder_.encode(X)
        self.empty_features_ = np.flatnonzero(lost.all(axis=0))
        self.indicator_features_ = np.flatnonzero(lost.any(axis=0))
        self.random_state_ = check_random_state(self.random_state)
        self._seed = int(self.random_state_.randint(2**31 - 1))
        self.model_ = None
        if states.shape[1]:
            self._fit_model(states[~np.isnan(states).all(axis=1)])
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Fills in missing entries by conditional means or modes.

        The result for a row does not depend on the other rows. The mean of a
        column of integers may have decimals; use `sample` for possible values.

        Args:
            X: Array or data frame with the same columns as in `fit`. Columns of
                a data frame may be in another order. If an array has an
                observed category that was not in `fit`, the category stays in
                the result, and counts as missing when other entries are filled
                in.

        Returns:
            An array, or a data frame of the library of `X`, of shape
            `(examples, features)`; see `get_feature_names_out`. `set_output`
            chooses another library.

        Raises:
            ValueError: If `X` holds infinite values, has other columns than
                in `fit`, or is a data frame with values that the schema does
                not allow.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            x[::4, 1] = np.nan
            imputer = RBMImputer(4, updates=5, num_sweeps=20, random_state=0)
            completed = imputer.fit(x).transform(x)
            print(np.isnan(completed).any())  # False
        """
        check_is_fitted(self)
        X, states = self._encoded(X)
        found = self._filled(X, self._means(states))
        # scikit-learn would make columns of objects, or fail.
        if encoding.is_frame(found) and self._output() == "pandas":
            return filling.to_pandas(found)
        return found

    def sample(
        self,
        X: ArrayLike,
        n_imputations: int = 5,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Draws several completed tables from p(v_missing | v_observed).

        Draws of a column of numbers that were all integers in `fit` are
        rounded, and clipped to the range of these numbers.

        Each row of each table has its own Markov chain, which starts from a
        persistent chain of the training if there are any.

        Args:
            X: See `transform`.
            n_imputations: Number of tables.
            random_state: Integer or `RandomState`; the same integer gives the
                same tables. `None` for the estimator's own generator, with
                which each call gives new tables.

        Returns:
            For an array, an array of shape `(n_imputations, examples,
            features)`. For a data frame, a list of `n_imputations` data
            frames of the library of `X`.

        Raises:
            ValueError: See `transform`.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            x[::4, 1] = np.nan
            imputer = RBMImputer(4, updates=5, num_sweeps=20, random_state=0)
            tables = imputer.fit(x).sample(x, n_imputations=3, random_state=0)
            spread = np.std(tables, axis=0)  # 0 where an entry is known.
        """
        check_is_fitted(self)
        n_imputations = checks.positive_integer("n_imputations", n_imputations)
        rng = (
            self.random_state_
            if random_state is None
            else check_random_state(random_state)
        )
        seed = int(rng.randint(2**31 - 1))
        X, states = self._encoded(X)
        checks.in_memory("n_imputations", (n_imputations, *states.shape))
        stream = random.fold_in(random.stream(seed), Use.SAMPLE)
        tiled = np.tile(states, (n_imputations, 1))
        drawn = self._run(samplers.sample, tiled, stream, np.arange(len(tiled)))
        found = [
            self._filled(X, part, self._integer_bounds)
            for part in np.split(drawn, n_imputations)
        ]
        return found if encoding.is_frame(X) else np.stack(found)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> np.ndarray:
        """Returns the names of the columns of the result.

        These are the names of the features; features without an observed entry
        are included only with `keep_empty_features`. With `add_indicator`, the
        names `missingindicator_NAME` follow.

        Args:
            input_features: Names of the features; `None` for the names seen in
                `fit`.

        Returns:
            Array of objects.

        Example:
            x = np.random.default_rng(0).normal(size=(60, 3))
            x[::4, 1] = np.nan
            imputer = RBMImputer(4, updates=5, num_sweeps=20, random_state=0)
            print(imputer.fit(x).get_feature_names_out())  # ["x0", "x1", "x2"]
        """
        names = super().get_feature_names_out(input_features)
        found = list(names[self._kept()])
        if self.add_indicator:
            found += [
                f"missingindicator_{name}"
                for name in names[self.indicator_features_]
            ]
        return np.asarray(found, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = False
        return tags

    def _output(self):
        """What `set_output` or scikit-learn's configuration asks for."""
        own = getattr(self, "_sklearn_output_config", {})
        return own.get("transform", sklearn.get_config()["transform_output"])

    def _fit_frame(self, X):
        """Infers the schema; returns the states and the missing entries."""
        encoding.validated(self, X, reset=True, skip_check_array=True)
        X = encoding.dense_frame(X)
        given = self.visible_units
        if isinstance(given, str) and given == "auto":
            given = None
        if isinstance(given, Schema):  # Whatever it says of other models.
            given = dataclasses.replace(given, keeps_missing=True)
        lost = filling.missing(X)
        if given is None and lost.size and not filling.varies(X, lost):
            frame = frames.read(X)
            dropped = dict.fromkeys(frame.columns, Dropped("constant or empty"))
            schema = Schema(dropped, frame.dtypes, frame.library, True)
            states = np.empty((len(lost), 0), "float32")
        else:
            schema, states = self._fit_schema(X, given)
        self.encoder_ = encoding.Table(schema, self._column_names)
        self._constants = filling.constants(X, lost, schema)
        self._integer_bounds = filling.integer_bounds_of_columns(X, schema)
        self._warn_of_holes(lost, schema)
        return states, lost

    def _fit_schema(self, X, given):
        """Returns the schema of a data frame, and the states of its rows."""
        table = data.table(X, given, missing="nan")
        if not isinstance(given, Schema):
            named = {} if given is None else given
            others = {
                name: Category() if column.most - column.least < 10 else Real()
                for name, column in table.schema.columns.items()
                if isinstance(column, Count) and name not in named
            }
            table = data.table(X, table.schema.replace(others))
        return table.schema, table.train

    def _warn_of_holes(self, lost, schema):
        """Warns of columns whose missing entries stay missing."""
        for name, mask in zip(self._column_names, lost.T, strict=True):
            column = schema[name]
            if isinstance(column, Dropped):
                stays = name not in self._constants and not mask.all()
                kind = f"dropped as {column.reason}"
            else:
                stays = isinstance(column, Category) and column.missing
                kind = "Category(missing=True)"
            if stays and mask.any():
                warnings.warn(
                    "The missing entries of a column stay missing if the "
                    "schema drops the column, or has a category for them. Pass "
                    "`visible_units` with another kind for the column, such as "
                    "keras_rbm.data.Category(missing=False). Received: column "
                    f"{name!r}, {kind}",
                    stacklevel=4,
                )

    def _fit_model(self, states):
        seed = self.random_state_.randint(2**31 - 1)
        self.model_ = model_lib.new(self, _CHAINS, seed)
        self.model_.compile(AutoSGD(self._numbers().learning_rate))
        self.model_.optimizer.build(self.model_.trainable_variables)
        self.model_.adapt(states)
        self._train(states)

    def _array(self, X, reset):
        """Rows as an array of floating numbers with NaN."""
        return encoding.validated(
            self,
            X,
            reset,
            dtype=(np.float64, np.float32),
            ensure_all_finite="allow-nan",
        )

    def _encoded(self, X):
        """Returns rows, as an array or a data frame, and their states."""
        is_table = isinstance(self.encoder_, encoding.Table)
        if encoding.is_frame(X):
            X = encoding.dense_frame(X)
        if is_table and encoding.is_frame(X):
            X = encoding.validated(self, X, reset=False, skip_check_array=True)
        else:
            X = self._array(X, reset=False)
        return X, self.encoder_.encode(X)

    def _means(self, states):
        """Returns states with conditional means in place of missing entries."""
        if self.model_ is None:
            return states
        found = states.copy()
        empty = np.isnan(states).all(axis=1)
        found[empty] = self.model_.data_mean.numpy()
        # The address of a draw is the row itself, not its number.
        stream = random.fold_in(random.stream(self._seed), Use.PREDICT_MISSING)
        rest = states[~empty]
        own = rows.checksums(rest).view("int32")
        found[~empty] = self._run(samplers.average_visible, rest, stream, own)
        return found

    def _run(self, function, states, stream, own):
        """Runs chains with the observed entries clamped.

        Args:
            function: `samplers.sample` or `samplers.average_visible`.
            states: Array of shape `(chains, visible.width)`, with NaN.
            stream: A `Stream`.
            own: Integers of shape `(chains,)`, the addresses of the draws.
        """
        found = states.copy()
        num_sweeps = checks.positive_integer("num_sweeps", self.num_sweeps)
        lost = np.flatnonzero(np.isnan(states).any(axis=1))
        if not len(lost):
            return found
        machine = self.model_.machine()
        start = self.model_.fantasy_particles
        if start is None:
            start = self.model_.sample(
                _CHAINS, num_sweeps=num_sweeps, seed=self._seed, verbose=0
            )
        start = np.asarray(start)
        for first in range(0, len(lost), _ROWS):
            # The last part is padded with rows. A row has the same result among
            # any other rows, and only one shape is compiled.
            chains = np.resize(lost[first : first + _ROWS], _ROWS)
            v, address = states[chains], own[chains]
            is_known = ~np.isnan(v)
            begin = np.where(is_known, v, start[address % len(start)])
            # The stream adds the number of each row.
            address = address.astype("int32") - np.arange(_ROWS, dtype="int32")
            drawn = function(
                samplers.get(None),
                machine,
                begin.astype("float32"),
                stream._replace(first_row=ops.convert_to_tensor(address)),
                num_sweeps,
                None,
                Clamp(is_known, np.where(is_known, v, 0).astype("float32")),
                verbose=0,
            )
            drawn = np.where(is_known, v, np.asarray(drawn))
            count = len(lost[first : first + _ROWS])
            found[chains[:count]] = drawn[:count]
        return found

    def _kept(self):
        """Indices of the features that the result has."""
        features = np.arange(self.n_features_in_)
        if self.keep_empty_features:
            return features
        return np.setdiff1d(features, self.empty_features_)

    def _filled(self, X, states, bounds=types.MappingProxyType({})):
        """Returns the rows, with missing entries filled in from the states.

        Values in the columns of `bounds` are rounded, and clipped to these
        bounds.
        """
        if encoding.is_frame(X):
            return self._filled_frame(X, states, bounds)
        if isinstance(self.encoder_, encoding.Table):
            frame = self.encoder_.named(X)
            return filling.to_array(self._filled_frame(frame, states, bounds))
        lost, values = np.isnan(X), self.encoder_.decode(states)
        for column, limits in bounds.items():
            values[:, column] = np.clip(np.rint(values[:, column]), *limits)
        found = np.where(lost, values, X)
        found[:, self.empty_features_] = np.where(
            lost[:, self.empty_features_], 0, X[:, self.empty_features_]
        )
        parts = [found[:, self._kept()]]
        if self.add_indicator:
            parts.append(lost[:, self.indicator_features_].astype(X.dtype))
        return np.concatenate(parts, axis=1)

    def _filled_frame(self, X, states, bounds):
        return filling.filled(
            X,
            filling.decoded(states, self.encoder_.schema, X, bounds),
            self._constants,
            self._kept(),
            self.indicator_features_ if self.add_indicator else (),
        )
