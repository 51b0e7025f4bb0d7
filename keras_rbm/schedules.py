"""Learning-rate schedules that Keras does not have."""

import keras
from keras import ops

from keras_rbm import checks
from keras_rbm.typing import Config


def of_run(learning_rate, updates):
    """Returns the learning rate of a run.

    Args:
        learning_rate: Number, Keras schedule, or function of the number of
            updates of the run that returns one.
        updates: Number of updates.

    Returns:
        A number or a Keras schedule.
    """
    schedule = keras.optimizers.schedules.LearningRateSchedule
    if callable(learning_rate) and not isinstance(learning_rate, schedule):
        return learning_rate(updates)
    return learning_rate


@keras.saving.register_keras_serializable("keras_rbm")
class HoldThenLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """initial_learning_rate min(1, (1 - t / num_updates) / (1 - hold)).

    The rate is constant in the first part of the run, where the parameters
    still move far, and then falls linearly to 0, so that the noise averages
    out.

    Args:
        num_updates: Number of updates of the whole run; the rate is 0
            afterwards.
        initial_learning_rate: Learning rate of the first part, positive.
        hold: The length of the first part as a fraction of the run, between 0
            and 1.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        schedule = keras_rbm.HoldThenLinearDecay(20_000, 0.2, hold=0.5)
        optimizer = keras.optimizers.SGD(schedule)
    """

    def __init__(
        self,
        num_updates: int,
        initial_learning_rate: float = 0.1,
        hold: float = 0.5,
    ):
        self.num_updates = checks.positive_integer("num_updates", num_updates)
        self.initial_learning_rate = checks.positive_number(
            "initial_learning_rate", initial_learning_rate
        )
        self.hold = checks.fraction("hold", hold)

    def __call__(self, step):
        left = 1 - ops.cast(step, "float32") / self.num_updates
        share = ops.clip(left / (1 - self.hold), 0.0, 1.0)
        return self.initial_learning_rate * share

    def get_config(self) -> Config:
        return {
            "num_updates": self.num_updates,
            "initial_learning_rate": self.initial_learning_rate,
            "hold": self.hold,
        }
