"""train.py as a user meets it: as a process of its own."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


def call(*arguments, directory=ROOT):
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_flags_are_read_before_tensorflow_is_imported():
    code = (
        "import sys, train\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    help_text = call("--help").stdout
    for flag in ("config", "set", "data_dir", "output", "seed", "epochs"):
        assert f"--{flag}:" in help_text.replace("--[no]", "--")


def test_a_run_from_another_directory(tmp_path):
    done = call(
        *("--config", "digits", "--epochs", "2", "--seed", "3"),
        *("--set", "RBM.hidden = 7", "--set", "run.steps_per_epoch = 5"),
        directory=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (run,) = (tmp_path / "runs" / "digits").iterdir()
    last = done.stdout.splitlines()[-1]
    where = run.relative_to(tmp_path)
    assert last.startswith(f"The run is in {where}; look at it with `")
    assert last.endswith(f"tensorboard --logdir {where}`.")
    config = (run / "operative_config.gin").read_text()
    assert "RBM.hidden = 7" in config
    assert "seed = 3" in config
    log = (run / "train.log").read_text()
    assert "epoch 2/2" in log
    assert (run / "samples.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--config", "no_such"), "no config 'no_such'; a path, or one of"),
        (("--set", "RBM.hiden = 3"), "hiden"),
        (("--set", "runn.epochs = 3"), "No configurable matching 'runn'"),
        (("--set", "RBM.hidden"), "parse"),
        (("--set", "RBM.hidden = -3"), "`hidden` must be a positive integer"),
        (("surplus",), "unknown argument 'surplus'"),
        (
            ("--config", "mnist", "--data_dir", "/no/such/folder"),
            "/no/such/folder",
        ),
    ],
)
def test_a_user_error_is_one_line(tmp_path, arguments, complaint):
    done = call(*arguments, directory=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("train.py: error: ")
    assert complaint in line
    assert "Traceback" not in done.stdout


def test_an_output_folder_that_holds_a_run_is_left_alone(tmp_path):
    (tmp_path / "history.csv").write_text("precious")
    done = call("--output", str(tmp_path))
    assert done.returncode == 2
    assert "holds a run already" in done.stderr
    assert os.listdir(tmp_path) == ["history.csv"]
    assert (tmp_path / "history.csv").read_text() == "precious"
