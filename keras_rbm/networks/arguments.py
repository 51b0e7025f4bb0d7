"""Checks of what a stack of RBMs is given."""

import itertools

from keras_rbm.models import MachineModel

# Updates in one call of the compiled function, at most.
_MOST_STEPS_PER_EXECUTION = 50


def check_rbms(rbms):
    """Returns `rbms` as a list of machines that fit on each other.

    Args:
        rbms: What came.

    Raises:
        ValueError: If it is no list of `RBM`, one stands in it twice, or
            the hidden units of one are not what the next has as visible ones.
    """
    if (
        not isinstance(rbms, list | tuple)
        or not rbms
        # A deep Boltzmann machine is one, with a call of its own.
        or not all(
            isinstance(rbm, MachineModel) and not rbm.layout.is_bound
            for rbm in rbms
        )
    ):
        raise ValueError(
            "`rbms` must be a list of one or more RBMs, such as [RBM(64, 32), "
            f"RBM(32, 16)]. Received: rbms={rbms!r}"
        )
    if len({id(rbm) for rbm in rbms}) < len(rbms):
        raise ValueError(
            "`rbms` must be models of their own: one stands there twice. "
            f"Received: rbms={rbms!r}"
        )
    for number, (lower, upper) in enumerate(itertools.pairwise(rbms), 1):
        below, above = lower.hidden, upper.visible
        if below.width != above.width or below.description != above.description:
            raise ValueError(
                "`rbms` must fit on each other: the visible units of each "
                "must be such as the hidden units of the one below. Received: "
                f"rbms[{number - 1}].hidden={below}, "
                f"rbms[{number}].visible={above}"
            )
    return list(rbms)


def for_each(name, value, count):
    """One value for each layer.

    Args:
        name: The argument's name, for the error.
        value: What came: one value for all, or a list of one for each.
        count: Number of layers.

    Returns:
        A list of `count` values.

    Raises:
        ValueError: If it is a list of another length.
    """
    values = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(values) != count:
        raise ValueError(
            f"`{name}` must be one value, or a list of {count}, one for each "
            f"layer. Received: {name}={value!r}"
        )
    return values


def check_finished(name, folder, paths):
    """Checks that no finished layer stands on one that is not.

    It would have learned from another one.

    Args:
        name: The argument's name, for the error.
        folder: What came.
        paths: Paths of the layers' files, from the data on upwards.

    Raises:
        ValueError: If a file is there and one before it is not.
    """
    there = [path.exists() for path in paths]
    if there != sorted(there, reverse=True):
        raise ValueError(
            f"`{name}` must hold the layers below each that it holds, which "
            f"has learned from them: {paths[there.index(False)]} is missing. "
            "Remove the later ones, or take another folder. Received: "
            f"{name}={str(folder)!r}"
        )


def steps_per_execution(steps: int) -> int:
    """How many updates to make in a call, of an epoch of so many."""
    most = range(1, _MOST_STEPS_PER_EXECUTION + 1)
    return max(number for number in most if steps % number == 0)
