"""One writer of TensorBoard's event files for each directory."""

import pathlib
import weakref

import tensorflow as tf

_WRITERS = weakref.WeakValueDictionary()


def shared(log_dir, run="train"):
    """The writer of `<log_dir>/<run>`, opened if nobody holds it.

    Of two event files that grow in one directory TensorBoard reads only the
    newer, so that all callbacks must write to the same. The file is closed
    when the last holder lets its writer go. After that, or after the
    directory has been removed, a new one is opened.

    Args:
        log_dir: Path of the directory that TensorBoard is shown.
        run: Name of the run, a directory in it.

    Returns:
        A `tf.summary.SummaryWriter`. Hold it as long as more is to come.
    """
    path = str((pathlib.Path(log_dir) / run).absolute())
    writer = _WRITERS.get(path)
    if writer is None or not tf.io.gfile.exists(path):
        writer = _WRITERS[path] = tf.summary.create_file_writer(path)
    return writer
