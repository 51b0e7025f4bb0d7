"""The loop of `fit` that XLA compiles: many updates in one call."""

import tensorflow as tf

# How many examples of a block the metrics look at, rounded up to batches.
_METRIC_EXAMPLES = 100


def is_possible(model, own_train_step):
    """Whether one compiled call can make many updates of a model.

    Keras compiles an update, and loops over it in TensorFlow; each turn then
    costs a launch and a hand-over of data. For small machines this is most of
    the time. Here the loop is compiled with the update, on one device.

    Args:
        model: A compiled `MachineModel`.
        own_train_step: Its class's `train_step`; the loop does not call one
            that a subclass has in its place.
    """
    return (
        model.jit_compile
        and not model.run_eagerly
        and type(model).train_step is own_train_step
        and model.distribute_strategy.num_replicas_in_sync == 1
    )


def update_all(model, block, first, end, seed=None):
    """Makes an update of each batch of a block from `first` up to `end`.

    In the graph: `model.update_step`, one after the other.

    Args:
        model: A `MachineModel` whose optimizer is built.
        block: Tensor of shape `(steps, batch, ...)`, or a nest of such.
        first: Number of the first batch, a scalar integer tensor.
        end: Number of the batch to stop before, the same.
        seed: As for `MachineModel.gradient_step`.
    """

    def update(step):
        batch = tf.nest.map_structure(lambda x: x[step], block)
        model.update_step(batch, seed)
        return [step + 1]

    tf.while_loop(lambda step: step < end, update, [first])


def updates_function(model):
    """Returns the compiled function of a block's updates, without metrics.

    Args:
        model: A compiled `MachineModel`.

    Returns:
        A `tf.function` of a block, the number of its first batch, and the
        number of the batch to stop before, as in `update_all`.
    """
    model.optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=True, autograph=False)
    def updates(batches, first, end):
        update_all(model, batches, first, end)

    return updates


def train_function(model):
    """Returns what `fit` calls for each block of batches.

    Args:
        model: A `MachineModel`, compiled.

    Returns:
        Function of an iterator over `batches.Block`s. It runs
        `model.update_step` on each batch, and returns what `model.test_step`
        says of the last ones, about 100 examples; the norm of the last update
        is then in `model.last_update_norm`.
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

        That one is by itself, to be measured without a cost to the others.
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
