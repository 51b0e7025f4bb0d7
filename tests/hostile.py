"""What must be refused, and how: strategies of hypothesis, and a judge."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tests.machines import batches, data

WIDTH = 5
# How many numbers no machine holds as float32: 4 TB.
HUGE = 10**12
# Words of TensorFlow's and Keras's insides.
INSIDES = re.compile(
    r"Exception encountered|function_node|Graph execution error|Traceback"
    r"|user code|\[Op:"
)
COUNTS = st.one_of(
    st.integers(max_value=0),
    st.integers(min_value=2**31, max_value=10**40),
    st.floats(),
    st.sampled_from(["3", b"3", None, True, [3], (1, 2), {}, object()]),
)


def told(action, names=r"\w+"):
    """Runs what must be refused, and returns the error's text.

    The error names an argument in backquotes, or the file, and shows nothing
    of the insides of TensorFlow. What the action returns is a failure.
    """
    with pytest.raises((ValueError, OSError)) as caught:
        action()
    text = str(caught.value)
    assert not INSIDES.search(text), text
    assert re.search(rf"`(a batch of )?({names})`|[Ff]ile|director", text), text
    return text


def corrupted(value, dtype="float32", row=40, column=3):
    """Examples one number of which is something else."""
    x = data().astype(dtype)
    x[row, column] = value
    return x


@st.composite
def wrong_values(draw):
    """Arrays of the right shape with a value that no unit can have."""
    value = draw(
        st.one_of(
            st.sampled_from([np.inf, -np.inf, -1e-5, 1.0 + 1e-5]),
            st.floats(min_value=1.001, max_value=1e38),
            st.floats(min_value=-1e38, max_value=-0.001),
        )
    )
    row, column = draw(st.integers(0, 47)), draw(st.integers(0, WIDTH - 1))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    return corrupted(value, dtype, row, column)


@st.composite
def wrong_shapes(draw):
    """Arrays that are no batch of examples."""
    shape = draw(
        st.lists(st.integers(0, 7), max_size=4).filter(
            lambda s: s[:1] == [0] or len(s) < 2 or np.prod(s[1:]) != WIDTH
        )
    )
    dtype = draw(st.sampled_from(["float32", "uint8", "bool", "float64"]))
    return np.zeros(shape, dtype)


@st.composite
def huge(draw):
    """Views of a single number that would not fit into memory."""
    rows = draw(st.integers(HUGE, 10**17))
    number = np.zeros((), draw(st.sampled_from(["float32", "uint8", "bool"])))
    return np.broadcast_to(number, draw(st.permutations([rows, WIDTH])))


WRONG_TYPES = [
    data().astype(str),
    data().astype(bytes),
    data().astype(object),
    data().astype(complex),
    data().astype("datetime64[s]"),
    data().astype(int).astype("timedelta64[s]"),
    data().astype("longdouble"),
    np.zeros((48, WIDTH), [("a", "f4"), ("b", "f4")]),
    tf.constant(data().astype(str)),
    tf.sparse.from_dense(data()),
    tf.ragged.constant([[1.0, 0.0], [1.0]]),
    {"v": data()},
    "data.npy",
    3,
    None,
    object(),
    list,
]
ARRAYS = st.one_of(
    wrong_values(), wrong_shapes(), huge(), st.sampled_from(WRONG_TYPES)
)


def _generated(*parts, shape=(None, WIDTH)):
    return tf.data.Dataset.from_generator(
        lambda: iter(parts), output_signature=tf.TensorSpec(shape)
    )


def _failing():
    yield data()[:16]
    raise KeyError("the disk of the user")


x = data()
#: Data sets whose first batch, or type, is wrong, and those of a later one.
STREAMS = {
    "empty": batches(x).take(0),
    "dictionaries": batches({"v": x}),
    "strings": batches(x.astype(str)),
    "complex": batches(x.astype("complex64")),
    "ragged": batches(x).map(tf.RaggedTensor.from_tensor),
    "sparse": batches(x).map(tf.sparse.from_dense),
    "of_four": batches(x, x, x, x),
    "examples": tf.data.Dataset.from_tensor_slices(x),
    "too_wide": batches(np.zeros((48, WIDTH + 1))),
}
LATER = {
    "nan": batches(corrupted(np.nan)),
    "infinite": batches(corrupted(-np.inf)),
    "out_of_range": batches(corrupted(2.0)),
    "narrower": _generated(x[:16], x[:16, :4], shape=(None, None)),
    "without_rows": _generated(x[:16], x[:0]),
    "an_error": tf.data.Dataset.from_generator(
        _failing, output_signature=tf.TensorSpec((None, WIDTH))
    ),
    "weights": batches(x, x[:, 0], np.where(np.arange(48) == 40, -1.0, 1.0)),
    "nan_weights": batches(
        x, x[:, 0], np.where(np.arange(48) == 40, np.nan, 1.0)
    ),
}
SYMBOLIC = keras.KerasTensor((None, WIDTH))
