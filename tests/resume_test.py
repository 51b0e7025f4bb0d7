"""Runs that are killed, as processes, and end as if they had not been."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import checkpoints
from tests import resume_driver
from tests.callbacks import events

DRIVER = pathlib.Path(__file__).with_name("resume_driver.py")
ENVIRONMENT = {}
STAGES = ("save", "complete", "fsync", "replace", "sync", "unlink")


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory):
    """Has each process compute as this one does.

    Each reads the programs that another one has compiled.
    """
    options = tf.config.optimizer.get_experimental_options()
    folder = tmp_path_factory.mktemp("programs")
    flags = (
        f"--tf_xla_persistent_cache_directory={folder}"
        " --tf_xla_persistent_cache_read_only=false"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENVIRONMENT, "TF_XLA_FLAGS", flags)
        patch.setitem(ENVIRONMENT, "OPTIMIZER_OPTIONS", json.dumps(options))
        yield


def start(output, *arguments):
    return subprocess.Popen(
        [sys.executable, str(DRIVER), str(output), *map(str, arguments)],
        env=os.environ | ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(output, *arguments):
    """Runs to the end; returns the exit status."""
    process = start(output, *arguments)
    _, errors = process.communicate(timeout=300)
    assert "Traceback" not in errors, errors
    return process.returncode


def newest(output):
    found = sorted((output / "checkpoints").glob("update-*.keras"))
    return found[-1].name if found else None


def kill_in_training(output, generator):
    """Kills a run at a random moment; returns whether it was in time."""
    process, before = start(output), newest(output)
    while process.poll() is None and newest(output) == before:
        time.sleep(0.01)
    time.sleep(generator.uniform(0.0, 0.05))
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that was never killed."""
    output = tmp_path_factory.mktemp("whole")
    assert finish(output) == 0
    return output


def assert_same(output, whole):
    """Compares all that two runs leave, to the bit, but for times."""
    model, other = (
        keras.models.load_model(folder / "model.keras")
        for folder in (output, whole)
    )
    assert int(model.updates) == 300
    for ours, theirs in zip(
        model.variables + model.optimizer.variables,
        other.variables + other.optimizer.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    history = (output / "history.csv").read_text()
    assert history == (whole / "history.csv").read_text()
    assert len(history.splitlines()) == 5
    for run in ("train", "validation"):
        ours, theirs = (
            events.read(folder / "tensorboard" / run)
            for folder in (output, whole)
        )
        assert ours.keys() == theirs.keys()
        for tag, steps in theirs.items():
            assert list(ours[tag]) == list(steps), tag
            for step, value in steps.items():
                if not tag.startswith("5 Throughput/"):
                    np.testing.assert_array_equal(ours[tag][step], value, tag)
    assert {path.name for path in output.iterdir()} == {
        path.name for path in whole.iterdir()
    }
    for name in (
        *("samples.png", "filters.png", "reconstructions.png"),
        *("updates.csv", "curves.png", "filters_by_epoch.png"),
        "tensorboard/train/projector_config.pbtxt",
        *(
            f"tensorboard/train/projector/{name}"
            for name in ("points.tsv", "labels.tsv", "images.png")
        ),
    ):
        picture = (output / name).read_bytes()
        assert picture == (whole / name).read_bytes()


def kill_and_resume(output, kills, seed):
    generator = random.Random(seed)
    done = 0
    for _ in range(3 * kills):
        if done == kills or (output / "model.keras").exists():
            break
        done += kill_in_training(output, generator)
    if not (output / "model.keras").exists():  # A quick machine may be done.
        assert finish(output) == 0
    return done


def test_a_run_that_is_killed_and_damaged_ends_as_if_it_had_not_been(
    whole, tmp_path, caplog
):
    """Killed while it writes a checkpoint, and the one before is damaged.

    The process of this test goes on within the third of four epochs, after the
    number of sweeps has changed, and after the first pictures.
    """
    assert finish(tmp_path, "replace", 7) == -signal.SIGKILL
    assert list(tmp_path.glob("checkpoints/writing-*.keras"))
    *_, good, path = sorted(tmp_path.glob("checkpoints/update-*.keras"))
    assert good.name == "update-0000000200.keras"
    path.write_bytes(path.read_bytes()[:-1])
    resume_driver.run(tmp_path)
    assert f"the checkpoint {path} is damaged" in caplog.text
    assert_same(tmp_path, whole)


@pytest.mark.slow
@pytest.mark.parametrize("repetition", range(4))
def test_runs_that_are_killed_again_and_again(whole, tmp_path, repetition):
    assert kill_and_resume(tmp_path, kills=6, seed=repetition) >= 1
    assert_same(tmp_path, whole)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("count", [1, 5])
def test_a_kill_while_a_checkpoint_is_written(whole, tmp_path, stage, count):
    assert finish(tmp_path, stage, count) == -signal.SIGKILL
    assert finish(tmp_path) == 0
    assert_same(tmp_path, whole)


@pytest.mark.slow
def test_a_kill_before_the_final_model_is_written(whole, tmp_path):
    assert finish(tmp_path, "final", 1) == -signal.SIGKILL
    assert (tmp_path / "samples.png").exists()
    assert finish(tmp_path) == 0
    assert_same(tmp_path, whole)


def test_the_folder_holds_the_last_three_checkpoints(whole):
    names = [path.name for path in sorted((whole / "checkpoints").iterdir())]
    assert names == [
        f"update-{updates:010d}.keras" for updates in (225, 275, 300)
    ]
    state = checkpoints.newest(whole / "checkpoints").state
    assert state["position"] == [4, 0, 300]
