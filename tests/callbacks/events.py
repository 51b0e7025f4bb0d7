"""Reads TensorBoard's event files back."""

import pathlib

import tensorflow as tf


def files(directory):
    """The event files in a directory."""
    return sorted(pathlib.Path(directory).glob("events.out.tfevents.*"))


def read(directory):
    """All values in a directory, as `{tag: {step: array}}` in order of steps.

    Text and images are arrays of bytes. The names of two files of the same
    second do not tell which is the older one: their last number is a counter
    without leading zeros.
    """
    values = {}
    for path in files(directory):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                array = tf.make_ndarray(value.tensor)
                steps = values.setdefault(value.tag, {})
                assert event.step not in steps, "written twice"
                steps[event.step] = array
    return {tag: dict(sorted(steps.items())) for tag, steps in values.items()}


def pictures(directory, tag):
    """The colours of the images of a tag, as `{step: uint8 array}`."""
    # An image is stored as [width, height, png].
    return {
        step: tf.io.decode_png(array[2]).numpy()
        for step, array in read(directory)[tag].items()
    }
