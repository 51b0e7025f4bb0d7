"""A run for each layer: resumed within it, with a folder for each."""

import functools
import gc
import shutil

import keras
import numpy as np
import pytest

from keras_rbm import RBM, DeepBeliefNetwork, PersistentChain, data, experiment
from keras_rbm.callbacks import Checkpoint
from keras_rbm.networks import LowerLayers
from tests.machines import assert_same_states

RUN = functools.partial(
    experiment.run,
    epochs=2,
    batch_size=10,
    log_likelihood_every=0,
    checkpoint_updates=5,
)


def network():
    chains = [PersistentChain(8), PersistentChain(8)]
    return DeepBeliefNetwork(
        [RBM(12, 6, chains[0], seed=1), RBM(6, 12, chains[1], seed=2)]
    )


def tiny():
    draws = np.random.default_rng(0).random((70, 12))
    x = (draws < 0.3).astype("float32")
    return data.Data("tiny", x[:50], x[50:], image_shape=(3, 4))


def pretrain(model, output, **kwargs):
    return experiment.pretrain(
        model, tiny(), output, **{"train": RUN, "tied": True, **kwargs}
    )


# Shapes of the splits, and how to binarize them, of each evaluated layer.
evaluated = []


def evaluation(model, data, output, binarize):
    """Stands in for `evaluation.evaluate`."""
    splits = ("train", "validation", "test")
    found = {split: getattr(data, split) for split in splits}
    shapes = [None if x is None else x.shape for x in found.values()]
    evaluated.append((shapes, binarize))


@pytest.fixture(scope="module")
def finished(how_updates_are_made, tmp_path_factory):
    output = tmp_path_factory.mktemp("pretraining")
    model = network()
    train = functools.partial(RUN, binarize="threshold", evaluation=evaluation)
    histories = pretrain(
        model, output, train=train, describe=lambda: "seed = 0\n"
    )
    assert [len(history.epoch) for history in histories] == [2, 2]
    return output, model


def test_each_layer_is_evaluated_on_all_examples(finished):
    assert evaluated[-2:] == [
        ([(50, 12), (20, 12), None], "threshold"),
        ([(50, 6), (20, 6), None], "none"),
    ]


@pytest.mark.slow
def test_each_layer_leaves_a_run_behind(finished):
    output, model = finished
    for layer in ("layer-1", "layer-2"):
        names = {path.name for path in (output / layer).iterdir()}
        assert {"model.keras", "history.csv", "tensorboard"} <= names
        assert {"filters.png", "samples.png", "checkpoints"} <= names
    assert (output / "operative_config.gin").read_text() == "seed = 0\n"
    loaded = keras.models.load_model(output / "model.keras")
    assert_same_states(loaded, model)


def test_a_run_that_stopped_between_layers_goes_on(finished, tmp_path):
    """To the last bit as if it had not been stopped."""
    output, expected = finished
    shutil.copytree(output / "layer-1", tmp_path / "layer-1")
    with pytest.raises(ValueError, match="without a run"):
        pretrain(network(), tmp_path)
    model = network()
    config = tmp_path / "operative_config.gin"
    config.write_text("before")
    first, second = pretrain(
        model, tmp_path, resume=True, describe=lambda: "accepted"
    )
    assert first is None
    assert len(second.epoch) == 2
    assert config.read_text() == "accepted"
    assert_same_states(model, expected)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning",  # Keras's CSVLogger is left open.
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_a_stopped_run_goes_on_within_its_layer(finished, tmp_path):
    """To the last bit as if it had not been stopped."""
    _, expected = finished

    class Stop(Exception):
        pass

    def stopping(*args, **kwargs):
        before = Checkpoint.on_epoch_end

        def stop(self, epoch, logs=None):
            before(self, epoch, logs)
            raise Stop

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Checkpoint, "on_epoch_end", stop)
            RUN(*args, **kwargs)

    with pytest.raises(Stop):
        pretrain(network(), tmp_path, train=[RUN, stopping])
    gc.collect()  # The file that is left open, while that is no error.
    assert not (tmp_path / "layer-2" / "model.keras").exists()
    model = network()
    first, second = pretrain(model, tmp_path, resume=True)
    assert first is None
    assert len(second.epoch) == 2
    assert_same_states(model, expected)


def test_a_layer_is_not_resumed_on_other_layers(finished):
    output, _ = finished
    other = network()
    lower_layers = LowerLayers(other.rbms[:1])
    with pytest.raises(ValueError, match=r"other settings.*lower"):
        RUN(
            other.rbms[1],
            experiment.UpperLayerData(tiny(), lower_layers),
            str(output / "layer-2"),
            resume=True,
        )


def test_what_is_finished_is_left_alone(finished):
    with pytest.raises(ValueError, match="is finished"):
        pretrain(network(), finished[0])


def test_bad_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`model` must be a DeepBelief"):
        pretrain(network().rbms[0], tmp_path)
    with pytest.raises(ValueError, match="`train` must be one value, or a"):
        pretrain(network(), tmp_path, train=[RUN])
    wide = DeepBeliefNetwork([RBM(13, 6, seed=0)])
    with pytest.raises(ValueError, match="a column for each visible unit"):
        pretrain(wide, tmp_path)
    assert not list(tmp_path.iterdir())
