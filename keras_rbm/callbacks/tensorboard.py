"""TensorBoard's event files: writers, tags, text, and rewinding.

TensorBoard sorts the groups of tags, which stand before the slash, by their
names, and opens the first two: hence the numbers. What training and validation
share has the same tag in both runs, and so one chart.
"""

import logging
import os
import pathlib
import textwrap
import weakref

import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from keras_rbm import devices
from keras_rbm.typing import Path

# Groups of tags.
LEARNING = "1 Learning"
LIKELIHOOD = "2 Likelihood"
CHAINS = "3 Chains"
THROUGHPUT = "4 Throughput"
IMAGES = "5 Images"
HISTOGRAMS = "6 Histograms"

_LOG = logging.getLogger("keras_rbm")
_WRITERS = weakref.WeakValueDictionary()


def writer(log_dir, run="train"):
    """The writer of `<log_dir>/<run>`, opened if nobody holds it.

    Of two event files that grow in one directory TensorBoard reads only the
    newer, so that all callbacks must write to the same. The file is closed
    when the last holder lets its writer go. After that, or after the
    directory has been removed, a new one is opened. Of several processes only
    the chief has one that writes.

    Args:
        log_dir: Path of TensorBoard's log directory.
        run: Name of the run, a directory in it.

    Returns:
        A `tf.summary.SummaryWriter`. Hold it as long as more is to come.
    """
    if not devices.is_chief():
        return tf.summary.create_noop_writer()
    path = str((pathlib.Path(log_dir) / run).absolute())
    found = _WRITERS.get(path)
    if found is None or not tf.io.gfile.exists(path):
        found = _WRITERS[path] = tf.summary.create_file_writer(path)
    return found


def metric_tag(name):
    """The tag of a metric, in a group by what its name says.

    Args:
        name: Name in the logs of Keras, without `val_`.

    Returns:
        Text such as `"1 Learning/loss"`.
    """
    group = LEARNING
    if "likelihood" in name or "log_partition" in name:
        group = LIKELIHOOD
    elif name == "num_sweeps":
        group = CHAINS
    return f"{group}/{name}"


def config_text(log_dir: Path, text: str, name: str = "config") -> None:
    """Writes a text, as it is, into `<log_dir>/train`.

    Args:
        log_dir: Path of TensorBoard's log directory.
        text: What to write, for example gin's operative configuration.
        name: The tag.
    """
    train = writer(log_dir)
    # Indentation makes a block of code in Markdown, whatever is in the text.
    block = textwrap.indent(text, "    ", predicate=lambda line: True)
    with train.as_default(step=0):
        tf.summary.text(name, block)
    train.flush()


def rewind(log_dir: Path, step: int) -> None:
    """Takes out of all runs what was written after a step.

    So a run that is resumed from a checkpoint writes each step once. What
    is at step 0 (the configuration) goes too: it is written again. A file
    whose end was lost with its process is read as far as it goes.

    Args:
        log_dir: Path of TensorBoard's log directory.
        step: The last step to keep.
    """
    for directory in pathlib.Path(log_dir).glob("*/"):
        paths = sorted(directory.glob("events.out.tfevents.*"))
        if not paths:
            continue
        aside = directory / "rewinding"
        seen = set()
        with tf.io.TFRecordWriter(str(aside)) as file:
            for record in _records(paths):
                event = event_pb2.Event.FromString(record)
                kept = event.HasField("file_version") or 1 <= event.step <= step
                # After a kill in the middle of this, some are there twice.
                if kept and record not in seen:
                    seen.add(record)
                    file.write(record)
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
