"""`AutoSGD`: gradient descent with a learning rate chosen by `fit`."""

import keras
import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm.typing import Config, Tensor

# Rate times the largest variance of the data: in general, for visible units
# that take all real values, and for hidden units with unbounded means.
_RATE, _RATE_REAL, _RATE_UNBOUNDED = 0.3, 1.2, 0.003
_LARGEST_RATE = 0.5
_POWER_STEPS = 30


# Below this number of examples, the prior of the weights is weakened: it would
# hold weights at 0, where learning is slow.
_FEW_EXAMPLES = 400
# The prior is also weakened for columns with a smaller variance, which have
# less information on their weights.
_SMALL_VARIANCE = 0.125


@keras.saving.register_keras_serializable("keras_rbm")
class AutoSGD(keras.optimizers.Optimizer):
    """theta <- theta - rate (1 - t / T) gradient, of objective + penalty / N.

    t counts the updates of a call of `fit`, and T is their number: the
    parameters move far at first, and noise averages out at the end. `fit` sets

    - the rate: 0.3 over the largest eigenvalue of the data's covariance (1.2
      for visible units that take all real values, 0.003 for unbounded hidden
      units), at most 0.5. Along the first principal component the data pull the
      weights at a rate that is proportional to this eigenvalue. It is measured
      on up to 2,000 rows drawn from an array, or on the first 20 batches of a
      data set, which must therefore be shuffled. If the model is
      `standardized`, the data are divided by sqrt(s) (see `gradients.center`);
    - N, the number of examples, and the penalty of the kernel, from an
      elastic-net prior: sum_ij l1 |W_ij| + l2 / 2 W_ij^2, in nats. It grows
      with the number of columns D per example: l1 = 20 D / N, at most 2 s, and
      l2 = 30 D / N, at most 10 s. Here s is the mean over columns of 8
      Var(v_i), each at most 1: a column that hardly varies has little
      information on its weights, which a strong prior would hold at 0. The same
      would happen with few examples: below N = 400, both factors are multiplied
      by (N / 400)^2. If the number of examples is not known (an endless data
      set), there is no penalty, and a given `l1` or `l2` is an error.

    Each call of `fit` restarts the schedule, unless it resumes a run
    (`initial_epoch`, `initial_step`).

    Args:
        learning_rate: The rate, a positive number, or `None` for the choice of
            `fit`.
        l1: Number, 0 or more, or `None` for the choice of `fit`.
        l2: Number, 0 or more, or `None` for the choice of `fit`.
        **kwargs: Further arguments of a Keras optimizer.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Decelle, Fissore and Furtlehner (2017), "Spectral dynamics of
        learning in restricted Boltzmann machines", for the rate along a
        principal component; Zou and Hastie (2005), "Regularization and
        variable selection via the elastic net". The numbers were chosen by
        measurement: docs/results.md, "With nothing given".

    Example:
        rbm = keras_rbm.RBM(30, 16, seed=0)
        rbm.compile(keras_rbm.AutoSGD(l1=1.0))
    """

    def __init__(
        self,
        learning_rate: float | None = None,
        l1: float | None = None,
        l2: float | None = None,
        name: str = "auto_sgd",
        **kwargs,
    ):
        if learning_rate is not None:
            checks.positive_number("learning_rate", learning_rate)
        super().__init__(
            learning_rate=0.1 if learning_rate is None else learning_rate,
            name=name,
            **kwargs,
        )
        self._given_rate = learning_rate
        for argument, value in (("l1", l1), ("l2", l2)):
            if value is not None:
                checks.number_from_0(argument, value)
        self._given_penalties = l1, l2

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the state for the trainable variables."""
        if self.built:
            return
        super().build(variables)
        # First update of this call of `fit`, its number of updates, and the
        # penalties per example.
        self.first, self.span, self.l1, self.l2 = (
            self.add_variable((), "zeros", dtype="float32", name=name)
            for name in ("first", "span", "l1", "l2")
        )

    def begin(
        self,
        done: int,
        updates: int,
        rate: float,
        examples: int,
        width: int,
        spread: float = 1.0,
    ) -> None:
        """Sets the rate, the schedule and the penalties for a call of `fit`.

        Args:
            done: Number of updates made before, if a run is resumed; else 0.
            updates: Number of updates of the whole run; 0 if unknown, which
                keeps the rate constant.
            rate: The first learning rate, used if none was given.
            examples: Number of examples, or 0 if unknown.
            width: Number of columns of the examples.
            spread: Factor of the largest penalties, from 0 to 1: the function
                `spread` of the examples.

        Raises:
            ValueError: If `l1` or `l2` was given, but `examples` is 0.
        """
        self.first.assign(ops.cast(self.iterations, "float32") - done)
        # Not `float(...)`: a value may have a copy on each of several devices.
        was_single = self.span.numpy() < 0
        self.span.assign(updates)
        if not examples and any(self._given_penalties):
            l1, l2 = self._given_penalties
            raise ValueError(
                "`l1` and `l2` of AutoSGD are divided by the number of "
                "examples, which is unknown. Train on an array or a finite "
                "data set, or give the model a `kernel_regularizer`. Received: "
                f"l1={l1}, l2={l2}"
            )
        # A resumed run keeps its first settings: its examples may be others.
        if 0 < done <= self.iterations.numpy() and not was_single:
            return
        if self._given_rate is None:
            self.learning_rate = rate
        n = max(examples, 1)
        few = min(1.0, examples / _FEW_EXAMPLES) ** 2
        for variable, given, factor, most in zip(
            (self.l1, self.l2),
            self._given_penalties,
            (20.0, 30.0),
            (2.0, 10.0),
            strict=True,
        ):
            chosen = (
                few * min(most * spread, factor * width / n)
                if given is None
                else given
            )
            variable.assign(chosen / n if examples else 0.0)

    def begin_single(self) -> None:
        """Keeps the rate constant, without a penalty, until `begin`."""
        self.span.assign(-1)
        self.l1.assign(0)
        self.l2.assign(0)

    def penalty_of(self, kernel: Tensor) -> Tensor:
        """The penalty per example, a scalar in nats.

        The model adds it to its objective, so that the penalty's gradient is
        centred too: shrinking a weight does not change the units' mean inputs.

        Args:
            kernel: W, of any shape.
        """
        l1, l2 = (
            ops.cast(self.l1, kernel.dtype),
            ops.cast(self.l2, kernel.dtype),
        )
        absolute, squares = (
            ops.sum(ops.abs(kernel)),
            ops.sum(ops.square(kernel)),
        )
        return l1 * absolute + l2 / 2 * squares

    def update_step(
        self, gradient: Tensor, variable: Tensor, learning_rate: Tensor
    ) -> None:
        """Moves one variable against its gradient."""
        dtype = variable.dtype
        done = ops.cast(self.iterations, "float32") - self.first
        left = 1 - ops.where(self.span > 0, done / self.span, 0.0)
        rate = ops.cast(learning_rate, "float32") * ops.clip(left, 0.0, 1.0)
        gradient = ops.cast(gradient, dtype)
        self.assign_sub(variable, ops.cast(rate, dtype) * gradient)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "learning_rate": self._given_rate,
            "l1": self._given_penalties[0],
            "l2": self._given_penalties[1],
        }


# For columns observed less often than this, covariances are underestimated.
_LEAST_SHARE = np.float32(0.2)


def learning_rate(x, visible, hidden):
    """The first learning rate of `AutoSGD`.

    Args:
        x: Some examples, of shape `(examples, width)`.
        visible: `Units` of which the examples are states.
        hidden: The hidden `Units`.
    """
    if not np.isinf(hidden.least_curvature()):
        target = _RATE_UNBOUNDED
    elif np.isinf(visible.support).all():
        target = _RATE_REAL
    else:
        target = _RATE
    return min(_LARGEST_RATE, target / max(largest_variance(x), 1e-12))


def spread(x):
    """The mean over columns of 8 times the variance, each at most 1.

    Args:
        x: Some examples, of shape `(examples, width)`.
    """
    x = np.asarray(x, "float32")
    if np.isnan(x).any():
        x, seen = _centered(x)
        variance = (x**2).mean(axis=0) / seen
    else:
        variance = np.var(x, axis=0)
    return float(np.minimum(variance / _SMALL_VARIANCE, 1.0).mean())


def largest_variance(x):
    """The largest eigenvalue of the covariance of the columns.

    With missing entries, covariances are estimated from the examples in which
    both columns are observed, assuming that entries are missing at random: each
    centred entry is divided by the observed share s of its column, and the
    resulting factor 1 / s of the variances is removed.

    Args:
        x: Array of shape `(examples, width)`, with NaN for missing entries.
    """
    x = np.asarray(x, "float32")
    excess = np.float32(0.0)
    if np.isnan(x).any():
        x, seen = _centered(x)
        seen = np.maximum(seen, _LEAST_SHARE)
        x = x / seen
        excess = (x**2).mean(axis=0) * (1.0 - seen)
    else:
        x = x - x.mean(axis=0)
    direction = np.random.PCG64(0).random_raw(x.shape[1]) / 2.0**64 - 0.5
    value = 0.0
    for _ in range(_POWER_STEPS):
        direction = direction.astype("float32")
        image = x.T @ (x @ direction) / len(x) - excess * direction
        value = float(np.linalg.norm(image))
        if not value:
            return 0.0
        direction = image / value
    return value


def _centered(x):
    """Columns minus their means, 0 where missing, and the observed shares."""
    known = ~np.isnan(x)
    seen = np.maximum(known.mean(axis=0), 1.0 / len(x)).astype("float32")
    mean = np.where(known, x, 0).mean(axis=0) / seen
    return np.where(known, x - mean, 0).astype("float32"), seen
