"""Whether what a model has learned is still numbers."""

import keras
import numpy as np


def is_finite(model):
    """Whether all of a model and of its optimizer is numbers, and finite."""
    return not list(_offenders(model))


def check(model):
    """Refuses a model that has diverged.

    Args:
        model: A Keras model.

    Raises:
        ValueError: If a variable has values that are not finite.
    """
    for variable in _offenders(model):
        raise ValueError(
            "Training diverged, and the model is of no use. Lower the learning "
            "rate, or clip the gradient (`clipnorm`). "
            "callbacks.StopOnDivergence would have stopped at the update. "
            f"Received: {variable.path} with values that are not finite"
        )


def _offenders(model):
    optimizer = getattr(model, "optimizer", None)
    for variable in [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *getattr(optimizer, "variables", ()),
    ]:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            yield variable
