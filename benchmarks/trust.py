"""Whether trusted brackets of log Z are right, on machines of known log Z.

    python benchmarks/trust.py --seeds 10

Draws machines of several families, estimates log Z by annealing, and compares
the bracket with log Z by enumeration. Prints a Markdown table with a row for
each family, and these numbers of brackets:

- trusted;
- wrong: trusted, but the exact value is more than three standard errors outside
  the bracket;
- wary though right: not trusted, although the bracket is at most half a nat
  wide and the exact value at most three standard errors outside;
- covered: trusted, and the exact value is at most two standard errors outside
  the bracket.

Each seed draws one machine of each family.
"""

import argparse
import warnings

import keras
import numpy as np

from keras_rbm import RBM, Bernoulli, Gaussian, Softmax, Spin, low_rank
from keras_rbm import machine as machine_lib

CHAINS, EXAMPLES = 200, 500


def set_weights(model, kernel, visible_bias, hidden_bias):
    """Puts weights into a model."""
    model.kernel.assign(kernel)
    for params, bias in (
        (model.visible_params, visible_bias),
        (model.hidden_params, hidden_bias),
    ):
        params["bias"].assign(np.reshape(bias, params["bias"].shape))


def adapt(model, v):
    """Lets a model take the moments of data, and restores its weights."""
    kept = [keras.ops.convert_to_numpy(w) for w in model.trainable_variables]
    model.adapt(v)
    for variable, value in zip(model.trainable_variables, kept, strict=True):
        variable.assign(value)


def exact_samples(model, count, rng):
    """Independent draws, by enumeration of the hidden states."""
    flipped = machine_lib.flip(model.machine())
    total = flipped.visible.num_joint_states
    h = flipped.visible.joint_states(np.arange(total))
    h = keras.ops.convert_to_numpy(h)
    log_p = -np.asarray(machine_lib.free_energy(flipped, h), "float64")
    p = np.exp(log_p - log_p.max())
    rows = h[rng.choice(total, count, p=p / p.sum())]
    return model.sample_visible(rows, seed=int(rng.integers(2**31)))


def random_weights(visible, hidden, scales):
    """A machine with Gaussian weights, of a scale drawn from `scales`."""

    def build(rng, seed):
        model = RBM(visible, hidden, seed=seed)
        width, features = model.kernel.shape
        scale = rng.choice(scales)
        w = rng.normal(size=(width, features)) * scale
        b = rng.normal(size=width) - w.mean(axis=1) * features / 2
        set_weights(model, w, b, rng.normal(size=features))
        return model

    return build


def mixture(width, components):
    """A mixture of up to `components`, of random weights and sharpness."""

    def build(rng, seed):
        model = RBM(width, Softmax(1, components), seed=seed)
        used = rng.integers(1, components + 1)
        weight = np.full(components, 1e-12)
        weight[:used] = rng.dirichlet(np.full(used, rng.choice([0.3, 3.0])))
        weight /= weight.sum()
        sharp = rng.uniform(1.0, 5.0, size=(components, 1))
        free = rng.random((components, width)) < rng.uniform(0.0, 0.6)
        logits = sharp * rng.choice([-1.0, 1.0], size=(components, width))
        logits[free] = 0.0
        b = logits.mean(axis=0)
        c = np.log(weight) - np.logaddexp(0, logits).sum(axis=1)
        set_weights(model, (logits - b).T, b, c - c.mean())
        return model

    return build


def clusters(rng, width, count):
    """Examples of several clusters of bits."""
    number = int(rng.integers(1, 11))
    share = rng.dirichlet(np.full(number, rng.choice([0.5, 5.0])))
    centres = rng.random((number, width)) < 0.5
    rows = centres[rng.choice(number, count, p=share)]
    noise = rng.random(rows.shape) < rng.choice([0.02, 0.1, 0.2])
    return (rows ^ noise).astype("float32")


def trained(width, hidden):
    """A machine trained on clusters, for 500 or 5,000 updates."""

    def build(rng, seed):
        model = RBM(width, hidden, seed=seed)
        model.compile()
        x = clusters(rng, width, EXAMPLES)
        model.fit(x, updates=int(rng.choice([500, 5000])), verbose=0)
        model.examples = x
        return model

    return build


def separated(width, hidden):
    """A machine with all clusters of its data, from a low-rank start."""

    def build(rng, seed):
        model = RBM(width, hidden, seed=seed)
        x = clusters(rng, width, EXAMPLES)
        low_rank.start(model, x, int(rng.integers(1, 5)), hidden, seed=seed)
        model.examples = x
        return model

    return build


FAMILIES = {
    "binary": random_weights(30, 10, [0.3, 0.6, 1.0, 2.0, 3.0]),
    "spin": random_weights(Spin(24), Spin(10), [0.1, 0.3, 0.6, 1.0]),
    "softmax": random_weights(Softmax(10, 4), 10, [0.3, 1.0, 2.0]),
    "Gaussian": random_weights(Gaussian(20), 10, [0.1, 0.3, 0.6]),
    "Gaussian hidden": random_weights(
        Bernoulli(14), Gaussian(6, precision=1.0), [0.1, 0.3, 0.5]
    ),
    "mixture": mixture(60, 20),
    "trained": trained(30, 10),
    "low rank": separated(60, 10),
}


def measure(build, seed, num_betas):
    """`(bracket, exact log Z)` of one machine, in most cases with data."""
    rng = np.random.default_rng(seed)
    model = build(rng, seed)
    if hasattr(model, "examples"):
        v = model.examples
    elif model.hidden.num_joint_states is None or rng.random() < 0.3:
        # After one sweep: data that the machine does not fit.
        v = model.sample(EXAMPLES, 1, seed=seed)
    else:
        v = exact_samples(model, EXAMPLES, rng)
    if not hasattr(model, "examples"):
        adapt(model, v)
    exact = model.log_partition("exact", verbose=0).log_z
    if rng.random() < 0.2:
        v = None
    found = model.log_partition(
        "ais",
        v,
        num_betas=num_betas,
        num_chains=CHAINS,
        seed=seed,
        verbose=0,
    )
    return found, exact


def count(build, seeds, num_betas, watch):
    """The numbers of a row: machines, then the four kinds of brackets."""
    trusted = wrong = wary = covered = 0
    for seed in seeds:
        found, exact = measure(build, seed, num_betas)
        error = found.standard_error
        outside = max(found.lower - exact, exact - found.upper, 0.0)
        trusted += found.trusted
        wrong += found.trusted and outside > 3 * error
        covered += found.trusted and outside <= 2 * error
        wary += not found.trusted and outside <= 3 * error and found.gap <= 0.5
        watch(seed, found, exact)
    return len(seeds), trusted, wrong, wary, covered


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "families", nargs="*", metavar="FAMILY", default=list(FAMILIES)
    )
    parser.add_argument("--seeds", type=int, default=5, help="of each family")
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--num_betas", type=int, default=2000)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")

    def watch(seed, found, exact):
        if options.verbose:
            print(
                f"  seed {seed}: {found.lower - exact:+.3f} to "
                f"{found.upper - exact:+.3f} +- {found.standard_error:.3f}",
                *found.warnings,
                sep="\n    ",
                flush=True,
            )

    print("| machines | | trusted | wrong | wary though right | covered |")
    print("|---|---:|---:|---:|---:|---:|")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    total = np.zeros(5, int)
    for name in options.families:
        row = count(FAMILIES[name], seeds, options.num_betas, watch)
        total += row
        print(f"| {name} | " + " | ".join(map(str, row)) + " |", flush=True)
    print("| all | " + " | ".join(map(str, total)) + " |")


if __name__ == "__main__":
    main()
