"""Greedy layer-wise training of a stack of RBMs: `pretrain` and `tie`."""

import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_rbm import budget, checks, data, schedules
from keras_rbm import callbacks as callbacks_lib
from keras_rbm.models import RBM, examples
from keras_rbm.models.weights import build_optimizer
from keras_rbm.networks.lower_layers import LowerLayers
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
# The default length of training: the larger of these two, for each layer.
_LEAST_EPOCHS, _LEAST_UPDATES = 10, 5000


def pretrain(
    network: Any,
    x: Examples,
    epochs: int | Sequence[int] | None = None,
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
    """Trains each layer on the output of the layers below it.

    The output is computed in the graph, batch by batch, when it is needed. The
    function compiles the layers again, with XLA and many updates in a call, so
    earlier calls of `compile` have no effect.

    Args:
        network: A `DeepBeliefNetwork`.
        x: Array of shape `(examples, visible.width)`: bits, uint8 (in units
            of 1/255) or floating; or a `tf.data.Dataset` of shuffled batches,
            which is iterated from its beginning for each layer.
        epochs: Number of epochs, or a list with one number for each layer.
            `None` for 10, or for the number that gives at least 5,000 updates
            of a layer if that is larger. With fewer updates, layers barely
            change when the data are small.
        optimizer: Function of a `learning_rate` that returns a Keras
            optimizer, such as the class of the optimizer.
        learning_rate: Number, Keras schedule, or function that maps the number
            of updates of a layer to a number or a schedule. Or a list with one
            of these for each layer.
        batch_size: Number of examples in a batch of an array.
        steps_per_epoch: Number of updates in an epoch. `None` for one pass
            over the data.
        binarize: How an array is binarized, see `data.batches`.
        validation_data: Array, data set of batches, or `None`.
        states: `"means"` or `"draws"`, the output of each layer. See
            `LowerLayers`.
        cache: Whether to compute the inputs of each layer only once and keep
            them in memory, with 4 bytes for each unit and example. This is
            faster, but draws are then the same in each epoch. Only for arrays.
        tied: Whether to start a layer from the transpose of the layer below
            if their units match. See `tie`.
        callbacks: List of Keras callbacks for all layers, or function that
            maps the number of a layer, from 1, to such a list.
        log_dir: Directory for TensorBoard, or `None`. Layer k writes to the
            subdirectory `layer-k`.
        directory: Directory in which each layer is saved when it is finished,
            as `layer-k.keras`, or `None`. Layers whose files exist are loaded
            instead of trained, so you can repeat an interrupted call to
            continue it. To resume a run within a layer, see
            `experiment.pretrain`.
        seed: Integer from 0 to 2**63 - 1, for the order and the binarization
            of the examples, and for draws.
        verbose: `"auto"` for a progress bar over all layers on a terminal, 1
            for a progress bar everywhere, 0 for none.

    Returns:
        List of Keras `History`, one for each layer, with `None` for a layer
        that was loaded.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Hinton, Osindero and Teh (2006), "A fast learning algorithm
        for deep belief nets", section 4; Bengio, Lamblin, Popovici and
        Larochelle (2007), "Greedy layer-wise training of deep networks".

    Example:
        networks.pretrain(network, x, [2, 1], batch_size=10, verbose=0)
        features = network.up(x)
    """
    rbms = network.rbms
    cache, tied = checks.boolean("cache", cache), checks.boolean("tied", tied)
    rates = one_per_layer("learning_rate", learning_rate, len(rbms))
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
        check_finished_layers("directory", directory, paths)
    batches_of = _batches_of(x, batch_size, binarize, seed, cache)
    steps = _steps(x, batch_size, steps_per_epoch)
    if epochs is None:
        epochs = max(_LEAST_EPOCHS, -(-_LEAST_UPDATES // steps))
    epochs = [
        checks.positive_integer("epochs", n)
        for n in one_per_layer("epochs", epochs, len(rbms))
    ]
    if not isinstance(validation_data, tf.data.Dataset | None):
        validation_data = data.in_order(
            validation_data, _VALIDATION_BATCH, binarize, seed
        )
    bar = _LayersProgress(
        [n * steps for n in epochs],
        sys.stdout.isatty() if verbose == "auto" else verbose,
    )
    histories = []
    for number, rbm in enumerate(rbms):
        layer = f"layer-{number + 1}"
        _compile(rbm, optimizer, rates[number], steps, epochs[number])
        path = paths[number]
        if path and path.exists():
            build_optimizer(rbm)
            rbm.load_weights(path)
            bar.skip(number)
            histories.append(None)
            continue
        lower_layers = LowerLayers(rbms[:number], states, seed)
        batches = batches_of(lower_layers)
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
            validation_data=validation_data
            and lower_layers.batches(validation_data),
            callbacks=[*own, bar.callback(number)],
            verbose=0,
        )
        histories.append(history)
        if path:
            _save(rbm, path)
    return histories


def tie(lower: RBM, upper: RBM) -> bool:
    """Starts a layer from the transpose of the layer below, if they match.

    Sets W' = W^T and swaps the biases, so that the two sides of the new layer
    equal the two sides of the old layer. The stack then has the same
    distribution as before. From there, training the new layer can only improve
    a lower bound of the log-likelihood of the stack.

    Args:
        lower: A trained `RBM`.
        upper: The `RBM` above `lower`. It stays unchanged unless its visible
            units equal the hidden units of `lower`, its hidden units the
            visible units, and both have the same inverse temperature.

    Returns:
        Whether `upper` was changed.

    Reference: Hinton, Osindero and Teh (2006), "A fast learning algorithm
        for deep belief nets", sections 2 and 4.

    Example:
        lower = keras_rbm.RBM(16, 8, seed=0)
        upper = keras_rbm.RBM(8, 16, seed=1)
        networks.tie(lower, upper)  # W of `upper` is now W^T of `lower`.
    """
    if (
        upper.visible != lower.hidden
        or upper.hidden != lower.visible
        or upper.inverse_temperature != lower.inverse_temperature
    ):
        return False
    upper.kernel.assign(lower.kernel.numpy().T)
    for own, other in (
        (upper.visible_params, lower.hidden_params),
        (upper.hidden_params, lower.visible_params),
    ):
        for name, variable in own.items():
            variable.assign(other[name])
    if upper.offsets is not None:
        upper.offsets.start(upper.machine(), upper.data_mean.value)
    return True


def one_per_layer(name, value, count):
    """Returns a list with one value for each layer.

    Args:
        name: Name of the argument, for the error message.
        value: One value for all layers, or a list with a value for each layer.
        count: Number of layers.

    Returns:
        A list of `count` values.

    Raises:
        ValueError: If `value` is a list of another length.
    """
    values = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(values) != count:
        raise ValueError(
            f"`{name}` must be one value, or a list of {count}, one for each "
            f"layer. Received: {name}={value!r}"
        )
    return values


def check_finished_layers(name, folder, paths):
    """Checks that all layers below a finished layer are finished, too.

    Otherwise the finished layer would have learned from other layers.

    Args:
        name: Name of the argument, for the error message.
        folder: Value of the argument.
        paths: Paths of the files of the layers, the lowest layer first.

    Raises:
        ValueError: If a file exists, but a file before it does not.
    """
    there = [path.exists() for path in paths]
    if there != sorted(there, reverse=True):
        raise ValueError(
            f"`{name}` must hold the layers below each that it holds, which "
            f"has learned from them: {paths[there.index(False)]} is missing. "
            "Remove the later ones, or take another folder. Received: "
            f"{name}={str(folder)!r}"
        )


def _batches_of(x, batch_size, binarize, seed, cache):
    """Returns a function that maps `LowerLayers` to endless batches."""
    if isinstance(x, tf.data.Dataset):
        if cache or binarize != "none":
            raise ValueError(
                "`cache` and `binarize` are for an array of examples: leave "
                f"them out with a data set. Received: cache={cache!r}, "
                f"binarize={binarize!r}"
            )
        ends = x.cardinality() != tf.data.INFINITE_CARDINALITY
        endless = examples.counted_as(x.repeat(), x) if ends else x
        return lambda lower_layers: lower_layers.batches(endless)
    batches = data.batches(x, batch_size, binarize, seed)
    if not cache:
        return lambda lower_layers: lower_layers.batches(batches)
    x = data.binarized(x, binarize, seed)
    return lambda lower_layers: data.batches(
        lower_layers.array(x), batch_size, seed=seed
    )


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
    rbm.compile(optimizer(learning_rate=rate))


def _save(rbm, path):
    """Saves a layer atomically, through a temporary file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"writing-{path.name}")
    rbm.save(aside)
    os.replace(aside, path)


class _LayersProgress:
    """Keras's progress bar over the updates of all layers.

    Args:
        updates: List of the number of updates of each layer.
        verbose: Whether to show the bar.
    """

    def __init__(self, updates, verbose):
        self.updates = updates
        self.verbose = verbose
        self._bar = None

    def skip(self, number):
        """Counts a layer as done."""
        self.update(number, self.updates[number])

    def callback(self, number):
        """Returns the callback for `fit` of a layer, numbered from 0."""
        return _LayerCallback(self, number)

    def update(self, number, updates, logs=None):
        """Sets the bar to a number of updates of a layer."""
        if not self.verbose:
            return
        if self._bar is None:
            self._bar = keras.utils.Progbar(
                sum(self.updates),
                width=20,
                stateful_metrics=("layer", "error"),
            )
        done = sum(self.updates[:number]) + updates
        values = [("layer", number + 1)]
        if logs:
            values.append(("error", float(logs["reconstruction_error"])))
        self._bar.update(done, values, finalize=done == self._bar.target)


class _LayerCallback(keras.callbacks.Callback):
    def __init__(self, progress, number):
        super().__init__()
        self.progress = progress
        self.number = number

    def on_epoch_begin(self, epoch, logs=None):
        self._before = epoch * self.params["steps"]

    def on_train_batch_end(self, batch, logs=None):
        done = budget.done(batch, self.params["steps"])
        self.progress.update(self.number, self._before + done, logs)

    def on_train_end(self, logs=None):
        if self.model.stop_training:  # Another callback stopped the training.
            self.progress.skip(self.number)
