"""Epochs that begin in the middle, where a run was stopped."""

from keras_rbm import checks


def check(model, initial_step, steps_per_epoch):
    """Checks the number of updates of an epoch that are made already.

    Args:
        model: A compiled Keras model.
        initial_step: What came to `fit`.
        steps_per_epoch: The same.

    Raises:
        ValueError: If it is not 0, nor a multiple of the updates of a call
            that leaves something of the epoch.
    """
    if initial_step:
        checks.positive_integer("initial_step", initial_step)
    if initial_step and (
        initial_step % model.steps_per_execution
        or not steps_per_epoch
        or initial_step >= steps_per_epoch
    ):
        raise ValueError(
            "`initial_step` must be a multiple of `steps_per_execution`, "
            f"{model.steps_per_execution}, below `steps_per_epoch`, "
            f"{steps_per_epoch}. Received: initial_step={initial_step}"
        )


def train_function(model, calls):
    """Keras's training function, whose first calls do nothing.

    They take no data and return the metrics as they are.

    Args:
        model: A Keras model with a `train_function`.
        calls: Number of the calls.

    Returns:
        Function of an iterator.
    """
    function, left = model.train_function, calls

    def train(iterator):
        nonlocal left
        if left:
            left -= 1
            return model.get_metrics_result()
        return function(iterator)

    return train
