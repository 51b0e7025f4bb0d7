"""Weights of a model: summary, averages, divergence, and dead units."""

import contextlib
import math
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

# Thresholds of `warn_of_dead_units`: the standard deviation of a hidden mean,
# the share of units with a smaller one, and the number of examples.
_LEAST_DEVIATION, _MOST_DEAD, _FEWEST_ROWS = 1e-3, 0.99, 20


# Meanings of the weights of models, for `summary`.
_MEANINGS = {
    "kernel": "W, the couplings",
    "shared_kernel": "W_0, what the couplings of all units share",
    "updates": "updates made so far",
    "data_mean": "mean of the data",
    "data_variance": "variance of the data",
    "num_sweeps": "sweeps of an update",
    "particles": "states of the chains",
    "hidden_particles": "hidden states of the chains",
    "betas": "inverse temperatures",
    "swap_rates": "rates of exchange",
    "trip_rate": "rate of round trips",
}


def summary(
    model: keras.Model,
    line_length: int | None = None,
    positions: list[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    **kwargs,
) -> None:
    """Prints a row for each weight: its shape, its size and its meaning.

    Has the arguments of `keras.Model.summary`; only `print_fn` is used.

    Args:
        model: A built Keras model. (Models have this function as a method.)
        line_length: Not used.
        positions: Not used.
        print_fn: Function that is called with the text in place of `print`.
        **kwargs: Not used.
    """
    learned = {id(variable) for variable in model.trainable_weights}
    rows = [("Weight", "Shape", "Param #", "What it is", "Learned")]
    for variable in model.weights:
        name = variable.path.removeprefix(f"{model.name}/")
        # Keras numbers the layers of a class across all models.
        name = re.sub(r"\bparameters(_\d+)?/", "", name)
        name = re.sub(r"\boffsets_\d+/", "offsets/", name)
        shape, count = tuple(variable.shape), math.prod(variable.shape)
        yes = "yes" if id(variable) in learned else "no"
        rows.append((name, str(shape), f"{count:,}", _meaning(name), yes))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}  "
        f"{meaning:<{widths[3]}}  {yes}"
        for name, shape, count, meaning, yes in rows
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
    lines = [f'Model: "{model.name}"', "", *table, "", *totals]
    (print_fn or print)("\n".join(lines))


def _meaning(name):
    """The meaning of a weight by the end of its path; "-" if unknown."""
    *_, group, last = ["", *name.split("/")]
    side, _, parameter = last.partition("_")
    if group == "offsets":
        return f"centre of the {last} units"
    if last not in _MEANINGS and side in ("visible", "hidden") and parameter:
        return f"{parameter.replace('_', ' ')} of the {side} units"
    return _MEANINGS.get(last, "-")


def _numbers(variables):
    return sum(math.prod(variable.shape) for variable in variables)


def _bytes(variables):
    return sum(
        math.prod(variable.shape) * tf.as_dtype(variable.dtype).size
        for variable in variables
    )


def constrain(variables):
    """Applies the constraints of variables, once more.

    Keras averages the weights before it constrains them, so that the average
    may violate the constraints.

    Args:
        variables: Keras variables.
    """
    for variable in variables:
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable.value))


def build_optimizer(model: keras.Model) -> None:
    """Creates the variables of a model's optimizer, unless they exist.

    Keras's `LossScaleOptimizer` would create its own variables once more.

    Args:
        model: A compiled Keras model.

    Example:
        rbm = keras_rbm.RBM(16, 8, seed=0)
        rbm.compile("adam")
        models.weights.build_optimizer(rbm)
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Within this context, the model has its optimizer's averaged weights.

    Nothing happens if the optimizer keeps no average (`use_ema=False`) or has
    made no update. At the end, the weights have their previous values, to the
    last bit.

    Args:
        model: A Keras model.

    Reference: Polyak and Juditsky (1992), "Acceleration of stochastic
        approximation by averaging".

    Example:
        rbm = keras_rbm.RBM(16, 8, seed=0)
        rbm.compile(keras.optimizers.SGD(0.05, use_ema=True))
        rbm.fit(x, epochs=3, verbose=0)
        with keras_rbm.models.averaged_weights(rbm):
            features = rbm.predict_hidden(x)
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


def warn_of_dead_units(means: Any, name: str) -> bool:
    """Warns if the hidden units hardly depend on the examples.

    Args:
        means: Array of shape `(examples, hidden.width)`, E[h | v] of some
            examples, not all equal.
        name: Name of the model, for the warning.

    Returns:
        Whether there was a warning.
    """
    means = ops.convert_to_numpy(ops.cast(means, "float64"))
    if len(means) < _FEWEST_ROWS or not np.isfinite(means).all():
        return False
    deviations = means.std(axis=0)
    if (deviations < _LEAST_DEVIATION).mean() < _MOST_DEAD:
        return False
    size = np.abs(means).mean()
    cause = (
        "they are near 0 or 1 for all of them, as after steps that were too "
        "large: lower the learning rate, or train a new model with centring"
        if deviations.max() == 0
        or ((means < 0.02) | (means > 0.98)).mean() > 0.5
        else "the weights are still small, as after too few updates or steps "
        "that are too small: train for more epochs, take smaller batches, or "
        "raise the learning rate"
    )
    warnings.warn(
        f"The hidden means of {name} hardly vary over the examples (standard "
        f"deviations up to {deviations.max():.2g}, mean {size:.2g}), so that "
        f"they are of no use as features: {cause}.",
        UserWarning,
        stacklevel=3,
    )
    return True


def check_path_to_save(path, zipped=None):
    """Refuses to save to a file whose name does not end in `.keras`.

    Args:
        path: The argument `filepath` of `save`.
        zipped: The argument `zipped` of `save`; `False` writes a folder, which
            may have any name.

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
