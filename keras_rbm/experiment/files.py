"""The files of a run beside its checkpoints."""

import logging
import os
import pathlib

import keras

from keras_rbm import callbacks

_LOG = logging.getLogger("keras_rbm")


def rewind(output, log_dir, checkpoint, done):
    """Takes back what a run has written after its newest checkpoint.

    Args:
        output: Directory of the run.
        log_dir: That of its TensorBoard events.
        checkpoint: A `callbacks.Checkpoint` that has resumed the run.
        done: The `callbacks.Position` of that.
    """
    if checkpoint.latest is None:
        _LOG.info("no checkpoint in %s: the run begins anew", output)
    else:
        _LOG.info(
            "resumed from %s: %d epochs and %d updates are done",
            checkpoint.latest,
            done.epoch,
            done.step,
        )
    callbacks.rewind(log_dir, done.epoch)
    table = keras.callbacks.CSVLogger(os.path.join(output, "history.csv"))
    table.on_train_begin()
    for epoch, row in enumerate(checkpoint.rows):
        table.on_epoch_end(epoch, row)
    table.on_train_end()


def write(path, text):
    """Writes a file whole or not at all."""
    aside = pathlib.Path(f"{path}.writing")
    aside.write_text(text)
    os.replace(aside, path)


def save(model, path):
    """Saves a model whole or not at all.

    Raises:
        OSError: If it cannot be written, such as on a full disk.
    """
    aside = pathlib.Path(f"{path}.writing.keras")
    try:
        model.save(aside)
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OSError(
            f"cannot write {path}: {error.strerror or error}. The run's last "
            "checkpoint is whole: make room, and resume the run."
        ) from error


def pictures(model, image_shape, examples, output):
    """Writes the pictures of a final model.

    Args:
        model: An `RBM`.
        image_shape: `(rows, columns)` of an example, or `None`.
        examples: Array of shape `(examples, visible.width)`.
        output: Directory of the run.
    """
    for name, picture in (
        ("filters", callbacks.filters(model, image_shape)),
        ("samples", callbacks.samples(model, image_shape)),
        (
            "reconstructions",
            callbacks.reconstructions(model, examples, image_shape),
        ),
    ):
        callbacks.write_png(os.path.join(output, f"{name}.png"), picture)
