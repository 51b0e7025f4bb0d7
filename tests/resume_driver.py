"""A small run as a process of its own, to be killed: see resume_test.py.

    python resume_driver.py OUTPUT [STAGE COUNT]

goes on with the run in OUTPUT, or begins it. With a stage, such as "replace",
it kills itself when it is about to call the function of that name for the
COUNT-th time within the writing of checkpoints.
"""

import gc
import json
import os
import pathlib
import signal
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
if __name__ == "__main__":
    gc.disable()  # It would look at all that is imported, for a second.

import keras
import numpy as np
import tensorflow as tf

import keras_rbm
from keras_rbm import checkpoints, data, experiment


def kill_at(stage, count):
    """Has the process die before a call that writes a checkpoint."""
    places = {
        "save": (keras_rbm.RBM, "save"),
        "complete": (checkpoints, "_complete"),
        "fsync": (checkpoints.os, "fsync"),
        "replace": (checkpoints.os, "replace"),
        "sync": (checkpoints, "_sync"),
        "unlink": (pathlib.Path, "unlink"),
        "final": (experiment.run_folder.RunFolder, "save_model"),
    }
    owner, name = places[stage]
    function = getattr(owner, name)
    left = count

    def dying(*args, **kwargs):
        nonlocal left
        left -= "checkpoints" in str(args) or stage in ("fsync", "final")
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    setattr(owner, name, dying)


def run(output):
    """A run that writes checkpoints most of the time."""
    draws = np.random.default_rng(0).random((90, 12)) < 0.3
    examples = draws.astype("float32")
    model = keras_rbm.RBM(
        12, 6, chain=keras_rbm.PersistentChain(8), name="rbm", seed=0
    )
    experiment.run(
        model,
        data.Data("tiny", examples[:60], examples[60:], image_shape=(3, 4)),
        output,
        optimizer=lambda learning_rate: keras.optimizers.SGD(
            learning_rate, momentum=0.5, use_ema=True, ema_momentum=0.9
        ),
        learning_rate=experiment.linear_decay,
        epochs=4,
        batch_size=6,
        steps_per_epoch=75,  # Compiled calls of 50 and of 25.
        binarize="stochastic",
        num_sweeps={0: 1, 0.5: 2},
        pictures_every=3,
        log_likelihood_every="auto",
        checkpoint_updates=25,
        describe=lambda: "run.epochs = 4\n",
        resume=True,
    )


if __name__ == "__main__":
    # Those of the tests, one of which goes on with a run itself.
    tf.config.optimizer.set_experimental_options(
        json.loads(os.environ.get("OPTIMIZER_OPTIONS", "{}"))
    )
    if len(sys.argv) > 2:
        kill_at(sys.argv[2], int(sys.argv[3]))
    run(sys.argv[1])
