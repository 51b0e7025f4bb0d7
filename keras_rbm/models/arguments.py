"""Arguments of Keras's `fit`, `evaluate` and `predict`, by name and checked."""

import inspect
import numbers

import numpy as np

from keras_rbm import checks

_COUNTS = ("epochs", "batch_size", "steps_per_epoch", "steps")


def named(method, x, *args, **kwargs):
    """The arguments by name, with targets if there are sample weights.

    Args:
        method: The method that they are for.
        x: What it takes first.
        *args: The others by position.
        **kwargs: The others by name.

    Returns:
        A dict.

    Raises:
        ValueError: If a number is not what Keras can do with, or if there
            are targets or classes that cannot be such.
    """
    given = inspect.signature(method).bind(x, *args, **kwargs).arguments
    given |= given.pop("kwargs", {})
    for name in _COUNTS:
        if given.get(name) is not None or (name == "epochs" and name in given):
            checks.positive_integer(name, given[name])
    frequency = given.get("validation_freq", 1)
    if not isinstance(frequency, list | tuple):
        checks.positive_integer("validation_freq", frequency)
    if given.get("initial_epoch"):
        checks.positive_integer("initial_epoch", given["initial_epoch"])
    if given.get("validation_split"):
        checks.fraction("validation_split", given["validation_split"])
    if given.get("class_weight") is not None:
        raise ValueError(
            "`class_weight` must be left out: there are no classes. Use "
            f"`sample_weight`. Received: class_weight={given['class_weight']}"
        )
    y = given.get("y")
    if y is None and given.get("sample_weight") is not None:
        given["y"] = no_targets(x)
    elif y is not None and not hasattr(y, "__array__"):
        raise ValueError(
            "`y` must be left out: a model of the examples alone has no "
            f"targets. Received: type(y)={type(y).__name__}"
        )
    return given


def no_targets(x):
    """Targets that nobody uses: without any, Keras drops sample weights."""
    return np.zeros(len(x), "float32")


def check_optimizer(optimizer, steps_per_execution):
    """Checks what `compile` cannot do without.

    Args:
        optimizer: Keras optimizer, or what Keras makes one of.
        steps_per_execution: Number of updates in a call.

    Raises:
        ValueError: If there is no optimizer, or no such number.
    """
    checks.positive_integer("steps_per_execution", steps_per_execution)
    if optimizer is None or isinstance(optimizer, type | numbers.Number):
        raise ValueError(
            "`optimizer` must be a Keras optimizer, such as "
            "keras.optimizers.SGD(0.05), or its name. Received: "
            f"optimizer={optimizer!r}"
        )
