import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    ContrastiveDivergence,
    ExactChain,
    PersistentChain,
    Tempered,
    devices,
)
from keras_rbm.callbacks import on_chief
from keras_rbm.chains import NoChain


def set_task(monkeypatch, kind, index, cluster):
    task = {"type": kind, "index": index}
    config = json.dumps({"cluster": cluster, "task": task})
    monkeypatch.setenv("TF_CONFIG", config)


def test_the_chief_is_the_first_worker_unless_there_is_one(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert devices.is_chief()
    workers = {"worker": ["a:1", "b:1"]}
    for kind, index, cluster, chief in (
        ("worker", 0, workers, True),
        ("worker", 1, workers, False),
        ("chief", 0, {"chief": ["c:1"], **workers}, True),
        ("worker", 0, {"chief": ["c:1"], **workers}, False),
    ):
        set_task(monkeypatch, kind, index, cluster)
        assert devices.is_chief() == chief
        assert on_chief(1, 2) == ([1, 2] if chief else [])


def test_strategies_by_name(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for name in ("none", "auto"):
        assert devices.strategy(name).num_replicas_in_sync == 1
    with pytest.raises(ValueError, match="TF_CONFIG"):
        devices.strategy("multi_worker")
    with pytest.raises(ValueError, match="strategy='two'"):
        devices.strategy("two")


def test_other_strategies_are_refused():
    strategy = tf.distribute.experimental.CentralStorageStrategy()
    with strategy.scope(), pytest.raises(ValueError, match="CentralStorage"):
        RBM(5, 4)
    devices.check(tf.distribute.OneDeviceStrategy("CPU:0"))


def test_keras_distribution_is_refused():
    model = RBM(5, 4)
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=["cpu:0"])
    )
    try:
        with pytest.raises(ValueError, match="does not distribute"):
            model.compile()
    finally:
        keras.distribution.set_distribution(None)


def test_rows_on_one_device():
    calls = []

    def rows(first, count):
        calls.append((first, count))
        return np.arange(first, first + count), np.ones((count, 2))

    found, ones = devices.by_rows(rows, 7, 3)
    np.testing.assert_array_equal(found, np.arange(7))
    assert ones.shape == (7, 2)
    assert calls == [(0, 3), (3, 3), (6, 1)]


@pytest.mark.parametrize(
    "chain",
    [
        ContrastiveDivergence(),
        PersistentChain(6),
        PersistentChain(6, sampler=Tempered(3)),
        ExactChain(),
        NoChain(),
    ],
    ids=lambda chain: chain.name,
)
@pytest.mark.parametrize("optimizer", ["auto", "adam"])
def test_no_variable_is_one_that_a_gpu_cannot_hold(chain, optimizer):
    """TensorFlow keeps int32 variables on the host, out of XLA's reach."""
    model = RBM(5, 4, type(chain).from_config(chain.get_config()))
    model.compile(optimizer)
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    assert len(variables) > 8
    assert not [x.path for x in variables if x.dtype == "int32"]
