"""Sparsity targets: penalties on the mean activity of hidden units.

Regularizers for `RBM(hidden_activity_regularizer=...)`, which calls them on
the mean activities q of a batch, of shape `(hidden.width,)`.
"""

import keras
from keras import ops

from keras_rbm import checks
from keras_rbm.typing import Config


@keras.saving.register_keras_serializable("keras_rbm")
class SquaredSparsity(keras.regularizers.Regularizer):
    """strength * sum_j (target - q_j)^2, in nats.

    The penalty has a weak gradient for units that are always off or always on,
    where q hardly depends on the parameters: start from hidden biases that give
    activities near the target.

    Args:
        target: The mean activity to aim at, between 0 and 1.
        strength: lambda, a positive number.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Lee, Ekanadham and Ng (2008), "Sparse deep belief net model for
        visual area V2", section 3.1.

    Example:
        sparsity = keras_rbm.SquaredSparsity(0.05)
        rbm = keras_rbm.RBM(16, 8, hidden_activity_regularizer=sparsity)
    """

    def __init__(self, target: float = 0.05, strength: float = 1.0):
        self.target = checks.fraction("target", target)
        self.strength = checks.positive_number("strength", strength)

    def __call__(self, q):
        return self.strength * ops.sum(ops.square(self.target - q))

    def get_config(self) -> Config:
        return {"target": self.target, "strength": self.strength}


@keras.saving.register_keras_serializable("keras_rbm")
class CrossEntropySparsity(keras.regularizers.Regularizer):
    """-strength * sum_j (target log q_j + (1 - target) log(1 - q_j)).

    In nats, for hidden units in {0, 1}. If a unit gets the same input from all
    examples, the derivative with respect to this input is strength * (q -
    target), which is not weak for units that are always off. q is the mean of
    the batch, not a decaying average over batches; on average, the derivatives
    are the same.

    Args:
        target: The mean activity to aim at, between 0 and 1.
        strength: A positive number, Hinton's "sparsity-cost".

    Raises:
        ValueError: If an argument is not as described.

    Reference: Hinton (2010), "A practical guide to training restricted
        Boltzmann machines", section 11.

    Example:
        sparsity = keras_rbm.CrossEntropySparsity(0.05)
        rbm = keras_rbm.RBM(16, 8, hidden_activity_regularizer=sparsity)
    """

    def __init__(self, target: float = 0.05, strength: float = 0.1):
        self.target = checks.fraction("target", target)
        self.strength = checks.positive_number("strength", strength)

    def __call__(self, q):
        # Moved smoothly away from 0 and 1: clipping would remove the gradient.
        epsilon = keras.config.epsilon()
        q = epsilon + (1 - 2 * epsilon) * q
        return -self.strength * ops.sum(
            self.target * ops.log(q) + (1 - self.target) * ops.log(1 - q)
        )

    def get_config(self) -> Config:
        return {"target": self.target, "strength": self.strength}
