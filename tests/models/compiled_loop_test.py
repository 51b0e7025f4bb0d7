"""The compiled loop gives what Keras's own loop gives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, PersistentChain
from keras_rbm.models import compiled_loop
from keras_rbm.models.trainer import Trainer
from tests import hostile
from tests.machines import (
    METRICS,
    data,
    oracle_of,
    restarting,
    rounding,
    states_of,
)


def endless(*columns, size=8):
    columns = columns[0] if len(columns) == 1 else columns
    dataset = tf.data.Dataset.from_tensor_slices(columns)
    return dataset.repeat().batch(size, drop_remainder=True)


WEIGHT = np.linspace(0, 2, 48, dtype="float32")


def weighted():
    """Batches of 60, of 48 examples that come again and again."""
    return endless(data(), np.zeros(48), WEIGHT, size=60)


def built(**kwargs):
    model = RBM(5, 4, PersistentChain(10, 2), seed=0)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.5)
    model.compile(optimizer, **kwargs)
    return model


class Watch(keras.callbacks.Callback):
    """What the callbacks of a training see."""

    def __init__(self):
        super().__init__()
        self.seen, self.states, self.particles = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(
            (batch, int(self.model.updates), dict(logs), oracle_of(self.model))
        )
        self.states.append(states_of(self.model))
        self.particles.append(self.model.chain.particles.numpy())


def is_possible(model):
    return compiled_loop.is_possible(model, Trainer.train_step)


def test_what_one_call_can_do():
    assert is_possible(built())
    assert not is_possible(built(jit_compile=False))
    assert not is_possible(built(run_eagerly=True))


def test_another_step_needs_the_loop_of_keras():
    class Other(RBM):
        def train_step(self, data):
            return super().train_step(data)

    model = Other(5, 4, seed=0)
    model.compile()
    assert not is_possible(model)


@pytest.fixture(scope="module")
def pair():
    """Two models trained alike, by Keras's loop and by the compiled one."""
    result = []
    for options in ({}, {"steps_per_execution": 3}):
        model, watch = built(**options), Watch()
        restart = restarting(model)
        traces, step = [], model.update_step

        def update_step(data, seed=None, traces=traces, step=step):
            traces.append(None)
            return step(data, seed)

        model.update_step = update_step
        options = {"epochs": 2, "verbose": 0, "callbacks": [watch]}
        model.fit(weighted(), steps_per_epoch=12, **options)
        first = len(traces)
        model.fit(weighted(), steps_per_epoch=7, **options)
        both = len(traces)
        # From the beginning again, in blocks of three, three and one.
        restart().fit(weighted(), steps_per_epoch=7, verbose=0)
        result.append((model, watch, first, both, states_of(model)))
    return result


def test_updates_are_the_same_in_any_number_of_steps(pair):
    (slow, of_slow, *_), (fast, of_fast, *_, seven) = pair
    assert slow.jit_compile is fast.jit_compile is True
    assert of_slow.seen[-1][1] == of_fast.seen[-1][1] == 38
    # The first six and seven to the last bit, ...
    for x, y in (
        *zip(of_fast.states[1], of_slow.states[5], strict=True),
        *zip(seven, of_slow.states[6], strict=True),
    ):
        np.testing.assert_array_equal(x, y)
    # ... and later all samples, the others but for roundings.
    np.testing.assert_array_equal(of_fast.particles[-1], of_slow.particles[-1])
    for x, y in zip(of_fast.states[-1], of_slow.states[-1], strict=True):
        np.testing.assert_allclose(
            x, y, rtol=0, atol=rounding("float32", 1.0, 38)
        )


@pytest.mark.parametrize(
    "options", [{"jit_compile": False}, {"run_eagerly": True}], ids=str
)
def test_the_compiler_changes_roundings_alone(pair, options):
    (_, watch, *_), _ = pair
    other = built(**options)
    other.fit(weighted(), steps_per_epoch=6, verbose=0)
    assert int(other.updates) == 6
    # The samples are the same to the last bit, ...
    np.testing.assert_array_equal(
        other.chain.particles.numpy(), watch.particles[5]
    )
    # ... and six updates of 0.1 each have added up their roundings.
    for x, y in zip(states_of(other), watch.states[5], strict=True):
        np.testing.assert_allclose(
            x, y, rtol=0, atol=rounding("float32", 1.0, 20)
        )


def test_callbacks_are_called_after_each_block(pair):
    slow, fast = (watch.seen for _, watch, *_ in pair)
    assert [updates for _, updates, *_ in slow] == list(range(1, 39))
    assert [updates for _, updates, *_ in fast[:8]] == list(range(3, 25, 3))
    assert [i for i, *_ in fast[:8]] == [i for i, *_ in slow[2:24:3]]
    for _, _, logs, _ in fast:
        assert set(logs) == set(METRICS)


def test_an_epoch_may_end_with_a_smaller_block(pair):
    _, (_, watch, *_) = pair
    later = [24 + count for count in (3, 6, 7, 10, 13, 14)]
    assert [updates for _, updates, *_ in watch.seen[8:]] == later


def test_metrics_are_those_of_the_last_examples_of_a_block(pair):
    _, (_, watch, *_) = pair
    total = count = 0.0
    for block, (_, _, logs, oracle) in enumerate(watch.seen[:4]):
        # 100 examples are two batches of 60, the last of three.
        rows = (180 * block + np.arange(60, 180)) % 48
        hidden = oracle.hidden_mean(data()[rows]).mean(axis=1)
        total += (WEIGHT[rows] * hidden).sum()
        count += WEIGHT[rows].sum()
        assert float(logs["hidden_activity"]) == pytest.approx(
            total / count, abs=rounding("float32", 1.0, 100)
        )


def test_later_updates_need_no_other_trace(pair):
    (_, _, first, both, _), (_, _, first_of_loop, both_of_loop, _) = pair
    assert 1 <= first == both
    assert first_of_loop == both_of_loop == 1


def test_keras_has_its_own_loop_back_afterwards(pair):
    _, (model, *_) = pair
    assert model.train_function is None
    before = int(model.updates)

    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError

    with pytest.raises(KeyError):
        model.fit(weighted(), steps_per_epoch=6, verbose=0, callbacks=[Fail()])
    assert int(model.updates) == before + 3
    assert model.train_function is None


def test_no_update_of_a_block_sees_a_wrong_later_batch(pair):
    _, (model, *_) = pair
    before = int(model.updates)
    x = np.tile(data(60), (8, 1))
    x[-1, 0] = np.nan
    wrong = endless(x, np.zeros(480), np.ones(480, "float32"), size=60)
    text = hostile.told(
        lambda: model.fit(wrong, steps_per_epoch=18, verbose=0), "x"
    )
    assert "nan" in text
    assert int(model.updates) == before + 6
    for value in states_of(model):
        assert np.isfinite(value).all()
