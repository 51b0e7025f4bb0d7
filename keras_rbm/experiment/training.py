"""A training run from data to pictures, in plain Python."""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import keras

from keras_rbm import callbacks, checks, devices, networks
from keras_rbm import figures as figures_lib
from keras_rbm.data import (
    Data,
    batches,
    binarized,
    in_order,
    some,
)
from keras_rbm.experiment import arguments, files
from keras_rbm.experiment.settings import settings, versions
from keras_rbm.experiment.signals import stopping
from keras_rbm.models import RBM
from keras_rbm.schedules import of_run
from keras_rbm.typing import Binarize, LearningRate, MakeOptimizer, Path

_LOG = logging.getLogger("keras_rbm")
_VALIDATION_BATCH = 1000
# Examples for the data's mean, and of an upper layer for all figures, at most.
_MOST_EXAMPLES = 10_000
# Examples beside which samples are shown.
_MOST_SHOWN = 2000


def run(
    model: RBM,
    data: Data,
    output: Path,
    optimizer: MakeOptimizer = keras.optimizers.SGD,
    learning_rate: LearningRate = 0.05,
    epochs: int = 10,
    batch_size: int = 100,
    steps_per_epoch: int | None = None,
    binarize: Binarize = "none",
    seed: int = 0,
    pictures_every: int = 5,
    describe: Callable[[], str] | None = None,
    num_sweeps: Mapping[float, int] | Callable[[int], int] | None = None,
    log_likelihood_every: int = 20,
    checkpoint_minutes: float | None = 1.0,
    checkpoint_updates: int | None = None,
    resume: bool = False,
    figures: Sequence[figures_lib.Figure] = (),
    lower: networks.Lower | None = None,
) -> keras.callbacks.History:
    """Trains a model and leaves behind what one wants to see of it.

    Into `output` go `model.keras`, the last three checkpoints
    (`checkpoints/update-NNNNNNNNNN.keras`), `history.csv`, `train.log`,
    TensorBoard's events in `tensorboard/`, `filters.png`, `samples.png` and
    `reconstructions.png` of the final model, the course of training in
    `updates.csv`, `curves.png`, `filters/` and `filters_by_epoch.png`, and
    what `figures` draw.

    Args:
        model: An `RBM`.
        data: A `keras_rbm.data.Data` as wide as the model's visible side.
        output: Directory to write to; it is made if need be. Of several
            processes only the chief writes; all must see the directory.
        optimizer: Function of a `learning_rate` that returns a Keras
            optimizer, such as its class.
        learning_rate: Number, Keras schedule, or function of the number of
            updates of the run that returns one, such as `linear_decay`.
        epochs: Number of epochs.
        batch_size: Number of examples in a batch.
        steps_per_epoch: Number of updates in an epoch; `None` for a pass over
            the training examples.
        binarize: `"stochastic"`, `"threshold"` or `"none"` (see
            `data.batches`).
        seed: Integer from 0 to 2**63 - 1, for the order and the binarization
            of the examples.
        pictures_every: TensorBoard's images and histograms are written after
            so many epochs; what its Projector shows, at the end.
        describe: Function without arguments that returns the configuration
            as text, for `operative_config.gin` and TensorBoard; or `None`.
        num_sweeps: Schedule of the chain's number of sweeps, such as `{0: 1,
            0.8: 5}` (see `callbacks.NumSweeps`); `None` for what the chain
            has.
        log_likelihood_every: The log-likelihood of the validation examples
            (where there are none, of training examples) and the health of the
            chains are measured after so many epochs; 0 for never.
        checkpoint_minutes: A checkpoint is written after so many minutes, and
            at the end; `None` for only the latter.
        checkpoint_updates: The same, in updates.
        resume: Whether to go on from the newest checkpoint in `output`, or
            from the beginning where there is none. The run then ends as one
            that was never stopped.
        figures: Sequence of figures to draw at the end, such as
            `[Restoration()]` (see `keras_rbm.figures`).
        lower: A `networks.Lower` that examples go up through, batch by batch,
            before the model sees them; `None` for none.

    Returns:
        The Keras `History`.

    Raises:
        ValueError: If an argument does not fit, before any training; or if a
            run is resumed with other settings, or has no whole checkpoint, or
            is begun where there are checkpoints.
        OSError: If a checkpoint cannot be written.
        callbacks.Interrupted: When SIGTERM or SIGINT came and the run has been
            saved.
    """
    epochs = checks.positive_integer("epochs", epochs)
    pictures_every = checks.positive_integer("pictures_every", pictures_every)
    checks.positive_integer("log_likelihood_every", log_likelihood_every or 1)
    if checkpoint_updates is not None:
        checks.positive_integer("checkpoint_updates", checkpoint_updates)
    if checkpoint_minutes is not None:
        checks.positive_number("checkpoint_minutes", checkpoint_minutes)
    lower = networks.Lower([]) if lower is None else lower
    arguments.check(model, data, optimizer, learning_rate, lower)
    shown = lower.shown(data)
    folder = files.checkpoint_folder(output, resume)
    sweeps = [] if num_sweeps is None else [callbacks.NumSweeps(num_sweeps)]
    batches(data.train, batch_size, binarize, seed)  # Checks them.
    if steps_per_epoch is None:
        steps_per_epoch = len(data.train) // batch_size
    steps = checks.positive_integer("steps_per_epoch", steps_per_epoch)
    learning_rate = of_run(learning_rate, steps * epochs)
    with devices.scope(model.distribute_strategy):
        model.compile(
            optimizer(learning_rate=learning_rate),
            steps_per_execution=networks.steps_per_execution(steps),
        )

    def seen(x):
        return lower.array(binarized(x, binarize, seed))

    held_out = validation = None
    examples = data.train if data.validation is None else data.validation
    examples = seen(examples[:100])
    # Figures of an upper layer have these alone.
    drawn = data if not lower.machines else Data(data.name, examples)
    figures_lib.check(figures, model, drawn)
    v_train = seen(some(data.train, _MOST_EXAMPLES))
    if data.validation is not None:
        validation = lower.batches(
            in_order(data.validation, _VALIDATION_BATCH, binarize, seed)
        )
        most = _MOST_EXAMPLES if lower.machines else len(data.validation)
        held_out = seen(some(data.validation, most))
    log_dir = os.path.join(output, "tensorboard")
    measured = callbacks.measurement_callbacks(
        model, log_dir, held_out, v_train, log_likelihood_every
    )
    measured.append(callbacks.UpdateLog(os.path.join(output, "updates.csv")))
    checkpoint = callbacks.Checkpoint(
        folder,
        settings(
            model,
            data,
            steps,
            epochs,
            num_sweeps,
            batch_size=batch_size,
            binarize=binarize,
            seed=seed,
            log_likelihood=bool(log_likelihood_every),
            **lower.settings(),
        ),
        checkpoint_minutes,
        checkpoint_updates,
        callbacks=measured,
        about=versions(),
    )
    os.makedirs(folder, exist_ok=True)
    model.prepare(v_train)
    done = callbacks.Position()
    chief = devices.is_chief()
    if resume:
        done = files.resume(
            output, log_dir, checkpoint, model, epochs, steps * epochs
        )
    if describe is not None and chief:
        text = describe()
        files.write(os.path.join(output, "operative_config.gin"), text)
        callbacks.config_text(log_dir, text)
    _LOG.info(
        "%d updates on %s: %d examples, %d visible and %d hidden units",
        steps * epochs - done.updates,
        data.name,
        len(data.train),
        model.visible.width,
        model.hidden.width,
    )
    begin = time.perf_counter()
    with stopping(checkpoint):
        model.fit(
            lower.batches(
                batches(data.train, batch_size, binarize, seed, done.updates),
                done.updates,
            ),
            epochs=epochs,
            steps_per_epoch=steps,
            initial_epoch=done.epoch,
            initial_step=done.step,
            validation_data=validation,
            callbacks=[
                callbacks.StopOnDivergence(checkpoint.describe_latest),
                *sweeps,  # Before those that its logs are for.
                *measured,  # These too.
                callbacks.Scalars(log_dir),
                *callbacks.picture_callbacks(
                    log_dir,
                    examples,
                    some(v_train, _MOST_SHOWN),
                    pictures_every,
                    *shown,
                    os.path.join(output, "filters"),
                ),
                *callbacks.on_chief(
                    keras.callbacks.CSVLogger(
                        os.path.join(output, "history.csv"), append=resume
                    )
                ),
                callbacks.EpochLog(),
                *(
                    [callbacks.Progress(done=done.updates)]
                    if chief and sys.stdout.isatty()
                    else []
                ),
                checkpoint,  # After those whose work it takes for done.
            ],
            verbose=0,
        )
    history = checkpoint.history()
    _LOG.info("trained in %.0f s", time.perf_counter() - begin)
    files.pictures(model, shown, examples, output)
    figures_lib.draw(model, drawn, output)
    if chief:  # By it, a run is known to be finished.
        files.save(model, os.path.join(output, "model.keras"))
    if figures:  # They may take long, and can be drawn anew.
        figures_lib.draw(model, drawn, output, figures, binarize, seed)
    return history
