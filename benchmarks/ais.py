"""Times annealed importance sampling against its own matrix products.

In one run, interleaved, so that a noisy machine disturbs both alike:

- `ais`: `keras_rbm.likelihood.ais` as a user calls it, with its draws, its
  weights and all that goes on between the compiled calls;
- `products`: the two matrix products of each beta alone, with the same
  kernel and as many chains, in one loop that XLA compiles.

Prints medians and the spread (10th to 90th percentile) as a Markdown table.

    python benchmarks/ais.py [--rounds 9] [--betas 1000]
"""

import contest  # Before TensorFlow, whose flags it sets.
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


def race(visible, hidden, chains, rounds, betas):
    """Returns `{contestant: milliseconds a beta, a list by round}`."""
    machine, base = draw(visible, hidden)
    stream = random.stream(0)
    contestants = {
        "ais": lambda count: likelihood.ais(
            machine, base, stream, count, chains, verbose=0
        ),
        "products": contest.products(machine.kernel.numpy(), chains),
    }
    return contest.race(contestants, rounds, betas)


def main():
    parser = contest.parser(__doc__)
    parser.add_argument(
        "--betas", type=int, default=1000, help="a multiple of 500"
    )
    options = parser.parse_args()
    contest.print_conditions(options.rounds, f"{options.betas} betas")
    times = race(VISIBLE, HIDDEN, CHAINS, options.rounds, options.betas)
    print(
        f"| {CHAINS} chains, {VISIBLE} x {HIDDEN} | ms a beta | 10 % to 90 % "
        "| 10,000 betas, s | AIS / it |"
    )
    print("|---|---:|---:|---:|---:|")
    contest.print_rows(times, whole=10_000)
    ratio = np.median(np.divide(times["ais"], times["products"]))
    contest.print_verdict(ratio, LIMIT, "times its matrix products")


if __name__ == "__main__":
    main()
