"""Exact log Z, by enumeration or in closed form."""

from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.likelihood import gaussian
from keras_rbm.machine import Machine
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.typing import Verbose

#: The largest number of joint states of a side that is enumerated.
MAX_STATES = 2**25
# Size of a block of the enumeration: some tens of MiB in float64.
_BLOCK_NUMBERS = 2**21
# Blocks in one compiled call.
_BLOCKS = 8


class Exact(NamedTuple):
    """Exact log Z, which can be used in place of a `Bracket`.

    Attributes:
        log_z: The value, in nats.

    Example:
        log_z = likelihood.exact(rbm.machine())
        print(log_z.log_z, log_z.trusted)
    """

    log_z: float

    # Attributes of a `Bracket` that an exact value lacks.
    forward = None
    fit = None

    @property
    def lower(self) -> float:
        """Equal to `log_z`."""
        return self.log_z

    @property
    def upper(self) -> float:
        """Equal to `log_z`."""
        return self.log_z

    @property
    def standard_error(self) -> float:
        """0, because nothing is sampled."""
        return 0.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons not to trust the value, as a tuple of sentences."""
        if np.isfinite(self.log_z):
            return ()
        return (
            f"log Z is {self.log_z}: parameters of the machine are not finite",
        )

    @property
    def trusted(self) -> bool:
        """Whether there are no warnings."""
        return not self.warnings

    def __str__(self):
        lines = [
            f"log Z = {self.log_z:.4f} nats (exact)",
            *(f"  not to be trusted: {reason}" for reason in self.warnings),
        ]
        return "\n".join(lines)


def can_be_exact(machine: Machine) -> bool:
    """Whether `exact` works: a side has few states, or both are Gaussian.

    Never for visible units with an `approximation` (`NoisyReLU`): they have no
    law of their own.

    Args:
        machine: A `Machine`.

    Example:
        if likelihood.can_be_exact(rbm.machine()):
            print(likelihood.exact(rbm.machine()).log_z)
    """
    if machine.visible.approximation:
        return False
    return gaussian.is_gaussian(machine) or _smaller(machine) is not None


def exact(machine: Machine, verbose: Verbose = "auto") -> Exact:
    """Log Z = log sum_v exp(-F(v)), over all states of the smaller side.

    The sum is computed in float64, in blocks that bound the memory. If the
    hidden side has fewer states, the sum is log sum_h exp(-F(h)) of the
    flipped machine. If both sides are Gaussian, Z is the integral of an
    unnormalized normal density, in closed form.

    Args:
        machine: A `Machine` with a side of at most 2**25 joint states, or
            with Gaussian units on both sides.
        verbose: See `ais`.

    Returns:
        An `Exact`.

    Raises:
        ValueError: If neither side can be enumerated, if the visible units
            have an `approximation`, or if both sides are Gaussian and the
            machine is not normalizable.

    Reference: Fischer and Igel (2014), equation 25.

    Example:
        log_z = likelihood.exact(rbm.machine()).log_z
        log_p = -rbm.free_energy(x) - log_z  # Exact, for each row.
    """
    if machine.visible.approximation:
        raise ValueError(
            "`machine` must have visible units with a law of their own; "
            f"{machine.visible.approximation}. Received: machine.visible="
            f"{machine.visible}"
        )
    if gaussian.is_gaussian(machine):
        return Exact(float(gaussian.log_partition(machine)))
    side = _smaller(machine)
    if side is None:
        raise ValueError(
            "Exact enumeration needs a side of at most 2**25 joint states; "
            'use AIS (method="ais"). Received: '
            f"machine.visible={machine.visible}, "
            f"machine.hidden={machine.hidden}"
        )
    side = machine_lib.cast(side, "float64")
    total = side.visible.num_joint_states
    rows = min(total, max(1, _BLOCK_NUMBERS // side.hidden.width))
    bar = ProgressBar(total, "Enumerating states", verbose)
    log_sum = ops.convert_to_tensor(-float("inf"), "float64")
    for first in range(0, total, _BLOCKS * rows):
        log_sum = _add_blocks(
            side, log_sum, ops.convert_to_tensor(first, "int64"), rows
        )
        bar.add(min(_BLOCKS * rows, total - first))
    return Exact(float(log_sum))


def _smaller(machine):
    """The machine, flipped if needed to enumerate its visible side, or `None`.

    `None` means that neither side can be enumerated.
    """
    sides = [
        side
        for side in (machine, machine_lib.flip(machine))
        if (side.visible.num_joint_states or MAX_STATES + 1) <= MAX_STATES
    ]
    return min(
        sides, key=lambda side: side.visible.num_joint_states, default=None
    )


@compiled
def _add_blocks(machine, log_sum, first, rows):
    """log(exp(log_sum) + sum exp(-F)), with the next `_BLOCKS` blocks."""
    total = machine.visible.num_joint_states

    def add(block, log_sum):
        index = first + ops.cast(block, "int64") * rows
        index = index + ops.arange(rows, dtype="int64")
        x = ops.cast(machine.visible.joint_states(index), "float64")
        terms = -machine_lib.free_energy(machine, x)
        terms = ops.where(index < total, terms, -float("inf"))
        return ops.logaddexp(log_sum, ops.logsumexp(terms))

    return ops.fori_loop(0, _BLOCKS, add, log_sum)
