"""TensorBoard's event files: one writer for each directory, and rewinding."""

import logging
import os
import pathlib
import weakref

import keras
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from keras_rbm import devices
from keras_rbm.typing import Path

_LOG = logging.getLogger("keras_rbm")
_WRITERS = weakref.WeakValueDictionary()


def on_chief(*callbacks) -> list[keras.callbacks.Callback]:
    """The callbacks in the chief, none in the other processes.

    For callbacks of Keras that write files, such as `CSVLogger`. Those that
    measure with the help of all processes (`LogLikelihood`, `Images`) must be
    in all of them; they write in the chief alone by themselves.

    Args:
        *callbacks: Keras callbacks.

    Returns:
        List of callbacks.
    """
    return list(callbacks) if devices.is_chief() else []


def shared(log_dir, run="train"):
    """The writer of `<log_dir>/<run>`, opened if nobody holds it.

    Of two event files that grow in one directory TensorBoard reads only the
    newer, so that all callbacks must write to the same. The file is closed
    when the last holder lets its writer go. After that, or after the
    directory has been removed, a new one is opened. Of several processes only
    the chief has one that writes.

    Args:
        log_dir: Path of the directory that TensorBoard is shown.
        run: Name of the run, a directory in it.

    Returns:
        A `tf.summary.SummaryWriter`. Hold it as long as more is to come.
    """
    if not devices.is_chief():
        return tf.summary.create_noop_writer()
    path = str((pathlib.Path(log_dir) / run).absolute())
    writer = _WRITERS.get(path)
    if writer is None or not tf.io.gfile.exists(path):
        writer = _WRITERS[path] = tf.summary.create_file_writer(path)
    return writer


def rewind(log_dir: Path, step: int) -> None:
    """Takes out of all runs what was written after a step.

    So a run that is resumed from a checkpoint writes each step once. What
    is at step 0 (the configuration) goes too: it is written again. A file
    whose end was lost with its process is read as far as it goes.

    Args:
        log_dir: Path of the directory that TensorBoard is shown.
        step: The last step to keep.
    """
    for directory in pathlib.Path(log_dir).glob("*/"):
        paths = sorted(directory.glob("events.out.tfevents.*"))
        if not paths:
            continue
        aside = directory / "rewinding"
        seen = set()
        with tf.io.TFRecordWriter(str(aside)) as writer:
            for record in _records(paths):
                event = event_pb2.Event.FromString(record)
                kept = event.HasField("file_version") or 1 <= event.step <= step
                # After a kill in the middle of this, some are there twice.
                if kept and record not in seen:
                    seen.add(record)
                    writer.write(record)
        os.replace(aside, paths[0])
        _WRITERS.pop(str(directory.absolute()), None)
        for path in paths[1:]:
            path.unlink()


def _records(paths):
    """The records of event files, one after the other."""
    for path in paths:
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                yield record.numpy()
        except tf.errors.DataLossError as error:
            if "truncated" not in error.message:
                _LOG.warning("%s is damaged, and cut: %s", path, error.message)
