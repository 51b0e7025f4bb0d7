"""Diagnostics of mixing: a run of sweeps, and its autocorrelation."""

from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import samplers
from keras_rbm.compiled import compiled
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Tensor

# A window of so many autocorrelation times: what is beyond it is noise.
_WINDOW = 5.0


class Run(NamedTuple):
    """What a run of sweeps has shown.

    Attributes:
        free_energy: F(v) before each sweep, of shape `(sweeps, chains)`, in
            nats.
        flipped: Whether a unit has changed in any chain, of shape
            `(visible.width,)`.
        v: Where the chains end, of shape `(chains, visible.width)`.
    """

    free_energy: Tensor
    flipped: Tensor
    v: Tensor


@compiled
def run(
    machine: Machine,
    v: Array,
    stream: Stream,
    num_sweeps: int,
    sampler: samplers.Sampler | None = None,
) -> Run:
    """`num_sweeps` sweeps of each chain, and what they show.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(chains, visible.width)`, where the chains start.
        stream: A `keras_rbm.random.Stream`; sweep i draws from
            `fold_in(stream, i)`.
        num_sweeps: Integer, a part of the compiled program.
        sampler: A `samplers.Sampler`; `None` for `Gibbs()`.

    Returns:
        A `Run` of tensors.
    """
    sampler = samplers.get(sampler)

    def observe(i, before, info, after, seen):
        free_energy, flipped = seen
        old, new = sampler.samples(before), sampler.samples(after)
        # The compiler takes the product of v and W once for this and the step.
        row = machine_lib.free_energy(machine, old)[None]
        changed = ops.any(ops.not_equal(new, old), axis=0)
        return (
            ops.slice_update(free_energy, (i, 0), row),
            ops.logical_or(flipped, changed),
        )

    v = ops.cast(v, machine_lib.dtype(machine))
    state, (free_energy, flipped) = samplers.run(
        sampler,
        machine,
        sampler.init(machine, v),
        stream,
        num_sweeps,
        observe=observe,
        seen=(
            ops.zeros((num_sweeps, ops.shape(v)[0]), v.dtype),
            ops.zeros((machine.visible.width,), "bool"),
        ),
    )
    return Run(free_energy, flipped, sampler.samples(state))


def autocorrelation(x: Array) -> np.ndarray:
    """rho(t) = mean (x_s - m) (x_{s+t} - m) / mean (x_s - m)^2.

    The means are over all s and all chains, and m is that of all chains
    together: chains that stay in different places are correlated with
    themselves for ever, though each of them looks like noise.

    Args:
        x: Array of shape `(sweeps, chains)`.

    Returns:
        `float64` array of shape `(sweeps,)`, for t from 0 on; NaN where x
        does not vary.
    """
    x = np.asarray(x)
    count = len(x)
    # What differs by less is rounding: free energies of equal states.
    least = 8 * np.finfo(np.result_type(x, np.float16)).eps * np.abs(x).max()
    if np.ptp(x) <= least:
        return np.full(count, np.nan)
    x = x.astype("float64")
    # Zeros behind each chain keep its end from meeting its beginning.
    spectrum = np.fft.rfft(x - x.mean(), 2 * count, axis=0)
    products = np.fft.irfft(np.square(np.abs(spectrum)).sum(1), 2 * count)
    covariance = products[:count] / np.arange(count, 0, -1)
    return covariance / covariance[0]


class AutocorrelationTime(NamedTuple):
    """How many sweeps are worth one fresh draw.

    Attributes:
        sweeps: tau, 1 for independent draws; NaN where nothing varies.
        converged: Whether the run was long enough to tell, more than five
            tau; if not, `sweeps` is a lower bound.
    """

    sweeps: float
    converged: bool


def autocorrelation_time(x: Array) -> AutocorrelationTime:
    """Tau = 1 + 2 sum_{t=1}^M rho(t), the integrated autocorrelation time.

    M is the first number of sweeps that is at least 5 tau: a longer sum would
    add more noise than signal. The relative standard error of tau is about
    sqrt(2 (2 M + 1) / (sweeps chains)). Where the run has no such M, the sum
    is taken over half of it. The autocorrelation of block-Gibbs sampling is
    never negative, so that this is a lower bound.

    Args:
        x: Array of shape `(sweeps, chains)`, such as free energies of chains
            in equilibrium.

    Returns:
        An `AutocorrelationTime`.

    Reference: Sokal (1997), "Monte Carlo methods in statistical mechanics:
        foundations and new algorithms", section 3.
    """
    times = 2.0 * np.cumsum(autocorrelation(x)) - 1.0
    wide = np.arange(len(times)) >= _WINDOW * times
    converged = bool(wide.any())
    window = np.argmax(wide) if converged else len(times) // 2
    return AutocorrelationTime(float(times[window]), converged)
