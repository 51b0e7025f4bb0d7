"""Whether what a model has learned is still numbers."""

import keras
import numpy as np


def is_finite(model):
    """Whether all that is learned is a number, and finite."""
    return not list(_offenders(model))


def check(model):
    """Refuses a model that has diverged.

    Args:
        model: A Keras model.

    Raises:
        ValueError: If a trainable variable has values that are not finite.
    """
    for variable in _offenders(model):
        raise ValueError(
            "Training diverged, and the model is of no use. Lower the learning "
            "rate, or clip the gradient (`clipnorm`). "
            "callbacks.StopOnDivergence would have stopped at the update. "
            f"Received: {variable.path} with values that are not finite"
        )


def _offenders(model):
    for variable in model.trainable_variables:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            yield variable
