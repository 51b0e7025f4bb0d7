"""RBMTransformer where BernoulliRBM stands: accuracy and speed in one run.

Accuracy is that of scikit-learn's example "Restricted Boltzmann Machine
features for digit classification": the 8 x 8 digits and the same moved by a
pixel in four directions, scaled to [0, 1], a fifth of them held out; features
of 100 hidden units, 10 iterations at a learning rate of 0.06; logistic
regression on them with C = 6000. Both estimators have the same arguments.

Speed is that of `fit` on random bits of the shape of MNIST, 784 features and
500 hidden units: the first fit of a process, which compiles, and the next one.
Each contestant has its own processes, which run in turns, because the threads
of one library slow down the threads of the other.

    python benchmarks/sklearn_pipeline.py [--seeds 8] [--rounds 3]
"""

import argparse
import concurrent.futures
import importlib
import multiprocessing
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import minmax_scale
from threadpoolctl import threadpool_limits

# Where they are: a process imports no more than its own.
CONTESTANTS = {
    "BernoulliRBM": "sklearn.neural_network",
    "RBMTransformer": "keras_rbm.sklearn",
}
VISIBLE, HIDDEN = 784, 500


def made(contestant, *args, **kwargs):
    """An estimator, of this name."""
    module = importlib.import_module(CONTESTANTS[contestant])
    return getattr(module, contestant)(*args, **kwargs)


def moved_digits():
    """Digits, and the same one pixel right, left, down and up."""
    x, y = load_digits(return_X_y=True)
    padded = np.pad(x.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    corners = ((1, 1), (1, 0), (1, 2), (0, 1), (2, 1))
    moved = [
        padded[:, row : row + 8, column : column + 8].reshape(-1, 64)
        for row, column in corners
    ]
    x = minmax_scale(np.concatenate(moved).astype("float32"))
    return train_test_split(
        x, np.tile(y, len(corners)), test_size=0.2, random_state=0
    )


def accuracy(contestant, seed):
    """Accuracy on what is held out."""
    x_train, x_test, y_train, y_test = moved_digits()
    rbm = made(
        contestant, 100, learning_rate=0.06, n_iter=10, random_state=seed
    )
    rbm.fit(x_train)
    # In the example the tolerance is 1, of a gradient that is a sum over the
    # examples. It is a mean now, and the default about the same.
    logistic = LogisticRegression(C=6000, solver="newton-cg")
    with threadpool_limits(1):  # Products of this size gain nothing by more.
        logistic.fit(rbm.transform(x_train), y_train)
    return make_pipeline(rbm, logistic).score(x_test, y_test)


def example(contestant):
    """Accuracy of the example's own pipeline, with one class replaced."""
    x_train, x_test, y_train, y_test = moved_digits()
    rbm = made(contestant, 100, learning_rate=0.06, n_iter=10, random_state=0)
    logistic = LogisticRegression(C=6000, solver="newton-cg", tol=1)
    pipeline = make_pipeline(rbm, logistic).fit(x_train, y_train)
    return pipeline.score(x_test, y_test)


def times_of_fits(contestant, examples, batch_size, hidden):
    """Seconds of the first fit of this process, and of the next.

    A fit is of ten iterations, the default of both.
    """
    draws = np.random.default_rng(0).random((examples, VISIBLE))
    x = (draws < 0.2).astype("float32")
    seconds = []
    for seed in range(2):
        rbm = made(contestant, hidden, batch_size=batch_size, random_state=seed)
        begin = time.perf_counter()
        rbm.fit(x)
        seconds.append(time.perf_counter() - begin)
    return seconds


def race(rounds, examples, batch_size, hidden=HIDDEN):
    """`{contestant: array of shape (rounds, 2) of first and next fits}`."""
    times = {contestant: [] for contestant in CONTESTANTS}
    context = multiprocessing.get_context("spawn")
    for _ in range(rounds):
        for contestant, seconds in times.items():
            arguments = contestant, examples, batch_size, hidden
            with concurrent.futures.ProcessPoolExecutor(
                1, mp_context=context
            ) as process:
                found = process.submit(times_of_fits, *arguments).result()
            seconds.append(found)
    return {contestant: np.array(x) for contestant, x in times.items()}


def compare_accuracy(seeds):
    print("| the example as it stands | accuracy |\n|---|---:|")
    for contestant in CONTESTANTS:
        print(f"| {contestant} | {example(contestant):.4f} |")
    print()
    print("| digits, seed | estimator | accuracy |")
    print("|---|---|---:|")
    means = dict.fromkeys(CONTESTANTS, 0.0)
    for seed in range(seeds):
        for contestant in CONTESTANTS:
            score = accuracy(contestant, seed)
            means[contestant] += score / seeds
            print(f"| {seed} | {contestant} | {score:.4f} |", flush=True)
    for contestant, score in means.items():
        print(f"| mean | {contestant} | {score:.4f} |")


def compare_speed(rounds, examples):
    print(
        f"\n| {VISIBLE} x {HIDDEN}, {examples} examples, 10 iterations | "
        "BernoulliRBM, s | RBMTransformer, s | ratio |"
    )
    print("|---|---:|---:|---:|")
    for batch_size in (10, 100):
        times = race(rounds, examples, batch_size)
        theirs, ours = times.values()
        for fit, name in enumerate(("first fit", "next fit")):
            ratios = ours[:, fit] / theirs[:, fit]
            numbers = theirs[:, fit], ours[:, fit], ratios
            row = " | ".join(f"{np.median(x):.2f}" for x in numbers)
            print(f"| batch {batch_size}, {name} | {row} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=8, help="0: speed alone")
    parser.add_argument("--rounds", type=int, default=3, help="0: none of it")
    parser.add_argument("--examples", type=int, default=10_000)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, scikit-learn {sklearn.__version__}\n")
    if options.seeds:
        compare_accuracy(options.seeds)
    if options.rounds:
        compare_speed(options.rounds, options.examples)


if __name__ == "__main__":
    main()
