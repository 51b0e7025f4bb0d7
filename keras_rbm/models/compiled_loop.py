"""The loop of `fit` that XLA compiles: many updates in one call."""

import tensorflow as tf

# How many examples of a block the metrics look at, rounded up to batches.
_METRIC_EXAMPLES = 100


def steps_in_block(model, own_train_step, x, steps_per_epoch):
    """How many updates one call can make, or 0 where Keras's loop is needed.

    Keras compiles an update, and loops over it in TensorFlow; each turn then
    costs a launch and a hand-over of data. For small machines this is most of
    the time. The loop can be compiled with the update where the data are an
    endless `tf.data.Dataset` of batches of one shape, on one device.

    Args:
        model: A compiled `MachineModel`.
        own_train_step: Its class's `train_step`; the loop does not call one
            that a subclass has in its place.
        x: The data that `fit` is given.
        steps_per_epoch: Number of updates in an epoch, or `None`.

    Returns:
        `model.steps_per_execution`, or 0.
    """
    steps = model.steps_per_execution
    if (
        not isinstance(x, tf.data.Dataset)
        or x.cardinality() != tf.data.INFINITE_CARDINALITY
        or not model.jit_compile
        or model.run_eagerly
        or type(model).train_step is not own_train_step
        or model.distribute_strategy.num_replicas_in_sync > 1
        or steps == 1
        or not steps_per_epoch
        or steps_per_epoch % steps
    ):
        return 0
    specs = tf.nest.flatten(x.element_spec)
    if not all(spec.shape.is_fully_defined() for spec in specs):
        return 0
    return steps


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


def train_function(model):
    """Returns what `fit` calls for each block of batches.

    Args:
        model: A `MachineModel`, compiled.

    Returns:
        Function of an iterator over blocks, tensors of shape `(steps, batch,
        ...)`. It runs `model.update_step` on each batch, and returns what
        `model.test_step` says of the last ones, about 100 examples; the norm
        of the last update is then in `model.last_update_norm`.
    """
    model.optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=True, autograph=False)
    def updates(block, first, end):
        update_all(model, block, first, end)

    @tf.function(jit_compile=True, autograph=False)
    def look(block):
        steps, batch = tf.nest.flatten(block)[0].shape[:2]
        last = min(steps, -(-_METRIC_EXAMPLES // batch))
        return model.test_step(
            tf.nest.map_structure(
                lambda x: tf.reshape(x[-last:], (-1, *x.shape[2:])), block
            )
        )

    @tf.function(autograph=False)
    def graph(iterator):
        block = iterator.get_next()
        steps = tf.nest.flatten(block)[0].shape[0]
        updates(block, tf.constant(0), tf.constant(steps - 1))
        # The last one by itself, to be measured without a cost to the others.
        before = _read(model.trainable_variables)
        updates(block, tf.constant(steps - 1), tf.constant(steps))
        after = _read(model.trainable_variables)
        changes = [x - y for x, y in zip(after, before, strict=True)]
        return look(block), tf.linalg.global_norm(changes)

    def function(iterator):
        logs, model.last_update_norm = graph(iterator)
        return logs

    return function


def _read(variables):
    return [tf.cast(tf.identity(x.value), "float32") for x in variables]
