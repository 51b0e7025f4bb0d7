"""Runs that learn ratings: their files, and that they go on exactly."""

import json
import os
import shutil

import keras
import numpy as np
import pytest

from keras_rbm import RatingsRBM, checkpoints, data, evaluation, experiment
from tests import eager
from tests.machines import weights
from tests.made_up_ratings import two_tastes

TRAIN, TEST = two_tastes().split(0.2)
TRAIN, VALIDATION = TRAIN.split(0.2)
DATA = data.RatingsData("two tastes", TRAIN, VALIDATION, TEST)


def evaluated(*arguments):
    """An evaluation that returns a number of NumPy, as anyone's may do."""
    found = evaluation.evaluate_ratings(*arguments)
    return found | {"of_mine": np.int64(3)}


def model(**kwargs):
    return RatingsRBM(**kwargs, hidden=4, seed=0)


def run(output, **kwargs):
    with eager.updates():
        return experiment.train_ratings(
            model,
            DATA,
            str(output),
            learning_rate=0.03,
            batch_size=20,
            **{
                "epochs": 4,
                "measure_every": 2,
                "evaluation": evaluated,
                **kwargs,
            },
        )


@pytest.fixture(scope="module")
def finished(how_updates_are_made, tmp_path_factory):
    output = tmp_path_factory.mktemp("ratings")
    return output, run(
        output, checkpoint_updates=4, describe=lambda: "seed = 0\n"
    )


def test_the_files_of_a_run(finished):
    output, results = finished
    saved = keras.models.load_model(output / "model.keras")
    errors = evaluation.rating_errors(saved, TRAIN, TEST)
    assert results["test"]["rmse"] == errors["rmse"]
    assert results["validation"]["count"] == len(VALIDATION)
    assert json.loads((output / "ratings.json").read_text()) == results
    header = (output / "history.csv").read_text().split("\n")[0]
    assert "val_rmse" in header
    assert "reconstruction_error" in header
    assert "test: rmse" in experiment.ratings_summary(results)
    assert "no held-out" in experiment.ratings_summary({"seconds": 1.0})


def test_a_run_goes_on_exactly(finished, tmp_path):
    output, results = finished
    shutil.copytree(output, tmp_path / "run")
    (tmp_path / "run" / "model.keras").unlink()
    last = checkpoints.newest(tmp_path / "run" / "checkpoints").path
    os.remove(last)
    config = tmp_path / "run" / "operative_config.gin"
    settings = {"checkpoint_updates": 4, "resume": True}
    with pytest.raises(ValueError, match="other settings: measure_every"):
        run(
            tmp_path / "run",
            describe=lambda: "refused",
            **{**settings, "measure_every": 3},
        )
    assert config.read_text() == "seed = 0\n"
    found = run(tmp_path / "run", describe=lambda: "accepted", **settings)
    assert config.read_text() == "accepted"
    assert found["test"] == results["test"]
    one, other = (
        weights(keras.models.load_model(folder / "model.keras"))
        for folder in (output, tmp_path / "run")
    )
    for x, y in zip(one, other, strict=True):
        np.testing.assert_array_equal(x, y)


def test_wrong_data_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`data` must be a RatingsData"):
        experiment.train_ratings(model, TRAIN, str(tmp_path))
