"""The partition function of a machine with Gaussian units on both sides."""

import numpy as np
from keras import ops

from keras_rbm.units import Gaussian


def is_gaussian(machine):
    """Whether both sides of a machine are `Gaussian` units."""
    sides = machine.visible, machine.hidden
    return all(isinstance(side, Gaussian) for side in sides)


def log_partition(machine):
    """Log Z = (n log(2 pi) - log det A + <m, A^-1 m>) / 2.

    With x = (v, h) of length n, the energy is <x, A x> / 2 - <m, x>. The
    vector m holds the biases. A has the precisions on its diagonal and
    -beta W and its transpose off the diagonal.

    Args:
        machine: A `Machine` of `Gaussian` units on both sides.

    Returns:
        A number, in nats. NaN if a parameter is not finite.

    Raises:
        ValueError: If A is not positive definite, so that the integral of
            exp(-E) diverges.
    """
    precision, bias = _joint(machine)
    if not (np.isfinite(precision).all() and np.isfinite(bias).all()):
        return np.nan
    return float(_log_integral(precision, bias[None])[0])


def observed(machine, v):
    """Log integral exp(-F(v)) d v_missing and E[h | v_observed], for each row.

    With x = (v_missing, h), the energy is <x, A x> / 2 - <m, x> + E_v(v_o),
    where A and m are as in `log_partition`, but m has the inputs v_o W added
    for h. The integral is that of `log_partition`, and the mean of x is
    A^-1 m.

    Args:
        machine: A `Machine` of `Gaussian` units on both sides.
        v: `float64` array of shape `(rows, visible.width)`, where NaN marks a
            missing entry.

    Returns:
        Two `float64` arrays of shapes `(rows,)`, in nats, and
        `(rows, hidden.width)`.

    Raises:
        ValueError: See `log_partition`.
    """
    precision, bias = _joint(machine)
    hidden = machine.hidden.width
    logs, means = np.empty(len(v)), np.empty((len(v), hidden))
    patterns, which = np.unique(np.isnan(v), axis=0, return_inverse=True)
    for number, lost in enumerate(patterns):
        rows = which.reshape(-1) == number
        known = v[rows][:, ~lost]
        kept = np.append(~lost, np.zeros(hidden, bool))
        free = ~kept
        energy = 0.5 * np.square(known) @ np.diag(precision)[kept]
        energy = energy - known @ bias[kept]
        own = precision[np.ix_(free, free)]
        m = bias[free] - known @ precision[np.ix_(kept, free)]
        logs[rows] = _log_integral(own, m) - energy
        means[rows] = np.linalg.solve(own, m.T).T[:, -hidden:]
    return logs, means


def _joint(machine):
    """The matrix A and the vector m of `log_partition`."""

    def joined(name):
        sides = machine.visible_params, machine.hidden_params
        return np.concatenate([_array(params[name]) for params in sides])

    kernel = -_array(machine.beta) * _array(machine.kernel)
    visible = len(kernel)
    precision = np.diag(joined("precision"))
    precision[:visible, visible:] = kernel
    precision[visible:, :visible] = kernel.T
    return precision, joined("bias")


def _log_integral(precision, bias):
    """Log integral exp(-<x, A x> / 2 + <m, x>) dx, for each row m of `bias`."""
    try:
        root = np.linalg.cholesky(precision)
    except np.linalg.LinAlgError:
        least = np.linalg.eigvalsh(precision)[0]
        raise ValueError(
            "`machine` is not normalizable: exp(-E) grows without bound along "
            "a direction in which the coupling outweighs the precisions, and "
            "their joint matrix is not positive definite. Keep the kernel "
            "smaller, such as by SpectralBound. Received: a least eigenvalue "
            f"of {least:.3g}"
        ) from None
    # <m, A^-1 m> is |y|^2, where y solves root y = m.
    solved = np.linalg.solve(root, bias.T)
    log_det = 2 * np.log(np.diag(root)).sum()
    constant = bias.shape[1] * np.log(2 * np.pi)
    return 0.5 * (constant - log_det + np.square(solved).sum(axis=0))


def _array(x):
    return np.asarray(ops.convert_to_numpy(x), "float64")
