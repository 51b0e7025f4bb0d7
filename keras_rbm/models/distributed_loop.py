"""The loops of `fit` and `evaluate` for several replicas.

Keras's own loop reduces the values that the replicas return, which fails under
`MultiWorkerMirroredStrategy` (Keras issue 20585), and its optimizer clips
gradients before the reduction. This loop first sums the gradient over the
replicas, and then calls the optimizer once. It reads the metrics from their
variables, which sum over the replicas by themselves.
"""

import keras
import tensorflow as tf

from keras_rbm import devices
from keras_rbm.models.weights import build_optimizer


def is_needed(model):
    """Whether several replicas train the model together."""
    return model.distribute_strategy.num_replicas_in_sync > 1


def check(model):
    """Refuses models that several replicas cannot train.

    Args:
        model: A compiled `MachineModel`.

    Raises:
        ValueError: If XLA would have to compile for CPU devices, or if the
            optimizer was not created under the model's strategy or scales the
            loss.
    """
    strategy, optimizer = model.distribute_strategy, model.optimizer
    if model.jit_compile and any(
        "GPU" not in device for device in strategy.extended.worker_devices
    ):
        raise ValueError(
            "XLA cannot sum over CPU devices: leave `jit_compile` out. "
            "Received: jit_compile=True"
        )
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            "`optimizer` must not scale the loss under several replicas: use "
            "mixed_bfloat16 instead of mixed_float16. Received: optimizer="
            f"{type(optimizer).__name__}"
        )
    iterations = optimizer.iterations.value
    if not isinstance(iterations, tf.distribute.DistributedValues):
        raise ValueError(
            "`optimizer` must be made in the scope of the model's strategy: "
            "`with strategy.scope(): model.compile(keras.optimizers.SGD(0.1))`."
        )


def prepare(model, given):
    """Adapts the arguments of `fit` to several replicas, in place.

    Args:
        model: A compiled `MachineModel`.
        given: `{name: argument}` of `fit`, which is changed.

    Raises:
        ValueError: If `fit` is called in the scope of the strategy.
    """
    strategy = model.distribute_strategy
    if tf.distribute.in_cross_replica_context():
        raise ValueError(
            "`fit` belongs outside of `strategy.scope()`, which is for making "
            "the model and the optimizer."
        )
    with strategy.scope():
        build_optimizer(model)
    if devices.num_workers(strategy) == 1:
        return
    for name in ("x", "validation_data"):
        if isinstance(given.get(name), tf.data.Dataset):
            given[name] = by_batch(given[name])


def by_batch(dataset):
    """The data set, set to give each worker a part of every batch.

    By default, TensorFlow might give different files to the workers.
    """
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return dataset.with_options(options)


def train_function(model):
    """Returns the function that `fit` calls for `steps_per_execution` batches.

    Args:
        model: A `MachineModel` whose optimizer is built.

    Returns:
        Function of a distributed iterator. It makes the updates, adds the
        metrics of a part of its first batch, and returns the metrics so far.
    """
    strategy = model.distribute_strategy
    gradient = model.gradient_step
    if model.jit_compile:
        gradient = tf.function(gradient, jit_compile=True, autograph=False)

    def update(data):
        slopes = strategy.run(gradient, args=(_without_optionals(data),))
        # The slopes are the same in all replicas. Outside of the replicas, the
        # optimizer works as on one device, and assigns to all copies.
        model.apply_step(
            [
                None if x is None else strategy.experimental_local_results(x)[0]
                for x in slopes
            ]
        )

    def function(iterator):
        data = iterator.get_next()
        update(data)
        _repeat(update, iterator, model.steps_per_execution - 1)
        strategy.run(model.look_step, args=(_without_optionals(data),))
        return _results(model)

    return _guarded(model, function)


def test_function(model):
    """Returns the function that `evaluate` calls."""
    strategy = model.distribute_strategy

    def look(data):
        strategy.run(model.test_step, args=(_without_optionals(data),))

    def function(iterator):
        look(iterator.get_next())
        _repeat(look, iterator, model.steps_per_execution - 1)
        return _results(model)

    return _guarded(model, function)


def _repeat(step, iterator, times):
    """Calls a step for `times` batches, or until the data end."""
    if times < 1:
        return

    def with_batch(batch):
        step(batch.get_value())
        return True

    def one(done, more):
        batch = iterator.get_next_as_optional()
        more = tf.cond(
            batch.has_value(), lambda: with_batch(batch), lambda: False
        )
        return done + 1, more

    tf.while_loop(
        lambda done, more: (done < times) & more,
        one,
        [tf.constant(0), tf.constant(True)],
    )


def _results(model):
    """The metrics, over all replicas."""
    with model.distribute_strategy.scope():
        return {metric.name: metric.result() for metric in model.metrics}


def _guarded(model, function):
    """`function` as a graph, which refuses a batch in place of an iterator."""
    if not model.run_eagerly:
        function = tf.function(function, autograph=False)

    def guarded(iterator):
        if not isinstance(iterator, tf.distribute.DistributedIterator):
            raise ValueError(
                "A single batch is not shared out over replicas: use `fit` "
                "and `evaluate`, not `train_on_batch` and `test_on_batch`."
            )
        return function(iterator)

    return guarded


def _without_optionals(data):
    """Replaces empty optionals by `None`, as Keras does."""
    return tf.nest.map_structure(
        lambda x: None if isinstance(x, tf.experimental.Optional) else x, data
    )
