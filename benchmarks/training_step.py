"""Times a training step against its own matrix products and other packages.

In one run, interleaved, so that a noisy machine disturbs all alike:

- `fit`: an update as `RBM.fit` runs it, with its data pipeline, metrics,
  centring, optimizer and average of the weights;
- `products`: the matrix products of that update alone, compiled by XLA;
- `BernoulliRBM` of scikit-learn, by `partial_fit`, which is PCD-1 alone;
- `rbms`, a PyTorch package, where it is installed;
- `learnergy`, another, where it is installed: it has CD in place of PCD, which
  takes as many products, and as many sweeps;
- PyDeep, in NumPy, where its folder is on `PYTHONPATH` (the `pydeep` of PyPI
  is another package).

Prints medians and the spread (10th to 90th percentile) as a Markdown table.

    python benchmarks/training_step.py [--rounds 9] [--updates 500]
"""

import argparse
import os
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")

import keras
import numpy as np
import tensorflow as tf
from sklearn.neural_network import BernoulliRBM

import keras_rbm
from keras_rbm import data

try:
    import rbms  # noqa: F401
    import torch
except ImportError:
    torch = None
try:
    import torch.utils.data
    from learnergy.models.bernoulli import rbm as learnergy_rbm
except ImportError:
    learnergy_rbm = None
try:
    from pydeep.rbm import model as pydeep_model
    from pydeep.rbm import trainer as pydeep_trainer
except ImportError:
    pydeep_model = None

# Name, sweeps, batch (and chains), hidden units.
SHAPES = (
    ("PCD-15, batch 20, 784 x 500", 15, 20, 500),
    ("PCD-1, batch 100, 784 x 500", 1, 100, 500),
    ("PCD-1, batch 128, 784 x 128", 1, 128, 128),
)
VISIBLE, EXAMPLES = 784, 10_000


class Interleave(keras.callbacks.Callback):
    """Times each epoch of `fit`, and the contestants between epochs."""

    def __init__(self, contestants, updates):
        super().__init__()
        self.contestants = contestants
        self.updates = updates
        self.times = {name: [] for name in ("fit", *contestants)}

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.note("fit", time.perf_counter() - self.begin)
        for name, update in self.contestants.items():
            begin = time.perf_counter()
            for _ in range(self.updates):
                result = update()
            if isinstance(result, tf.Tensor):
                result.numpy()
            self.note(name, time.perf_counter() - begin)

    def note(self, name, seconds):
        self.times[name].append(1e3 * seconds / self.updates)


def products(sweeps, batch, hidden):
    """The products of one update, as few and as large as they can be.

    The chains start from hidden states, and both phases share the last two.
    """
    kernel = tf.Variable(0.01 * tf.random.normal((VISIBLE, hidden)))
    v, h = tf.constant(examples(batch)), tf.ones((batch, hidden))

    @tf.function(jit_compile=True)
    def update():
        w = kernel.value()
        x = tf.matmul(h, w, transpose_b=True)
        for _ in range(sweeps - 1):
            x = tf.matmul(x @ w, w, transpose_b=True)
        both = tf.concat([v, x], axis=0)
        return tf.matmul(both, both @ w, transpose_a=True)

    return update


def scikit_learn(sweeps, batch, hidden):
    """`partial_fit` of a batch: PCD-1, whatever `sweeps` is."""
    if sweeps > 1:
        return None
    x = examples(batch)
    model = BernoulliRBM(hidden, learning_rate=0.05, random_state=0)
    return lambda: model.partial_fit(x)


def torch_rbms(sweeps, batch, hidden):
    """The package's own training loop, without its writing of files."""
    if torch is None:
        return None
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.training.pcd import fit_batch_pcd

    generator = torch.Generator().manual_seed(0)
    model = BBRBM(
        0.01 * torch.randn(VISIBLE, hidden, generator=generator),
        torch.zeros(VISIBLE),
        torch.zeros(hidden),
    )
    x, weights = torch.tensor(examples(EXAMPLES)), torch.ones(EXAMPLES, 1)
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

    return update


def learnergy(sweeps, batch, hidden):
    """The package's own `fit` of a batch, by CD, with its metrics.

    The batch lies in memory: its `DataLoader`, which takes examples one by one
    and starts anew at each `fit`, is left out.
    """
    if learnergy_rbm is None:
        return None
    batches = [(torch.tensor(examples(batch)), None)]
    learnergy_rbm.DataLoader = lambda *args, **kwargs: batches
    model = learnergy_rbm.RBM(VISIBLE, hidden, sweeps, learning_rate=0.05)
    return lambda: model.fit(None, batch, epochs=1)


def pydeep(sweeps, batch, hidden):
    """The package's own centred PCD, in the single precision of the others."""
    if pydeep_model is None:
        return None
    x = examples(batch)
    model = pydeep_model.BinaryBinaryRBM(
        VISIBLE, hidden, data=x, dtype=np.float32
    )
    trainer = pydeep_trainer.PCD(model, batch, data=x)
    return lambda: trainer.train(x, epsilon=0.05, k=sweeps)


def examples(count):
    """Digits' statistics without digits: a fifth of the pixels are on."""
    draws = np.random.default_rng(0).random((count, VISIBLE))
    return (draws < 0.2).astype("float32")


def race(sweeps, batch, hidden, rounds, updates):
    """Returns `{contestant: milliseconds an update, a list by round}`."""
    contestants = {
        "products": products(sweeps, batch, hidden),
        "scikit-learn": scikit_learn(sweeps, batch, hidden),
        "rbms": torch_rbms(sweeps, batch, hidden),
        "learnergy (CD)": learnergy(sweeps, batch, hidden),
        "PyDeep": pydeep(sweeps, batch, hidden),
    }
    contestants = {k: v for k, v in contestants.items() if v is not None}
    pixels = np.uint8(255 * examples(EXAMPLES))
    chain = keras_rbm.PersistentChain(batch, num_sweeps=sweeps)
    model = keras_rbm.RBM(VISIBLE, hidden, chain=chain, seed=0)
    model.compile(
        keras.optimizers.SGD(
            keras.optimizers.schedules.PolynomialDecay(0.05, 10**6, 0.0),
            use_ema=True,
            ema_momentum=0.999,
        ),
        steps_per_execution=50,
    )
    timer = Interleave(contestants, updates)
    model.fit(
        data.batches(pixels, batch, binarize="stochastic", seed=0),
        epochs=rounds + 1,
        steps_per_epoch=updates,
        callbacks=[timer],
        verbose=0,
    )
    return {name: times[1:] for name, times in timer.times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--updates", type=int, default=500, help="a multiple of 50"
    )
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} cores ({platform.processor() or 'CPU'}), "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}; "
        f"{options.rounds} rounds of {options.updates} updates\n"
    )
    print("| shape | contestant | ms an update | 10 % to 90 % | fit / it |")
    print("|---|---|---:|---:|---:|")
    for name, sweeps, batch, hidden in SHAPES:
        times = race(sweeps, batch, hidden, options.rounds, options.updates)
        for contestant, values in times.items():
            low, middle, high = np.percentile(values, [10, 50, 90])
            ratio = np.median(np.divide(times["fit"], values))
            print(
                f"| {name} | {contestant} | {middle:.2f} | "
                f"{low:.2f} to {high:.2f} | {ratio:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
