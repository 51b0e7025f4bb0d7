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

    def joined(name):
        sides = machine.visible_params, machine.hidden_params
        return np.concatenate([_array(params[name]) for params in sides])

    kernel = -_array(machine.beta) * _array(machine.kernel)
    visible = len(kernel)
    precision = np.diag(joined("precision"))
    precision[:visible, visible:] = kernel
    precision[visible:, :visible] = kernel.T
    bias = joined("bias")
    if not (np.isfinite(precision).all() and np.isfinite(bias).all()):
        return np.nan
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
    solved = np.linalg.solve(root, bias)
    log_det = 2 * np.log(np.diag(root)).sum()
    constant = len(bias) * np.log(2 * np.pi)
    return 0.5 * (constant - log_det + np.square(solved).sum())


def _array(x):
    return np.asarray(ops.convert_to_numpy(ops.cast(x, "float64")))
