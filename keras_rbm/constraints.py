"""Constraints of parameters, applied after each update."""

import keras
from keras import ops

from keras_rbm import checks
from keras_rbm.typing import Config


@keras.saving.register_keras_serializable("keras_rbm")
class SpectralBound(keras.constraints.Constraint):
    """||W||_2 <= value, by W min(1, value / bound(W)).

    bound(W) = min(||W||_F, sqrt(||W||_1 ||W||_inf)) is at least the largest
    singular value, and costs one pass over W. The constrained kernel may be
    smaller than necessary, but never larger. The constraint keeps machines
    normalizable whose visible and hidden units are both unbounded.

    Args:
        value: A positive number.

    Raises:
        ValueError: If `value` is not a positive number.

    Reference: Golub and Van Loan (2013), "Matrix computations", section 2.3,
        corollary 2.3.2.

    Example:
        rbm = keras_rbm.RBM(
            keras_rbm.Gaussian(16, minimum_precision=1.0),
            keras_rbm.Gaussian(4, minimum_precision=1.0),
            kernel_constraint=keras_rbm.SpectralBound(0.9),
        )
    """

    def __init__(self, value: float):
        self.value = checks.positive_number("value", value)

    def __call__(self, w):
        size = ops.abs(w)
        sums = ops.max(ops.sum(size, axis=0)) * ops.max(ops.sum(size, axis=1))
        bound = ops.sqrt(ops.minimum(sums, ops.sum(ops.square(size))))
        # A little less, so that rounding does not exceed the bound.
        value = ops.cast(self.value * (1 - 1e-5), w.dtype)
        return w * (value / ops.maximum(bound, value))

    def get_config(self) -> Config:
        return {"value": self.value}


@keras.saving.register_keras_serializable("keras_rbm")
class AtLeast(keras.constraints.Constraint):
    """Keeps values at or above `minimum`, by max(w, minimum).

    Example:
        at_least = keras_rbm.constraints.AtLeast(0.5)
        at_least(np.array([0.1, 2.0]))  # [0.5, 2.0]
    """

    def __init__(self, minimum):
        self.minimum = minimum

    def __call__(self, w):
        return ops.maximum(w, ops.cast(self.minimum, w.dtype))

    def get_config(self):
        return {"minimum": self.minimum}


@keras.saving.register_keras_serializable("keras_rbm")
class Within(keras.constraints.Constraint):
    """Keeps values in [-maximum, maximum], by clipping.

    Args:
        maximum: A positive number.

    Example:
        within = keras_rbm.constraints.Within(1.0)
        within(np.array([-3.0, 0.5]))  # [-1.0, 0.5]
    """

    def __init__(self, maximum):
        self.maximum = maximum

    def __call__(self, w):
        return ops.clip(w, -self.maximum, self.maximum)

    def get_config(self):
        return {"maximum": self.maximum}


@keras.saving.register_keras_serializable("keras_rbm")
class ZeroSum(keras.constraints.Constraint):
    """sum_a W_iaj = 0, by W_iaj - mean_b W_ibj, over the categories of a site.

    Many kernels give the same p(v); this gauge selects the kernel with the
    smallest weights, so that machines with `Softmax` visible units lose no
    generality. The constraint does not change the hidden bias to compensate for
    an update, but `keras_rbm.machine.zero_sum` does, and leaves p(v) unchanged.

    Args:
        categories: Number of columns of a site, 2 or more.

    Raises:
        ValueError: If `categories` is not such an integer, or does not divide
            the number of rows of a kernel.

    Example:
        rbm = keras_rbm.RBM(
            keras_rbm.Softmax(10, 4),
            8,
            kernel_constraint=keras_rbm.ZeroSum(4),
        )
    """

    def __init__(self, categories: int):
        self.categories = checks.positive_integer("categories", categories)
        if categories < 2:
            raise ValueError(
                "`categories` must be at least 2. Received: categories="
                f"{categories}"
            )

    def __call__(self, w):
        checks.rows_of_sites(w.shape, self.categories)
        by_site = ops.reshape(w, (-1, self.categories, w.shape[1]))
        by_site = by_site - ops.mean(by_site, axis=1, keepdims=True)
        return ops.reshape(by_site, w.shape)

    def get_config(self) -> Config:
        return {"categories": self.categories}
