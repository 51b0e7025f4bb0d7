"""What `RBM(width, hidden).compile()` and `fit(x)` reach with nothing given.

    python benchmarks/defaults.py six_groups digits iris
    python benchmarks/defaults.py --data_dir DIR nltcs plants dna

A name is that of a small set (six_groups, bars_and_stripes, digits, iris,
categories), or of a set in DIR. DIR holds NAME.train.csv.gz and
NAME.test.csv.gz, of zeros and ones, as the binary sets of the literature on
density estimation are published. For each set a row of a Markdown table shows
the test log-likelihood of independent columns, the bracket of the machine's,
and the seconds in `fit`.
"""

import argparse
import pathlib
import time

import numpy as np
from sklearn import datasets, model_selection

from keras_rbm import RBM, data, units


def six_groups():
    """Six groups of five equal columns, each bit flipped with chance 0.1."""
    rng = np.random.default_rng(0)
    groups = rng.random((2400, 6)) < 0.5
    flips = rng.random((2400, 30)) < 0.1
    x = (np.repeat(groups, 5, axis=1) ^ flips).astype("float32")
    return units.Bernoulli(30), 16, x[:400], x[400:]


def bars_and_stripes():
    """All patterns of 4 x 4, to train on and to test with."""
    x = data.bars_and_stripes(4).train
    return units.Bernoulli(16), 16, x, x


def digits():
    """scikit-learn's 8 x 8 digits, black or white."""
    x = (datasets.load_digits().data > 7).astype("float32")
    train, test = model_selection.train_test_split(
        x, test_size=500, random_state=0
    )
    return units.Bernoulli(64), 64, train, test


def iris():
    """Measurements of iris, standardized."""
    x = datasets.load_iris().data
    train, test = model_selection.train_test_split(
        x, test_size=40, random_state=0
    )
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    train, test = ((part - mean) / deviation for part in (train, test))
    return units.Gaussian(4), 16, train, test


def categories():
    """15 columns of 4 categories, which depend on one of three clusters."""
    rng = np.random.default_rng(0)
    laws = rng.dirichlet(np.full(4, 0.5), size=(3, 15)).cumsum(axis=2)
    cluster = rng.integers(0, 3, 4000)
    draws = rng.random((4000, 15, 1))
    x = np.eye(4, dtype="float32")[(draws > laws[cluster][..., :3]).sum(axis=2)]
    x = x.reshape(4000, 60)
    return units.Softmax(15, 4), 50, x[:2000], x[2000:]


SMALL = {
    function.__name__: function
    for function in (six_groups, bars_and_stripes, digits, iris, categories)
}


def load(folder, name, hidden):
    """Visible units, number of hidden units, training and test data of a set.

    Args:
        folder: Path of the folder with the files, or `None`.
        name: Name of the set.
        hidden: Number of hidden units for a set of the folder.
    """
    if name in SMALL:
        return SMALL[name]()
    train, test = (
        data.arrays(folder / f"{name}.{split}.csv.gz").train
        for split in ("train", "test")
    )
    return units.Bernoulli(train.shape[1]), hidden, train, test


def measure(visible, hidden, train, test, seed):
    """Trains on a set, and returns its `MeanLogLikelihood` and the seconds.

    Args:
        visible: The visible `Units`.
        hidden: Number of hidden units.
        train: Array of shape `(examples, visible.width)`.
        test: The same.
        seed: Seed of the model.
    """
    model = RBM(visible, hidden, seed=seed)
    model.compile()
    begin = time.perf_counter()
    model.fit(train, verbose=0)
    seconds = time.perf_counter() - begin
    return model.log_likelihood(test, seed=seed, verbose=0), seconds


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--data_dir", type=pathlib.Path)
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args(arguments)
    if options.data_dir is None and not SMALL.keys() >= set(options.names):
        parser.error(f"--data_dir is needed for sets other than {list(SMALL)}")
    print("| set | hidden | seed | independent | from | to | seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in options.names:
        visible, hidden, train, test = load(
            options.data_dir, name, options.hidden
        )
        for seed in options.seeds:
            found, seconds = measure(visible, hidden, train, test, seed)
            print(
                f"| {name} | {hidden} | {seed} | {found.baseline:.2f} "
                f"| {found.lower:.2f} | {found.upper:.2f} | {seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
