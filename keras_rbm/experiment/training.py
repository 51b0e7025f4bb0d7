"""`run`: a training run from data to pictures, in plain Python."""

import csv
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np

from keras_rbm import budget, callbacks, checks, devices, plots
from keras_rbm import figures as figures_lib
from keras_rbm.data import Data, some
from keras_rbm.experiment import run_folder
from keras_rbm.experiment.data_source import (
    DataSource,
    UpperLayerData,
    without_missing,
)
from keras_rbm.experiment.run_folder import RunFolder
from keras_rbm.models import FreshCompletion, MachineModel
from keras_rbm.rows import of_width
from keras_rbm.schedules import of_run
from keras_rbm.typing import Binarize, LearningRate, MakeOptimizer, Path

_LOG = logging.getLogger("keras_rbm")
# Number of training examples in the picture of samples.
_MOST_BESIDE_SAMPLES = 2000
# The most numbers in `samples.csv`.
_NUMBERS_OF_SAMPLES = 2**24
# Number of clamped sweeps that fill in a table, and number of draws in their
# second half for the uncertainty.
_SWEEPS, _DRAWS = 1000, 100


def run(
    model: MachineModel,
    data: Data | UpperLayerData,
    output: Path,
    optimizer: MakeOptimizer = keras.optimizers.SGD,
    learning_rate: LearningRate | None = 0.05,
    epochs: int | None = None,
    batch_size: int = 100,
    steps_per_epoch: int | None = None,
    updates: int | None = None,
    binarize: Binarize = "none",
    seed: int = 0,
    pictures_every: int = 5,
    describe: Callable[[], str] | None = None,
    num_sweeps: Mapping[float, int] | Callable[[int], int] | None = None,
    log_likelihood_every: int | Literal["auto"] = "auto",
    checkpoint_minutes: float | None = 1.0,
    checkpoint_updates: int | None = None,
    resume: bool = False,
    figures: Sequence[figures_lib.Figure] = (),
    num_samples: int = 0,
    evaluation: Callable[..., Any] | None = None,
) -> keras.callbacks.History:
    """Trains a model, and saves it with logs, pictures and measures.

    Writes into `output`: `model.keras`, the last three checkpoints
    (`checkpoints/update-NNNNNNNNNN.keras`), `history.csv`, `train.log`,
    TensorBoard's events in `tensorboard/`, `filters.png`, `samples.png` and
    `reconstructions.png` of the final model, the course of training in
    `updates.csv`, `curves.png`, `filters/` and `filters_by_epoch.png`, and the
    files of `figures`. For a table with a schema, also `schema.json`.

    Args:
        model: An `RBM`. If the columns of the data are intensities of pixels,
            the model gets the `image_shape` of the data, unless it has one.
        data: A `keras_rbm.data.Data` as wide as the model's visible side; or,
            for an upper layer of a stack, an `UpperLayerData`.
        output: Directory to write to; created if it does not exist. Of several
            processes, only the chief writes; all must see the directory.
        optimizer: Function of a `learning_rate` that returns a Keras optimizer,
            such as a class of optimizers.
        learning_rate: Number, Keras schedule, or function of the number of
            updates of the run that returns one, such as `linear_decay`; or
            `None`, for an optimizer such as `AutoSGD` that chooses its own.
        epochs: Number of epochs; `None` for 20 (or fewer, to divide `updates`).
        batch_size: Number of examples in a batch; all training examples, if
            there are fewer.
        steps_per_epoch: Number of updates in an epoch; `None` for a pass over
            the training examples, or for an equal share of `updates`.
        updates: Number of updates of the run, in place of `epochs` and
            `steps_per_epoch`. If none of the three is given, the run has 20,000
            updates, or 30 passes if these are more.
        binarize: `"stochastic"`, `"threshold"` or `"none"` (see
            `data.batches`).
        seed: Integer from 0 to 2**63 - 1, for the order and the binarization
            of the examples.
        pictures_every: Number of epochs between TensorBoard's images and
            histograms. The data of its Projector are written at the end.
        describe: Function without arguments that returns the configuration
            as text, for `operative_config.gin` and TensorBoard; or `None`.
        num_sweeps: Schedule of the chain's number of sweeps, such as `{0: 1,
            0.8: 5}` (see `callbacks.NumSweeps`); `None` for the chain's own
            number.
        log_likelihood_every: Number of epochs between measures of the
            log-likelihood of validation examples (without them, of training
            examples) and of the health of the chains; 0 for no measures.
            `"auto"` for up to 40 measures in a run, or fewer that take about a
            tenth of its time.
        checkpoint_minutes: Number of minutes between checkpoints; `None` for
            only one at the end.
        checkpoint_updates: Number of updates between checkpoints, or `None`.
        resume: Whether to continue from the newest checkpoint in `output`.
            Without a checkpoint, the run starts anew. The results are the same
            as in an uninterrupted run.
        figures: Sequence of figures to draw at the end, such as
            `[Restoration()]` (see `keras_rbm.figures`). Some also show
            pictures in TensorBoard, every `pictures_every` epochs.
        num_samples: Number of rows to draw from the final model into
            `samples.csv` (see `Data.write_csv`), or fewer if rows are very
            wide; 0 for no such file. For a table with missing entries, two
            more files are written: `imputed.csv`, the rows of the table with
            missing entries replaced by their means (or most probable
            categories) given the observed entries; and
            `imputed_uncertainty.csv`, the uncertainty of each replaced entry,
            with an empty field for each observed entry (see
            `Schema.uncertainty`).
        evaluation: Function that measures the final model, called with
            `model`, `data`, `output` and `binarize`, such as
            `evaluation.evaluate`; `None` for no evaluation. The `data` of an
            upper layer are the output of the layers below for all examples,
            and `binarize` is then `"none"`.

    Returns:
        The Keras `History`.

    Raises:
        ValueError: If an argument does not fit (before any training), if a run
            is resumed with other settings or without an undamaged checkpoint,
            or if a new run is started in a folder with checkpoints.
        OSError: If a checkpoint cannot be written.
        callbacks.Interrupted: When SIGTERM or SIGINT came and the run has been
            saved.

    Example:
        bars = keras_rbm.data.bars_and_stripes(4)
        rbm = keras_rbm.RBM(16, 8, keras_rbm.PersistentChain(20), seed=0)
        experiment.run(rbm, bars, "bars", updates=2, log_likelihood_every=0)
        again = keras.models.load_model("bars/model.keras")
    """
    checks.positive_integer("pictures_every", pictures_every)
    if log_likelihood_every != "auto":
        checks.positive_integer(
            "log_likelihood_every", log_likelihood_every or 1
        )
    _check_checkpoints(checkpoint_minutes, checkpoint_updates)
    checks.non_negative_integer("num_samples", num_samples)
    if evaluation is not None and not callable(evaluation):
        raise ValueError(
            "`evaluation` must be a function, such as "
            "keras_rbm.evaluation.evaluate, or None. Received: evaluation="
            f"{evaluation!r}"
        )
    _check_model(model, optimizer, learning_rate)
    source = DataSource(data, batch_size, binarize, seed)
    source.check(model)
    if model.image_shape is None and source.num_pixels == model.num_pixels:
        model.image_shape = source.image_shape
    if source.misses and model.missing is None:
        # A run uses batches, whose rows have no chains of their own.
        model.missing = FreshCompletion()
    folder = RunFolder(output, resume)
    folder.refuse_begun_run()
    sweeps = [] if num_sweeps is None else [callbacks.NumSweeps(num_sweeps)]
    epochs, steps = _length(
        epochs, steps_per_epoch, updates, source.steps_per_epoch
    )
    _compile(model, optimizer, learning_rate, steps, epochs)
    figures_lib.check(figures, model, source.figure_data)
    measures = _measures(
        model, source, folder, log_likelihood_every, steps, epochs
    )
    checkpoint = callbacks.Checkpoint(
        folder.checkpoints,
        run_folder.settings(
            model,
            steps,
            epochs,
            num_sweeps,
            log_likelihood=bool(log_likelihood_every),
            **source.settings(),
        ),
        checkpoint_minutes,
        checkpoint_updates,
        callbacks=measures,
        about=run_folder.versions(),
    )
    os.makedirs(folder.checkpoints, exist_ok=True)
    model.prepare(source.training_examples)
    done = folder.restore(checkpoint, model, epochs, steps * epochs)
    _write_config(folder, describe)
    if source.schema is not None and devices.is_chief():
        source.schema.save(folder.path("schema.json"))
    _log_begin(model, source, steps * epochs - done.updates, steps)
    log = callbacks.EpochLog(done.updates)
    begin = time.perf_counter()
    with run_folder.stop_on_signals(checkpoint), log.alive():
        model.fit(
            source.batches(done.updates),
            epochs=epochs,
            steps_per_epoch=steps,
            initial_epoch=done.epoch,
            initial_step=done.step,
            validation_data=source.validation_batches(),
            callbacks=[
                callbacks.StopOnDivergence(checkpoint.describe_latest),
                *sweeps,  # Before the callbacks that read its logs.
                *measures,  # These too.
                *_reports(
                    source, folder, pictures_every, done, measures, figures
                ),
                log,
                checkpoint,  # After callbacks whose work it records.
            ],
            verbose=0,
        )
    _LOG.info("trained in %.0f s", time.perf_counter() - begin)
    _finish(model, source, folder, figures, num_samples, evaluation)
    return checkpoint.history()


def _length(epochs, steps_per_epoch, updates, steps_of_pass):
    """Returns the number of epochs, and of updates in each epoch."""
    if updates is None and epochs is None and steps_per_epoch is None:
        updates = budget.default_updates(steps_of_pass)
    if updates is None:
        return (
            checks.positive_integer("epochs", 20 if epochs is None else epochs),
            checks.positive_integer(
                "steps_per_epoch",
                steps_of_pass if steps_per_epoch is None else steps_per_epoch,
            ),
        )
    if epochs is not None or steps_per_epoch is not None:
        raise ValueError(
            "`updates` must be left out beside `epochs` and "
            f"`steps_per_epoch`. Received: updates={updates}, "
            f"epochs={epochs}, steps_per_epoch={steps_per_epoch}"
        )
    return budget.epochs_of(updates)


def _check_checkpoints(minutes, updates):
    if updates is not None:
        checks.positive_integer("checkpoint_updates", updates)
    if minutes is not None:
        checks.positive_number("checkpoint_minutes", minutes)


def _check_model(model, optimizer, learning_rate):
    if not isinstance(model, keras.Model):
        raise ValueError(
            "`model` must be a model, such as RBM(64, 128). Received: "
            f"model={model!r}"
        )
    if not callable(optimizer):
        raise ValueError(
            "`optimizer` must be a function of a learning rate, such as "
            f"keras.optimizers.SGD. Received: optimizer={optimizer!r}"
        )
    if isinstance(learning_rate, int | float):
        checks.positive_number("learning_rate", learning_rate)


def _compile(model, optimizer, learning_rate, steps, epochs):
    learning_rate = of_run(learning_rate, steps * epochs)
    with devices.scope(model.distribute_strategy):
        model.compile(
            optimizer()
            if learning_rate is None
            else optimizer(learning_rate=learning_rate)
        )


def _measures(model, source, folder, every, steps, epochs):
    """Callbacks that measure the model, and are saved in checkpoints."""
    num_betas = {}
    if every == "auto":
        measured = source.validation_examples
        if measured is None:
            measured = source.training_examples
        every, betas = callbacks.affordable(
            model, len(measured), source.batch_size, steps, epochs
        )
        num_betas = {"num_betas": betas}
    return [
        *callbacks.measurement_callbacks(
            model,
            folder.log_dir,
            source.validation_examples,
            source.training_examples,
            every,
            **num_betas,
        ),
        callbacks.UpdateLog(folder.path("updates.csv")),
    ]


def _reports(source, folder, pictures_every, done, measures, figures):
    """Callbacks that write TensorBoard's events, files and lines of text."""
    health = next(
        (c for c in measures if isinstance(c, callbacks.ChainHealth)), None
    )
    progress = callbacks.Progress(done=done.updates, chain_health=health)
    on_screen = devices.is_chief() and sys.stdout.isatty()
    return [
        callbacks.Scalars(folder.log_dir),
        *callbacks.picture_callbacks(
            folder.log_dir,
            without_missing(source.drawn_examples, source.seed),
            without_missing(
                some(source.training_examples, _MOST_BESIDE_SAMPLES),
                source.seed,
            ),
            pictures_every,
            source.image_shape,
            source.picture,
            folder.path("filters"),
            source.labels,
            source.schema,
        ),
        *(
            display
            for figure in figures
            for display in figure.displays(
                source.figure_data, folder.log_dir, pictures_every
            )
        ),
        *callbacks.on_chief(folder.history_logger()),
        *([progress] if on_screen else []),
    ]


def _write_config(folder, describe):
    """Writes the configuration; a resumed run may have more epochs."""
    if describe is not None and devices.is_chief():
        text = describe()
        folder.write_text("operative_config.gin", text)
        callbacks.config_text(folder.log_dir, text)


def _log_begin(model, source, updates, steps):
    _LOG.info(
        "%d updates, %d in an epoch, on %s: %d examples, %d visible and %d "
        "hidden units",
        updates,
        steps,
        source.data.name,
        len(source.data.train),
        model.visible.width,
        model.hidden.width,
    )


def _finish(model, source, folder, figures, num_samples, evaluation):
    """Draws figures of the final model and saves it: the run is finished."""
    _LOG.info("drawing pictures")
    _write_pictures(model, source, folder)
    _write_rows(model, source, folder, num_samples)
    _write_imputed(model, source, folder, num_samples)
    figures_lib.draw(model, source.figure_data, folder.output)
    folder.save_model(model, "model.keras")
    if evaluation is not None and devices.is_chief():
        _LOG.info("evaluating the model")
        evaluation(
            model=model,
            data=source.evaluation_data,
            output=folder.output,
            binarize=source.evaluation_binarize,
        )
    if figures:  # They may take long, and can be drawn again.
        figures_lib.draw(
            model,
            source.figure_data,
            folder.output,
            figures,
            source.binarize,
            source.seed,
        )


def _write_rows(model, source, folder, num_samples):
    """Writes samples in the form of the data."""
    if not num_samples or not model.can_sample:
        return
    width = model.example_units.width
    count = of_width(width, num_samples, _NUMBERS_OF_SAMPLES)
    _LOG.info("drawing %d rows", count)
    x = model.sample(count, seed=source.seed, verbose=0)
    if devices.is_chief():
        source.figure_data.write_csv(x, folder.path("samples.csv"))


def _write_imputed(model, source, folder, num_samples):
    """Writes the rows of the data with missing entries filled in.

    Missing entries become means, or most probable categories, given the
    observed entries. The rows have the order of the table. A second file has
    the uncertainty of the entries that were filled in.
    """
    if not num_samples or not source.misses or not model.can_sample:
        return
    # Neither an upper layer, whose states are complete, nor data without a
    # schema have a table to complete.
    if source.schema is None:
        return
    data = source.figure_data
    splits = [data.train, data.validation, data.test]
    x = np.concatenate([part[:] for part in splits if part is not None])
    if data.source_rows is not None:
        x = x[np.argsort(data.source_rows)]
    filled, uncertainty = x.copy(), {}
    incomplete = np.flatnonzero(np.isnan(x).any(axis=1))
    # `inpaint` returns draws from all sweeps; only the second half is used.
    size = min(of_width(x.shape[1] * 2 * _DRAWS), len(incomplete))
    _LOG.info("filling in missing entries of %d rows", len(incomplete))
    for first in range(0, len(incomplete), size):
        rows = incomplete[first : first + size]
        # The last part is padded, because XLA would compile again for another
        # shape. In each call, the model numbers the rows from 0 on. A seed for
        # each call keeps the random numbers of different parts different.
        padded = x[np.resize(rows, size)]
        options = {
            "num_sweeps": _SWEEPS,
            "seed": _seed_of_part(source.seed, first),
            "verbose": 0,
        }
        means = np.asarray(model.predict_missing(padded, **options))
        filled[rows] = means[: len(rows)]
        draws = model.inpaint(padded, every=_SWEEPS // 2 // _DRAWS, **options)
        # The means are also averages over the second half of the sweeps.
        draws = np.asarray(draws)[-_DRAWS:]
        found = source.schema.uncertainty(padded, means, draws)
        for name, values in found.items():
            every = uncertainty.setdefault(name, np.full(len(x), np.nan))
            every[rows] = values[: len(rows)]
    if not devices.is_chief():
        return
    source.schema.write_csv(filled, folder.path("imputed.csv"), data.observed)
    _write_table(folder.path("imputed_uncertainty.csv"), uncertainty)


def _seed_of_part(seed, first):
    """A seed for the incomplete rows of a table from number `first` on."""
    return int(np.random.default_rng([seed, first]).integers(2**63))


def _write_table(path, columns):
    """Writes numbers in four digits as CSV; NaN becomes an empty field."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow("" if np.isnan(x) else f"{x:.4g}" for x in row)


def _write_pictures(model, source, folder):
    """Writes pictures of the filters, of reconstructions and of samples."""
    options = {
        "image_shape": source.image_shape,
        "picture": source.picture,
        "names": source.labels,
        "schema": source.schema,
    }

    def save(name, draw, *args):
        ax = draw(model, *args, ax=plots.offscreen(), **options)
        plots.save(ax, folder.path(f"{name}.png"))

    save("filters", plots.filters)
    save("reconstructions", plots.reconstructions, source.drawn_examples)
    if model.can_sample:
        save("samples", plots.samples)
    if model.can_sample and model.num_classes:
        save("class_samples", plots.class_samples)
