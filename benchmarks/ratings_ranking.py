"""Rankings of films by a trained `RatingsRBM`, with and without interest.

    python benchmarks/ratings_ranking.py --data_dir DIR --folds 1 --runs RUN

Each RUN is the folder of a `train.py --config movielens` with a split of
MovieLens-100k, such as `movielens.fold=1`, in the order of `--folds`. An
`RBM` of 100 hidden units learns which films users have rated in the training
part (`Ratings.indicators`). Prints NDCG@10 of the held-out films with 4 or 5
stars, where all films that a user has not rated are ranked by

- the expected rating alone;
- the number of ratings of the film, alone and times the expected rating;
- what the `RBM` expects of the user, alone and times the expected rating.
"""

import argparse
import os

import keras
import numpy as np

from keras_rbm import RBM, data, evaluation


class Indifferent:
    """In place of a `RatingsRBM`: all ratings are expected to be the same."""

    def predict_ratings(self, train, users, items):
        return np.ones(len(users))


def measured(model, split):
    """NDCG@10 by ranking."""
    x = split.train.indicators()
    rated = RBM(split.train.num_items, 100, seed=0)
    rated.compile()
    rated.fit(x, epochs=100, batch_size=100, verbose=0)
    interest = np.asarray(rated.predict_reconstruction(x))

    def ndcg(of, interest, name):
        return evaluation.ranking_measures(
            of, split.train, split.test, interest=interest
        )[name]

    popular = evaluation.ranking_measures(model, split.train, split.test)
    return [
        popular["ndcg"],
        popular["popular_ndcg"],
        popular["interest_ndcg"],
        ndcg(Indifferent(), interest, "interest_ndcg"),
        ndcg(model, interest, "interest_ndcg"),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--folds", type=int, nargs="+", required=True)
    parser.add_argument("--runs", nargs="+", required=True)
    options = parser.parse_args()
    print(
        "| split | expected rating | popularity | popularity x rating "
        "| p(rated) | p(rated) x rating |\n|---|---:|---:|---:|---:|---:|"
    )
    found = []
    for fold, run in zip(options.folds, options.runs, strict=True):
        model = keras.models.load_model(os.path.join(run, "model.keras"))
        split = data.movielens(data_dir=options.data_dir, fold=fold)
        found.append(measured(model, split))
        print(_row(f"u{fold}", found[-1]), flush=True)
    print(_row("mean", np.mean(found, axis=0)))


def _row(name, numbers):
    cells = [name, *(f"{x:.3f}" for x in numbers)]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
