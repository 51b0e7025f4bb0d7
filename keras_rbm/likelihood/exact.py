"""The partition function, by enumeration or in closed form."""

from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.likelihood import gaussian
from keras_rbm.machine import Machine
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.typing import Verbose

#: The most joint states of a side that are enumerated.
MAX_STATES = 2**25
# Numbers in a block of the enumeration: some tens of MiB in float64.
_BLOCK_NUMBERS = 2**21
# Blocks in one compiled call.
_BLOCKS = 8


class Exact(NamedTuple):
    """Log Z without any sampling, with the attributes of a `Bracket`.

    Attributes:
        log_z: The value, in nats.
    """

    log_z: float

    @property
    def lower(self) -> float:
        """The value; so is `upper`."""
        return self.log_z

    @property
    def upper(self) -> float:
        """The value; so is `lower`."""
        return self.log_z

    @property
    def standard_error(self) -> float:
        """0: nothing is drawn."""
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
    """Whether `exact` works: few joint states, or both sides Gaussian."""
    return gaussian.is_gaussian(machine) or _smaller(machine) is not None


def exact(machine: Machine, verbose: Verbose = "auto") -> Exact:
    """Log Z = log sum_v exp(-F(v)), over all states of the smaller side.

    In float64, in blocks, so that memory stays bounded. Where the hidden side
    is the smaller, that is log sum_h exp(-F(h)) of the flipped machine. Of
    two sides of Gaussian units, it is the integral of a normal law.

    Args:
        machine: A `Machine`, one side of which has at most 2**25 joint
            states.
        verbose: `"auto"` for a progress bar on a screen if it takes long, 1
            or 0.

    Returns:
        An `Exact`.

    Raises:
        ValueError: If neither side can be enumerated, the visible units are
            approximate ones, or the machine is of Gaussian units and not
            normalizable.

    Reference: Fischer and Igel (2014), equation 25.
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
    """The machine with the side to enumerate as its visible one, if any."""
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
    """log(exp(log_sum) + sum exp(-F)) over the next `_BLOCKS` blocks."""
    total = machine.visible.num_joint_states

    def add(block, log_sum):
        index = first + ops.cast(block, "int64") * rows
        index = index + ops.arange(rows, dtype="int64")
        x = ops.cast(machine.visible.joint_states(index), "float64")
        terms = -machine_lib.free_energy(machine, x)
        terms = ops.where(index < total, terms, -float("inf"))
        return ops.logaddexp(log_sum, ops.logsumexp(terms))

    return ops.fori_loop(0, _BLOCKS, add, log_sum)
