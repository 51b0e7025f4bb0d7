"""Times sampling against its own matrix products.

In one run, interleaved, so that a noisy machine disturbs both alike:

- `sample`: `RBM.sample` as a user calls it, with its draws and all that goes
  on between the compiled calls. It adds at least 10 chains from other starts,
  and warns if the chains do not mix;
- `start`: the same from a `start`, without these chains;
- `products`: the two matrix products of each sweep alone, v W and h W^T, with
  the same kernel and as many chains, in one loop that XLA compiles;
- `transposed`: the same with W^T laid out in memory beforehand, as the sampler
  does, which is the least that a sweep can take.

Prints medians and the spread (10th to 90th percentile) as a Markdown table.

    python benchmarks/sampling.py [--rounds 9] [--sweeps 10000] [--whole]
"""

import contest  # Before TensorFlow, whose flags it sets.
import numpy as np

from keras_rbm import RBM

# What sampling from a start may take, in times of its products, and what
# `sample` may take in all, in seconds.
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


def race(visible, hidden, chains, rounds, sweeps):
    """Returns `{contestant: milliseconds a sweep, a list by round}`."""
    model = draw(visible, hidden)
    contestants = {
        "sample": lambda count: model.sample(chains, count, verbose=0).numpy(),
        "start": lambda count: model.sample(
            None, count, np.zeros((chains, visible)), verbose=0
        ).numpy(),
        "products": contest.products(model.kernel.numpy(), chains),
        "transposed": contest.products(model.kernel.numpy(), chains, True),
    }
    return contest.race(contestants, rounds, sweeps)


def main():
    parser = contest.parser(__doc__)
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
    contest.print_conditions(rounds, f"{sweeps} sweeps")
    times = race(VISIBLE, HIDDEN, CHAINS, rounds, sweeps)
    print(
        f"| {CHAINS} chains, {VISIBLE} x {HIDDEN} | ms a sweep "
        f"| 10 % to 90 % | {SWEEPS:,} sweeps, s | sample / it |"
    )
    print("|---|---:|---:|---:|---:|")
    contest.print_rows(times, digits=3, whole=SWEEPS)
    ratio = np.median(np.divide(times["start"], times["products"]))
    contest.print_verdict(ratio, LIMIT, "times its matrix products")
    seconds = 1e-3 * SWEEPS * np.median(times["sample"])
    contest.print_verdict(seconds, SECONDS, "seconds in all")


if __name__ == "__main__":
    main()
