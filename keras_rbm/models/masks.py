"""Masks: which entries of examples are held, or missing."""

import numpy as np
from keras import ops

from keras_rbm.models import inputs


def check(mask, shape, units, name):
    """Checks a mask of examples.

    Args:
        mask: Boolean array, or nested lists of booleans, for all examples
            alike or for each its own.
        shape: `(examples, units.width)`.
        units: `Units` whose states the examples are.
        name: The argument's name, for errors.

    Returns:
        Boolean array of shape `(units.width,)` or `(examples, units.width)`.

    Raises:
        ValueError: If it is none, or parts a unit of several columns.
    """
    array = _array(mask)
    if (
        array is None
        or isinstance(mask, np.ma.MaskedArray)
        or array.dtype != bool
        or array.shape not in (shape, shape[1:])
    ):
        raise ValueError(
            f"`{name}` must be a boolean array of shape ({shape[1]},) or "
            f"{tuple(shape)}, such as `v > 0.5` makes. Received: {name}="
            + (
                f"{mask!r:.50}"
                if array is None
                else f"an array of shape {array.shape}, {array.dtype}"
            )
        )
    for columns, _ in sites(units):
        part = array[..., columns]
        if (part != part[..., :1]).any():
            raise ValueError(
                f"`{name}` must take all columns of a unit or none. Received: "
                f"{name} that parts columns {columns.start} to "
                f"{columns.stop - 1}"
            )
    return array


def filled(v, mask, units, fill, name="v"):
    """Examples with other values where some are missing.

    Args:
        v: Array of shape `(examples, units.width)`. What it holds under the
            mask is not looked at, and may be NaN.
        mask: Boolean array: `True` where a value is missing.
        units: `Units` that the examples must be states of.
        fill: Function of the number of examples that gives the values to put
            there, of shape `(examples, units.width)`.
        name: The argument's name, for errors.

    Returns:
        Tuple of the examples and the mask, checked, as arrays.

    Raises:
        ValueError: If the examples cannot be states of the units, or the mask
            is none.
    """
    x = inputs.array(v, units, name)
    if (
        x.shape[1:] != (units.width,)
        or not len(x)
        or x.dtype.kind not in "fbui"
    ):
        units.check(x, name)
    mask = check(mask, x.shape, units, "mask")
    x = np.where(mask, np.asarray(fill(len(x))), x)
    units.check(x, name)
    return x, mask


def restored(x, v, mask):
    """`x` with the values of `v` under the mask, to the bit.

    Args:
        x: Tensor of shape `(..., examples, width)`.
        v: Array of shape `(examples, width)`.
        mask: Boolean array that broadcasts to it.

    Returns:
        Tensor in a dtype that holds the numbers of both.
    """
    return ops.convert_to_tensor(np.where(mask, v, x))


def sites(units):
    """Units that have a list of states, and where they stand.

    Args:
        units: `Units`.

    Returns:
        List of tuples, for each such unit: the slice of its columns, and its
        states, array of shape `(states, columns)`.
    """
    return [
        (slice(first, first + group.columns), group.states)
        for group in units.sites
        for first in range(group.first, group.end, group.columns)
    ]


def _array(mask):
    """Arrays, tensors and lists as an array; `None` for all else."""
    if not (hasattr(mask, "__array__") or isinstance(mask, list | tuple)):
        return None
    try:
        return np.asarray(mask)
    except ValueError:  # Lists of several lengths.
        return None
