"""The callbacks that tell how good a model is, as far as data allow."""

import logging

import keras

from keras_rbm.callbacks.chain_health import ChainHealth
from keras_rbm.callbacks.log_likelihood import LogLikelihood
from keras_rbm.models import MachineModel
from keras_rbm.typing import Array, Path

_LOG = logging.getLogger("keras_rbm")


def quality(
    model: MachineModel,
    log_dir: Path,
    v: Array | None,
    v_train: Array,
    every: int,
) -> list[keras.callbacks.Callback]:
    """`LogLikelihood` and `ChainHealth` of a model.

    Grey values have no log-likelihood under units of two states: with these
    there is `ChainHealth` alone.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        log_dir: Path of the directory that TensorBoard is shown.
        v: Array of shape `(examples, visible.width)`, validation data;
            `None` to measure `v_train` instead.
        v_train: Training data of the same form.
        every: Number of epochs from one time to the next; 0 for never.

    Returns:
        List of callbacks, to stand before those that use the logs.

    Raises:
        ValueError: If `every` is negative or no integer.
    """
    if not every:
        return []
    split = "validation"
    if v is None:
        split, v, v_train = "train", v_train, None
    found = [ChainHealth(log_dir, v, v_train, every)]
    try:
        model.example_units.check_states(v)
    except ValueError:
        _LOG.info("no log-likelihood: the %s data are not binarized", split)
    else:
        found.append(LogLikelihood(log_dir, v, every, split=split))
    return found
