"""Learning rates for a run whose length is known at its start."""

import keras

from keras_rbm.schedules import HoldThenLinearDecay


def linear_decay(
    num_updates: int, initial_learning_rate: float = 0.1
) -> keras.optimizers.schedules.PolynomialDecay:
    """initial_learning_rate (1 - t / num_updates): falls linearly to 0.

    Args:
        num_updates: Number of updates of the whole run.
        initial_learning_rate: Learning rate of the first update.

    Returns:
        A Keras learning-rate schedule.

    Example:
        schedule = experiment.linear_decay(1000, 0.1)
        print(float(schedule(500)))  # 0.05
    """
    return keras.optimizers.schedules.PolynomialDecay(
        initial_learning_rate, num_updates, end_learning_rate=0.0
    )


def hold_then_linear_decay(
    num_updates: int, initial_learning_rate: float = 0.1, hold: float = 0.5
) -> HoldThenLinearDecay:
    """A rate that is constant at first, and then falls linearly to 0.

    Args:
        num_updates: Number of updates of the whole run.
        initial_learning_rate: Learning rate of the first part.
        hold: The length of the first part, as a fraction of the run.

    Returns:
        A Keras learning-rate schedule, `HoldThenLinearDecay`.

    Example:
        schedule = experiment.hold_then_linear_decay(1000, 0.1, hold=0.5)
        print(float(schedule(500)), float(schedule(750)))  # 0.1, 0.05
    """
    return HoldThenLinearDecay(num_updates, initial_learning_rate, hold)
