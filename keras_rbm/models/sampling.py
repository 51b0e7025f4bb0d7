"""Samples of a model, drawn in the compiled graph."""

import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import checks, devices, random
from keras_rbm.compiled import compiled
from keras_rbm.progress import Progress

# The stream of samples, which a model of the same seed does not train with.
_SAMPLE = 2**33
# Multiplications in a call of the compiled loop, about a second's, and what
# a sweep of the smallest machine takes in their terms.
_WORK, _LEAST = 2**34, 2**17
# Numbers of the states that one call may return.
_NUMBERS = 2**24


def stream(seed, use=_SAMPLE):
    """The stream of samples of a seed, apart from those of training.

    Args:
        seed: Integer from 0 to 2**64 - 1, or `None` for another each time.
        use: Number of the use, from 2**33 on.
    """
    return random.fold_in(random.stream(seed), use)


def check_finite(machine):
    """Refuses a machine whose draws would look like samples, and are none.

    Args:
        machine: A `Machine`.

    Raises:
        ValueError: If its parameters are not finite.
    """
    for x in tf.nest.flatten(machine[2:5]):
        if not np.isfinite(tf.cast(x, "float64")).all():
            raise ValueError(
                "The model must have finite parameters to be sampled from: "
                "has its training diverged? Received: parameters that hold "
                "NaN or infinity"
            )


def check_drawn(x):
    """Refuses draws, or means of some, that are no numbers.

    Args:
        x: Tensor.

    Returns:
        The tensor.

    Raises:
        ValueError: If it holds NaN or infinity.
    """
    bad = int(tf.math.count_nonzero(~tf.math.is_finite(x)))
    if bad:
        raise ValueError(
            "The chains must stay finite: they grow without bound if there "
            "is no distribution, as of two sides without bound at too large "
            "an `inverse_temperature`. Received: samples of shape "
            f"{tuple(x.shape)} of which {bad} are NaN or infinite"
        )
    return x


def sweeps_of_a_call(sampler, machine, num_chains):
    """How many sweeps a call of the compiled loop is to make: a second's."""
    work = sampler.rows * num_chains * int(np.prod(machine.kernel.shape))
    return max(1, _WORK // max(work, _LEAST))


def sample(
    sampler,
    base,
    machine,
    start,
    stream,
    num_sweeps,
    clamp=None,
    every=None,
    verbose="auto",
):
    """Draws from the machine, `num_sweeps` sweeps from `start`.

    The sweeps are made in blocks, of about a second each. Sweep i draws from
    `fold_in(stream, i)`, and chain j is row j of the stream: neither blocks
    nor devices change a draw.

    Args:
        sampler: A `samplers.Sampler`.
        base: A `Machine` without coupling.
        machine: A `Machine` with finite parameters.
        start: Tensor of shape `(chains, visible.width)`.
        stream: A `keras_rbm.random.Stream`.
        num_sweeps: Number of sweeps of each chain.
        clamp: A `samplers.Clamp`, or `None`.
        every: Number of sweeps from one frame to the next, or `None`.
        verbose: `"auto"`, 1 or 0.

    Returns:
        Tensor of shape `(chains, visible.width)`, the states after all
        sweeps; with `every`, of shape `(num_sweeps // every, chains,
        visible.width)`, those after each `every` sweeps.

    Raises:
        ValueError: If a number is not a positive integer, or the states would
            not fit into memory or are not finite.
    """
    num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
    film = every is not None
    every = checks.positive_integer("every", every) if film else num_sweeps
    if every > num_sweeps:
        raise ValueError(
            "`every` must be at most `num_sweeps`, or there are no states to "
            f"return. Received: every={every}, num_sweeps={num_sweeps}"
        )
    shape = (num_sweeps // every, *start.shape)
    checks.in_memory("every" if film else "start", shape)
    checks.in_memory("sampler", (sampler.rows, *start.shape))
    bar = Progress(
        shape[0] * every * shape[1], "Sampling (sweeps of a chain)", verbose
    )

    def run(first, count):
        rows = slice(first, first + count)
        return _frames(
            sampler,
            base,
            machine,
            start[rows],
            stream._replace(first_row=first),
            shape[0],
            every,
            clamp and clamp.of_rows(rows),
            bar,
        )

    frames = devices.by_rows(run, shape[1])
    frames = check_drawn(tf.convert_to_tensor(frames))
    return ops.swapaxes(frames, 0, 1) if film else frames[:, 0]


def _frames(sampler, base, machine, v, stream, num_frames, every, clamp, bar):
    """States after each `every` sweeps, `(chains, num_frames, width)`."""
    block = sweeps_of_a_call(sampler, machine, len(v))
    room = min(block // every, num_frames, _NUMBERS // int(np.prod(v.shape)))
    room = max(1, room)
    state, frames, done = sampler.start(v), [], 0
    while done < num_frames * every:
        left = every - done % every
        several = left == every <= block
        number = min(room, num_frames - done // every) if several else 1
        sweeps = min(left, block)
        state, found = _advance(
            sampler,
            base,
            machine,
            state,
            stream,
            clamp,
            tf.constant(done),
            tf.constant(sweeps),
            tf.constant(number),
            room,
        )
        done += number * sweeps
        if done % every == 0:
            frames.append(found[:, :number])
        bar.add(number * sweeps * len(v))
    return frames[0] if len(frames) == 1 else tf.concat(frames, axis=1)


@compiled
def _advance(
    sampler,
    base,
    machine,
    state,
    stream,
    clamp,
    first,
    num_sweeps,
    num_frames,
    room,
):
    """`num_frames` times so many sweeps, and the states after each."""

    def one(i, carried):
        state, frames = carried
        state = sampler.run(
            base,
            machine,
            state,
            stream,
            first + i * num_sweeps,
            num_sweeps,
            clamp,
        )
        v = sampler.samples(state)
        return state, ops.slice_update(frames, (0, i, 0), v[:, None])

    v = sampler.samples(state)
    frames = ops.zeros((v.shape[0], room, v.shape[1]), v.dtype)
    return ops.fori_loop(0, num_frames, one, (state, frames))
