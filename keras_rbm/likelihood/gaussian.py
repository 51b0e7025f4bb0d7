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
    """Log integral exp(-F(v)) d v_missing, for each row.

    Given h, the missing entries are independent normal variables, which are
    integrated out first. Let p and b be their precisions and biases, and W_m
    their rows of beta W. The remaining energy is a function of h,

        <h, S h> / 2 - <m, h> + E_v(v_o) - sum_missing a
        S = diag(p_h) - W_m^T diag(1 / p) W_m
        m = c + W_o^T v_o + W_m^T (b / p)
        a = (log(2 pi / p) + b^2 / p) / 2

    where c and p_h are the biases and precisions of h. The normal integral
    over h is then computed as in `log_partition`, with S and m in place of A
    and its vector.

    Args:
        machine: A `Machine` of `Gaussian` units on both sides.
        v: `float64` array of shape `(rows, visible.width)`, where NaN marks a
            missing entry.

    Returns:
        `float64` array of shape `(rows,)`, in nats. NaN if the kernel or a
        precision is not finite.

    Raises:
        ValueError: See `log_partition`.
    """
    logs = np.empty(len(v))
    for rows, precision, bias, rest in _given_observed(machine, v):
        logs[rows] = _log_integral(precision, bias) + rest
    return logs


def hidden_mean(machine, v):
    """E[h | v_observed] = S^-1 m, with S and m as in `observed`.

    Args:
        machine: See `observed`.
        v: See `observed`.

    Returns:
        `float64` array of shape `(rows, hidden.width)`. NaN if the kernel or a
        precision is not finite.

    Raises:
        ValueError: If S is not positive definite.
    """
    means = np.empty((len(v), machine.hidden.width))
    for rows, precision, bias, _ in _given_observed(machine, v):
        root = _root(precision)
        solved = np.linalg.solve(root, bias.T)
        means[rows] = np.linalg.solve(root.T, solved).T
    return means


def _given_observed(machine, v):
    """S, m and the remaining terms of `observed`.

    Yields:
        For each pattern of missing entries: a boolean array of its rows; S, of
        shape `(hidden.width, hidden.width)`; m, with a row for each row of the
        pattern; and the other terms of the log integral, one for each row.
    """
    kernel = _array(machine.beta) * _array(machine.kernel)
    precision, b = (
        _array(machine.visible_params[name]) for name in ("precision", "bias")
    )
    of_hidden = np.diag(_array(machine.hidden_params["precision"]))
    c = _array(machine.hidden_params["bias"])
    patterns, which = np.unique(np.isnan(v), axis=0, return_inverse=True)
    for number, lost in enumerate(patterns):
        rows = which.reshape(-1) == number
        known = v[rows][:, ~lost]
        p, mean, part = precision[lost], b[lost] / precision[lost], kernel[lost]
        rest = 0.5 * (np.log(2 * np.pi / p) + b[lost] * mean).sum()
        rest = rest - 0.5 * np.square(known) @ precision[~lost]
        yield (
            rows,
            of_hidden - part.T @ (part / p[:, None]),
            c + known @ kernel[~lost] + mean @ part,
            rest + known @ b[~lost],
        )


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
    root = _root(precision)
    # <m, A^-1 m> is |y|^2, where y solves root y = m.
    solved = np.linalg.solve(root, bias.T)
    log_det = 2 * np.log(np.diag(root)).sum()
    constant = bias.shape[1] * np.log(2 * np.pi)
    return 0.5 * (constant - log_det + np.square(solved).sum(axis=0))


def _root(precision):
    """The Cholesky factor of a precision matrix; NaN if it is not finite.

    Raises:
        ValueError: If the matrix is finite, but not positive definite.
    """
    if not np.isfinite(precision).all():
        return np.full_like(precision, np.nan)
    try:
        return np.linalg.cholesky(precision)
    except np.linalg.LinAlgError:
        least = np.linalg.eigvalsh(precision)[0]
        raise ValueError(
            "`machine` is not normalizable: exp(-E) grows without bound along "
            "a direction in which the coupling outweighs the precisions, and "
            "their joint matrix is not positive definite. Keep the kernel "
            "smaller, such as by SpectralBound. Received: a least eigenvalue "
            f"of {least:.3g}"
        ) from None


def _array(x):
    return np.asarray(ops.convert_to_numpy(x), "float64")
