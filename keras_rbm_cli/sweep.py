"""Sweeps over lists of settings, with a run for each combination.

`sweep_table` compares the runs.
"""

import ast
import contextlib
import itertools
import json
import os
import pathlib
import re
import shlex

from keras_rbm_cli import (
    configuration,
    effects,
    folders,
    names,
    options,
    runs,
    screen,
    sweep_table,
)
from keras_rbm_cli.errors import Stopped, UserError, fail

_STATE = "sweep.json"
_EXAMPLE = '--sweep "RBM.hidden=[128, 256]"'
# The most bytes in the name of a folder; file systems allow 255.
_LONGEST = 120
# The most runs that a process trains one after the other.
_MOST_IN_PROCESS = 30
# Flags that all runs share, besides --set.
_SHARED = (
    options.EPOCHS,
    options.SEED,
    options.DATA_DIR,
    options.STRATEGY,
)
# Names that flags bind, which a sweep cannot bind as well.
_BOUND = {
    "run.epochs": options.EPOCHS,
    "seed": options.SEED,
    "mnist.data_dir": options.DATA_DIR,
}


def axes(words):
    """Reads bindings of names to lists.

    Args:
        words: Strings such as `"RBM.hidden=[128, 256]"`.

    Returns:
        Dict from names to lists of Python literals.

    Raises:
        UserError: If a string is not such a binding, or if a name is repeated.
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
    """Returns a combination as lines of a .gin file."""
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
    """Creates the folder of a sweep, and trains its runs.

    Args:
        config: Path of the .gin file that all runs share.

    Returns:
        Whether all runs have finished.

    Raises:
        UserError: If the flags do not fit, before any training.
        Stopped: After SIGTERM or SIGINT.
    """
    if os.environ.get("TF_CONFIG"):
        raise UserError("--sweep is for one process; unset TF_CONFIG")
    swept = axes(options.SWEEP.value)
    for name, flag in _BOUND.items():
        if name in swept and flag.value is not None:
            raise UserError(
                f"--sweep {name} and --{flag.name} exclude each other"
            )
    runs = folder_names(points(swept))
    shared = {flag.name: flag.value for flag in _SHARED}
    shared[options.DATA_DIR.name] = configuration.data_dir()
    state = {
        "config": str(config.resolve()),
        "digest": names.digest(config.resolve()),
        "flags": [
            *(f"--set={binding}" for binding in options.SET.value),
            *(f"--{f}={x}" for f, x in shared.items() if x is not None),
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
    """The flag --data with an absolute path, valid in any directory."""
    if options.DATA.value is None:
        return []
    path, _ = folders.own_data(options.DATA.value)
    return [f"--{options.DATA.name}={path}"]


def resume(output):
    """Resumes a sweep: trains the runs that are waiting or have failed.

    Args:
        output: Folder of the sweep, as a string.

    Returns:
        Whether all runs have finished.

    Raises:
        UserError: If there are other flags, or if the sweep cannot be read.
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
        state: Contents of `sweep.json`: the config with its digest, the flags
            and the lists of all runs, and the status of each run.
    """

    def __init__(self, output, state):
        self.output, self.state, self.runs = output, state, state["runs"]
        self.config = pathlib.Path(state["config"])
        self.axes = axes(state["sweep"])
        combinations = points(self.axes)
        if list(self.runs) != folder_names(combinations):
            raise ValueError("its runs do not match its --sweep")
        self.points = dict(zip(self.runs, combinations, strict=True))
        for name, entry in self.runs.items():
            folder = output / name
            if (
                entry["status"] == "finished"
                and not (folder / "evaluation.json").is_file()
            ):
                entry["status"] = "waiting"
                if not folder.exists():  # The run begins anew.
                    entry["seconds"] = 0.0

    def run(self):
        """Trains the unfinished runs; returns whether all have finished."""
        if any(e["status"] != "finished" for e in self.runs.values()):
            self._check_config()
        self._check_bindings()
        with self._runner() as runner:
            self._write()
            with self._written():
                sweep_table.write_columns(self.output, self.axes)
            for number, (name, entry) in enumerate(self.runs.items(), 1):
                if entry["status"] != "finished":
                    heading = f"\n{name} ({number} of {len(self.runs)})"
                    print(heading, flush=True)
                    self._train(runner, name)
        print(f"\n{(self.output / 'sweep.md').read_text('utf-8')}")
        failed = [e for e in self.runs.values() if e["status"] == "failed"]
        if failed:
            print(
                f"{len(failed)} of {len(self.runs)} failed; --resume tries "
                "them again."
            )
        events = sweep_table.events_folder(self.output)
        print(
            f"The table is in {self.output / 'sweep.md'} and sweep.csv; look "
            f"at the runs with {screen.tensorboard(events)}."
        )
        return not failed

    def _check_config(self):
        """Refuses a config that is not the same as that of earlier runs."""
        # Older sweeps have no digest.
        if self.state.get("digest") not in (None, names.digest(self.config)):
            raise UserError(
                f"{self.config}, or a config that it includes, has changed "
                "since the sweep began, and its runs would not be comparable. "
                "Undo the change, or begin another sweep. (A relative path of "
                "an included config starts from the current folder.)"
            )

    def _check_bindings(self):
        """Refuses bindings that gin does not know, before any training."""
        log = self.output / "train.log"
        gin, _ = configuration.libraries(log)
        shared = [
            flag.removeprefix("--set=")
            for flag in self.state["flags"]
            if flag.startswith("--set=")
        ]

        data = self._flag(options.DATA)
        data_dir = self._flag(options.DATA_DIR)

        def read(lines):
            gin.clear_config()
            configuration.read(gin, self.config, lines, data)

        try:
            read(shared)
            for name in self.axes:
                configuration.check_name(gin, name)
            bound = [*configuration.names_bound(shared), *self.axes]
            for point in self.points.values():
                read([*shared, *bindings(point)])
                if configuration.experiment_of(gin) != "run":
                    raise ValueError(
                        "--sweep compares machines by their likelihood, which "
                        f"the stack of {self.config.name} has none of"
                    )
                effects.check(gin, self.config, bound, "run", data=data)
                configuration.check_data_dir(gin, self.config, data_dir)
        except Exception as error:
            fail(error, log)

    def _runner(self):
        """The `runs.Runner` of all runs: this process, if that is safe.

        Each run has a separate process:

        - under a strategy of several replicas: a process trains under only one
          strategy, but the evaluation is on one device;
        - if the config imports modules: their code may change the process, and
          runs only once in it;
        - if a run has killed the process of the sweep, for example by using all
          memory: this must not happen again at each `--resume`;
        - if there are more than 30 runs: TensorFlow keeps its compiled
          programs, about 70 MB per run, until the process ends.
        """
        apart = (
            configuration.has_replicas(self._flag(options.STRATEGY))
            or names.imports_modules(self.config)
            or any(e["status"] == "running" for e in self.runs.values())
            or len(self.runs) > _MOST_IN_PROCESS
        )
        return runs.OwnProcess() if apart else runs.ThisProcess()

    def _flag(self, flag):
        """The value of a flag for all runs, or `None`."""
        prefix = f"--{flag.name}="
        values = (
            each.removeprefix(prefix)
            for each in self.state["flags"]
            if each.startswith(prefix)
        )
        return next(values, None)

    def _train(self, runner, name):
        """Trains and evaluates a run, unless this has already been done."""
        self._check_config()
        entry, folder = self.runs[name], self.output / name
        entry.update(status="running", error="")
        self._write()
        error = None
        if not (folder / "model.keras").is_file():
            seconds, error = runner.run(self._flags(name))
            entry["seconds"] += seconds
        if error is None and not runner.stopped:
            _, error = runner.run(
                ["--mode=evaluate", f"--output={folder}"], silent=True
            )
        if runner.stopped:
            entry.update(status="waiting")
            self._write()
            raise Stopped(runner.stopped, self.output)
        if error:
            entry.update(status="failed", error=error)
            print(f"{name} failed: {error}", flush=True)
        else:
            entry.update(status="finished")
        # The state comes last: a resumed sweep repeats what was not written.
        row = sweep_table.row(folder, self.points[name], entry)
        with self._written():
            sweep_table.write_run(folder, self.axes, row)
        self._write()

    def _flags(self, name):
        """Flags that begin or resume a run."""
        folder, flags = self.output / name, self.state["flags"]
        if (folder / "operative_config.gin").is_file():
            # All other flags are in the run's own config.
            strategy = f"--{options.STRATEGY.name}="
            return [
                f"--resume={folder}",
                *(flag for flag in flags if flag.startswith(strategy)),
            ]
        return [
            f"--config={self.config}",
            f"--output={folder}",
            *flags,
            *(f"--set={line}" for line in bindings(self.points[name])),
        ]

    def _write(self):
        """Writes the state and the tables."""
        rows = {
            name: sweep_table.row(self.output / name, self.points[name], entry)
            for name, entry in self.runs.items()
        }
        with self._written():
            for file, text in (
                ("sweep.md", sweep_table.markdown(rows.values())),
                ("sweep.csv", sweep_table.comma_separated(rows.values())),
                (_STATE, json.dumps(self.state, indent=2) + "\n"),
            ):
                part = self.output / f"{file}.part"
                try:
                    part.write_text(text, "utf-8")
                    os.replace(part, self.output / file)
                finally:
                    part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _written(self):
        """Context in which an error of writing is a `UserError`."""
        import tensorflow as tf

        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            reason = getattr(error, "strerror", None) or error
            then = "begin again"
            if holds_sweep(self.output):
                then = f"go on with --resume {shlex.quote(str(self.output))}"
            raise UserError(
                f"cannot write the tables of {self.output}: {reason}. Make "
                f"room, and {then}"
            ) from error
