"""Annealed importance sampling of log Z, in both directions."""

from collections.abc import Callable

import numpy as np
from keras import ops
from scipy import special

from keras_rbm import checks, devices, gibbs, random
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.likelihood.estimate import Estimate, check_base, estimate
from keras_rbm.machine import Machine
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.random import Stream, Use
from keras_rbm.samplers import Clamp
from keras_rbm.typing import Array, Pair, Tensor, Verbose

# Maximum numbers of steps and of chains in one compiled call.
_STEPS, _CHAINS = 500, 1000


def betas(num_betas: int) -> np.ndarray:
    """The schedule of Salakhutdinov and Murray, for any number of steps.

    They use 500 evenly spaced inverse temperatures from 0 to 0.5, 4,000 from
    0.5 to 0.9 and 10,000 from 0.9 to 1.

    Args:
        num_betas: Number of steps, a positive integer.

    Returns:
        `float64` array of shape `(num_betas + 1,)`, from 0 to 1.

    Reference: Salakhutdinov and Murray (2008), section 5.

    Example:
        print(likelihood.betas(1000)[[0, -1]])  # From 0 to 1.
    """
    num_betas = checks.positive_integer("num_betas", num_betas)
    checks.in_memory("num_betas", (num_betas, 8))  # A few float64 arrays.
    shares = np.array([0, 500, 4_500, 14_500]) / 14_500
    return np.interp(
        np.linspace(0.0, 1.0, num_betas + 1), shares, [0.0, 0.5, 0.9, 1.0]
    )


def ais(
    machine: Machine,
    base: Machine,
    stream: Stream,
    num_betas: int = 10_000,
    num_chains: int = 100,
    verbose: Verbose = "auto",
) -> Estimate:
    """Log Z = log Z_base + log mean_i w_i, by annealing from `base`.

    w = prod_k p*_{k+1}(v_k) / p*_k(v_k), where v_0 is a sample of the base,
    and one Gibbs sweep at beta_k leads from v_{k-1} to v_k. The mean of w is
    an unbiased estimate of Z / Z_base. The estimate of log Z is on average
    below log Z.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling, as `machine.decouple` returns.
        stream: A `keras_rbm.random.Stream`.
        num_betas: Number of steps.
        num_chains: Number of chains. They run in blocks of at most 1,000. The
            draws of a chain depend neither on the blocks nor on the number of
            chains. In the scope of a `tf.distribute` strategy, the chains are
            distributed over the devices.
        verbose: `"auto"` for a progress bar on a terminal or in a notebook, 1
            for a progress bar everywhere, 0 for none. The bar appears after a
            few seconds.

    Returns:
        An `Estimate`.

    Raises:
        ValueError: If a number is not a positive integer, or `base` is
            coupled or has other units than `machine`.

    Reference: Neal (2001), "Annealed importance sampling"; Salakhutdinov and
        Murray (2008), section 4.1.

    Example:
        found = likelihood.ais(
            rbm.machine(),
            rbm.base_machine(),
            random.stream(0),
            num_betas=50,
            num_chains=50,
        )
        print(found.log_z, found.standard_error)
    """
    check_base(machine, base)
    path = betas(num_betas)
    num_chains = checks.positive_integer("num_chains", num_chains)

    def start(first, count):
        return gibbs.sample_without_inputs(
            base,
            count,
            random.fold_in(stream, Use.START)._replace(first_row=first),
        )

    bar = ProgressBar(
        num_betas * num_chains, "Annealed importance sampling", verbose
    )
    log_weights, particles = anneal(
        machine, base, path, num_chains, start, stream, bar
    )
    return estimate(base, log_weights, particles)


def reverse_ais(
    machine: Machine,
    base: Machine,
    v_model: Array,
    stream: Stream,
    num_betas: int = 10_000,
    repeats: int = 1,
    verbose: Verbose = "auto",
) -> Estimate:
    """Log Z = log Z_base - log mean_i w_i, by annealing towards `base`.

    Takes the steps of `ais` in reverse. If `v_model` are samples of the
    machine, the mean of w is an unbiased estimate of Z_base / Z, and the
    estimate of log Z is on average above log Z.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling, as `machine.decouple` returns.
        v_model: Tensor of shape `(samples, visible.width)`, independent
            samples of the machine.
        stream: A `keras_rbm.random.Stream`.
        num_betas: Number of steps.
        repeats: Number of chains from each sample. Chains with a common start
            are not independent. Their weights are therefore averaged before
            the standard error and the effective sample size are computed.
        verbose: See `ais`.

    Returns:
        An `Estimate` with one log-weight for each sample.

    Raises:
        ValueError: If a number is not a positive integer, `base` is coupled
            or has other units than `machine`, or `v_model` are not states
            of the visible side.

    Reference: Burda, Grosse and Salakhutdinov (2015), "Accurate and
        conservative estimates of MRF log-likelihood using reverse annealing",
        and Krause, Fischer and Igel (2020), "Algorithms for estimating the
        partition function of restricted Boltzmann machines", section 4.2.

    Example:
        found = likelihood.reverse_ais(
            rbm.machine(),
            rbm.base_machine(),
            rbm.sample(50, num_sweeps=20, seed=0),
            random.stream(0),
            num_betas=50,
        )
        print(found.log_z)  # On average above log Z.
    """
    check_base(machine, base)
    path = betas(num_betas)[::-1]

    def run(num_chains, start):
        bar = ProgressBar(
            num_betas * num_chains,
            "Reverse annealed importance sampling",
            verbose,
        )
        return anneal(machine, base, path, num_chains, start, stream, bar)

    return from_samples(machine, base, v_model, repeats, run)


def anneal(
    machine: Machine,
    base: Machine,
    betas: np.ndarray,
    num_chains: int,
    start: Callable[[int, int], Tensor],
    stream: Stream,
    bar: ProgressBar,
    clamp: Clamp | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Runs all chains through all betas, in blocks of chains and of betas.

    Args:
        machine: A `Machine`.
        base: A `Machine` without coupling.
        betas: Inverse temperatures of the path, `float64` array.
        num_chains: Number of chains.
        start: Function `start(first, count)` that returns the initial visible
            states of `count` chains, beginning with chain number `first`.
        stream: A `Stream`.
        bar: A `ProgressBar` of all steps of all chains.
        clamp: Visible entries that keep their values, or `None`.

    Returns:
        Log-weights and final visible states of the chains.
    """
    num_steps = len(betas) - 1
    padded = np.pad(betas, (0, -num_steps % _STEPS), mode="edge")

    def block(first, count):
        v = start(first, count)
        own = None
        if clamp is not None:
            own = clamp.of_rows(slice(first, first + count))
        log_weights = ops.zeros((count,), "float64")
        for begin in range(0, num_steps, _STEPS):
            steps = min(_STEPS, num_steps - begin)
            v, log_weights = _run(
                machine,
                base,
                v,
                log_weights,
                ops.cast(
                    padded[begin : begin + _STEPS + 1],
                    machine_lib.dtype(machine),
                ),
                stream._replace(
                    first_row=ops.convert_to_tensor(first, "int32")
                ),
                ops.convert_to_tensor(begin, "int64"),
                ops.convert_to_tensor(steps, "int32"),
                own,
            )
            bar.add(steps * count)
        return ops.convert_to_numpy(log_weights), ops.convert_to_numpy(v)

    return devices.by_rows(block, num_chains, _CHAINS)


@compiled
def _run(
    machine, base, v, log_weights, betas, stream, begin, num_steps, clamp=None
):
    """Runs `num_steps` steps of all chains, from betas[0].

    `begin` is the number of the first step, for the draws.
    """

    def step(k, state):
        old = machine_lib.anneal(base, machine, betas[k])
        new = machine_lib.anneal(base, machine, betas[k + 1])
        # One matrix product serves both weights and the sweep.
        inputs = machine_lib.hidden_inputs(machine, state[0])
        return reweighted_step(
            old,
            new,
            (betas[k] * inputs, betas[k + 1] * inputs),
            state,
            random.fold_in(stream, begin + ops.cast(k, "int64")),
            clamp,
        )

    return ops.fori_loop(0, num_steps, step, (v, log_weights))


def reweighted_step(
    old: Machine,
    new: Machine,
    inputs: Pair,
    state: Pair,
    stream: Stream,
    clamp: Clamp | None = None,
) -> Pair:
    """One step: adds F_old(v) - F_new(v) to log w, then one sweep of `new`.

    Args:
        old: The `Machine` whose law the weighted chains represent.
        new: The next `Machine`.
        inputs: Hidden inputs of v in `old` and in `new`, a pair of tensors.
        state: Pair of v and the `float64` log-weights.
        stream: A `Stream`, different for each step.
        clamp: Visible entries that keep their values, or `None`.

    Returns:
        The pair of v and the log-weights after the step.
    """
    v, log_weights = state
    old_inputs, new_inputs = inputs
    change = new.visible.energy_change(
        v, new.visible_params, old.visible_params
    ) + new.hidden.log_partition_change(
        old_inputs, old.hidden_params, new_inputs, new.hidden_params
    )
    h = new.hidden.sample(
        new_inputs, new.hidden_params, random.fold_in(stream, Use.HIDDEN)
    )
    v = gibbs.sample_visible(new, h, stream)
    if clamp is not None:
        v = clamp.hold(v)
    return v, log_weights + ops.cast(change, "float64")


def from_samples(
    machine: Machine,
    base: Machine,
    v_model: Array,
    repeats: int,
    run: Callable[[int, Callable[[int, int], Tensor]], Pair],
) -> Estimate:
    """The estimate by annealing from samples of a machine to its base.

    Args:
        machine: The `Machine` of the samples.
        base: A `Machine` without coupling.
        v_model: Tensor of shape `(samples, visible.width)`.
        repeats: Number of chains from each sample.
        run: Function `run(num_chains, start)` that returns log-weights and
            particles. See `anneal` for the arguments.

    Returns:
        An `Estimate` with one log-weight for each sample.

    Raises:
        ValueError: If `repeats` is not a positive integer, or `v_model` are
            not states of the visible side.
    """
    repeats = checks.positive_integer("repeats", repeats)
    machine.visible.check_states(v_model, "v_model")
    num_samples = len(v_model)
    v = ops.cast(v_model, machine_lib.dtype(machine))
    v = ops.repeat(v, repeats, axis=0)
    log_weights, particles = run(
        len(v), lambda first, count: v[first : first + count]
    )
    log_weights = special.logsumexp(
        log_weights.reshape(num_samples, repeats), axis=1
    ) - np.log(repeats)
    return estimate(base, log_weights, particles, reverse=True)
