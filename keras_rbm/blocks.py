"""The batches that `fit` makes of arrays, and blocks of them for one call.

An epoch consists of batches of one size, and possibly a smaller last batch.
The model's seed and the number of updates before a pass determine the order of
the examples in the pass. A resumed run therefore gets the same batches as an
uninterrupted run. If epochs are passes, two calls of `fit` with one epoch each
get the same batches as one call with two epochs.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_rbm import budget, devices, random
from keras_rbm.compiled import without_autograph
from keras_rbm.random import Use
from keras_rbm.rows import Rows

# Largest size of a block in bytes.
_MOST_BYTES = 2**26
# Most passes whose order is planned before the first epoch.
_MOST_PLANS = 2**14


class Block(NamedTuple):
    """The batches of one compiled call of `fit`.

    Attributes:
        batches: Tensor of shape `(steps, batch, ...)`, or a nest of such
            tensors.
        count: Scalar integer tensor: the call uses the first `count` batches.
            The remaining batches are padding.
        rest: The smaller batch at the end of an epoch, `(rest, ...)`, or a
            nest of such tensors; `()` if no epoch has a smaller batch.
        with_rest: Boolean scalar, whether to use `rest` after the batches.
    """

    batches: tf.Tensor
    count: tf.Tensor
    rest: tf.Tensor
    with_rest: tf.Tensor


class Passes(NamedTuple):
    """How the epochs of a `fit` go through arrays.

    Attributes:
        num_examples: Number of examples.
        batch_size: Number of examples in a batch.
        full: Number of batches of this size in an epoch.
        rest: Number of examples in the last, smaller batch of an epoch, or 0.
        seed: Seed of the shuffling, or `None` not to shuffle.
        first_update: Number of updates of the model before epoch 0.
    """

    num_examples: int
    batch_size: int
    full: int
    rest: int
    seed: int | None
    first_update: int

    @property
    def updates(self) -> int:
        """Number of updates in an epoch."""
        return self.full + bool(self.rest)

    @property
    def _is_whole(self):
        """Whether each epoch is one pass over all examples."""
        return self.full * self.batch_size + self.rest == self.num_examples

    @property
    def _updates_of_pass(self):
        if self._is_whole:
            return self.updates
        # Passes continue across epochs. Each pass leaves out the examples that
        # do not fill a batch.
        return self.num_examples // self.batch_size

    @property
    def most_passes(self) -> int:
        """The largest number of passes that one epoch goes through."""
        if self._is_whole:
            return 1
        return -(-self.full // self._updates_of_pass) + 1

    def plan(self, epochs: np.ndarray) -> "Plan":
        """The passes that each of these epochs goes through.

        Args:
            epochs: Array of the numbers of epochs, of shape `(count,)`.
        """
        each = self._updates_of_pass
        first = epochs * self.updates
        number = first // each
        passes = number[:, None] + np.arange(self.most_passes)
        if self.seed is None:
            keys = np.zeros((*passes.shape, 0), "int64")
        else:
            stream = random.stream(self.seed)
            stream = random.fold_in(stream, Use.EXAMPLE_ORDER)
            keys = random.keys(stream, self.first_update + passes * each)
        return Plan(keys.astype("int64"), first - number * each)

    def rows(self, plan: "Plan") -> tf.Tensor:
        """Row numbers of the examples of one epoch, in order.

        Args:
            plan: The `Plan` of one epoch, without the axis of epochs.
        """
        if self._is_whole:
            return self._order(plan.keys[0])
        orders = tf.map_fn(
            self._order,
            plan.keys,
            fn_output_signature=tf.TensorSpec([self.num_examples], "int64"),
        )
        size = self._updates_of_pass * self.batch_size
        orders = tf.reshape(orders[:, :size], [-1, self.batch_size])
        orders = orders[plan.skip : plan.skip + self.full]
        return tf.reshape(orders, [-1])

    def _order(self, key):
        if self.seed is None:
            return tf.range(self.num_examples, dtype="int64")
        numbers = tf.random.stateless_uniform(
            (self.num_examples,),
            key,
            minval=None,
            maxval=None,
            dtype="int64",
            alg="philox",
        )
        order = tf.argsort(numbers, direction="DESCENDING", stable=True)
        return tf.cast(order, "int64")


class Plan(NamedTuple):
    """The order of the examples in some epochs.

    Attributes:
        keys: Random keys, `int64` array of shape `(epochs, passes, 2)`: each
            gives the order of a pass that the epoch goes through. Without
            shuffling, the shape is `(epochs, passes, 0)`.
        skip: Number of batches of the first of these passes that earlier epochs
            have used, `(epochs,)`.
    """

    keys: np.ndarray
    skip: np.ndarray


def passes(num_examples, batch_size, steps_per_epoch, seed, first_update):
    """Plans how `fit` goes through arrays.

    Args:
        num_examples: Number of examples.
        batch_size: Number of examples in a batch, at most `num_examples`.
        steps_per_epoch: Number of updates in an epoch; each pass then leaves
            out the examples that do not fill a batch. `None` if an epoch is a
            pass over all examples, whose last batch may be smaller.
        seed: See `Passes`.
        first_update: See `Passes`.

    Returns:
        A `Passes`.
    """
    full, rest = divmod(num_examples, batch_size)
    if steps_per_epoch is not None:
        full, rest = steps_per_epoch, 0
    return Passes(num_examples, batch_size, full, rest, seed, first_update)


def block_size(batch_bytes, updates):
    """How many updates to make in one compiled call.

    Args:
        batch_bytes: Size of a batch in bytes.
        updates: Number of updates in an epoch.
    """
    most = min(budget.MOST_STEPS, updates, _MOST_BYTES // max(batch_bytes, 1))
    return max(1, most)


def of_arrays(arrays, passes, epochs, steps=None, skip=0):
    """Batches of arrays, or blocks of them.

    Args:
        arrays: Array of shape `(examples, ...)`, `Rows`, or a tuple of such.
        passes: The `Passes`.
        epochs: The first epoch, and the epoch to stop before.
        steps: Number of batches in a block, or `None` for single batches.
        skip: Number of blocks, or of batches, of the first epoch to leave out.

    Returns:
        A `tf.data.Dataset` on the CPU, of `Block`s or of batches. An epoch has
        `-(-passes.updates // steps)` blocks.
    """
    with tf.device("CPU"):
        arrays = tf.nest.map_structure(_tensor, arrays)
    size = passes.full * passes.batch_size

    @without_autograph
    def rows(keys, skip):
        order = passes.rows(Plan(keys, skip))
        return tf.ensure_shape(order, [size + passes.rest])

    def take(rows, shape):
        def one(x):
            x = gather(x, tf.reshape(rows, [-1]))
            return _floating(tf.reshape(x, [*shape, *x.shape[1:]]))

        return tf.nest.map_structure(one, arrays)

    @without_autograph
    def batches(order):
        full = tf.reshape(order[:size], [passes.full, passes.batch_size])
        of_epoch = tf.data.Dataset.from_tensor_slices(full)
        of_epoch = of_epoch.map(lambda rows: take(rows, [passes.batch_size]))
        if not passes.rest:
            return of_epoch
        rest = tf.data.Dataset.from_tensors(order[size:])
        rest = rest.map(lambda rows: take(rows, [passes.rest]))
        return of_epoch.concatenate(rest)

    @without_autograph
    def blocks(order):
        full = tf.reshape(order[:size], [passes.full, passes.batch_size])
        calls = -(-passes.updates // steps)

        @without_autograph
        def block(call):
            first = call * steps
            numbers = (first + tf.range(steps, dtype=tf.int64)) % passes.full
            count = tf.clip_by_value(passes.full - first, 0, steps)
            rest = ()
            if passes.rest:
                rest = take(order[size:], [passes.rest])
            return Block(
                take(tf.gather(full, numbers), [steps, passes.batch_size]),
                tf.cast(count, tf.int32),
                rest,
                tf.logical_and(bool(passes.rest), call == calls - 1),
            )

        return tf.data.Dataset.range(calls).map(block)

    dataset = _plans(passes, *epochs).map(rows)
    dataset = dataset.flat_map(batches if steps is None else blocks)
    options = devices.one_thread()
    # TensorFlow's rewrites of the graph find nothing to do here, and take a
    # quarter of the time to the first batch.
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.skip(skip).prefetch(1).with_options(options)


def _plans(passes, first, end):
    """A `tf.data.Dataset` of the `Plan` of each epoch.

    The keys are computed here and not in the graph of the data set, where a
    hundred operations each time would delay the first batch.
    """
    if (end - first) * passes.most_passes <= _MOST_PLANS:
        plan = passes.plan(np.arange(first, end))
        return tf.data.Dataset.from_tensor_slices(tuple(plan))

    def one_by_one():
        for epoch in range(first, end):
            yield tuple(x[0] for x in passes.plan(np.array([epoch])))

    spec = passes.plan(np.array([first]))
    return tf.data.Dataset.from_generator(
        one_by_one,
        output_signature=tuple(
            tf.TensorSpec(x.shape[1:], x.dtype) for x in spec
        ),
    )


def of_finite(dataset, steps):
    """The batches of a finite data set, repeated endlessly, as blocks.

    Args:
        dataset: A finite `tf.data.Dataset` of batches of one shape.
        steps: Number of batches in a block.

    Returns:
        An endless `tf.data.Dataset` of `Block`s.
    """
    blocks = dataset.batch(steps).map(_padded(dataset, steps))
    return blocks.repeat().prefetch(1)


def of_endless(dataset, steps, updates, done=0):
    """The batches of an endless data set as blocks.

    Args:
        dataset: A `tf.data.Dataset` of batches of one shape.
        steps: Number of batches in a block.
        updates: Number of batches in an epoch. The last block of an epoch
            may use fewer batches.
        done: Number of batches of the first epoch that are not in `dataset`, a
            multiple of `steps`.

    Returns:
        A `tf.data.Dataset` of `Block`s.
    """
    padded = _padded(dataset, steps)
    if updates % steps == 0:
        return dataset.batch(steps, drop_remainder=True).map(padded).prefetch(1)
    calls = -(-updates // steps)

    @without_autograph
    def number_of_block(number, batch):
        epoch, update = number // updates, number % updates
        return epoch * calls + update // steps

    @without_autograph
    def size(block):
        is_last = block % calls == calls - 1
        return tf.where(is_last, tf.cast(updates % steps, "int64"), steps)

    @without_autograph
    def joined(_, block):
        return block.map(without_autograph(lambda _, batch: batch)).batch(steps)

    blocks = dataset.enumerate(done).group_by_window(
        number_of_block, joined, window_size_func=size
    )
    return blocks.map(padded).prefetch(1)


def _padded(dataset, steps):
    """Function that pads at most `steps` batches to a `Block` of `steps`.

    Args:
        dataset: The `tf.data.Dataset` of the batches.
        steps: Number of batches in a block.
    """
    is_tuple = isinstance(dataset.element_spec, tuple)

    @without_autograph
    def padded(*batches):
        batches = batches if is_tuple else batches[0]
        count = tf.shape(tf.nest.flatten(batches)[0])[0]
        numbers = tf.range(steps) % count

        def one(x):
            return tf.ensure_shape(tf.gather(x, numbers), [steps, *x.shape[1:]])

        batches = tf.nest.map_structure(one, batches)
        return Block(batches, count, (), tf.constant(False))

    return padded


def _tensor(x):
    return x if isinstance(x, Rows) else tf.constant(np.asarray(x))


def gather(x, rows):
    """These rows of a tensor, or of `Rows`, within a `tf.data.Dataset`.

    Args:
        x: Tensor, or `Rows`.
        rows: Integer tensor of shape `(count,)`.

    Returns:
        Tensor of shape `(count, ...)`. For `Rows`, the dtype is float16 if
        they have this dtype, and float32 otherwise.
    """
    if not isinstance(x, Rows):
        return tf.gather(x, rows)
    small = x.dtype.kind == "f" and x.dtype.itemsize <= 4
    kind = x.dtype.name if small else "float32"
    found = tf.numpy_function(lambda rows: x.floats(rows, kind), [rows], kind)
    return tf.ensure_shape(found, [*rows.shape, x.shape[1]])


def _floating(x):
    return (
        x
        if x.dtype.is_floating and x.dtype.size <= 4
        else tf.cast(x, "float32")
    )
