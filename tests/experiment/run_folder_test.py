import errno
import functools
import importlib.metadata
import json
import os
import signal
import threading
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, AutoSGD, callbacks, devices
from keras_rbm.experiment import run_folder
from keras_rbm.experiment.run_folder import RunFolder


def test_a_begun_run_is_only_resumed(tmp_path):
    RunFolder(tmp_path, False).refuse_begun_run()
    (tmp_path / "checkpoints").mkdir()
    RunFolder(tmp_path, False).refuse_begun_run()
    (tmp_path / "checkpoints" / "update-0000000003.keras").touch()
    RunFolder(tmp_path, True).refuse_begun_run()
    with pytest.raises(ValueError, match="`output` must be a folder without"):
        RunFolder(tmp_path, False).refuse_begun_run()
    with pytest.raises(ValueError, match="`resume` must be True or False"):
        RunFolder(tmp_path, "yes")


def test_a_finished_run_is_refused(tmp_path):
    folder = RunFolder(tmp_path, True)
    folder.refuse_finished_run("model.keras")
    assert not folder.exists("model.keras")
    (tmp_path / "model.keras").touch()
    assert folder.exists("model.keras")
    with pytest.raises(ValueError, match="is finished: begin another one"):
        folder.refuse_finished_run("model.keras")
    folder.refuse_finished_run("classifier.keras")


def log(folder, *epochs):
    logger = folder.history_logger()
    logger.on_train_begin()
    for epoch in epochs:
        logger.on_epoch_end(epoch, {"val_loss": epoch / 2})
    logger.on_train_end()


def test_a_resumed_run_goes_on_with_its_history(tmp_path):
    """Epochs are counted from 1."""
    log(RunFolder(tmp_path, False), 0, 1)
    log(RunFolder(tmp_path, True), 2)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines == ["epoch,val_loss", "1,0.0", "2,0.5", "3,1.0"]
    log(RunFolder(tmp_path, False), 0)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines == ["epoch,val_loss", "1,0.0"]


def checkpoint(epoch, latest="update-0000000020.keras", step=0):
    """Writes a checkpoint after `epochs` epochs of 10 updates each."""
    done = callbacks.Position(epoch, step, 10 * epoch + step)
    rows = [{"val_loss": index / 2} for index in range(epoch)]
    return types.SimpleNamespace(
        resume=lambda model: done, latest=latest, rows=rows
    )


def test_what_came_after_the_checkpoint_is_removed(tmp_path):
    results = ("model.keras", "evaluation.json", "ratings.json")
    for name in results:
        (tmp_path / name).touch()
    log(RunFolder(tmp_path, False), 0, 1, 2)
    folder = RunFolder(tmp_path, True)
    done = folder.restore(checkpoint(2, step=5), None, epochs=3, updates=30)
    assert done == (2, 5, 25)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines == ["epoch,val_loss", "1,0.0", "2,0.5"]
    assert not any(map(folder.exists, results))


def test_a_new_run_begins_at_the_beginning(tmp_path):
    folder = RunFolder(tmp_path, False)
    done = folder.restore(checkpoint(2), None, epochs=3, updates=30)
    assert done == (0, 0, 0)
    # As does one that was killed before its first checkpoint.
    log(folder, 0)
    folder = RunFolder(tmp_path, True)
    done = folder.restore(checkpoint(0, latest=None), None, 3, 30)
    assert done == (0, 0, 0)
    assert "loss" not in (tmp_path / "history.csv").read_text()


@pytest.mark.parametrize(
    ("found", "epochs", "message"),
    [
        (checkpoint(0, latest=None), 3, "has no checkpoint left to prolong"),
        (checkpoint(2), 1, "`epochs` must not be less than .* done, 2.*s=1"),
        (checkpoint(2), 2, "is finished; give more --epochs"),
    ],
)
def test_a_run_that_cannot_go_on_stays_as_it_is(
    tmp_path, found, epochs, message
):
    (tmp_path / "model.keras").touch()
    log(RunFolder(tmp_path, False), 0, 1, 2)
    history = (tmp_path / "history.csv").read_text()
    with pytest.raises(ValueError, match=message):
        RunFolder(tmp_path, True).restore(found, None, epochs, 10 * epochs)
    assert (tmp_path / "history.csv").read_text() == history
    assert (tmp_path / "model.keras").exists()


def test_a_resumed_run_keeps_its_configuration(tmp_path):
    output = tmp_path / "a" / "b"
    RunFolder(output, True).write_config(None)
    assert list(output.iterdir()) == []
    for resume, text, kept in (
        (True, "one", "one"),  # No older file exists.
        (True, "two", "one"),
        (False, "three", "three"),
    ):
        RunFolder(output, resume).write_config(lambda text=text: text)
        (path,) = output.iterdir()
        assert path.name == "operative_config.gin"
        assert path.read_text() == kept


def test_settings_that_are_accepted_replace_the_configuration(tmp_path):
    whole = RunFolder(tmp_path, True)
    whole.write_config(lambda: "one")
    whole.replace_config(None)
    assert whole.describe_part(None) is None
    described = whole.describe_part(lambda: "two")
    (path,) = tmp_path.iterdir()
    assert path.read_text() == "one"  # No part has accepted its settings.
    assert described() == "two"
    assert path.read_text() == "two"
    whole.replace_config(lambda: "three")
    assert path.read_text() == "three"


def test_a_text_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path, False)
    folder.write_text("a.json", "old")

    def killed(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.write_text("a.json", "new")
    assert (tmp_path / "a.json").read_text() == "old"


class Writer:
    """Stands in for a model: `save` writes a text, and then may fail."""

    def __init__(self, text, error=None):
        self.text, self.error = text, error

    def save(self, path):
        path.write_text(self.text)
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left"), "No space left"),
        (RuntimeError("of HDF5"), "of HDF5"),
    ],
)
def test_a_model_is_written_whole_or_not_at_all(tmp_path, error, reason):
    folder = RunFolder(tmp_path, False)
    folder.save_model(Writer("old"), "model.keras")
    message = rf"cannot write .*model\.keras: {reason}\. .*make room"
    with pytest.raises(OSError, match=message):
        folder.save_model(Writer("ne", error), "model.keras")
    (path,) = tmp_path.iterdir()
    assert path.read_text() == "old"
    folder.save_model(Writer("new"), "model.keras")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_only_the_chief_writes(tmp_path, monkeypatch):
    """The processes share the folder, and would write over each other."""
    folder = RunFolder(tmp_path, False)
    monkeypatch.setattr(devices, "is_chief", lambda: False)
    folder.write_text("a.json", "text")
    folder.write_config(lambda: "text")
    folder.replace_config(lambda: "text")
    folder.save_model(Writer("weights"), "model.keras")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    folder.save_model(Writer("weights"), "model.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def model(rate=0.1, **options):
    made = RBM(4, 2, **{"seed": 0} | options)
    made.compile(keras.optimizers.SGD(rate))
    return made


def test_settings_are_what_decides_the_result():
    def found(made, epochs=3, **options):
        return run_folder.settings(made, 10, epochs, **options)

    plain = found(model(), sizes=(1, 2), of=len)
    assert plain["sizes"] == [1, 2]
    assert plain["of"] == "len"
    assert plain["steps_per_epoch"] == 10
    assert plain == json.loads(json.dumps(plain))
    pictured = model(name="other")
    pictured.image_shape = (2, 2)
    assert found(pictured, 7, sizes=(1, 2), of=len) == plain
    numbers = tuple(np.array([1, 2]))
    assert found(model(), sizes=numbers, of=len) == plain
    for other in (
        found(model(0.2), sizes=(1, 2), of=len),
        found(model(seed=1), sizes=(1, 2), of=len),
        found(model(centered=False), sizes=(1, 2), of=len),
        found(model(), sizes=(1, 3), of=len),
    ):
        assert other != plain


def test_epochs_count_where_the_sweeps_depend_on_them():
    found = functools.partial(run_folder.settings, model(), 10)
    assert found(3, {0: 1, 2: 5})["num_sweeps"] == {"0": 1, "2": 5}
    assert found(3, {0: 1, 2: 5}) == found(4, {0: 1, 2: 5})
    assert found(3, {0: 1, 0.5: 5}) != found(4, {0: 1, 0.5: 5})


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_epochs_count_where_the_rate_depends_on_them(dtype):
    """Keras wraps the optimizer of a model in half precision."""
    made = RBM(4, 2, seed=0, dtype=dtype)
    made.compile(AutoSGD())
    found = functools.partial(run_folder.settings, made, 10)
    assert found(3) != found(4)
    made.compile(keras.optimizers.SGD(0.1))
    assert found(3) == found(4)


def test_versions_are_those_that_are_installed():
    found = run_folder.versions()
    assert found.keys() == {"keras_rbm", "tensorflow", "keras", "numpy"}
    # TensorFlow has packages of several names.
    for name in ("keras", "numpy"):
        assert found[name] == importlib.metadata.version(name)


HANDLED = (signal.SIGTERM, signal.SIGINT)


def stand_in(asked):
    """Stands in for a `callbacks.Checkpoint`, and collects the reasons."""
    strategy = tf.distribute.get_strategy()
    model = types.SimpleNamespace(distribute_strategy=strategy)
    return types.SimpleNamespace(stop=asked.append, model=model)


@pytest.mark.parametrize("number", HANDLED)
def test_a_signal_asks_for_a_stop(number):
    asked = []
    before = [signal.getsignal(each) for each in HANDLED]

    def train(error=None):
        with run_folder.stop_on_signals(stand_in(asked)):
            assert signal.getsignal(number) not in before
            signal.raise_signal(number)
            assert asked == [number.name]
            # Whoever does not want to wait for it need not.
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            if error is not None:
                raise error

    # The training may end before it looks for a request.
    with pytest.raises(callbacks.Interrupted, match=number.name):
        train()
    assert [signal.getsignal(each) for each in HANDLED] == before
    assert asked == [number.name]
    asked.clear()
    with pytest.raises(ValueError, match="diverged"):
        train(ValueError("diverged"))


def test_one_process_of_several_does_not_stop_alone(monkeypatch):
    monkeypatch.setattr(devices, "num_workers", lambda strategy: 2)
    with run_folder.stop_on_signals(stand_in([])):
        signal.raise_signal(signal.SIGTERM)


def test_signals_are_left_alone_outside_the_main_thread():
    before, found = signal.getsignal(signal.SIGTERM), []

    def run():
        with run_folder.stop_on_signals(types.SimpleNamespace(stop=None)):
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]
