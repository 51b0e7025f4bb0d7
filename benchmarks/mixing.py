"""Whether `sample` warns of samples that are wrong, and of no others.

    python benchmarks/mixing.py

Trains small machines, draws samples by Gibbs sampling and by parallel
tempering, and compares them with exact draws, which enumeration of the hidden
states gives. Samples are wrong if a Kolmogorov-Smirnov test on three principal
axes tells them from the exact draws. Prints a line for each set of samples, and
how many right and wrong ones had a warning.
"""

import argparse
import collections
import warnings

import numpy as np
from trust import exact_samples, trained

from keras_rbm import (
    RBM,
    Gaussian,
    PersistentChain,
    Tempered,
    data,
    diagnostics,
)

SAMPLES, SWEEPS, EXACT = 500, 1000, 3000


def fitted(model, x, updates):
    """The model after this number of updates."""
    model.compile()
    model.fit(x, updates=updates, verbose=0)
    return model


def machines():
    """Yields names and trained machines."""
    rng = np.random.default_rng(0)
    digits = data.binarized(data.digits().train, "stochastic")
    yield "digits", fitted(RBM(64, 16, seed=0), digits, 5000)
    chain = PersistentChain(100, sampler=Tempered(8))
    yield "digits, tempered", fitted(RBM(64, 16, chain, seed=0), digits, 3000)
    bars = np.repeat(data.bars_and_stripes(3).train, 20, axis=0)
    yield "bars and stripes", fitted(RBM(9, 8, seed=0), bars, 5000)
    for seed in range(12):
        build = trained(30, 10)
        yield f"clusters {seed}", build(np.random.default_rng(seed), seed)
    x = (rng.random((1000, 20)) < rng.random(20)).astype("float32")
    yield "independent columns", fitted(RBM(20, 8, seed=0), x, 3000)
    x = np.repeat(rng.random((1000, 5)) < 0.5, 4, axis=1)
    x = (x ^ (rng.random(x.shape) < 0.1)).astype("float32")
    yield "groups of columns", fitted(RBM(20, 10, seed=0), x, 5000)
    x = rng.normal(size=(1000, 3)) @ rng.normal(size=(3, 8))
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")
    yield "real columns", fitted(RBM(Gaussian(8), 10, seed=0), x, 3000)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    counts = collections.Counter()
    for name, model in machines():
        exact = exact_samples(model, EXACT, np.random.default_rng(1))
        axes, mean = diagnostics.principal_axes(exact)
        for sampler in (None, Tempered()):
            with warnings.catch_warnings(record=True) as found:
                warnings.simplefilter("always", UserWarning)
                v = model.sample(SAMPLES, SWEEPS, seed=0, sampler=sampler)
            told = any(
                str(w.message).startswith("The samples may") for w in found
            )
            found = diagnostics.two_sample(
                (np.asarray(v) - mean) @ axes.T,
                (np.asarray(exact) - mean) @ axes.T,
            )
            counts["right" if found.alike else "wrong", told] += 1
            print(
                f"{name}, {sampler or 'Gibbs'}: {found.largest:.3f} from exact "
                f"draws (limit {found.limit:.3f})"
                f"{', with a warning' if told else ''}",
                flush=True,
            )
    for kind in ("right", "wrong"):
        told, others = counts[kind, True], counts[kind, False]
        print(f"{kind}: {told + others}, with a warning: {told}")


if __name__ == "__main__":
    main()
