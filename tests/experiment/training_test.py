import csv
import os
import re
import shutil
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import data, experiment, figures
from keras_rbm.callbacks import log_likelihood
from keras_rbm.experiment import training
from tests import eager
from tests.callbacks import events

FILES = {
    "checkpoints",
    "curves.png",
    "filters",
    "filters.png",
    "filters_by_epoch.png",
    "history.csv",
    "model.keras",
    "operative_config.gin",
    "reconstructions.png",
    "samples.png",
    "tensorboard",
    "updates.csv",
}
LIKELIHOOD = log_likelihood.NAMES
# More in the last of three epochs.
SWEEPS = {0: 1, 0.6: 3}


def examples(count, width=12):
    draws = np.random.default_rng(0).random((count, width))
    return (draws < 0.3).astype("float32")


def tiny(**kwargs):
    return data.Data(
        "tiny", examples(50), examples(20), image_shape=(3, 4), **kwargs
    )


def machine(seed=0, width=12):
    return keras_rbm.RBM(
        width, 6, chain=keras_rbm.PersistentChain(8), seed=seed
    )


@pytest.fixture(scope="module")
def finished(how_updates_are_made, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    model = machine()
    with eager.compiled_updates():
        history = experiment.run(
            model,
            tiny(),
            str(output),
            learning_rate=experiment.linear_decay,
            epochs=3,
            batch_size=10,
            num_sweeps=SWEEPS,
            pictures_every=2,
            checkpoint_minutes=None,  # However slow the machine.
            describe=lambda: "run.epochs = 3\n",
        )
    return model, history, output


def test_a_run_leaves_all_its_files(finished):
    _, _, output = finished
    assert set(os.listdir(output)) == FILES
    assert os.listdir(output / "checkpoints") == ["update-0000000015.keras"]
    assert sorted(os.listdir(output / "filters")) == [
        f"epoch-{epoch:04d}.png" for epoch in (1, 2, 3)
    ]
    assert (output / "operative_config.gin").read_text() == "run.epochs = 3\n"


def test_the_updates_have_a_row_a_call(finished):
    _, _, output = finished
    with open(output / "updates.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["update"] for row in rows] == ["5", "10", "15"]
    # The learning rate falls to zero: by the last update to a fifteenth.
    norms = [float(row["update_norm"]) for row in rows]
    assert norms[0] > norms[2] > 0


class Shown(figures.Restoration):
    """A figure that counts epochs while the model trains."""

    def displays(self, data, log_dir, every):
        assert data.width
        assert os.path.basename(log_dir) == "tensorboard"
        assert every == 5
        count = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: epochs.append(epoch)
        )
        return [count]


epochs = []


@pytest.fixture(scope="module")
def drawn(how_updates_are_made, tmp_path_factory):
    """The folder of a short run with a figure."""
    output = tmp_path_factory.mktemp("drawn")
    epochs.clear()
    short(output, figures=[Shown(2, num_trials=5)])
    return output


def test_figures_are_drawn_at_the_end_and_shown_before(drawn, tmp_path):
    assert figures.Restoration().displays(None, tmp_path, 5) == []
    assert {"restoration.png", "restoration.json"} <= set(os.listdir(drawn))
    assert epochs == [0]


def test_the_history_has_a_row_an_epoch_with_validation(finished):
    model, history, output = finished
    with open(output / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    names = {metric.name for metric in model.metrics}
    assert set(rows[0]) == {
        "epoch",
        "num_sweeps",
        *names,
        *(f"val_{n}" for n in names),
        *(f"val_{n}" for n in LIKELIHOOD),
    }
    for row, loss in zip(rows, history.history["val_loss"], strict=True):
        assert float(row["val_loss"]) == pytest.approx(loss)


def test_the_saved_model_is_the_one_in_hand(finished):
    model, _, output = finished
    loaded = keras.models.load_model(output / "model.keras")
    for ours, theirs in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert loaded.image_shape == (3, 4)


@pytest.mark.parametrize("name", ["filters", "samples", "reconstructions"])
def test_pictures_show_something(finished, name):
    _, _, output = finished
    content = tf.io.read_file(str(output / f"{name}.png"))
    picture = tf.io.decode_png(content).numpy()
    assert picture.ndim == 3
    assert len(np.unique(picture)) > 2


def test_the_learning_rate_falls_to_zero_over_the_run(finished):
    model, _, _ = finished
    assert int(model.optimizer.iterations) == 15
    assert float(model.optimizer.learning_rate) == pytest.approx(0, abs=1e-8)


def test_two_runs_with_one_seed_are_the_same_to_the_bit(finished, tmp_path):
    """Also where only one of them measures its likelihood and draws."""
    model, _, _ = finished
    again = machine()
    with eager.compiled_updates():
        history = experiment.run(
            again,
            tiny(),
            str(tmp_path),
            learning_rate=experiment.linear_decay,
            epochs=3,
            batch_size=10,
            num_sweeps=SWEEPS,
            pictures_every=4,
            log_likelihood_every=0,
        )
    np.testing.assert_array_equal(model.kernel, again.kernel)
    np.testing.assert_array_equal(model.chain.particles, again.chain.particles)
    # Nothing of the measures is left.
    assert "val_log_likelihood" not in history.history
    tags = events.read(tmp_path / "tensorboard" / "train")
    about_chains = [tag for tag in tags if tag.startswith("3 Chains/")]
    assert about_chains == ["3 Chains/num_sweeps"]


def test_the_sweeps_follow_a_schedule(finished):
    model, history, output = finished
    assert history.history["num_sweeps"] == [1, 1, 3]
    assert int(model.chain.num_sweeps) == 3
    with open(output / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["num_sweeps"] for row in rows] == ["1", "1", "3"]


def test_the_log_likelihood_is_measured_and_written(finished):
    model, history, output = finished
    x = data.binarized(tiny().validation, "none")
    # The first epoch and the last are measured.
    found = history.history["val_log_likelihood"]
    assert found[0] == found[1] != found[2]
    assert found[2] == pytest.approx(float(model.log_likelihood(x)))
    assert history.history["val_log_likelihood_epoch"] == [1, 1, 3]
    with open(output / "history.csv") as file:
        rows = list(csv.DictReader(file))
    written = [float(row["val_log_likelihood"]) for row in rows]
    assert written == pytest.approx(found)
    tags = events.read(output / "tensorboard" / "validation")
    assert list(tags["2 Likelihood/log_likelihood_lower"]) == [1, 3]
    tags = events.read(output / "tensorboard" / "train")
    assert list(tags["3 Chains/memory"]) == [1, 3]
    assert list(tags["2 Likelihood/validation_gap"]) == [1, 3]


def test_pictures_histograms_and_points_are_written(finished):
    _, _, output = finished
    tags = events.read(output / "tensorboard" / "train")
    for name in (
        *("1 Images/filters", "1 Images/projection", "1 Images/sample_means"),
        *("1 Images/reconstructions", "6 Histograms/kernel"),
    ):
        assert list(tags[name]) == [1, 2, 3], name
    folder = output / "tensorboard" / "train"
    assert (folder / "projector_config.pbtxt").is_file()
    points = np.loadtxt(folder / "projector" / "points.tsv", delimiter="\t")
    np.testing.assert_array_equal(points[:50], tiny().train)
    assert len(points) == 50 + 8  # Those of the chain.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "`epochs` must be a positive integer"),
        ({"epochs": 1.5}, "`epochs` must be a positive integer"),
        ({"pictures_every": 0}, "`pictures_every` must be"),
        (
            {"log_likelihood_every": -1},
            "`log_likelihood_every` must be a positive integer",
        ),
        ({"steps_per_epoch": 0}, "`steps_per_epoch` must be"),
        ({"batch_size": 0}, "`batch_size` must be a positive integer"),
        ({"binarize": "often"}, "`binarize` must be one of"),
        ({"num_sweeps": {0: 0}}, "`num_sweeps` must be a positive integer"),
        ({"num_sweeps": 5}, "`schedule` must be a dictionary"),
        ({"data": 3}, "`data` must be what a reader"),
        ({"figures": 3}, "`figures` must be a list of figures"),
        ({"resume": "False"}, "`resume` must be True or False"),
        ({"num_samples": -1}, "`num_samples` must be an integer, 0 or more"),
        ({"evaluation": 3}, "`evaluation` must be a function"),
        ({"figures": [figures.Inpainting()]}, "needs test examples"),
        ({"model": machine(width=5)}, r"set `RBM.visible = 12`"),
        (
            {"data": data.Data("big", 2 * examples(50), None)},
            r"`big.train` must hold finite values from 0 to 1",
        ),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(
    tmp_path, change, message
):
    output = tmp_path / "run"
    arguments = {"model": machine(), "data": tiny(), "batch_size": 10} | change
    with pytest.raises(ValueError, match=message):
        experiment.run(output=str(output), **arguments)
    assert not output.exists()


def short(output, **kwargs):
    return experiment.run(
        **{
            "model": machine(),
            "data": tiny(),
            "output": str(output),
            "epochs": 1,
            "batch_size": 10,
            "log_likelihood_every": 0,
            "checkpoint_minutes": None,
            **kwargs,
        }
    )


@pytest.mark.slow
def test_a_run_at_a_constant_rate_can_be_prolonged(tmp_path):
    short(tmp_path)
    history = short(tmp_path, epochs=2, resume=True)
    assert history.epoch == [0, 1]
    with open(tmp_path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    tags = events.read(tmp_path / "tensorboard" / "train")
    assert list(tags["4 Learning/loss"]) == [1, 2]


def test_a_resumed_run_must_be_the_same(drawn):
    before = {
        path: path.read_bytes() for path in drawn.rglob("*") if path.is_file()
    }
    other = keras_rbm.RBM(
        12, 5, chain=keras_rbm.PersistentChain(9), centered=False, seed=0
    )
    for change, complaint in (
        ({"batch_size": 5}, "batch_size was 10 and is 5"),
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"binarize": "threshold"}, "binarize was 'none' and is 'threshold'"),
        ({"learning_rate": 0.1}, "optimizer.config.learning_rate was 0.05"),
        (
            {"log_likelihood_every": 1},
            "log_likelihood was False and is True",
        ),
        ({"num_sweeps": {0: 2}}, "num_sweeps.0 was not set and is 2"),
        ({"data": data.Data("tiny", examples(60))}, "data.train was"),
        ({"model": other}, "model.centered was True and is False"),
        ({"model": other}, "model.hidden.config.size was 6 and is 5"),
        ({"learning_rate": experiment.linear_decay}, "decay_steps"),
    ):
        with pytest.raises(ValueError, match=re.escape(complaint)):
            short(drawn, resume=True, epochs=2, **change)
    after = {
        path: path.read_bytes() for path in drawn.rglob("*") if path.is_file()
    }
    assert after == before


def test_a_finished_run_is_left_as_it_is(drawn, tmp_path):
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    model = (tmp_path / "model.keras").read_bytes()
    rows = (tmp_path / "history.csv").read_text()
    with pytest.raises(ValueError, match="`output` must be a folder without"):
        short(tmp_path)
    with pytest.raises(ValueError, match="is finished; give more --epochs"):
        short(tmp_path, resume=True)
    assert (tmp_path / "history.csv").read_text() == rows
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    checkpoint.rename(tmp_path / "elsewhere.keras")
    with pytest.raises(ValueError, match="has no checkpoint left"):
        short(tmp_path, epochs=2, resume=True)
    assert (tmp_path / "model.keras").read_bytes() == model
    checkpoint.write_bytes((tmp_path / "elsewhere.keras").read_bytes())
    # The shape of pictures does not make it a different run.
    model = machine()
    model.image_shape = (6, 2)
    short(tmp_path, epochs=2, resume=True, model=model)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.image_shape == (6, 2)
    (tmp_path / "model.keras").unlink()
    with pytest.raises(ValueError, match="must not be less than what is done"):
        short(tmp_path, epochs=1, resume=True)


@pytest.fixture
def imputed(tmp_path, monkeypatch):
    """Fills in missing entries with 20 sweeps, in parts of two rows."""
    calls = []

    def spied(name):
        method = getattr(keras_rbm.RBM, name)

        def call(self, v, *args, **kwargs):
            calls.append((name, v.shape))
            return method(self, v, *args, **kwargs)

        monkeypatch.setattr(keras_rbm.RBM, name, call)

    def write(model, mine):
        source = types.SimpleNamespace(
            figure_data=mine, misses=True, seed=0, schema=mine.schema
        )
        folder = types.SimpleNamespace(path=lambda name: str(tmp_path / name))
        training._write_imputed(model, source, folder, 10)
        tables = {
            path.name: np.genfromtxt(path, delimiter=",", skip_header=1)
            for path in tmp_path.glob("*.csv")
        }
        return tables, calls

    monkeypatch.setattr(training, "_SWEEPS", 20)
    monkeypatch.setattr(training, "_DRAWS", 10)
    monkeypatch.setattr(training, "of_width", lambda width: 2)
    spied("predict_missing")
    spied("inpaint")
    return write


def test_rows_of_different_parts_share_no_random_numbers(imputed):
    real = data.Real(mean=0.0, deviation=1.0)
    schema = data.Schema({"a": real, "b": real}, keeps_missing=True)
    x = np.tile(np.array([[0.5, np.nan]], "float32"), (5, 1))
    mine = data.Data("mine", x, schema=schema)
    model = keras_rbm.RBM(schema.units, 3, seed=0)
    tables, calls = imputed(model, mine)
    np.testing.assert_array_equal(tables["imputed.csv"][:, 0], 0.5)
    deviations = tables["imputed_uncertainty.csv"]
    assert np.isnan(deviations[:, 0]).all()
    # The rows are equal, and the draws of each row are its own.
    assert len(np.unique(deviations[:, 1])) == 5
    # Only one shape is compiled.
    assert calls == 3 * [("predict_missing", (2, 2)), ("inpaint", (2, 2))]


def test_the_states_of_an_upper_layer_are_not_filled_in(imputed):
    model, mine = keras_rbm.RBM(3, 2, seed=0), data.Data("mine", np.eye(3))
    assert imputed(model, mine) == ({}, [])


def test_epochs_count_where_the_sweeps_depend_on_them(finished):
    _, _, output = finished
    with pytest.raises(ValueError, match="epochs was 3 and is 4"):
        short(output, num_sweeps=SWEEPS, epochs=4, resume=True)


def test_the_length_of_a_run():
    def length(epochs=None, steps_per_epoch=None, updates=None):
        return training._length(epochs, steps_per_epoch, updates, 13)

    assert length() == (20, 1000)
    assert length(updates=70) == (14, 5)
    assert length(epochs=3) == (3, 13)
    assert length(3, 50) == (3, 50)
    assert length(steps_per_epoch=50) == (20, 50)
    with pytest.raises(ValueError, match="`updates` must be left out"):
        length(epochs=3, updates=70)
