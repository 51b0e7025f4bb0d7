"""The RBM of ratings: each user, or each item, has a machine of its own.

This file has its constructor, its update, its metrics and its predictions.
`trainer.py` has `fit`, and `keras_rbm/ratings.py` has `Ratings`, the data.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Literal, Self

import keras
import numpy as np
from keras import ops

from keras_rbm import checks, devices, gradients, random, replicas, units
from keras_rbm import machine as machine_lib
from keras_rbm import ratings as ratings_lib
from keras_rbm.chains import ContrastiveDivergence
from keras_rbm.machine import Machine
from keras_rbm.models import examples, sampling
from keras_rbm.models.layouts import Direct
from keras_rbm.models.metrics import number
from keras_rbm.models.parameters import Parameters, check_normalizable
from keras_rbm.models.trainer import Trainer
from keras_rbm.optimizers import AutoSGD
from keras_rbm.random import Use
from keras_rbm.ratings import Ratings
from keras_rbm.rows import parts
from keras_rbm.samplers import Clamp, Gibbs, run
from keras_rbm.typing import (
    Array,
    Config,
    Examples,
    Initializer,
    Regularizer,
    Shape,
    Tensor,
)

_LEARNING_RATE, _MOMENTUM = 0.05, 0.9
# Most numbers in a part of the predictions.
_NUMBERS = 2**24
# This many ratings at the mean of all items are added to each item's ratings.
_PRIOR_RATINGS = 10.0


@keras.saving.register_keras_serializable("keras_rbm")
class RatingsRBM(Trainer):
    """Restricted Boltzmann machine of the items that a user rated.

    p(v, h | S) ~ exp(sum_(i in S) (v_i W_i h + b_i v_i) - hidden.energy(h)).

    S are the items that a user rated, and v_i is the one-hot level of item i.
    Each user has a machine with the units in S; all machines share the
    weights. Items that the user did not rate are absent: they are neither
    summed out nor sampled. `fit` follows the gradient of the log-likelihood
    sum_users log p(v | S) by contrastive divergence, whose negative phase
    draws only the items in S.

    With `rows="items"`, users and items are exchanged: each item has a
    machine, S are the users who rated the item, and v_i is the level that user
    i gave. A user usually has more ratings than an item has, so the weights of
    a user are learned from more ratings than the weights of an item would be.
    b_i describes how user i rates in general, and the hidden units describe
    the item. Predictions are usually more accurate. They are possible for new
    items, but not for new users; with `rows="users"`, the opposite holds.

    The weights of a unit are W_i = W_0 + w_i. W_0, `shared_kernel`, is the same
    for all units; `kernel` has the w_i. Only the w_i are regularized. A unit
    with few ratings therefore has weights near W_0, the weights that all units
    share, and not near 0.

    With `conditional=True`, the hidden units also get the inputs
    sum_(i in R) D_i, where R are the items that the user is known to have
    rated: the items in S, and items whose rating is unknown
    (`Ratings.with_unknown`). If R = S, the model has the same distributions
    without D, since D_i can be added to the weights W_i of all levels. The
    term then only changes the course of learning.

    Metrics of `fit` and `evaluate`, means over rows (users, or items):

    - `loss`: F(v) - F(v') with v' the sample of the user's own machine, in
      nats. Its gradient is the one that `fit` follows; it is *not* a
      likelihood.
    - `reconstruction_error`: mean squared difference, over the ratings of a
      row, between a rating and its expected value given h = E[h | v]. This
      expected value depends on the rating itself: use
      `evaluation.rating_errors` to measure the error of held-out ratings.

    Args:
        num_items: Number of items.
        values: The values that a rating can have, increasing numbers.
        hidden: `Units`, or an integer for that many `Bernoulli` units.
        num_sweeps: k of contrastive divergence, a positive integer.
            `callbacks.NumSweeps` can change it during training.
        conditional: Whether the hidden units depend on which items were rated.
        kernel_initializer: Keras initializer of the w_i, of shape `(units *
            levels, hidden)`, with D below it. `None` for a normal distribution
            of standard deviation 0.01, drawn from `seed`. (W_0 starts at 0.)
        hidden_bias_initializer: Keras initializer of the hidden units' bias.
        kernel_regularizer: Keras regularizer of the w_i and of D.
        seed: Integer from 0 to 2**64 - 1. The same seed gives the same draws.
            `None` for a seed from Python's generator.
        rows: `"users"` or `"items"`: which of them have a machine each.
        num_users: Number of users; `None` only with `rows="users"`.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Raises:
        ValueError: If an argument is not as described, or hidden units are
            unbounded.

    Reference: Salakhutdinov, Mnih and Hinton (2007), "Restricted Boltzmann
        machines for collaborative filtering".

    Example:
        data = keras_rbm.data.ratings("ratings.csv", test_size=0.1)
        rbm = keras_rbm.RatingsRBM.of(data.train, 100, seed=0)
        rbm.compile()
        rbm.fit(data.train, epochs=10)
        print(keras_rbm.evaluation.rating_errors(rbm, data.train, data.test))
        print(rbm.recommend(data.train, user=7, k=10))
    """

    missing = None
    _chosen_levels: Any = None

    def __init__(
        self,
        num_items: int,
        values: Sequence[float],
        hidden: units.Units | int = 100,
        num_sweeps: int = 1,
        conditional: bool = False,
        kernel_initializer: Initializer | None = None,
        hidden_bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer | None = None,
        seed: int | None = None,
        rows: Literal["users", "items"] = "users",
        num_users: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_items = checks.positive_integer("num_items", num_items)
        self.num_users = num_users
        if num_users is not None:
            self.num_users = checks.positive_integer("num_users", num_users)
        self.rows = rows
        self._num_units = _number_of_units(rows, self.num_items, self.num_users)
        self.values = _checked_values(values)
        self.conditional = checks.boolean("conditional", conditional)
        self.seed = checks.seed(seed)
        devices.check(seed=seed)
        softmax = units.Softmax(self._num_units, len(self.values))
        self.visible: units.Units = softmax
        if self.conditional:
            rated = units.Bernoulli(self._num_units)
            self.visible = units.Composite(softmax, rated)
        self.hidden: units.Units = units.get("hidden", hidden)
        self.chain = ContrastiveDivergence(num_sweeps)
        self.layout = UsersAsRows(self.visible, self.hidden, self)
        self.parameters = Parameters(
            self.visible,
            self.hidden,
            kernel_initializer
            or keras.initializers.RandomNormal(0.0, 0.01, self.seed % 2**31),
            None,
            hidden_bias_initializer,
            kernel_regularizer,
            None,
            None,
            dtype=self.dtype_policy,
        )
        check_normalizable(self.parameters)
        self._means = [
            keras.metrics.Mean(name=name)
            for name in ("loss", "reconstruction_error")
        ]
        self.build((None, self.visible.width))

    @classmethod
    def of(cls, ratings: Ratings, *args, **kwargs) -> Self:
        """Returns an untrained model for the items and values of ratings.

        Args:
            ratings: `Ratings`.
            *args: The arguments of the constructor from `hidden` on.
            **kwargs: Further arguments of the constructor.

        Example:
            rbm = keras_rbm.RatingsRBM.of(ratings, hidden=8, seed=0)
            print(rbm.num_items, rbm.values)
        """
        ratings_lib.check(ratings, "ratings")
        kwargs.setdefault("num_users", ratings.num_users)
        return cls(ratings.num_items, ratings.values, *args, **kwargs)

    def build(self, input_shape: Shape) -> None:
        if self.built:  # By the constructor.
            return
        self.parameters.build()
        self.shared_kernel = self.add_weight(
            name="shared_kernel",
            shape=(len(self.values), self.hidden.width),
            initializer="zeros",
            autocast=False,
        )
        self.updates = self.add_weight(
            name="updates",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.chain.build((None, self.visible.width), (None, self.hidden.width))
        self.parameters.trainable = self.trainable

    def get_config(self) -> Config:
        arguments = self.parameters.get_arguments()
        names = (
            "kernel_initializer",
            "hidden_bias_initializer",
            "kernel_regularizer",
        )
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "values": list(self.values),
            "hidden": keras.saving.serialize_keras_object(self.hidden),
            "num_sweeps": self.chain.get_config()["num_sweeps"],
            "conditional": self.conditional,
            "seed": self.seed,
            "rows": self.rows,
            "num_users": self.num_users,
            **{name: arguments[name] for name in names},
            **self.parameters.frozen_config(),
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(keras.saving.deserialize_keras_object(config))
        learn_visible = config.pop("learn_visible", True)
        model = cls(**config)
        model.parameters.learn_visible = learn_visible
        return model

    # Parameters and machine.

    @property
    def kernel(self) -> keras.Variable:
        """The w_i above D, variable of shape `(visible.width, hidden)`.

        `machine().kernel` has W_0 added to each w_i.
        """
        return self.parameters.kernel

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The variables that `fit` learns."""
        if not self.trainable:
            return []
        return [*self.parameters.trained_by_fit(), self.shared_kernel]

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """The same as `trainable_variables`."""
        return self.trainable_variables

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """All other variables."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    @property
    def non_trainable_weights(self) -> list[keras.Variable]:
        """All other weights."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trained]

    @property
    def metrics(self) -> list[keras.Metric]:
        return list(self._means)

    def machine(self) -> Machine:
        """The current parameters as a `Machine` of all units.

        In the row of a user (or of an item), absent units are zeros.

        Example:
            machine = model.machine()
            print(machine.visible)  # A site of all levels for each item.
        """
        machine = self.parameters.machine()
        shared = ops.convert_to_tensor(self.shared_kernel.value)
        shared = ops.tile(shared, (self._num_units, 1))
        if self.conditional:  # D has no shared part.
            shared = ops.pad(shared, ((0, self._num_units), (0, 0)))
        kernel = machine.kernel + ops.cast(shared, machine.kernel.dtype)
        return machine._replace(kernel=kernel)

    # Training.

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "auto",
        loss: None = None,
        *,
        steps_per_execution: int | Literal["auto"] = "auto",
        jit_compile: bool | Literal["auto"] = "auto",
        **kwargs,
    ) -> None:
        """Configures training; there is no loss to choose.

        Args:
            optimizer: Any Keras optimizer, or `"auto"` for
                `keras.optimizers.SGD(0.05, momentum=0.9)`. With SGD, the
                weights of an item with few ratings change little, so that the
                model does not memorize these ratings.
            loss: Must be `None`.
            steps_per_execution: See `RBM.compile`.
            jit_compile: See `RBM.compile`.
            **kwargs: See `RBM.compile`.

        Raises:
            ValueError: If the optimizer is an `AutoSGD`, which does not
                support ratings, or for the reasons that `RBM.compile` lists.

        Example:
            rbm = keras_rbm.RatingsRBM.of(ratings, hidden=8, seed=0)
            rbm.compile(keras.optimizers.SGD(0.02, momentum=0.9))
        """
        if isinstance(optimizer, AutoSGD):
            raise ValueError(
                "`optimizer` must not be AutoSGD: it chooses its step by the "
                "variance of all columns, which few users have. Use "
                f"keras.optimizers.SGD. Received: optimizer={optimizer!r}"
            )
        if isinstance(optimizer, str) and optimizer == "auto":
            with devices.scope(self.distribute_strategy):
                optimizer = keras.optimizers.SGD(
                    _LEARNING_RATE, momentum=_MOMENTUM
                )
        super().compile(
            optimizer,
            loss,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            **kwargs,
        )

    def prepare(self, x: Examples, sample_weight: Array | None = None) -> None:
        """Initializes an untrained model from the shares of each unit's levels.

        The biases become the logarithms of these shares, after adding 10
        ratings, distributed as the ratings of all units, to each unit.
        """
        if ops.convert_to_numpy(self.updates) or examples.is_dataset(x):
            return
        weight = np.ones(len(x)) if sample_weight is None else sample_weight
        width = self._num_units * len(self.values)
        counts = np.zeros(width)
        for first, part in parts(x):
            own = np.asarray(weight[first : first + len(part)], "float64")
            counts += own @ np.nan_to_num(part[:, :width])
        counts = counts.reshape(self._num_units, -1)
        shares = counts.sum(axis=0) + 1.0
        shares = shares / shares.sum()
        bias = np.log(counts + _PRIOR_RATINGS * shares)
        bias -= bias.mean(axis=1, keepdims=True)
        whole = np.zeros(self.visible.width)
        whole[:width] = bias.ravel()
        self.parameters.visible_params["bias"].assign(whole)

    def finish(self, v: Array, sample_weight: Array) -> None:
        """Checks nothing: the checks need rows without absent units."""

    def make_completer(self, x: Examples) -> None:
        """Returns `None`: absent items are not drawn."""

    def check_to_sample(self) -> None:
        """Refuses a machine that is not normalizable.

        Raises:
            ValueError: If its parameters are not finite.
        """
        sampling.check_kernel(self.machine())

    def gradient_step(
        self, data: Any, seed: Tensor | None = None
    ) -> list[Tensor | None]:
        """Returns the gradient of the free-energy gap of each user's machine.

        A unit that is clamped to zeros in all its columns adds nothing to the
        hidden inputs and to the free energy. The machine of a user's items is
        therefore the machine of all items, with absent items clamped to zeros.
        """
        v, clamped, weight = self._unpack(data)
        batch = replicas.batch(v, weight)
        stream = batch.stream(self._stream(Use.TRAIN, seed))
        v_model = self._negative(self.machine(), v, clamped, stream)
        with self.parameters.tape() as tape:
            tape.watch(self.shared_kernel.value)
            gap, _ = gradients.free_energy_gap(
                self.machine(), v, v_model, batch.parts(), batch.parts()
            )
            # The penalty counts once, whatever the number of replicas.
            penalties = sum(self.losses) / replicas.count()
            loss = self.optimizer.scale_loss(gap + penalties)
        variables = [*self.parameters.variables, self.shared_kernel]
        slopes = tape.gradient(loss, variables)
        slopes = replicas.all_sum(slopes)
        paths = [variable.path for variable in variables]
        by_path = dict(zip(paths, slopes, strict=True))
        return [by_path[v.path] for v in self.trainable_variables]

    def apply_step(self, slopes: list[Tensor | None]) -> None:
        """Updates the parameters, and counts the update."""
        if slopes:
            variables = self.trainable_variables
            if not self.optimizer.built:
                self.optimizer.build(variables)
            self.optimizer.apply(slopes, variables)
        self.updates.assign_add(1)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """The metrics of a batch; no other state changes."""
        v, clamped, weight = self._unpack(data)
        machine = self.machine()
        seen = number(replicas.all_sum(self._means[0].count.value))
        stream = random.fold_in(self._stream(Use.EVALUATE), seen)
        stream = replicas.batch(v, weight).stream(stream)
        v_model = self._negative(machine, v, clamped, stream)
        inputs = machine_lib.hidden_inputs(machine, v)
        loss = machine_lib.free_energy(machine, v, inputs)
        loss -= machine_lib.free_energy(machine, v_model)
        h = machine.hidden.mean(inputs, machine.hidden_params)
        mean = machine_lib.visible_mean(machine, h)
        error = self._by_unit(mean - v) @ self._column_of_values(v.dtype)
        rated = ops.sum(self._by_unit(v), axis=2)
        squares = ops.sum(rated * ops.square(error[:, :, 0]), axis=1)
        squares /= ops.maximum(ops.sum(rated, axis=1), 1.0)
        # Users without a rating have weight 0.
        own = ops.cast(ops.any(rated > 0, axis=1), v.dtype)
        weight = own if weight is None else own * ops.cast(weight, v.dtype)
        for metric, value in zip(self._means, (loss, squares), strict=True):
            metric.update_state(value, weight)
        return {metric.name: metric.result() for metric in self._means}

    # Predictions.

    def call(self, inputs: Tensor) -> Tensor:
        """E[h | v] of users or items, of shape `(rows, hidden.width)`."""
        v = ops.cast(inputs, self.variable_dtype)
        v = ops.where(ops.isnan(v), ops.zeros_like(v), v)
        return machine_lib.hidden_mean(self.machine(), v)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.hidden.width)

    def predict_hidden(self, ratings: Ratings) -> np.ndarray:
        """E[h | v] of each user, of shape `(num_users, hidden.width)`.

        With `rows="items"`, E[h | v] of each item.

        Args:
            ratings: `Ratings` of the model's units.

        Raises:
            ValueError: If `ratings` have other units or values.

        Example:
            tastes = model.predict_hidden(ratings)  # A row for each user.
        """
        inputs = self._hidden_inputs(self.oriented(ratings))
        machine = self.machine()
        mean = machine.hidden.mean(inputs, machine.hidden_params)
        return ops.convert_to_numpy(mean)

    def predict_levels(
        self, ratings: Ratings, users: Array, items: Array
    ) -> np.ndarray:
        """p(v_q | the user's other ratings) of pairs of a user and an item q.

        The distribution is exact for hidden units of all types. The machine
        consists of the user's items and q. If `ratings` contain a rating of q
        by the user, it is left out. With `rows="items"`, the result is the
        distribution of the user's level in the machine of the item's users,
        given the ratings of the other users.

        Args:
            ratings: `Ratings` of the model's units, the known ratings.
            users: Numbers of users, of shape `(pairs,)`.
            items: Numbers of items, of the same shape.

        Returns:
            Array of shape `(pairs, levels)`, whose rows sum to 1.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            user, item = ratings.user("ann"), ratings.item("Brazil")
            (p,) = model.predict_levels(ratings, [user], [item])
            print(dict(zip(ratings.values, p, strict=True)))  # p of each value.
        """
        oriented = self.oriented(ratings)
        users = _numbers("users", users, ratings.num_users)
        items = _numbers("items", items, ratings.num_items)
        if users.shape != items.shape:
            raise ValueError(
                "`users` and `items` must be as many. Received: users of "
                f"shape {users.shape}, items of shape {items.shape}"
            )
        rows, columns = users, items
        if self.rows == "items":
            rows, columns = items, users
        inputs = self._hidden_inputs(oriented)
        found = np.empty((len(users), len(self.values)), "float32")
        size = max(1, _NUMBERS // (self.hidden.width * len(self.values)))
        for first in range(0, len(users), size):
            part = slice(first, first + size)
            found[part] = self._law(oriented, inputs, rows[part], columns[part])
        return found

    def predict_ratings(
        self, ratings: Ratings, users: Array, items: Array
    ) -> np.ndarray:
        """E[rating | the other ratings] of pairs of a user and an item.

        Returns the means of the distributions of `predict_levels`, which
        minimize the expected squared error. Arguments and errors are the same
        as for `predict_levels`.

        Returns:
            Array of shape `(pairs,)`.

        Example:
            user, item = ratings.user("ann"), ratings.item("Brazil")
            (stars,) = model.predict_ratings(ratings, [user], [item])
        """
        p = self.predict_levels(ratings, users, items)
        return p @ np.asarray(self.values, "float32")

    def recommend(
        self,
        ratings: Ratings,
        user: Hashable,
        k: int = 10,
        interest: Array | None = None,
    ) -> list[tuple[Hashable, float]]:
        """The k unrated items whose expected rating is largest.

        The model predicts how a user rates an item, not whether the user is
        interested in it. With `interest`, items are ranked by interest_i
        E[rating_i], where interest_i is proportional to the probability that
        the user rates item i at all.

        Args:
            ratings: `Ratings` of the model's items. The user may be new to
                the model.
            user: The user's name in `ratings`.
            k: Number of items, at most.
            interest: Numbers of 0 or more, one for each item, of shape
                `(num_items,)`, such as `ratings.popularity()`, or the means of
                an `RBM` that has learned `ratings.indicators()`; or `None`.

        Returns:
            List of pairs (name of the item, expected rating), the best item
            first.

        Raises:
            ValueError: If there is no such user, or an argument is not as
                described.

        Example:
            for name, stars in model.recommend(ratings, "ann", k=3):
                print(f"{name}: {stars:.1f} expected")
        """
        self._checked(ratings)
        k = checks.positive_integer("k", k)
        number = ratings.user(user)
        own = slice(ratings.starts[number], ratings.starts[number + 1])
        items = np.setdiff1d(np.arange(self.num_items), ratings.items[own])
        users = np.full(len(items), number)
        scores = expected = self.predict_ratings(ratings, users, items)
        if interest is not None:
            shape = (ratings.num_items,)
            interest = ratings_lib.check_interest(interest, shape)
            scores = interest[items] * expected
        best = np.argsort(-scores, kind="stable")[:k]
        return [
            (ratings.item_names[items[i]], float(expected[i])) for i in best
        ]

    def oriented(self, ratings: Ratings) -> Ratings:
        """Ratings whose users are the rows that the model learns from.

        Args:
            ratings: `Ratings` of the model's units.

        Returns:
            `ratings`; with `rows="items"`, `ratings.transposed()`.

        Raises:
            ValueError: If `ratings` have other units or values.

        Example:
            by_items = keras_rbm.RatingsRBM.of(ratings, 4, rows="items", seed=0)
            print(by_items.oriented(ratings).num_users)  # The number of items.
        """
        self._checked(ratings)
        return ratings.transposed() if self.rows == "items" else ratings

    # Steps that several methods share.

    def _stream(self, use, seed=None):
        stream = sampling.stream(self.seed if seed is None else seed, use)
        return random.fold_in(stream, self.updates.value)

    def _unpack(self, data):
        """Rows with zeros for absent units, clamped entries, and weights."""
        x, _, weight = keras.utils.unpack_x_y_sample_weight(data)
        x = ops.cast(x, self.variable_dtype)
        clamped = ops.isnan(x)
        v = ops.where(clamped, ops.zeros_like(x), x)
        if self.conditional:
            softmax, rated = self.visible.columns
            clamped = ops.concatenate(
                [clamped[:, softmax], ops.ones_like(clamped[:, rated])], axis=1
            )
        return v, clamped, weight

    def _negative(self, machine, v, clamped, stream):
        """Samples of each user's machine, k sweeps after the user's data."""
        gibbs = Gibbs()
        state, _ = run(
            gibbs,
            machine,
            gibbs.init(machine, v),
            stream,
            self.chain.num_sweeps.value,
            clamp=Clamp(clamped, v),
        )
        return gibbs.samples(state)

    def _by_unit(self, v):
        """The columns of the ratings, `(rows, units, levels)`."""
        levels = len(self.values)
        v = v[:, : self._num_units * levels]
        return ops.reshape(v, (-1, self._num_units, levels))

    def _column_of_values(self, dtype):
        return ops.reshape(ops.cast(self.values, dtype), (-1, 1))

    def _hidden_inputs(self, ratings):
        """Inputs of the hidden units, `(rows, hidden.width)`."""
        machine = self.machine()
        rows = ratings.rows(self.conditional)
        return ops.concatenate(
            [
                machine_lib.hidden_inputs(
                    machine, ops.convert_to_tensor(np.nan_to_num(part))
                )
                for _, part in parts(rows)
            ]
        )

    def _law(self, ratings, inputs, rows, units):
        """`predict_levels` for some pairs of a row and a unit."""
        machine, levels = self.machine(), len(self.values)
        columns = units[:, None] * levels + np.arange(levels)
        x = ops.take(inputs, rows, axis=0)
        rated, own = _find(ratings, rows, units)
        # Leaves out the hidden inputs from the rating itself.
        is_known = (own >= 0).astype("float32")[:, None]
        x -= is_known * ops.take(
            machine.kernel, units * levels + np.maximum(own, 0), axis=0
        )
        if self.conditional:
            new = (~rated).astype("float32")[:, None]
            first = self._num_units * levels
            x += new * ops.take(machine.kernel, first + units, axis=0)
        x = x[:, None] + ops.take(machine.kernel, columns, axis=0)
        logits = machine.hidden.log_partition(
            ops.reshape(x, (-1, self.hidden.width)), machine.hidden_params
        )
        bias = ops.take(machine.visible_params["bias"], columns)
        logits = ops.reshape(logits, columns.shape) + bias
        return ops.convert_to_numpy(ops.softmax(logits, axis=1))

    def _checked(self, ratings):
        """Returns the ratings after a check of their units and values."""
        ratings_lib.check(ratings, "ratings")
        units, count = "items", ratings.num_items
        if self.rows == "items":
            units, count = "users", ratings.num_users
        if (
            count != self._num_units
            or tuple(ratings.values.tolist()) != self.values
        ):
            raise ValueError(
                f"`ratings` must be of {self._num_units} {units}, with the "
                f"values {list(self.values)}: the model has a unit for each "
                f"of these {units}. Received: ratings={ratings!r}"
            )
        return ratings


class UsersAsRows(Direct):
    """A layout whose examples are the users (or items) of `Ratings`.

    Args:
        visible: `Units` of the machine's visible side.
        hidden: `Units` of its hidden side.
        model: The `RatingsRBM`.
    """

    def __init__(self, visible: units.Units, hidden: units.Units, model):
        super().__init__(visible, hidden)
        self._oriented = model.oriented
        self._indicators = model.conditional

    def joined(
        self, x: Examples, y: Any, names: tuple[str, str] = ("x", "y")
    ) -> tuple[Examples, Any]:
        ratings_lib.check(x, names[0])
        ratings_lib.known(x, names[0])
        return self._oriented(x).rows(self._indicators), y

    def joined_validation(self, data: Any) -> Any:
        if isinstance(data, tuple | list):
            return (self.joined(data[0], None)[0], *data[1:])
        return self.joined(data, None, ("validation_data", "y"))[0]


def _number_of_units(rows, num_items, num_users):
    """The number of items; with `rows="items"`, the number of users."""
    if rows not in ("users", "items"):
        raise ValueError(
            f'`rows` must be "users" or "items". Received: rows={rows!r}'
        )
    if rows == "users":
        return num_items
    if num_users is None:
        raise ValueError(
            '`num_users` must be given with `rows="items"`, where each user '
            "has a unit. Use RatingsRBM.of(ratings, ...). Received: "
            "num_users=None"
        )
    return num_users


def _checked_values(values):
    """The values of ratings as a tuple of floats."""
    found = np.asarray(values)
    if (
        found.ndim != 1
        or len(found) < 2
        or found.dtype.kind not in "fui"
        or not np.isfinite(found).all()
        or not (np.diff(found) > 0).all()
    ):
        raise ValueError(
            "`values` must be two or more increasing numbers, the values of a "
            f"rating. Received: values={values!r}"
        )
    return tuple(found.astype("float64").tolist())


def _numbers(name, x, end):
    """Numbers of users or items, checked."""
    x = np.asarray(x)
    if x.ndim != 1 or (len(x) and x.dtype.kind not in "ui"):
        raise ValueError(
            f"`{name}` must be integers, of one axis. Received: {name} of "
            f"shape {x.shape}, {x.dtype}"
        )
    x = x.astype("int64")
    if len(x) and not (0 <= x.min() and x.max() < end):
        raise ValueError(
            f"`{name}` must be integers from 0 to {end - 1}. Received: {name} "
            f"from {x.min()} to {x.max()}"
        )
    return x


def _find(ratings, users, items):
    """Which pairs are rated, and their levels; -1 for unknown levels."""
    if not len(ratings):
        return np.zeros(len(users), bool), np.full(len(users), -1)
    addresses = ratings.users.astype("int64") * ratings.num_items
    addresses += ratings.items
    wanted = users * ratings.num_items + items
    place = np.searchsorted(addresses, wanted)
    place = np.minimum(place, len(addresses) - 1)
    rated = addresses[place] == wanted
    return rated, np.where(rated, ratings.levels[place], -1)
