"""A classifier from a pretrained stack, fine-tuned with labels."""

import json
import logging
import pathlib
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_rbm import callbacks, checkpoints, checks, networks, schedules
from keras_rbm.data import Data, batches, check_data, in_order
from keras_rbm.experiment import files, labelled, pretraining
from keras_rbm.experiment.settings import settings, versions
from keras_rbm.experiment.signals import stopping
from keras_rbm.experiment.wrong_answers import BATCH, WrongAnswers, wrong
from keras_rbm.networks import DeepBeliefNetwork
from keras_rbm.typing import LearningRate, MakeOptimizer, Path

_LOG = logging.getLogger("keras_rbm")
_SPLITS = ("train", "validation", "test")


def finetune(
    model: DeepBeliefNetwork,
    data: Data,
    output: Path,
    num_classes: int = 10,
    pretrained: bool | Path = True,
    pretrain: Callable[..., Any] = pretraining.pretrain,
    optimizer: MakeOptimizer = keras.optimizers.Adam,
    learning_rate: LearningRate = 1e-3,
    epochs: int = 50,
    batch_size: int = 100,
    dropout: float | Sequence[float] = 0.0,
    input_dropout: float = 0.0,
    max_norm: float | None = None,
    seed: int = 0,
    describe: Callable[[], str] | None = None,
    checkpoint_minutes: float | None = 1.0,
    resume: bool = False,
) -> dict[str, Any]:
    """Pretrains a network without labels, fine-tunes it with them.

    Into `output` go `classifier.keras`, the last three `checkpoints/`,
    `history.csv`, TensorBoard's events in `tensorboard/`, `finetuning.json`
    with the errors, and the runs of pretraining in `pretraining/`.

    Args:
        model: A `DeepBeliefNetwork`.
        data: A `keras_rbm.data.Data` of rows (x, one-hot y), such as
            `mnist(num_classes=10)`.
        output: Directory to write to; it is made if need be.
        num_classes: Number of classes, the last columns of the data.
        pretrained: Whether to pretrain the network first, by `pretrain`; or
            the path of a finished run of that, to begin with; `False` for the
            same network from Keras's random start.
        pretrain: Function of the model, the data (without labels), the
            output, `describe=` and `resume=`, such as `experiment.pretrain`.
        optimizer: Function of a `learning_rate` that returns a Keras
            optimizer, such as its class.
        learning_rate: Number, Keras schedule, or function of the number of
            updates of the run that returns one, such as `linear_decay`.
        epochs: Number of epochs of fine-tuning.
        batch_size: Number of examples in a batch.
        dropout: See `DeepBeliefNetwork.to_classifier`, as for the next two.
        input_dropout: Rate of the inputs.
        max_norm: The largest norm of what comes into a hidden unit.
        seed: Integer from 0 to 2**63 - 1, for the order of the examples, a
            random start and dropout.
        describe: As for `run`.
        checkpoint_minutes: A checkpoint is written at the end of an epoch
            after so many minutes, and at the end of all; `None` for only the
            latter.
        resume: Whether to go on with what is in `output`: within a layer of
            the pretraining, or after a whole epoch of the fine-tuning. The run
            then ends as one that was never stopped.

    Returns:
        Dictionary of what is in `finetuning.json`: the share of wrong answers
        in each split, such as `test_error`, how many they are, and seconds
        (of this call, where it goes on with another).

    Raises:
        ValueError: If an argument is not as described, the run is finished, or
            it is resumed with other settings.
        OSError: If a checkpoint cannot be written.
        callbacks.Interrupted: When SIGTERM or SIGINT came and the run has been
            saved.
    """
    epochs = checks.positive_integer("epochs", epochs)
    if checkpoint_minutes is not None:
        checks.positive_number("checkpoint_minutes", checkpoint_minutes)
    output = pathlib.Path(output)
    final = output / "classifier.keras"
    if final.exists():
        raise ValueError(
            f"the run in {output} is finished: begin another one elsewhere"
        )
    folder = files.checkpoint_folder(output, resume)
    features, num_classes = labelled.features(data, num_classes)
    check_data(features, model.visible.width)
    steps = checks.positive_integer(
        "steps_per_epoch", len(data.train) // batch_size
    )
    learning_rate = schedules.of_run(learning_rate, steps * epochs)

    def compiled():
        keras.utils.set_random_seed(seed % 2**32)
        classifier = model.to_classifier(
            num_classes, dropout, input_dropout, max_norm
        )
        if pretrained is False:
            classifier = keras.models.clone_model(classifier)
        classifier.compile(
            optimizer(learning_rate=learning_rate),
            keras.losses.CategoricalCrossentropy(),
            metrics=[WrongAnswers()],
            steps_per_execution=networks.steps_per_execution(steps),
        )
        return classifier

    # What is wrong with the arguments is told before any work.
    classifier = compiled()
    checkpoint = callbacks.Checkpoint(
        folder,
        settings(
            classifier,
            data,
            steps,
            epochs,
            batch_size=batch_size,
            seed=seed,
            pretrained=str(pretrained),
        ),
        checkpoint_minutes,
        about=versions(),
    )
    files.describe(describe, output, resume)
    log_dir = str(output / "tensorboard")
    begin = time.perf_counter()
    if not checkpoints.exist(folder):
        callbacks.rewind(log_dir, 0)  # Begun before.
        model = _pretrained(
            model, features, output, pretrained, pretrain, describe, resume
        )
        classifier = compiled()
    seconds = {"pretraining": time.perf_counter() - begin}
    begin = time.perf_counter()
    done = callbacks.Position()
    if resume:
        done = files.resume(
            output, log_dir, checkpoint, classifier, epochs, steps * epochs
        )
    # An optimizer that accumulates gradients counts fewer updates.
    batches_done = done.epoch * steps
    split = labelled.splitter(num_classes)
    validation = None
    if data.validation is not None:
        validation = in_order(data.validation, BATCH).map(split)
    shown = [callbacks.Progress("error", done=batches_done)]
    table = keras.callbacks.CSVLogger(
        str(output / "history.csv"), append=resume
    )
    with stopping(checkpoint):
        classifier.fit(
            batches(
                data.train, batch_size, seed=seed, first_step=batches_done
            ).map(split),
            epochs=epochs,
            steps_per_epoch=steps,
            initial_epoch=done.epoch,
            validation_data=validation,
            callbacks=[
                callbacks.Scalars(log_dir),
                *callbacks.on_chief(table),
                callbacks.EpochLog(),
                *(shown if sys.stdout.isatty() else []),
                checkpoint,  # After those whose work it takes for done.
            ],
            shuffle=False,  # They are: Keras would warn.
            verbose=0,
        )
    seconds["finetuning"] = time.perf_counter() - begin
    figures = {"pretrained": str(pretrained), "seconds": seconds}
    for name in _SPLITS:
        x = getattr(data, name)
        if x is not None:
            errors = wrong(classifier, x, num_classes)
            figures[f"{name}_wrong"] = int(errors.sum())
            figures[f"{name}_error"] = float(errors.mean())
    _LOG.info("%s", told(figures))
    files.write(output / "finetuning.json", json.dumps(figures, indent=2))
    files.save(classifier, final)
    return figures


def told(figures: dict[str, Any]) -> str:
    """What `finetune` returned, in a line for each split."""
    lines = [
        f"{name} error {100 * figures[f'{name}_error']:.2f} % "
        f"({figures[f'{name}_wrong']} examples)"
        for name in _SPLITS
        if f"{name}_error" in figures
    ]
    return ", ".join(lines)


def _pretrained(model, data, output, pretrained, pretrain, describe, resume):
    """The network to begin with."""
    if pretrained is False:
        return model
    if pretrained is not True:
        path = pretraining.finished("pretrained", pretrained)
        model.load_weights(path)
        return model
    folder = output / "pretraining"
    if resume and (folder / "model.keras").exists():
        model.load_weights(folder / "model.keras")
        return model
    pretrain(model, data, str(folder), describe=describe, resume=resume)
    return model
