"""Whether `ChainHealth` warns of chains that do not mix, and of no others.

    python benchmarks/chain_health.py

Trains small machines with a check at each epoch, and prints for each what was
measured, the time of each check, and the warnings.
"""

import argparse
import logging
import sys
import tempfile
import time
import warnings

import keras
import numpy as np

from keras_rbm import RBM, Gaussian, PersistentChain, Tempered, callbacks, data

SHOWN = ("memory", "projection_memory", "projection_distance")


class Timed(callbacks.ChainHealth):
    """Keeps what it measures, and how long each time takes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.found, self.seconds = [], []

    def measure(self, step):
        start = time.perf_counter()
        values = super().measure(step)
        self.seconds.append(time.perf_counter() - start)
        self.found.append([values[f"3 Chains/{name}"] for name in SHOWN])
        return values


def runs():
    """Yields name, model, data, epochs, steps of an epoch, learning rate."""
    rng = np.random.default_rng(0)
    digits = data.binarized(data.digits().train, "stochastic")

    def chain(count=100, num_betas=None):
        sampler = None if num_betas is None else Tempered(num_betas)
        return PersistentChain(count, sampler=sampler)

    yield "digits, 16", RBM(64, 16, chain(), seed=0), digits, 4, 500, 0.05
    yield "digits, 64", RBM(64, 64, chain(), seed=0), digits, 4, 1000, 0.05
    model = RBM(64, 64, chain(num_betas=5), seed=0)
    yield "digits, tempered", model, digits, 4, 500, 0.05
    bars = np.repeat(data.bars_and_stripes(4).train, 20, axis=0)
    model = RBM(16, 16, chain(500), seed=0)
    yield "bars and stripes", model, bars, 4, 1000, 0.05
    x = np.repeat(rng.random((1000, 5)) < 0.5, 4, axis=1)
    x = (x ^ (rng.random(x.shape) < 0.1)).astype("float32")
    yield "groups", RBM(20, 10, chain(), seed=0), x, 4, 500, 0.05
    x = (rng.random((1000, 20)) < rng.random(20)).astype("float32")
    yield "independent columns", RBM(20, 8, chain(), seed=0), x, 3, 500, 0.05
    x = rng.normal(size=(1000, 3)) @ rng.normal(size=(3, 8))
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")
    model = RBM(Gaussian(8), 10, chain(), seed=0)
    yield "real columns", model, x, 3, 500, 0.005
    centres = rng.random((2, 100)) < 0.5
    x = centres[rng.integers(2, size=5000)]
    x = (x ^ (rng.random(x.shape) < 0.05)).astype("float32")
    yield "two clusters", RBM(100, 10, chain(), seed=0), x, 4, 1000, 0.05
    model = RBM(100, 10, chain(num_betas=10), seed=0)
    yield "two clusters, tempered", model, x, 4, 500, 0.05


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    logging.basicConfig(stream=sys.stdout, format="  %(message)s")
    for name, model, x, epochs, steps, rate in runs():
        print(name, flush=True)
        schedule = keras.optimizers.schedules.PolynomialDecay(
            rate, epochs * steps, 0.0
        )
        model.compile(keras.optimizers.SGD(schedule), steps_per_execution=100)
        health = Timed(tempfile.mkdtemp(), x[::7], x, every=1)
        model.fit(
            data.batches(x, 100),
            epochs=epochs,
            steps_per_epoch=steps,
            callbacks=[health],
            verbose=0,
        )
        for label, column in zip(
            SHOWN, np.transpose(health.found), strict=True
        ):
            print(f"  {label}: " + ", ".join(f"{x:.2f}" for x in column))
        print("  seconds: " + ", ".join(f"{x:.2f}" for x in health.seconds))


if __name__ == "__main__":
    main()
