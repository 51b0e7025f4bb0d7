"""Sweeps whose runs are made up, and two that are real."""

import errno
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import flagsaver
from tensorboard.plugins.hparams import plugin_data_pb2

from keras_rbm_cli import folders, runs, sweep, sweep_table
from keras_rbm_cli.errors import UserError
from tests import processes
from tests.callbacks import events
from tests.cli import command
from tests.cli.sweep_table_test import evaluation

ROOT = pathlib.Path(__file__).parents[2]
BEGIN = ("--config", "digits", "--sweep", "RBM.hidden=[8,16,32]")


class MadeUp:
    """In place of a `runs.Runner`: a machine of 16 units fails, once."""

    stopped = None
    broken = True
    early = False  # Whether it fails before it has written anything but a log.
    calls = ()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, words, silent=False):
        type(self).calls += (words,)
        flags = dict(
            word.removeprefix("--").split("=", 1)
            for word in words
            if not word.startswith("--set")
        )
        output = pathlib.Path(flags.get("output") or flags["resume"])
        if flags.get("mode") == "evaluate":
            hidden = int(output.name.partition("=")[2])
            evaluation(output, -1.0 / hidden)
            return 0.5, None
        if "output" in flags:
            with flagsaver.flagsaver(output=str(output)):
                try:
                    folders.new(pathlib.Path(flags["config"]))
                except UserError as error:
                    return 1.0, str(error)
        fails = output.name.endswith("=16") and self.broken
        if not (fails and self.early):
            (output / "operative_config.gin").write_text("")
        if fails:
            return 2.0, "no memory"
        (output / "history.csv").write_text("epoch,loss\n1,0.5\n2,0.25\n")
        (output / "model.keras").write_text("")
        return 3.0, None


@pytest.fixture
def made_up(monkeypatch):
    """The class of the made-up runs of a test."""
    made_up = type("MadeUp", (MadeUp,), {})
    monkeypatch.setattr(runs, "ThisProcess", made_up)
    return made_up


def test_all_combinations_the_last_name_the_fastest():
    axes = sweep.axes(["RBM.hidden = [8, 16]", "seed=[0,1]"])
    assert axes == {"RBM.hidden": [8, 16], "seed": [0, 1]}
    points = sweep.points(axes)
    assert [tuple(point.values()) for point in points] == [
        *((8, 0), (8, 1), (16, 0), (16, 1))
    ]
    assert sweep.folder_names(points)[1] == "RBM.hidden=8,seed=1"
    assert sweep.bindings(points[1]) == ["RBM.hidden = 8", "seed = 1"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["RBM.hidden"], "wants a binding"),
        (["= [1]"], "wants a binding"),
        (["3 = [1]"], "wants a binding"),
        (["RBM.hidden = 3"], "wants a list"),
        (["RBM.hidden = (1, 2)"], "wants a list"),
        (["RBM.hidden = [@SGD]"], "wants a list"),
        (["RBM.hidden = [1, 1e999]"], "wants a list"),
        (["RBM.hidden = [" + "[" * 5000], "wants a list"),
        (["RBM.hidden = []"], "empty list"),
        (["RBM.hidden = [1, 2, 1]"], "a value twice"),
        (["a.b = [1]", "a.b = [2]"], "'a.b' twice"),
    ],
)
def test_what_is_no_list_is_refused(words, complaint):
    with pytest.raises(UserError, match=complaint):
        sweep.axes(words)


def test_folders_are_short_plain_and_different():
    values = ["a/b", "a b", "..", "x" * 500, "x" * 501, {1: [2]}]
    names = sweep.folder_names(sweep.points({"layer_1/data.name": values}))
    assert len(set(names)) == len(values)
    for name in names:
        assert "/" not in name
        assert len(name) < 130
    assert names[:2] == ["layer_1_data.name=a_b", "layer_1_data.name=a_b-2"]


def session(folder):
    """What the HParams tab gets to know of a run."""
    found = {}
    for path in events.files(folder):
        for event in events.tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found[value.tag] = plugin_data_pb2.HParamsPluginData.FromString(
                    value.metadata.plugin_data.content
                )
    return found


def test_the_runs_know_the_data(made_up, tmp_path, monkeypatch):
    made_up.broken = False
    (tmp_path / "mine.csv").write_text("a,b\n1,x\n2,y\n1,y\n")
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "sweep"
    done = command.call("--data", "mine.csv", *BEGIN[2:], "--output", output)
    assert done.code == 0, done.errors
    assert f"--data={tmp_path / 'mine.csv'}" in made_up.calls[0]


def test_a_run_that_fails_does_not_lose_the_others(made_up, tmp_path):
    output = tmp_path / "sweep"
    flags = ("--epochs", 3, "--strategy", "none")
    code, screen, _ = command.call(*BEGIN, *flags, "--output", output)
    assert code == 1
    assert "1 of 3 failed; --resume tries them again." in screen
    assert "RBM.hidden=16 failed: no memory" in screen
    lines = (output / "sweep.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:5]] == [
        *("| 32", "| 8", "| 16")
    ]
    assert lines[2] in screen
    trained = [words for words in made_up.calls if len(words) > 2]
    assert "--epochs=3" in trained[0]
    assert trained[2][-1] == "--set=RBM.hidden = 32"

    made_up.broken, made_up.calls = False, ()
    code, screen, _ = command.call("--resume", output)
    assert code == 0
    # The others were not touched.
    folder = output / "RBM.hidden=16"
    assert made_up.calls == (
        [f"--resume={folder}", "--strategy=none"],
        ["--mode=evaluate", f"--output={folder}"],
    )
    rows = (output / "sweep.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["32", "16", "8"]
    state = json.loads((output / "sweep.json").read_text())
    assert state["runs"]["RBM.hidden=16"] == {
        "status": "finished",
        "seconds": 5.0,
        "error": "",
    }


def test_a_sweep_over_ones_own_table(made_up, tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("0,1\n1,0\n")
    output = tmp_path / "sweep"
    command.call(
        *("--data", table, "--sweep", "RBM.hidden=[8]", "--output", output)
    )
    assert f"--data={table}" in made_up.calls[0]


def test_a_folder_of_data_has_an_absolute_path(made_up, tmp_path, monkeypatch):
    """A sweep may be resumed from another folder."""
    made_up.broken = False
    monkeypatch.chdir(tmp_path)
    mnist = ("--config", "mnist", "--sweep", "RBM.hidden=[8]")
    for given, kept in (
        ("mine", str(tmp_path / "mine")),
        ("gs://yours", "gs://yours"),
    ):
        output = tmp_path / f"sweep-of-{given[-4:]}"
        command.call(*mnist, "--data_dir", given, "--output", output)
        assert f"--data_dir={kept}" in made_up.calls[-2]


@pytest.fixture
def edited(made_up, tmp_path):
    """A function that changes a config that the config of the sweep includes.

    The sweep is in the folder `sweep`, and its last run has yet to begin.
    """
    config, included = tmp_path / "mine.gin", tmp_path / "included.gin"
    included.write_text('include "digits.gin"\n')
    config.write_text(f'include "{included}"\n')
    made_up.early = True
    done = command.call(
        *("--config", config, "--sweep", "RBM.hidden=[8,16]"),
        *("--output", tmp_path / "sweep"),
    )
    assert "1 of 2 failed" in done.screen
    made_up.broken, made_up.calls = False, ()

    def edit(text):
        included.write_text(f'include "digits.gin"\n{text}')

    return edit


def test_all_runs_have_the_same_config(edited, made_up, tmp_path):
    edited("RBM.seed = 3\n")
    line = command.refused("--resume", tmp_path / "sweep")
    assert "mine.gin, or a config that it includes, has changed" in line
    assert made_up.calls == ()
    edited("")
    assert command.call("--resume", tmp_path / "sweep").code == 0
    edited("RBM.seed = 3\n")  # Nothing is left to train.
    assert command.call("--resume", tmp_path / "sweep").code == 0


def test_a_config_that_changes_meanwhile_ends_the_sweep(
    edited, made_up, tmp_path, monkeypatch
):
    class Edited(made_up):
        def run(self, words, silent=False):
            edited("RBM.seed = 3\n")
            return super().run(words, silent)

    monkeypatch.setattr(runs, "ThisProcess", Edited)
    line = command.refused(
        *("--config", tmp_path / "mine.gin", "--sweep", "RBM.hidden=[8,32]"),
        *("--output", tmp_path / "other"),
    )
    assert "has changed since the sweep began" in line
    state = json.loads((tmp_path / "other" / "sweep.json").read_text())
    assert [run["status"] for run in state["runs"].values()] == [
        *("finished", "waiting")
    ]


def test_a_run_that_failed_early_is_begun_again(made_up, tmp_path):
    made_up.early = True
    code, _, _ = command.call(*BEGIN, "--output", tmp_path)
    assert code == 1
    folder = tmp_path / "RBM.hidden=16"
    assert {path.suffix for path in folder.iterdir()} == {".log"}
    first = made_up.calls[2]  # Others are trained, then evaluated.
    assert f"--output={folder}" in first

    made_up.calls = ()
    code, screen, _ = command.call("--resume", tmp_path)
    assert (code, made_up.calls) == (1, (first,))
    assert "failed: no memory" in screen

    made_up.broken = False
    code, _, _ = command.call("--resume", tmp_path)
    assert code == 0
    shown = tmp_path / "tensorboard" / "hidden=16"
    end = session(shown)["_hparams_/session_end_info"]
    assert end.session_end_info.status == 1  # STATUS_SUCCESS


def test_a_finished_run_without_results_is_made_again(made_up, tmp_path):
    """Its folder was removed, or its evaluation alone; the table, too."""
    made_up.broken = False
    command.call(*BEGIN, "--output", tmp_path)
    shutil.rmtree(tmp_path / "RBM.hidden=8")
    (tmp_path / "RBM.hidden=16" / "evaluation.json").unlink()
    made_up.calls = ()
    assert command.call("--resume", tmp_path).code == 0
    assert [words[0].partition("=")[0] for words in made_up.calls] == [
        *("--config", "--mode", "--mode")
    ]
    state = json.loads((tmp_path / "sweep.json").read_text())
    for entry in state["runs"].values():
        assert entry == {"status": "finished", "seconds": 3.0, "error": ""}
    (tmp_path / "sweep.md").unlink()
    made_up.calls = ()
    assert command.call("--resume", tmp_path).code == 0
    assert made_up.calls == ()
    assert (tmp_path / "sweep.md").is_file()


@pytest.mark.parametrize("name", ["_write", "write_run", "write_columns"])
def test_a_full_disk_is_a_user_error(made_up, tmp_path, monkeypatch, name):
    output = tmp_path / "my sweep"

    def full(*_):
        if name == "write_columns":  # TensorFlow's writers have their own.
            raise tf.errors.ResourceExhaustedError(None, None, "No space left")
        raise OSError(errno.ENOSPC, "No space left")

    if name == "_write":
        monkeypatch.setattr(os, "replace", full)
    else:
        monkeypatch.setattr(sweep_table, name, full)
    line = command.refused(*BEGIN, "--output", output)
    assert "No space left. Make room, and " in line
    if name == "_write":  # Nothing is there to go on with.
        assert line.endswith("begin again")
        assert not output.exists()
        return
    assert line.endswith(f"go on with --resume '{output}'")
    monkeypatch.undo()
    for kind in ("ThisProcess", "OwnProcess"):
        monkeypatch.setattr(runs, kind, made_up)
    made_up.broken = False
    assert command.call("--resume", output).code == 0
    shown = {path.name for path in (output / "tensorboard").iterdir()}
    assert {"hidden=8", "hidden=16", "hidden=32"} <= shown


def test_tensorboard_shows_columns_and_runs(made_up, tmp_path):
    command.call(*BEGIN, "--output", tmp_path)
    shown = tmp_path / "tensorboard"
    assert {path.name for path in shown.iterdir() if path.is_dir()} == {
        *("hidden=8", "hidden=16", "hidden=32")
    }
    experiment = session(shown)["_hparams_/experiment"].experiment
    (hidden,) = experiment.hparam_infos
    assert hidden.name == "RBM.hidden"
    values = [value.string_value for value in hidden.domain_discrete.values]
    assert sorted(values) == ["16", "32", "8"]  # Not 8.000.
    tags = {info.name.tag for info in experiment.metric_infos}
    assert {"sweep/log_likelihood_lower", "sweep/seconds"} <= tags
    run = shown / "hidden=32"
    start = session(run)["_hparams_/session_start_info"].session_start_info
    assert start.hparams["RBM.hidden"].string_value == "32"
    values = events.read(run)
    for tag in tags:
        assert 0 in values[tag], tag
    assert values["sweep/log_likelihood_lower"][0] == -1.0 / 32
    (loss,) = (tag for tag in values if tag.endswith("loss"))
    assert dict(values[loss]) == {1: 0.5, 2: 0.25}
    assert "custom_scalars__config__" not in values  # Bands of no values.
    end = session(shown / "hidden=16")["_hparams_/session_end_info"]
    assert end.session_end_info.status == 2  # STATUS_FAILURE


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--sweep", "RBM.hidden"), "wants a binding"),
        (("--sweep", "RBM.hiden=[3]"), "RBM has no argument 'hiden'"),
        (("--sweep", "sed=[3]"), "no macro 'sed'"),
        (("--sweep", "run.epoch=[3]"), "epoch"),
        (("--sweep", "RBN.hidden=[3]"), "RBN"),
        (("--sweep", "seed=[3]", "--seed", "1"), "--sweep seed and --seed"),
        (("--sweep", "seed=[3]", "--mode", "evaluate"), "--mode evaluate"),
        (("--sweep", "Adam.beta_1=[0.5]"), "Adam.beta_1 has no effect"),
        (
            ("--sweep", "seed=[3]", "--set", "Adam.beta_1=0.5"),
            "Adam.beta_1 has no effect",
        ),
        (("--sweep", "seed=[3]", "--resume", "."), "no sweep in ."),
        (
            ("--sweep", "seed=[3]", "--data_dir", "."),
            "--data_dir must be left out",
        ),
        (
            ("--sweep", "seed=[3]", "--config", "mnist_dbn"),
            "the stack of mnist_dbn.gin",
        ),
    ],
)
def test_user_errors_come_before_any_training(
    made_up, tmp_path, arguments, complaint
):
    output = () if "--resume" in arguments else ("--output", tmp_path / "run")
    assert complaint in command.refused(*arguments, *output)
    assert made_up.calls == ()


def test_a_sweep_is_resumed_as_it_was_begun(made_up, tmp_path):
    command.call(*BEGIN, "--output", tmp_path)
    line = command.refused("--resume", tmp_path, "--epochs", 3)
    assert "without --epochs" in line
    line = command.refused(*BEGIN, "--output", tmp_path)
    assert "holds a run already" in line
    (tmp_path / "sweep.json").write_text("{}")
    assert "cannot read" in command.refused("--resume", tmp_path)


@pytest.mark.parametrize(
    ("strategy", "text", "status", "kind"),
    [
        ("auto", "", "waiting", "ThisProcess"),
        ("none", "", "failed", "ThisProcess"),
        ("mirrored", "", "waiting", "OwnProcess"),
        ("auto", "import math\n", "waiting", "OwnProcess"),
        ("auto", "", "running", "OwnProcess"),
    ],
)
def test_runs_are_processes_where_their_settings_need_it(
    tmp_path, strategy, text, status, kind
):
    config = tmp_path / "mine.gin"
    config.write_text(text + 'include "digits.gin"\n')
    state = {
        "config": str(config),
        "flags": [f"--strategy={strategy}"],
        "sweep": ["RBM.hidden=[3]"],
        "runs": {"RBM.hidden=3": {"status": status}},
    }
    swept = sweep.Sweep(tmp_path, state)
    assert type(swept._runner()) is getattr(runs, kind)
    # The compiled programs of this many models would take all memory.
    swept.runs |= {str(n): {"status": "waiting"} for n in range(30)}
    assert type(swept._runner()) is runs.OwnProcess


@pytest.mark.slow
def test_a_sweep_that_is_terminated_goes_on(tmp_path):
    arguments = (
        *("--output", "sweep", "--config", "digits", "--epochs", "2"),
        *("--set", "run.steps_per_epoch = 2000"),
        *("--set", "run.log_likelihood_every = 0"),
        *("--sweep", "RBM.hidden = [7]"),
    )
    with processes.paused(*arguments, directory=tmp_path) as terminate:
        code, errors = terminate()
    assert code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM, and saved; go on with --resume sweep" in errors
    again = processes.call("--resume", "sweep", directory=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "resumed from" in again.stdout
    assert (tmp_path / "sweep" / "sweep.md").read_text() in again.stdout
    state = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert state["runs"]["RBM.hidden=7"]["status"] == "finished"


@pytest.mark.slow
def test_a_run_gives_the_same_alone_to_the_bit(tmp_path):
    shared = (
        *("--config", "digits", "--epochs", "2"),
        *("--set", "run.steps_per_epoch = 20"),
        *("--set", "run.log_likelihood_every = 0"),
        *("--set", 'evaluate.method = "exact"'),
    )
    # The second one fails, after the first one has left its traces.
    code, screen, _ = command.call(
        *(*shared, "--sweep", "RBM.hidden = [3, -1, 4]"),
        *("--output", tmp_path / "sweep"),
    )
    assert code == 1
    assert "RBM.hidden=-1 failed: `hidden` must be a positive" in screen
    subprocess.run(
        [
            *(sys.executable, str(ROOT / "train.py"), *shared),
            *("--set", "RBM.hidden = 4", "--output", str(tmp_path / "alone")),
        ],
        capture_output=True,
        timeout=600,
        check=True,
    )
    swept, alone = tmp_path / "sweep" / "RBM.hidden=4", tmp_path / "alone"
    for name in ("history.csv", "operative_config.gin"):
        assert (swept / name).read_text() == (alone / name).read_text()
    ours, theirs = (
        keras.models.load_model(folder / "model.keras")
        for folder in (swept, alone)
    )
    assert len(ours.variables) == len(theirs.variables)
    for x, y in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_array_equal(x, y)
