"""Times an update on aligned sequences against its products and rbms.

112 sites of 21 letters, 200 hidden units, 1,000 examples and 1,000 chains, ten
sweeps an update. In one run, in turns, each in a process of its own:

- `fit(array)`: an update as `RBM.fit` runs it;
- `products`: the matrix products of that update alone, compiled by XLA;
- `draws`: the draws of the sites of that update alone, from their inputs;
- `rbms`: the update of the PyTorch package's training loop, without its writing
  of files, where the package is installed.

Prints medians and the spread (10th to 90th percentile) as a Markdown table.

    python benchmarks/sequence_step.py [--rounds 9] [--updates 5]
"""

import argparse

import contest
import numpy as np
import training_step

SHAPE = 10, 1000, 112, 21, 200
EXAMPLES = 10_000


def codes(sites, letters):
    """Random letters, those with small numbers more frequent."""
    rng = np.random.default_rng(0)
    return rng.binomial(letters - 1, 0.3, (EXAMPLES, sites))


def fit_array(sweeps, batch, sites, letters, hidden):
    """`RBM.fit` of an array, without any argument for speed."""
    import keras_rbm

    return training_step.fitted(
        sweeps,
        batch,
        keras_rbm.Softmax(sites, letters),
        hidden,
        codes(sites, letters),
        "auto",
        batch_size=batch,
    )


def products(sweeps, batch, sites, letters, hidden):
    """As in `training_step`: the products do not depend on the units."""
    import tensorflow as tf

    width = sites * letters
    kernel = tf.Variable(0.01 * tf.random.normal((width, hidden)))
    v = np.eye(letters, dtype="float32")[codes(sites, letters)[:batch]]
    v, h = tf.constant(v.reshape(batch, width)), tf.ones((batch, hidden))

    @tf.function(jit_compile=True)
    def update():
        w = kernel.value()
        x = tf.matmul(h, w, transpose_b=True)
        for _ in range(sweeps - 1):
            x = tf.matmul(x @ w, w, transpose_b=True)
        both = tf.concat([v, x], axis=0)
        return tf.matmul(both, both @ w, transpose_a=True)

    return training_step.repeated(update, warm_up=1)


def draws(sweeps, batch, sites, letters, hidden):
    """A draw of all sites for each sweep."""
    import tensorflow as tf

    import keras_rbm
    from keras_rbm import random

    units = keras_rbm.Softmax(sites, letters)
    inputs = tf.random.normal((batch, units.width))
    params = {"bias": tf.zeros(units.width)}

    @tf.function(jit_compile=True)
    def draw(inputs, number):
        stream = random.fold_in(random.stream(0), number)
        return units.sample(inputs, params, stream)

    def update():
        for number in range(sweeps):
            found = draw(inputs, tf.constant(number))
        return found

    return training_step.repeated(update, warm_up=1)


def torch_rbms(sweeps, batch, sites, letters, hidden):
    """The package's own training loop, without its writing of files."""
    if not training_step.installed("rbms", "torch"):
        return None
    import torch
    from rbms.potts_bernoulli.classes import PBRBM
    from rbms.potts_bernoulli.utils import ensure_zero_sum_gauge
    from rbms.training.pcd import fit_batch_pcd

    generator = torch.Generator().manual_seed(0)
    model = PBRBM(
        0.01 * torch.randn(sites, letters, hidden, generator=generator),
        torch.zeros(sites, letters),
        torch.zeros(hidden),
    )
    x = torch.tensor(codes(sites, letters), dtype=torch.float32)
    weights = torch.ones(EXAMPLES, 1)
    chains = [model.init_chains(batch)]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, maximize=True)

    @torch.no_grad()
    def update():
        rows = torch.randperm(EXAMPLES)[:batch]
        optimizer.zero_grad(set_to_none=False)
        chains[0], _ = fit_batch_pcd(
            (x[rows], weights[rows]), chains[0], model, sweeps, 1.0
        )
        optimizer.step()
        ensure_zero_sum_gauge(model)

    return training_step.repeated(update, warm_up=1)


CONTESTANTS = {
    "fit(array)": fit_array,
    "products": products,
    "draws": draws,
    "rbms": torch_rbms,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--updates", type=int, default=5)
    options = parser.parse_args()
    contest.print_conditions(options.rounds, f"{options.updates} updates")
    print("| shape | contestant | ms an update | 10 % to 90 % | fit / it |")
    print("|---|---|---:|---:|---:|")
    times, _ = training_step.race(
        SHAPE, options.rounds, options.updates, CONTESTANTS, 2
    )
    sweeps, chains, sites, letters, hidden = SHAPE
    contest.print_rows(
        times,
        f"PCD-{sweeps}, {chains} chains, {sites} x {letters} x {hidden}",
    )


if __name__ == "__main__":
    main()
