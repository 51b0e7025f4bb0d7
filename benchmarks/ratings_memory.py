"""How much memory training takes on ratings of the size of MovieLens-1M.

    python benchmarks/ratings_memory.py [--rows items]

The ratings are made up: 1,000,209 of 3,706 items by 6,040 users, of whom some
rate much more than others. Prints the peak of the memory of the process, and
seconds for an update after the first epoch, which compiles.
"""

import argparse
import resource
import time

import keras
import numpy as np

import keras_rbm

USERS, ITEMS, RATINGS = 6040, 3706, 1_000_209


def made_up(seed=0):
    """Ratings whose numbers by user and item are very unequal."""
    rng = np.random.default_rng(seed)
    users = (USERS * rng.random(2 * RATINGS) ** 2).astype("int64")
    items = (ITEMS * rng.random(2 * RATINGS) ** 2).astype("int64")
    pairs = np.unique(users * ITEMS + items)
    pairs = rng.permutation(pairs)[:RATINGS]
    return keras_rbm.data.Ratings(
        pairs // ITEMS,
        pairs % ITEMS,
        rng.integers(0, 5, len(pairs)),
        [1, 2, 3, 4, 5],
        np.arange(USERS),
        np.arange(ITEMS),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", choices=("users", "items"), default="users")
    options = parser.parse_args()
    before = peak()
    ratings = made_up()
    print(ratings)
    rbm = keras_rbm.RatingsRBM.of(ratings, 100, rows=options.rows, seed=0)
    rbm.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    rbm.fit(ratings, batch_size=1000, epochs=1, verbose=0)
    begin, done = time.perf_counter(), int(rbm.updates)
    rbm.fit(ratings, batch_size=1000, epochs=1, verbose=0)
    seconds = (time.perf_counter() - begin) / (int(rbm.updates) - done)
    rbm.predict_ratings(ratings, ratings.users[:1000], ratings.items[:1000])
    print(
        f"peak {peak():.2f} GB, of which {before:.2f} GB before; "
        f"{seconds:.2f} s an update of 1,000 {options.rows}"
    )


def peak():
    """The largest size of the process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
