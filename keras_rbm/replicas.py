"""Devices that make an update together: their sums, and their shares of rows.

A replica is a device that makes every update together with other replicas, by a
`tf.distribute` strategy. Each replica has its own rows of the batch and of the
chains. Quantities that depend on all rows are summed over replicas. Rows have
addresses (see `random.Stream`), so draws do not depend on the number of
replicas. With one replica, or outside of an update, nothing is exchanged.
"""

from typing import NamedTuple

import tensorflow as tf


class Batch(NamedTuple):
    """A batch, or this replica's part of a batch.

    Attributes:
        weight: Weights w_i of this replica's examples, `(own examples,)`.
        examples: Number n of examples of all replicas.
        total_weight: Sum of w_i over the examples of all replicas.
        mean_weight: `total_weight` divided by n.
        first_row: Index of this replica's first example among all examples.
    """

    weight: tf.Tensor
    examples: tf.Tensor
    total_weight: tf.Tensor
    mean_weight: tf.Tensor
    first_row: int | tf.Tensor

    def parts(self):
        """w_i / n; the sum over all replicas is the mean weight."""
        return self.weight / self.examples

    def shares(self):
        """w_i / sum_j w_j, the weights of a mean; 0 if all weights are 0."""
        total = self.total_weight
        return self.weight / tf.where(total == 0, tf.ones_like(total), total)

    def stream(self, stream):
        """The stream for this replica's rows."""
        return stream._replace(first_row=self.first_row)


def count():
    """Number of replicas in this update; 1 outside of an update."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def all_sum(x):
    """Sums over all replicas; each replica gets the same result.

    All replicas must call this function in the same order, so never call it in
    a branch or loop that differs between replicas.

    Args:
        x: Tensor, or a nest of tensors of one dtype, which needs one exchange.
            `None` stays `None`.
    """
    if count() == 1:
        return x
    flat = tf.nest.flatten(x)
    # Copies are on this replica's device, where the sum is needed.
    own = [tf.identity(y) for y in flat if y is not None]
    context = tf.distribute.get_replica_context()
    total = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, own))
    flat = [None if y is None else next(total) for y in flat]
    return tf.nest.pack_sequence_as(x, flat)


def mean(x, weight=None):
    """Mean over all rows of all replicas, a scalar.

    Args:
        x: Tensor of shape `(rows,)`.
        weight: The weights of the rows, `(rows,)`, or `None` if all are equal.
            The mean is 0 if all weights are 0.
    """
    if weight is not None:
        weight = tf.cast(weight, x.dtype)
        total = all_sum([tf.reduce_sum(weight * x), tf.reduce_sum(weight)])
        return tf.math.divide_no_nan(*total)
    if count() == 1:
        return tf.reduce_mean(x)
    total, rows = all_sum([tf.reduce_sum(x), tf.cast(tf.shape(x)[0], x.dtype)])
    return total / rows


def batch(v, weight=None):
    """The sums of a batch over all replicas, and this replica's place.

    Args:
        v: Tensor of shape `(own examples, width)`, possibly without examples.
        weight: Tensor of shape `(own examples,)`, or `None` for ones.

    Returns:
        A `Batch`.
    """
    ones = tf.ones_like(v[:, 0])
    weight = ones if weight is None else tf.cast(weight, v.dtype)
    own = tf.cast(tf.shape(v)[0], v.dtype)
    if count() == 1:
        mean = tf.reduce_sum(weight / own)
        return Batch(weight, own, tf.reduce_sum(weight), mean, 0)
    here = tf.one_hot(_index(), count(), dtype=v.dtype)
    rows, total = all_sum([here * own, tf.reduce_sum(weight)])
    before = tf.reduce_sum(tf.cumsum(rows, exclusive=True) * here)
    examples = tf.reduce_sum(rows)
    return Batch(
        weight, examples, total, total / examples, tf.cast(before, tf.int32)
    )


def total(own, of_all):
    """A sum over all replicas that is known in advance for several replicas.

    Args:
        own: The sum over this replica's rows.
        of_all: The sum over all rows, which needs no exchange. Ignored if there
            is one replica.
    """
    return own if count() == 1 else tf.cast(of_all, own.dtype)


def with_value_of_all(own):
    """The sum over all replicas, with the gradient of this replica's part."""
    if count() == 1:
        return own
    part = tf.stop_gradient(own)
    return own + all_sum(part) - part


def first_row(num_rows):
    """Index of this replica's first row, if rows are divided evenly."""
    return 0 if count() == 1 else _index() * (num_rows // count())


def own_rows(x, axis=0):
    """Returns this replica's share of rows.

    Args:
        x: Tensor or variable, the same in all replicas.
        axis: Axis of the rows; their number must be a multiple of the number of
            replicas.
    """
    if count() == 1:
        return tf.convert_to_tensor(x)
    size = x.shape[axis] // count()
    begin, shape = [0] * len(x.shape), list(x.shape)
    begin[axis], shape[axis] = _index() * size, size
    return tf.slice(x, begin, shape)


def all_rows(own, num_rows, axis=0):
    """Joins the shares of all replicas: the inverse of `own_rows`.

    Args:
        own: Tensor, this replica's rows.
        num_rows: Number of all rows.
        axis: Axis of the rows.
    """
    if count() == 1:
        return own
    size = num_rows // count()
    padding = [[0, 0] for _ in own.shape]
    padding[axis] = [_index() * size, (count() - 1 - _index()) * size]
    shape = list(own.shape)
    shape[axis] = num_rows
    return all_sum(tf.ensure_shape(tf.pad(own, padding), shape))


def _index():
    context = tf.distribute.get_replica_context()
    return tf.cast(context.replica_id_in_sync_group, tf.int32)
