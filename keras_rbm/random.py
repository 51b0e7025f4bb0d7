"""Random numbers: streams, the list of their uses, and draws from them.

A draw is a pure function of its address: key, row and column.

The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw
2011, "Parallel random numbers: as easy as 1, 2, 3"), in integer arithmetic
alone. Its words, and the uniform and Bernoulli draws, are therefore the same
eagerly, in a graph, under XLA and on every device. Other draws, which need
logarithms and the like, are the same up to rounding. A replica that owns rows
50 to 99 of a batch draws only those rows.
"""

import enum
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import checks, special
from keras_rbm.typing import Pair, Rows, Tensor

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
# Steps of Newton's method to a tail's quantile in float32.
_STEPS = 3


@enum.unique
class Use(enum.Enum):
    """All uses of random numbers, each with its own number.

    A value is a pair: the scope of the use (a seed, a run, a sweep), and its
    number in this scope. `fold_in(stream, Use.TRAIN)` folds the number in. No
    two uses share a pair: draws from one stream are independent as long as all
    its uses have the same scope. Counters (updates, sweeps, rows, layers) are
    folded in as integers. Code outside of this package may fold in numbers from
    1,000 to 2**32 - 1, in a stream into which no counter is folded, such as the
    stream of one sweep.

    Example:
        stream = random.fold_in(random.stream(0), random.Use.SAMPLE)
    """

    # Scope: a model's seed. The number of the update is folded in next.
    TRAIN = "seed", 0
    EVALUATE = "seed", 1
    START_CHAINS = "seed", 2
    FANTASY_PARTICLES = "seed", 3
    EXAMPLE_ORDER = "seed", 4
    SHORT_RUN = "seed", 5
    START_COMPLETED = "seed", 6
    # Scope: the seed of a data set.
    TRAINING_BATCHES = "seed", 2**32
    BATCHES_IN_ORDER = "seed", 2**32 + 1
    # Scope: the seed that is passed to a method of a model.
    SAMPLE = "seed", 2**33
    SAMPLE_HIDDEN = "seed", 2**33 + 1
    SAMPLE_VISIBLE = "seed", 2**33 + 2
    DENOISE = "seed", 2**33 + 3
    PREDICT_MISSING = "seed", 2**33 + 4
    LOG_PARTITION_START = "seed", 2**33 + 8
    LOG_PARTITION_SWEEPS = "seed", 2**33 + 9
    LOG_PARTITION_BRACKET = "seed", 2**33 + 10
    LOG_PARTITION_PATTERNS = "seed", 2**33 + 11
    TRAJECTORY = "seed", 2**33 + 12
    DESIGN = "seed", 2**33 + 14
    OBSERVED = "seed", 2**33 + 13
    LOW_RANK = "seed", 2**33 + 15
    LAYER_BATCHES = "seed", 2**33 + 16
    LAYER_ARRAYS = "seed", 2**33 + 17
    TOP_LAYER = "seed", 2**33 + 100
    MIDDLE_LAYER = "seed", 2**33 + 101
    # Scope: a run of sweeps, which are counted from 0.
    START = "run", 2**32
    KEEP = "run", 2**32 + 1
    LADDER_PATTERNS = "run", 2**32 + 2
    LADDER_VISITED = "run", 2**32 + 3
    TUNE = "run", 2**32 + 4
    OTHER_STARTS = "run", 2**32 + 5
    COMPLETE = "run", 2**32 + 6
    KEEP_COMPLETED = "run", 2**32 + 7
    # Scope: one sweep.
    HIDDEN = "sweep", 0
    VISIBLE = "sweep", 1
    EXCHANGE = "sweep", 2
    PATTERN = "sweep", 3
    # Scope: one draw of units.
    SIDE = "draw", 0
    # Scope: the evaluation of a batch.
    MODEL_SAMPLES = "evaluation", 0
    SITES = "evaluation", 1
    BINARIZE = "evaluation", 2
    COMPLETED = "evaluation", 3
    # Scope: a bracket of log Z.
    FORWARD = "bracket", 0
    REVERSE = "bracket", 1
    HALF = "bracket", 2
    VISITED = "bracket", 3


class Stream(NamedTuple):
    """The source of draws: a key, and the address of the first row.

    Attributes:
        key: `uint32` tensor of shape `(2,)`.
        first_row: Index of the batch's first row among all rows, an integer
            or a scalar integer tensor. `Stream(key, 50)` gives the
            draws for rows 50 to 99 of a batch. A tensor of shape `(rows,)` is
            added to the row indices.

    Example:
        stream = random.stream(0)
        draws = random.uniform(stream, (100, 3))
        # The draws for rows 50 to 99 of the same batch.
        again = random.uniform(stream._replace(first_row=50), (50, 3))
    """

    key: Tensor
    first_row: int | Tensor = 0


def stream(seed: int | Tensor | None) -> Stream:
    """Returns the stream of a seed.

    Args:
        seed: Integer from 0 to 2**64 - 1, or `None` for a new seed at each
            call; or a scalar tensor of up to 64 bits.

    Returns:
        A `Stream`.

    Raises:
        ValueError: If `seed` is not such an integer.

    Example:
        first = random.uniform(random.stream(0), (2, 3))
        again = random.uniform(random.stream(0), (2, 3))  # The same draws.
    """
    if tf.is_tensor(seed):
        return Stream(tf.stack(_words(seed)))
    seed = checks.seed(seed)
    return Stream(tf.constant([seed >> 32, seed & 0xFFFFFFFF], tf.uint32))


def threefry_2x32(key: Pair, counter: Pair) -> Pair:
    """Threefry-2x32 with 20 rounds: two random words for each counter.

    Args:
        key: Pair of `uint32` tensors, or of arrays of one or more axes.
        counter: Pair of the same, of shapes that broadcast.

    Returns:
        Pair of `uint32` tensors, or of arrays, of the broadcast shape.

    Reference: Salmon et al. (2011), section 3.4.
    """
    schedule = (*key, key[0] ^ key[1] ^ _PARITY)
    x0, x1 = counter[0] + schedule[0], counter[1] + schedule[1]
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = _rotate_left(x1, distance) ^ x0
        x0 = x0 + schedule[(group + 1) % 3]
        x1 = x1 + schedule[(group + 2) % 3]
        x1 = x1 + np.uint32(group + 1)
    return x0, x1


def fold_in(stream: Stream, data: Use | int | Tensor) -> Stream:
    """Returns the stream for one value of `data` (a use, a step, a sweep).

    Args:
        stream: A `Stream`.
        data: A `Use`, or a counter: a non-negative integer, or a scalar integer
            tensor of up to 64 bits.

    Returns:
        A `Stream` with a new key and the same rows.

    Example:
        stream = random.stream(0)
        steps = [random.fold_in(stream, step) for step in range(3)]
        draws = [random.normal(step, (2, 3)) for step in steps]
    """
    if isinstance(data, Use):
        _, data = data.value
    if tf.executing_eagerly():
        # For one number, NumPy takes a third of the time of a graph.
        if not isinstance(data, int):  # Or a variable of several replicas.
            data = int(tf.convert_to_tensor(data))
        key = keys(stream, np.array(data, "uint64"))
        return stream._replace(key=tf.constant(key))
    whole = tf.constant if isinstance(data, int) else tf.cast
    return stream._replace(key=_folded(stream.key, whole(data, tf.uint64)))


@tf.function(
    autograph=False,
    input_signature=[
        tf.TensorSpec([2], tf.uint32),
        tf.TensorSpec([], tf.uint64),
    ],
)
def _folded(key, data):
    return tf.stack(threefry_2x32((key[0], key[1]), _words(data)))


def keys(stream: Stream, data: np.ndarray) -> np.ndarray:
    """The keys of `fold_in(stream, x)` for all counters x in an array.

    Args:
        stream: A `Stream` whose key is known, outside of any graph.
        data: Array of integers, taken modulo 2**64.

    Returns:
        `uint32` array of shape `(*data.shape, 2)`.

    Example:
        stream = random.stream(0)
        keys = random.keys(stream, np.arange(3))
        print((keys[2] == random.fold_in(stream, 2).key.numpy()).all())  # True
    """
    key = stream.key.numpy()[:, None]
    data = np.asarray(data).astype("uint64")
    counter = data.ravel() >> np.uint64(32), data.ravel()
    words = [x.astype("uint32") for x in counter]
    found = np.stack(threefry_2x32(key, words), axis=-1)
    return found.reshape(*data.shape, 2)


# A separate function, traced once for all shapes. Otherwise, each draw would
# add a hundred operations to its graph, or run them one by one without a graph.
@tf.function(
    autograph=False,
    input_signature=[
        tf.TensorSpec([2], tf.uint32),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None], tf.int32),
    ],
)
def _bits(key, row, column):
    counter = (
        tf.cast(row, tf.uint32)[:, None],
        tf.cast(column, tf.uint32)[None, :],
    )
    # Only one of the two words is used. Using both would need a concatenation,
    # which XLA does not vectorise: the draw would cost more, not less.
    return threefry_2x32((key[0], key[1]), counter)[0]


def bits(stream: Stream, shape: Rows) -> Tensor:
    """Uniform random words.

    Args:
        stream: A `Stream`.
        shape: `(rows, columns)`. The word at (row, column) depends only on the
            key, `first_row + row` and `column`.

    Returns:
        `uint32` tensor of shape `shape`.

    Example:
        words = random.bits(random.stream(0), (2, 3))
    """
    rows, columns = shape
    row = tf.range(rows, dtype=tf.int32) + tf.cast(stream.first_row, tf.int32)
    column = tf.range(columns, dtype=tf.int32)
    words = _bits(stream.key, row, column)
    # One trace serves all shapes, so that its result has no static shape.
    words.set_shape([x if isinstance(x, int) else None for x in shape])
    return words


def uniform(stream: Stream, shape: Rows) -> Tensor:
    """Uniform draws from {0, 1, ..., 2**24 - 1} / 2**24.

    Args:
        stream: A `Stream`.
        shape: `(rows, columns)`.

    Returns:
        `float32` tensor of shape `shape`, in [0, 1).

    Example:
        u = random.uniform(random.stream(0), (2, 3))
    """
    top = tf.cast(_shift_right(bits(stream, shape), 8), tf.int32)
    return tf.cast(top, tf.float32) * 2.0**-24


def bernoulli(stream: Stream, probabilities: Tensor) -> Tensor:
    """Draws x = 1 where u < p, else 0, with u uniform.

    Args:
        stream: A `Stream`.
        probabilities: Tensor of shape `(rows, columns)`, compared in
            `float32`.

    Returns:
        Zeros and ones of the shape and dtype of `probabilities`.

    Example:
        coins = random.bernoulli(random.stream(0), tf.fill((4, 3), 0.5))
    """
    draws = uniform(stream, ops.shape(probabilities))
    on = draws < ops.cast(probabilities, "float32")
    return ops.cast(on, probabilities.dtype)


def normal(stream: Stream, shape: Rows) -> Tensor:
    """Standard normal draws, sqrt(2) erfinv(2 u - 1).

    Args:
        stream: A `Stream`.
        shape: `(rows, columns)`.

    Returns:
        `float32` tensor of shape `shape`; the tails end at about 5.3
        standard deviations.

    Example:
        noise = random.normal(random.stream(0), (4, 3))
    """
    return 2.0**0.5 * ops.erfinv(2.0 * _open_uniform(stream, shape) - 1.0)


def gumbel(stream: Stream, shape: Rows) -> Tensor:
    """Standard Gumbel draws, -log(-log(u)).

    `argmax(logits + gumbel)` is a draw from the softmax of the logits.

    Args:
        stream: A `Stream`.
        shape: `(rows, columns)`.

    Returns:
        `float32` tensor of shape `shape`.

    Example:
        logits = np.log([[0.2, 0.3, 0.5]]).astype("float32")
        noise = random.gumbel(random.stream(0), (4, 3))
        drawn = np.argmax(logits + noise, axis=1)  # 4 categories.
    """
    return -ops.log(-ops.log(_open_uniform(stream, shape)))


def truncated_normal(stream: Stream, t: Tensor) -> Tensor:
    """Y - t for a standard normal draw y > t, by inversion.

    This is the quantile of a uniform draw. It is exact to the rounding of
    float32 at any t, also far in the tail, where y - t has the scale 1 / t.

    Args:
        stream: A `Stream`.
        t: `float32` tensor of shape `(rows, columns)`.

    Returns:
        Tensor of the shape and dtype of `t`, not negative.

    Example:
        beyond = random.truncated_normal(random.stream(0), tf.fill((4, 3), 6.0))
    """
    u = _open_uniform(stream, ops.shape(t))
    # For t > 0, a share u of the tail lies beyond y. For t < 0, y divides the
    # distribution into two shares: the smaller one is a tail beyond 0.
    size = ops.relu(-t)
    tail = special.normal_tail(size)
    beyond, before = u * (1 - tail), tail + (1 - u) * (1 - tail)
    share = ops.where(t < 0, 2 * ops.minimum(beyond, before), u)
    x = _quantile(-ops.log(share), ops.relu(t))
    return ops.relu(size + ops.where((t < 0) & (before < beyond), -x, x))


def _quantile(e, t):
    """The x >= 0 for which log Q(t) - log Q(t + x) = e, for t >= 0.

    With Q(t) = P(y > t) = phi(t) / (t + G(t)), the left side is t x + x^2 / 2 +
    log((t + x + G(t + x)) / (t + G(t))): convex in x, and at least t x + x^2 /
    2 and x (t + G(t)). Newton's steps thus start beyond the root, and decrease
    towards it.
    """
    hazard = t + special.normal_excess(t)
    root = t + ops.sqrt(ops.square(t) + 2 * e)
    x = ops.minimum(e / hazard, 2 * e / ops.maximum(root, 1e-30))
    for _ in range(_STEPS):
        there = t + x + special.normal_excess(t + x)
        value = x * (t + 0.5 * x) + ops.log(there / hazard)
        x = ops.relu(x - (value - e) / there)
    return x


def _open_uniform(stream, shape):
    """Draws (k + 1/2) / 2**23, exact in float32: never 0 and never 1."""
    top = tf.cast(_shift_right(bits(stream, shape), 9), tf.int32)
    return (tf.cast(top, tf.float32) + 0.5) * 2.0**-23


def _words(x):
    """The high and the low 32 bits of integers."""
    x = tf.cast(x, tf.uint64)
    high = tf.bitwise.right_shift(x, tf.constant(32, tf.uint64))
    return tf.cast(high, tf.uint32), tf.cast(x, tf.uint32)


def _rotate_left(x, distance):
    shift = (
        np.left_shift if isinstance(x, np.ndarray) else tf.bitwise.left_shift
    )
    return shift(x, np.uint32(distance)) | _shift_right(x, 32 - distance)


def _shift_right(x, distance):
    is_array = isinstance(x, np.ndarray)
    shift = np.right_shift if is_array else tf.bitwise.right_shift
    return shift(x, np.uint32(distance))
