"""Whether data can be states of units, or means of them."""

import numpy as np


def check(units, x, name):
    """`Units.check`."""
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != units.width:
        raise ValueError(
            f"`{name}` must have shape (examples, {units.width}), one "
            f"column for each visible unit. Received: {name}.shape="
            f"{x.shape}"
        )
    if not len(x):
        raise ValueError(
            f"`{name}` must have at least one example. Received: "
            f"{name}.shape={x.shape}"
        )
    if x.dtype.kind not in "fbui":
        raise ValueError(
            f"`{name}` must hold real numbers. Received: {name}.dtype={x.dtype}"
        )
    wrong = ~units.fits(x)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"`{name}` must hold {units.description}, which is what "
            f"{type(units).__name__} units can stand for; {wrong.sum()} of "
            f"{wrong.size} do not. Rescale or clean the data. Received: "
            f"{name}[{row}, {column}]={x[row, column]}"
        )


def check_states(units, x, name):
    """`Units.check_states`, of data that `check` has accepted."""
    x = np.asarray(x)
    for sites in units.sites:
        blocks = sites.blocks(x)
        between = np.ones(blocks.shape[:2], bool)
        for state in sites.states:
            between &= (blocks != state).any(axis=2)
        if between.any():
            row, site = np.argwhere(between)[0]
            column = sites.first + site * sites.columns
            raise ValueError(
                f"`{name}` must hold {_listed(sites.states)} alone: a machine "
                f"of {type(units).__name__} units gives no likelihood to the "
                f"values in between ({between.sum()} of {between.size}). "
                "Binarize the data first, for example by "
                f"keras_rbm.data.binarized. Received: {name}[{row}, {column}]"
                f"={x[row, column]}"
            )


def _listed(states):
    if states.shape[1] > 1:
        return "one-hot rows"
    values = [f"{value:g}" for value in states[:, 0]]
    if len(values) > 3:
        values = [*values[:2], "...", values[-1]]
    return ", ".join(values[:-1]).replace("..., ", "... ") + (
        f" and {values[-1]}"
    )
