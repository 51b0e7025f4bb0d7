"""Few labels of MNIST: a `ClassRBM` that also learns from images without one.

    python benchmarks/semi_supervised.py --data_dir DIR

For each number of labels and each seed, draws this many labelled images
without regard to their classes. Two machines learn from them:

- `supervised`: from the labelled images alone;
- `semi-supervised`: also from all other training images, whose label is -1.

Both minimize -log p(y | x) of the labelled images and, with a generative
weight, -log p(x, y) of these and -log p(x) of the unlabelled ones. If
`--weights` has several values, the script chooses one by the error on a fifth
of the labelled images of the first seed. The machines that it compares do not
see these labels.

The labelled images are repeated until they are a fifth of all rows, so that
each batch has some.

Prints a table of the error on the test images, in percent, with the standard
deviation over the seeds.
"""

import argparse
import time

import keras
import numpy as np

from keras_rbm import ClassRBM, PersistentChain, data

# Labelled rows among all rows.
LABELLED_SHARE = 0.2
BATCH_SIZE = 100


def train(x, labels, unlabelled, weight, options, seed):
    """A machine that has learned labelled and unlabelled images.

    Args:
        x: Labelled images, array of shape `(labels, pixels)`.
        labels: Their classes.
        unlabelled: Images without a label, or `None`.
        weight: The generative weight.
        options: The options of the command.
        seed: Integer.
    """
    rows = (
        100 * BATCH_SIZE
        if unlabelled is None
        else len(unlabelled) / (1 - LABELLED_SHARE)
    )
    labelled = rows if unlabelled is None else LABELLED_SHARE * rows
    times = max(1, round(labelled / len(x)))
    x, y = np.tile(x, (times, 1)), np.tile(labels, times)
    epochs = options.supervised_epochs
    if unlabelled is not None:
        x = np.concatenate([x, unlabelled])
        y = np.concatenate([y, np.full(len(unlabelled), -1)])
        epochs = options.epochs
    model = ClassRBM(
        x.shape[1],
        10,
        options.hidden,
        PersistentChain(100),
        generative_weight=weight,
        kernel_regularizer=keras.regularizers.L2(1e-4),
        seed=seed,
    )
    updates = epochs * -(-len(x) // BATCH_SIZE)
    rate = keras.optimizers.schedules.PolynomialDecay(
        options.learning_rate / max(weight, 0.1), updates, 0.0
    )
    model.compile(keras.optimizers.SGD(rate))
    model.fit(x, y, epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
    return model


def error(model, x, y):
    """Share of the images whose most probable class is another one."""
    return float(np.mean(model.classify(x) != y))


def chosen_weight(x, labels, unlabelled, options, seed):
    """The generative weight with the least error on a fifth of the labels."""
    if len(options.weights) == 1:
        return options.weights[0]
    held_out = len(x) // 5
    rest = x[held_out:], labels[held_out:]
    if unlabelled is not None:
        unlabelled = np.concatenate([unlabelled, x[:held_out]])
    errors = [
        error(
            train(*rest, unlabelled, weight, options, seed),
            x[:held_out],
            labels[:held_out],
        )
        for weight in options.weights
    ]
    print(f"validation errors of {options.weights}: {errors}", flush=True)
    return options.weights[int(np.argmin(errors))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir")
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.1, 1.0])
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--supervised_epochs", type=int, default=10)
    parser.add_argument("--learning_rate", type=float, default=0.5)
    options = parser.parse_args()
    rows = data.mnist(options.data_dir, validation_size=0, num_classes=10)
    x, y = data.to_float(rows.train[:, :-10]), rows.train[:, -10:].argmax(1)
    test = data.to_float(rows.test[:, :-10]), rows.test[:, -10:].argmax(1)
    begin = time.process_time()
    print("| labels | machine | generative weight | test error |")
    print("|---:|---|---:|---:|")
    for count in options.labels:
        for name in ("semi-supervised", "supervised"):
            weight, errors = None, []
            for seed in options.seeds:
                order = np.random.default_rng(seed).permutation(len(x))
                known, others = order[:count], order[count:]
                others = x[others] if name == "semi-supervised" else None
                learned = x[known], y[known], others
                if weight is None:  # By the labels of the first seed.
                    weight = chosen_weight(*learned, options, seed)
                model = train(*learned, weight, options, seed)
                errors.append(100 * error(model, *test))
                print(
                    f"seed {seed}: {errors[-1]:.2f} %, "
                    f"{time.process_time() - begin:.0f} s of processor time",
                    flush=True,
                )
            spread = np.std(errors, ddof=1) if len(errors) > 1 else 0.0
            print(
                f"| {count:,} | {name} | {weight} | "
                f"{np.mean(errors):.2f} +- {spread:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
