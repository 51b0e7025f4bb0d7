"""Trains on a family of sequences and measures all that can be known of it.

- the share of true contacts among the first k L pairs, k = 1 to 5, for two
  corrections of the norms without the gap and with it, and for the means of
  both corrected scores;
- the log-likelihood of test sequences between two bounds, beside that of
  independent sites;
- correlations between the connected correlations of pairs and triples in the
  samples and in the data, and the same for the test sequences, which shows how
  large these correlations are for as many samples of the true distribution;
- nearest neighbours: the mean share of columns that differ between a sequence
  and the nearest training sequence, for samples and for test sequences, and the
  adversarial accuracy (0.5 is ideal);
- the times of the weights, of the training and of the couplings.

    python benchmarks/family.py --train FASTA [--test FASTA] [--distances CSV]

The model is saved as family.keras in the folder of --output. With --model, such
a model, or an HDF5 file of the package rbms, is measured without training.
"""

import argparse
import pathlib
import time

import keras
import numpy as np

import keras_rbm
from keras_rbm import couplings, evaluation, sequences

# Sequences of each side of a comparison of neighbours.
SOME = 2000


def arguments(words=None):
    """Parses `words`, or the command line if `words` is `None`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--train", required=True)
    parser.add_argument("--test")
    parser.add_argument("--distances")
    parser.add_argument("--model")
    parser.add_argument("--output", default=".")
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument(
        "--hidden_units",
        default="Bernoulli",
        help="name of a class in keras_rbm.units",
    )
    parser.add_argument(
        "--updates",
        type=int,
        nargs="+",
        default=[5000],
        help="number of updates in each stage of training",
    )
    parser.add_argument("--chains", type=int, default=500)
    parser.add_argument(
        "--sweeps",
        type=int,
        nargs="+",
        default=[5],
        help="number of sweeps in each update: one value, or one for each "
        "stage",
    )
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--optimizer", choices=("Adam", "SGD"), default="Adam")
    parser.add_argument(
        "--rate",
        type=float,
        nargs="+",
        default=[2e-3],
        help="initial learning rate: one value, which decays over all stages, "
        "or one for each stage, which then has a new optimizer",
    )
    parser.add_argument(
        "--deviation",
        type=float,
        default=0.03,
        help="standard deviation of the initial weights",
    )
    parser.add_argument(
        "--gain",
        type=float,
        help="of orthogonal initial weights, in place of normal draws",
    )
    parser.add_argument(
        "--standardized",
        action="store_true",
        help="follow the gradient of standardized letters",
    )
    parser.add_argument("--l2", type=float, default=1e-4)
    parser.add_argument(
        "--couplings",
        type=float,
        help="factor of a penalty on squared couplings, in place of --l2",
    )
    parser.add_argument(
        "--identity",
        type=float,
        nargs="+",
        default=[0.8],
        help="of neighbours, for the weights of sequences: one value, or one "
        "for each stage",
    )
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--sample_sweeps", type=int, default=200)
    parser.add_argument(
        "--from_chains",
        action="store_true",
        help="continue the fantasy particles; each gives a sample every "
        "--sample_sweeps sweeps",
    )
    parser.add_argument("--betas", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    stages = len(options.updates)
    for name in ("sweeps", "identity", "rate"):
        if len(getattr(options, name)) not in (1, stages):
            parser.error(f"--{name} needs one value, or one for each stage")
    return options


def of_stage(values, stage):
    """The value of a stage, from one value for all stages or one for each."""
    return values[stage if len(values) > 1 else 0]


def train(family, options):
    """A model of the family, by persistent chains, in one or more stages."""
    updates = options.updates
    weights = [sequences.weights(family, share) for share in options.identity]
    for w in weights:
        say(f"training with {sequences.effective_number(w):.0f} sequences")
    begin = time.perf_counter()
    start = keras.initializers.Constant(family.fields(weights[0]))
    penalty = keras.regularizers.L2(options.l2)
    if options.couplings is not None:
        penalty = keras_rbm.SquaredCouplings(
            options.couplings, len(family.alphabet)
        )
    kernel = keras.initializers.RandomNormal(
        0.0, options.deviation, options.seed
    )
    if options.gain is not None:
        kernel = keras.initializers.Orthogonal(options.gain, options.seed)
    # The couplings are W W^T only if the precision stays 1.
    fixed = {"precision": 1.0} if options.hidden_units == "Gaussian" else {}
    hidden = getattr(keras_rbm.units, options.hidden_units)
    rbm = keras_rbm.RBM(
        family.units,
        hidden(options.hidden, **fixed),
        keras_rbm.PersistentChain(options.chains, options.sweeps[0]),
        visible_bias_initializer=start,
        kernel_initializer=kernel,
        kernel_regularizer=penalty,
        seed=options.seed,
        standardized=options.standardized,
    )
    spans = updates
    if len(options.rate) == 1:
        spans = [sum(updates)]
    optimizer = getattr(keras.optimizers, options.optimizer)
    optimizers = [
        optimizer(
            keras.optimizers.schedules.CosineDecay(rate, span, alpha=0.02)
        )
        for rate, span in zip(options.rate, spans, strict=True)
    ]
    for stage, count in enumerate(updates):
        if stage < len(optimizers):
            rbm.compile(optimizers[stage])
        rbm.chain.num_sweeps.assign(of_stage(options.sweeps, stage))
        w = of_stage(weights, stage)
        rbm.fit(
            family.one_hot(),
            sample_weight=w / w.mean(),
            batch_size=options.batch,
            updates=count,
            verbose=0,
        )
    say(f"training: {time.perf_counter() - begin:.0f} s")
    return rbm


def contacts(rbm, options):
    """Prints the share of true contacts."""
    begin = time.perf_counter()
    pairs = couplings.effective(rbm.machine(), num_nodes=options.nodes).pairs
    say(f"couplings: {time.perf_counter() - begin:.0f} s")
    length = len(pairs)
    distances = sequences.read_distances(options.distances, length)
    counts = [k * length for k in range(1, 6)]
    most = len(np.triu_indices(length, 5)[0])
    counts = [min(count, most) for count in counts]
    norms = [sequences.frobenius_norms(pairs, gap) for gap in ((0,), ())]
    for label, correction in (
        ("average product", sequences.average_product_correction),
        ("median product", sequences.median_product_correction),
    ):
        without, with_gap = map(correction, norms)
        for name, scores in (
            ("norms without the gap", without),
            ("with it", with_gap),
            ("mean of both", (without + with_gap) / 2),
        ):
            found = sequences.positive_predictive_value(
                scores, distances, counts
            )
            shares = ", ".join(f"{share:.3f}" for share in found)
            say(f"contacts, {label}, {name}: {shares}")


def nearest(x, others, own=False):
    """Mean share of columns in which the nearest of others differs."""
    found = []
    for row, codes in enumerate(x.codes):
        differs = (others.codes != codes).mean(axis=1)
        if own:
            differs[row] = np.inf
        found.append(differs.min())
    return np.mean(found)


def samples(rbm, family, test, w, options):
    """Prints how the samples differ from the data."""
    begin = time.perf_counter()
    drawn = sequences.design(
        rbm,
        options.samples,
        start="chains" if options.from_chains else None,
        num_sweeps=options.sample_sweeps,
        seed=options.seed,
        alphabet=family.alphabet,
    )
    say(f"samples: {time.perf_counter() - begin:.0f} s")
    for name, others in (("samples", drawn), ("test sequences", test)):
        if others is None:
            continue
        for found in sequences.compare_correlations(family, others, w):
            say(
                f"order {found.order}: correlation of {len(others)} {name} "
                f"{found.correlation:.3f}"
            )
    rng = np.random.default_rng(options.seed)

    def some(x):
        return x[rng.choice(len(x), min(SOME, len(x)), replace=False)]

    known = some(family)
    say(f"nearest, of samples: {nearest(some(drawn), family):.3f}")
    if test is not None:
        say(f"nearest, of the test: {nearest(some(test), family):.3f}")
    accuracy = evaluation.adversarial_accuracy(
        known.one_hot()[:], some(drawn).one_hot()[:]
    )
    say(f"adversarial accuracy: {accuracy.value:.3f}")


def say(text):
    """Prints a line at once, also into a file."""
    print(text, flush=True)


def main():
    options = arguments()
    family = sequences.read(options.train)
    test = sequences.read(options.test) if options.test else None
    begin = time.perf_counter()
    w = sequences.weights(family)
    say(
        f"{family}: {sequences.effective_number(w):.0f} effective sequences, "
        f"{time.perf_counter() - begin:.1f} s"
    )
    if options.model:
        load = keras.models.load_model
        if not options.model.endswith(".keras"):
            load = sequences.read_rbms
        rbm = load(options.model)
    else:
        rbm = train(family, options)
        rbm.save(pathlib.Path(options.output) / "family.keras")
    if options.distances:
        contacts(rbm, options)
    samples(rbm, family, test, w, options)
    if test is not None:
        begin = time.perf_counter()
        found = rbm.log_likelihood(
            test.one_hot(), num_betas=options.betas, verbose=0
        )
        say(found)
        say(f"bounds: {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
