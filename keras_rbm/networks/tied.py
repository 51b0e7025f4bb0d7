"""Hinton's start of a layer: the one below it, turned over."""

from keras_rbm.models import RBM


def tie(lower: RBM, upper: RBM) -> bool:
    """Starts a layer from the transpose of the one below, if it fits.

    W' = W^T, with the biases swapped: the two sides of the new layer are those
    of the old one, and the stack is the same distribution as before, which
    learning of the new layer can only improve by its bound.

    Args:
        lower: A trained `RBM`.
        upper: The `RBM` above it. It is left as it is where its hidden side
            has not the units that the visible side of `lower` has, or not the
            same inverse temperature.

    Returns:
        Whether it has been done.

    Reference: Hinton, Osindero and Teh (2006), "A fast learning algorithm
        for deep belief nets", sections 2 and 4.
    """
    if (
        upper.visible != lower.hidden
        or upper.hidden != lower.visible
        or upper.inverse_temperature != lower.inverse_temperature
    ):
        return False
    upper.kernel.assign(lower.kernel.numpy().T)
    for own, other in (
        (upper.visible_params, lower.hidden_params),
        (upper.hidden_params, lower.visible_params),
    ):
        for name, variable in own.items():
            variable.assign(other[name])
    if upper.offsets is not None:
        upper.offsets.start(upper.machine(), upper.data_mean.value)
    return True
