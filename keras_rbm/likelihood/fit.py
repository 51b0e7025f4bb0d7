"""Compares data and samples, to see whether a model fits its data."""

from typing import NamedTuple

import numpy as np

from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.typing import Array

#: The largest accepted distance between the mean free energies of the data and
#: of the particles, in nats, in excess of twice its standard error.
MAX_FREE_ENERGY_GAP = 4.0
#: The smallest p-value of a Kolmogorov-Smirnov test, of free energies or of
#: projections, for which the model counts as fitting.
MIN_P_VALUE = 1e-4
# Maximum numbers of principal axes and of examples that determine the axes.
_AXES, _EXAMPLES = 2, 2000


class Fit(NamedTuple):
    """Differences between data and particles of a model.

    A `Fit` judges the model, not an estimate of log Z.

    Attributes:
        free_energy_gap: Mean free energy F of the data minus mean F of the
            particles, and the standard error of this difference, in nats,
            infinite for a single example or particle.
        free_energy: Kolmogorov-Smirnov distance between the distributions of
            F, from 0 to 1, and its p-value.
        projection: Kolmogorov-Smirnov distance and p-value for projections on
            the first two principal axes of the data: the larger of the two
            distances, and the smaller p-value times the number of axes.

    Example:
        fit = likelihood.compare(rbm.machine(), x, rbm.fantasy_particles)
        print(fit.free_energy_gap, fit.warnings)
    """

    free_energy_gap: tuple[float, float]
    free_energy: tuple[float, float]
    projection: tuple[float, float]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Signs that the model does not fit, as a tuple of sentences."""
        reasons = []
        gap, error = self.free_energy_gap
        if not abs(gap) <= MAX_FREE_ENERGY_GAP + 2 * error:
            reasons.append(
                "the model does not fit the data: the mean free energy of the "
                f"data is {gap:+.2f} +- {error:.2f} nats from the mean of the "
                "model's samples"
            )
        elif not self.free_energy[1] >= MIN_P_VALUE:
            reasons.append(
                "the model does not fit the data: the distributions of the "
                "free energies of the data and of the model's samples are "
                f"{self.free_energy[0]:.2f} apart (Kolmogorov-Smirnov)"
            )
        if not self.projection[1] >= MIN_P_VALUE:
            reasons.append(
                "the model does not fit the data: on the principal axes of the "
                "data, the distributions of data and samples are "
                f"{self.projection[0]:.2f} apart (Kolmogorov-Smirnov); the "
                "modes have different shares in the two"
            )
        return tuple(reasons)


def compare(machine: Machine, v: Array, particles: Array) -> Fit:
    """Compares data and particles, by free energies and by projections.

    Args:
        machine: A `Machine`.
        v: Data of shape `(examples, visible.width)`.
        particles: Samples of the machine, of shape `(samples,
            visible.width)`.

    Returns:
        A `Fit`.

    Example:
        found = likelihood.compare(rbm.machine(), x, rbm.fantasy_particles)
        print(found.free_energy_gap, found.warnings)
    """
    energies = [
        np.asarray(machine_lib.free_energy(machine, x), "float64")
        for x in (v, particles)
    ]
    errors = [
        e.std() / np.sqrt(len(e) - 1) if len(e) > 1 else np.inf
        for e in energies
    ]
    gap = float(energies[0].mean() - energies[1].mean())
    data, samples = (np.asarray(x, "float64") for x in (v, particles))
    mean = data.mean(axis=0)
    few = data[:: -(-len(data) // _EXAMPLES)] - mean
    axes = np.linalg.svd(few, full_matrices=False)[2][:_AXES]
    distances = [
        _distance((data - mean) @ axis, (samples - mean) @ axis)
        for axis in axes
    ]
    largest = max(distance for distance, _ in distances)
    least = min(p for _, p in distances)
    return Fit(
        (gap, float(np.hypot(*errors))),
        _distance(*energies),
        (largest, min(1.0, len(distances) * least)),
    )


def _distance(x, y):
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan"), float("nan")
    from scipy import stats  # Imported here because it takes a second.

    found = stats.ks_2samp(x, y, method="asymp")
    return float(found.statistic), float(found.pvalue)
