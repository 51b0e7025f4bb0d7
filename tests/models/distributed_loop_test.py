"""The loops for several replicas, with one replica and a model that counts.

`tests/replicas_test.py` compares what several replicas learn with one.
"""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import devices
from keras_rbm.models import distributed_loop
from tests.machines import batches

X = np.arange(10, dtype="float32").reshape(10, 1)  # Five batches of two.


@pytest.fixture(scope="module")
def strategy():
    return tf.distribute.MirroredStrategy(["CPU:0"])


@pytest.fixture(scope="module")
def optimizer(strategy):
    with strategy.scope():
        return keras.optimizers.SGD(0.1)


class Counting:
    """What the loops need of a model. It sums up what it sees."""

    jit_compile = False

    def __init__(self, strategy, steps, run_eagerly):
        self.distribute_strategy = strategy
        self.steps_per_execution, self.run_eagerly = steps, run_eagerly
        with strategy.scope():
            self.learned = tf.Variable(0.0)
            self.metrics = [keras.metrics.Sum(name="seen")]

    def gradient_step(self, data):
        return [tf.reduce_sum(data), None]

    def apply_step(self, slopes):
        slope, nothing = slopes
        assert nothing is None
        self.learned.assign_add(slope)

    def look_step(self, data):
        self.metrics[0].update_state(data)

    test_step = look_step


def iterator(strategy):
    dataset = batches(X, size=2)
    return iter(strategy.experimental_distribute_dataset(dataset))


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_a_call_learns_from_each_batch_and_looks_at_the_first(
    strategy, run_eagerly
):
    model = Counting(strategy, 3, run_eagerly)
    train, data = distributed_loop.train_function(model), iterator(strategy)
    first = train(data)
    assert (model.learned.numpy(), float(first["seen"])) == (X[:6].sum(), 1.0)
    # The data end within the second call.
    second = train(data)
    assert (model.learned.numpy(), float(second["seen"])) == (X.sum(), 14.0)
    with pytest.raises(tf.errors.OutOfRangeError):
        train(data)
    assert model.learned.numpy() == X.sum()


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_an_evaluation_looks_at_each_batch(strategy, run_eagerly):
    model = Counting(strategy, 3, run_eagerly)
    test, data = distributed_loop.test_function(model), iterator(strategy)
    seen = [float(test(data)["seen"]) for _ in range(2)]
    assert seen == [X[:6].sum(), X.sum()]
    assert model.learned.numpy() == 0.0


def test_a_batch_alone_is_refused(strategy):
    model = Counting(strategy, 1, True)
    for make in (
        distributed_loop.train_function,
        distributed_loop.test_function,
    ):
        with pytest.raises(ValueError, match="not `train_on_batch` and `test_"):
            make(model)(iter(batches(X)))
    assert model.learned.numpy() == 0.0


def compiled(strategy, optimizer, jit_compile=False):
    """What `check` and `prepare` look at of a compiled model."""
    with strategy.scope():
        variable = keras.Variable(np.zeros(3, "float32"))
    return types.SimpleNamespace(
        distribute_strategy=strategy,
        optimizer=optimizer,
        jit_compile=jit_compile,
        trainable_variables=[variable],
    )


def test_what_replicas_cannot_train_is_refused(strategy, optimizer):
    distributed_loop.check(compiled(strategy, optimizer))
    with pytest.raises(ValueError, match=r"CPU devices.*: jit_compile=True"):
        distributed_loop.check(compiled(strategy, optimizer, jit_compile=True))
    outside = keras.optimizers.SGD(0.1)
    with pytest.raises(ValueError, match="`optimizer` must be made in the sc"):
        distributed_loop.check(compiled(strategy, outside))
    with strategy.scope():
        scaled = keras.optimizers.LossScaleOptimizer(outside)
    with pytest.raises(ValueError, match=r"`optimizer` must not scale.*Scale"):
        distributed_loop.check(compiled(strategy, scaled))


def test_one_process_takes_any_data(strategy, optimizer):
    model = compiled(strategy, optimizer)
    given = {"x": X, "shuffle": True, "epochs": 2}
    distributed_loop.prepare(model, given)
    assert optimizer.built
    assert given == {"x": X, "shuffle": True, "epochs": 2}
    with strategy.scope(), pytest.raises(ValueError, match="`fit` belongs out"):
        distributed_loop.prepare(model, given)


def test_several_processes_share_each_batch(strategy, optimizer, monkeypatch):
    monkeypatch.setattr(devices, "num_workers", lambda strategy: 2)
    model = compiled(strategy, optimizer)
    given = {"x": batches(X), "validation_data": batches(X), "shuffle": True}
    distributed_loop.prepare(model, given)
    for name in ("x", "validation_data"):
        options = given[name].options().experimental_distribute
        by_batch = tf.data.experimental.AutoShardPolicy.DATA
        assert options.auto_shard_policy == by_batch
        np.testing.assert_array_equal(np.concatenate([*given[name]]), X)
