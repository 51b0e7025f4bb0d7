"""Constraints of parameters, applied after each update."""

import keras
from keras import ops

from keras_rbm import checks
from keras_rbm.typing import Config


@keras.saving.register_keras_serializable("keras_rbm")
class SpectralBound(keras.constraints.Constraint):
    """||W||_2 <= value, by W min(1, value / bound(W)).

    bound(W) = min(||W||_F, sqrt(||W||_1 ||W||_inf)) is never less than the
    largest singular value, and costs no more than a look at W: what is kept
    may be smaller than it need be, but never larger. It makes machines
    normalizable both sides of which are without bound.

    Args:
        value: A positive number.

    Raises:
        ValueError: If `value` is not a positive number.

    Reference: Golub and Van Loan (2013), "Matrix computations", section 2.3,
        corollary 2.3.2.

    Example:
        rbm = keras_rbm.RBM(
            keras_rbm.Gaussian(16),
            keras_rbm.Gaussian(4),
            kernel_constraint=keras_rbm.SpectralBound(0.9),
        )
    """

    def __init__(self, value: float):
        self.value = checks.positive_number("value", value)

    def __call__(self, w):
        size = ops.abs(w)
        sums = ops.max(ops.sum(size, axis=0)) * ops.max(ops.sum(size, axis=1))
        bound = ops.sqrt(ops.minimum(sums, ops.sum(ops.square(size))))
        # A little less, so that rounding does not lead beyond.
        value = ops.cast(self.value * (1 - 1e-5), w.dtype)
        return w * (value / ops.maximum(bound, value))

    def get_config(self) -> Config:
        return {"value": self.value}


@keras.saving.register_keras_serializable("keras_rbm")
class AtLeast(keras.constraints.Constraint):
    """No value less than `minimum`, by max(w, minimum)."""

    def __init__(self, minimum):
        self.minimum = minimum

    def __call__(self, w):
        return ops.maximum(w, ops.cast(self.minimum, w.dtype))

    def get_config(self):
        return {"minimum": self.minimum}
