"""The files of a run beside its checkpoints."""

import logging
import os
import pathlib

import keras

from keras_rbm import callbacks, checkpoints, devices
from keras_rbm.models import ClassRBM

_LOG = logging.getLogger("keras_rbm")


def checkpoint_folder(output, resume):
    """Where the checkpoints of a run go; a run that is there is not begun anew.

    Args:
        output: Directory of the run.
        resume: Whether it is to be resumed.

    Raises:
        ValueError: If there are checkpoints, and it is not.
    """
    folder = os.path.join(output, "checkpoints")
    if not resume and checkpoints.exist(folder):
        raise ValueError(
            "`output` must be a folder without a run, unless that is resumed "
            f"(`resume=True`). Received: output={output}"
        )
    return folder


def resume(output, log_dir, checkpoint, model, epochs, updates):
    """Brings a run to its newest checkpoint, and takes back what came later.

    Args:
        output: Directory of the run.
        log_dir: That of its TensorBoard events.
        checkpoint: The `callbacks.Checkpoint` of the run.
        model: The compiled model.
        epochs: Number of epochs of the whole run.
        updates: Number of its updates.

    Returns:
        A `callbacks.Position`.

    Raises:
        ValueError: If the run is finished, or is longer than that.
    """
    final = pathlib.Path(output) / "model.keras"
    done = checkpoint.resume(model)
    if checkpoint.latest is None and final.exists():
        raise ValueError(
            f"the run in {output} is finished, and has no checkpoint left to "
            "prolong it from"
        )
    if done.updates > updates:
        raise ValueError(
            f"`epochs` must not be less than what is done, {done.epoch}. "
            f"Received: epochs={epochs}"
        )
    if done.epoch == epochs and final.exists():
        raise ValueError(
            f"the run in {output} is finished; give more --epochs to prolong it"
        )
    if checkpoint.latest is None:
        _LOG.info("no checkpoint in %s: the run begins anew", output)
    else:
        _LOG.info(
            "resumed from %s: %d epochs, and %d updates of the next, are done",
            checkpoint.latest,
            done.epoch,
            done.step,
        )
    if devices.is_chief():
        final.unlink(missing_ok=True)
        _rewind(output, log_dir, checkpoint.rows)
    return done


def _rewind(output, log_dir, rows):
    callbacks.rewind(log_dir, len(rows))
    table = keras.callbacks.CSVLogger(os.path.join(output, "history.csv"))
    table.on_train_begin()
    for epoch, row in enumerate(rows):
        table.on_epoch_end(epoch, row)
    table.on_train_end()


def write(path, text):
    """Writes a file whole or not at all."""
    aside = pathlib.Path(f"{path}.writing")
    aside.write_text(text)
    os.replace(aside, path)


def describe(describe, output, resume):
    """Writes the configuration of a run of several, by which it is resumed.

    That of a run that is resumed stays: another one may yet be refused.

    Args:
        describe: Function that returns it as text, or `None`.
        output: Directory of the run; it is made if need be.
        resume: Whether the run is resumed.
    """
    os.makedirs(output, exist_ok=True)
    path = os.path.join(output, "operative_config.gin")
    if describe is not None and not (resume and os.path.exists(path)):
        write(path, describe())


def save(model, path):
    """Saves a model whole or not at all.

    Raises:
        OSError: If it cannot be written, such as on a full disk.
    """
    aside = pathlib.Path(f"{path}.writing.keras")
    try:
        model.save(aside)
        with open(aside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except (OSError, RuntimeError) as error:  # The second one is HDF5's.
        aside.unlink(missing_ok=True)
        raise OSError(
            f"cannot write {path}: {getattr(error, 'strerror', None) or error}."
            " The run's last checkpoint is whole: make room, and resume the "
            "run."
        ) from error


def pictures(model, shown, examples, output):
    """Writes the pictures of a final model.

    Args:
        model: An `RBM`.
        data: A `keras_rbm.data.Data`, which says how examples are shown.
        examples: Array of shape `(examples, visible.width)`.
        output: Directory of the run.
    """
    shown = {"image_shape": shown[0], "picture": shown[1]}
    drawn = {
        "filters": callbacks.filters(model, **shown),
        "reconstructions": callbacks.reconstructions(model, examples, **shown),
    }
    if model.can_sample:
        drawn["samples"] = callbacks.samples(model, **shown)
    if model.can_sample and isinstance(model, ClassRBM):
        drawn["class_samples"] = callbacks.class_samples(model, **shown)
    for name, picture in drawn.items():
        callbacks.write_png(os.path.join(output, f"{name}.png"), picture)
