"""Sweeps over lists of settings: the combinations, and a run for each of them.

`sweep_table` compares the runs.
"""

import ast
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from keras_rbm_cli import configuration, folders, options, screen, sweep_table
from keras_rbm_cli.errors import Stopped, UserError, fail

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_STATE = "sweep.json"
_EXAMPLE = '--sweep "RBM.hidden=[128, 256]"'
# Bytes in the name of a folder; file systems have 255.
_LONGEST = 120
# Flags that all runs share, beside --set.
_SHARED = (
    options.EPOCHS,
    options.SEED,
    options.DATA_DIR,
    options.STRATEGY,
)
# Bindings of flags, which a sweep cannot bind too.
_BOUND = {
    "run.epochs": options.EPOCHS,
    "seed": options.SEED,
    "mnist.data_dir": options.DATA_DIR,
}


def axes(words):
    """Reads bindings of lists.

    Args:
        words: Strings such as `"RBM.hidden=[128, 256]"`.

    Returns:
        Dict of the names and their lists of Python literals.

    Raises:
        UserError: If a string is no such binding, or a name comes twice.
    """
    found = {}
    for word in words:
        name, equals, text = (part.strip() for part in word.partition("="))
        try:
            values = ast.literal_eval(text)
            literal = values == ast.literal_eval(repr(values))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            literal = False
        if not (literal and isinstance(values, list)):
            values = None
        distinct = {repr(value) for value in values or ()}
        binds = equals and re.fullmatch(r"[A-Za-z_][\w./]*", name)
        for wrong, complaint in (
            (not binds, f"wants a binding, {_EXAMPLE}"),
            (values is None, f"wants a list of Python literals, {_EXAMPLE}"),
            (values == [], "got an empty list"),
            (len(distinct) < len(values or ()), "got a value twice"),
        ):
            if wrong:
                raise UserError(f"--sweep {complaint}: {word!r}")
        if name in found:
            raise UserError(f"--sweep got {name!r} twice; give one list")
        found[name] = values
    return found


def points(axes):
    """All combinations as dicts; the last name changes the fastest."""
    return [
        dict(zip(axes, values, strict=True))
        for values in itertools.product(*axes.values())
    ]


def bindings(point):
    """A combination as lines of a .gin file."""
    return [f"{name} = {value!r}" for name, value in point.items()]


def folder_names(points):
    """A name for the folder of each combination, such as `RBM.hidden=128`."""
    found = []
    for point in points:
        name = ",".join(f"{name}={value}" for name, value in point.items())
        name = re.sub(r"[^\w.=,+-]", "_", name, flags=re.ASCII)[:_LONGEST]
        number, wanted = 1, name
        while name in found:
            number += 1
            name = f"{wanted}-{number}"
        found.append(name)
    return found


def holds_sweep(output):
    """Whether a folder holds a sweep."""
    return (pathlib.Path(output) / _STATE).is_file()


def begin(config):
    """Makes the folder of a sweep, and trains its runs.

    Args:
        config: Path of the .gin file that all runs share.

    Returns:
        Whether all runs have finished.

    Raises:
        UserError: Before any training, if the flags do not fit.
        Stopped: After SIGTERM or SIGINT.
    """
    if os.environ.get("TF_CONFIG"):
        raise UserError("--sweep is for one process; unset TF_CONFIG")
    names = axes(options.SWEEP.value)
    for name, flag in _BOUND.items():
        if name in names and flag.value is not None:
            raise UserError(
                f"--sweep {name} and --{flag.name} exclude each other"
            )
    runs = folder_names(points(names))
    state = {
        "config": str(config.resolve()),
        "flags": [
            *(f"--set={binding}" for binding in options.SET.value),
            *(f"--{f.name}={f.value}" for f in _SHARED if f.value is not None),
            *_data_flag(),
        ],
        "sweep": options.SWEEP.value,
        "runs": {
            name: {"status": "waiting", "seconds": 0.0, "error": ""}
            for name in runs
        },
    }
    with folders.begin(config) as output:
        print(
            f"Sweep of {len(runs)} runs as {config.name} says, into {output}",
            flush=True,
        )
        with folders.alone(output / "train.log"):
            return Sweep(output, state).run()


def _data_flag():
    """The flag --data with an absolute path, for runs begun from anywhere."""
    if options.DATA.value is None:
        return []
    path, _ = folders.table(options.DATA.value)
    return [f"--{options.DATA.name}={path}"]


def resume(output):
    """Goes on with a sweep: trains the runs that wait or that have failed.

    Args:
        output: Folder of the sweep, as a string.

    Returns:
        Whether all runs have finished.

    Raises:
        UserError: If there is another flag, or the sweep cannot be read.
        Stopped: After SIGTERM or SIGINT.
    """
    for flag in (
        options.CONFIG,
        options.DATA,
        options.SET,
        options.SWEEP,
        *_SHARED,
    ):
        if flag.present:
            raise UserError(
                f"a sweep is resumed as it was begun, without --{flag.name}"
            )
    if options.OUTPUT.value not in (None, output):
        raise UserError("--resume writes into the sweep's folder; no --output")
    output = pathlib.Path(output)
    log = output / "train.log"
    folders.check_writable(log)
    print(f"Resuming the sweep in {output}", flush=True)
    with folders.alone(log):
        try:
            state = json.loads((output / _STATE).read_text("utf-8"))
            sweep = Sweep(output, state)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"cannot read {output / _STATE}: {error}") from None
        folders.find(state["config"])
        return sweep.run()


class Sweep:
    """A sweep in its folder.

    Args:
        output: Path of the folder.
        state: Contents of `sweep.json`: the config, the flags and the lists of
            all runs, and the status of each run.
    """

    def __init__(self, output, state):
        self.output, self.state, self.runs = output, state, state["runs"]
        self.config = pathlib.Path(state["config"])
        self.axes = axes(state["sweep"])
        combinations = points(self.axes)
        if list(self.runs) != folder_names(combinations):
            raise ValueError("its runs are not those of its --sweep")
        self.points = dict(zip(self.runs, combinations, strict=True))

    def run(self):
        """Trains what is not finished; returns whether all runs are."""
        self._check_bindings()
        sweep_table.write_columns(self.output, self.axes)
        self._write()
        with Process() as process:
            for number, (name, entry) in enumerate(self.runs.items(), 1):
                if entry["status"] != "finished":
                    heading = f"\n{name} ({number} of {len(self.runs)})"
                    print(heading, flush=True)
                    self._train(process, name)
        print(f"\n{(self.output / 'sweep.md').read_text('utf-8')}")
        failed = [e for e in self.runs.values() if e["status"] == "failed"]
        if failed:
            print(
                f"{len(failed)} of {len(self.runs)} failed; --resume tries "
                "them again."
            )
        print(
            f"The table is in {self.output / 'sweep.md'} and sweep.csv; look "
            f"at the runs with {screen.tensorboard(self.output)}."
        )
        return not failed

    def _check_bindings(self):
        """Refuses what gin does not know, before any training."""
        log = self.output / "train.log"
        gin, _ = configuration.libraries(log)
        sweep_table.hide_gpus()
        shared = [
            flag.removeprefix("--set=")
            for flag in self.state["flags"]
            if flag.startswith("--set=")
        ]

        def read(lines):
            with gin.unlock_config():
                gin.clear_config()
                configuration.read(gin, self.config, lines, options.DATA.value)

        try:
            read(shared)
            for name in self.axes:
                configuration.check_name(gin, name)
            for point in self.points.values():
                read([*shared, *bindings(point)])
                if configuration.experiment_of(gin) != "run":
                    raise ValueError(
                        "--sweep compares machines by their likelihood, which "
                        f"the stack of {self.config.name} has none of"
                    )
        except Exception as error:
            fail(error, log)

    def _train(self, process, name):
        """Trains and evaluates a run, as far as it has not been done."""
        entry, folder = self.runs[name], self.output / name
        entry.update(status="waiting", error="")
        error = None
        if not (folder / "model.keras").is_file():
            seconds, error = process.run(self._flags(name))
            entry["seconds"] += seconds
        if error is None and not process.stopped:
            _, error = process.run(
                ["--mode=evaluate", f"--output={folder}"], silent=True
            )
        if process.stopped:
            self._write()
            raise Stopped(process.stopped, self.output)
        if error:
            entry.update(status="failed", error=error)
            print(f"{name} failed: {error}", flush=True)
        else:
            entry.update(status="finished")
        sweep_table.write_run(folder, self.axes, self._write()[name])

    def _flags(self, name):
        """Flags that begin a run, or go on with it."""
        folder, flags = self.output / name, self.state["flags"]
        if (folder / "operative_config.gin").is_file():
            # All other flags are in the run's own config.
            strategy = f"--{options.STRATEGY.name}="
            return [
                f"--resume={folder}",
                *(flag for flag in flags if flag.startswith(strategy)),
            ]
        # A run does not begin in a folder that holds files.
        sweep_table.clear_run(folder)
        return [
            f"--config={self.config}",
            f"--output={folder}",
            *flags,
            *(f"--set={line}" for line in bindings(self.points[name])),
        ]

    def _write(self):
        """Writes the state and the tables; returns the row of each run."""
        rows = {
            name: sweep_table.row(self.output / name, self.points[name], entry)
            for name, entry in self.runs.items()
        }
        for file, text in (
            ("sweep.md", sweep_table.markdown(rows.values())),
            ("sweep.csv", sweep_table.comma_separated(rows.values())),
            (_STATE, json.dumps(self.state, indent=2) + "\n"),
        ):
            part = self.output / f"{file}.part"
            part.write_text(text, "utf-8")
            os.replace(part, self.output / file)
        return rows


class Process:
    """Runs the command in processes, one after the other.

    Within its context SIGTERM and SIGINT are sent on to the process that runs,
    which saves its work; `stopped` is the name of the signal.
    """

    def __init__(self):
        self.stopped = None
        self._child = None

    def __enter__(self):
        self._before = {
            number: signal.signal(number, self._stop)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, words, silent=False):
        """Runs the command to its end.

        Args:
            words: List of its arguments.
            silent: Whether to hide what it prints.

        Returns:
            Tuple `(seconds, error)` of the time that it took and of a line
            about an error, or `None`.
        """
        begin = time.perf_counter()
        paths = [str(_ROOT), os.environ.get("PYTHONPATH")]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "keras_rbm_cli", *words],
            stdout=subprocess.DEVNULL if silent else None,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            # Ctrl-C on the keyboard is for this process, which sends it on.
            process_group=0,
        )
        if self.stopped:  # Just before it began.
            self._child.terminate()
        _, errors = self._child.communicate()
        seconds = time.perf_counter() - begin
        code = self._child.returncode
        if code == 0:
            return seconds, None
        lines = [line for line in errors.split("\n") if line.strip()]
        last = lines[-1] if lines else f"exit code {code}"
        return seconds, last.partition("error: ")[2] or last

    def _stop(self, number, frame):
        self.stopped = signal.Signals(number).name
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)
