"""Log Z from both sides, and whether to believe it."""

import math
from typing import NamedTuple

import numpy as np

from keras_rbm import checks, random
from keras_rbm import machine as machine_lib
from keras_rbm.likelihood.ais import ais, reverse_ais
from keras_rbm.likelihood.estimate import Estimate
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.typing import Array, Verbose

#: Below this effective sample size a few chains carry all the weight.
MIN_EFFECTIVE_SAMPLE_SIZE = 50
#: The largest distance of both estimates, in nats.
MAX_GAP = 1.0
#: The largest change when the betas are doubled, in nats.
MAX_CHANGE = 0.2
#: The largest distance of the mean free energies of the data and of the
#: particles that annealing ends with, in nats, beyond twice its standard error:
#: with 100 particles of an MNIST machine that error alone is 2 nats.
MAX_FREE_ENERGY_GAP = 4.0


class Bracket(NamedTuple):
    """Log Z between annealed importance sampling and its reverse.

    On average the first is below log Z and the second above it. That holds
    for honest samples at the start of the reverse: a mode that both miss is
    not seen, which the other checks may notice.

    Attributes:
        forward: `Estimate` by `ais`.
        reverse: `Estimate` by `reverse_ais`.
        half: `Estimate` by `ais` with half the betas.
        free_energy_gap: Mean F of the data less that of the particles that
            `forward` ended with, and its standard error, in nats; `None`
            where there are no data.
    """

    forward: Estimate
    reverse: Estimate
    half: Estimate
    free_energy_gap: tuple[float, float] | None = None

    @property
    def lower(self) -> float:
        """The smaller estimate of log Z, the optimistic one."""
        return float(np.minimum(self.forward.log_z, self.reverse.log_z))

    @property
    def upper(self) -> float:
        """The larger estimate of log Z, the pessimistic one."""
        return float(np.maximum(self.forward.log_z, self.reverse.log_z))

    @property
    def gap(self) -> float:
        """`upper - lower`, in nats."""
        return self.upper - self.lower

    @property
    def standard_error(self) -> float:
        """The larger standard error of the two, in nats."""
        return max(self.forward.standard_error, self.reverse.standard_error)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons not to trust the bracket, as a tuple of sentences."""
        reasons = []
        for name, estimate in (
            ("AIS", self.forward),
            ("reverse AIS", self.reverse),
        ):
            size = estimate.effective_sample_size
            if not size >= MIN_EFFECTIVE_SAMPLE_SIZE:
                reasons.append(
                    f"the effective sample size of {name} is {size:.1f} of "
                    f"{len(estimate.log_weights)}, below "
                    f"{MIN_EFFECTIVE_SAMPLE_SIZE}: take more chains or betas"
                )
        if not self.gap <= MAX_GAP:
            reasons.append(
                f"AIS and reverse AIS are {self.gap:.2f} nats apart, more "
                f"than {MAX_GAP:g}: take more betas"
            )
        inverted = self.forward.log_z - self.reverse.log_z
        errors = (e.standard_error for e in (self.forward, self.reverse))
        if inverted > 3 * math.hypot(*errors):
            reasons.append(
                f"reverse AIS is {inverted:.2f} nats below AIS: its samples "
                "miss a part of the model; take more sweeps"
            )
        change = self.forward.log_z - self.half.log_z
        if not abs(change) <= MAX_CHANGE:
            reasons.append(
                f"doubling the betas changed AIS by {change:+.2f} nats, more "
                f"than {MAX_CHANGE:g}: take more betas"
            )
        gap, error = self.free_energy_gap or (0.0, 0.0)
        if not abs(gap) <= MAX_FREE_ENERGY_GAP + 2 * error:
            reasons.append(
                f"the mean free energy of the data is {gap:+.2f} +- "
                f"{error:.2f} nats from that of the final particles, more "
                f"than {MAX_FREE_ENERGY_GAP:g}: the annealed chains are not "
                "where the data are"
            )
        return tuple(reasons)

    @property
    def trusted(self) -> bool:
        """Whether there are no warnings."""
        return not self.warnings

    def __str__(self):
        def told(estimate):
            return (
                f"{estimate.log_z:.3f} +- {estimate.standard_error:.3f} "
                f"(effective sample size "
                f"{estimate.effective_sample_size:.0f} of "
                f"{len(estimate.log_weights)})"
            )

        lines = [
            f"log Z from {self.lower:.3f} to {self.upper:.3f} nats",
            f"  AIS          {told(self.forward)}",
            f"  reverse AIS  {told(self.reverse)}",
            *(f"  not to be trusted: {reason}" for reason in self.warnings),
        ]
        return "\n".join(lines)


def bracket(
    machine: Machine,
    base: Machine,
    v_model: Array,
    stream: Stream,
    v: Array | None = None,
    num_betas: int = 10_000,
    num_chains: int = 100,
    verbose: Verbose = "auto",
) -> Bracket:
    """`ais` and `reverse_ais`, and `ais` again with half the betas.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling, as `machine.decouple` returns.
        v_model: Independent samples of the machine, where the reverse
            starts, of shape `(samples, visible.width)`. From each start as
            many chains as it takes for `num_chains`.
        stream: A `keras_rbm.random.Stream`.
        v: Data of shape `(examples, visible.width)`, whose mean free energy
            is held against that of the particles, or `None`.
        num_betas: Number of steps of the annealing.
        num_chains: Number of chains of `ais`.
        verbose: As for `ais`.

    Returns:
        A `Bracket`.

    Raises:
        ValueError: If a number is not a positive integer.
    """
    num_betas = checks.positive_integer("num_betas", num_betas)
    half = ais(
        machine,
        base,
        random.fold_in(stream, Use.HALF),
        (num_betas + 1) // 2,
        num_chains,
        verbose,
    )
    forward = ais(
        machine,
        base,
        random.fold_in(stream, Use.FORWARD),
        num_betas,
        num_chains,
        verbose,
    )
    reverse = reverse_ais(
        machine,
        base,
        v_model,
        random.fold_in(stream, Use.REVERSE),
        num_betas,
        -(-num_chains // max(len(v_model), 1)),
        verbose,
    )
    if v is None:
        return Bracket(forward, reverse, half)
    return Bracket(
        forward, reverse, half, _free_energy_gap(machine, v, forward.particles)
    )


def _free_energy_gap(machine, v, particles):
    """Difference of the mean free energies, and its standard error."""
    energies = [
        np.asarray(machine_lib.free_energy(machine, x), "float64")
        for x in (v, particles)
    ]
    errors = [e.std() / np.sqrt(max(len(e) - 1, 1)) for e in energies]
    means = [e.mean() for e in energies]
    return float(means[0] - means[1]), float(np.hypot(*errors))
