"""Products of states and parameters that may differ from row to row."""

from keras import ops


def dot(x, parameter):
    """The dot product <x, parameter> of each row.

    Args:
        x: Tensor of shape `(batch, width)`.
        parameter: Tensor of shape `(width,)`, shared by all rows, or
            `(batch, width)`.

    Returns:
        Tensor of shape `(batch,)`.
    """
    if len(parameter.shape) == 1:  # `matmul` is faster than a sum.
        return ops.matmul(x, parameter)
    return ops.sum(x * parameter, axis=-1)
