"""Products of states with what may differ from row to row."""

from keras import ops


def dot(x, parameter):
    """<x, parameter> of each row, for a parameter with one row or with all.

    Args:
        x: Tensor of shape `(batch, width)`.
        parameter: Tensor of shape `(width,)` or `(batch, width)`.

    Returns:
        Tensor of shape `(batch,)`.
    """
    if len(parameter.shape) == 1:  # A product is faster than a sum.
        return ops.matmul(x, parameter)
    return ops.sum(x * parameter, axis=-1)
