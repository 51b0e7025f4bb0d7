"""`pretrain`: trains the layers of a stack of RBMs, each in its own run."""

import logging
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_rbm import networks
from keras_rbm.data import Data, binarized, check_data, some
from keras_rbm.experiment import training
from keras_rbm.experiment.data_source import UpperLayerData
from keras_rbm.experiment.run_folder import RunFolder
from keras_rbm.networks import DeepBeliefNetwork
from keras_rbm.networks.pretraining import check_finished_layers, one_per_layer
from keras_rbm.typing import Path, States

_LOG = logging.getLogger("keras_rbm")
# The most examples to which the start of a tied layer is adapted.
_MOST_MEAN_EXAMPLES = 10_000


def pretrain(
    model: DeepBeliefNetwork,
    data: Data,
    output: Path,
    train: Callable[..., Any] | Sequence[Callable[..., Any]] = training.run,
    states: States = "means",
    tied: bool = False,
    seed: int = 0,
    describe: Callable[[], str] | None = None,
    resume: bool = False,
) -> list[keras.callbacks.History | None]:
    """Trains the layers one after the other, each as a separate run.

    The runs are in `output/layer-1`, `output/layer-2` and so on, with all files
    of a run, and the whole network is saved as `output/model.keras`. Lower
    layers transform the data batch by batch, in the graph. A stopped run can be
    resumed where it was, also within a layer.

    Args:
        model: A `DeepBeliefNetwork`.
        data: A `keras_rbm.data.Data` as wide as the network's visible side.
        output: Directory to write to; created if it does not exist.
        train: `run` with arguments of your choice, such as
            `functools.partial(run, epochs=20)`; or a list with a function for
            each layer. The function is called with the model, the data (an
            `UpperLayerData` for an upper layer), the output, `describe=` and
            `resume=`.
        states: `"means"` or `"draws"`, which a layer passes to the next one;
            see `networks.LowerLayers`.
        tied: Whether a layer starts from the transpose of the layer below, if
            it has the same units with sides swapped; see `networks.tie`.
        seed: Integer from 0 to 2**64 - 1, for the draws with `states="draws"`.
        describe: As for `run`.
        resume: Whether to continue the run in `output`, or start it if there is
            none.

    Returns:
        List of Keras `History`, one for each layer; `None` for a layer that had
        already finished.

    Raises:
        ValueError: As for `run`, or if the whole run is finished.

    Example:
        bars = keras_rbm.data.bars_and_stripes(4)
        train = functools.partial(
            experiment.run, updates=2, log_likelihood_every=0
        )
        network = keras_rbm.DeepBeliefNetwork([keras_rbm.RBM(16, 8, seed=0)])
        experiment.pretrain(network, bars, "pretraining", train)
    """
    if not isinstance(model, networks.DeepBeliefNetwork):
        raise ValueError(
            "`model` must be a DeepBeliefNetwork of the layers to train. "
            f"Received: model={model!r}"
        )
    check_data(data, model.visible.width)
    whole = RunFolder(output, resume)
    whole.refuse_finished_run("model.keras")
    whole.write_config(describe)
    runs = one_per_layer("train", train, len(model.rbms))
    saved_layers = [
        pathlib.Path(output, f"layer-{number}", "model.keras")
        for number in range(1, len(runs) + 1)
    ]
    check_finished_layers("output", output, saved_layers)
    histories = []
    for number, (rbm, train_layer) in enumerate(
        zip(model.rbms, runs, strict=True)
    ):
        saved = saved_layers[number]
        folder = saved.parent
        lower_layers = networks.LowerLayers(model.rbms[:number], states, seed)
        _LOG.info("layer %d of %d, in %s", number + 1, len(runs), folder)
        if resume and saved.exists():
            rbm.load_weights(saved)
            histories.append(None)
            continue
        if tied and number:
            x = binarized(some(data.train, _MOST_MEAN_EXAMPLES), "none")
            rbm.adapt(lower_layers.array(x))
            networks.tie(model.rbms[number - 1], rbm)
        histories.append(
            train_layer(
                rbm,
                UpperLayerData(data, lower_layers) if number else data,
                str(folder),
                describe=whole.describe_part(describe),
                resume=resume,
            )
        )
    whole.save_model(model, "model.keras")
    return histories


def finished_network(name, folder):
    """Returns the path of the network from a finished run of `pretrain`.

    Args:
        name: The argument's name, for the error.
        folder: Path of the run.

    Returns:
        The path of its `model.keras`.

    Raises:
        ValueError: If there is no such file.
    """
    path = pathlib.Path(folder) / "model.keras"
    if not path.is_file():
        raise ValueError(
            f"`{name}` must be True, False or the folder of a finished run of "
            f"pretraining. Received: {name}={folder!r}"
        )
    return path
