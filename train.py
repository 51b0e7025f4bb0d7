"""Trains a restricted Boltzmann machine as a .gin file says.

    python train.py                       the 8 x 8 digits, no download
    python train.py --config mnist.gin    MNIST
    python train.py --resume runs/mnist/2026-01-31-120000
    python train.py --mode evaluate --output runs/mnist/2026-01-31-120000
    python train.py --mode figures --output runs/mnist/2026-01-31-120000

The third goes on with a run that was stopped, as if it had not been; the next
one says how probable a finished run makes the data; the last one draws the
figures of its config, or of another --config, anew.
A .gin file can run code: use only files that you would run as programs.
"""

import contextlib
import datetime
import functools
import inspect
import json
import logging
import os
import pathlib
import shutil
import signal
import sys
import textwrap

from absl import app, flags
from absl import logging as absl_logging

_CONFIGS = pathlib.Path(__file__).resolve().parent / "configs"

_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "figures"],
    "Whether to train; or to evaluate the finished run in --output, or to draw "
    "its figures anew.",
)
_CONFIG = flags.DEFINE_string(
    "config",
    "digits.gin",
    "A .gin file: a path, or a name in configs/. To resume or to evaluate, the "
    "default is what the run was trained by.",
)
_SET = flags.DEFINE_multi_string(
    "set", [], 'A binding on top, such as "RBM.hidden=250"; repeatable.'
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where the data's files are, such as MNIST's IDX files."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "The run's folder; default: runs/<config>/<time>."
)
_RESUME = flags.DEFINE_string(
    "resume", None, "The folder of a run to go on with, to the end."
)
_SEED = flags.DEFINE_integer(
    "seed", None, "Seed of everything drawn; default: that of the config."
)
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    ["none", "mirrored", "multi_worker", "auto"],
    "How to use several GPUs or machines (see docs/guides/distributed.md); "
    "auto: the machines that TF_CONFIG names, else all GPUs.",
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Number of epochs; default: that of the config."
)


# Characters of an error; all of it is in the log.
_LONGEST = 2000


class UserError(Exception):
    """Something that the user can put right; told in one line."""


class Stopped(Exception):
    """A signal has ended the run, which can be resumed."""

    def __init__(self, signal, output):
        super().__init__(
            f"stopped by {signal}, and saved; go on with --resume {output}"
        )
        self.signal = signal


def main(argv):
    """Trains or evaluates; every user error ends in one line and code 2.

    A run that a signal has ended returns 128 and the signal's number: 143 for
    SIGTERM, 130 for SIGINT (Ctrl-C).
    """
    try:
        if len(argv) > 1:
            raise UserError(f"unknown argument {argv[1]!r}; see --help")
        if _MODE.value != "train":
            mode = _MODE.value
            if _RESUME.value is not None:
                raise UserError(f"--mode {mode} takes --output, not --resume")
            config, output = _finished(mode)
            evaluating = mode == "evaluate"
            doing = "Evaluating" if evaluating else "Drawing figures of"
            print(f"{doing} {output} as {config} says", flush=True)
            (_evaluate if evaluating else _draw)(config, output)
        elif _RESUME.value is not None:
            config, output = _begun()
            print(f"Resuming {output} as {config} says", flush=True)
            _train(config, output, resume=True)
        else:
            config = _find(_CONFIG.value)
            output = _output(config)
            print(f"Training as {config.name} says, into {output}", flush=True)
            _train(config, output)
    except UserError as error:
        line = textwrap.shorten(str(error), 2 * _LONGEST)
        print(f"train.py: error: {line}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\ntrain.py: stopped", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Stopped as stopped:
        print(f"\ntrain.py: {stopped}", file=sys.stderr)
        sys.exit(128 + signal.Signals[stopped.signal])


def _find(name):
    path = pathlib.Path(name)
    try:
        for candidate in (path, _CONFIGS / path, _CONFIGS / f"{path}.gin"):
            if candidate.is_file():
                candidate.read_text()
                return candidate
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the config {name!r}: {error}") from error
    known = ", ".join(sorted(p.name for p in _CONFIGS.glob("*.gin")))
    raise UserError(f"no config {name!r}; a path, or one of {known}")


def _process(chief):
    """Name of this process among those of TF_CONFIG; the chief's is given."""
    if not os.environ.get("TF_CONFIG"):
        return chief
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        task, cluster = config["task"], config["cluster"]
        kind, index = task["type"], int(task["index"])
        workers = [*cluster.get("chief", ()), *cluster.get("worker", ())]
        if kind not in ("chief", "worker") or not 0 <= index < len(
            cluster[kind]
        ):
            raise ValueError(kind)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            'TF_CONFIG must be JSON with a "cluster" of workers and the "task" '
            f"of this one: {os.environ['TF_CONFIG']!r}"
        ) from error
    if len(workers) > 1 and _STRATEGY.value in ("none", "mirrored"):
        raise UserError(
            f"--strategy {_STRATEGY.value} is for one process, but TF_CONFIG "
            f"names {len(workers)}: unset it"
        )
    first = "chief" if "chief" in cluster else "worker"
    return chief if (kind, index) == (first, 0) else f"{kind}-{index}"


def _output(config):
    if os.environ.get("TF_CONFIG") and not _OUTPUT.value:
        raise UserError(
            "several processes need an --output, the same folder for all"
        )
    time = f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}"
    output = pathlib.Path(
        _OUTPUT.value or pathlib.Path("runs") / config.stem / time
    )
    number = 1
    while not _OUTPUT.value and output.exists():  # Begun in the same second.
        output = output.with_name(f"{time}-{number}")
        number += 1
    try:
        # The log of a run that failed before training is no run.
        # Nor is a folder that nothing has come into.
        full = output.is_dir() and any(
            path.suffix != ".log"
            and not (path.is_dir() and not any(path.iterdir()))
            for path in output.iterdir()
        )
        process = _process("train")
        if full and process == "train":
            raise UserError(
                f"{output} holds a run already; give another --output, or "
                "move it"
            )
        output.mkdir(parents=True, exist_ok=bool(_OUTPUT.value))
        with open(output / f"{process}.log", "a"):
            pass
    except (OSError, ValueError) as error:
        raise UserError(f"cannot make the folder {output}: {error}") from error
    return output


def _finished(mode):
    """The config to go by, and the folder of the run."""
    if not _OUTPUT.value:
        raise UserError(f"--mode {mode} needs --output, the folder of a run")
    output = pathlib.Path(_OUTPUT.value)
    if not output.is_dir():
        raise UserError(f"no run in {output}: there is no such folder")
    if not (output / "model.keras").is_file():
        raise UserError(f"no finished run in {output}: it holds no model.keras")
    _check_writable(output / f"{mode}.log")
    return _config_of(output), output


def _begun():
    """The config to resume by, and the folder of the run."""
    if _OUTPUT.value not in (None, _RESUME.value):
        raise UserError("--resume writes into the run's folder; no --output")
    output = pathlib.Path(_RESUME.value)
    if not output.is_dir():
        raise UserError(f"no run in {output}: there is no such folder")
    config = _config_of(output)
    _check_writable(output / f"{_process('train')}.log")
    return config, output


def _check_writable(log):
    try:
        with open(log, "a"):
            pass
    except OSError as error:
        raise UserError(f"cannot write to the folder: {error}") from error


def _config_of(output):
    """What a run was trained by, unless a flag says otherwise."""
    if _CONFIG.present:
        return _find(_CONFIG.value)
    config = output / "operative_config.gin"
    if not config.is_file():
        raise UserError(f"{output} holds no {config.name}; give a --config")
    return config


def _evaluate(config, output):
    log = output / "evaluate.log"
    gin, keras = _import(log)
    import keras_rbm
    from keras_rbm import evaluation

    try:
        _parse(gin, config, "evaluate", {"data", "binarize"})
        figures = gin.get_configurable("evaluate")(
            model=_load(keras, output / "model.keras"),
            output=str(output),
            about={
                "keras_rbm": keras_rbm.__version__,
                "config": str(config),
            },
        )
    except Exception as error:
        _fail(error, log)
    print(f"\n{evaluation.table(figures)}\n")
    print(f"The figures are in {output / 'evaluation.json'}.")


def _draw(config, output):
    log = output / "figures.log"
    gin, keras = _import(log)

    try:
        _parse(gin, config, "draw", {"data", "binarize", "figures", "seed"})
        names = gin.get_configurable("draw")(
            model=_load(keras, output / "model.keras"), output=str(output)
        )
    except Exception as error:
        _fail(error, log)
    print(f"Drawn in {output}: {', '.join(names) or 'nothing'}.")


def _parse(gin, config, function, shared):
    """Reads the config; a function shares some bindings with `run`."""
    gin.add_config_file_search_path(str(_CONFIGS))
    gin.parse_config_files_and_bindings([str(config)], _bindings())
    trained = gin.get_bindings("run", resolve_references=False)
    own = gin.get_bindings(function, resolve_references=False)
    with gin.unlock_config():
        for name in shared & trained.keys() - own.keys():
            gin.bind_parameter(f"{function}.{name}", trained[name])


def _load(keras, path):
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        # Keras puts all of the model's config before the reason.
        reason = str(error).rpartition("Exception encountered: ")[2]
        raise ValueError(
            f"cannot read {path}: {textwrap.shorten(reason, 400)}"
        ) from error


def _train(config, output, resume=False):
    log = output / f"{_process('train')}.log"
    with _alone(log):
        _train_alone(config, output, log, resume)


def _train_alone(config, output, log, resume):
    gin, keras = _import(log, _STRATEGY.value)
    from keras_rbm import callbacks, experiment

    try:
        gin.add_config_file_search_path(str(_CONFIGS))
        gin.parse_config_files_and_bindings([str(config)], _bindings())
        keras.utils.set_random_seed(_seed(gin) % 2**32)
        name = _experiment(gin)
        run, several = gin.get_configurable(name), name != "run"
        found = run(
            output=str(output),
            # What later parts of a run will use is not operative yet.
            describe=gin.config_str if several else lambda: _describe(gin),
            resume=resume,
        )
    except callbacks.Interrupted as interrupted:
        raise Stopped(interrupted.reason, output) from None
    except Exception as error:
        _fail(error, log)
    if isinstance(found, dict):  # Of a fine-tuning.
        print(experiment.told(found))
    print(
        f"The run is in {output}; look at it with "
        f"`{_tensorboard()} --logdir {output}`."
    )


def _experiment(gin):
    """What a config is for: the last of these that it binds a model of."""
    for name in ("finetune", "train_jointly", "pretrain"):
        if "model" in gin.get_bindings(name, resolve_references=False):
            return name
    return "run"


@contextlib.contextmanager
def _alone(log):
    """Refuses a folder that another process is training in."""
    try:
        import fcntl
    except ImportError:  # Not on this system.
        yield
        return
    with open(log, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"another process is training in {log.parent}"
            ) from None
        except OSError:  # A file system without locks.
            pass
        yield


def _seed(gin):
    """The macro `seed` of the config, which `--seed` sets too."""
    seed = gin.get_bindings("seed/gin.macro").get("value")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(
            "the config must bind `seed` to an integer of 0 or more, as "
            f"base.gin does. Received: seed={seed!r}"
        )
    return seed


def _tensorboard():
    """How to call TensorBoard: it may be in an environment not activated."""
    beside = pathlib.Path(sys.executable).with_name("tensorboard")
    if shutil.which("tensorboard") or not beside.exists():
        return "tensorboard"
    return os.path.relpath(beside)


def _import(log, strategy="none"):
    """What takes seconds to import, with names for .gin files."""
    absl_logging.set_verbosity(absl_logging.FATAL)  # gin reports file look-ups
    _log_to(log)
    with _quiet(log):
        import gin
        import keras

        from keras_rbm import devices, experiment

        try:  # Before anything else of TensorFlow is used.
            strategy = devices.strategy(strategy)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"--strategy: {error}") from error
    _register(gin, keras, experiment, strategy)
    return gin, keras


def _describe(gin):
    """All settings that training uses, and those of the evaluation."""
    later = gin.get_bindings("evaluate", resolve_references=False)
    lines = (f"\nevaluate.{name} = {value!r}" for name, value in later.items())
    return gin.operative_config_str() + "".join(lines)


def _bindings():
    bindings = list(_SET.value)
    # The seed of a run may be that of its data, which must stay the same.
    seed = {"train": "seed", "evaluate": "evaluate.seed"}.get(
        _MODE.value, "draw.seed"
    )
    for name, value in (
        ("run.epochs", _EPOCHS.value),
        (seed, _SEED.value),
        ("mnist.data_dir", _DATA_DIR.value),
    ):
        if value is not None:
            bindings.append(f"{name} = {value!r}")
    return bindings


def _register(gin, keras, experiment, strategy=None):
    """Names for .gin files; classes stay as they are."""
    import keras_rbm
    from keras_rbm import data, evaluation, figures

    for thing in (
        experiment.run,
        experiment.pretrain,
        experiment.finetune,
        experiment.train_jointly,
        evaluation.evaluate,
        figures.draw,
        figures.Restoration,
        figures.Dreams,
        figures.Inpainting,
        experiment.linear_decay,
        experiment.hold_then_linear_decay,
        *(
            _in_scope(strategy, thing)
            if issubclass(thing, keras.Model)
            else thing
            for thing in _classes(keras_rbm)
        ),
        data.mnist,
        data.digits,
        data.bars_and_stripes,
        data.arrays,
        data.categorical,
        data.counts,
        data.whitened,
        *_classes(keras.optimizers),
        *_classes(keras.optimizers.schedules),
        *_classes(keras.initializers),
        *_classes(keras.regularizers),
        *_classes(keras.constraints),
    ):
        gin.external_configurable(thing)


def _in_scope(strategy, model):
    """The class of a model, or what makes it in the scope of a strategy."""
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return model

    @functools.wraps(model)
    def make(*args, **kwargs):
        with strategy.scope():
            return model(*args, **kwargs)

    make.__signature__ = inspect.signature(model)
    return make


def _classes(module):
    """The public classes of a module, without those for subclassing."""
    abstract = {
        "Chain",
        "Constraint",
        "Initializer",
        "Optimizer",
        "Regularizer",
        "Units",
    }
    return [
        thing
        for name, thing in sorted(vars(module).items())
        if isinstance(thing, type)
        and name == thing.__name__
        and name not in abstract
    ]


def _fail(error, log):
    """Tells a user error in one line; the trace is in the log."""
    logging.getLogger("keras_rbm").exception("this failed")
    message = str(error).split("\n  In call to configurable")[0]
    line = " ".join(message.split()) or type(error).__name__
    if not isinstance(error, ValueError | OSError):
        line = f"{type(error).__name__}: {line}"
    line = textwrap.shorten(line, _LONGEST)
    raise UserError(f"{line} (trace in {log})") from None


@contextlib.contextmanager
def _quiet(log):
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


def _log_to(path):
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


def _flags(argv):
    """Reads the flags; what is wrong with them is told as all else is."""
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        print(f"train.py: error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    app.run(main, flags_parser=_flags)
