import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import callbacks, data
from tests import machines

X = machines.data(60)


@functools.cache
def restart():
    chain = keras_rbm.PersistentChain(6)
    model = keras_rbm.RBM(5, 4, chain, seed=0, inverse_temperature=0.5)
    model.compile(
        keras.optimizers.SGD(0.1), steps_per_execution=1, jit_compile=False
    )
    return machines.restarting(model)


def first():
    """The model of most tests, without updates."""
    return restart()()


def another():
    model = keras_rbm.RBM(5, 4, keras_rbm.PersistentChain(6), seed=0)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def numbers(machine):
    """The parameters of a machine as a list of arrays."""
    return [np.asarray(x) for x in tf.nest.flatten(machine[2:5])]


def assert_same(snapshots, others):
    assert snapshots.updates == others.updates
    for ours, theirs in zip(snapshots.machines, others.machines, strict=True):
        assert (ours.visible, ours.hidden) == (theirs.visible, theirs.hidden)
        for x, y in zip(numbers(ours), numbers(theirs), strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


def after(updates, **kwargs):
    """The callback after calls that end at these numbers of updates."""
    model = another()
    snapshots = callbacks.Snapshots(**kwargs)
    snapshots.set_model(model)
    for number in updates:
        model.updates.assign(number)
        if number == 0:
            snapshots.on_train_begin()
        else:
            snapshots.on_train_batch_end(0)
    return snapshots


def test_updates_are_log_spaced():
    found = after(range(0, 100), growth=2.0).updates
    assert found == [0, 1, 2, 4, 8, 16, 32, 64]
    # Calls of 50 updates each.
    found = after(range(0, 1000, 50), growth=1.5).updates
    assert found == [0, 50, 100, 150, 250, 400, 600, 900]


def test_there_are_never_more_than_the_most():
    snapshots = after(range(0, 3000, 5), max_snapshots=12, growth=1.1)
    found = np.array(snapshots.updates)
    assert 6 <= len(found) <= 12
    assert found[:2].tolist() == [0, 5]
    # The growth is squared three times.
    ratios = found[2:] / found[1:-1]
    assert (ratios >= 1.1**8 - 1e-9).all()
    assert (ratios[2:] < 1.2 * 1.1**8).all()
    assert len(snapshots.machines) == len(found)


class Weights(keras.callbacks.Callback):
    """The parameters before the first update and after each."""

    def on_train_begin(self, logs=None):
        self.found = [numbers(self.model.machine())]

    def on_train_batch_end(self, batch, logs=None):
        self.found.append(numbers(self.model.machine()))


def fit(model, *extra, stop=None, **kwargs):
    model.fit(
        data.batches(X, 10, first_step=int(model.updates)),
        steps_per_epoch=6,
        callbacks=list(extra),
        verbose=0,
        **{"epochs": 4, **kwargs},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of 24 updates with files, and its weights."""
    path = tmp_path_factory.mktemp("snapshots")
    snapshots = callbacks.Snapshots(path, max_snapshots=5, growth=1.3)
    weights = Weights()
    fit(first(), weights, snapshots)
    return snapshots, weights.found


def test_snapshots_are_the_machines_of_the_run(whole):
    snapshots, weights = whole
    assert 3 <= len(snapshots.updates) <= 5
    for updates, machine in zip(
        snapshots.updates, snapshots.machines, strict=True
    ):
        assert machine.beta == 1.0
        for x, y in zip(numbers(machine), weights[updates], strict=True):
            np.testing.assert_array_equal(x, y)


def test_files_are_read_back(whole):
    snapshots, _ = whole
    files = sorted(snapshots.path.iterdir())
    assert [int(f.stem[-10:]) for f in files] == snapshots.updates
    again = callbacks.read_snapshots(snapshots.path)
    for ours, theirs in zip(again, snapshots.machines, strict=True):
        assert (ours.visible, ours.hidden) == (theirs.visible, theirs.hidden)
        for x, y in zip(numbers(ours), numbers(theirs), strict=True):
            np.testing.assert_array_equal(x, y)


class Stop(keras.callbacks.Callback):
    def __init__(self, checkpoint, updates):
        super().__init__()
        self.checkpoint, self.updates = checkpoint, updates

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.updates) == self.updates:
            self.checkpoint.stop("a test")


@pytest.mark.parametrize(
    ("stop", "on_disk"),
    [
        (8, True),
        pytest.param(20, False, marks=pytest.mark.slow),
        pytest.param(8, False, marks=pytest.mark.slow),
        pytest.param(20, True, marks=pytest.mark.slow),
    ],
)
def test_a_resumed_run_keeps_its_snapshots(whole, tmp_path, on_disk, stop):
    path = tmp_path / "snapshots" if on_disk else None

    def run(stop):
        model = first()
        snapshots = callbacks.Snapshots(path, max_snapshots=5, growth=1.3)
        checkpoint = callbacks.Checkpoint(
            tmp_path / "checkpoints", callbacks=[snapshots]
        )
        done = checkpoint.resume(model)
        fit(
            model,
            snapshots,
            Stop(checkpoint, stop),
            checkpoint,
            initial_epoch=done.epoch,
            initial_step=done.step,
        )
        return snapshots

    with pytest.raises(callbacks.Interrupted):
        run(stop)
    if on_disk:  # Of after the checkpoint, and of another run.
        (path / "snapshot-0000000099.npz").write_bytes(b"")
    snapshots = run(None)
    assert_same(snapshots, whole[0])
    if on_disk:
        files = sorted(path.iterdir())
        assert [int(f.stem[-10:]) for f in files] == snapshots.updates


def test_a_second_fit_goes_on_and_another_model_begins_anew():
    model, snapshots = first(), callbacks.Snapshots(growth=2.0)
    fit(model, snapshots, epochs=1)
    assert snapshots.updates == [0, 1, 2, 4]
    fit(model, snapshots, epochs=1)
    assert snapshots.updates == [0, 1, 2, 4, 8]
    fit(another(), snapshots, epochs=1)
    assert snapshots.updates == [0, 1, 2, 4]


def test_another_model_with_updates_begins_anew():
    model, other = another(), another()
    snapshots = callbacks.Snapshots(growth=2.0)
    for each, updates in ((model, 0), (other, 3), (model, 8), (model, 8)):
        each.updates.assign(updates)
        snapshots.set_model(each)
        snapshots.on_train_begin()
        each.updates.assign(updates + 10)
        snapshots.on_train_batch_end(0)
        if each is other:
            assert snapshots.updates == [3, 13]
            machine = other.machine()
            for x, y in zip(
                numbers(snapshots.machines[0]), numbers(machine), strict=True
            ):
                np.testing.assert_array_equal(x, y)
    # The last call has gone back from 18 updates to 8.
    assert snapshots.updates == [8, 18]


def test_a_further_fit_at_the_last_snapshot_goes_on():
    model, snapshots = another(), callbacks.Snapshots(growth=2.0)
    snapshots.set_model(model)
    for updates in (0, 4, 8):
        model.updates.assign(updates)
        snapshots.on_train_begin()
    assert snapshots.updates == [0, 4, 8]
    snapshots.on_train_begin()
    assert snapshots.updates == [0, 4, 8]


def test_a_missing_file_is_named(tmp_path):
    snapshots = after([0, 1, 2], path=tmp_path)
    state = json.loads(json.dumps(snapshots.get_state()))
    (tmp_path / "snapshot-0000000001.npz").unlink()
    with pytest.raises(ValueError, match=r"snapshot-0000000001\.npz cannot be"):
        snapshots.set_state(state)
    with pytest.raises(ValueError, match="`path` must be a folder"):
        callbacks.read_snapshots(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "argument",
    [{"max_snapshots": 2}, {"max_snapshots": 3.5}, {"growth": 1.0}],
)
def test_bad_arguments(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"`{name}` must be .* {name}="):
        callbacks.Snapshots(**argument)
