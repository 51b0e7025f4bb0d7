"""What a run depends on: if it changes, the run is another one."""

import collections.abc
import hashlib
import json

import keras
import numpy as np
import tensorflow as tf

from keras_rbm.version import __version__


def settings(model, data, steps_per_epoch, epochs, num_sweeps=None, **others):
    """All that decides the weights, the metrics and the order of a run.

    Paths, pictures and how often something is measured do not count. Neither
    does the number of epochs, where nothing depends on it: a run at a
    constant learning rate can be prolonged.

    Args:
        model: A compiled Keras model.
        data: A `keras_rbm.data.Data`.
        steps_per_epoch: Number of updates in an epoch.
        epochs: Number of epochs.
        num_sweeps: Schedule of the number of sweeps, or `None`.
        **others: Further settings, as they are.

    Returns:
        Nested dictionaries as JSON would give them back.
    """
    found = {
        "model": _without_names(model.get_config()),
        "optimizer": keras.saving.serialize_keras_object(model.optimizer),
        "data": {
            name: _digest(getattr(data, name))
            for name in ("train", "validation")
        },
        "steps_per_epoch": steps_per_epoch,
        "num_sweeps": num_sweeps,
        **others,
    }
    if _has_fractions(num_sweeps):
        found["epochs"] = epochs
    found["optimizer"] = _without_names(found["optimizer"])
    # By way of JSON, in which keys are text and tuples are lists.
    return json.loads(json.dumps(found, default=_told))


def versions():
    """What bit-for-bit repetition depends on beside the settings."""
    return {
        "keras_rbm": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


def _without_names(config):
    """Keras's automatic names count how many objects came before."""
    if isinstance(config, dict):
        return {
            key: _without_names(value)
            for key, value in config.items()
            if key not in ("name", "shared_object_id")
        }
    if isinstance(config, list | tuple):
        return [_without_names(value) for value in config]
    return config


def _digest(x):
    if x is None:
        return None
    sum_ = hashlib.sha256(np.ascontiguousarray(x)).hexdigest()
    return f"{x.dtype} {'x'.join(map(str, x.shape))} {sum_[:16]}"


def _has_fractions(num_sweeps):
    return isinstance(num_sweeps, collections.abc.Mapping) and any(
        isinstance(begin, float) for begin in num_sweeps
    )


def _told(value):
    """What JSON cannot hold, such as the name of a function."""
    return getattr(value, "__name__", None) or str(value)
