"""`train_jointly`: trains a deep Boltzmann machine, starting from two RBMs."""

import logging
import pathlib
from collections.abc import Callable
from typing import Any

import keras

from keras_rbm import networks
from keras_rbm.data import Data, check_data, counts
from keras_rbm.experiment import pretraining, training
from keras_rbm.experiment.run_folder import RunFolder
from keras_rbm.models import DeepBoltzmannMachine
from keras_rbm.typing import Path

_LOG = logging.getLogger("keras_rbm")


def train_jointly(
    model: DeepBoltzmannMachine,
    data: Data,
    output: Path,
    pretrained: bool | Path = True,
    pretrain: Callable[..., Any] = pretraining.pretrain,
    train: Callable[..., Any] = training.run,
    describe: Callable[[], str] | None = None,
    resume: bool = False,
) -> keras.callbacks.History:
    """Trains the halves of a deep Boltzmann machine, then the whole machine.

    `output` has all files of the run of the whole machine, and
    `output/pretraining` the runs of the halves.

    Args:
        model: A `DeepBoltzmannMachine`, with binary features if its halves are
            trained.
        data: A `keras_rbm.data.Data` of intensities, as wide as the model's
            features.
        output: Directory to write to; created if it does not exist.
        pretrained: Whether to train the halves first; or the path of a finished
            run of the halves to start from; `False` for a random start.
        pretrain: Function that trains the halves as a `DeepBeliefNetwork`, such
            as `pretrain` with arguments of your choice. Its data are counts
            from 0 to 2.
        train: `run`, with arguments of your choice, for the whole machine.
        describe: As for `run`.
        resume: Whether to continue the run in `output`.

    Returns:
        The Keras `History` of the whole machine.

    Raises:
        ValueError: As for `run`, or if an argument is not as described.

    Reference: Salakhutdinov and Hinton (2009), "Deep Boltzmann machines".

    Example:
        bars = keras_rbm.data.bars_and_stripes(4)
        model = keras_rbm.DeepBoltzmannMachine(16, 8, 4, seed=0)
        train = functools.partial(
            experiment.run, updates=2, log_likelihood_every=0
        )
        experiment.train_jointly(
            model, bars, "dbm", pretrained=False, train=train
        )
    """
    if not isinstance(model, DeepBoltzmannMachine):
        raise ValueError(
            f"`model` must be a DeepBoltzmannMachine. Received: model={model!r}"
        )
    check_data(data, model.features.width)
    folder = RunFolder(output, resume)
    folder.refuse_begun_run()
    folder.write_config(describe)
    if pretrained is not False:
        network = networks.split_dbm(model)
        output_of_both = pathlib.Path(output, "pretraining")
        saved = output_of_both / "model.keras"
        if pretrained is not True:
            saved = pretraining.finished_network("pretrained", pretrained)
            network.load_weights(saved)
        elif resume and saved.exists():
            network.load_weights(saved)
        else:
            # Of several processes, only the chief saves the network.
            pretrain(
                network,
                counts(data, 2),
                str(output_of_both),
                describe=folder.describe_part(describe),
                resume=resume,
            )
        networks.join_dbm(network, model)
    _LOG.info("all layers together, in %s", output)
    return train(model, data, str(output), describe=describe, resume=resume)
