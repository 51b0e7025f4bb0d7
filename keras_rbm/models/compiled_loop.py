"""The loop of `fit` that XLA compiles: many updates in one call."""

import tensorflow as tf

from keras_rbm.models.weights import build_optimizer

# Number of examples of a block for the metrics, rounded up to whole batches.
_METRIC_EXAMPLES = 100


def is_possible(model, own_train_step):
    """Whether one compiled call can make many updates of a model.

    Keras compiles one update, and TensorFlow runs the loop. Each turn then
    costs a launch and a transfer of data, which for small machines is most of
    the time. Here XLA compiles the loop together with the update, on one
    device.

    Args:
        model: A compiled `MachineModel`.
        own_train_step: The package's own `train_step`. The loop does not call
            `train_step`: a model whose class overrides it cannot use the loop.
    """
    return (
        model.jit_compile
        and not model.run_eagerly
        and type(model).train_step is own_train_step
        and model.distribute_strategy.num_replicas_in_sync == 1
    )


def update_all(model, block, first, end, seed=None):
    """Makes one update for each batch of a block from `first` up to `end`.

    Calls `model.update_step` in a loop in the graph.

    Args:
        model: A `MachineModel` whose optimizer is built.
        block: Tensor of shape `(steps, batch, ...)`, or a nest of such
            tensors.
        first: Number of the first batch, a scalar integer tensor.
        end: Number of the batch to stop before, a scalar integer tensor.
        seed: See `MachineModel.gradient_step`.
    """

    def update(step):
        batch = tf.nest.map_structure(lambda x: x[step], block)
        model.update_step(batch, seed)
        return [step + 1]

    tf.while_loop(lambda step: step < end, update, [first])


def updates_function(model):
    """Returns a compiled function that makes the updates of a block.

    Args:
        model: A compiled `MachineModel`.

    Returns:
        A `tf.function` with the arguments `block`, `first` and `end` of
        `update_all`. It computes no metrics.
    """
    build_optimizer(model)

    @tf.function(jit_compile=True, autograph=False)
    def updates(batches, first, end):
        update_all(model, batches, first, end)

    return updates


def train_function(model):
    """Returns the function that `fit` calls for each block of batches.

    Args:
        model: A compiled `MachineModel`.

    Returns:
        Function of an iterator over `batches.Block`s. It runs
        `model.update_step` on each batch, and returns the metrics that
        `model.test_step` computes for the last batches, about 100 examples.
        It sets `model.last_update_norm` to the norm of the last update.
    """
    updates = updates_function(model)

    @tf.function(jit_compile=True, autograph=False)
    def look(batches, count):
        steps, batch = tf.nest.flatten(batches)[0].shape[:2]
        last = min(steps, -(-_METRIC_EXAMPLES // batch))
        first = tf.maximum(count - last, 0)

        def examples(x):
            x = tf.slice(
                x,
                tf.concat([[first], tf.zeros(len(x.shape) - 1, "int32")], 0),
                [last, *x.shape[1:]],
            )
            return tf.reshape(x, (-1, *x.shape[2:]))

        return model.test_step(tf.nest.map_structure(examples, batches))

    def measured(batches, end):
        """All updates up to `end`, and the norm of the last one.

        The last update runs outside of the loop, so that measuring its norm
        does not slow down the others.
        """
        updates(batches, tf.constant(0), end - 1)
        before = _read(model.trainable_variables)
        updates(batches, end - 1, end)
        after = _read(model.trainable_variables)
        changes = [x - y for x, y in zip(after, before, strict=True)]
        return tf.linalg.global_norm(changes)

    @tf.function(autograph=False)
    def graph(iterator):
        block = iterator.get_next()

        def with_rest():
            updates(block.batches, tf.constant(0), block.count)
            rest = tf.nest.map_structure(lambda x: x[None], block.rest)
            return measured(rest, tf.constant(1))

        def without_rest():
            return measured(block.batches, block.count)

        if tf.nest.flatten(block.rest):
            norm = tf.cond(block.with_rest, with_rest, without_rest)
        else:
            norm = without_rest()
        with tf.control_dependencies([norm]):
            return look(block.batches, block.count), norm

    def function(iterator):
        logs, model.last_update_norm = graph(iterator)
        return logs

    return function


def _read(variables):
    return [tf.cast(tf.identity(x.value), "float32") for x in variables]
