"""Halves, then the whole, as one run that can be stopped."""

import functools

import keras
import numpy as np
import pytest

from keras_rbm import DeepBoltzmannMachine, PersistentChain, data, experiment
from tests.machines import assert_same_states

RUN = functools.partial(
    experiment.run,
    epochs=1,
    batch_size=10,
    log_likelihood_every=0,
    checkpoint_updates=5,
)
PRETRAIN = functools.partial(experiment.pretrain, train=RUN)


def dbm():
    return DeepBoltzmannMachine(12, 6, 4, PersistentChain(8), seed=1)


def tiny():
    draws = np.random.default_rng(0).random((60, 12))
    x = (draws < 0.3).astype("float32")
    return data.Data("tiny", x[:50], x[50:], image_shape=(3, 4))


def train(model, output, **kwargs):
    return experiment.train_jointly(
        model,
        tiny(),
        output,
        **{"pretrain": PRETRAIN, "train": RUN, **kwargs},
    )


@pytest.fixture(scope="module")
def finished(how_updates_are_made, tmp_path_factory):
    output = tmp_path_factory.mktemp("joint")
    model = dbm()
    train(model, output, describe=lambda: "seed = 0\n")
    return output, model


def test_the_whole_and_its_halves_are_runs(finished):
    output, model = finished
    for folder in (".", "pretraining/layer-1", "pretraining/layer-2"):
        names = {path.name for path in (output / folder).iterdir()}
        assert {"model.keras", "history.csv", "samples.png"} <= names
    assert (output / "operative_config.gin").read_text() == "seed = 0\n"
    assert_same_states(keras.models.load_model(output / "model.keras"), model)


def test_a_run_that_is_there_is_left_alone(finished):
    output, _ = finished
    with pytest.raises(ValueError, match="a folder without a run"):
        train(dbm(), output, describe=lambda: "seed = 1\n")
    assert (output / "operative_config.gin").read_text() == "seed = 0\n"


@pytest.mark.slow
def test_a_run_that_was_stopped_between_them_goes_on(finished, tmp_path):
    """To the last bit as if it had not been stopped."""
    _, expected = finished

    class Stop(Exception):
        pass

    def stop(*args, **kwargs):
        raise Stop

    with pytest.raises(Stop):
        train(dbm(), tmp_path, train=stop, describe=lambda: "seed = 0\n")
    # By which the command resumes it.
    text = (tmp_path / "operative_config.gin").read_text()
    assert text == "seed = 0\n"
    model = dbm()
    train(model, tmp_path, pretrain=stop, resume=True)
    assert_same_states(model, expected)


def test_resumed_halves_that_accept_new_settings(tmp_path):
    """The next resumption needs them, too."""
    (tmp_path / "operative_config.gin").write_text("before")

    def stopped(model, data, output, describe, resume):
        describe()
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        train(
            dbm(),
            tmp_path,
            resume=True,
            pretrain=stopped,
            describe=lambda: "accepted",
        )
    text = (tmp_path / "operative_config.gin").read_text()
    assert text == "accepted"


def test_halves_that_were_trained_here_need_no_file(tmp_path):
    """Of several processes, only the chief saves them."""
    done = train(
        dbm(),
        tmp_path,
        pretrain=lambda *args, **kwargs: None,
        train=lambda *args, **kwargs: "trained",
    )
    assert done == "trained"


def test_a_finished_pretraining_can_be_taken(finished, tmp_path):
    output, expected = finished
    model = dbm()
    train(model, tmp_path, pretrained=output / "pretraining")
    assert_same_states(model, expected)
    with pytest.raises(ValueError, match="`pretrained` must be True, False"):
        train(dbm(), tmp_path / "other", pretrained=tmp_path / "none")


def test_a_random_start(tmp_path):
    starts = []
    train(
        dbm(),
        tmp_path,
        pretrained=False,
        pretrain=pytest.fail,
        train=lambda model, *args, **kwargs: starts.append(model),
    )
    assert not (tmp_path / "pretraining").exists()
    (model,) = starts
    assert_same_states(model, dbm())
