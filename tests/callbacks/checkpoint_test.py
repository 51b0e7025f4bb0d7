import functools
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import callbacks, checkpoints, data
from tests import machines

EXAMPLES = (np.random.default_rng(0).random((60, 12)) < 0.3).astype("float32")
STEPS, EPOCHS = 20, 4


class Stateful(keras.callbacks.Callback):
    """Counts the epochs, over all processes of a run."""

    count = 0

    def on_train_begin(self, logs=None):
        self.count = 0

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        logs["count"] = np.float32(self.count)

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


class StopAt(keras.callbacks.Callback):
    """Asks for an end after so many updates."""

    def __init__(self, checkpoint, updates):
        super().__init__()
        self.checkpoint, self.updates = checkpoint, updates

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.updates) == self.updates:
            self.checkpoint.stop("a test")


@functools.cache
def restart():
    model = keras_rbm.RBM(
        12, 6, chain=keras_rbm.PersistentChain(8), name="rbm", seed=0
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.5), steps_per_execution=5
    )
    return machines.restarting(model)


def machine():
    """The model of most tests, without updates.

    `resume_test.py` goes on in another process.
    """
    return restart()()


def fit(model, directory, stop=None, epochs=EPOCHS, **kwargs):
    counter = Stateful()
    checkpoint = callbacks.Checkpoint(directory, callbacks=[counter], **kwargs)
    done = checkpoint.resume(model)
    batches = data.batches(EXAMPLES, 6, first_step=done.updates)
    model.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=STEPS,
        initial_epoch=done.epoch,
        initial_step=done.step,
        callbacks=[counter, StopAt(checkpoint, stop), checkpoint],
        verbose=0,
    )
    return checkpoint


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The values and the history of a run without an interruption."""
    model = machine()
    checkpoint = fit(model, tmp_path_factory.mktemp("whole"), minutes=None)
    return machines.states_of(model), checkpoint


@pytest.mark.parametrize("updates", [45, 60])
def test_a_run_goes_on_within_an_epoch_and_between(whole, tmp_path, updates):
    with pytest.raises(callbacks.Interrupted, match="a test"):
        fit(machine(), tmp_path, stop=updates)
    (path,) = tmp_path.iterdir()
    assert path.name == f"update-{updates:010d}.keras"
    position = checkpoints.newest(tmp_path).state["position"]
    assert position == [updates // STEPS, updates % STEPS, updates]
    model = machine()
    checkpoint = fit(model, tmp_path)
    for ours, theirs in zip(machines.states_of(model), whole[0], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    history, expected = checkpoint.history(), whole[1].history()
    assert history.history == expected.history
    assert history.history["count"] == [1, 2, 3, 4]
    assert history.epoch == [0, 1, 2, 3]


def test_a_stop_that_comes_before_an_epoch_goes_on_loses_nothing(tmp_path):
    with pytest.raises(callbacks.Interrupted):
        fit(machine(), tmp_path, stop=45)
    model = machine()
    checkpoint = callbacks.Checkpoint(tmp_path, callbacks=[Stateful()])
    done = checkpoint.resume(model)
    checkpoint.stop("too early")
    with pytest.raises(callbacks.Interrupted):
        model.fit(
            data.batches(EXAMPLES, 6, first_step=done.updates),
            epochs=EPOCHS,
            steps_per_epoch=STEPS,
            initial_epoch=done.epoch,
            initial_step=done.step,
            callbacks=[checkpoint],
            verbose=0,
        )
    position = checkpoints.newest(tmp_path).state["position"]
    assert position == [2, 10, 50]


def test_a_folder_of_another_run_is_left_alone(whole):
    directory = whole[1].directory
    before = sorted(directory.iterdir())
    with pytest.raises(ValueError, match="`directory` must hold no checkpoi"):
        machine().fit(
            data.batches(EXAMPLES, 6),
            steps_per_epoch=STEPS,
            callbacks=[callbacks.Checkpoint(directory)],
            epochs=1,
            verbose=0,
        )
    assert sorted(directory.iterdir()) == before


def test_another_model_is_another_run(tmp_path):
    checkpoint = fit(machine(), tmp_path, minutes=None, epochs=1)
    before = sorted(tmp_path.iterdir())
    checkpoint.set_model(keras_rbm.RBM(12, 6, seed=1))
    with pytest.raises(ValueError, match="`directory` must hold no checkpoi"):
        checkpoint.on_train_begin()
    assert sorted(tmp_path.iterdir()) == before
    assert checkpoint.history().epoch == [0]
    # In an empty folder it begins anew.
    shutil.rmtree(tmp_path)
    checkpoint.on_train_begin()
    assert checkpoint.history().epoch == []
    assert checkpoint.describe_latest() is None


def test_a_run_that_a_callback_has_ended_is_finished(tmp_path):
    model = machine()
    stopping = keras.callbacks.EarlyStopping(
        "reconstruction_error", mode="max", min_delta=1e9, patience=1
    )
    checkpoint = callbacks.Checkpoint(tmp_path)
    model.fit(
        data.batches(EXAMPLES, 6),
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        callbacks=[stopping, checkpoint],
        verbose=0,
    )
    assert len(checkpoint.rows) == 2
    with pytest.raises(ValueError, match="ended by a callback"):
        callbacks.Checkpoint(tmp_path).resume(machine())


def test_they_come_every_so_many_updates(tmp_path):
    model = machine()
    checkpoint = fit(model, tmp_path, updates=15, keep=9, minutes=None)
    # At ends of compiled calls and epochs; the last epoch's in any case.
    assert [int(path.stem[-4:]) for path in sorted(tmp_path.iterdir())] == [
        *(15, 30, 45, 60, 75, 80)
    ]
    assert checkpoint.latest.stem[-4:] == "0080"


def test_they_come_every_so_many_minutes(tmp_path, monkeypatch):
    clock = iter(range(0, 100_000, 25))  # Each look is 25 seconds later.
    monkeypatch.setattr(
        "keras_rbm.callbacks.checkpoint.time.monotonic", lambda: next(clock)
    )
    fit(machine(), tmp_path, minutes=1.0, keep=99, epochs=1)
    assert [int(path.stem[-4:]) for path in sorted(tmp_path.iterdir())] == [
        *(15, 20)
    ]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # By Keras.
def test_an_epoch_of_unknown_length_is_saved_only_at_its_end(tmp_path):
    unknown = tf.data.Dataset.from_tensor_slices(EXAMPLES[:18])
    unknown = unknown.filter(lambda v: True).batch(6)
    assert unknown.cardinality() == tf.data.UNKNOWN_CARDINALITY

    def run(directory, stop=None):
        model = keras_rbm.RBM(12, 6, chain=keras_rbm.PersistentChain(8), seed=0)
        model.compile(keras.optimizers.SGD(0.1, momentum=0.5), run_eagerly=True)
        checkpoint = callbacks.Checkpoint(directory, updates=2, keep=10)
        done = checkpoint.resume(model)
        model.fit(
            unknown,
            epochs=3,
            initial_epoch=done.epoch,
            callbacks=[StopAt(checkpoint, stop), checkpoint],
            verbose=0,
        )
        return machines.states_of(model), checkpoint.history().history

    expected, history = run(tmp_path / "whole")
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == [f"update-{3 * n:010d}.keras" for n in (1, 2, 3)]
    with pytest.raises(callbacks.Interrupted):
        run(tmp_path / "parts", stop=4)
    found = checkpoints.newest(tmp_path / "parts").state["position"]
    assert found == [2, 0, 6]
    values, again = run(tmp_path / "parts")
    assert again == history
    for ours, theirs in zip(values, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_settings_are_named_and_refused(whole, tmp_path):
    checkpoint = callbacks.Checkpoint(
        tmp_path, {"batch_size": 6, "model": {"seed": 0}, "gone": [1, 2]}
    )
    checkpoint.set_model(machine())
    checkpoint.set_params({"epochs": 1, "steps": STEPS})
    checkpoint.on_train_begin()
    checkpoint.on_epoch_end(0, {})
    other = callbacks.Checkpoint(
        tmp_path, {"batch_size": 7, "model": {"seed": 0}, "gone": [1]}
    )
    with pytest.raises(
        ValueError,
        match=r"other settings: batch_size was 6 and is 7; "
        r"gone\.1 was 2 and is not set",
    ):
        other.resume(machine())


def test_older_ones_without_a_number_of_epochs_are_resumed(whole):
    """The number has become a setting of some runs."""
    directory = checkpoints.newest(whole[1].directory).path.parent
    states = {"callbacks": [Stateful()]}
    checkpoint = callbacks.Checkpoint(directory, {"epochs": 9}, **states)
    assert checkpoint.resume(machine()).updates == EPOCHS * STEPS
    checkpoint = callbacks.Checkpoint(directory, {"seed": 9}, **states)
    with pytest.raises(ValueError, match="seed was not set and is 9"):
        checkpoint.resume(machine())


def test_other_versions_are_told(whole, tmp_path, caplog):
    directory = checkpoints.newest(whole[1].directory).path.parent
    checkpoint = callbacks.Checkpoint(
        directory, callbacks=[Stateful()], about={"keras": "9.9"}
    )
    checkpoint.resume(machine())
    assert "keras was not set and is '9.9'" in caplog.text


def test_older_ones_tell_no_seeds(whole, monkeypatch):
    found = checkpoints.newest(whole[1].directory)
    assert found.state.pop("seeds") == []
    monkeypatch.setattr(checkpoints, "newest", lambda _: found)
    model = machine()
    done = callbacks.Checkpoint("anywhere").resume(model)
    assert done.updates == EPOCHS * STEPS
    for ours, theirs in zip(machines.states_of(model), whole[0], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_model_that_is_not_finite_is_not_saved(tmp_path):
    model = machine()
    model.kernel.assign(np.full((12, 6), np.nan))
    checkpoint = callbacks.Checkpoint(tmp_path)
    checkpoint.set_model(model)
    checkpoint.set_params({"epochs": 1, "steps": STEPS})
    checkpoint.on_train_begin()
    checkpoint.on_epoch_end(0, {"loss": np.nan})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"minutes": -1}, "`minutes` must be positive"),
        ({"minutes": 0}, "`minutes` must be positive"),
        ({"updates": 0}, "`updates` must be a positive integer"),
        ({"updates": 0.5}, "`updates` must be a positive integer"),
        ({"keep": 0}, "`keep` must be a positive integer"),
    ],
)
def test_bad_arguments(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        callbacks.Checkpoint(tmp_path, **change)


@pytest.mark.parametrize("step", [3, STEPS, -5, 2.5])
def test_a_step_that_cannot_be_begun_with(step):
    with pytest.raises(ValueError, match="`initial_step` must be a"):
        machine().fit(
            data.batches(EXAMPLES, 6),
            steps_per_epoch=STEPS,
            initial_step=step,
        )
