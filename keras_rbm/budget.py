"""How many updates `fit` makes where nobody says so, and how it cuts them."""

from keras_rbm import checks

# The most updates in one compiled call. More would save no time, and would hold
# up callbacks.
MOST_STEPS = 50
_UPDATES, _PASSES, _EPOCHS = 20_000, 30, 20


def default_updates(steps_of_pass: int) -> int:
    """20,000 updates, or 30 passes over the examples where those are more.

    Args:
        steps_of_pass: Number of batches in a pass.
    """
    updates = max(_UPDATES, _PASSES * steps_of_pass)
    return -(-updates // _EPOCHS) * _EPOCHS


def epochs_of(updates: int) -> tuple[int, int]:
    """Up to 20 epochs of equal length.

    Args:
        updates: Number of updates.

    Returns:
        Tuple of the number of epochs and of the updates in each.

    Raises:
        ValueError: If `updates` is not a positive integer.
    """
    checks.positive_integer("updates", updates)
    epochs = next(n for n in range(_EPOCHS, 0, -1) if updates % n == 0)
    return epochs, updates // epochs


def done(batch: int, updates: int | None) -> int:
    """Number of updates of an epoch that are made, in a Keras callback.

    The last call of an epoch may make fewer updates than the others, which
    Keras does not count.

    Args:
        batch: What `on_train_batch_end` is called with.
        updates: Number of updates in an epoch, `params["steps"]`, or `None`.
    """
    return min(batch + 1, updates or batch + 1)


def steps_per_execution(updates: int) -> int:
    """Number of updates in a compiled call, where calls must fill the epoch.

    Args:
        updates: Number of updates in an epoch.

    Returns:
        The largest divisor of `updates` up to 50.
    """
    most = min(MOST_STEPS, updates)
    return next(n for n in range(most, 0, -1) if updates % n == 0)
