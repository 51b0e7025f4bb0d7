"""From a pretrained network to a classifier, and its errors."""

import functools
import json
import shutil
import signal

import keras
import numpy as np
import pytest

from keras_rbm import (
    RBM,
    DeepBeliefNetwork,
    callbacks,
    checkpoints,
    data,
    experiment,
)
from keras_rbm.experiment.finetuning import without_labels
from keras_rbm.experiment.run_folder import RunFolder
from tests.callbacks import events

CLASSES = 3


def rows(count, seed):
    """Three patterns of 12 pixels with noise, whose classes do not overlap."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, count)
    flip = rng.random((count, 12)) < 0.02
    x = np.abs(np.kron(np.eye(3), np.ones(4))[y] - flip).astype("float32")
    return data.with_labels(x, y, CLASSES)


DATA = data.Data(
    "patterns",
    rows(100, 0),
    rows(20, 1),
    rows(50, 2),
    image_shape=(3, 4),
    picture=data.Picture(np.eye(15, 12)),
)


def network():
    return DeepBeliefNetwork([RBM(12, 8, seed=1), RBM(8, 6, seed=2)])


def pretrain(model, data, output, describe=None, resume=False):
    """A stand-in: it leaves weights behind that their scale tells apart."""
    assert data.width == 12
    assert data.picture is None
    for rbm in model.rbms:
        rbm.kernel.assign(100 * rbm.kernel)
    path = f"{output}/model.keras"
    RunFolder(output, resume).write_config(describe)
    model.save(path)


def finetune(model, output, **kwargs):
    keras.utils.set_random_seed(0)
    return experiment.finetune(
        model,
        DATA,
        output,
        **{
            "num_classes": CLASSES,
            "pretrain": pretrain,
            "learning_rate": 0.03,
            "epochs": 30,
            "batch_size": 10,
            **kwargs,
        },
    )


@pytest.fixture(scope="module")
def finished(how_updates_are_made, tmp_path_factory):
    output = tmp_path_factory.mktemp("finetuning")
    results = finetune(network(), output, describe=lambda: "seed = 0\n")
    return output, results


def test_it_learns_and_reports_the_errors(finished):
    output, results = finished
    assert json.loads((output / "finetuning.json").read_text()) == results
    classifier = keras.models.load_model(output / "classifier.keras")
    for split, count in (("train", 100), ("validation", 20), ("test", 50)):
        x = getattr(DATA, split)
        answers = classifier.predict(x[:, :12], verbose=0).argmax(axis=1)
        wrong = (answers != x[:, 12:].argmax(axis=1)).sum()
        assert results[f"{split}_wrong"] == wrong
        assert results[f"{split}_error"] == wrong / count
    assert results["test_error"] <= 0.05
    assert "test error" in experiment.error_summary(results)
    text = (output / "history.csv").read_text()
    assert "val_error" in text.splitlines()[0]
    assert len(text.splitlines()) == 31
    assert any((output / "tensorboard" / "validation").iterdir())
    for folder in (output, output / "pretraining"):
        assert (folder / "operative_config.gin").read_text() == "seed = 0\n"


def test_a_finished_run_is_left_alone(finished):
    with pytest.raises(ValueError, match="is finished"):
        finetune(network(), finished[0])


def starts(monkeypatch):
    """The kernels of the first layers that fine-tuning starts from."""
    seen = []

    def fit(self, *args, **kwargs):
        seen.append(self.get_layer("layer_1").kernel.numpy())

    monkeypatch.setattr(keras.Sequential, "fit", fit)
    return seen


def test_where_it_starts_from(finished, monkeypatch, tmp_path):
    path = finished[0] / "pretraining"
    seen = starts(monkeypatch)
    for number, kwargs in enumerate(
        (
            {},
            {"pretrained": str(path)},
            {"pretrained": False},
        )
    ):
        finetune(network(), tmp_path / str(number), **kwargs)
    pretrained = 100 * network().rbms[0].kernel.numpy()
    for kernel in seen[:2]:
        np.testing.assert_array_equal(kernel, pretrained)
    # Glorot's start: of size sqrt(6 / 20), where the RBM's was of size 0.01.
    assert 0.3 < np.abs(seen[2]).max() < np.sqrt(6 / 20)
    names = [path.name for path in (tmp_path / "2").iterdir()]
    assert "pretraining" not in names


@pytest.mark.slow
def test_the_seed_decides_whatever_was_drawn_before(monkeypatch, tmp_path):
    seen = starts(monkeypatch)
    for number in range(3):
        keras.utils.set_random_seed(number)
        finetune(
            network(),
            tmp_path / str(number),
            pretrained=False,
            seed=number // 2,
        )
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[0] != seen[2]).any()


SETTINGS = {
    "dropout": 0.3,
    "epochs": 5,
    # An epoch has two compiled calls.
    "batch_size": 1,
    "learning_rate": lambda updates: experiment.linear_decay(updates, 0.03),
    "checkpoint_minutes": 1e-9,
    # Counts a third of the batches as updates.
    "optimizer": functools.partial(
        keras.optimizers.Adam, gradient_accumulation_steps=3
    ),
}


def killed():
    raise RuntimeError("killed")


def stopped_in(epoch, end, patch):
    """Has a fine-tuning end within an epoch, after the first call."""
    begin = callbacks.Scalars.on_epoch_begin
    call = callbacks.Scalars.on_train_batch_end

    def on_epoch_begin(self, index, logs=None):
        begin(self, index, logs)
        self.index = index

    def on_train_batch_end(self, batch, logs=None):
        call(self, batch, logs)
        if self.index == epoch and batch < 50:
            end()

    patch.setattr(callbacks.Scalars, "on_epoch_begin", on_epoch_begin)
    patch.setattr(callbacks.Scalars, "on_train_batch_end", on_train_batch_end)


def left_by(output):
    """What a run leaves: weights, the optimizer's, history, events."""
    model = keras.models.load_model(output / "classifier.keras")
    scalars = {
        (run, tag): values
        for run in ("train", "validation")
        for tag, values in events.read(output / "tensorboard" / run).items()
        if not tag.endswith("updates_per_second")
    }
    return {
        "weights": [
            np.asarray(w) for w in (*model.weights, *model.optimizer.variables)
        ],
        "history": (output / "history.csv").read_text(),
        "events": scalars,
    }


def assert_same(one, other):
    assert one["history"] == other["history"]
    assert len(one["history"].splitlines()) == 6
    assert one["events"] == other["events"]
    for x, y in zip(one["weights"], other["weights"], strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.fixture(scope="module")
def whole(how_updates_are_made, tmp_path_factory):
    """What a fine-tuning leaves that was not stopped."""
    output = tmp_path_factory.mktemp("whole")
    finetune(network(), output, **SETTINGS)
    return left_by(output)


# Keras's CSVLogger closes its file when training ends, but not by an error.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("end", "error", "done"),
    [
        (killed, RuntimeError, 2),
        pytest.param(
            lambda: signal.raise_signal(signal.SIGTERM),
            callbacks.Interrupted,
            3,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_it_goes_on_after_an_epoch_to_the_same_end(
    end, error, done, whole, monkeypatch, tmp_path
):
    with monkeypatch.context() as patch:
        stopped_in(2, end, patch)
        with pytest.raises(error):
            finetune(
                network(), tmp_path, describe=lambda: "seed = 0\n", **SETTINGS
            )
    found = checkpoints.newest(tmp_path / "checkpoints")
    assert found.state["position"][:2] == [done, 0]
    with pytest.raises(ValueError, match="a folder without a run"):
        finetune(network(), tmp_path, **SETTINGS)
    for changed, message in (
        ({"dropout": 0.2}, "other settings: model"),
        ({"pretrained": False}, "pretrained was 'True' and is 'False'"),
    ):
        with pytest.raises(ValueError, match=message):
            finetune(
                network(),
                tmp_path,
                resume=True,
                describe=lambda: "changed = True\n",
                **{**SETTINGS, **changed},
            )
    # Whoever resumes it next does so as it was.
    text = (tmp_path / "operative_config.gin").read_text()
    assert text == "seed = 0\n"
    # What pretraining has left is no longer needed.
    shutil.rmtree(tmp_path / "pretraining")
    finetune(
        network(),
        tmp_path,
        resume=True,
        describe=lambda: "accepted",
        pretrain=None,
        **SETTINGS,
    )
    text = (tmp_path / "operative_config.gin").read_text()
    assert text == "accepted"
    assert_same(left_by(tmp_path), whole)
    # Killed after the last checkpoint.
    (tmp_path / "classifier.keras").unlink()
    finetune(network(), tmp_path, resume=True, pretrain=None, **SETTINGS)
    assert_same(left_by(tmp_path), whole)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_was_begun_before_the_first_checkpoint_is_gone(
    whole, monkeypatch, tmp_path
):
    settings = {**SETTINGS, "checkpoint_minutes": None}
    with monkeypatch.context() as patch:
        stopped_in(3, killed, patch)
        with pytest.raises(RuntimeError):
            finetune(network(), tmp_path, **settings)
    assert not checkpoints.exist(tmp_path / "checkpoints")
    finetune(network(), tmp_path, **settings)
    assert_same(left_by(tmp_path), whole)


def test_a_resumed_pretraining_that_accepts_new_settings(tmp_path):
    """The next resumption needs them, too."""
    (tmp_path / "operative_config.gin").write_text("before")

    def stopped(model, data, output, describe, resume):
        describe()
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        finetune(
            network(),
            tmp_path,
            resume=True,
            pretrain=stopped,
            describe=lambda: "accepted",
        )
    text = (tmp_path / "operative_config.gin").read_text()
    assert text == "accepted"


def test_pretraining_is_not_done_again(finished, monkeypatch, tmp_path):
    seen = starts(monkeypatch)
    finetune(network(), tmp_path)
    (tmp_path / "classifier.keras").unlink()
    finetune(network(), tmp_path, resume=True, pretrain=None)
    np.testing.assert_array_equal(*seen)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_classes": 4}, r"rows \(x, one-hot y\)"),
        ({"num_classes": 15}, "`num_classes` must leave columns"),
        ({"pretrained": "nowhere"}, "`pretrained` must be True, False or"),
        ({"epochs": 0}, "`epochs` must be a positive integer"),
        ({"seed": None}, "`seed` must be an integer"),
        ({"seed": 2**63}, "`seed` must be an integer"),
        ({"batch_size": 0}, "`batch_size` must be a positive integer"),
        ({"batch_size": 2.5}, "`batch_size` must be a positive integer"),
        ({"batch_size": 101}, "`batch_size` must be at most .* examples, 100"),
        ({"dropout": 1.5}, "`dropout` must be"),
        ({"max_norm": 0}, "`max_norm` must be"),
        ({"checkpoint_minutes": 0}, "`checkpoint_minutes` must be positive"),
        ({"model": DeepBeliefNetwork([RBM(9, 3, seed=0)])}, "visible unit"),
    ],
)
def test_bad_arguments_are_refused(kwargs, message, tmp_path):
    """Before any pretraining."""
    arguments = {
        "model": network(),
        "output": tmp_path,
        "pretrain": pytest.fail,
        **kwargs,
    }
    with pytest.raises(ValueError, match=message):
        finetune(**arguments)
    assert not any(tmp_path.iterdir())


def test_features_are_what_is_left_of_the_labels():
    found, _ = without_labels(DATA, CLASSES)
    np.testing.assert_array_equal(found.test, DATA.test[:, :12])
    assert found.image_shape == (3, 4)
    pixels = data.with_labels(
        np.full((6, 4), 200, "uint8"), np.arange(6) % 3, 3
    )
    matrix = np.vstack([2 * np.eye(4), np.zeros((3, 4))])
    other = data.Data("pixels", pixels, picture=data.Picture(matrix))
    found, _ = without_labels(other, 3)
    assert found.train.dtype == np.uint8
    np.testing.assert_array_equal(found.picture.matrix, 2 * np.eye(4))
