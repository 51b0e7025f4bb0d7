"""A class RBM as a SavedModel: the law of the label is served, too."""

import keras

from keras_rbm.models import class_objective


class ClassServing:
    """Export of a `ClassRBM`, of which this is a part, beside `Serving`.

    Further to what that serves, which is of rows (x, one-hot y), the endpoint
    `class_probabilities` gives p(y | x), of shape `(batch, num_classes)`, of
    features `x` of shape `(batch, features.width)`. Without
    `generative_weight` there is no `sample`: nothing is learned of p(x, y).
    """

    def _endpoints(self, v):
        shape = (*v.shape[:-1], self.features.width)
        x = keras.InputSpec(shape=shape, dtype=v.dtype)
        endpoints = super()._endpoints(v)
        if not self.generative_weight:
            del endpoints["sample"]
        endpoints["class_probabilities"] = (self._served_probabilities, [x])
        return endpoints

    def _served_probabilities(self, x):
        return class_objective.label_law(
            self.machine(), self._states(x), self.num_classes
        )
