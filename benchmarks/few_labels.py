"""Accuracy with few labels: pretrained without them, or from a random start.

    python benchmarks/few_labels.py --data_dir DIR

Pretrains a deep belief network on all training images of MNIST without their
labels, once. Then, for each number of labels and each seed, draws so many
labelled images and trains the same classifier on them twice, from the
pretrained weights and from a random start. Prints a table of the accuracy on
the test images, in percent, with the standard deviation over the seeds.
"""

import argparse
import time

import keras
import numpy as np

from keras_rbm import RBM, DeepBeliefNetwork, PersistentChain, data, networks
from keras_rbm.experiment import linear_decay

# Published with another package for RBMs: pretrained / random start.
PUBLISHED = {
    100: "81.70 / 76.02",
    1000: "93.65 / 88.71",
    10000: "97.27 / 94.73",
}
HEADER = (
    "| labels | pretrained | random start | published: pretrained / random |\n"
    "|---:|---:|---:|---|"
)


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
    """Accuracy on `test` after training on `train`, rows (x, one-hot y)."""
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


def compare(rows, labels, seeds, hidden, epochs, updates, directory=None):
    """Accuracies `{labels: (pretrained, random)}`, a value for each seed."""
    num_classes = 10
    features = rows.train[:, :-num_classes]
    network = pretrained(features, hidden, epochs, directory)
    found = {}
    for count in labels:
        pairs = []
        for seed in seeds:
            chosen = np.random.default_rng(seed).permutation(len(rows.train))
            train = rows.train[chosen[:count]]
            keras.utils.set_random_seed(seed)
            first = network.to_classifier(
                num_classes, dropout=0.5, input_dropout=0.2
            )
            pairs.append(
                [
                    accuracy(
                        start, train, rows.test, num_classes, updates, seed
                    )
                    for start in (first, keras.models.clone_model(first))
                ]
            )
        found[count] = np.transpose(pairs)
    return found


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
        "--updates", type=int, default=3000, help="of a classifier"
    )
    parser.add_argument(
        "--directory", help="of pretrained layers, to keep them or go on"
    )
    options = parser.parse_args()
    rows = data.mnist(options.data_dir, validation_size=0, num_classes=10)
    begin = time.perf_counter()
    found = compare(
        rows,
        options.labels,
        options.seeds,
        options.hidden,
        options.epochs,
        options.updates,
        options.directory,
    )
    print(HEADER)
    for count, accuracies in found.items():
        print(row(count, accuracies))
    print(f"\n{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
