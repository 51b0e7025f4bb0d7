"""Configs and the folders of runs: their paths, checks and locks."""

import contextlib
import datetime
import difflib
import functools
import gzip
import json
import logging
import os
import pathlib
import re
import shlex
import shutil
import tempfile
import zlib

from keras_rbm_cli import options
from keras_rbm_cli.errors import UserError

_HERE = pathlib.Path(__file__).resolve().parent
#: Folder of the configs: in this package in a wheel, above it in a checkout.
CONFIGS = _HERE / "configs"
if not CONFIGS.is_dir():
    CONFIGS = _HERE.parent / "configs"
#: File name of a table's schema in the folder of a run.
SCHEMA = "schema.json"
# File name of the config of a run in its folder.
_CONFIG = "operative_config.gin"
# Names of the folders in the folder of a network's run, for runs of its parts.
_PART = re.compile(r"layer-\d+|pretraining")
# Endings of files that only `data.table` reads, and lines of zeros and ones.
_COLUMNS = (".tsv", ".tsv.gz", ".parquet", ".pq", ".feather", ".arrow")
# Files of aligned sequences.
_SEQUENCES = (
    *(".fasta", ".fas", ".fa", ".faa", ".fna", ".afa"),
    *(".a2m", ".a3m", ".sto", ".stk", ".stockholm"),
)
_BIT = rb"[ \t]*[01](?:\.0*)?(?:e[+-]?0+)?[ \t]*"
_BITS = re.compile(rb"(?:%s(?:,%s)*)?\r?\n?" % (_BIT, _BIT))


def find(name):
    """Finds a config by its path or by its name in `configs/`."""
    path = pathlib.Path(name)
    try:
        for candidate in (path, CONFIGS / path, CONFIGS / f"{path}.gin"):
            if candidate.is_file():
                candidate.read_text()
                return candidate
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the config {name!r}: {error}") from error
    known = sorted(p.name for p in CONFIGS.glob("*.gin"))
    stems = [config.removesuffix(".gin") for config in known]
    nearest = difflib.get_close_matches(
        path.name.removesuffix(".gin"), stems, 1
    )
    meant = f" Did you mean {nearest[0]}.gin?" if nearest else ""
    raise UserError(
        f"no config {name!r}.{meant} Give a path, or one of {', '.join(known)}"
    )


def config_to_train():
    """The path of the config to train by, from --config or for --data."""
    if options.DATA.value is None:
        return find(options.CONFIG.value)
    own_data(options.DATA.value)
    return find(options.CONFIG.value if options.CONFIG.present else "table.gin")


@functools.lru_cache(maxsize=1)
def own_data(name):
    """Finds the file or the folder of pictures of --data.

    Args:
        name: Value of the flag.

    Returns:
        Tuple of the absolute `pathlib.Path` and the name of the reader in
        `keras_rbm.data`: `"images"` for a folder, `"table"` for a table that
        does not hold only zeros and ones, `"family"` (of `keras_rbm.sequences`)
        for aligned sequences, else `"arrays"`.

    Raises:
        UserError: If there is no such file or folder.
    """
    try:
        path = pathlib.Path(name).resolve()
        if path.is_dir():
            return path, "images"
        if path.is_file():
            name = path.name.lower()
            if name.removesuffix(".gz").endswith(_SEQUENCES):
                return path, "family"
            is_text = name.endswith((".csv", ".csv.gz"))
            is_table = name.endswith(_COLUMNS) or (
                is_text and not _holds_bits(path)
            )
            return path, "table" if is_table else "arrays"
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise UserError(f"--data {name}: {error}") from error
    raise UserError(f"--data {name}: there is no such file or folder")


def _holds_bits(path):
    """Whether a text file holds only zeros and ones, after a line of names."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rb") as file:
        first, line = file.readline(), None
        for line in file:
            if not _BITS.fullmatch(line):
                return False
    return line is not None or bool(_BITS.fullmatch(first))


def process(chief):
    """Returns the name of this process in TF_CONFIG.

    Args:
        chief: Name to return for the first process, or for a single process.

    Returns:
        `chief`, or a name such as `worker-1`.
    """
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
    if len(workers) > 1 and options.STRATEGY.value in ("none", "mirrored"):
        raise UserError(
            f"--strategy {options.STRATEGY.value} is for one process, but "
            f"TF_CONFIG names {len(workers)}: unset it"
        )
    first = "chief" if "chief" in cluster else "worker"
    return chief if (kind, index) == (first, 0) else f"{kind}-{index}"


def new(config):
    """Creates the folder of a run, and returns its path."""
    if os.environ.get("TF_CONFIG") and not options.OUTPUT.value:
        raise UserError(
            "several processes need an --output, the same folder for all"
        )
    time = f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}"
    output = pathlib.Path(
        options.OUTPUT.value or pathlib.Path("runs") / config.stem / time
    )
    number = 1
    # Several runs may begin in the same second.
    while not options.OUTPUT.value and output.exists():
        output = output.with_name(f"{time}-{number}")
        number += 1
    try:
        # A run that failed before training leaves a log or empty folders.
        full = output.is_dir() and any(
            path.suffix != ".log"
            and not (path.is_dir() and not any(path.iterdir()))
            for path in output.iterdir()
        )
        name = process("train")
        if full and name == "train":
            raise UserError(
                f"{output} holds a run already; give another --output, or "
                "move it"
            )
        output.mkdir(parents=True, exist_ok=bool(options.OUTPUT.value))
        with open(output / f"{name}.log", "a"):
            pass
    except (OSError, ValueError) as error:
        raise UserError(f"cannot make the folder {output}: {error}") from error
    return output


@contextlib.contextmanager
def begin(config):
    """Creates the folder of a run; removes it again if the start fails.

    If a `UserError` leaves this context while the folder holds only logs,
    configs of runs and empty folders, the configs are removed, and so is the
    folder if it was created here. The log, with the trace, then moves to a
    temporary file, which the error names. Of several processes, only the chief
    does so.

    Args:
        config: Path of the config.

    Yields:
        Path of the folder.
    """
    existed = options.OUTPUT.value and os.path.exists(options.OUTPUT.value)
    output = new(config)
    try:
        yield output
    except UserError as error:
        if process("train") != "train" or _has_begun(output):
            raise
        # A network writes its config before its layers check their arguments.
        for written in output.rglob(_CONFIG):
            written.unlink()
        if existed:
            raise
        text = str(error)
        for log in sorted(output.glob("*.log")):
            if str(log) in text:
                kept = tempfile.NamedTemporaryFile(
                    prefix="keras-rbm-", suffix=".log", delete=False
                )
                kept.close()
                shutil.copyfile(log, kept.name)
                text = text.replace(str(log), kept.name)
        _remove(output)
        raise UserError(text) from None


def _has_begun(output):
    """Whether a folder holds more than logs, configs and empty folders."""
    return any(
        path.suffix != ".log" and path.name != _CONFIG
        for path in output.rglob("*")
        if not path.is_dir()
    )


def _remove(output):
    """Removes a folder, and parent folders that are then empty."""
    handlers = logging.getLogger("keras_rbm").handlers
    for handler in list(handlers):
        name = getattr(handler, "baseFilename", None)
        if name and pathlib.Path(name).parent == output.resolve():
            handlers.remove(handler)
            handler.close()
    shutil.rmtree(output, ignore_errors=True)
    if options.OUTPUT.value:  # The parent folders are the user's.
        return
    for parent in list(output.parents)[:2]:  # runs/<config>
        with contextlib.suppress(OSError):
            parent.rmdir()


def finished(mode):
    """Returns the config and folder of the finished run in --output."""
    if not options.OUTPUT.value:
        raise UserError(f"--mode {mode} needs --output, the folder of a run")
    output = pathlib.Path(options.OUTPUT.value)
    if not output.is_dir():
        raise UserError(f"no run in {output}: there is no such folder")
    if (output / "layer-1").is_dir():
        raise UserError(
            f"{output} holds a network; --mode {mode} is for its first layer: "
            f"--output {shlex.quote(str(output / 'layer-1'))}"
        )
    if (output / "classifier.keras").is_file():
        raise UserError(
            f"--mode {mode} is not for the classifier in {output}, whose "
            f"errors are in {output / 'finetuning.json'}"
        )
    if not (output / "model.keras").is_file():
        raise UserError(f"no finished run in {output}: it holds no model.keras")
    check_writable(output / f"{mode}.log")
    return _config_of(output), output


def begun():
    """Returns the config and folder of the run to resume."""
    if options.OUTPUT.value not in (None, options.RESUME.value):
        raise UserError("--resume writes into the run's folder; no --output")
    output = pathlib.Path(options.RESUME.value)
    if not output.is_dir():
        raise UserError(f"no run in {output}: there is no such folder")
    _refuse_part(output)
    config = _config_of(output)
    check_writable(output / f"{process('train')}.log")
    return config, output


def _refuse_part(output):
    """Refuses to resume a part of a network, such as one of its layers.

    The config in its folder is the config of the whole network.
    """
    part = whole = pathlib.Path(os.path.abspath(output))
    while _PART.fullmatch(whole.name) and (whole.parent / _CONFIG).is_file():
        whole = whole.parent
    if whole != part:
        shown = whole if output.is_absolute() else os.path.relpath(whole)
        raise UserError(
            f"{output} is a part of the run in {shown}, and is resumed with it:"
            f" --resume {shlex.quote(str(shown))}"
        )


def check_writable(log):
    """Refuses a folder in which this log cannot be written."""
    try:
        with open(log, "a"):
            pass
    except OSError as error:
        raise UserError(f"cannot write to the folder: {error}") from error


def _config_of(output):
    """The config with which a run was trained, or the config of --config."""
    if options.CONFIG.present:
        return find(options.CONFIG.value)
    config = output / _CONFIG
    if not config.is_file():
        raise UserError(f"{output} holds no {config.name}; give a --config")
    return config


@contextlib.contextmanager
def alone(log):
    """Locks the log of a run; refuses it if another process has the lock."""
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
