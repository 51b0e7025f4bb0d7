"""`AutoSGD`: gradient descent whose step size `fit` chooses."""

import keras
import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm.typing import Config, Tensor

# Rate times the largest variance of the data: in general, for visible units
# that take all real values, and for hidden units whose means have no bounds.
_RATE, _RATE_REAL, _RATE_UNBOUNDED = 0.3, 1.2, 0.003
_LARGEST_RATE = 0.5
_POWER_STEPS = 30


# From so few examples on the prior of the weights is weakened: it would hold
# them at 0, where learning is slow.
_FEW_EXAMPLES = 400
# And for columns of a smaller variance: they say less of their weights.
_SMALL_VARIANCE = 0.125


@keras.saving.register_keras_serializable("keras_rbm")
class AutoSGD(keras.optimizers.Optimizer):
    """theta <- theta - rate (1 - t / T) gradient, of objective + penalty / N.

    t counts the updates of a call of `fit`, and T is their number: far travel
    first, while the noise of the last part averages out. `fit` sets

    - the rate: 0.3 over the largest eigenvalue of the data's covariance (1.2
      for visible units that take all real values, 0.003 for hidden units
      without bound), at most 0.5. Along the first principal
      component the data pull the weights at a rate that is proportional to
      this eigenvalue;
    - N, the number of examples, and the penalty of the kernel, that of an
      elastic-net prior, sum_ij l1 |W_ij| + l2 / 2 W_ij^2 in nats. It is the
      stronger, the more columns D there are for an example: l1 = 20 D / N, at
      most 2 s, and l2 = 30 D / N, at most 10 s. Here s is the mean over the
      columns of 8 Var(v_i), each at most 1: a column that hardly varies says
      little of its weights, which a strong prior would hold at 0. So it would
      where examples are few: for fewer than 400 both are multiplied by
      (N / 400)^2. Without a known number of examples (a data set without an
      end) there is no penalty.

    Another call of `fit` begins anew; a run that is resumed (`initial_epoch`,
    `initial_step`) goes on.

    Args:
        learning_rate: The rate, a positive number, or `None` for `fit`'s.
        l1: Number, 0 or more, or `None` for `fit`'s.
        l2: The same.
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
        """Creates the state, for the variables that are trained."""
        if self.built:
            return
        super().build(variables)
        # First update of this call of `fit`, number of its updates, and the
        # penalties of an example.
        self.first, self.span, self.l1, self.l2 = (
            self.add_variable((), initializer="zeros", name=name)
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
        """Sets what a call of `fit` needs.

        Args:
            done: Number of updates that a run which is resumed has made.
            updates: Number of updates of the whole run, or 0 if nobody knows:
                then the rate stays as it is.
            rate: The first learning rate, where none was given.
            examples: Number of examples, or 0 if nobody knows.
            width: Number of their columns.
            spread: What the largest penalties are multiplied by, from 0 to
                1: `spread` of the examples.
        """
        self.first.assign(ops.cast(self.iterations, "float32") - done)
        self.span.assign(updates)
        # A run that is resumed goes on with what it began with: it may look at
        # other examples.
        if 0 < done <= int(self.iterations):
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

    def penalty_of(self, kernel: Tensor) -> Tensor:
        """The penalty for an example, a scalar in nats.

        The model adds it to its objective, so that the penalty's gradient is
        centred with the other: a weight that shrinks leaves the units' mean
        inputs as they are.

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


# Covariances of columns that are observed less often are underestimated.
_LEAST_SHARE = np.float32(0.2)


def learning_rate(x, visible, hidden):
    """The first learning rate of `AutoSGD`.

    Args:
        x: Some examples, of shape `(examples, width)`.
        visible: `Units` that they are states of.
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
    """The mean over the columns of their variance times 8, of 1 at most.

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
    both columns are observed, as if missing at random: each centred entry is
    divided by the share s of its column that is observed, and what that adds
    to the variances, a factor of 1 / s, is taken away again.

    Args:
        x: Array of shape `(examples, width)`, NaN where entries are missing.
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
    """Columns less their means, 0 where missing, and the shares observed."""
    known = ~np.isnan(x)
    seen = np.maximum(known.mean(axis=0), 1.0 / len(x)).astype("float32")
    mean = np.where(known, x, 0).mean(axis=0) / seen
    return np.where(known, x - mean, 0).astype("float32"), seen
