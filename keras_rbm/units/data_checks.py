"""Checks that data can be states of units, or means of states."""

import numpy as np

from keras_rbm import rows


def check(units, x, name):
    """See `Units.check`."""
    x = _rows(x)
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
    count, offender = 0, None
    for first, part in rows.parts(x):
        wrong = ~units.fits(part)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            offender = offender or (first + row, column, part[row, column])
            count += wrong.sum()
    if count:
        row, column, value = offender
        advice = "Rescale or clean the data."
        if np.isnan(value):
            advice = (
                "NaN is a missing entry, which has no place here: fill such "
                "entries in, for example by `inpaint`."
            )
        raise ValueError(
            f"`{name}` must hold {units.description}, which is what "
            f"{type(units).__name__} units can stand for; {count} of "
            f"{x.size} do not. {advice} Received: "
            f"{name}[{row}, {column}]={value}"
        )


def check_states(units, x, name):
    """See `Units.check_states`. `check` must have accepted the data."""
    x = _rows(x)
    for sites in units.sites:
        count, offender = 0, None
        for first, part in rows.parts(x):
            blocks = sites.blocks(part)
            between = np.ones(blocks.shape[:2], bool)
            for state in sites.states:
                between &= (blocks != state).any(axis=2)
            if between.any():
                row, site = np.argwhere(between)[0]
                column = sites.first + site * sites.columns
                offender = offender or (first + row, column, part[row, column])
                count += between.sum()
        if count:
            row, column, value = offender
            raise ValueError(
                f"`{name}` must hold {_listed(sites.states)} alone: a machine "
                f"of {type(units).__name__} units gives no likelihood to the "
                f"values in between ({count} of {len(x) * sites.size}). "
                "Binarize the data first, for example by "
                f"keras_rbm.data.binarized. Received: {name}[{row}, {column}]"
                f"={value}"
            )


def _rows(x):
    return x if isinstance(x, rows.Rows) else np.asarray(x)


def _listed(states):
    if states.shape[1] > 1:
        return "one-hot rows"
    values = [f"{value:g}" for value in states[:, 0]]
    if len(values) > 3:
        values = [*values[:2], "...", values[-1]]
    return f"{', '.join(values[:-1])} and {values[-1]}"
