"""What a class RBM reports while it trains."""

import keras
from keras import ops

from keras_rbm.models import class_objective
from keras_rbm.models.metrics import Metrics


class ClassMetrics(Metrics):
    """The figures of `Metrics`, and how well labels are predicted.

    - `loss`: the objective without regularizers, generative_weight times the
      free-energy gap plus discriminative_weight times the mean of
      -log p(y | x).
    - `error`: share of the examples whose label is not the most probable one.
    - `conditional_log_likelihood`: log p(y | x) of an example, in nats.

    Args:
        visible: `Units` of the visible side.
        num_classes: Number of classes.
        generative_weight: Weight of the free-energy gap.
        discriminative_weight: Weight of -log p(y | x).
    """

    def __init__(
        self, visible, num_classes, generative_weight, discriminative_weight
    ):
        super().__init__(visible)
        self.num_classes = num_classes
        self.generative_weight = generative_weight
        self.discriminative_weight = discriminative_weight
        for name in ("error", "conditional_log_likelihood"):
            self.means[name] = keras.metrics.Mean(name=name)

    def values(self, machine, v, inputs, v_model, stream):
        values = super().values(machine, v, inputs, v_model, stream)
        # Not from `inputs`: the label's share in them rounds the features'.
        labels, log_p = class_objective.predictions(
            machine, v, self.num_classes
        )
        wrong = ops.argmax(log_p, axis=1) != ops.argmax(labels, axis=1)
        own = ops.sum(labels * log_p, axis=1)
        loss = -self.discriminative_weight * own
        if self.generative_weight:
            loss = loss + self.generative_weight * values["loss"]
        return values | {
            "loss": loss,
            "error": ops.cast(wrong, v.dtype),
            "conditional_log_likelihood": own,
        }
