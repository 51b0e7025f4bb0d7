"""Times annealed importance sampling against its own matrix products.

In one run, interleaved, so that a noisy machine disturbs both alike:

- `ais`: `keras_rbm.likelihood.ais` as a user calls it, with its draws, its
  weights and all that goes on between the compiled calls;
- `products`: the two matrix products of each beta alone, with the same
  kernel and as many chains, in one loop that XLA compiles.

Prints medians and the spread (10th to 90th percentile) as a Markdown table.

    python benchmarks/ais.py [--rounds 9] [--betas 1000]
"""

import argparse
import os
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import Bernoulli, likelihood, random
from keras_rbm import machine as machine_lib

# What ten thousand betas may take, in times of their products.
LIMIT = 1.4
VISIBLE, HIDDEN, CHAINS = 784, 500, 100


def draw(visible, hidden):
    """A machine of the size of a trained one's numbers, and its base."""
    rng = np.random.default_rng(0)
    machine = machine_lib.Machine(
        Bernoulli(visible),
        Bernoulli(hidden),
        tf.constant(0.1 * rng.normal(size=(visible, hidden)), tf.float32),
        {"bias": tf.constant(rng.normal(size=visible) - 2.0, tf.float32)},
        {"bias": tf.constant(rng.normal(size=hidden) - 1.0, tf.float32)},
    )
    return machine, machine_lib.decouple(machine, np.full(visible, 0.2))


def products(machine, chains):
    """The products of each beta: up with the kernel and down again.

    The states are scaled so that they neither vanish nor overflow, by a
    factor that is part of the kernel.
    """
    # By the largest singular value; tf.linalg.norm would be of all entries.
    kernel = machine.kernel / np.linalg.norm(machine.kernel.numpy(), 2)
    start = tf.ones((chains, machine.visible.width))

    @tf.function(jit_compile=True, autograph=False)
    def loop(v, kernel, count):
        def up_and_down(step, v):
            return step + 1, tf.matmul(v @ kernel, kernel, transpose_b=True)

        return tf.while_loop(lambda step, v: step < count, up_and_down, (0, v))[
            1
        ]

    return lambda count: loop(start, kernel, tf.constant(count)).numpy()


def race(visible, hidden, chains, rounds, betas):
    """Returns `{contestant: milliseconds a beta, a list by round}`."""
    machine, base = draw(visible, hidden)
    stream = random.stream(0)
    contestants = {
        "ais": lambda count: likelihood.ais(
            machine, base, stream, count, chains, verbose=0
        ),
        "products": products(machine, chains),
    }
    times = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            begin = time.perf_counter()
            run(betas)
            seconds = time.perf_counter() - begin
            times[name].append(1e3 * seconds / betas)
    # The first round compiles.
    return {name: values[1:] for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--betas", type=int, default=1000, help="a multiple of 500"
    )
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} cores ({platform.processor() or 'CPU'}), "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}; "
        f"{options.rounds} rounds of {options.betas} betas\n"
    )
    times = race(VISIBLE, HIDDEN, CHAINS, options.rounds, options.betas)
    print(
        f"| {CHAINS} chains, {VISIBLE} x {HIDDEN} | ms a beta | 10 % to 90 % "
        "| 10,000 betas, s | AIS / it |"
    )
    print("|---|---:|---:|---:|---:|")
    for contestant, values in times.items():
        low, middle, high = np.percentile(values, [10, 50, 90])
        ratio = np.median(np.divide(times["ais"], values))
        print(
            f"| {contestant} | {middle:.2f} | {low:.2f} to {high:.2f} | "
            f"{10 * middle:.1f} | {ratio:.2f} |",
            flush=True,
        )
    ratio = np.median(np.divide(times["ais"], times["products"]))
    verdict = "within" if ratio <= LIMIT else "ABOVE"
    print(f"\n{verdict} {LIMIT} times its matrix products")


if __name__ == "__main__":
    main()
