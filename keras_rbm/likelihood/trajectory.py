"""Annealed importance sampling along the machines of a training run."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

from keras_rbm import checks, devices, gibbs, random
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.likelihood.ais import from_samples, reweighted_step
from keras_rbm.likelihood.estimate import Estimate, check_base, estimate
from keras_rbm.machine import Machine
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.random import Stream, Use
from keras_rbm.typing import Array, Params, Tensor, Verbose

# Maximum number of chains in one compiled call.
_CHAINS = 1000


def trajectory_ais(
    machines: Sequence[Machine],
    base: Machine,
    stream: Stream,
    num_betas: int = 100,
    num_chains: int = 100,
    verbose: Verbose = "auto",
) -> Estimate:
    """Log Z = log Z_base + log mean_i w_i, along a trajectory of machines.

    w = prod_k exp(F_k(v_k) - F_k+1(v_k)), where v_0 is a sample of the base,
    and one Gibbs sweep of machine k leads from v_{k-1} to v_k. The machines k
    are the machines of the trajectory, with `num_betas - 1` machines between
    neighbours, whose parameters are interpolated linearly. The mean of w is an
    unbiased estimate of Z / Z_base. The logarithm of the mean is too small on
    average.

    Along a training run, the machines change slowly when their law changes.
    Each mode appears while chains still move easily enough to find it. A path
    of inverse temperatures does not ensure this.

    Args:
        machines: Sequence of `Machine` of the same units, such as
            `[*snapshots.machines, rbm.machine()]`. The function estimates
            log Z of the last machine.
        base: A `Machine` without coupling, such as `rbm.base_machine()`.
        stream: A `keras_rbm.random.Stream`.
        num_betas: Number of steps from one machine to the next.
        num_chains: Number of chains. See `ais`.
        verbose: See `ais`.

    Returns:
        An `Estimate`.

    Raises:
        ValueError: If a number is not a positive integer, the units of the
            machines differ, or `base` is coupled or has other units.

    Reference: Béreux, Decelle, Furtlehner, Rosset and Seoane (2025), "Fast
        training and sampling of restricted Boltzmann machines"; Carbone, Hua,
        Coste and Vanden-Eijnden (2023), "Efficient training of energy-based
        models using Jarzynski equality".

    Example:
        # During training, `callbacks.Snapshots` collects such machines.
        machine = rbm.machine()
        scale = keras_rbm.machine.scale
        path = [scale(machine, beta) for beta in (0.3, 0.6, 1.0)]
        found = likelihood.trajectory_ais(
            path, rbm.base_machine(), random.stream(0), num_betas=10
        )
        print(found.log_z)
    """
    path = _path(machines, base)
    num_chains = checks.positive_integer("num_chains", num_chains)

    def start(first, count):
        return gibbs.sample_without_inputs(
            base,
            count,
            random.fold_in(stream, Use.START)._replace(first_row=first),
        )

    log_weights, particles = _anneal(
        path, num_betas, num_chains, start, stream, verbose
    )
    return estimate(base, log_weights, particles)


def reverse_trajectory_ais(
    machines: Sequence[Machine],
    base: Machine,
    v_model: Array,
    stream: Stream,
    num_betas: int = 100,
    repeats: int = 1,
    verbose: Verbose = "auto",
) -> Estimate:
    """Log Z = log Z_base - log mean_i w_i, back along a trajectory.

    Takes the steps of `trajectory_ais` in reverse. If `v_model` are samples of
    the last machine, the mean of w is an unbiased estimate of Z_base / Z, and
    the estimate of log Z is on average above log Z.

    Args:
        machines: See `trajectory_ais`.
        base: A `Machine` without coupling, such as `rbm.base_machine()`.
        v_model: Tensor of shape `(samples, visible.width)`, independent
            samples of the last machine.
        stream: A `keras_rbm.random.Stream`.
        num_betas: Number of steps from one machine to the next.
        repeats: See `reverse_ais`.
        verbose: See `ais`.

    Returns:
        An `Estimate` with one log-weight for each sample.

    Raises:
        ValueError: See `trajectory_ais`. Also if `v_model` are not states
            of the visible side.

    Reference: See `trajectory_ais` and `reverse_ais`.

    Example:
        machine = rbm.machine()
        scale = keras_rbm.machine.scale
        path = [scale(machine, beta) for beta in (0.3, 0.6, 1.0)]
        found = likelihood.reverse_trajectory_ais(
            path,
            rbm.base_machine(),
            rbm.sample(20, num_sweeps=20, seed=0),
            random.stream(0),
            num_betas=10,
        )
        print(found.log_z)  # On average above log Z.
    """
    path = _path(machines, base)

    def run(num_chains, start):
        return _anneal(
            path[::-1], num_betas, num_chains, start, stream, verbose
        )

    return from_samples(path[-1], base, v_model, repeats, run)


@compiled
def anneal_between(
    start: Machine,
    end: Machine,
    v: Tensor,
    log_weights: Tensor,
    num_betas: Tensor,
    stream: Stream,
    first: Tensor,
) -> tuple[Tensor, Tensor]:
    """Moves weighted chains from one machine to another.

    Args:
        start: A `Machine` with `beta=1`.
        end: A `Machine` with `beta=1` and the same units.
        v: Tensor of shape `(chains, visible.width)`, weighted samples of
            `start`.
        log_weights: `float64` tensor of shape `(chains,)`, the log-weights of
            these samples.
        num_betas: Number of steps, a scalar `int32` tensor.
        stream: A `keras_rbm.random.Stream`. Step k draws from
            `fold_in(stream, first + k)`.
        first: Number of the first step, a scalar `int64` tensor.

    Returns:
        Tuple of `v` and `log_weights`, weighted samples of `end`.
    """
    dtype = machine_lib.dtype(end)

    def at(beta):
        return end._replace(
            kernel=_between(start.kernel, end.kernel, beta),
            visible_params=_params(start, end, "visible_params", beta),
            hidden_params=_params(start, end, "hidden_params", beta),
        )

    def step(k, state):
        v, _ = state
        total = ops.cast(num_betas, dtype)
        beta = ops.cast(k, dtype) / total
        next_beta = ops.cast(k + 1, dtype) / total
        old, new = at(beta), at(next_beta)
        # Inputs are linear in the kernel, so two products give both weights.
        ends = [machine_lib.hidden_inputs(m, v) for m in (start, end)]
        old_inputs, new_inputs = (_between(*ends, b) for b in (beta, next_beta))
        return reweighted_step(
            old,
            new,
            (old_inputs, new_inputs),
            state,
            random.fold_in(stream, first + ops.cast(k, "int64")),
        )

    return ops.fori_loop(0, num_betas, step, (v, log_weights))


def _path(machines, base):
    """The base and all machines, in one dtype and with `beta=1`."""
    machine_lib.check_alike(machines)
    check_base(machines[-1], base)
    dtype = machine_lib.dtype(machines[-1])
    return [
        machine_lib.cast(machine_lib.absorb_beta(machine), dtype)
        for machine in (base, *machines)
    ]


def _anneal(
    path: Sequence[Machine],
    num_betas: int,
    num_chains: int,
    start: Callable[[int, int], Tensor],
    stream: Stream,
    verbose: Verbose,
) -> tuple[np.ndarray, np.ndarray]:
    """Runs all chains along the path, in blocks."""
    num_betas = checks.positive_integer("num_betas", num_betas)
    bar = ProgressBar(
        (len(path) - 1) * num_betas * num_chains,
        "Trajectory annealed importance sampling",
        verbose,
    )

    def block(first, count):
        v = start(first, count)
        log_weights = ops.zeros((count,), "float64")
        here = stream._replace(first_row=ops.convert_to_tensor(first, "int32"))
        for number, pair in enumerate(itertools.pairwise(path)):
            v, log_weights = anneal_between(
                *pair,
                v,
                log_weights,
                ops.convert_to_tensor(num_betas, "int32"),
                here,
                ops.convert_to_tensor(number * num_betas, "int64"),
            )
            bar.add(num_betas * count)
        return ops.convert_to_numpy(log_weights), ops.convert_to_numpy(v)

    return devices.by_rows(block, num_chains, _CHAINS)


def _between(start: Tensor, end: Tensor, beta: Tensor) -> Tensor:
    return (1 - beta) * start + beta * end


def _params(start: Machine, end: Machine, side: str, beta: Tensor) -> Params:
    params = getattr(start, side)
    return {
        name: _between(params[name], value, beta)
        for name, value in getattr(end, side).items()
    }
