"""Estimates of log Z from importance weights."""

from typing import NamedTuple

import numpy as np

from keras_rbm import machine as machine_lib


class Estimate(NamedTuple):
    """Estimate of log Z from importance weights.

    Attributes:
        log_z: The estimate, in nats.
        standard_error: Standard error of `log_z`, in nats, from the spread of
            the weights. It is too small if a few chains carry all the weight.
        effective_sample_size: (sum w)^2 / sum w^2, from 1 to the number of
            weights.
        log_weights: `float64` array of shape `(chains,)`. For reverse AIS, of
            shape `(samples,)`.
        particles: Array of shape `(chains, visible.width)`, the final states
            of the chains.

    Example:
        found = likelihood.ais(
            rbm.machine(), rbm.base_machine(), random.stream(0), num_betas=100
        )
        print(found.log_z, found.effective_sample_size)
    """

    log_z: float
    standard_error: float
    effective_sample_size: float
    log_weights: np.ndarray
    particles: np.ndarray

    def __str__(self):
        return (
            f"log Z = {self.log_z:.3f} +- {self.standard_error:.3f} nats "
            f"({len(self.log_weights)} chains, effective sample size "
            f"{self.effective_sample_size:.1f})"
        )


def check_base(machine, base):
    """Checks that annealing with exact draws can connect the two machines.

    Raises:
        ValueError: If `base` is coupled or has other units than `machine`, or
            if some units are only sampled approximately.
    """
    check_samples(machine)
    coupled = not isinstance(base.beta, float | int) or base.beta != 0
    if coupled or (base.visible, base.hidden) != (
        machine.visible,
        machine.hidden,
    ):
        raise ValueError(
            "`base` must be a machine of the same units without coupling, as "
            "machine.decouple returns. Received: "
            f"base.beta={base.beta}, base.visible={base.visible}, "
            f"base.hidden={base.hidden}, machine.visible={machine.visible}, "
            f"machine.hidden={machine.hidden}"
        )


def check_samples(machine):
    """Refuses machines whose samples do not follow their energy.

    Raises:
        ValueError: If the units of a side have an `approximation`.
    """
    for side, remedy in (
        (
            machine.visible,
            "Other visible units have a likelihood, for example ReLU.",
        ),
        (
            machine.hidden,
            "If the visible side has few joint states, the exact value can be "
            "had from `likelihood.exact`.",
        ),
    ):
        if side.approximation:
            raise ValueError(
                "`machine` must have units whose draws are exact, for an "
                f"estimate that rests on them; {side.approximation}. {remedy} "
                f"Received: {side}"
            )


def estimate(base, log_weights, particles, reverse=False):
    """Log Z = log Z_base + log mean w; if reversed, log Z_base - log mean w.

    By the delta method, the standard error is the standard error of the mean
    weight, divided by the mean weight. It is infinite for a single weight.

    Args:
        base: The `Machine` without coupling at one end of the path.
        log_weights: `float64` array of shape `(chains,)`.
        particles: Array of shape `(chains, visible.width)`.
        reverse: Whether the path leads from the machine to the base.

    Returns:
        An `Estimate`.
    """
    base_log_z = float(
        machine_lib.log_partition_decoupled(machine_lib.cast(base, "float64"))
    )
    count = len(log_weights)
    top = log_weights.max()
    weights = np.exp(log_weights - top)
    log_mean = float(top + np.log(weights.mean()))
    effective = float(weights.sum() ** 2 / np.square(weights).sum())
    error = np.inf
    if count > 1:
        error = np.sqrt(max(count / effective - 1.0, 0.0) / (count - 1))
    return Estimate(
        base_log_z + (-log_mean if reverse else log_mean),
        float(error),
        effective,
        log_weights,
        particles,
    )
