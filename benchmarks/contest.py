"""What the races of the benchmarks share: rounds in turns, and their tables.

Importing it sets the flags of TensorFlow and XLA, but imports neither: a
process of a race imports the library of its contestant alone.
"""

import argparse
import importlib.metadata
import os
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")

import numpy as np


def parser(description):
    """A parser of arguments that knows `--rounds`.

    Args:
        description: Docstring of a script, which begins with one line.
    """
    made = argparse.ArgumentParser(description=description.split("\n")[0])
    made.add_argument("--rounds", type=int, default=9)
    return made


def print_conditions(rounds, amount):
    """Prints what a table depends on.

    Args:
        rounds: Number of rounds.
        amount: Text such as `"500 updates"`.
    """
    try:
        tensorflow = importlib.metadata.version("tensorflow")
    except importlib.metadata.PackageNotFoundError:
        tensorflow = importlib.metadata.version("tensorflow-cpu")
    print(
        f"{os.cpu_count()} cores ({platform.processor() or 'CPU'}), "
        f"TensorFlow {tensorflow}, Keras {importlib.metadata.version('keras')};"
        f" {rounds} rounds of {amount}\n"
    )


def race(contestants, rounds, count):
    """Times contestants in turns, so that a noisy machine disturbs all alike.

    Args:
        contestants: Dict of names and functions of a number of steps.
        rounds: Number of rounds, beside a first one that compiles.
        count: Number of steps of a call.

    Returns:
        Dict of the names and lists of milliseconds a step, by round.
    """
    times = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            begin = time.perf_counter()
            run(count)
            seconds = time.perf_counter() - begin
            times[name].append(1e3 * seconds / count)
    return {name: values[1:] for name, values in times.items()}


def print_rows(times, *labels, digits=2, whole=None):
    """Prints a row of a Markdown table for each contestant.

    Its cells are the labels, the name, the median, the 10th and the 90th
    percentile, and the median of the ratios of the first contestant to this.

    Args:
        times: What `race` returned.
        *labels: Texts of the first cells.
        digits: Number of digits of the milliseconds.
        whole: Number of steps of which a further cell has the seconds.
    """
    first = next(iter(times.values()))
    for name, values in times.items():
        low, middle, high = np.percentile(values, [10, 50, 90])
        cells = [
            *labels,
            name,
            f"{middle:.{digits}f}",
            f"{low:.{digits}f} to {high:.{digits}f}",
        ]
        if whole is not None:
            cells.append(f"{1e-3 * whole * middle:.1f}")
        cells.append(f"{np.median(np.divide(first, values)):.2f}")
        print(f"| {' | '.join(cells)} |", flush=True)


def print_verdict(value, limit, what):
    """Prints whether a value is within its limit."""
    verdict = "within" if value <= limit else "ABOVE"
    print(f"\n{verdict} {limit} {what}")


def products(kernel, chains, transposed=False):
    """The matrix products of a sweep: up with the kernel and down again.

    The states are scaled so that they neither vanish nor overflow, by a
    factor that is part of the kernel.

    Args:
        kernel: Array of shape `(visible, hidden)`.
        chains: Number of chains.
        transposed: Whether the kernel is transposed beforehand, in memory.

    Returns:
        Function of a number of sweeps, which XLA runs in one loop; it returns
        the last visible states as an array.
    """
    import tensorflow as tf

    # By the largest singular value; tf.linalg.norm would be of all entries.
    kernel = tf.constant(kernel / np.linalg.norm(kernel, 2))
    start = tf.ones((chains, kernel.shape[0]))

    @tf.function(jit_compile=True, autograph=False)
    def loop(v, kernel, down, count):
        def up_and_down(step, v):
            h = v @ kernel
            if transposed:
                return step + 1, h @ down
            return step + 1, tf.matmul(h, kernel, transpose_b=True)

        return tf.while_loop(lambda step, v: step < count, up_and_down, (0, v))[
            1
        ]

    down = tf.transpose(kernel)
    return lambda count: loop(start, kernel, down, tf.constant(count)).numpy()
