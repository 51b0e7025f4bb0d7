"""Compares RBMImputer with other imputers on tables that packages ship.

Hides a share of the entries of a table, fills them in, and compares the
result with the hidden entries:

- RMSE of numbers, each column standardized by its own mean and deviation;
- accuracy of categories (and of columns of two values);
- log-loss of categories in nats, for imputers that give probabilities, which
  here are the shares of draws;
- coverage: the share of hidden numbers inside the 90 % interval of 40 draws,
  for imputers that draw;
- processor seconds to fit and to fill in, with the draws.

"random" hides each entry with the same probability. "blocks" hides contiguous
runs of columns, together in a row.

For the other imputers, numbers are standardized and categories are one-hot
columns without the first level. The largest column counts as the category.

    python benchmarks/imputation.py [--tables cars penguins] [--seeds 3]

The tables come from scikit-learn, statsmodels, `palmerpenguins` and
`vega_datasets`; a table whose package is not installed is left out.
`forests` is `IterativeImputer` with random forests, as in MissForest.

Prints a Markdown table, whose figures are means over the seeds.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from keras_rbm.sklearn import RBMImputer

SHARES = (0.1, 1 / 3, 0.5)
NUM_DRAWS = 40
LEAST_PROBABILITY = 1e-3


def scikit(name):
    """A table of scikit-learn, with its target as a category."""
    found = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = found.data.astype("float64")
    if hasattr(found, "target_names"):
        frame["target"] = found.target.map(lambda i: f"class {i}")
    return frame


def digits():
    """The 8 x 8 digits as bits, without the pixels that hardly vary."""
    x = (datasets.load_digits().data[:600] >= 8).astype(int)
    x = x[:, (x.mean(axis=0) > 0.05) & (x.mean(axis=0) < 0.95)]
    bits = pd.DataFrame(x, columns=[f"pixel {i}" for i in range(x.shape[1])])
    return bits.replace({0: "no", 1: "yes"})


def penguins():
    from palmerpenguins import load_penguins

    return load_penguins().dropna().astype({"year": str})


def cars():
    from vega_datasets import local_data

    frame = local_data.cars().drop(columns="Name").dropna()
    frame["Year"] = frame["Year"].dt.year.astype("float64")
    return frame.astype({"Cylinders": str})


def weather():
    from vega_datasets import local_data

    return local_data.seattle_weather().drop(columns="date")[::2]


def fair():
    from statsmodels.datasets import fair

    frame = fair.load_pandas().data[::6].copy()
    frame["affairs"] = np.where(frame["affairs"] > 0, "yes", "no")
    return frame.astype(
        {"occupation": str, "occupation_husb": str, "rate_marriage": str}
    )


def anes96():
    from statsmodels.datasets import anes96

    frame = anes96.load_pandas().data.drop(columns="popul")
    return frame.astype({"vote": str, "PID": str, "educ": str})


TABLES = {
    "breast_cancer": lambda: scikit("breast_cancer"),
    "wine": lambda: scikit("wine"),
    "iris": lambda: scikit("iris"),
    "diabetes": lambda: scikit("diabetes"),
    "digits": digits,
    "penguins": penguins,
    "cars": cars,
    "weather": weather,
    "fair": fair,
    "anes96": anes96,
}


class Encoded:
    """A table of floating columns: numbers, and one-hot categories.

    The first level of a category has no column: regressions of each column on
    the others would find that the columns of a category add up to 1, and repeat
    what was filled in before.

    Args:
        frame: The complete pandas `DataFrame`.
    """

    def __init__(self, frame):
        self.numbers = list(frame.select_dtypes("number"))
        self.levels = {
            name: sorted(frame[name].unique())
            for name in frame
            if name not in self.numbers
        }
        self.mean = frame[self.numbers].mean()
        self.deviation = frame[self.numbers].std(ddof=0)

    def encode(self, frame):
        parts = [((frame[self.numbers] - self.mean) / self.deviation)]
        for name, levels in self.levels.items():
            hot = np.array(
                [[v == level for level in levels[1:]] for v in frame[name]],
                "float64",
            )
            hot[frame[name].isna().to_numpy()] = np.nan
            parts.append(pd.DataFrame(hot, frame.index))
        return np.concatenate(parts, axis=1)

    def decode(self, x):
        """Standardized numbers, and the probabilities of each category."""
        count = len(self.numbers)
        numbers, probabilities, first = x[:, :count], {}, count
        for name, levels in self.levels.items():
            others = x[:, first : first + len(levels) - 1]
            rest = 1 - others.sum(axis=1, keepdims=True)
            probabilities[name] = np.concatenate([rest, others], axis=1)
            first += len(levels) - 1
        return numbers, probabilities


def by_scikit(make):
    def impute(frame, encoded, seed):
        imputer = make(seed)
        filled = imputer.fit_transform(encoded.encode(frame))
        return (*encoded.decode(filled), None, False)

    return impute


def by_rbm(frame, encoded, seed):
    imputer = RBMImputer(random_state=seed)
    filled = encoded.encode(imputer.fit_transform(frame))
    tables = imputer.sample(frame, NUM_DRAWS, random_state=seed)
    draws = np.stack([encoded.encode(table) for table in tables])
    numbers, best = encoded.decode(filled)
    _, shares = encoded.decode(draws.mean(axis=0))
    # The most probable category, with the probabilities of the draws.
    found = {name: (best[name], shares[name]) for name in shares}
    return numbers, found, draws[:, :, : numbers.shape[1]], True


IMPUTERS = {
    "RBMImputer": by_rbm,
    "SimpleImputer": by_scikit(lambda seed: SimpleImputer()),
    "KNNImputer": by_scikit(lambda seed: KNNImputer()),
    "IterativeImputer": by_scikit(
        lambda seed: IterativeImputer(random_state=seed)
    ),
    "forests": by_scikit(
        lambda seed: IterativeImputer(
            RandomForestRegressor(20, max_depth=10, random_state=seed),
            max_iter=3,
            random_state=seed,
        )
    ),
}


def hidden(shape, share, kind, rng):
    """Which entries are hidden, a boolean array."""
    if kind == "random":
        return rng.random(shape) < share
    rows, columns = shape
    length = np.maximum(1, rng.binomial(columns, min(1.0, 2 * share), rows))
    length = np.minimum(length, columns - 1) * (rng.random(rows) < 0.5)
    place = np.arange(columns) - rng.integers(columns, size=rows)[:, None]
    return place % columns < length[:, None]


def measures(frame, encoded, mask, found):
    """RMSE, accuracy, log-loss and coverage of what was filled in."""
    numbers, probabilities, draws, _ = found
    true, hot = encoded.decode(encoded.encode(frame))
    lost = mask[:, [frame.columns.get_loc(n) for n in encoded.numbers]]
    rmse = coverage = accuracy = log_loss = np.nan
    if lost.any():
        rmse = np.sqrt(np.mean((numbers - true)[lost] ** 2))
        if draws is not None:
            low, high = np.quantile(draws, [0.05, 0.95], axis=0)
            inside = (true >= low - 1e-6) & (true <= high + 1e-6)
            coverage = inside[lost].mean()
    right, losses = [], []
    for name, own in probabilities.items():
        rows = mask[:, frame.columns.get_loc(name)]
        best, shares = own if isinstance(own, tuple) else (own, own)
        code = hot[name].argmax(axis=1)[rows]
        right.append(best[rows].argmax(axis=1) == code)
        p = np.clip(shares[rows], LEAST_PROBABILITY, None)
        p = p / p.sum(axis=1, keepdims=True)
        losses.append(-np.log(p[np.arange(len(p)), code]))
    if right:
        accuracy = np.concatenate(right).mean()
        log_loss = np.concatenate(losses).mean()
    return rmse, accuracy, log_loss, coverage


def words(figures):
    return ["" if np.isnan(x) else f"{x:.3f}" for x in figures]


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--imputers", nargs="+", default=list(IMPUTERS))
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES)
    parser.add_argument("--kinds", nargs="+", default=["random", "blocks"])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    print(
        "| table | hidden | share | imputer | RMSE | accuracy | log-loss | "
        "coverage | seconds |"
    )
    print("|---|---|---:|---|" + "---:|" * 5)
    for table in options.tables:
        try:
            frame = TABLES[table]()
        except ImportError as error:
            print(f"| {table} | left out: {error} |" + " |" * 7)
            continue
        encoded = Encoded(frame)
        for kind in options.kinds:
            for share in options.shares:
                for name in options.imputers:
                    found = [
                        trial(frame, encoded, kind, share, name, seed)
                        for seed in range(options.seeds)
                    ]
                    *figures, seconds = np.mean(found, axis=0)
                    cells = " | ".join(words(figures))
                    print(
                        f"| {table} | {kind} | {share:.2f} | {name} | {cells} "
                        f"| {seconds:.1f} |",
                        flush=True,
                    )


def trial(frame, encoded, kind, share, name, seed):
    """The measures of one imputer and one seed, and its seconds."""
    rng = np.random.default_rng(seed)
    mask = hidden(frame.shape, share, kind, rng)
    seen = frame.mask(mask)
    begin = time.process_time()
    found = IMPUTERS[name](seen, encoded, seed)
    seconds = time.process_time() - begin
    return *measures(frame, encoded, mask, found), seconds


if __name__ == "__main__":
    main()
