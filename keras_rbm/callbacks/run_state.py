"""What a run needs beside its model, as JSON can hold it."""

from typing import NamedTuple

import keras
import tensorflow as tf

from keras_rbm import devices
from keras_rbm.models import MachineModel


class Position(NamedTuple):
    """Where a run stands.

    Attributes:
        epoch: Number of whole epochs that are done, Keras's `initial_epoch`.
        step: Number of updates of the next epoch that are done.
        updates: Number of all updates that are done.
    """

    epoch: int = 0
    step: int = 0
    updates: int = 0


class Interrupted(Exception):
    """Training was asked to stop, and has: a checkpoint is written.

    Args:
        reason: Why, as `Checkpoint.stop` was told.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def updates(model):
    """How many updates a model has made: by its optimizer, if it is no RBM."""
    own = isinstance(model, MachineModel)
    made = model.updates if own else model.optimizer.iterations
    return int(keras.ops.convert_to_numpy(made))


def seeds(model):
    """States of layers that draw, such as Dropout; Keras saves them nowhere."""
    return [
        keras.ops.convert_to_numpy(variable).tolist()
        for variable in _seed_variables(model)
    ]


def restore(model, path, metrics, seeds):
    """Gives a model what was saved, in the scope of its strategy.

    Args:
        model: A Keras model, built and compiled.
        path: The `.keras` file.
        metrics: What `read` returned, or a part of it.
        seeds: What `seeds` returned.
    """
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)
    for variable, value in zip(_seed_variables(model), seeds, strict=True):
        variable.assign(value)
    for metric in model.metrics:
        values = metrics.get(metric.name, ())  # None between epochs.
        for variable, value in zip(metric.variables, values, strict=False):
            variable.assign(value)


def read(model):
    """The values of the metrics' variables, summed over all replicas."""

    def read():
        with devices.scope(model.distribute_strategy):
            return {
                metric.name: [
                    tf.convert_to_tensor(variable.value)
                    for variable in metric.variables
                ]
                for metric in model.metrics
            }

    # The replicas of several processes add up within a graph.
    found = tf.function(read, autograph=False)()
    return tf.nest.map_structure(lambda x: float(x.numpy()), found)


def plain(logs):
    """Logs with numbers that JSON can hold."""
    return {
        name: value.item() if hasattr(value, "item") else value
        for name, value in logs.items()
    }


def _seed_variables(model):
    return [
        variable
        for variable in model.non_trainable_variables
        if variable.name == "seed_generator_state"
    ]
