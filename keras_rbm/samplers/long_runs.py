"""Long runs of a sampler: samples, film strips, and means along the chains.

The sweeps run in compiled blocks of about a second each, with a progress bar.
In the scope of a `tf.distribute` strategy, they run on all its devices. Sweep i
draws from `fold_in(stream, i)`, and chain j draws from row j of the stream, so
neither blocks nor devices change the draws.
"""

from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import checks, devices
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.machine import Machine
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.random import Stream
from keras_rbm.samplers.base import Clamp, Ladder, Sampler, run
from keras_rbm.typing import Array, Tensor, Verbose

# Multiplications in one call of the compiled loop, which take about a second,
# and the least number of multiplications that is assumed for a sweep.
_WORK, _LEAST = 2**34, 2**17
# Maximum size of the states that one call returns.
_NUMBERS = 2**24


def sample(
    sampler: Sampler,
    machine: Machine,
    v: Tensor,
    stream: Stream,
    num_sweeps: int,
    base: Machine | None = None,
    clamp: Clamp | None = None,
    every: int | None = None,
    verbose: Verbose = "auto",
) -> Tensor:
    """Draws samples from the machine, by `num_sweeps` sweeps from `v`.

    Args:
        sampler: A `Sampler`.
        machine: A `Machine` with finite parameters.
        v: Tensor of shape `(chains, visible.width)`, the starts of the chains.
        stream: A `keras_rbm.random.Stream`.
        num_sweeps: Number of sweeps of each chain.
        base: See `Sampler.init`.
        clamp: A `Clamp`, or `None`.
        every: Number of sweeps from one frame to the next, or `None`.
        verbose: See `likelihood.ais`.

    Returns:
        Tensor of shape `(chains, visible.width)`, the states after all
        sweeps. If `every` is set, a tensor of shape `(num_sweeps // every,
        chains, visible.width)`, the states after every `every` sweeps.

    Raises:
        ValueError: If a number is not a positive integer, or the states would
            not fit into memory or are not finite.

    Example:
        v = samplers.sample(
            keras_rbm.Gibbs(), rbm.machine(), x, random.stream(0), num_sweeps=20
        )
        print(v.shape)  # (len(x), 16)
    """
    num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
    film = every is not None
    every = checks.positive_integer("every", every) if film else num_sweeps
    if every > num_sweeps:
        raise ValueError(
            "`every` must be at most `num_sweeps`, or there are no states to "
            f"return. Received: every={every}, num_sweeps={num_sweeps}"
        )
    num_frames = num_sweeps // every
    checks.in_memory("every" if film else "start", (num_frames, *v.shape))

    def frames(state, block, here, clamp, bar):
        """States after every `every` sweeps, `(chains, num_frames, width)`."""
        chains, width = sampler.samples(state).shape
        room = min(block // every, num_frames, _NUMBERS // (chains * width))
        room, found, done = max(1, room), [], 0
        while done < num_frames * every:
            left = every - done % every
            several = left == every <= block
            number = min(room, num_frames - done // every) if several else 1
            sweeps = min(left, block)
            state, drawn = _frames(
                sampler,
                machine,
                state,
                here,
                clamp,
                _number(done),
                _number(sweeps),
                _number(number),
                room,
            )
            done += number * sweeps
            if done % every == 0:
                found.append(drawn[:, :number])
            bar.add(number * sweeps * chains)
        return found[0] if len(found) == 1 else ops.concatenate(found, axis=1)

    found = _drawn(
        frames,
        sampler,
        machine,
        v,
        stream,
        base,
        clamp,
        ProgressBar(
            num_frames * every * len(v), "Sampling (sweeps of a chain)", verbose
        ),
    )
    return ops.swapaxes(found, 0, 1) if film else found[:, 0]


class WatchedRun(NamedTuple):
    """Samples, and data to check whether the chains have mixed.

    Attributes:
        v: Tensor of shape `(chains, visible.width)`, the final states.
        halfway: Array of the same shape, the states after half of the sweeps.
        ladder: The `Ladder` of a sampler with replicas, or `None`.

    Example:
        run = samplers.watched_sample(
            keras_rbm.Gibbs(), rbm.machine(), x, random.stream(0), num_sweeps=20
        )
        print(run.v.shape, run.halfway.shape)
    """

    v: Tensor
    halfway: Array
    ladder: Ladder | None


def watched_sample(
    sampler: Sampler,
    machine: Machine,
    v: Tensor,
    stream: Stream,
    num_sweeps: int,
    base: Machine | None = None,
    verbose: Verbose = "auto",
) -> WatchedRun:
    """Draws samples as `sample` does, with data for `diagnostics.mixing`.

    Args:
        sampler: A `Sampler`.
        machine: A `Machine` with finite parameters.
        v: Tensor of shape `(chains, visible.width)`, the starts of the chains.
        stream: A `keras_rbm.random.Stream`.
        num_sweeps: Number of sweeps of each chain, at least 2.
        base: See `Sampler.init`.
        verbose: See `likelihood.ais`.

    Returns:
        A `WatchedRun`.

    Raises:
        ValueError: If the states would not fit into memory or are not finite.

    Example:
        run = samplers.watched_sample(
            keras_rbm.Gibbs(), rbm.machine(), x, random.stream(0), num_sweeps=20
        )
        print(diagnostics.mixing(run.halfway, run.v).warnings)
    """

    def watched(state, block, here, clamp, bar):
        start, seen, done = state, [], 0
        for stop in (num_sweeps // 2, num_sweeps):
            while done < stop:
                sweeps = min(stop - done, block)
                state, drawn = _frames(
                    sampler,
                    machine,
                    state,
                    here,
                    clamp,
                    _number(done),
                    _number(sweeps),
                    _number(1),
                    1,
                )
                done += sweeps
                bar.add(sweeps * drawn.shape[0])
            seen.append(drawn[:, 0])
        halfway, end = seen
        ladder = sampler.ladder_of_run(start, state, num_sweeps)
        return (end, halfway) if ladder is None else (end, halfway, *ladder)

    end, halfway, *ladder = _by_device(
        watched,
        sampler,
        machine,
        v,
        stream,
        base,
        None,
        ProgressBar(
            num_sweeps * len(v), "Sampling (sweeps of a chain)", verbose
        ),
    )
    return WatchedRun(
        _finite(end),
        np.asarray(halfway),
        Ladder(*map(np.asarray, ladder)) if ladder else None,
    )


def average_visible(
    sampler: Sampler,
    machine: Machine,
    v: Tensor,
    stream: Stream,
    num_sweeps: int,
    base: Machine | None = None,
    clamp: Clamp | None = None,
    verbose: Verbose = "auto",
) -> Tensor:
    """Mean of E[v | h] over the second half of the sweeps from `v`.

    Args:
        sampler: A `Sampler`.
        machine: A `Machine` with finite parameters.
        v: Tensor of shape `(chains, visible.width)`, the starts of the chains.
        stream: A `keras_rbm.random.Stream`.
        num_sweeps: Number of sweeps. The first `num_sweeps // 2` sweeps are
            left out of the mean.
        base: See `Sampler.init`.
        clamp: A `Clamp`, or `None`.
        verbose: See `likelihood.ais`.

    Returns:
        Tensor of shape `(chains, visible.width)`.

    Raises:
        ValueError: If `num_sweeps` is not a positive integer, the states
            would not fit into memory, or a mean is not finite.

    Reference: Gelfand and Smith (1990), "Sampling-based approaches to
        calculating marginal densities", section 2.3.

    Example:
        clamp = samplers.Clamp(np.arange(16) < 8, x)  # The upper half is known.
        means = samplers.average_visible(
            keras_rbm.Gibbs(),
            rbm.machine(),
            x,
            random.stream(0),
            num_sweeps=20,
            clamp=clamp,
        )
    """
    num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
    skipped = num_sweeps // 2

    def mean(state, block, here, clamp, bar):
        chains, width = sampler.samples(state).shape
        total, done = ops.zeros((chains, width), machine_lib.dtype(machine)), 0
        while done < num_sweeps:
            skip = min(block, max(0, skipped - done))
            count = min(block - skip, num_sweeps - done - skip)
            state, total = _sums(
                sampler,
                machine,
                state,
                total,
                here,
                clamp,
                _number(done),
                _number(skip),
                _number(count),
            )
            done += skip + count
            bar.add((skip + count) * chains)
        return total / (num_sweeps - skipped)

    return _drawn(
        mean,
        sampler,
        machine,
        v,
        stream,
        base,
        clamp,
        ProgressBar(
            num_sweeps * len(v), "Averaging (sweeps of a chain)", verbose
        ),
    )


def _by_device(function, sampler, machine, v, stream, base, clamp, bar):
    """Calls a function of chains, with the chains distributed over devices.

    The arguments of the function are the state of its chains, the number of
    sweeps in a block, the stream and the clamp of its chains, and the progress
    bar.
    """
    checks.in_memory("sampler", (sampler.rows, *v.shape))

    def of_rows(first, count):
        rows = slice(first, first + count)
        work = sampler.rows * count * int(np.prod(machine.kernel.shape))
        state = sampler.init(machine, v[rows], base)
        return function(
            sampler.tune(machine, state, stream),
            max(1, _WORK // max(work, _LEAST)),
            _stream_of_rows(stream, rows),
            clamp and clamp.of_rows(rows),
            bar,
        )

    return devices.by_rows(of_rows, len(v))


def _stream_of_rows(stream, rows):
    """The stream of a slice of the chains."""
    address = stream.first_row
    if len(np.shape(address)):  # An offset for each row.
        address = address[rows]
    return stream._replace(first_row=address + rows.start)


def _drawn(*args):
    """The result of `_by_device`, checked to be finite."""
    return _finite(_by_device(*args))


def _finite(x):
    """Returns `x`, or raises a `ValueError` if it holds NaN or infinity."""
    x = ops.convert_to_tensor(x)
    wrong = int(ops.sum(ops.cast(ops.logical_not(ops.isfinite(x)), "int32")))
    if wrong:
        raise ValueError(
            "The chains must stay finite: they grow without bound if there "
            "is no distribution, as of two sides without bound at too large "
            "an `inverse_temperature`. Received: samples of shape "
            f"{tuple(x.shape)} of which {wrong} are NaN or infinite"
        )
    return x


def _number(x):
    return ops.convert_to_tensor(x, "int32")


@compiled
def _frames(
    sampler,
    machine,
    state,
    stream,
    clamp,
    first,
    num_sweeps,
    num_frames,
    room,
):
    """`num_frames` blocks of `num_sweeps` sweeps, and samples after each."""
    machine = machine_lib.with_transposed(machine)

    def one(i, carried):
        state, frames = carried
        start = first + i * num_sweeps
        state, _ = run(
            sampler, machine, state, stream, num_sweeps, start, clamp
        )
        v = sampler.samples(state)
        return state, ops.slice_update(frames, (0, i, 0), v[:, None])

    v = sampler.samples(state)
    frames = ops.zeros((v.shape[0], room, v.shape[1]), v.dtype)
    return ops.fori_loop(0, num_frames, one, (state, frames))


@compiled
def _sums(sampler, machine, state, total, stream, clamp, first, skip, count):
    """`skip` sweeps, then `count` sweeps whose E[v | h] are added up."""
    machine = machine_lib.with_transposed(machine)

    def add(_, before, info, after, total):
        # The draw of v needs the same product: the compiler merges the two.
        return total + machine_lib.visible_mean(machine, info.h)

    state, _ = run(sampler, machine, state, stream, skip, first, clamp)
    return run(
        sampler,
        machine,
        state,
        stream,
        count,
        first + skip,
        clamp,
        add,
        total,
    )
