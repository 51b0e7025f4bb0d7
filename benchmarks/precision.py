"""What rounding the weights does to a likelihood, as fast products round them.

    python benchmarks/precision.py
    python benchmarks/precision.py --data_dir DIR --hidden 500 --updates 6000

States of 0 and 1 are exact in every format: a product in TF32 (11 bits, the
default of GPUs), bfloat16 (8 bits), or in two parts of bfloat16 (16 bits)
rounds the weights alone, and adds up in float32. This script rounds the
weights of a trained machine, and prints a Markdown table: the change of log Z,
of -F(v) over test examples and of their log-likelihood, in nats. The change of
log Z is log E[exp(F(v) - F'(v))] over samples of the machine, which has a much
smaller error than a difference of two estimates of log Z.
"""

import argparse

import numpy as np
from scipy import special

import keras_rbm
from keras_rbm import data

FORMATS = (("two of bfloat16", 16), ("TF32", 11), ("bfloat16", 8))


def rounded(w, bits):
    """Numbers with a given number of significant bits."""
    mantissa, exponent = np.frexp(np.asarray(w, "float64"))
    return np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)


def measure(rbm, test, samples):
    """What the rounding of a machine's weights changes.

    Args:
        rbm: An `RBM`.
        test: Array of test examples.
        samples: Array of samples of the machine.

    Yields:
        For each format its name, its bits, the change of log Z with its
        standard error, and the change of -F(v) of each test example.
    """

    def scores(v):
        return -np.asarray(rbm.free_energy(v), "float64")

    kernel = rbm.kernel.numpy()
    before = [scores(v) for v in (test, samples)]
    for name, bits in FORMATS:
        rbm.kernel.assign(rounded(kernel, bits))
        of_test, of_samples = (
            scores(v) - old
            for v, old in zip((test, samples), before, strict=True)
        )
        log_z = special.logsumexp(of_samples) - np.log(len(samples))
        error = of_samples.std() / np.sqrt(len(samples))
        yield name, bits, log_z, error, of_test
    rbm.kernel.assign(kernel)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data_dir", help="of MNIST; else the 8 x 8 digits")
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--updates", type=int, default=3000)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--sweeps", type=int, default=500)
    options = parser.parse_args(arguments)
    found = data.digits()
    if options.data_dir:
        found = data.mnist(data_dir=options.data_dir)
    train, test = (
        data.binarized(part, "stochastic", seed=0)
        for part in (found.train, found.test[:2000])
    )
    rbm = keras_rbm.RBM(train.shape[1], options.hidden, seed=0)
    rbm.compile()
    rbm.fit(train, updates=options.updates, verbose=0)
    start = np.resize(train, (options.samples, train.shape[1]))
    samples = rbm.sample(
        num_sweeps=options.sweeps, start=start, seed=0, verbose=0
    ).numpy()
    print("| weights | bits | log Z | +- | -F(v), mean | sd | log-likelihood |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, bits, log_z, error, of_test in measure(rbm, test, samples):
        print(
            f"| {name} | {bits} | {log_z:+.5f} | {2 * error:.5f} | "
            f"{of_test.mean():+.5f} | {of_test.std():.5f} | "
            f"{of_test.mean() - log_z:+.5f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
