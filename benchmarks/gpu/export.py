"""Writes programs for `run.py`: as XLA gets them from TensorFlow, with results.

A machine with a GPU need not have TensorFlow: JAX runs the programs that
TensorFlow lowers to StableHLO. This script needs TensorFlow and no GPU. It
writes a folder of at most 64 MiB (`store.py` says what is in it) with

- the update as `fit` compiles it, in blocks of 50 batches: PCD-1 with batches
  of 100, PCD-15 with batches of 20, and PCD-10 with 2,000 chains, for 784 x 500
  and 784 x 5,000 units;
- 100 sweeps of 100, 2,000 and 20,000 chains, and of a softmax and a Gaussian
  machine;
- annealed importance sampling with 1,000 betas and 2,000 chains, and the same
  of a machine with a log Z that is known by enumeration;
- each half of a sweep with its uniform draws, and draws alone.

Each comes with what TensorFlow computes on this CPU from the same inputs, for
some programs by fewer updates or sweeps than are timed.

    python benchmarks/gpu/export.py FOLDER [--only NAME ...] [--tiny]
"""

import argparse
import os
import re
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import store
import tensorflow as tf

import keras_rbm
from keras_rbm import gibbs, likelihood, random, samplers, units
from keras_rbm import machine as machine_lib
from keras_rbm.likelihood.ais import _run as anneal
from keras_rbm.likelihood.ais import betas
from keras_rbm.models import compiled_loop

LIMIT_MIB = 64
# Name, sweeps, batch, chains, visible and hidden units, updates in a block,
# updates that are compared with the CPU's.
UPDATES = [
    ("pcd1-100-784x500", 1, 100, 100, 784, 500, 50, 50),
    ("pcd15-20-784x500", 15, 20, 20, 784, 500, 50, 50),
    ("pcd10-2000-784x500", 10, 2000, 2000, 784, 500, 50, 2),
    ("pcd1-100-784x5000", 1, 100, 100, 784, 5000, 50, 5),
    ("pcd15-20-784x5000", 15, 20, 20, 784, 5000, 50, 2),
    ("pcd10-2000-784x5000", 10, 2000, 2000, 784, 5000, 50, 1),
]
TINY_UPDATES = [("pcd3-10-20x8", 3, 10, 10, 20, 8, 4, 3)]
# Name, visible and hidden units, chains, sweeps, sweeps that are compared.
SWEEPS = [
    ("sweeps-100", 784, 500, 100, 100, 100),
    ("sweeps-2000", 784, 500, 2000, 100, 20),
    ("sweeps-20000", 784, 500, 20_000, 100, 2),
    ("sweeps-softmax", units.Softmax(112, 21), 200, 2000, 100, 10),
    ("sweeps-gaussian", units.Gaussian(784), 500, 2000, 100, 10),
]
TINY_SWEEPS = [
    ("sweeps-10", 20, 8, 10, 5, 5),
    ("sweeps-softmax", units.Softmax(5, 3), 8, 10, 5, 5),
]
# Name, visible and hidden units, chains, betas, betas that are compared. Only
# of a machine that can be enumerated all betas are.
ANNEALED = [
    ("ais-2000", 784, 500, 2000, 1000, 20),
    ("ais-exact", 100, 16, 2000, 1000, 1000),
]
TINY_ANNEALED = [("ais-exact", 20, 8, 100, 100, 100)]


def program(name, kind, function, inputs, recipes, count, outputs, **more):
    """Lowers a function, and stores its inputs.

    Args:
        name: Name of the program.
        kind: How `run.py` compares it.
        function: A `tf.function` that XLA compiles, or a function of tensors.
        inputs: Its arguments, arrays.
        recipes: As for `store.encoded`.
        count: `(index, timed, compared)`: the argument that says how often the
            program repeats, its value where it is timed, and where it is
            compared. `None` for a program that repeats nothing.
        outputs: Names of the outputs, those that `more` speaks of.
        **more: Further entries of the manifest.

    Returns:
        Tuple of the function, the entry of the manifest, the text and a dict
        of arrays. Variables that the function reads are inputs after its
        arguments.
    """
    if not hasattr(function, "experimental_get_compiler_ir"):
        function = tf.function(function, jit_compile=True, autograph=False)
    arguments = [tf.convert_to_tensor(x) for x in inputs]
    text = function.experimental_get_compiler_ir(*arguments)(stage="stablehlo")
    variables = variables_of(function.get_concrete_function(*arguments))
    arrays = {}
    entry = {
        "name": name,
        "kind": kind,
        "inputs": [
            store.encoded(x, f"input{i}", arrays, recipes)
            for i, x in enumerate([*inputs, *map(np.asarray, variables)])
        ],
        "count": count,
        "outputs": outputs,
        **more,
    }
    text = text if isinstance(text, str) else text.decode()
    return function, entry, without_copies(text), arrays


def without_copies(text):
    """A program without the copies of variables, which are no StableHLO.

    TensorFlow's text has them in another dialect, `mhlo`. A reshape to the same
    shape is as good.
    """
    return re.sub(
        r"mhlo\.copy (%\w+) : (tensor<[^>]*>)",
        r"stablehlo.reshape \1 : (\2) -> \2",
        text,
    )


def variables_of(concrete):
    """The variables that a program takes as its last inputs, in order."""
    by_handle = {id(x.handle): x for x in concrete.variables}
    return [by_handle[id(x)] for x in concrete.captured_inputs]


def machine_of(visible, hidden):
    """A machine with numbers of the size of a trained one's, and recipes."""
    model = keras_rbm.RBM(visible, hidden, seed=0)
    machine = model.machine()
    shape = machine.kernel.shape
    recipes = [
        store.normal(1, shape, 0.1),
        store.normal(2, shape[1:], 1.0, -1.0),
    ]
    kernel, bias = map(store.drawn, recipes)
    return machine._replace(
        kernel=tf.constant(kernel), hidden_params={"bias": tf.constant(bias)}
    ), recipes


def tensors_of(machine):
    """The tensors of a machine, and a function that makes it from them."""
    visible = sorted(machine.visible_params)
    hidden = sorted(machine.hidden_params)

    def made(kernel, *params):
        return machine_lib.Machine(
            machine.visible,
            machine.hidden,
            kernel,
            dict(zip(visible, params[: len(visible)], strict=True)),
            dict(zip(hidden, params[len(visible) :], strict=True)),
        )

    tensors = [
        machine.kernel,
        *(machine.visible_params[name] for name in visible),
        *(machine.hidden_params[name] for name in hidden),
    ]
    return [np.asarray(x) for x in tensors], made


def words(machine):
    """Random words that each side draws in a sweep: one for each unit."""
    sides = machine.visible, machine.hidden
    return sum(getattr(side, "size", side.width) for side in sides)


def counts(machine, chain_sweeps):
    """What is counted of each program that makes sweeps."""
    v, h = machine.kernel.shape
    return {
        "visible": v,
        "hidden": h,
        "chain_sweeps": chain_sweeps,
        "flops": 4 * v * h * chain_sweeps,
        "words": words(machine) * chain_sweeps,
        # The states and the inputs of each side are written once, and read
        # once, in float32.
        "bytes": 16 * (v + h) * chain_sweeps,
    }


def start(machine, chains):
    """States that chains start from."""
    if not np.isfinite(machine.visible.support).all():
        return np.zeros((chains, machine.visible.width), "float32")
    return gibbs.sample_without_inputs(
        machine, chains, random.stream(5)
    ).numpy()


def sweeps(name, visible, hidden, chains, timed, compared):
    """Sweeps as `samplers.sample` makes them."""
    machine, recipes = machine_of(visible, hidden)
    tensors, made = tensors_of(machine)
    sampler = samplers.Gibbs()

    def run(v, key, num_sweeps, *tensors):
        machine = machine_lib.with_transposed(made(*tensors))
        state, _ = samplers.run(
            sampler,
            machine,
            sampler.init(machine, v),
            random.Stream(key),
            num_sweeps,
        )
        return sampler.samples(state)

    v, key = start(machine, chains), random.stream(0).key.numpy()
    function, entry, text, arrays = program(
        name,
        "sweeps",
        run,
        [v, key, np.int32(timed), *tensors],
        recipes,
        [2, timed, compared],
        ["v"],
        chains=chains,
        **counts(machine, chains * timed),
    )
    found = function(v, key, np.int32(compared), *tensors).numpy()
    arrays["moments"] = store.moments(found)
    entry["expected"] = {"moments": "moments"}
    if np.all((found == 0) | (found == 1)):
        entry["expected"]["v"] = store.encoded(found, "v", arrays)
    return entry, text, arrays


def halves(name, visible, hidden, chains):
    """Both halves of a sweep, with the numbers that they are drawn by."""
    machine, recipes = machine_of(visible, hidden)
    tensors, made = tensors_of(machine)

    def run(v, h, key, *tensors):
        machine, stream = made(*tensors), random.Stream(key)
        return [
            random.uniform(random.fold_in(stream, random.Use.HIDDEN), h.shape),
            machine_lib.hidden_mean(machine, v),
            gibbs.sample_hidden(machine, v, stream),
            random.uniform(random.fold_in(stream, random.Use.VISIBLE), v.shape),
            machine_lib.visible_mean(machine, h),
            gibbs.sample_visible(machine, h, stream),
        ]

    v, key = start(machine, chains), random.stream(0).key.numpy()
    h = gibbs.sample_hidden(machine, v, random.stream(6)).numpy()
    outputs = ["u_h", "p_h", "h", "u_v", "p_v", "v"]
    function, entry, text, arrays = program(
        name,
        "halves",
        run,
        [v, h, key, *tensors],
        recipes,
        None,
        outputs,
        chains=chains,
        **counts(machine, chains),
    )
    found = function(v, h, key, *tensors)
    entry["expected"] = {
        name: {"digest": store.digest(x)}
        if name[0] == "u"
        else store.encoded(x, f"expected_{name}", arrays)
        for name, x in zip(outputs, found, strict=True)
    }
    return entry, text, arrays


def draws(name, columns, chains, timed, compared):
    """Words alone, as many as that many sweeps draw: what they cost."""

    def run(key, times):
        def more(i, total):
            here = random.fold_in(random.Stream(key), i)
            return i + 1, total ^ random.bits(here, (chains, columns))

        zeros = tf.zeros((chains, columns), "uint32")
        return tf.while_loop(lambda i, _: i < times, more, (0, zeros))[1]

    key = random.stream(0).key.numpy()
    function, entry, text, arrays = program(
        name,
        "draws",
        run,
        [key, np.int32(timed)],
        [],
        [1, timed, compared],
        ["words"],
        chains=chains,
        words=chains * columns * timed,
    )
    found = function(key, np.int32(compared))
    entry["expected"] = {"words": {"digest": store.digest(found)}}
    return entry, text, arrays


def annealed(name, visible, hidden, chains, timed, compared):
    """Annealed importance sampling, all betas in one call."""
    machine, recipes = machine_of(visible, hidden)
    if compared == timed:  # Milder, so that log Z has a small error.
        machine = machine._replace(kernel=0.5 * machine.kernel)
    base = machine_lib.decouple(machine, np.full(visible, 0.5, "float32"))
    tensors, made = tensors_of(machine)
    base_tensors, made_base = tensors_of(base)

    def run(v, key, path, num_steps, *tensors):
        here = made(*tensors[: len(tensors) // 2])
        # A base without coupling: its beta is part of the program.
        there = made_base(*tensors[len(tensors) // 2 :])
        return anneal(
            here,
            there._replace(beta=base.beta),
            v,
            tf.zeros((chains,), "float64"),
            path,
            random.Stream(key),
            tf.constant(0, "int64"),
            num_steps,
        )

    v = gibbs.sample_without_inputs(base, chains, random.stream(7)).numpy()
    key = random.stream(0).key.numpy()
    path = betas(timed).astype("float32")
    rest = [*tensors, *base_tensors]
    function, entry, text, arrays = program(
        name,
        "ais",
        run,
        [v, key, path, np.int32(timed), *rest],
        recipes,
        [3, timed, compared],
        ["v", "log_weights"],
        chains=chains,
        **counts(machine, chains * timed),
    )
    _, arrays["log_weights"] = (
        x.numpy() for x in function(v, key, path, np.int32(compared), *rest)
    )
    entry["expected"] = {"log_weights": "log_weights"}
    if compared == timed:
        wide = machine_lib.cast(base, "float64")
        entry["log_z_base"] = float(machine_lib.log_partition_decoupled(wide))
        entry["log_z"] = float(likelihood.exact(machine, verbose=0).log_z)
    return entry, text, arrays


def updates(name, num_sweeps, batch, chains, visible, hidden, timed, compared):
    """Updates as `fit` compiles them."""
    chain = keras_rbm.PersistentChain(chains, num_sweeps)
    model = keras_rbm.RBM(visible, hidden, chain, seed=0)
    model.compile(
        keras.optimizers.SGD(
            keras.optimizers.schedules.PolynomialDecay(0.05, 10**6, 0.0),
            use_ema=True,
            ema_momentum=0.999,
        )
    )
    block = store.bernoulli(3, (timed, batch, visible), 0.2)
    recipes = [block, store.normal(4, (visible, hidden), visible**-0.5)]
    block, kernel = map(store.drawn, recipes)
    model.adapt(block[0])
    model.kernel.assign(kernel)
    function = compiled_loop.updates_function(model)
    # The average of the weights begins with the weights.
    for average in model.optimizer.variables:
        if average.shape == kernel.shape:
            average.assign(kernel)
    inputs = [block, np.int32(0), np.int32(timed)]
    arguments = tf.constant(block), tf.constant(0), tf.constant(compared)
    variables = variables_of(function.get_concrete_function(*arguments))
    # All that is read is assigned too, but for the number of sweeps.
    fixed = model.chain.num_sweeps
    moved = [i for i, x in enumerate(variables) if x is not fixed.value]
    paths = {
        id(x.value): x.path
        for x in (*model.variables, *model.optimizer.variables)
    }
    rows = chains * (2 * num_sweeps - 1) + 2 * (batch + chains)
    drawn = visible * num_sweeps + hidden * num_sweeps
    function, entry, text, arrays = program(
        name,
        "updates",
        function,
        inputs,
        recipes,
        [2, timed, compared],
        [paths[id(variables[i])] for i in moved],
        chains=chains,
        visible=visible,
        hidden=hidden,
        sources=[len(inputs) + i for i in moved],
        num_sweeps_input=len(inputs)
        + next(i for i, x in enumerate(variables) if x is fixed.value),
        num_sweeps=num_sweeps,
        updates=timed,
        chain_sweeps=chains * num_sweeps * timed,
        flops=2 * visible * hidden * rows * timed,
        words=chains * drawn * timed,
        bytes=16 * (visible + hidden) * chains * num_sweeps * timed,
    )
    before = [x.numpy() for x in variables]
    found = []
    # The second run draws other numbers: a chance difference to compare with.
    for number in (0, 10**6):
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        model.updates.assign(number)
        function(*arguments)
        found.append(
            {
                name: variables[i].numpy()
                for name, i in zip(entry["outputs"], moved, strict=True)
            }
        )
    kernel_name = model.kernel.path
    first, other = (store.part(x[kernel_name]) for x in found)
    change = np.linalg.norm(first - store.part(kernel))
    arrays["kernel"] = first
    particles = model.chain.particles.path
    entry["expected"] = {
        "kernel": [kernel_name, "kernel"],
        "particles": [
            particles,
            store.encoded(found[0][particles], "particles", arrays),
        ],
        "chance": float(np.linalg.norm(other - first) / change),
    }
    return entry, text, arrays


def programs(tiny=False, only=None):
    """Yields all programs: entry of the manifest, text, and arrays.

    Args:
        tiny: Whether machines are tiny, for tests.
        only: Names of programs, or `None` for all.
    """
    visible, hidden, chains = (20, 8, 10) if tiny else (784, 500, 100)
    jobs = [("halves", halves, (visible, hidden, chains))]
    columns, rows = (28, 10) if tiny else (1284, 2000)
    jobs.append(("draws", draws, (columns, rows, 3 if tiny else 100, 3)))
    for make, table in (
        (sweeps, TINY_SWEEPS if tiny else SWEEPS),
        (updates, TINY_UPDATES if tiny else UPDATES),
        (annealed, TINY_ANNEALED if tiny else ANNEALED),
    ):
        jobs += [(name, make, arguments) for name, *arguments in table]
    known = [name for name, _, _ in jobs]
    wrong = set(only or ()) - set(known)
    if wrong:
        raise ValueError(
            f"`only` must be among {', '.join(known)}. Received: only={only}"
        )
    for name, make, arguments in jobs:
        if only is None or name in only:
            begin = time.perf_counter()
            yield make(name, *arguments)
            seconds = time.perf_counter() - begin
            print(f"{name}: {seconds:.1f} s", file=sys.stderr, flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--tiny", action="store_true", help="tiny machines")
    options = parser.parse_args(arguments)
    size = store.write(options.folder, programs(options.tiny, options.only))
    mib = size / 2**20
    print(f"{mib:.1f} MiB in {options.folder}")
    if mib > LIMIT_MIB:
        sys.exit(f"The programs must fit into {LIMIT_MIB} MiB.")


if __name__ == "__main__":
    main()
