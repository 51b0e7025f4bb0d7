"""Greedy training of a stack of RBMs, one layer after the other."""

import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_rbm import callbacks as callbacks_lib
from keras_rbm import checks, data, schedules
from keras_rbm.networks.arguments import (
    check_finished,
    for_each,
    steps_per_execution,
)
from keras_rbm.networks.lower import Lower
from keras_rbm.networks.progress import LayersProgress
from keras_rbm.networks.tied import tie
from keras_rbm.typing import (
    Binarize,
    Examples,
    LearningRate,
    MakeOptimizer,
    Path,
    States,
    Verbose,
)

_VALIDATION_BATCH = 1000


def pretrain(
    network: Any,
    x: Examples,
    epochs: int | Sequence[int] = 10,
    optimizer: MakeOptimizer = keras.optimizers.SGD,
    learning_rate: LearningRate | Sequence[LearningRate] = 0.05,
    batch_size: int = 100,
    steps_per_epoch: int | None = None,
    binarize: Binarize = "none",
    validation_data: Examples | None = None,
    states: States = "means",
    cache: bool = False,
    tied: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] | Callable[[int], Any] = (),
    log_dir: Path | None = None,
    directory: Path | None = None,
    seed: int = 0,
    verbose: Verbose = "auto",
) -> list[keras.callbacks.History | None]:
    """Trains each layer on what those below it make of the data.

    The data go up batch by batch, in the graph, as each layer needs them.

    Args:
        network: A `DeepBeliefNetwork`.
        x: Array of shape `(examples, visible.width)`, uint8 (in units of
            1/255) or floating, or a `tf.data.Dataset` of batches, shuffled
            already, which each layer begins anew.
        epochs: Number of epochs; here and below a list has one for each layer.
        optimizer: Function of a `learning_rate` that returns a Keras
            optimizer, such as its class.
        learning_rate: Number, Keras schedule, or function of the number of
            updates of a layer that returns one.
        batch_size: Number of examples in a batch of an array.
        steps_per_epoch: Number of updates in an epoch; `None` for a pass.
        binarize: How an array is binarized, see `data.batches`.
        validation_data: Array, or a data set of batches, or `None`.
        states: `"means"` or `"draws"`: what a layer passes on, see `Lower`.
        cache: Whether to go up with an array once for each layer and keep the
            result in memory, 4 bytes for a unit of an example. It is faster;
            draws are then the same in each epoch.
        tied: Whether a layer starts from the transpose of the one below,
            where it has the same units turned over, see `tie`.
        callbacks: List of Keras callbacks for all layers, or function of the
            number of a layer, from 1 on, that returns one.
        log_dir: Directory for TensorBoard, in which layer k writes to
            `layer-k`; or `None`.
        directory: Where each layer is saved when it is finished, as
            `layer-k.keras`. Layers that are there already are loaded, and not
            trained: a call that was stopped goes on by calling it again. For
            runs that are resumed within a layer see `experiment.pretrain`.
        seed: Integer from 0 to 2**63 - 1, for the order and the binarization
            of the examples, and for draws.
        verbose: `"auto"` for a progress bar over all layers on a screen, 1 or
            0.

    The layers are compiled for this, with XLA and many updates in a call; how
    they were compiled before does not count.

    Returns:
        List of Keras `History`, one for each layer; `None` for a layer that
        was loaded.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Hinton, Osindero and Teh (2006), "A fast learning algorithm
        for deep belief nets", section 4; Bengio, Lamblin, Popovici and
        Larochelle (2007), "Greedy layer-wise training of deep networks".
    """
    rbms = network.rbms
    epochs = [
        checks.positive_integer("epochs", n)
        for n in for_each("epochs", epochs, len(rbms))
    ]
    rates = for_each("learning_rate", learning_rate, len(rbms))
    if not callable(optimizer):
        raise ValueError(
            "`optimizer` must be a function of a learning rate, such as "
            f"keras.optimizers.SGD. Received: optimizer={optimizer!r}"
        )
    paths = [
        directory and pathlib.Path(directory) / f"layer-{number}.keras"
        for number in range(1, len(rbms) + 1)
    ]
    if directory is not None:
        check_finished("directory", directory, paths)
    batches_of = _source(x, batch_size, binarize, seed, cache)
    steps = _steps(x, batch_size, steps_per_epoch)
    if not isinstance(validation_data, tf.data.Dataset | None):
        validation_data = data.in_order(
            validation_data, _VALIDATION_BATCH, binarize, seed
        )
    bar = LayersProgress(
        [n * steps for n in epochs],
        sys.stdout.isatty() if verbose == "auto" else verbose,
    )
    histories = []
    for number, rbm in enumerate(rbms):
        layer = f"layer-{number + 1}"
        _compile(rbm, optimizer, rates[number], steps, epochs[number])
        path = paths[number]
        if path and path.exists():
            rbm.optimizer.build(rbm.trainable_variables)
            rbm.load_weights(path)
            bar.skip(number)
            histories.append(None)
            continue
        lower = Lower(rbms[:number], states, seed)
        batches = batches_of(lower)
        if tied and number:
            rbm.adapt(batches)
            tie(rbms[number - 1], rbm)
        own = callbacks(number + 1) if callable(callbacks) else callbacks
        if log_dir is not None:
            folder = os.path.join(log_dir, layer)
            own = [callbacks_lib.Scalars(folder), *own]
        history = rbm.fit(
            batches,
            epochs=epochs[number],
            steps_per_epoch=steps,
            validation_data=validation_data and lower.batches(validation_data),
            callbacks=[*own, bar.of(number)],
            verbose=0,
        )
        histories.append(history)
        if path:
            _save(rbm, path)
    return histories


def _source(x, batch_size, binarize, seed, cache):
    """Function of a `Lower` that returns endless batches for its layer."""
    if isinstance(x, tf.data.Dataset):
        if cache or binarize != "none":
            raise ValueError(
                "`cache` and `binarize` are for an array of examples: leave "
                f"them out with a data set. Received: cache={cache!r}, "
                f"binarize={binarize!r}"
            )
        ends = x.cardinality() != tf.data.INFINITE_CARDINALITY
        endless = x.repeat() if ends else x
        return lambda lower: lower.batches(endless)
    batches = data.batches(x, batch_size, binarize, seed)
    if not cache:
        return lambda lower: lower.batches(batches)
    x = data.binarized(x, binarize, seed)
    return lambda lower: data.batches(lower.array(x), batch_size, seed=seed)


def _steps(x, batch_size, steps_per_epoch):
    """Number of updates in an epoch."""
    if steps_per_epoch is None and isinstance(x, tf.data.Dataset):
        steps_per_epoch = int(x.cardinality())
        if steps_per_epoch < 1:
            raise ValueError(
                "`steps_per_epoch` must say how many batches make an epoch, "
                "where the data set does not. Received: steps_per_epoch=None"
            )
    if steps_per_epoch is None:
        steps_per_epoch = len(x) // batch_size
    return checks.positive_integer("steps_per_epoch", steps_per_epoch)


def _compile(rbm, optimizer, rate, steps, epochs):
    rate = schedules.of_run(rate, steps * epochs)
    rbm.compile(
        optimizer(learning_rate=rate),
        steps_per_execution=steps_per_execution(steps),
    )


def _save(rbm, path):
    """Saves a layer whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"writing-{path.name}")
    rbm.save(aside)
    os.replace(aside, path)
