"""What `summary` prints: all weights of a model, their shapes and sizes."""

import math

import keras
import tensorflow as tf


def lines(model: keras.Model) -> list[str]:
    """A table with a row for each weight; the rows add up to the totals.

    Args:
        model: A Keras model that is built.

    Returns:
        List of lines.
    """
    learned = {id(variable) for variable in model.trainable_weights}
    rows = [("Weight", "Shape", "Param #", "Learned")]
    for variable in model.weights:
        name = variable.path.removeprefix(f"{model.name}/")
        shape, count = tuple(variable.shape), math.prod(variable.shape)
        yes = "yes" if id(variable) in learned else "no"
        rows.append((name, str(shape), f"{count:,}", yes))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}  "
        f"{yes}"
        for name, shape, count, yes in rows
    ]
    table.insert(1, "-" * max(map(len, table)))
    kinds = {
        "Total": model.weights,
        "Trainable": model.trainable_weights,
        "Non-trainable": model.non_trainable_weights,
    }
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        kinds["Optimizer"] = optimizer.variables
    totals = [
        f"{kind} params: {_numbers(variables):,} ({_bytes(variables):,} bytes)"
        for kind, variables in kinds.items()
    ]
    return [f'Model: "{model.name}"', "", *table, "", *totals]


def _numbers(variables):
    return sum(math.prod(variable.shape) for variable in variables)


def _bytes(variables):
    return sum(
        math.prod(variable.shape) * tf.as_dtype(variable.dtype).size
        for variable in variables
    )
