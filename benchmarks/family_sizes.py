"""AutoSGD, as in protein.gin, beside Adam, on families of few sequences.

    python benchmarks/family_sizes.py --train FASTA --test FASTA

Trains on random subsets of the training sequences, in their first columns, with
fewer chains and updates than protein.gin. Prints by how much the mean
log-likelihood of each model, the lower end of its bracket, exceeds that of
independent sites, in nats a sequence. The independent sites have the weighted
frequencies of the subset, with a pseudocount. Training starts from them.
"""

import argparse

import keras
import numpy as np
from scipy.special import log_softmax

import keras_rbm
from keras_rbm import sequences
from keras_rbm.experiment import linear_decay

OPTIMIZERS = ("Adam", "AutoSGD")


def subset(family, count, columns, seed):
    """Draws `count` random sequences, and keeps their first columns."""
    rows = np.random.default_rng(seed).permutation(len(family))[:count]
    codes = family.codes[rows][:, :columns]
    return sequences.Alignment(codes, alphabet=family.alphabet)


def train(family, w, optimizer, options):
    """Trains with AutoSGD and standardized letters, or with Adam."""
    is_adam = optimizer == "Adam"
    rbm = keras_rbm.RBM(
        family.units,
        options.hidden,
        keras_rbm.PersistentChain(options.chains, options.sweeps),
        visible_bias_initializer=keras.initializers.Constant(family.fields(w)),
        kernel_regularizer=keras.regularizers.L2(1e-4) if is_adam else None,
        standardized=not is_adam,
        seed=options.seed,
    )
    rbm.compile(
        keras.optimizers.Adam(linear_decay(options.updates, 2e-3))
        if is_adam
        else keras_rbm.AutoSGD(options.rate, l2=options.l2)
    )
    rbm.fit(
        family.one_hot(),
        sample_weight=w / w.mean(),
        batch_size=min(options.batch, len(family)),
        updates=options.updates,
        verbose=0,
    )
    return rbm


def independent(family, w, test):
    """Mean log-likelihood of test sequences under independent sites."""
    fields = np.reshape(family.fields(w), (-1, len(family.alphabet)))
    log_p = log_softmax(fields, axis=1)
    return log_p[np.arange(len(fields)), test.codes].sum(axis=1).mean()


def compare(family, test, options):
    """Prints a line for each number of sequences and each optimizer."""
    test = subset(test, options.test_size, options.columns, options.seed)
    print(
        "| training sequences | optimizer | gain on test sequences | trusted "
        "| gain on training sequences |\n|---:|---|---:|---|---:|"
    )
    for count in options.sizes:
        known = subset(family, count, options.columns, options.seed)
        w = sequences.weights(known)
        base = independent(known, w, test)
        for optimizer in OPTIMIZERS:
            rbm = train(known, w, optimizer, options)
            found, learned = (
                rbm.log_likelihood(
                    x.one_hot(), num_betas=options.betas, verbose=0
                )
                for x in (test, known)
            )
            print(
                f"| {len(known):,} | {optimizer} | {found.lower - base:+.2f} "
                f"| {'yes' if found.trusted else 'no'} "
                f"| {learned.lower - independent(known, w, known):+.2f} |",
                flush=True,
            )


def arguments(words=None):
    """The options, read from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[300, 1000, 8000]
    )
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--test_size", type=int, default=1000)
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--chains", type=int, default=200)
    parser.add_argument("--sweeps", type=int, default=5)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--updates", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=0.3, help="of AutoSGD")
    parser.add_argument("--l2", type=float, default=5.0, help="of AutoSGD")
    parser.add_argument("--betas", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(words)


def main():
    options = arguments()
    family, test = map(sequences.read, (options.train, options.test))
    compare(family, test, options)


if __name__ == "__main__":
    main()
