"""Output to the screen and to the log."""

import contextlib
import logging
import os
import pathlib
import shlex
import shutil
import sys
import warnings

COMMAND = "keras-rbm"


def program(argv):
    """The name by which the user called the program."""
    name = os.path.basename(argv[0])
    return COMMAND if name in ("", "__main__.py") else name


def command():
    """How the user called the program, such as `python train.py`."""
    name = program(sys.argv)
    if not name.endswith(".py"):
        return name
    own = pathlib.Path(sys.executable)
    on_path = shutil.which("python")
    is_own = on_path and pathlib.Path(on_path).parent == own.parent
    python = "python" if is_own else shlex.quote(os.path.relpath(own))
    return f"{python} {shlex.quote(sys.argv[0])}"


@contextlib.contextmanager
def quiet(log):
    """Sends TensorFlow's start-up notes to the log, not to the screen."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Vectors of 512 bits, if supported, halve the cost of random draws.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")
    # TensorFlow prints some notes before it checks any log level, so the file
    # descriptor itself is redirected to the log.
    screen = os.dup(2)
    with open(log, "a") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(screen, 2)
        os.close(screen)


def log_to(path):
    """Logs lines with their time to a file, and to a screen without bars."""
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


@contextlib.contextmanager
def own_log():
    """Context with a separate log, which is closed at the end.

    Call `log_to` to choose its file.
    """
    logger = logging.getLogger("keras_rbm")
    before = logger.propagate, logger.level, list(logger.handlers)
    logger.handlers.clear()
    try:
        yield
    finally:
        for handler in logger.handlers:
            handler.close()
        logger.propagate, logger.level, logger.handlers[:] = before


@contextlib.contextmanager
def warnings_logged():
    """Context in which Python's warnings are written to the log."""

    def log(message, *_, **__):
        logging.getLogger("keras_rbm").warning("%s", message)

    with warnings.catch_warnings():
        warnings.showwarning = log
        yield


@contextlib.contextmanager
def hidden():
    """Context in which nothing is printed."""
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        yield


def tensorboard(folder):
    """The command that shows the runs in a folder, in backquotes.

    It gives the full path of TensorBoard if this is not on the PATH, and asks
    for the pictures of a hundred epochs instead of the default of ten.
    """
    beside = pathlib.Path(sys.executable).with_name("tensorboard")
    if shutil.which("tensorboard") or not beside.exists():
        program = "tensorboard"
    else:
        program = shlex.quote(os.path.relpath(beside))
    folder = shlex.quote(str(folder))
    return f"`{program} --samples_per_plugin images=100 --logdir {folder}`"
