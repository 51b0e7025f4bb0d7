"""Averaged weights: the optimizer's, for as long as they are needed."""

import contextlib
from collections.abc import Iterator

import keras
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
