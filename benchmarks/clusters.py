"""Compares how well training keeps the shares of clusters.

    python benchmarks/clusters.py two_clusters genotypes
    python benchmarks/clusters.py --data_dir DIR zeros_and_ones

The data lie in clusters between which Gibbs chains do not move. The script
trains a machine with few hidden units by four methods: `LowRankTempering` from
`low_rank.start`, PCD, tempered PCD, and CD-1. The last three methods make more
updates, so that they take about as much processor time as the first. The script
prints a Markdown table with these columns:

- the seconds of processor time;
- the test log-likelihood, by enumeration of the hidden states;
- the shares of the clusters in exact draws of the trained machine;
- the shares in samples that each method's own sampler draws;
- the autocorrelation time, in sweeps, of the first principal axis, when this
  sampler moves chains of the machine that `LowRankTempering` has trained.

DIR holds MNIST's four IDX files.
"""

import argparse
import gzip
import pathlib
import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from trust import exact_samples

from keras_rbm import (
    RBM,
    ContrastiveDivergence,
    Gibbs,
    LowRankTempering,
    PersistentChain,
    Tempered,
    data,
    diagnostics,
    low_rank,
    random,
    samplers,
)

BATCH, SAMPLES, SWEEPS = 100, 1000, 1000
# Sweeps and chains of the autocorrelation time, and sweeps from state to state.
LONG, CHAINS, EVERY = 2000, 50, 2
# How many updates each method makes for one of the first: enough for at least
# the same time.
FACTORS = {"low-rank tempering": 1, "PCD": 10, "tempered PCD": 2, "CD-1": 10}


def two_clusters(folder):
    """Two random centres of 100 bits, each bit flipped with chance 0.05."""
    rng = np.random.default_rng(0)
    centres = rng.random((2, 100)) < 0.5

    def draw(count):
        y = rng.integers(2, size=count)
        return (centres[y] ^ (rng.random((count, 100)) < 0.05)), y

    return 10, 1, draw(5000), draw(1000)


def genotypes(folder):
    """500 biallelic loci in four populations of weights 0.4 to 0.1.

    Frequencies of a locus differ between populations as Balding and Nichols
    (1995) say, with a fixation index of 0.3.
    """
    rng = np.random.default_rng(0)
    shares, fixation = [0.4, 0.3, 0.2, 0.1], 0.3
    ancestral = rng.beta(0.8, 0.8, 500)
    a, b = (
        p * (1 - fixation) / fixation + 1e-3 for p in (ancestral, 1 - ancestral)
    )
    frequency = np.clip([rng.beta(a, b) for _ in shares], 0.01, 0.99)

    def draw(count):
        y = rng.choice(len(shares), count, p=shares)
        return rng.random((count, 500)) < frequency[y], y

    return 12, 3, draw(4000), draw(1000)


def zeros_and_ones(folder):
    """MNIST's zeros and ones, black or white."""
    mnist = data.mnist(folder)

    def part(x, name):
        (file,) = folder.glob(f"{name}-labels*")
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rb") as stream:
            y = np.frombuffer(stream.read()[8:], "uint8")[: len(x)]
        return x[y < 2] > 0.5, y[y < 2]

    return 10, 1, part(mnist.train, "train"), part(mnist.test, "t10k")


SETS = {f.__name__: f for f in (two_clusters, genotypes, zeros_and_ones)}


def methods(width, hidden, x, rank, chains, num_sweeps, seed):
    """By name, functions that make a model."""

    def plain(chain):
        return RBM(width, hidden, chain, seed=seed)

    def from_low_rank():
        base = low_rank.start(RBM(width, hidden, seed=0), x, rank).machine
        sampler = LowRankTempering(base)
        model = plain(PersistentChain(chains, num_sweeps, sampler))
        low_rank.start(model, x, rank)
        return model

    def persistent(sampler=None):
        return plain(PersistentChain(chains, num_sweeps, sampler))

    return {
        "low-rank tempering": from_low_rank,
        "PCD": persistent,
        "tempered PCD": lambda: persistent(Tempered(10)),
        "CD-1": lambda: plain(ContrastiveDivergence()),
    }


def timed_fit(model, x, updates):
    """Trains, and returns the seconds of the processor."""
    begin = time.process_time()
    model.fit(x, updates=updates, batch_size=BATCH, verbose=0)
    return time.process_time() - begin


def autocorrelation_time(model, sampler, x):
    """Of the first principal axis of the data, in sweeps."""
    axes, mean = diagnostics.principal_axes(x)
    v = exact_samples(model, CHAINS, np.random.default_rng(2))
    frames = samplers.sample(
        sampler,
        model.machine(),
        v,
        random.stream(0),
        LONG,
        model.base_machine(),
        every=EVERY,
        verbose=0,
    )
    found = diagnostics.autocorrelation_time(
        (np.asarray(frames) - mean) @ axes[0]
    )
    sign = "" if found.converged else "> "
    return f"{sign}{EVERY * found.sweeps:.0f}"


def shares(nearest, v):
    """Shares of the rows that a classifier puts into each cluster."""
    found = np.bincount(nearest.predict(v), minlength=len(nearest.classes_))
    return " ".join(f"{share:.3f}" for share in found / len(v))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="+", choices=SETS, metavar="NAME")
    parser.add_argument("--data_dir", type=pathlib.Path)
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--num_sweeps", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", metavar="METHOD")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    print(
        "| set | method | seed | updates | seconds | test log-likelihood "
        "| shares | shares of samples | autocorrelation time |"
    )
    print("|---|---|---:|---:|---:|---:|---|---|---:|", flush=True)
    for name in options.names:
        hidden, rank, (x, y), (test, _) = SETS[name](options.data_dir)
        x, test = x.astype("float32"), test.astype("float32")
        nearest = LogisticRegression(C=0.01, max_iter=200).fit(x, y)
        print(
            f"| {name} | data | | | | | {shares(nearest, x)} | | |", flush=True
        )
        for seed in options.seeds:
            all_methods = methods(
                x.shape[1],
                hidden,
                x,
                rank,
                options.chains,
                options.num_sweeps,
                seed,
            )
            mixed = None
            for method in options.only or all_methods:
                model = all_methods[method]()
                mixed = model if mixed is None else mixed
                model.compile()
                updates = FACTORS[method] * options.updates
                seconds = timed_fit(model, x, updates)
                sampler = getattr(model.chain, "sampler", Gibbs())
                v = model.sample(
                    SAMPLES, SWEEPS, seed=0, sampler=sampler, verbose=0
                )
                exact = exact_samples(model, 20_000, np.random.default_rng(1))
                print(
                    f"| {name} | {method} | {seed} | {updates:,} "
                    f"| {seconds:.0f} "
                    f"| {model.log_likelihood(test, verbose=0).lower:.2f} "
                    f"| {shares(nearest, exact)} | {shares(nearest, v)} "
                    f"| {autocorrelation_time(mixed, sampler, x)} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
