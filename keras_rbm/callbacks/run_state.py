"""What a run needs beside its model, as JSON can hold it."""

from typing import NamedTuple

import tensorflow as tf

from keras_rbm import devices


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


def restore(model, path, metrics):
    """Gives a model what was saved, in the scope of its strategy.

    Args:
        model: A compiled `RBM`.
        path: The `.keras` file.
        metrics: What `read` returned, or a part of it.
    """
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)
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
