"""What `replicas_test.py` runs, as a process of its own.

Its arguments are a number of devices, a FILE and the parts that are wanted.
With `TF_CONFIG`, it is one of several workers. All that is found goes to FILE,
an .npz file; `LOAD` is a model to go on with.
"""

import contextlib
import gc
import os
import sys
import warnings

if __name__ == "__main__":
    gc.disable()  # It would look at all that is imported, for a second.

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import (
    RBM,
    ClassRBM,
    ContrastiveDivergence,
    ExactChain,
    FreshCompletion,
    PersistentChain,
    SquaredSparsity,
    Tempered,
    callbacks,
    devices,
)

VISIBLE, HIDDEN, CHAINS, UPDATES = 12, 8, 24, 40


def data():
    rng = np.random.default_rng(0)
    x = (rng.random((77, VISIBLE)) < 0.3).astype("float32")
    return x, rng.random(77).astype("float32")


def batches(size):
    """Endless weighted batches, of a size that no number of replicas shares."""
    x, weight = data()
    parts = (x, np.zeros(len(x), "float32"), weight)
    return tf.data.Dataset.from_tensor_slices(parts).repeat().batch(size)


def with_holes(size):
    """The batches of `batches`, a third of whose entries are missing."""
    lost = np.random.default_rng(1).random(data()[0].shape) < 1 / 3
    x, weight = data()
    x = np.where(lost, np.nan, x)
    x[4] = np.nan  # A row without any observed entry.
    parts = (x, np.zeros(len(x), "float32"), weight)
    return tf.data.Dataset.from_tensor_slices(parts).repeat().batch(size)


def make(chain, **kwargs):
    return RBM(
        VISIBLE,
        HIDDEN,
        chain=chain,
        seed=3,
        kernel_regularizer=keras.regularizers.L2(1e-2),
        hidden_activity_regularizer=SquaredSparsity(0.1),
        **kwargs,
    )


def optimizer(**kwargs):
    """One that clips: the gradients are of size 1."""
    return keras.optimizers.SGD(0.1, momentum=0.5, **kwargs)


def array(x):
    return keras.ops.convert_to_numpy(x)


def state(model):
    """The parameters in a row, and the chains."""
    found = {"weights": [array(v).ravel() for v in model.trainable_variables]}
    found["weights"] = np.concatenate(found["weights"])
    if hasattr(model.chain, "particles"):
        found["particles"] = array(model.chain.particles)
    return found


def go_on(model):
    """Some more updates, from the same data everywhere."""
    model.fit(batches(13), epochs=1, steps_per_epoch=3, verbose=0)
    return state(model)


def training(scope, path):
    """Updates, and what can be asked of the model after them."""
    with scope():
        model = make(PersistentChain(CHAINS, 2))
        model.compile(
            optimizer(global_clipnorm=0.3),
            # Compiling takes twice as long: that is for one of the tests.
            steps_per_execution=5 if "blocks" in sys.argv else 1,
            jit_compile=False,
        )
    model.fit(batches(13), epochs=2, steps_per_epoch=UPDATES // 2, verbose=0)
    yield "trained", state(model) | {"updates": int(array(model.updates))}
    x, weight = data()
    results = model.evaluate(
        x, sample_weight=weight, batch_size=10, verbose=0, return_dict=True
    )
    yield "evaluated", results
    estimate = model.log_partition(
        "ais", num_betas=50, num_chains=CHAINS, num_sweeps=10, seed=1
    )
    yield (
        "drawn",
        {
            "samples": array(model.sample(33, 10, seed=1)),
            "ais": estimate.forward.log_weights,
            "reverse": estimate.reverse.log_weights,
        },
    )
    if devices.is_chief():
        model.save(path)
    yield "gone_on", go_on(model)


def updates(scope, path, everything=True):
    """A few updates of each chain, with replicas that have no example."""
    log_dir = f"{path}-logs"
    x, _ = data()
    for name, chain, clip in (
        ("cd", ContrastiveDivergence(), {"clipnorm": 0.2}),
        ("exact", ExactChain(), {"clipvalue": 0.05}),
        (
            "tempered",
            PersistentChain(8, sampler=Tempered(3)),
            {"use_ema": True},
        ),
    ):
        if name != "tempered" and not everything:
            continue
        with scope():
            model = make(chain, centered=name == "exact")
            model.compile(optimizer(**clip), run_eagerly=True)
        watched = {}
        if name == "tempered":
            measured = callbacks.LogLikelihood(log_dir, x, method="exact")
            watched["callbacks"] = [measured, callbacks.Scalars(log_dir)]
        history = model.fit(
            batches(3), epochs=1, steps_per_epoch=2, verbose=0, **watched
        ).history
        history = {k: v[-1] for k, v in history.items() if "likelih" in k}
        yield name, state(model) | (history if watched else {})
    with scope():
        model = RBM(VISIBLE, HIDDEN, seed=3)
        model.compile(run_eagerly=True)  # With AutoSGD.
    for epoch in (0, 1):  # The second call goes on with the schedule.
        model.fit(
            x, initial_epoch=epoch, epochs=epoch + 1, batch_size=30, verbose=0
        )
    yield "auto", state(model)
    if not everything:
        return
    with scope():
        model = make(ContrastiveDivergence(), missing=FreshCompletion(3))
        model.compile(optimizer(), run_eagerly=True)
    model.fit(with_holes(3), epochs=1, steps_per_epoch=2, verbose=0)
    yield "holes", state(model)
    x, weight = data()
    labelled = x[:, :9], np.arange(len(x)) % 3, weight
    labelled = tf.data.Dataset.from_tensor_slices(labelled).repeat().batch(3)
    for name, generative in (("hybrid", 0.5), ("discriminative", 0.0)):
        with scope():
            model = ClassRBM(9, 3, HIDDEN, generative_weight=generative, seed=3)
            model.compile(optimizer(clipnorm=0.2), run_eagerly=True)
        history = model.fit(labelled, steps_per_epoch=2, verbose=0).history
        history = {k: v[-1] for k, v in history.items() if k != "loss"}
        yield name, state(model) | history
    with scope():
        integers = np.random.default_rng(1).integers(-2, 3, (VISIBLE, HIDDEN))
        model = make(PersistentChain(CHAINS), centered=False)
        model.kernel.assign(integers)
        model.compile(optimizer(), run_eagerly=True)
    model.visible_params["bias"].assign(np.arange(VISIBLE) % 3 - 1.0)
    model.fit(batches(13), steps_per_epoch=1, verbose=0)
    yield "integers", {"particles": array(model.chain.particles)}


class StopAt(keras.callbacks.Callback):
    """Asks for an end after a number of updates."""

    def __init__(self, checkpoint, updates):
        super().__init__()
        self.checkpoint, self.updates = checkpoint, updates

    def on_train_batch_end(self, batch, logs=None):
        if int(array(self.model.updates)) == self.updates:
            self.checkpoint.stop("a test")


def resumed(scope, path, stop=None):
    """A run from its newest checkpoint on; stopped after some updates."""
    with scope():
        model = make(PersistentChain(CHAINS), name="rbm")
        model.compile(optimizer(use_ema=True), run_eagerly=True)
    checkpoint = callbacks.Checkpoint(f"{path}-checkpoints")
    done = checkpoint.resume(model)
    model.fit(
        batches(13).skip(done.updates),
        epochs=2,
        steps_per_epoch=3,
        initial_epoch=done.epoch,
        initial_step=done.step,
        callbacks=[StopAt(checkpoint, stop), checkpoint],
        verbose=0,
    )
    return state(model) | checkpoint.history().history


def resuming(scope, path):
    """A run that was stopped within an epoch, beside one that was not."""
    try:
        resumed(scope, path, stop=4)
    except callbacks.Interrupted:
        yield "resumed", resumed(scope, path)
    yield "whole", resumed(scope, f"{path}-whole")


def refusals(scope):
    """The messages of what cannot work under several replicas."""

    def in_scope(function):
        with scope():
            return function()

    model = in_scope(lambda: make(ContrastiveDivergence()))
    model.compile("sgd", run_eagerly=True)
    x, _ = data()
    for name, function in (
        ("chains", lambda: in_scope(lambda: make(PersistentChain(CHAINS + 1)))),
        (
            "in_scope",
            lambda: in_scope(lambda: model.fit(x, epochs=1, verbose=0)),
        ),
        ("one_batch", lambda: model.train_on_batch(x)),
        ("xla", lambda: model.compile("sgd", jit_compile=True)),
        ("outside", lambda: model.compile(keras.optimizers.SGD(0.1))),
        (
            "scaled",
            lambda: in_scope(
                lambda: model.compile(
                    keras.optimizers.LossScaleOptimizer(optimizer())
                )
            ),
        ),
    ):
        try:
            function()
        except ValueError as error:
            yield name, {"message": str(error)}


def main(num_devices, path, parts):
    # As tests/conftest.py does: Grappler takes longer than what it saves.
    tf.config.optimizer.set_experimental_options(
        {"disable_meta_optimizer": True}
    )
    if num_devices > 1:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * num_devices,
        )
    scope = contextlib.nullcontext
    several = bool(os.environ.get("TF_CONFIG"))
    if several:
        scope = devices.strategy("auto").scope
    elif num_devices > 1:
        names = [f"CPU:{i}" for i in range(num_devices)]
        scope = tf.distribute.MirroredStrategy(names).scope
    found = []
    if "training" in parts:
        found += training(scope, f"{path}.keras")
    if "updates" in parts or "watched" in parts:
        found += updates(scope, path, "updates" in parts)
    if "resuming" in parts:
        found += resuming(scope, path)
    if "refusals" in parts:
        found += refusals(scope)
    if os.environ.get("LOAD"):
        with scope():
            model = keras.models.load_model(os.environ["LOAD"])
        found.append(("loaded", go_on(model)))
    np.savez(
        path,
        **{f"{g}/{name}": x for g, part in found for name, x in part.items()},
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
