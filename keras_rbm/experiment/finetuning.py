"""`finetune`: fine-tunes a pretrained stack as a classifier with labels."""

import dataclasses
import json
import logging
import pathlib
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_rbm import (
    callbacks,
    checkpoints,
    checks,
    devices,
    networks,
    schedules,
)
from keras_rbm.data import Data, batches, check_data, in_order
from keras_rbm.data.checks import check_integer
from keras_rbm.experiment import pretraining, run_folder
from keras_rbm.experiment.data_source import digests
from keras_rbm.experiment.run_folder import RunFolder
from keras_rbm.networks import DeepBeliefNetwork
from keras_rbm.typing import LearningRate, MakeOptimizer, Path

_LOG = logging.getLogger("keras_rbm")
_SPLITS = ("train", "validation", "test")
_BATCH = 1000  # For the evaluation.


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
    """Pretrains a network without labels, then fine-tunes it with labels.

    Writes into `output`: `classifier.keras`, the last three `checkpoints/`,
    `history.csv`, TensorBoard's events in `tensorboard/`, `finetuning.json`
    with the errors, and the runs of pretraining in `pretraining/`.

    Args:
        model: A `DeepBeliefNetwork`.
        data: A `keras_rbm.data.Data` of rows (x, one-hot y), such as
            `mnist(num_classes=10)`.
        output: Directory to write to; created if it does not exist.
        num_classes: Number of classes; their columns are the last ones of the
            data.
        pretrained: Whether to pretrain the network first with `pretrain`; or
            the path of a finished run of pretraining to start from. `False` for
            the same network from Keras's random start.
        pretrain: Function to pretrain the network, called with the model, the
            data without labels, the output, `describe=` and `resume=`, such as
            `experiment.pretrain`.
        optimizer: Function of a `learning_rate` that returns a Keras optimizer,
            such as a class of optimizers.
        learning_rate: Number, Keras schedule, or function of the number of
            updates of the run that returns one, such as `linear_decay`.
        epochs: Number of epochs of fine-tuning.
        batch_size: Number of examples in a batch, at most all training
            examples.
        dropout: See `DeepBeliefNetwork.to_classifier`.
        input_dropout: Dropout rate of the inputs.
        max_norm: The largest norm of the weights into a hidden unit.
        seed: Integer from 0 to 2**63 - 1, for the order of the examples, a
            random start and dropout.
        describe: As for `run`.
        checkpoint_minutes: Number of minutes between checkpoints, which are
            written at the ends of epochs and at the end of the run; `None` for
            only the last one.
        resume: Whether to continue the run in `output`, within a layer of the
            pretraining or after a whole epoch of the fine-tuning. The results
            are the same as in an uninterrupted run.

    Returns:
        Dictionary with the contents of `finetuning.json`: the share of wrong
        answers in each split, such as `test_error`, their number, and the
        duration in seconds (of this call only, if the run was resumed).

    Raises:
        ValueError: If an argument is not as described, if the run is finished,
            or if it is resumed with other settings.
        OSError: If a checkpoint cannot be written.
        callbacks.Interrupted: When SIGTERM or SIGINT came and the run has been
            saved.

    Example:
        digits = keras_rbm.data.digits(num_classes=10)
        network = keras_rbm.DeepBeliefNetwork([keras_rbm.RBM(64, 16, seed=0)])
        results = experiment.finetune(
            network, digits, "classifier", pretrained=False, epochs=1
        )
        print(results["test_error"])
    """
    epochs = checks.positive_integer("epochs", epochs)
    batch_size = checks.positive_integer("batch_size", batch_size)
    if checkpoint_minutes is not None:
        checks.positive_number("checkpoint_minutes", checkpoint_minutes)
    seed = check_integer(seed, "seed", 0)
    folder = RunFolder(output, resume)
    folder.refuse_finished_run("classifier.keras")
    folder.refuse_begun_run()
    features, num_classes = without_labels(data, num_classes)
    check_data(features, model.visible.width)
    if batch_size > len(data.train):
        raise ValueError(
            "`batch_size` must be at most the number of training examples, "
            f"{len(data.train)}. Received: batch_size={batch_size}"
        )
    steps = len(data.train) // batch_size
    learning_rate = schedules.of_run(learning_rate, steps * epochs)

    def compiled_classifier():
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

    # Before any work, so that wrong arguments are refused here.
    classifier = compiled_classifier()
    checkpoint = callbacks.Checkpoint(
        folder.checkpoints,
        run_folder.settings(
            classifier,
            steps,
            epochs,
            data=digests(data),
            batch_size=batch_size,
            seed=seed,
            pretrained=str(pretrained),
        ),
        checkpoint_minutes,
        about=run_folder.versions(),
    )
    folder.write_config(describe)
    begin = time.perf_counter()
    if not checkpoints.exist(folder.checkpoints):
        if devices.is_chief():
            # Removes events of a run that ended before its first checkpoint.
            callbacks.rewind(folder.log_dir, 0)
        _load_or_pretrain(
            model, features, folder, pretrained, pretrain, describe
        )
        classifier = compiled_classifier()
    seconds = {"pretraining": time.perf_counter() - begin}
    begin = time.perf_counter()
    done = folder.restore(checkpoint, classifier, epochs, steps * epochs)
    folder.replace_config(describe)
    # An optimizer that accumulates gradients counts fewer updates.
    batches_done = done.epoch * steps
    split = label_splitter(num_classes)
    validation = None
    if data.validation is not None:
        validation = in_order(data.validation, _BATCH).map(split)
    progress = [callbacks.Progress("error", done=batches_done)]
    log = callbacks.EpochLog(batches_done)
    with run_folder.stop_on_signals(checkpoint), log.alive():
        classifier.fit(
            batches(
                data.train, batch_size, seed=seed, first_step=batches_done
            ).map(split),
            epochs=epochs,
            steps_per_epoch=steps,
            initial_epoch=done.epoch,
            validation_data=validation,
            callbacks=[
                callbacks.Scalars(folder.log_dir),
                *callbacks.on_chief(folder.history_logger()),
                log,
                *(progress if sys.stdout.isatty() else []),
                checkpoint,  # After callbacks whose work it records.
            ],
            shuffle=False,  # They are shuffled: Keras would warn.
            verbose=0,
        )
    seconds["finetuning"] = time.perf_counter() - begin
    results = {
        "pretrained": str(pretrained),
        "seconds": seconds,
        **_errors(classifier, data, num_classes),
    }
    _LOG.info("%s", error_summary(results))
    folder.write_text("finetuning.json", json.dumps(results, indent=2))
    folder.save_model(classifier, "classifier.keras")
    return results


def error_summary(results: dict[str, Any]) -> str:
    """Returns a line about the errors in each split.

    Args:
        results: The dictionary that `finetune` returned.

    Returns:
        Text, such as "train error 0.10 % (60 examples), test error ...".

    Example:
        results = {"test_error": 0.031, "test_wrong": 56}
        print(experiment.error_summary(results))
    """
    errors = [
        f"{name} error {100 * results[f'{name}_error']:.2f} % "
        f"({results[f'{name}_wrong']} examples)"
        for name in _SPLITS
        if f"{name}_error" in results
    ]
    return ", ".join(errors)


def _load_or_pretrain(model, data, folder, pretrained, pretrain, describe):
    """Gives the network the weights from which fine-tuning starts."""
    if pretrained is False:
        return
    if pretrained is not True:
        path = pretraining.finished_network("pretrained", pretrained)
        model.load_weights(path)
        return
    output = pathlib.Path(folder.path("pretraining"))
    if folder.resume and (output / "model.keras").exists():
        model.load_weights(output / "model.keras")
        return
    pretrain(
        model,
        data,
        str(output),
        describe=folder.describe_part(describe),
        resume=folder.resume,
    )


def _errors(classifier, data, num_classes):
    """Counts and shares of the wrong answers in each split."""
    found = {}
    for name in _SPLITS:
        x = getattr(data, name)
        if x is not None:
            wrong = _wrong_answers(classifier, x, num_classes)
            found[f"{name}_wrong"] = int(wrong.sum())
            found[f"{name}_error"] = float(wrong.mean())
    return found


@keras.saving.register_keras_serializable("keras_rbm")
class WrongAnswers(keras.metrics.MeanMetricWrapper):
    """The share of examples whose most probable class is wrong."""

    def __init__(self, name="error", dtype=None):
        super().__init__(_is_wrong, name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def without_labels(data, num_classes):
    """Returns data without their labels.

    Args:
        data: A `keras_rbm.data.Data` of rows (x, one-hot y).
        num_classes: Number of classes; their columns are the last ones.

    Returns:
        A `Data` of the first columns, and `num_classes` as an `int`.

    Raises:
        ValueError: If the last columns are not one-hot.
    """
    num_classes = checks.positive_integer("num_classes", num_classes)
    if num_classes >= data.width:
        raise ValueError(
            "`num_classes` must leave columns that are no labels. Received: "
            f"num_classes={num_classes}, data.width={data.width}"
        )
    found = {}
    for split in _SPLITS:
        x = getattr(data, split)
        if x is None:
            continue
        labels = x[:, -num_classes:]
        one = 255 if x.dtype == np.uint8 else 1
        if not (
            np.isin(labels, (0, one)).all()
            and (labels.astype("int64").sum(axis=1) == one).all()
        ):
            raise ValueError(
                "`data` must be rows (x, one-hot y), such as "
                f"mnist(num_classes={num_classes}) returns. Received: "
                f"data.{split} with other values in the last {num_classes} "
                "columns"
            )
        found[split] = x[:, :-num_classes]
    picture = data.picture
    if picture is not None:
        picture = picture._replace(matrix=picture.matrix[:-num_classes])
        matrix = picture.matrix
        if not np.any(picture.offset) and _is_identity(matrix):
            picture = None
    return dataclasses.replace(data, picture=picture, **found), num_classes


def label_splitter(num_classes):
    """Returns a function that splits batches of rows into x and one-hot y."""
    return lambda rows: (rows[:, :-num_classes], rows[:, -num_classes:])


def _is_identity(matrix):
    return len(set(matrix.shape)) == 1 and not np.any(
        matrix - np.eye(len(matrix), dtype=matrix.dtype)
    )


def _wrong_answers(classifier, x, num_classes):
    """Returns which examples are classified wrongly.

    Args:
        classifier: A Keras model that returns the probabilities of classes.
        x: Array of rows (x, one-hot y).
        num_classes: Number of classes.

    Returns:
        Boolean array of shape `(rows,)`.
    """
    split = label_splitter(num_classes)
    parts = []
    for v, y in in_order(x, _BATCH).map(split):
        answers = classifier.predict_on_batch(v).argmax(axis=1)
        parts.append(answers != np.argmax(y, axis=1))
    return np.concatenate(parts)


def _is_wrong(y, p):
    return keras.ops.cast(
        keras.ops.argmax(y, axis=-1) != keras.ops.argmax(p, axis=-1), "float32"
    )
