"""A deep autoencoder of MNIST beside PCA, with codes of the same size.

    python benchmarks/autoencoder.py --data_dir DIR

Pretrains 784-1000-500-250-30, of binary units with Gaussian ones for the code,
unrolls it and fine-tunes it with backpropagation (Hinton and Salakhutdinov
2006, "Reducing the dimensionality of data with neural networks"). Prints the
squared error of an image of the test set, summed over its pixels, of the
autoencoder and of PCA (theirs: 3.00 and 13.87), and writes a picture: test
images above, the autoencoder's reconstructions, and PCA's below.
"""

import argparse
import time

import keras
import numpy as np
from sklearn.decomposition import PCA

from keras_rbm import (
    RBM,
    DeepBeliefNetwork,
    Gaussian,
    data,
    networks,
)
from keras_rbm.experiment import linear_decay
from keras_rbm.plots import sheet, tiles


def stack(width, hidden, seed=0):
    """RBMs of binary units, and Gaussian ones of variance 1 on top."""
    *inner, code = hidden
    widths = [width, *inner]
    above = [*inner, Gaussian(code, precision=1.0)]
    return DeepBeliefNetwork(
        [
            RBM(
                visible,
                units,
                kernel_regularizer=keras.regularizers.L2(1e-4),
                seed=seed * len(hidden) + number,
            )
            for number, (visible, units) in enumerate(
                zip(widths, above, strict=True)
            )
        ]
    )


def train(x, hidden, epochs, finetune_epochs, directory=None, seed=0):
    """The autoencoder, pretrained and fine-tuned on images `x`."""
    network = stack(x.shape[1], hidden, seed)
    # Units without bounds need smaller steps.
    rates = [0.05] * (len(hidden) - 1) + [0.005]
    network.pretrain(
        x,
        epochs=epochs,
        learning_rate=[
            lambda updates, rate=rate: linear_decay(updates, rate)
            for rate in rates
        ],
        directory=directory,
        seed=seed,
    )
    keras.utils.set_random_seed(seed)
    autoencoder = network.to_autoencoder()
    steps = len(x) // 100
    autoencoder.compile(
        keras.optimizers.Adam(linear_decay(steps * finetune_epochs, 1e-3)),
        "binary_crossentropy",
        steps_per_execution=networks.steps_per_execution(steps),
    )
    autoencoder.fit(
        data.batches(x, 100, seed=seed).map(lambda v: (v, v)),
        epochs=finetune_epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
    )
    return autoencoder


def compare(
    x_train, x_test, hidden, epochs, finetune_epochs, directory=None, seed=0
):
    """Reconstructions of test images, `{name: array}`."""
    autoencoder = train(
        x_train, hidden, epochs, finetune_epochs, directory, seed
    )
    x_train, x_test = data.to_float(x_train), data.to_float(x_test)
    pca = PCA(hidden[-1], svd_solver="full").fit(x_train)
    return {
        "test images": x_test,
        "autoencoder": autoencoder.predict(x_test, batch_size=1000, verbose=0),
        "PCA": pca.inverse_transform(pca.transform(x_test)),
    }


def error(found, name):
    """Squared error of an image, summed over its pixels."""
    difference = found[name].astype("float64") - found["test images"]
    return np.square(difference).sum(axis=1).mean()


def draw(found, path, image_shape, count=20):
    """Writes rows of images, one above the other, each with its name."""
    rows = [(name, tiles.grey(x[:count])) for name, x in found.items()]
    sheet.rows(path, rows, image_shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir")
    parser.add_argument(
        "--hidden", type=int, nargs="+", default=[1000, 500, 250, 30]
    )
    parser.add_argument("--epochs", type=int, default=10, help="of a layer")
    parser.add_argument("--finetune_epochs", type=int, default=150)
    parser.add_argument(
        "--seed", type=int, default=0, help="of weights, draws and batches"
    )
    parser.add_argument("--picture", default="autoencoder.png")
    parser.add_argument(
        "--directory", help="of pretrained layers, to keep them or go on"
    )
    options = parser.parse_args()
    images = data.mnist(options.data_dir, validation_size=0)
    begin = time.perf_counter()
    found = compare(
        images.train,
        images.test,
        options.hidden,
        options.epochs,
        options.finetune_epochs,
        options.directory,
        options.seed,
    )
    print("| code | squared error of a test image |\n|---|---:|")
    for name in ("autoencoder", "PCA"):
        print(f"| {name}, {options.hidden[-1]} | {error(found, name):.2f} |")
    print(f"\n{time.perf_counter() - begin:.0f} s")
    draw(found, options.picture, images.image_shape)


if __name__ == "__main__":
    main()
