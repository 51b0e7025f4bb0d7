"""What `RBM(width, hidden).compile()` and `fit(x)` reach with nothing given.

    python benchmarks/defaults.py --data_dir DIR nltcs plants dna

DIR holds NAME.train.csv.gz and NAME.test.csv.gz, of zeros and ones, as the
binary sets of the density-estimation literature are published. Prints a row of
a Markdown table for each set: the test log-likelihood of independent columns,
the bracket of the machine's, and the seconds in `fit`.
"""

import argparse
import pathlib
import time

from keras_rbm import RBM, data


def measure(folder, name, hidden, seed):
    """Trains on a set, and returns its `LogLikelihood` and the seconds.

    Args:
        folder: Path of the folder with the files.
        name: Name of the set.
        hidden: Number of hidden units.
        seed: Seed of the model.
    """
    train, test = (
        data.arrays(folder / f"{name}.{split}.csv.gz").train
        for split in ("train", "test")
    )
    model = RBM(train.shape[1], hidden, seed=seed)
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
    parser.add_argument("--data_dir", type=pathlib.Path, required=True)
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args(arguments)
    print("| set | hidden | seed | independent | from | to | seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in options.names:
        for seed in options.seeds:
            found, seconds = measure(
                options.data_dir, name, options.hidden, seed
            )
            print(
                f"| {name} | {options.hidden} | {seed} | {found.baseline:.2f} "
                f"| {found.lower:.2f} | {found.upper:.2f} | {seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
