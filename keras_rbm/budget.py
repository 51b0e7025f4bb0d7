"""The number of updates of `fit`, of an epoch, and of a compiled call."""

from keras_rbm import checks

# The most updates in one compiled call. More would save no time, and would
# delay callbacks.
MOST_STEPS = 50
_UPDATES, _PASSES, _EPOCHS = 20_000, 30, 20


def default_updates(steps_of_pass: int) -> int:
    """20,000 updates, or 30 passes over the examples if these are more.

    Args:
        steps_of_pass: Number of batches in a pass.
    """
    updates = max(_UPDATES, _PASSES * steps_of_pass)
    return -(-updates // _EPOCHS) * _EPOCHS


def epochs_of(updates: int) -> tuple[int, int]:
    """Divides updates into up to 20 epochs of equal length.

    Args:
        updates: Number of updates.

    Returns:
        Tuple of the number of epochs and the number of updates in each.

    Raises:
        ValueError: If `updates` is not a positive integer.
    """
    checks.positive_integer("updates", updates)
    epochs = next(n for n in range(_EPOCHS, 0, -1) if updates % n == 0)
    return epochs, updates // epochs


def done(batch: int, updates: int | None) -> int:
    """Number of updates made so far in an epoch, for a Keras callback.

    The last call of an epoch may make fewer updates than the others; Keras does
    not take this into account.

    Args:
        batch: The argument of `on_train_batch_end`.
        updates: Number of updates in an epoch, `params["steps"]`, or `None`.
    """
    return min(batch + 1, updates or batch + 1)


def steps_per_execution(updates: int) -> int:
    """Number of updates in a compiled call, if calls must fill the epoch.

    Args:
        updates: Number of updates in an epoch.

    Returns:
        The largest divisor of `updates` up to 50.

    Example:
        print(networks.steps_per_execution(3000))  # Updates in a compiled call.
    """
    most = min(MOST_STEPS, updates)
    return next(n for n in range(most, 0, -1) if updates % n == 0)
