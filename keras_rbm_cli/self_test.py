"""`--self_test`: checks the installation, and suggests remedies.

Each check returns a line about its result, or raises an error.
"""

import contextlib
import itertools
import logging
import os
import pathlib
import platform
import shutil
import tempfile
import time
import types

from keras_rbm_cli import configuration, errors

_SIZE = 3
_HIDDEN = 8
_UPDATES = 2000
# In nats; the training below gains 3.4, which is 0.2 below the optimum.
_GAIN = 2.0
# The most characters of an error in a line.
_LONGEST = 300


class Unsound(Exception):
    """A failed check; the message describes the failure."""


def packages(state):
    """Imports all packages, and reports their versions."""
    configuration.libraries(state.log)
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
    """Multiplies matrices exactly on each device; all GPUs must be found."""
    import numpy as np
    import tensorflow as tf

    from keras_rbm.devices import unused_gpu

    # Small integers: exact in any order, and in a GPU's reduced precision.
    x = np.arange(64 * 64).reshape(64, 64).astype("float32") % 8
    found = _logical_devices()
    for device in found:
        with tf.device(device.name):
            product = tf.matmul(x, x)
        if not np.array_equal(product, x @ x):
            raise Unsound(f"a wrong product of matrices on {device.name}")
    kinds = [device.device_type for device in found]
    text = ", ".join(f"{kinds.count(k)} {k}" for k in dict.fromkeys(kinds))
    unused = unused_gpu()
    if unused is not None and unused.is_fault:
        raise Unsound(unused.reason)
    if unused is not None:
        text += f"; {unused.reason}"
    return f"{text}; matrix products agree"


def xla(state):
    """Compiles a function with XLA on each device: results must agree."""
    import numpy as np
    import tensorflow as tf

    def function(x):
        return tf.math.sigmoid(x @ tf.transpose(x)) * 2.0

    x = np.linspace(-1.0, 1.0, 32, dtype="float32").reshape(4, 8)
    compiled = tf.function(function, jit_compile=True)
    for device in _logical_devices():
        with tf.device(device.name):
            ours, theirs = compiled(tf.constant(x)), function(tf.constant(x))
        # A GPU's reduced precision has 11 bits.
        if not np.allclose(ours, theirs, rtol=0, atol=2.0**-8):
            raise Unsound(f"XLA computes something else on {device.name}")
    return "compiles, and computes the same"


def learning(state):
    """Trains a tiny machine: its exact log p(v) must grow."""
    import numpy as np

    model, v = _machine()
    state.initial = _values(model)
    before = _log_likelihood(model, v)
    _train(model, v)
    state.model, state.trained = model, _values(model)
    after = _log_likelihood(model, v)
    package = state.model.log_likelihood(v, "exact").lower
    if not np.isclose(after, package, rtol=0, atol=1e-3):
        raise Unsound(
            f"the log-likelihood is {package:.4f} nats by this package, but "
            f"{after:.4f} by enumeration"
        )
    text = f"log-likelihood from {before:.2f} to {after:.2f} nats"
    if not after > before + _GAIN:
        raise Unsound(f"{text}: less than {_GAIN} nats gained")
    return f"{text}, as enumerated, in {_UPDATES} updates"


def repeatable(state):
    """Repeats the training: results must be bit-identical.

    The machine is created again; the compiled program is reused.
    """
    again, v = _machine()
    if not _same(_values(again), state.initial):
        raise Unsound("the same seed led to other weights before training")
    for variable, value in zip(
        _variables(state.model), state.initial, strict=True
    ):
        variable.assign(value)
    _train(state.model, v)
    if not _same(_values(state.model), state.trained):
        raise Unsound("the same seed led to other weights")
    return "the same seed leads to the same weights, to the bit"


def files(state):
    """Writes a model, a picture and events, and reads them back."""
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_rbm import callbacks, plots

    path = state.folder / "model.keras"
    state.model.save(path)
    loaded = keras.models.load_model(path)
    if not _same(_values(loaded), _values(state.model)):
        raise Unsound(f"{path} holds another model than was saved")

    path = state.folder / "filters.png"
    ax = plots.filters(state.model, (_SIZE, _SIZE), ax=plots.offscreen())
    plots.save(ax, path)
    read = tf.io.decode_png(tf.io.read_file(str(path)), channels=3).numpy()
    if not np.array_equal(read, plots.pixels(ax)):
        raise Unsound(f"{path} holds another picture than was drawn")

    text = "what the self-test wrote"
    callbacks.config_text(str(state.folder / "tensorboard"), text)
    run = state.folder / "tensorboard" / "train"
    events = tf.data.TFRecordDataset([str(file) for file in run.iterdir()])
    if not any(text.encode() in event.numpy() for event in events):
        raise Unsound(f"{run} does not hold what was written for TensorBoard")
    return "model, picture and TensorBoard's events are written and read back"


# Each check, the checks that it needs, and the remedy if it fails.
_CHECKS = {
    "packages": (
        packages,
        {"temporary"},
        configuration.INSTALL,
    ),
    "devices": (
        devices,
        {"packages"},
        "look at `nvidia-smi` and at what TF_CPP_MIN_LOG_LEVEL=0 shows; "
        "CUDA_VISIBLE_DEVICES=-1 leaves the GPU out",
    ),
    "XLA": (
        xla,
        {"packages", "devices"},
        "unset XLA_FLAGS and TF_XLA_FLAGS; install the versions of "
        "requirements.txt",
    ),
    "learning": (
        learning,
        {"packages", "XLA"},
        "install the versions of requirements.txt; see what `make test` says",
    ),
    "repeatable": (
        repeatable,
        {"packages", "learning"},
        "unset TF_ENABLE_ONEDNN_OPTS and XLA_FLAGS; runs cannot be resumed to "
        "the bit here",
    ),
    "files": (
        files,
        {"packages", "folder", "learning"},
        "look at the free space (df) and at the folder's permissions",
    ),
}


def run(output):
    """Runs all checks, and prints a line for each.

    Args:
        output: Folder to write into, as a string: a new folder `self_test` in
            it replaces an older one. `None` for a temporary folder.

    Returns:
        Whether the installation is sound.
    """
    begin = time.perf_counter()
    failed = set()
    with contextlib.ExitStack() as stack:
        folder = _make_folder(output, stack, failed)
        log = folder / "self_test.log" if folder else pathlib.Path(os.devnull)
        stack.callback(_close, log)
        state = types.SimpleNamespace(folder=folder, log=log, model=None)
        for name, (check, needs, remedy) in _CHECKS.items():
            # Without the packages, all other checks fail.
            if missing := failed & needs & {"packages"} or failed & needs:
                failed.add(name)
                _report("skipped", name, f"needs: {', '.join(sorted(missing))}")
                continue
            try:
                _report("ok", name, check(state))
            except Exception as error:
                failed.add(name)
                logging.getLogger("keras_rbm").exception("%s failed", name)
                line = _line(error)
                if remedy not in line:
                    line += f": {remedy}"
                _report("FAILED", name, line)
    verdict = f"not sound: {', '.join(sorted(failed))}" if failed else "sound"
    seconds = time.perf_counter() - begin
    print(f"The installation is {verdict} ({seconds:.1f} s).")
    return not failed


def _make_folder(output, stack, failed):
    """The folder to write into; or `None`, with a name added to `failed`."""
    user = os.environ.get("USERNAME", "this")
    with contextlib.suppress(AttributeError):
        user = os.getuid()
    name = "temporary"
    remedy = f"set TMPDIR to a folder that user {user} can write to"
    try:
        tempfile.gettempdir()  # The packages need it too.
        if output is None:
            temporary = tempfile.TemporaryDirectory(prefix="keras_rbm-")
            return pathlib.Path(stack.enter_context(temporary))
        name = "folder"
        remedy = f"give another --output, or make it writable for user {user}"
        folder = pathlib.Path(output) / "self_test"
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("self_test.log", "model.keras", "filters.png"):
            (folder / file).unlink(missing_ok=True)
        (folder / "self_test.log").write_text("")
        _report("ok", name, f"{folder} can be written")
        return folder
    except OSError as error:
        failed.add(name)
        _report("FAILED", name, f"{_line(error)}: {remedy}")
        return None


def _report(verdict, name, text):
    print(f"{verdict:7}  {name:10}  {text}", flush=True)


def _line(error):
    plain = (Unsound, errors.UserError, OSError)
    return errors.described(error, plain, _LONGEST)


def _close(log):
    """Closes the log, which may be about to be removed."""
    logger = logging.getLogger("keras_rbm")
    for handler in list(logger.handlers):
        if getattr(handler, "baseFilename", None) == os.path.abspath(log):
            logger.removeHandler(handler)
            handler.close()


def _logical_devices():
    import tensorflow as tf

    kinds = ("CPU", "GPU")
    return [d for kind in kinds for d in tf.config.list_logical_devices(kind)]


def _machine():
    """A machine before its first update, and its data."""
    import keras

    import keras_rbm
    from keras_rbm import data

    v = data.bars_and_stripes(_SIZE).train
    chain = keras_rbm.PersistentChain(50, num_sweeps=10)
    model = keras_rbm.RBM(
        v.shape[1], _HIDDEN, chain=chain, seed=0, name="self_test"
    )
    model.compile(keras.optimizers.SGD(0.2), steps_per_execution=50)
    model.optimizer.build(model.trainable_variables)
    model.prepare(v)
    return model, v


def _train(model, v):
    from keras_rbm import data

    batches = data.batches(v, len(v), seed=0)
    model.fit(batches, steps_per_epoch=_UPDATES, verbose=0)


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _values(model):
    return [variable.numpy() for variable in _variables(model)]


def _same(ours, theirs):
    import numpy as np

    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def _log_likelihood(model, v):
    """Mean log p(v) by a sum over all joint states, in float64."""
    import numpy as np
    from scipy.special import logsumexp

    kernel, visible, hidden = (
        np.asarray(x, "float64")
        for x in (
            model.kernel,
            model.visible_params["bias"],
            model.hidden_params["bias"],
        )
    )

    def log_unnormalized(v):
        joint = (v @ visible)[:, None] + h @ hidden + v @ kernel @ h.T
        return logsumexp(joint, axis=1)

    h, every_v = (
        np.array(list(itertools.product((0.0, 1.0), repeat=len(bias))))
        for bias in (hidden, visible)
    )
    log_z = logsumexp(log_unnormalized(every_v))
    return float(log_unnormalized(v.astype("float64")).mean() - log_z)
