"""Accuracy with few labels: pretrained without them, or from a random start.

    python benchmarks/few_labels.py --data_dir DIR

Pretrains a deep belief network on all training images of MNIST without their
labels, once. Then, for each number of labels and each seed, draws so many
labelled images and trains classifiers on them, each with what pretraining has
learned and without it:

- `svm`: scikit-learn's support vector machine (`SVC(C=10)`, radial basis
  functions) on the topmost layer's means, which stay as they are; without, on
  the pixels;
- `network`: the network itself, fine-tuned with dropout; without, from a random
  start;
- `spread`: the same network. It also learns from the unlabelled images on whose
  label the support vector machine and scikit-learn's `LabelSpreading` agree.
  Labels spread along a graph of the 15 nearest neighbours of each image. Both
  use the topmost layer's means; without, the pixels, and the network has a
  random start. Images with a given label are repeated until they are half of
  all rows;
- on request, variants of `spread`: `spread-once` repeats no image; `spread-0.5`
  and `spread-0.9` learn from all images whose label by `LabelSpreading` has a
  probability above this number; `spread-svm` learns from all images, as the
  support vector machine labels them.

Prints tables of the accuracy on the test images, in percent, with the standard
deviation over the seeds. With `--validation_size 10000`, the last 10,000
training images take the place of the test images, and nothing learns from them:
use these tables to choose a classifier.
"""

import argparse
import functools
import itertools
import pathlib
import tempfile
import time

import keras
import numpy as np
from sklearn.neighbors import kneighbors_graph
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC

from keras_rbm import RBM, DeepBeliefNetwork, PersistentChain, data, networks
from keras_rbm.experiment import linear_decay

# Of one RBM of 1,024 units and fine-tuning: pretrained / random start, from the
# README of github.com/yell/boltzmann-machines.
PUBLISHED = {
    100: "81.70 / 76.02",
    1000: "93.65 / 88.71",
    10000: "97.27 / 94.73",
}
# What they are without pretraining.
CLASSIFIERS = {
    "svm": "on pixels",
    "network": "random start",
    "spread": "by pixels, random start",
}
ON_REQUEST = ("spread-once", "spread-0.5", "spread-0.9", "spread-svm")
NEIGHBOURS, ALPHA = 15, 0.9


def pretrained(x, hidden, epochs, directory=None):
    """A network that has learned the images."""
    widths = [x.shape[1], *hidden]
    network = DeepBeliefNetwork(
        [
            RBM(
                below,
                above,
                PersistentChain(100),
                kernel_regularizer=keras.regularizers.L2(1e-4),
                seed=number,
            )
            for number, (below, above) in enumerate(
                zip(widths, hidden, strict=False)
            )
        ]
    )
    network.pretrain(
        x,
        epochs=epochs,
        learning_rate=lambda updates: linear_decay(updates, 0.05),
        directory=directory,
    )
    return network


def accuracy(classifier, train, test, num_classes, updates, seed):
    """Accuracy on `test` after `updates` on `train`, rows (x, one-hot y)."""
    keras.utils.set_random_seed(seed)
    batch_size = min(100, len(train))

    def split(rows):
        return rows[:, :-num_classes], rows[:, -num_classes:]

    classifier.compile(
        keras.optimizers.Adam(linear_decay(updates, 1e-3)),
        "categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=networks.steps_per_execution(updates),
    )
    classifier.fit(
        data.batches(train, batch_size, seed=seed).map(split),
        steps_per_epoch=updates,
        shuffle=False,
        verbose=0,
    )
    test = data.in_order(test, 1000).map(split)
    return classifier.evaluate(test, verbose=0)[1]


def top(network, x):
    """Means of the topmost layer, for examples `x`."""
    return network.predict(data.to_float(x), batch_size=1000, verbose=0)


def svm_accuracy(features, train, test, num_classes):
    """The same of a support vector machine on `features` of the examples."""

    def split(rows):
        labels = rows[:, -num_classes:].argmax(axis=1)
        return features(rows[:, :-num_classes]), labels

    return SVC(C=10).fit(*split(train)).score(*split(test))


def found_labels(features, graph, y, labelled):
    """Labels of all rows by two classifiers that learn from some of them.

    Args:
        features: Features of each row.
        graph: Sparse matrix of the neighbours of each row.
        y: Classes of the labelled rows.
        labelled: Numbers of the rows that have labels.

    Returns:
        Tuple `(by_svm, by_graph, probability)`: the classes by a support vector
        machine and by `LabelSpreading`, and the probability that the latter
        gives to its class.
    """
    known = np.full(len(features), -1)
    known[labelled] = y
    spreading = LabelSpreading(
        kernel=lambda x, y=None: graph, alpha=ALPHA, max_iter=100
    ).fit(np.arange(len(features))[:, None], known)
    by_svm = SVC(C=10).fit(features[labelled], y).predict(features)
    probability = spreading.label_distributions_.max(axis=1)
    return by_svm, spreading.transduction_, probability


def with_found_labels(rows, labelled, found, num_classes, rule="agreement"):
    """The labelled rows, and others with the labels that were found for them.

    Args:
        rows: All rows (x, one-hot y); y is used for `labelled` rows only.
        labelled: Numbers of the rows that have labels.
        found: What `found_labels` returns.
        num_classes: Number of classes.
        rule: `"agreement"` takes the rows on whose label both classifiers
            agree; `"once"` takes the same rows; `"svm"` takes all rows,
            labelled by the support vector machine; a number takes the rows
            whose label by `LabelSpreading` has a probability above it.

    Returns:
        Rows (x, one-hot y). About half of them are labelled rows, repeated;
        with `"once"`, none is repeated.
    """
    by_svm, by_graph, probability = found
    label = by_svm.copy()
    if rule in ("agreement", "once"):
        taken = by_svm == by_graph
    elif rule == "svm":
        taken = np.ones(len(rows), bool)
    else:
        taken, label = probability > float(rule), by_graph.copy()
    taken[labelled] = False
    label[labelled] = rows[labelled, -num_classes:].argmax(axis=1)
    times = 1 if rule == "once" else max(1, round(taken.sum() / len(labelled)))
    chosen = np.concatenate([np.flatnonzero(taken), np.tile(labelled, times)])
    one_hot = data.one_hot(label[chosen, None], num_classes)
    x = data.to_float(rows[chosen, :-num_classes])
    return np.concatenate([x, one_hot.astype(x.dtype)], axis=1)


def compare(
    rows,
    labels,
    seeds,
    hidden,
    epochs,
    updates,
    directory=None,
    classifiers=CLASSIFIERS,
    pretrained_only=False,
):
    """Yields `(classifier, count, (pretrained, without))`.

    Each of the two has an accuracy for each seed, on the validation rows if
    there are any, or else on the test rows. With `pretrained_only`, the last is
    `(pretrained,)`.
    """
    num_classes = 10
    held_out = rows.test if rows.validation is None else rows.validation
    network = pretrained(
        rows.train[:, :-num_classes], hidden, epochs, directory
    )

    kinds = [lambda x: top(network, x)]
    if not pretrained_only:
        kinds.append(data.to_float)

    @functools.cache
    def neighbours(kind):
        features = kinds[kind](rows.train[:, :-num_classes])
        graph = kneighbors_graph(features, NEIGHBOURS, include_self=False)
        return features, graph

    def drawn(count, seed):
        order = np.random.default_rng(seed).permutation(len(rows.train))
        return order[:count]

    @functools.cache
    def found(kind, count, seed):
        chosen = drawn(count, seed)
        y = rows.train[chosen, -num_classes:].argmax(axis=1)
        return found_labels(*neighbours(kind), y, chosen)

    def both(classifier, count, seed):
        chosen = drawn(count, seed)
        trains = [rows.train[chosen]] * len(kinds)
        if classifier == "svm":
            return [
                svm_accuracy(features, train, held_out, num_classes)
                for features, train in zip(kinds, trains, strict=True)
            ]
        if classifier.startswith("spread"):
            rule = classifier.partition("-")[2] or "agreement"
            trains = [
                with_found_labels(
                    rows.train,
                    chosen,
                    found(kind, count, seed),
                    num_classes,
                    rule,
                )
                for kind in range(len(kinds))
            ]
        keras.utils.set_random_seed(seed)
        first = network.to_classifier(
            num_classes, dropout=0.5, input_dropout=0.2
        )
        starts = [first, keras.models.clone_model(first)][: len(kinds)]
        # 100 passes over the labelled images, if these are more.
        total = max(updates, 100 * count // min(100, count))
        return [
            accuracy(start, train, held_out, num_classes, total, seed)
            for start, train in zip(starts, trains, strict=True)
        ]

    for classifier, count in itertools.product(classifiers, labels):
        by_seed = [both(classifier, count, seed) for seed in seeds]
        yield classifier, count, np.transpose(by_seed)


def header(classifier, without):
    """The first two lines of a table; `without` names the second column."""
    names = ["pretrained", without] if without else ["pretrained"]
    names = [f"{classifier}, labels", *names, "published: pretrained / random"]
    return f"| {' | '.join(names)} |\n|{'---:|' * (len(names) - 1)}---|"


def row(count, accuracies):
    """A line of the table."""

    def cell(values):
        text = f"{100 * np.mean(values):.2f}"
        if len(values) > 1:
            text += f" +- {100 * np.std(values, ddof=1):.2f}"
        return text

    cells = [f"{count:,}", *map(cell, accuracies), PUBLISHED.get(count, "-")]
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir")
    parser.add_argument(
        "--labels", type=int, nargs="+", default=[100, 1000, 10_000]
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--hidden", type=int, nargs="+", default=[1024, 1024, 1024]
    )
    parser.add_argument("--epochs", type=int, default=20, help="of a layer")
    parser.add_argument(
        "--updates", type=int, default=3000, help="of a network, at least"
    )
    parser.add_argument(
        "--directory",
        help="of pretrained layers, to keep them or go on; layers that leave "
        "out images have a subfolder",
    )
    parser.add_argument(
        "--classifiers",
        nargs="+",
        choices=[*CLASSIFIERS, *ON_REQUEST],
        default=list(CLASSIFIERS),
    )
    parser.add_argument(
        "--pretrained_only",
        action="store_true",
        help="leave out what is trained without the pretrained layers",
    )
    parser.add_argument(
        "--validation_size",
        type=int,
        default=0,
        help="training images held out, to measure the accuracy on them "
        "instead of test images",
    )
    options = parser.parse_args()
    if options.directory is None:  # Pretrained once for both.
        options.directory = tempfile.mkdtemp()
    if options.validation_size:
        name = f"without-{options.validation_size}"
        options.directory = str(pathlib.Path(options.directory) / name)
    rows = data.mnist(options.data_dir, options.validation_size, num_classes=10)
    begin = time.perf_counter()
    found = compare(
        rows,
        options.labels,
        options.seeds,
        options.hidden,
        options.epochs,
        options.updates,
        options.directory,
        options.classifiers,
        options.pretrained_only,
    )
    last = None
    for classifier, count, accuracies in found:
        if classifier != last:
            without = CLASSIFIERS[classifier.partition("-")[0]]
            if options.pretrained_only:
                without = None
            print(f"\n{header(classifier, without)}")
            last = classifier
        print(row(count, accuracies), flush=True)
    print(f"\n{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
