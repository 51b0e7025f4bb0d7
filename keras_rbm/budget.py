"""How many updates a run makes where nobody says so, and in how many epochs."""

from keras_rbm import checks

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
