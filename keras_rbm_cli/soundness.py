"""The checks of the self-test: each returns what it found, or raises."""

import itertools
import os
import pathlib
import platform
import re

_DRIVER = pathlib.Path("/proc/driver/nvidia/version")
_SIZE = 3
_HIDDEN = 8
_SEED = 0
_UPDATES = 2000
_SWEEPS = 10
_EXECUTION = 50
# Nats; the training below gains 3.4, to 0.2 below what is possible.
_GAIN = 2.0


class Unsound(Exception):
    """A check that failed, in the words of its message."""


class State:
    """What one check leaves for the next.

    Args:
        folder: Path of a folder to write into.
    """

    def __init__(self, folder):
        self.folder = folder
        self.error = None  # Of the imports.
        self.model = self.batches = self.start = None


def packages(state):
    """Versions of what was imported."""
    if state.error is not None:
        raise state.error
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_rbm

    return (
        f"keras_rbm {keras_rbm.__version__}, Keras {keras.__version__}, "
        f"TensorFlow {tf.__version__}, NumPy {np.__version__}, Python "
        f"{platform.python_version()} on {platform.machine()}"
    )


def devices(state):
    """A product of matrices on each device, exact; none may be missing."""
    import numpy as np
    import tensorflow as tf

    # Small integers: exact in any order, and in the short floats of a GPU.
    x = np.arange(64 * 64).reshape(64, 64).astype("float32") % 8
    found = _logical_devices()
    for device in found:
        with tf.device(device.name):
            product = tf.matmul(x, x)
        if not np.array_equal(product, x @ x):
            raise Unsound(f"a wrong product of matrices on {device.name}")
    kinds = [device.device_type for device in found]
    told = ", ".join(f"{kinds.count(k)} {k}" for k in dict.fromkeys(kinds))
    if "GPU" not in kinds and _DRIVER.exists():
        if not tf.test.is_built_with_cuda():
            told += '; an NVIDIA driver, but no GPU: install ".[gpu]" to use it'
        elif not _hidden(os.environ.get("CUDA_VISIBLE_DEVICES")):
            raise Unsound(
                "an NVIDIA driver, and a TensorFlow built for CUDA that finds "
                'no GPU: CUDA\'s libraries are missing (install ".[gpu]") or '
                "do not fit the driver, or a container was started without "
                "`--gpus all`"
            )
    return f"{told}; matrix products agree"


def xla(state):
    """A function compiled by XLA on each device, beside the same without."""
    import numpy as np
    import tensorflow as tf

    def function(x):
        return tf.math.sigmoid(x @ tf.transpose(x)) * 2.0

    x = np.linspace(-1.0, 1.0, 32, dtype="float32").reshape(4, 8)
    compiled = tf.function(function, jit_compile=True)
    for device in _logical_devices():
        with tf.device(device.name):
            ours, theirs = compiled(tf.constant(x)), function(tf.constant(x))
        # The short floats of a GPU have 11 bits.
        if not np.allclose(ours, theirs, rtol=0, atol=2.0**-8):
            raise Unsound(f"XLA computes something else on {device.name}")
    return "compiles, and computes the same"


def learning(state):
    """A tiny machine must learn: its log p(v), exact, before and after."""
    import keras
    import numpy as np

    import keras_rbm
    from keras_rbm import data

    v = data.bars_and_stripes(_SIZE).train
    state.model = model = keras_rbm.RBM(
        v.shape[1],
        _HIDDEN,
        chain=keras_rbm.PersistentChain(50, num_sweeps=_SWEEPS),
        seed=_SEED,
        name="self_test",
    )
    state.batches = data.batches(v, len(v), seed=_SEED)
    model.compile(keras.optimizers.SGD(0.2), steps_per_execution=_EXECUTION)
    model.prepare(v)
    model.optimizer.build(model.trainable_variables)
    state.start = _values(model)
    before = _enumerated(model, v)
    _fit(state)
    after, package = _enumerated(model, v), model.log_likelihood(v, "exact")
    if not np.isclose(after, package.lower, rtol=0, atol=1e-3):
        raise Unsound(
            f"the log-likelihood is {package.lower:.4f} nats by this package, "
            f"but {after:.4f} by enumeration"
        )
    told = f"log-likelihood from {before:.2f} to {after:.2f} nats"
    if not after > before + _GAIN:
        raise Unsound(f"{told}: less than {_GAIN} nats gained")
    return f"{told}, as enumerated, in {_UPDATES} updates"


def repeatable(state):
    """The same training again must end at the same bits."""
    end = _values(state.model)
    for variable, value in zip(
        _variables(state.model), state.start, strict=True
    ):
        variable.assign(value)
    _fit(state)
    again = _values(state.model)
    if not _same(end, again):
        raise Unsound("the same seed led to other weights")
    return "the same seed leads to the same weights, to the bit"


def files(state):
    """Model, picture and events are written, and read back the same."""
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_rbm import callbacks

    path = state.folder / "model.keras"
    state.model.save(path)
    loaded = keras.models.load_model(path)
    ours, theirs = _values(state.model), _values(loaded)
    if not _same(ours, theirs):
        raise Unsound(f"{path} holds another model than was saved")

    path = state.folder / "filters.png"
    picture = callbacks.filters(state.model, (_SIZE, _SIZE))
    callbacks.write_png(path, picture)
    read = tf.io.decode_png(tf.io.read_file(str(path))).numpy()
    if not np.array_equal(read[:, :, 0], picture):
        raise Unsound(f"{path} holds another picture than was drawn")

    text = "what the self-test wrote"
    callbacks.config_text(str(state.folder / "tensorboard"), text)
    run = state.folder / "tensorboard" / "train"
    events = tf.data.TFRecordDataset([str(file) for file in run.iterdir()])
    if not any(text.encode() in event.numpy() for event in events):
        raise Unsound(f"{run} does not hold what was written for TensorBoard")
    return "model, picture and TensorBoard's events are written and read back"


def _hidden(visible):
    """Whether a CUDA_VISIBLE_DEVICES leaves no GPU: its first one is none."""
    return visible is not None and not re.match(r"\d|GPU-|MIG-", visible)


def _logical_devices():
    import tensorflow as tf

    kinds = ("CPU", "GPU")
    return [d for kind in kinds for d in tf.config.list_logical_devices(kind)]


def _fit(state):
    steps = _UPDATES
    state.model.fit(state.batches, steps_per_epoch=steps, verbose=0)


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _values(model):
    import keras

    # Copies: those of a CPU can share memory with the variable.
    return [
        keras.ops.convert_to_numpy(variable).copy()
        for variable in _variables(model)
    ]


def _same(values, others):
    import numpy as np

    return all(
        np.array_equal(value, other)
        for value, other in zip(values, others, strict=True)
    )


def _enumerated(model, v):
    """Mean log p(v) by the sum over all joint states, in float64."""
    import numpy as np

    def states(size):
        return np.array(list(itertools.product((0.0, 1.0), repeat=size)))

    kernel, visible, hidden = (
        np.asarray(x, "float64")
        for x in (
            model.kernel,
            model.visible_params["bias"],
            model.hidden_params["bias"],
        )
    )
    h = states(len(hidden))

    def log_unnormalized(v):
        joint = (v @ visible)[:, None] + h @ hidden + v @ kernel @ h.T
        top = joint.max(axis=1)
        return top + np.log(np.exp(joint - top[:, None]).sum(axis=1))

    everything = log_unnormalized(states(len(visible)))
    top = everything.max()
    log_z = top + np.log(np.exp(everything - top).sum())
    return float(log_unnormalized(v.astype("float64")).mean() - log_z)
