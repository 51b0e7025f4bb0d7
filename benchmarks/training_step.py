"""Times a training step against its own matrix products and other packages.

In one run, in turns, so that a noisy machine disturbs all alike. Each has a
process of its own, which imports only its own library: the threads of one
library slow down the threads of another, and PyTorch beside TensorFlow may
crash.

- `fit`: an update as `RBM.fit` runs it, with its data pipeline, metrics,
  centring, optimizer and average of the weights; on `data.batches`, with 50
  updates in one compiled call;
- `fit(array)`: the same on an array, without any argument for speed;
- `products`: the matrix products of that update alone, compiled by XLA;
- `BernoulliRBM` of scikit-learn, which has PCD-1 alone;
- `rbms`, a PyTorch package, where it is installed;
- `learnergy`, another, where it is installed: it has CD in place of PCD, which
  takes as many products, and as many sweeps;
- PyDeep, in NumPy, where its folder is on `PYTHONPATH` (the `pydeep` of PyPI
  is another package).

Prints medians and the spread (10th to 90th percentile) as a Markdown table, and
the seconds of the first call of each contestant: 50 updates and compilation.

    python benchmarks/training_step.py [--rounds 9] [--updates 500]
    python benchmarks/training_step.py --only "fit" "fit(array)"
"""

import concurrent.futures
import contextlib
import importlib.util
import itertools
import multiprocessing
import pathlib
import time

import contest
import numpy as np

# Name, sweeps, batch (and chains), visible and hidden units.
SHAPES = (
    ("PCD-15, batch 20, 784 x 500", 15, 20, 784, 500),
    ("PCD-1, batch 100, 784 x 500", 1, 100, 784, 500),
    ("PCD-1, batch 128, 784 x 128", 1, 128, 784, 128),
    ("PCD-1, batch 10, 64 x 64", 1, 10, 64, 64),
)
EXAMPLES = 10_000
# Updates before the clock starts, in each round, and updates of a first call.
WARM_UP, FIRST = 20, 50


def installed(*names):
    """Whether there are packages of these names; none is imported."""
    return all(importlib.util.find_spec(name) for name in names)


def fit(sweeps, batch, visible, hidden):
    """`RBM.fit` of `data.batches`, with the arguments that make it fast."""
    from keras_rbm import data

    pixels = np.uint8(255 * examples(EXAMPLES, visible))
    stream = data.batches(pixels, batch, binarize="stochastic", seed=0)
    return fitted(sweeps, batch, visible, hidden, stream, 50)


def fit_array(sweeps, batch, visible, hidden):
    """`RBM.fit` of an array, without any argument for speed."""
    x = examples(EXAMPLES, visible)
    return fitted(sweeps, batch, visible, hidden, x, "auto", batch_size=batch)


def fitted(sweeps, batch, visible, hidden, x, steps, **kwargs):
    """Returns a function that times a number of updates of `fit`."""
    import keras

    import keras_rbm

    class Timer(keras.callbacks.Callback):
        """Times the epochs of `fit`."""

        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds = time.perf_counter() - self.begin

    chain = keras_rbm.PersistentChain(batch, num_sweeps=sweeps)
    model = keras_rbm.RBM(visible, hidden, chain=chain, seed=0)
    model.compile(
        keras.optimizers.SGD(
            keras.optimizers.schedules.PolynomialDecay(0.05, 10**6, 0.0),
            use_ema=True,
            ema_momentum=0.999,
        ),
        steps_per_execution=steps,
    )
    timer = Timer()

    def seconds(updates):
        # Time the second epoch, after the set-up of `fit`.
        model.fit(
            x,
            epochs=2,
            steps_per_epoch=updates,
            callbacks=[timer],
            verbose=0,
            **kwargs,
        )
        return timer.seconds

    return seconds


def repeated(update, warm_up=WARM_UP):
    """Function of a number of updates that returns their seconds."""

    def seconds(updates):
        for _ in range(warm_up):
            update()
        begin = time.perf_counter()
        for _ in range(updates):
            result = update()
        if hasattr(result, "numpy"):  # A tensor: waits for it.
            result.numpy()
        return time.perf_counter() - begin

    return seconds


def products(sweeps, batch, visible, hidden):
    """The products of one update, as few and as large as they can be.

    The chains start from hidden states, and both phases share the last two.
    """
    import tensorflow as tf

    kernel = tf.Variable(0.01 * tf.random.normal((visible, hidden)))
    v, h = tf.constant(examples(batch, visible)), tf.ones((batch, hidden))

    @tf.function(jit_compile=True)
    def update():
        w = kernel.value()
        x = tf.matmul(h, w, transpose_b=True)
        for _ in range(sweeps - 1):
            x = tf.matmul(x @ w, w, transpose_b=True)
        both = tf.concat([v, x], axis=0)
        return tf.matmul(both, both @ w, transpose_a=True)

    return repeated(update)


def scikit_learn(sweeps, batch, visible, hidden):
    """What its `fit` does with a batch: PCD-1, whatever `sweeps` is.

    `partial_fit` would compute in double precision.
    """
    if sweeps > 1:
        return None
    from sklearn.neural_network import BernoulliRBM

    x = batches(batch, visible)
    model = BernoulliRBM(
        hidden, learning_rate=0.05, batch_size=batch, n_iter=1, random_state=0
    )
    model.fit(next(x))
    rng = np.random.RandomState(0)
    return repeated(lambda: model._fit(next(x), rng))


def torch_rbms(sweeps, batch, visible, hidden):
    """The package's own training loop, without its writing of files."""
    if not installed("rbms", "torch"):
        return None
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.training.pcd import fit_batch_pcd

    generator = torch.Generator().manual_seed(0)
    model = BBRBM(
        0.01 * torch.randn(visible, hidden, generator=generator),
        torch.zeros(visible),
        torch.zeros(hidden),
    )
    x, weights = (
        torch.tensor(examples(EXAMPLES, visible)),
        torch.ones(EXAMPLES, 1),
    )
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

    return repeated(update)


def learnergy(sweeps, batch, visible, hidden):
    """The package's own `fit` of a batch, by CD, with its metrics.

    The batches lie in memory: its `DataLoader`, which takes examples one by one
    and starts anew at each `fit`, is left out.
    """
    if not installed("learnergy", "torch"):
        return None
    import torch
    from learnergy.models.bernoulli import rbm

    x = batches(batch, visible)

    def loader(*args, **kwargs):
        return [(torch.tensor(next(x)), None)]

    rbm.DataLoader = loader
    model = rbm.RBM(visible, hidden, sweeps, learning_rate=0.05)
    return repeated(lambda: model.fit(None, batch, epochs=1))


def pydeep(sweeps, batch, visible, hidden):
    """The package's own centred PCD, in the single precision of the others."""
    spec = importlib.util.find_spec("pydeep")
    folders = (spec and spec.submodule_search_locations) or ()
    # The `pydeep` of PyPI has no such folder.
    if not any((pathlib.Path(folder) / "rbm").is_dir() for folder in folders):
        return None
    from pydeep.rbm import model as models
    from pydeep.rbm import trainer as trainers

    x, first = batches(batch, visible), examples(batch, visible)
    model = models.BinaryBinaryRBM(
        visible, hidden, data=first, dtype=np.float32
    )
    trainer = trainers.PCD(model, batch, data=first)
    return repeated(lambda: trainer.train(next(x), epsilon=0.05, k=sweeps))


def examples(count, visible):
    """Digits' statistics without digits: a fifth of the pixels are on."""
    draws = np.random.default_rng(0).random((count, visible))
    return (draws < 0.2).astype("float32")


def batches(size, visible):
    """Batches without end: on one alone those in NumPy take twice as long."""
    x = examples(EXAMPLES, visible)
    return itertools.cycle(
        [x[i : i + size] for i in range(0, EXAMPLES - size + 1, size)]
    )


CONTESTANTS = {
    "fit": fit,
    "fit(array)": fit_array,
    "products": products,
    "scikit-learn": scikit_learn,
    "rbms": torch_rbms,
    "learnergy (CD)": learnergy,
    "PyDeep": pydeep,
}
# In a contestant's process, what it was set up as.
_ready = {}


def set_up(name, shape, updates, contestants=CONTESTANTS, first=FIRST):
    """Prepares a contestant, if it is there and has this shape.

    Args:
        name: Name of the contestant.
        shape: Arguments of its function.
        updates: Number of updates of the second call.
        contestants: Dict of names and functions.
        first: Number of updates of the first call.

    Returns:
        The seconds of its first call, which compiles; `None` if it is absent.
    """
    _ready["seconds"] = contestants[name](*shape)
    if _ready["seconds"] is None:
        return None
    begin = time.perf_counter()
    _ready["seconds"](first)
    taken = time.perf_counter() - begin
    _ready["seconds"](updates)
    return taken


def milliseconds(updates):
    """Milliseconds an update of what is set up."""
    return 1e3 * _ready["seconds"](updates) / updates


def race(shape, rounds, updates, contestants=CONTESTANTS, first_updates=FIRST):
    """Times the contestants in turns.

    Args:
        shape: Arguments of the functions of the contestants.
        rounds: Number of rounds.
        updates: Number of updates of a round.
        contestants: Dict of names and functions.
        first_updates: Number of updates of a first call.

    Returns:
        `{contestant: milliseconds an update, a list by round}`, and
        `{contestant: seconds of its first call}`.
    """
    context = multiprocessing.get_context("spawn")
    times, first = {}, {}
    with contextlib.ExitStack() as stack:
        processes = {}
        for name in contestants:
            process = stack.enter_context(
                concurrent.futures.ProcessPoolExecutor(1, mp_context=context)
            )
            seconds = process.submit(
                set_up, name, shape, updates, contestants, first_updates
            ).result()
            if seconds is not None:
                processes[name], times[name] = process, []
                first[name] = seconds
        for _ in range(rounds):
            for name, process in processes.items():
                found = process.submit(milliseconds, updates).result()
                times[name].append(found)
    return times, first


def main():
    parser = contest.parser(__doc__)
    parser.add_argument(
        "--updates", type=int, default=500, help="a multiple of 50"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=CONTESTANTS,
        default=list(CONTESTANTS),
        help="contestants; the others are compared with the first",
    )
    options = parser.parse_args()
    contest.print_conditions(options.rounds, f"{options.updates} updates")
    print("| shape | contestant | ms an update | 10 % to 90 % | fit / it |")
    print("|---|---|---:|---:|---:|")
    first_calls = {}
    for name, *shape in SHAPES:
        chosen = {only: CONTESTANTS[only] for only in options.only}
        times, first_calls[name] = race(
            shape, options.rounds, options.updates, chosen
        )
        contest.print_rows(times, name)
    print("\n| shape | contestant | first call, s |")
    print("|---|---|---:|")
    for name, first in first_calls.items():
        for contestant, seconds in first.items():
            print(f"| {name} | {contestant} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
