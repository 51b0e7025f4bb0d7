"""Updates of the model of an estimator, compiled once per configuration."""

import functools
import json
import threading
import time

import keras
import numpy as np
from keras import ops

from keras_rbm.compiled import compiled
from keras_rbm.models import RBM, compiled_loop, missing
from keras_rbm.random import Use
from keras_rbm.sklearn import rows

# Size of a block of batches, in numbers, and the most batches in a block. Each
# call costs a few milliseconds besides its updates.
_BLOCK, _MOST = 2**22, 500
# Rows to which `update` pads its batch, and the most numbers in them.
_ROWS, _FILLED = 1024, 2**20
# The largest kernel, in numbers, of a model that is kept as a copy.
_KEPT = 2**22
# The least number of chains for rows with missing entries.
_LEAST_CHAINS = 64
# Entries of the configuration that do not change the compiled program.
_FREE = ("name", "seed", "kernel_initializer", "visible_bias_initializer")


def passes(model, x, batch_size, rng):
    """Makes `ceil(examples / batch_size)` updates at each turn, without end.

    Args:
        model: A compiled `RBM` whose optimizer is built.
        x: Array, CSR matrix or `keras_rbm.rows.Rows` of shape `(examples,
            visible.width)`.
        batch_size: Number of examples in a batch; all examples, if there are
            fewer.
        rng: `numpy.random.RandomState`, which determines the order.

    Yields:
        Duration of the updates, in seconds.
    """
    updates = -(-x.shape[0] // min(batch_size, x.shape[0]))
    advance = updater(model, x, batch_size, rng, updates)
    while True:
        begin = time.perf_counter()
        advance(updates)
        yield time.perf_counter() - begin


def updater(model, x, batch_size, rng, most):
    """Returns the function that makes the next updates of a model.

    Args:
        model: As for `passes`.
        x: As for `passes`.
        batch_size: As for `passes`.
        rng: As for `passes`.
        most: Approximate number of updates per call of the returned function.

    Missing entries of an array `x` are NaN. If there are any, each row has a
    persistent chain, as with `PersistentCompletion()`.

    Returns:
        Function of the number of updates.
    """
    examples, width = x.shape
    tables = _tables(model, x)
    batch_size, run = min(batch_size, examples), _updates_of(model, tables)
    steps = min(max(1, _BLOCK // (batch_size * width)), _MOST)
    # Fewer for few examples, but the same for all folds of a cross-validation.
    steps = min(steps, 2 ** (most - 1).bit_length())
    block = np.zeros((steps, batch_size, width), "float32")
    numbers = np.zeros((steps, batch_size), "int32")
    fill = rows.batches(x, batch_size, rng)

    def advance(updates):
        for first in range(0, updates, steps):
            count = min(steps, updates - first)
            numbers[:count] = fill(block, count)
            batches = (block, numbers) if tables else block
            run(model, batches, count, tables)

    return advance


def update(model, x):
    """Makes one update, with all examples as its batch.

    Args:
        model: A compiled `RBM` whose optimizer is built.
        x: As for `passes`.
    """
    v = rows.dense(x, slice(None)).astype("float32")
    # Samples must not start from rows of padding.
    if model.chain.depends_on_batch:
        _updates_of(model)(model, v[None], 1)
        return
    # Pad with rows of weight 0: other shapes would be compiled anew.
    count, width = v.shape
    whole = max(1, min(_ROWS, _FILLED // width))
    while whole < count:
        whole *= 2
    block = np.zeros((whole, width), "float32")
    block[:count] = v
    block[count:] = v[0]  # A state of the units, whatever these are.
    # The weight of an example is divided by the number of rows, `whole`.
    weight = np.zeros(whole, "float32")
    weight[:count] = np.float32(whole) / np.float32(count)
    batch = (block[None], np.zeros_like(weight)[None], weight[None])
    _updates_of(model)(model, batch, 1)


def _tables(model, x):
    """Hidden states of the chains of rows, for data with missing entries.

    The number of chains is a power of two, so that data with similar numbers of
    rows share one compiled program. Without missing entries there are no
    chains.
    """
    if not isinstance(x, np.ndarray) or not np.isnan(x).any():
        return ()
    whole = max(_LEAST_CHAINS, 2 ** (len(x) - 1).bit_length())
    stream = model.stream(Use.START_COMPLETED)
    start = missing.table_for(
        model.machine(), np.resize(x, (whole, x.shape[1])), stream
    )
    return (start,)


def _updates_of(model, tables=()):
    """Returns a function that updates a model with the same draws as `RBM.fit`.

    Models that differ only in weights, seed and learning rate share one
    compiled program: a cross-validation compiles it once.

    Args:
        model: A compiled `RBM` whose optimizer is built.
        tables: Variables from `_tables`.
    """
    config = {k: v for k, v in model.get_config().items() if k not in _FREE}
    optimizer = keras.optimizers.serialize(model.optimizer)
    optimizer["config"] |= {"learning_rate": 1.0, "name": "optimizer"}
    settings = [json.dumps(x, sort_keys=True) for x in (config, optimizer)]
    kept = np.prod(model.kernel.shape) <= _KEPT
    shapes = tuple((tuple(table.shape), table.dtype) for table in tables)
    return (_updates if kept else _updates.__wrapped__)(*settings, shapes)


class _Updates:
    """Updates a model by means of the variables of a template.

    Args:
        template: An `RBM` with the configuration of the models to train.
        tables: Variables with the shapes of the chains of rows with missing
            entries.
    """

    def __init__(self, template, tables):
        self._template, self._tables = template, tables
        self._lock = threading.Lock()
        self._run = compiled(self._updated)

    def __call__(self, model, block, count, tables=()):
        variables = _variables(model, tables)
        values = [ops.convert_to_tensor(v.value) for v in variables]
        with self._lock:
            values = self._run(
                values,
                keras.tree.map_structure(ops.convert_to_tensor, block),
                ops.array(count),
                ops.array(model.seed, "uint64"),
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def _updated(self, values, block, count, seed):
        variables = _variables(self._template, self._tables)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        compiled_loop.update_all(
            self._template, block, ops.array(0), count, seed
        )
        return [ops.convert_to_tensor(v.value) for v in variables]


@functools.lru_cache(maxsize=8)
def _updates(config, optimizer, shapes):
    template = RBM.from_config(json.loads(config))
    template.compile(keras.optimizers.deserialize(json.loads(optimizer)))
    template.optimizer.build(template.trainable_variables)
    tables = [
        missing.variable(np.zeros(shape, dtype)) for shape, dtype in shapes
    ]
    if tables:
        template.complete_by(missing.Completer(1, tables))
    return _Updates(template, tables)


def _variables(model, tables):
    """Returns all variables that an update reads or changes."""
    return [*model.variables, *model.optimizer.variables, *tables]
