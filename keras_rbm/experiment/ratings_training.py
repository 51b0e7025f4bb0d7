"""`train_ratings`: a run that learns ratings and predicts held-out ones."""

import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_rbm import callbacks, checks, devices, json_arrays
from keras_rbm.data import RatingsData
from keras_rbm.experiment import run_folder
from keras_rbm.experiment.run_folder import RunFolder
from keras_rbm.models import RatingsRBM
from keras_rbm.schedules import of_run
from keras_rbm.typing import LearningRate, MakeOptimizer, Path

_LOG = logging.getLogger("keras_rbm")


def train_ratings(
    model: Callable[..., RatingsRBM],
    data: RatingsData,
    output: Path,
    optimizer: MakeOptimizer = keras.optimizers.SGD,
    learning_rate: LearningRate = 0.1,
    epochs: int = 40,
    batch_size: int = 100,
    num_sweeps: Mapping[float, int] | None = None,
    measure_every: int = 5,
    evaluation: Callable[..., dict[str, Any]] | None = None,
    describe: Callable[[], str] | None = None,
    checkpoint_minutes: float | None = 1.0,
    checkpoint_updates: int | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Trains a `RatingsRBM`, and measures its predictions of held-out ratings.

    Writes into `output`: `model.keras`, the last three `checkpoints/`,
    `history.csv`, TensorBoard's events in `tensorboard/`, and `ratings.json`
    with the errors and the ranking measures.

    The model learns from `data.train`. During training, `val_rmse` is the error
    of the validation ratings. Test ratings are predicted only from the training
    ratings.

    Args:
        model: Function of `num_items`, `values` and `num_users` that returns a
            `RatingsRBM`, such as the class itself.
        data: A `keras_rbm.data.RatingsData`.
        output: Directory to write to; created if it does not exist.
        optimizer: Function of a `learning_rate` that returns a Keras optimizer,
            such as a class of optimizers.
        learning_rate: Number, Keras schedule, or function of the number of
            updates of the run that returns one, such as `linear_decay`.
        epochs: Number of passes over the users (the model's rows).
        batch_size: Number of users (the model's rows) in a batch.
        num_sweeps: Schedule of the number of sweeps, such as `{0: 1, 0.8: 5}`
            (see `callbacks.NumSweeps`); `None` for the model's own number.
        measure_every: Number of epochs between measures of `val_rmse`.
        evaluation: Function of the model, `data.train` and held-out ratings
            that returns a dictionary of numbers, such as
            `evaluation.evaluate_ratings`; `None` to measure nothing at the end.
        describe: As for `run`.
        checkpoint_minutes: Number of minutes between checkpoints; `None` for
            only one at the end.
        checkpoint_updates: Number of updates between checkpoints, or `None`.
        resume: Whether to continue from the newest checkpoint in `output`. The
            results are the same as in an uninterrupted run.

    Returns:
        Dictionary with the contents of `ratings.json`: the result of
        `evaluation` for each of the splits `"validation"` and `"test"` that
        exist, and the duration in seconds.

    Raises:
        ValueError: If an argument is not as described, if the run is finished,
            or if it is resumed with other settings.
        OSError: If a checkpoint cannot be written.
        callbacks.Interrupted: When SIGTERM or SIGINT came and the run has been
            saved.

    Example:
        train, test = ratings.split(0.2, seed=0)
        held_out = keras_rbm.data.RatingsData("films", train, None, test)
        results = experiment.train_ratings(
            functools.partial(keras_rbm.RatingsRBM, hidden=4),
            held_out,
            "films",
            epochs=2,
            evaluation=evaluation.rating_errors,
        )
        print(experiment.ratings_summary(results))
    """
    if not isinstance(data, RatingsData):
        raise ValueError(
            "`data` must be a RatingsData, such as that of "
            f"keras_rbm.data.movielens. Received: type(data)="
            f"{type(data).__name__}"
        )
    epochs = checks.positive_integer("epochs", epochs)
    batch_size = checks.positive_integer("batch_size", batch_size)
    folder = RunFolder(output, resume)
    folder.refuse_begun_run()
    model = model(
        num_items=data.train.num_items,
        values=data.train.values,
        num_users=data.train.num_users,
    )
    rows = model.oriented(data.train).num_users
    steps = -(-rows // batch_size)
    rate = of_run(learning_rate, steps * epochs)
    with devices.scope(model.distribute_strategy):
        model.compile(optimizer(learning_rate=rate))
    sweeps = [] if num_sweeps is None else [callbacks.NumSweeps(num_sweeps)]
    measures = []
    if data.validation is not None:
        measures = [
            callbacks.HeldOutRatings(data.train, data.validation, measure_every)
        ]
    checkpoint = callbacks.Checkpoint(
        folder.checkpoints,
        run_folder.settings(
            model,
            steps,
            epochs,
            num_sweeps,
            data=_digest(data),
            batch_size=batch_size,
            measure_every=measure_every,
        ),
        checkpoint_minutes,
        checkpoint_updates,
        callbacks=measures,
        about=run_folder.versions(),
    )
    os.makedirs(folder.checkpoints, exist_ok=True)
    done = folder.restore(checkpoint, model, epochs, steps * epochs)
    folder.replace_config(describe)
    _LOG.info(
        "%d updates on %s: %s, %d hidden units",
        steps * epochs - done.updates,
        data.name,
        data.train,
        model.hidden.width,
    )
    progress = [callbacks.Progress("reconstruction_error", done=done.updates)]
    log = callbacks.EpochLog(done.updates)
    begin = time.perf_counter()
    with run_folder.stop_on_signals(checkpoint), log.alive():
        model.fit(
            data.train,
            epochs=epochs,
            batch_size=batch_size,
            initial_epoch=done.epoch,
            initial_step=done.step,
            callbacks=[
                callbacks.StopOnDivergence(checkpoint.describe_latest),
                *sweeps,  # Before the callbacks that read its logs.
                *measures,  # These too.
                callbacks.Scalars(folder.log_dir),
                *callbacks.on_chief(folder.history_logger()),
                log,
                *(progress if sys.stdout.isatty() else []),
                checkpoint,  # After callbacks whose work it records.
            ],
            verbose=0,
        )
    results = {"seconds": time.perf_counter() - begin}
    for split in ("validation", "test"):
        held_out = getattr(data, split)
        if evaluation is not None and held_out is not None:
            results[split] = evaluation(model, data.train, held_out)
    for line in ratings_summary(results).split("\n"):
        _LOG.info("%s", line)
    text = json.dumps(results, indent=2, default=json_arrays.number)
    folder.write_text("ratings.json", text)
    folder.save_model(model, "model.keras")
    return results


def ratings_summary(results: dict[str, Any]) -> str:
    """Returns a line about the errors in each split.

    Args:
        results: The dictionary that `train_ratings` returned.

    Returns:
        Text, such as "test: rmse 0.9503, mae 0.748, ...".

    Example:
        results = {"test": {"rmse": 0.9503, "mae": 0.748}}
        print(experiment.ratings_summary(results))
    """
    lines = [
        f"{split}: "
        + ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        for split, found in results.items()
        if split in ("validation", "test")
    ]
    return "\n".join(lines) or "no held-out ratings were measured"


def _digest(data):
    """Returns a digest of the training and the validation ratings."""
    sum_ = hashlib.sha256()
    for split in (data.train, data.validation):
        if split is not None:
            for x in (split.users, split.items, split.levels, split.values):
                sum_.update(np.ascontiguousarray(x))
    return f"{len(data.train)} {sum_.hexdigest()[:16]}"
