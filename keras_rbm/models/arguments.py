"""Arguments of Keras's `fit`, `evaluate` and `predict`, by name and checked."""

import inspect
import numbers

import numpy as np

from keras_rbm import checks
from keras_rbm.chains import Chain
from keras_rbm.models import inputs, stream_checks

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


def check_data(given, units):
    """Checks the data that `fit` is given, and puts them as Keras wants them.

    Args:
        given: What `named` returned; its `validation_data` may be replaced.
        units: `Units` that the examples must be states of.

    Raises:
        ValueError: If the data cannot be states of the units, are fewer than
            a batch or have no end, or if a weight is negative or no number.
    """
    x, validation = given["x"], given.get("validation_data")
    stream_checks.check_end(
        x, "x", given.get("steps_per_epoch"), "steps_per_epoch"
    )
    inputs.check(x, units, "x", given.get("batch_size"))
    check_weight(given.get("sample_weight"), x)
    if isinstance(validation, tuple | list):
        v, *rest = validation
        inputs.check(v, units, "validation_data")
        check_weight(rest[1] if len(rest) == 2 else None, v)
        if len(rest) == 2 and rest[0] is None:
            rest[0] = no_targets(v)
            given["validation_data"] = (v, *rest)
    elif validation is not None:
        stream_checks.check_end(
            validation,
            "validation_data",
            given.get("validation_steps"),
            "validation_steps",
        )
        inputs.check(validation, units, "validation_data")
        if inputs.is_dataset(validation):
            given["validation_data"] = stream_checks.guarded(validation, units)


def checked(x, units, steps):
    """Returns data for Keras: those of a data set are checked as they come.

    Args:
        x: Array, or `tf.data.Dataset` of batches.
        units: `Units` that the examples must be states of.
        steps: Number of batches to take, or `None` for all.

    Raises:
        ValueError: If the data cannot be states of the units, or have no end.
    """
    stream_checks.check_end(x, "x", steps, "steps")
    inputs.check(x, units, "x")
    return stream_checks.guarded(x, units) if inputs.is_dataset(x) else x


def check_weight(weight, x):
    """Checks the weights of examples; those of a data set are its own."""
    if not inputs.is_dataset(x):
        inputs.check_weight(weight, len(x))


def is_validation(given):
    """Whether it is `fit` that calls `evaluate`, and not a callback of it.

    Args:
        given: The arguments of `evaluate`, by name.
    """
    return given.get("_use_cached_eval_dataset", False)  # Keras says so.


def no_targets(x):
    """Targets that nobody uses: without any, Keras drops sample weights."""
    return np.zeros(len(x), "float32")


def check_chain(chain):
    """Raises a `ValueError` where `chain` is neither a `Chain` nor `None`."""
    if not isinstance(chain, Chain | None):
        raise ValueError(
            "`chain` must be a Chain, such as PersistentChain(100), or "
            f"None. Received: chain={chain!r}"
        )


def refuse_losses(name, loss, given):
    """Refuses a loss and metrics, which a model has of its own.

    Args:
        name: Name of the model's class.
        loss: What came.
        given: Dict of further arguments of `compile`, which then has none of
            them left.

    Raises:
        ValueError: If one of them is not `None`.
    """
    refused = ("loss_weights", "metrics", "weighted_metrics")
    came = {"loss": loss, **{key: given.pop(key, None) for key in refused}}
    for key, value in came.items():
        if value is not None:
            raise ValueError(
                f"{name} takes no `{key}`: it has an objective and metrics "
                f"of its own. Leave `{key}` out."
            )


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
