"""What stands on the screen, and what only in the log."""

import contextlib
import logging
import os
import pathlib
import shutil
import sys

COMMAND = "keras-rbm"


def program(argv):
    """The name that the program was called by, for what it tells."""
    name = os.path.basename(argv[0])
    return COMMAND if name in ("", "__main__.py") else name


@contextlib.contextmanager
def quiet(log):
    """Sends TensorFlow's start-up notes to the log, not to the screen."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Vectors of 512 bits halve the cost of random draws, where there are any.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")
    # Some notes come before any log level is looked at: the file descriptor
    # itself has to be turned away.
    screen = os.dup(2)
    with open(log, "a") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(screen, 2)
        os.close(screen)


def log_to(path):
    """Time-stamped lines in a file, and on a screen that shows no bar."""
    logger = logging.getLogger("keras_rbm")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handlers = [logging.FileHandler(path)]
    if not sys.stdout.isatty():
        handlers.append(logging.StreamHandler(sys.stdout))
        handlers[-1].addFilter(lambda record: record.levelno < logging.ERROR)
    for handler in handlers:
        handler.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)s %(message)s")
        )
        logger.addHandler(handler)


def tensorboard(folder):
    """The command that shows this folder's runs, in backquotes.

    TensorBoard may be in an environment that is not activated, and keeps ten
    epochs' pictures if not told otherwise.
    """
    beside = pathlib.Path(sys.executable).with_name("tensorboard")
    if shutil.which("tensorboard") or not beside.exists():
        program = "tensorboard"
    else:
        program = os.path.relpath(beside)
    return f"`{program} --samples_per_plugin images=100 --logdir {folder}`"
