"""Compares RBMOutlierDetector with the outlier detectors of scikit-learn.

Computes the area under the ROC curve of `score_samples`, with all arguments at
their defaults, on data sets that come with scikit-learn:

- digits: one class is normal and all others are outliers, or the other way
  round; as bits (1 for grey values of 8 or more), or as grey values from 0 to
  16;
- breast cancer: malignant tumours are outliers;
- wine: the second class is normal.

"new": the detector learns from half of the normal rows, and then scores the
other half and all outliers. "among": the detector scores the rows from which it
has learned; one in twenty of them is an outlier.

    python benchmarks/outliers.py [--seeds 5]

Prints a Markdown table of means: over the ten classes for digits, with one seed
for each class, and over the seeds for the other sets.
"""

import argparse
import time

import numpy as np
from sklearn import datasets
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from keras_rbm.sklearn import RBMOutlierDetector

SHARE = 0.05
DETECTORS = {
    "RBMOutlierDetector": lambda seed: RBMOutlierDetector(random_state=seed),
    "IsolationForest": lambda seed: IsolationForest(random_state=seed),
    "LocalOutlierFactor": lambda seed: LocalOutlierFactor(novelty=True),
    "EllipticEnvelope": lambda seed: EllipticEnvelope(random_state=seed),
}


def problems(seeds):
    """Yields names, and lists of `(rows, whether each row is normal)`."""
    x, y = datasets.load_digits(return_X_y=True)
    classes = range(10)
    for name, rows in (("bits", (x >= 8).astype(float)), ("grey", x)):
        yield (
            f"digits, {name}: one class normal",
            [(rows, y == c) for c in classes],
        )
        yield (
            f"digits, {name}: one class out",
            [(rows, y != c) for c in classes],
        )
    x, y = datasets.load_breast_cancer(return_X_y=True)
    yield "breast cancer", [(x, y == 1)] * seeds
    x, y = datasets.load_wine(return_X_y=True)
    yield "wine", [(x, y == 1)] * seeds


def new(x, normal, seed):
    """Training rows, test rows, and whether each test row is normal."""
    rng = np.random.default_rng(seed)
    own = rng.permutation(np.flatnonzero(normal))
    half = len(own) // 2
    test = np.concatenate([own[half:], np.flatnonzero(~normal)])
    return x[own[:half]], x[test], normal[test]


def among(x, normal, seed):
    """The same as `new`, with one set of rows for training and test."""
    rng = np.random.default_rng(seed)
    own, other = np.flatnonzero(normal), np.flatnonzero(~normal)
    count = max(2, round(len(own) * SHARE / (1 - SHARE)))
    rows = np.concatenate([own, rng.permutation(other)[:count]])
    return x[rows], x[rows], normal[rows]


def area(detector, train, test, normal):
    """The area under the ROC curve, with normal rows as the positive class."""
    return roc_auc_score(normal, detector.fit(train).score_samples(test))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args(arguments)
    print(f"| set | outliers | {' | '.join(DETECTORS)} | seconds |")
    print("|---|---|" + "---:|" * (len(DETECTORS) + 1))
    for name, sets in problems(options.seeds):
        for split in (new, among):
            areas = {detector: [] for detector in DETECTORS}
            seconds = 0.0
            for seed, (x, normal) in enumerate(sets):
                parts = split(x, normal, seed)
                for detector, make in DETECTORS.items():
                    begin = time.perf_counter()
                    areas[detector].append(area(make(seed), *parts))
                    if detector == "RBMOutlierDetector":
                        seconds += time.perf_counter() - begin
            row = " | ".join(f"{np.mean(a):.3f}" for a in areas.values())
            each = seconds / len(sets)
            print(
                f"| {name} | {split.__name__} | {row} | {each:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
