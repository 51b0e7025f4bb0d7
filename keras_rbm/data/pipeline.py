"""Batches as `tf.data`: each batch is a pure function of its step."""

import numpy as np
import tensorflow as tf

from keras_rbm import devices, random
from keras_rbm.blocks import gather as gather_rows
from keras_rbm.compiled import without_autograph
from keras_rbm.data.categorical import one_hot
from keras_rbm.data.checks import (
    bounds,
    check_examples,
    check_integer,
    has_missing,
    scaled,
)
from keras_rbm.random import Use
from keras_rbm.rows import Rows
from keras_rbm.rows import of as rows_of
from keras_rbm.typing import Array, Binarize

_METHODS = ("none", "stochastic", "threshold")
_SHUFFLED_AT_ONCE = 4096  # indices; small data sets shuffle many epochs
_ROWS_AT_ONCE = 1024  # For `binarized`.


def batches(
    x: Array,
    batch_size: int,
    binarize: Binarize = "none",
    seed: int = 0,
    first_step: int = 0,
    categories: int | None = None,
) -> tf.data.Dataset:
    """Returns an endless data set of shuffled training batches.

    The batch of step t depends only on `(x, batch_size, binarize, seed, t)`:
    `batches(..., first_step=t)` continues any run bit for bit. With `n`
    examples, an epoch is `n // batch_size` steps; each epoch shuffles all
    examples, cuts them into batches, and leaves out the remainder, which
    differs from epoch to epoch.

    With `binarize="stochastic"`, a pixel is 1 with probability equal to its
    intensity, to within 2**-24, and is drawn anew at every step. With
    `"threshold"` it is 1 where its intensity is > 0.5 (not >=).

    Args:
        x: Array of shape `(examples, width)`: uint8, in units of 1/255, or
            floating, in [0, 1] if it is to be binarized; or booleans or
            integers, also uint8, that are all 0 or 1 (bits) or all -1 or 1
            (spins), which are not scaled. `x` stays in memory, bits as float32.
            Pictures of shape `(examples, rows, columns[, 1])` are flattened; a
            sparse matrix, a memory-mapped array or a dataset of h5py is
            converted batch by batch.
            With `categories`, integers from 0 on, of shape `(examples, sites)`.
        batch_size: Number of examples in a batch, at most the number of
            examples.
        binarize: `"stochastic"`, `"threshold"` or `"none"`.
        seed: Integer from 0 to 2**63 - 1.
        first_step: The step (0, 1, 2, ...) to begin with.
        categories: Number of categories of each site, for integer categories,
            which become one-hot, as `Softmax` units take them; `None` for
            other data.

    Returns:
        An infinite `tf.data.Dataset` of float32 tensors of shape
        `(batch_size, width)`, on the CPU.

    Raises:
        ValueError: If an argument is not as described, if `x` is empty or not
            finite, or if there are fewer examples than `batch_size`.

    Example:
        digits = keras_rbm.data.digits()
        batches = keras_rbm.data.batches(digits.train, 100, "stochastic")
        first = next(iter(batches))  # Bits, of shape (100, 64).
    """
    x = _check(x, binarize, categories)
    batch_size = check_integer(batch_size, "batch_size", 1)
    seed = check_integer(seed, "seed", 0)
    first_step = check_integer(first_step, "first_step", 0)
    num_examples, width = x.shape
    if batch_size > num_examples:
        raise ValueError(
            "Argument `batch_size` must not exceed the number of examples: "
            "there are fewer examples than a batch. Make it smaller. "
            f"Received: batch_size={batch_size}, x.shape={x.shape}"
        )
    num_epochs = max(1, _SHUFFLED_AT_ONCE // num_examples)
    num_batches = num_examples // batch_size
    block, offset = divmod(first_step, num_epochs * num_batches)
    values = _on_cpu(x)

    @without_autograph
    def shuffle(block):
        keys = _sort_keys(num_epochs * num_examples, seed, block)
        keys = tf.reshape(keys, (num_epochs, num_examples))
        order = tf.argsort(keys, direction="DESCENDING")
        order = order[:, : num_batches * batch_size]
        return tf.reshape(order, (num_epochs * num_batches, batch_size))

    bits = random.fold_in(random.stream(seed), Use.TRAINING_BATCHES)

    @without_autograph
    def gather(step, rows):
        batch = tf.ensure_shape(gather_rows(values, rows), (batch_size, width))
        return _finish(batch, binarize, random.fold_in(bits, step))

    rows = tf.data.Dataset.counter(block).map(shuffle).unbatch().skip(offset)
    dataset = rows.enumerate(first_step).map(gather).prefetch(2)
    dataset = dataset.with_options(devices.one_thread())
    # `fit` cannot see these values, and need not check them in each batch.
    dataset.num_examples = num_examples
    dataset.bounds = _bounds(x, binarize)
    return dataset


def in_order(
    x: Array,
    batch_size: int,
    binarize: Binarize = "none",
    seed: int = 0,
    categories: int | None = None,
) -> tf.data.Dataset:
    """Returns a finite data set with every example once, in order.

    Stochastic binarization is one fixed draw: a pixel's bit depends on
    `seed`, its row and its column, not on the pass or on `batch_size`.

    Args:
        x: Array of shape `(examples, width)`, as for `batches`.
        batch_size: Number of examples in a batch. The last batch may be
            smaller.
        binarize: `"stochastic"`, `"threshold"` or `"none"`, as for `batches`.
        seed: Integer from 0 to 2**63 - 1.
        categories: As for `batches`.

    Returns:
        A finite `tf.data.Dataset` of float32 tensors of shape
        `(batch_size, width)`, on the CPU.

    Raises:
        ValueError: If an argument is not as described, or if `x` is empty or
            not finite.

    Example:
        digits = keras_rbm.data.digits()
        test = keras_rbm.data.in_order(digits.test, 100, "stochastic")
        print([len(batch) for batch in test])  # [100, 80]
    """
    x = _check(x, binarize, categories)
    batch_size = check_integer(batch_size, "batch_size", 1)
    seed = check_integer(seed, "seed", 0)
    values, count = _on_cpu(x), len(x)

    bits = random.fold_in(random.stream(seed), Use.BATCHES_IN_ORDER)

    @without_autograph
    def gather(first):
        last = tf.minimum(first + batch_size, count)
        batch = gather_rows(values, tf.range(first, last))
        return _finish(batch, binarize, bits._replace(first_row=first))

    dataset = tf.data.Dataset.range(0, len(x), batch_size).map(gather)
    return dataset.prefetch(1).with_options(devices.one_thread())


def binarized(x: Array, how: Binarize, seed: int = 0) -> np.ndarray:
    """Returns the examples of `in_order` as one array.

    Args:
        x: Array of shape `(examples, width)`, as for `batches`.
        how: `"stochastic"`, `"threshold"` or `"none"`, as for `batches`.
        seed: Integer from 0 to 2**63 - 1.

    Returns:
        A float32 array of shape `(examples, width)`; zeros and ones, unless
        `how` is `"none"`.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        digits = keras_rbm.data.digits()
        test = keras_rbm.data.binarized(digits.test, "stochastic", seed=0)
    """
    dataset = in_order(x, _ROWS_AT_ONCE, how, seed)
    return np.concatenate(list(dataset.as_numpy_iterator()))


def _check(x, binarize, categories):
    if not isinstance(binarize, str) or binarize not in _METHODS:
        raise ValueError(
            f"Argument `binarize` must be one of {_METHODS}. "
            f"Received: binarize={binarize!r}"
        )
    if categories is not None:
        if binarize != "none":
            raise ValueError(
                'Argument `binarize` must be "none" for categories, which are '
                f"states already. Received: binarize={binarize!r}, categories="
                f"{categories}"
            )
        return check_examples(one_hot(x, categories), "x")
    x = rows_of("x", x)  # Pictures in a file stay there.
    shape = getattr(x, "shape", ())
    if len(shape) == 3 or (len(shape) == 4 and shape[3] == 1):
        x = np.reshape(x, (shape[0], shape[1] * shape[2]))
    x = check_examples(x, "x", may_miss=binarize == "none")
    if isinstance(x, Rows):
        x = scaled(x)
    low, high = (0, 1) if binarize == "none" else bounds(x)
    if low < 0 or (high > 1 and x.dtype != np.uint8):
        raise ValueError(
            "Argument `x` must hold intensities from 0 to 1, or uint8, to be "
            'binarized. Scale it, or pass binarize="none". Received: '
            f"binarize={binarize!r}, x from {low} to {high}"
        )
    return x


def _bounds(x, binarize):
    """The least and the largest value that batches can hold."""
    if binarize != "none" or x.dtype == np.uint8:
        return 0.0, 1.0
    if has_missing(x):  # `fit` checks each batch.
        return -np.inf, np.inf
    low, high = bounds(x)
    return float(low), float(high)


def _on_cpu(x):
    if isinstance(x, Rows):
        return x
    with tf.device("CPU"):
        return tf.constant(x)


def _finish(x, how, stream):
    """Scales a batch to [0, 1] and binarizes it."""
    if how == "stochastic":
        return _stochastic(x, stream)
    x = _to_float(x)
    return tf.cast(x > 0.5, tf.float32) if how == "threshold" else x


@tf.function(jit_compile=True)
def _stochastic(x, stream):
    # Compiled, because the draws are most of what a batch costs: XLA makes
    # one loop of the generator and the comparison.
    return random.bernoulli(stream, _to_float(x))


def _to_float(x):
    scale = 255.0 if x.dtype == tf.uint8 else 1.0
    return tf.cast(x, tf.float32) / scale


def _sort_keys(size, seed, block):
    """Draws 64-bit keys to sort by: the same in every version of NumPy."""
    return tf.random.stateless_uniform(
        (size,),
        tf.stack([tf.constant(seed, tf.int64), tf.cast(block, tf.int64)]),
        minval=None,
        maxval=None,
        dtype=tf.int64,
        alg="philox",
    )
