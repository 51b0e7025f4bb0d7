"""Updates of a model, compiled once for all models of one configuration."""

import functools
import json
import threading

import keras
import numpy as np
from keras import ops

from keras_rbm import random
from keras_rbm.compiled import compiled
from keras_rbm.models import RBM, update

# Numbers in a block of batches, and the most batches in one.
_BLOCK, _MOST = 2**20, 200
# The largest kernel, in numbers, of a model whose copy is kept.
_KEPT = 2**22
# The use of the stream that `RBM.fit` draws from.
_TRAIN = 0
# What a compiled program does not depend on.
_FREE = ("name", "seed", "kernel_initializer", "visible_bias_initializer")


def steps_in_block(batch_size, width):
    """How many batches to hand over at once."""
    return min(max(1, _BLOCK // (batch_size * width)), _MOST)


def updates(model):
    """What makes updates of a model, with the draws of `RBM.fit`.

    Models that differ in weights, seed and learning rate alone share one
    compiled program: that of a cross-validation is compiled once.

    Args:
        model: A compiled `RBM` whose optimizer is built.

    Returns:
        Function of `model`, of an array of shape `(steps, batch,
        visible.width)`, and of how many of its batches to use, from the first
        one on.
    """
    config = {k: v for k, v in model.get_config().items() if k not in _FREE}
    optimizer = model.optimizer.get_config() | {"learning_rate": 1.0}
    optimizer.pop("name")
    settings = [json.dumps(x, sort_keys=True) for x in (config, optimizer)]
    kept = np.prod(model.kernel.shape) <= _KEPT
    return (_updates if kept else _updates.__wrapped__)(*settings)


class _Updates:
    """Function of the state of a model, by way of the variables of another.

    Args:
        template: An `RBM` like those that are to be trained.
    """

    def __init__(self, template):
        self._template = template
        self._lock = threading.Lock()
        self._run = compiled(self._updated)

    def __call__(self, model, block, count):
        key = random.fold_in(random.stream(model.seed), _TRAIN).key
        variables = _variables(model)
        values = [ops.convert_to_tensor(v.value) for v in variables]
        with self._lock:
            values = self._run(
                values, ops.convert_to_tensor(block), ops.array(count), key
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def _updated(self, values, block, count, key):
        model = self._template
        variables = _variables(model)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

        def one(step):
            stream = random.fold_in(random.Stream(key), model.updates.value)
            model.apply_step(update.gradient(model, block[step], None, stream))
            return (step + 1,)

        ops.while_loop(lambda step: step < count, one, (ops.array(0),))
        return [ops.convert_to_tensor(v.value) for v in variables]


@functools.lru_cache(maxsize=8)
def _updates(config, optimizer):
    template = RBM.from_config(json.loads(config))
    template.compile(keras.optimizers.SGD(**json.loads(optimizer)))
    template.optimizer.build(template.trainable_variables)
    return _Updates(template)


def _variables(model):
    """All that an update changes or depends on."""
    return [*model.variables, *model.optimizer.variables]
