"""train.py as a user meets it: as a process of its own."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from keras_rbm import data

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
        "import sys, train, keras_rbm_cli.main\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    help_text = call("--help").stdout
    for flag in (
        "mode",
        "config",
        "set",
        "data_dir",
        "output",
        "seed",
        "epochs",
        "resume",
    ):
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
    assert last.endswith(f" --samples_per_plugin images=100 --logdir {where}`.")
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


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run that nothing may be changed in."""
    run = tmp_path_factory.mktemp("runs") / "run"
    done = call(
        *("--config", "digits", "--epochs", "1", "--output", str(run)),
        *("--set", "RBM.hidden = 7", "--set", "run.steps_per_epoch = 2"),
        *("--set", "evaluate.max_examples = 50"),
    )
    assert done.returncode == 0, done.stderr
    return run


def test_a_terminated_run_is_saved_and_resumed(tmp_path):
    run = tmp_path / "run"
    process = subprocess.Popen(
        [
            *(sys.executable, str(ROOT / "train.py"), "--output", str(run)),
            *("--set", "RBM.hidden = 7", "--set", "run.epochs = 100000"),
            *("--set", "run.learning_rate = 0.05"),
            *("--set", "run.checkpoint_minutes = None"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "epoch 1/" in line:
            break
    second = call("--resume", str(run))
    assert second.returncode == 2
    assert "another process is training in" in second.stderr
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143
    assert errors == (
        f"\ntrain.py: stopped by SIGTERM, and saved; go on with --resume {run}"
        "\n"
    )
    (checkpoint,) = (run / "checkpoints").iterdir()
    done = int(checkpoint.stem[-10:]) // 500 + 2
    resumed = call("--resume", str(run), "--epochs", str(done))
    assert resumed.returncode == 0, resumed.stderr
    assert f"resumed from {checkpoint}" in resumed.stdout
    rows = (run / "history.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [
        str(epoch) for epoch in range(done)
    ]
    again = call("--resume", str(run))
    assert again.returncode == 2
    assert "is finished; give more --epochs" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--resume", "nowhere"), "no run in nowhere: there is no such folder"),
        (("--resume", "."), "holds no operative_config.gin"),
        (("--resume", ".", "--output", "there"), "no --output"),
    ],
)
def test_what_cannot_be_resumed(tmp_path, arguments, complaint):
    done = call(*arguments, directory=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert complaint in line
    assert os.listdir(tmp_path) == []


def copy_of(run, folder):
    for name in ("model.keras", "operative_config.gin"):
        (folder / name).write_bytes((run / name).read_bytes())
    return str(folder)


def test_a_run_is_evaluated_as_it_was_trained(finished, tmp_path):
    run = pathlib.Path(copy_of(finished, tmp_path))
    done = call("--mode", "evaluate", "--output", str(run))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
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
            for line in done.stdout.splitlines()
            if line.startswith(f"{split} ")
        )
        assert line.split()[1:3] == [str(len(v)), f"{exact.lower:.3f}"]
    assert str(exact.log_partition) in done.stdout
    assert "binarized by one draw of each value (seed 0)" in done.stdout


def test_figures_are_drawn_anew(finished, tmp_path):
    run = pathlib.Path(copy_of(finished, tmp_path))
    done = call(
        *("--mode", "figures", "--output", str(run)),
        *("--set", "draw.figures = [@Inpainting()]", "--seed", "3"),
        *("--set", "Inpainting.num_sweeps = 2"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == f"Drawn in {run}: inpainting.png."
    assert set(os.listdir(run)) == {
        "figures.log",
        "inpainting.png",
        "model.keras",
        "operative_config.gin",
    }


def test_what_cannot_be_drawn_is_told_in_one_line(finished, tmp_path):
    copy_of(finished, tmp_path)
    done = call(
        *("--mode", "figures", "--output", "."),
        *("--set", "draw.figures = [@Inpainting()]"),
        *("--set", "digits.test_size = 0"),
        directory=tmp_path,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "Inpainting needs test examples" in line


def test_flags_change_an_evaluation(finished, tmp_path):
    copy_of(finished, tmp_path)
    done = call(
        *("--mode", "evaluate", "--output", ".", "--config", "digits"),
        *("--seed", "5", "--set", 'evaluate.binarize = "none"'),
        directory=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "evaluation.json").read_text())
    assert pathlib.Path(figures["config"]).name == "digits.gin"
    assert (figures["binarize"], figures["seed"]) == ("none", 5)
    assert figures["max_examples"] > 50
    assert figures["log_partition"] is None
    assert 'evaluate.binarize="threshold"' in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "--mode evaluate needs --output"),
        (("--output", "nowhere"), "no run in nowhere"),
        (("--output", "empty"), "empty: it holds no model.keras"),
        (("--output", "damaged"), "damaged holds no operative_config.gin"),
        (
            ("--output", "damaged", "--config", "digits"),
            "cannot read damaged/model.keras",
        ),
        (("--output", ".", "--config", "no_such"), "no config 'no_such'"),
    ],
)
def test_what_cannot_be_evaluated_is_told_in_one_line(
    finished, tmp_path, arguments, complaint
):
    copy_of(finished, tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    half = (tmp_path / "model.keras").read_bytes()[:5000]
    (tmp_path / "damaged" / "model.keras").write_bytes(half)
    done = call("--mode", "evaluate", *arguments, directory=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("train.py: error: ")
    assert complaint in line
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "evaluation.json").exists()
