"""The evaluation of a finished run, and its figures drawn anew."""

import json
import os
import pathlib
import types

import gin
import numpy as np
import pytest

import keras_rbm
from keras_rbm import data, devices
from keras_rbm_cli import folders, modes
from tests.cli import command


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of a model of the digits."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras_rbm.RBM(64, 7, seed=0).save(path)
    return path.read_bytes()


@pytest.fixture
def run(model, tmp_path, monkeypatch):
    """The folder of a finished run, which is the current one."""
    (tmp_path / "model.keras").write_bytes(model)
    (tmp_path / "operative_config.gin").write_text(
        'include "digits.gin"\nRBM.hidden = 7\nevaluate.max_examples = 50\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_figures_are_drawn_anew(run):
    done = command.call(
        *("--mode", "figures", "--output", run),
        *("--set", "draw.figures = [@Inpainting()]", "--seed", "3"),
        *("--set", "Inpainting.num_sweeps = 2"),
    )
    assert (done.code, done.errors) == (0, "")
    assert done.screen.splitlines()[-1] == f"Drawn in {run}: inpainting.png."
    assert set(os.listdir(run)) == {
        "figures.log",
        "inpainting.png",
        "model.keras",
        "operative_config.gin",
    }


def test_what_cannot_be_drawn_is_reported_in_one_line(run):
    line = command.refused(
        *("--mode", "figures", "--output", "."),
        *("--set", "draw.figures = [@Inpainting()]"),
        *("--set", "digits.test_size = 0"),
    )
    assert "Inpainting needs test examples" in line


def test_flags_change_an_evaluation(run):
    done = command.call(
        *("--mode", "evaluate", "--output", ".", "--config", "digits"),
        *("--seed", "5", "--set", 'evaluate.binarize = "none"'),
    )
    assert (done.code, done.errors) == (0, "")
    results = json.loads((run / "evaluation.json").read_text())
    assert pathlib.Path(results["config"]).name == "digits.gin"
    assert (results["binarize"], results["seed"]) == ("none", 5)
    assert results["max_examples"] > 50
    assert results["log_partition"] is None
    assert 'evaluate.binarize="threshold"' in done.screen


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "--mode evaluate needs --output"),
        (("--output", ".", "--epochs", 7), "--epochs has no effect with --mo"),
        (("--output", ".", "--strategy", "none"), "Remove the flag"),
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
def test_what_cannot_be_evaluated_is_reported_in_one_line(
    run, model, arguments, complaint
):
    (run / "empty").mkdir()
    (run / "damaged").mkdir()
    (run / "damaged" / "model.keras").write_bytes(model[:5000])
    line = command.refused("--mode", "evaluate", *arguments)
    assert complaint in line
    assert not (run / "evaluation.json").exists()


@pytest.mark.parametrize(
    ("mode", "config", "complaint"),
    [
        ("evaluate", "movielens", "`evaluate` is not for a run of ratings, wh"),
        ("figures", "movielens", "measures are in ratings.json"),
        ("figures", "mnist_dbn", "such as by --set 'draw.data=@mnist()'"),
    ],
)
def test_a_run_without_data_of_rows_is_refused(run, mode, config, complaint):
    line = command.refused("--mode", mode, "--output", ".", "--config", config)
    assert complaint in line


@pytest.mark.slow
def test_a_table_of_bits_trains_and_is_evaluated(tmp_path, monkeypatch):
    pairs = np.random.default_rng(0).integers(0, 2, (300, 2)).repeat(2, axis=1)
    np.savetxt(tmp_path / "mine.csv", pairs, fmt="%d", delimiter=",")
    monkeypatch.chdir(tmp_path)
    done = command.call(
        *("--data", "mine.csv", "--output", "run"),
        *("--set", "RBM.hidden=4", "--set", "run.updates=400"),
        *("--set", "run.num_samples=50"),
    )
    assert done.code == 0, done.errors
    for line in (
        "mine: 300 examples, 240 to train on, 30 for validation, 30 for the te",
        "4 columns, visible units Bernoulli(size=4)",
        "Independent units on test: -",
    ):
        assert line in done.screen
    quick = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert quick["num_betas"] == 1000
    # Log Z is exact already.
    assert "Measure the likelihood" not in done.screen
    # Most of the rows that it draws are pairs, as in the data.
    samples = data.arrays("run/samples.csv").train
    assert samples.shape == (50, 4)
    assert (samples[:, ::2] == samples[:, 1::2]).mean() > 0.75
    # The run knows its data, from whatever directory.
    monkeypatch.chdir("/")
    run = tmp_path / "run"
    done = command.call("--mode", "evaluate", "--output", run)
    assert done.code == 0, done.errors
    again = json.loads((run / "evaluation.json").read_text())
    assert again["num_betas"] == 10_000
    sizes = {k: x["examples"] for k, x in again["splits"].items()}
    assert sizes == {"train": 240, "validation": 30, "test": 30}
    # Log Z is exact.
    for split in sizes:
        assert again["splits"][split] == quick["splits"][split]


@pytest.mark.parametrize(
    ("log_partition", "expected"),
    [({"method": "ais"}, True), ({"method": "exact"}, False), (None, False)],
)
def test_only_an_estimated_log_z_can_be_measured_more_exactly(
    tmp_path, log_partition, expected
):
    results = json.dumps({"log_partition": log_partition})
    (tmp_path / "evaluation.json").write_text(results)
    assert modes._is_estimated(tmp_path) is expected


def test_an_evaluation_of_ones_own_may_write_other_files(
    parsed, tmp_path, capsys
):
    """The run has finished: its report must not fail."""
    parsed(folders.find("digits"), "run.evaluation = @rating_errors")
    history = types.SimpleNamespace(history={"log_likelihood": [-8.5]})
    output = tmp_path / "my run"
    modes._report(gin, "run", output, history)
    text = capsys.readouterr().out
    assert "Log-likelihood of the training data: -8.500 nats." in text
    # The command is one for the shell.
    assert f"--mode evaluate --output '{output}'`" in text


@pytest.mark.parametrize("chief", [True, False])
def test_only_the_chief_reports(monkeypatch, tmp_path, chief):
    """It alone evaluates: other processes may be done before it."""
    history = types.SimpleNamespace(history={"log_likelihood": [-8.5]})
    monkeypatch.setattr(gin, "get_configurable", lambda name: trained)
    monkeypatch.setattr(devices, "is_chief", lambda: chief)

    def trained(**kwargs):
        return history

    done = command.call("--config", "digits", "--output", tmp_path / "run")
    assert (done.code, done.errors) == (0, "")
    assert ("Log-likelihood of the" in done.screen) == chief
    assert f"--logdir {tmp_path / 'run'}`." in done.screen


def test_the_line_of_a_likelihood_shows_both_ends():
    """A quick measurement of a large machine may be several nats wide."""
    history = {
        "val_log_likelihood": [-99.0, -89.9329],
        "val_log_likelihood_upper": [-95.0, -84.3809],
        "val_log_likelihood_baseline": [-206.2512, -206.2512],
    }
    assert modes._likelihood(history) == (
        "Log-likelihood of the validation data, by a quick measurement: "
        "-89.933 to -84.381 nats; independent units: -206.251 (gain +116.318)."
    )
    exact = {"log_likelihood": [-8.5], "log_likelihood_upper": [-8.5]}
    assert modes._likelihood(exact) == (
        "Log-likelihood of the training data: -8.500 nats."
    )
    assert "not measured" in modes._likelihood({"loss": [1.0]})
