"""What several replicas compute, beside one.

They run `tests/distributed.py` in processes of their own, with so many logical
CPU devices or as one of two workers. Each process writes what it found.
"""

import contextlib
import itertools
import json
import os
import pathlib
import re
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, PersistentChain, random, replicas
from tests import distributed
from tests.machines import rounding

ROOT = pathlib.Path(__file__).parents[1]
# What the updates may make of rounding.
WEIGHTS, BITS = 1e-2, 0.01
# Of some hundred sums of numbers up to 10.
ERROR = rounding("float32", 10.0, 300)


def start(path, num_devices, *parts, **environment):
    """Starts a process that writes to `path`."""
    path.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.distributed", str(num_devices)]
    return subprocess.Popen(
        [*command, path, *parts],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process, path):
    """What the process has found, by part."""
    try:
        output, _ = process.communicate(timeout=500)
    finally:
        process.kill()
    assert process.returncode == 0, output[-5000:]
    found = {}
    for name, value in np.load(path).items():
        part, _, name = name.partition("/")
        found.setdefault(part, {})[name] = value
    return found


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """What one device finds, which needs no process of its own."""
    scope, path = contextlib.nullcontext, tmp_path_factory.mktemp("one")
    file = str(path / "model.keras")
    parts = (
        distributed.training(scope, file),
        distributed.updates(scope, path, everything=False),
    )
    return dict(itertools.chain(*parts)) | {"file": file}


@pytest.fixture(scope="module")
def all_of_one(one, tmp_path_factory):
    """`one`, and the updates that only slow tests compare."""
    path = tmp_path_factory.mktemp("updates")
    return one | dict(distributed.updates(contextlib.nullcontext, path))


@pytest.fixture(scope="module")
def two(tmp_path_factory, one):
    path = tmp_path_factory.mktemp("two") / "found.npz"
    parts = "training", "updates", "resuming", "refusals", "blocks"
    found = finish(start(path, 2, *parts, LOAD=one["file"]), path)
    return found | {"file": f"{path}.keras"}


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    with socket.socket() as first, socket.socket() as second:
        for opened in (first, second):
            opened.bind(("127.0.0.1", 0))
        ports = [opened.getsockname()[1] for opened in (first, second)]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    paths = [folder / str(index) / "found.npz" for index in range(2)]
    processes = []
    for index, path in enumerate(paths):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": cluster, "task": task})
        processes.append(
            start(path, 1, "training", "watched", TF_CONFIG=config)
        )
    found = [finish(*pair) for pair in zip(processes, paths, strict=True)]
    return found, [path.parent for path in paths]


def assert_alike(found, expected, parts, error):
    """Numbers differ by rounding, and few of the bits at all."""
    for part in parts:
        for name, value in expected[part].items():
            if name in ("particles", "samples"):
                assert np.mean(found[part][name] != value) < BITS
            else:
                np.testing.assert_allclose(
                    found[part][name], value, rtol=0, atol=error, err_msg=name
                )


@pytest.mark.slow
def test_many_updates_of_two_replicas(one, two):
    assert one["trained"]["updates"] == distributed.UPDATES
    assert_alike(two, one, ["trained"], WEIGHTS)


@pytest.mark.slow
def test_the_gradient_of_shares(all_of_one, two):
    """With clipping, sample weights, penalties and replicas of no example."""
    assert_alike(two, all_of_one, ["cd", "exact", "tempered", "auto"], ERROR)
    assert_alike(two, all_of_one, ["hybrid", "discriminative"], ERROR)


@pytest.mark.slow
def test_the_gradient_of_shares_with_missing_entries(all_of_one, two):
    """Rows have the same draws on any replica; one replica has no row."""
    assert_alike(two, all_of_one, ["holes"], ERROR)


@pytest.mark.slow
def test_one_sweep_is_the_same_to_the_bit(all_of_one, two):
    np.testing.assert_array_equal(
        two["integers"]["particles"], all_of_one["integers"]["particles"]
    )


@pytest.mark.slow
def test_what_is_asked_of_a_model(one, two):
    assert_alike(two, one, ["evaluated", "drawn"], WEIGHTS)


@pytest.mark.slow
def test_a_model_goes_on_with_more_or_fewer_replicas(one, two):
    assert_alike(two, {"loaded": one["gone_on"]}, ["loaded"], ERROR)
    back = distributed.go_on(keras.models.load_model(two["file"]))
    assert_alike({"back": back}, {"back": two["gone_on"]}, ["back"], ERROR)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("chains", "multiple of 2.*num_chains=25"),
        ("in_scope", "outside of `strategy.scope"),
        ("one_batch", "train_on_batch"),
        ("xla", "CPU devices.*jit_compile=True"),
        ("outside", "in the scope of the model's strategy"),
        ("scaled", "mixed_bfloat16.*LossScaleOptimizer"),
    ],
)
def test_refusals(two, case, words):
    assert re.search(words, str(two[case]["message"]))


def test_two_processes(one, workers):
    (first, second), folders = workers
    parts = ["trained", "evaluated", "drawn", "gone_on"]
    assert_alike(first, one, parts, WEIGHTS)
    assert_alike(second, first, parts, 0.0)
    assert_alike(first, one, ["tempered", "auto"], WEIGHTS)
    assert_alike(second, first, ["auto"], 0.0)  # Arrays are shuffled alike.
    # The chief alone writes.
    names = [{path.name for path in folder.iterdir()} for folder in folders]
    assert names[0] == {"found.npz", "found.npz.keras", "found.npz-logs"}
    assert names[1] == {"found.npz"}


@pytest.mark.slow
def test_four_replicas(all_of_one, tmp_path):
    path = tmp_path / "found.npz"
    four = finish(start(path, 4, "training", "updates"), path)
    assert_alike(four, all_of_one, ["trained", "evaluated", "drawn"], WEIGHTS)
    assert_alike(four, all_of_one, ["cd", "exact", "tempered", "holes"], ERROR)
    np.testing.assert_array_equal(
        four["integers"]["particles"], all_of_one["integers"]["particles"]
    )


def test_one_replica_is_left_alone():
    model = RBM(5, 4, chain=PersistentChain(3), seed=0)
    model.compile()
    assert model.jit_compile


def test_the_sums_of_one_replica():
    x = tf.zeros((4, 3), tf.float64)
    weight = np.array([0.0, 1.0, 2.0, 5.0], "float32")
    batch = replicas.batch(x, weight)
    assert batch.weight.dtype == "float64"
    np.testing.assert_array_equal(batch.parts(), weight / 4)
    np.testing.assert_array_equal(batch.shares(), weight / 8)
    assert (batch.examples, batch.total_weight, batch.mean_weight) == (4, 8, 2)
    stream = random.stream(1)
    assert batch.stream(stream).first_row == stream.first_row == 0
    np.testing.assert_array_equal(replicas.batch(x).shares(), np.full(4, 0.25))
    none = replicas.batch(x, 0 * weight)
    np.testing.assert_array_equal(none.shares(), np.zeros(4))
    assert replicas.total(3.0, 7.0) == 3.0
    assert replicas.with_value_of_all(x) is x


@pytest.mark.slow
def test_a_run_of_several_replicas_is_resumed_to_the_bit(two):
    assert two["resumed"].keys() == two["whole"].keys()
    assert len(two["whole"]["loss"]) == 2
    for name, value in two["whole"].items():
        # The sums of metrics are spread over the replicas in another way.
        error = 0 if name in ("weights", "particles") else ERROR
        np.testing.assert_allclose(two["resumed"][name], value, 0, error)
