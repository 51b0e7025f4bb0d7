"""How often a classifier is wrong."""

import keras
import numpy as np

from keras_rbm.data import in_order
from keras_rbm.experiment import labelled

BATCH = 1000  # of an evaluation


@keras.saving.register_keras_serializable("keras_rbm")
class WrongAnswers(keras.metrics.MeanMetricWrapper):
    """The share of examples whose most probable class is not their own."""

    def __init__(self, name="error", dtype=None):
        super().__init__(_is_wrong, name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def wrong(classifier, x, num_classes):
    """Which examples get another answer than their label.

    Args:
        classifier: A Keras model of probabilities of the classes.
        x: Array of rows (x, one-hot y).
        num_classes: Number of classes.

    Returns:
        Boolean array of shape `(rows,)`.
    """
    split = labelled.splitter(num_classes)
    parts = []
    for v, y in in_order(x, BATCH).map(split):
        answers = classifier.predict_on_batch(v).argmax(axis=1)
        parts.append(answers != np.argmax(y, axis=1))
    return np.concatenate(parts)


def _is_wrong(y, p):
    return keras.ops.cast(
        keras.ops.argmax(y, axis=-1) != keras.ops.argmax(p, axis=-1), "float32"
    )
