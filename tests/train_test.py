"""train.py as a user meets it: as a process of its own.

`tests/cli` calls the command within the process of the tests.
"""

import json
import os
import subprocess
import sys

import keras
import pytest

from keras_rbm import data
from tests import processes
from tests.cli import command
from tests.processes import ROOT, call


def test_flags_are_read_before_tensorflow_is_imported():
    code = (
        "import sys, train, keras_rbm_cli.main\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    help_text = call("--help").stdout
    for flag in (
        "mode",
        "config",
        "data",
        "set",
        "data_dir",
        "output",
        "seed",
        "epochs",
        "resume",
    ):
        assert f"--{flag}:" in help_text.replace("--[no]", "--")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--epochs", "many"), "epochs"),
        (("--config", "no_such"), "no config 'no_such'"),
        (("--sweep", "RBM.hidden"), "wants a binding"),
        (("--resume", "nowhere"), "no run in nowhere"),
        (("--mode", "evaluate"), "needs --output"),
    ],
)
def test_errors_in_flags_are_reported_before_tensorflow_is_imported(
    tmp_path, arguments, complaint
):
    code = (
        "import atexit, sys\n"
        "heavy = {'tensorflow', 'keras', 'numpy'}\n"
        "atexit.register(lambda: print(heavy & set(sys.modules)))\n"
        "from keras_rbm_cli.main import console\n"
        "console()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "set()\n")
    assert complaint in done.stderr


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run from another directory that a signal ends.

    Returns:
        The directory, the folder of the run, its only checkpoint, what is said
        to a second process that would go on with it, and the exit status and
        the errors of its own.
    """
    command.register()
    directory = tmp_path_factory.mktemp("elsewhere")
    arguments = (
        *("--config", "digits", "--seed", "3"),
        *("--set", "RBM.hidden = 7", "--set", "run.epochs = 100000"),
        *("--set", "run.steps_per_epoch = 100"),
        *("--set", "evaluate.max_examples = 50"),
        # Too small to learn anything.
        *("--set", "run.learning_rate = 1e-6"),
        *("--set", "run.checkpoint_minutes = None"),
        *("--set", "run.log_likelihood_every = 100000"),
        *("--set", "run.pictures_every = 100000"),
    )
    with processes.paused(*arguments, directory=directory) as terminate:
        (run,) = (directory / "runs" / "digits").iterdir()
        second = command.refused("--resume", run)
        ended = terminate()
    (checkpoint,) = (run / "checkpoints").iterdir()
    return directory, run, checkpoint, second, ended


@pytest.fixture(scope="module")
def finished(stopped):
    """The run, the number of its epochs, and the process that ended it."""
    directory, run, checkpoint, *_ = stopped
    epochs = int(checkpoint.stem[-10:]) // 100 + 2
    done = call(
        *("--resume", str(run.relative_to(directory))),
        *("--epochs", str(epochs)),
        directory=directory,
    )
    return run, epochs, done


def test_a_terminated_run_is_saved(stopped):
    directory, run, _, second, (code, errors) = stopped
    assert "another process is training in" in second
    assert code == 143
    assert errors == (
        "\ntrain.py: stopped by SIGTERM, and saved; go on with --resume "
        f"{run.relative_to(directory)}\n"
    )


def test_a_run_from_another_directory_is_resumed(stopped, finished):
    directory, _, checkpoint, *_ = stopped
    run, epochs, done = finished
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"resumed from {checkpoint.relative_to(directory)}" in done.stdout
    last = done.stdout.splitlines()[-1]
    where = run.relative_to(directory)
    assert last.startswith(f"The run is in {where}; look at it with `")
    assert last.endswith(f" --samples_per_plugin images=100 --logdir {where}`.")
    config = (run / "operative_config.gin").read_text()
    assert "RBM.hidden = 7" in config
    assert "seed = 3" in config
    log = (run / "train.log").read_text()
    assert f"epoch {epochs}/{epochs}" in log
    warning = f"After {100 * epochs} updates the model does not predict"
    assert f"WARNING {warning}" in log
    assert (run / "samples.png").stat().st_size > 0
    rows = (run / "history.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [
        str(epoch) for epoch in range(1, epochs + 1)
    ]
    line = command.refused("--resume", run)
    assert "is finished; give more --epochs" in line


def test_a_run_is_evaluated_as_it_was_trained(finished, tmp_path):
    trained, *_ = finished
    run = tmp_path / "run"
    run.mkdir()
    for name in ("model.keras", "operative_config.gin"):
        (run / name).write_bytes((trained / name).read_bytes())
    done = command.call("--mode", "evaluate", "--output", run)
    assert (done.code, done.errors) == (0, "")
    assert set(os.listdir(run)) == {
        "evaluate.log",
        "evaluation.json",
        "model.keras",
        "operative_config.gin",
    }
    figures = json.loads((run / "evaluation.json").read_text())
    assert figures["config"] == str(run / "operative_config.gin")
    assert figures["keras_rbm"]
    assert (figures["binarize"], figures["seed"]) == ("stochastic", 0)
    assert figures["max_examples"] == 50
    model = keras.models.load_model(run / "model.keras", compile=False)
    for split in ("train", "validation", "test"):
        v = data.binarized(getattr(data.digits(), split), "stochastic", 0)
        exact = model.log_likelihood(v, method="exact")
        row = figures["splits"][split]
        assert row["examples"] == len(v)
        assert row["log_likelihood"]["lower"] == exact.lower
        (line,) = (
            line
            for line in done.screen.splitlines()
            if line.startswith(f"{split} ")
        )
        assert line.split()[1:3] == [str(len(v)), f"{exact.lower:.3f}"]
    assert str(exact.log_partition) in done.screen
    assert "binarized by one random draw (seed 0)" in done.screen


@pytest.mark.slow
def test_a_process_reports_an_error_of_training_in_one_line(tmp_path):
    """A run that diverges; `tests/cli` has the errors of a start."""
    (tmp_path / "diverges.gin").write_text(
        'include "bars_and_stripes_4x4.gin"\n'
        "run.epochs = 1\nrun.steps_per_epoch = 20\n"
        "run.log_likelihood_every = 0\nrun.learning_rate = 1e38\n"
        "PersistentChain.sampler = None\nPersistentChain.num_chains = 2\n"
    )
    done = call("--config", "diverges.gin", directory=tmp_path)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("train.py: error: Training diverged: by update")
    assert "Traceback" not in done.stdout
