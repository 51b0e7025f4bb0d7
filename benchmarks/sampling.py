"""Times sampling against its own matrix products.

In one run, interleaved, so that a noisy machine disturbs both alike:

- `sample`: `RBM.sample` as a user calls it, with its draws and all that goes
  on between the compiled calls;
- `products`: the two matrix products of each sweep alone, v W and h W^T, with
  the same kernel and as many chains, in one loop that XLA compiles;
- `transposed`: the same with W^T laid out in memory beforehand, as the sampler
  does, which is the least that a sweep can take.

Prints medians and the spread (10th to 90th percentile) as a Markdown table.

    python benchmarks/sampling.py [--rounds 9] [--sweeps 10000] [--whole]
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

from keras_rbm import RBM

# What sampling may take, in times of its products, and in all, in seconds.
LIMIT, SECONDS = 1.3, 100.0
VISIBLE, HIDDEN, CHAINS, SWEEPS = 784, 128, 36, 200_000


def draw(visible, hidden):
    """A model with numbers of the size of a trained one's."""
    rng = np.random.default_rng(0)
    model = RBM(visible, hidden, seed=0)
    model.kernel.assign(0.1 * rng.normal(size=(visible, hidden)))
    model.visible_params["bias"].assign(rng.normal(size=visible) - 2.0)
    model.hidden_params["bias"].assign(rng.normal(size=hidden) - 1.0)
    return model


def products(kernel, chains, transposed=False):
    """The products of each sweep: up with the kernel and down again.

    The states are scaled so that they neither vanish nor overflow, by a
    factor that is part of the kernel.
    """
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


def race(visible, hidden, chains, rounds, sweeps):
    """Returns `{contestant: milliseconds a sweep, a list by round}`."""
    model = draw(visible, hidden)
    contestants = {
        "sample": lambda count: model.sample(chains, count, verbose=0).numpy(),
        "products": products(model.kernel.numpy(), chains),
        "transposed": products(model.kernel.numpy(), chains, True),
    }
    times = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            begin = time.perf_counter()
            run(sweeps)
            seconds = time.perf_counter() - begin
            times[name].append(1e3 * seconds / sweeps)
    # The first round compiles.
    return {name: values[1:] for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sweeps", type=int, default=10_000)
    parser.add_argument(
        "--whole",
        action="store_true",
        help=f"time all {SWEEPS:,} sweeps, in one round",
    )
    options = parser.parse_args()
    rounds, sweeps = options.rounds, options.sweeps
    if options.whole:
        rounds, sweeps = 1, SWEEPS
    print(
        f"{os.cpu_count()} cores ({platform.processor() or 'CPU'}), "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}; "
        f"{rounds} rounds of {sweeps} sweeps\n"
    )
    times = race(VISIBLE, HIDDEN, CHAINS, rounds, sweeps)
    print(
        f"| {CHAINS} chains, {VISIBLE} x {HIDDEN} | ms a sweep "
        f"| 10 % to 90 % | {SWEEPS:,} sweeps, s | sample / it |"
    )
    print("|---|---:|---:|---:|---:|")
    for contestant, values in times.items():
        low, middle, high = np.percentile(values, [10, 50, 90])
        ratio = np.median(np.divide(times["sample"], values))
        print(
            f"| {contestant} | {middle:.3f} | {low:.3f} to {high:.3f} | "
            f"{1e-3 * SWEEPS * middle:.1f} | {ratio:.2f} |",
            flush=True,
        )
    ratio = np.median(np.divide(times["sample"], times["products"]))
    seconds = 1e-3 * SWEEPS * np.median(times["sample"])
    for name, value, limit in (
        ("times its matrix products", ratio, LIMIT),
        ("seconds in all", seconds, SECONDS),
    ):
        verdict = "within" if value <= limit else "ABOVE"
        print(f"\n{verdict} {limit} {name}")


if __name__ == "__main__":
    main()
