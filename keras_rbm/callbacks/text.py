"""The configuration of a run, in TensorBoard's text tab."""

import textwrap

import tensorflow as tf

from keras_rbm.callbacks import writer as writer_lib
from keras_rbm.typing import Path


def config_text(log_dir: Path, text: str, name: str = "config") -> None:
    """Writes a text, as it is, into `<log_dir>/train`.

    Args:
        log_dir: Path of the directory that TensorBoard is shown.
        text: What to write, for example gin's operative configuration.
        name: The tag.
    """
    writer = writer_lib.shared(log_dir)
    # Indentation makes a block of code in Markdown, whatever is in the text.
    block = textwrap.indent(text, "    ", predicate=lambda line: True)
    with writer.as_default(step=0):
        tf.summary.text(name, block)
    writer.flush()
