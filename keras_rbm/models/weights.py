"""Weights of a model: the optimizer's average of them, and divergence."""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops


def constrain(variables):
    """Applies the constraints of variables, once more.

    Keras averages the weights before it constrains them: their average may
    lie outside.

    Args:
        variables: Keras variables.
    """
    for variable in variables:
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable.value))


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Within this context the model has its optimizer's averaged weights.

    Nothing happens where the optimizer keeps no average (`use_ema=False`) or
    has made no update. Afterwards the weights are back to the last bit.

    Args:
        model: A Keras model.

    Reference: Polyak and Juditsky (1992), "Acceleration of stochastic
        approximation by averaging".
    """
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not getattr(optimizer, "use_ema", False) or not ops.convert_to_numpy(
        optimizer.iterations
    ):
        yield
        return
    variables = model.trainable_variables
    weights = [ops.convert_to_numpy(variable) for variable in variables]
    optimizer.finalize_variable_values(variables)
    constrain(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)


def check_path_to_save(path, zipped=None):
    """Refuses a file of another format than `.keras`, before it is written.

    Args:
        path: What `save` is given.
        zipped: The same; `False` writes a folder, which may have any name.

    Raises:
        ValueError: If Keras would write HDF5, or nothing.
    """
    if zipped is not False and not str(path).endswith(".keras"):
        raise ValueError(
            "`filepath` must end in .keras, the one format that holds all of "
            "a model; its weights alone go to a file that ends in .weights.h5, "
            "by `save_weights`. Received: "
            f"filepath={str(path)!r}"
        )


def is_finite(model):
    """Whether all variables of a model and of its optimizer are finite."""
    return not list(_not_finite(model))


def check_finite(model):
    """Refuses a model that has diverged.

    Args:
        model: A Keras model.

    Raises:
        ValueError: If a variable has values that are not finite.
    """
    for variable in _not_finite(model):
        raise ValueError(
            "Training diverged, and the model is of no use. Lower the learning "
            "rate, or clip the gradient (`clipnorm`). "
            "callbacks.StopOnDivergence would have stopped at the update. "
            f"Received: {variable.path} with values that are not finite"
        )


def _not_finite(model):
    optimizer = getattr(model, "optimizer", None)
    for variable in [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *getattr(optimizer, "variables", ()),
    ]:
        if not np.isfinite(ops.convert_to_numpy(variable)).all():
            yield variable
