"""The runs of a sweep: each a process of its own, trained, then evaluated."""

import json
import os
import pathlib

from keras_rbm_cli import configuration, folders, options, screen
from keras_rbm_cli.errors import Stopped, UserError, fail
from keras_rbm_cli.sweep import board, grid, table
from keras_rbm_cli.sweep.process import Process

_STATE = "sweep.json"
# Flags of all runs alike.
_SHARED = (options.EPOCHS, options.SEED, options.DATA_DIR, options.STRATEGY)
# What these flags bind, so that no list can.
_BOUND = {
    "run.epochs": options.EPOCHS,
    "seed": options.SEED,
    "mnist.data_dir": options.DATA_DIR,
}


def is_one(output):
    """Whether a folder holds a sweep."""
    return (pathlib.Path(output) / _STATE).is_file()


def begin(config):
    """Makes the folder of a sweep, and runs it.

    Args:
        config: Path of the .gin file that all runs share.

    Returns:
        Whether all runs have come to their end.

    Raises:
        UserError: If the flags do not fit, before any training.
        Stopped: When SIGTERM or SIGINT came.
    """
    if os.environ.get("TF_CONFIG"):
        raise UserError("--sweep is for one process; unset TF_CONFIG")
    axes = grid.axes(options.SWEEP.value)
    for name, flag in _BOUND.items():
        if name in axes and flag.value is not None:
            raise UserError(
                f"--sweep {name} and --{flag.name} exclude each other"
            )
    names = grid.folders(grid.points(axes))
    output = folders.new(config)
    print(
        f"Sweep of {len(names)} runs as {config.name} says, into {output}",
        flush=True,
    )
    state = {
        "config": str(config.resolve()),
        "flags": [
            *(f"--set={binding}" for binding in options.SET.value),
            *(f"--{f.name}={f.value}" for f in _SHARED if f.value is not None),
        ],
        "sweep": options.SWEEP.value,
        "runs": {
            name: {"status": "waiting", "seconds": 0.0, "error": ""}
            for name in names
        },
    }
    with folders.alone(output / "train.log"):
        _check(config, axes, output / "train.log")
        return _run(output, state, axes)


def resume(output):
    """Goes on with a sweep: what is finished is left, what failed tried again.

    Args:
        output: Folder of the sweep, as a string.

    Returns:
        Whether all runs have come to their end.

    Raises:
        UserError: If there is another flag, or the sweep cannot be read.
        Stopped: When SIGTERM or SIGINT came.
    """
    for flag in (options.CONFIG, options.SET, options.SWEEP, *_SHARED):
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
            axes = grid.axes(state["sweep"])
            config = pathlib.Path(state["config"])
            if list(state["runs"]) != grid.folders(grid.points(axes)):
                raise ValueError("its runs are not those of its --sweep")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"cannot read {output / _STATE}: {error}") from None
        _check(folders.find(str(config)), axes, log, state["flags"])
        return _run(output, state, axes)


def _check(config, axes, log, flags=None):
    """Refuses what gin does not know, before any training."""
    gin, _ = configuration.libraries(log)
    board.hide_gpus()
    if flags is None:
        bindings = configuration.bindings()
    else:  # Were checked when the sweep began.
        prefix = "--set="
        bindings = [f[len(prefix) :] for f in flags if f.startswith(prefix)]
    try:
        _read(gin, config, bindings)
        for name in axes:
            configuration.check_name(gin, name)
        for point in grid.points(axes):
            _read(gin, config, [*bindings, *grid.bindings(point)])
            if configuration.experiment_of(gin) != "run":
                raise ValueError(
                    "--sweep compares machines by their likelihood, which the "
                    f"stack of {config.name} has none of"
                )
    except Exception as error:
        fail(error, log)


def _read(gin, config, bindings):
    with gin.unlock_config():
        gin.clear_config()
        configuration.read(gin, config, bindings)


def _run(output, state, axes):
    points = dict(zip(state["runs"], grid.points(axes), strict=True))
    board.write_columns(output, axes)
    _write(output, state, axes, points)
    with Process() as process:
        for number, (name, point) in enumerate(points.items()):
            entry = state["runs"][name]
            if entry["status"] != "finished":
                print(f"\n{name} ({number + 1} of {len(points)})", flush=True)
                _one(process, output / name, point, state, entry)
                if entry["status"] == "failed":
                    print(f"{name} failed: {entry['error']}", flush=True)
                rows = _write(output, state, axes, points)
                if entry["status"] != "waiting":
                    board.write_run(output / name, axes, point, rows[name])
            if process.stopped:
                raise Stopped(process.stopped, output)
    print(f"\n{(output / 'sweep.md').read_text('utf-8')}")
    failed = sum(e["status"] == "failed" for e in state["runs"].values())
    if failed:
        print(f"{failed} of {len(points)} failed; --resume tries them again.")
    print(
        f"The table is in {output / 'sweep.md'} and sweep.csv; look at the "
        f"runs with {screen.tensorboard(output)}."
    )
    return not failed


def _one(process, folder, point, state, entry):
    """Trains and evaluates, as far as that is not done already."""
    entry.update(status="waiting", error="")
    if not (folder / "model.keras").is_file():
        if (folder / "operative_config.gin").is_file():
            # All other flags are in the run's own config.
            strategy = f"--{options.STRATEGY.name}="
            words = [
                f"--resume={folder}",
                *(f for f in state["flags"] if f.startswith(strategy)),
            ]
        else:
            board.clear(folder)  # A run is begun in no folder that holds any.
            words = [
                f"--config={state['config']}",
                f"--output={folder}",
                *state["flags"],
                *(f"--set={binding}" for binding in grid.bindings(point)),
            ]
        seconds, error = process.run(words)
        entry["seconds"] += seconds
    else:
        error = None
    if error is None and not process.stopped:
        _, error = process.run(
            ["--mode=evaluate", f"--output={folder}"], silent=True
        )
    if process.stopped:
        return
    if error is None:
        entry.update(status="finished")
    else:
        entry.update(status="failed", error=error)


def _write(output, state, axes, points):
    """What a sweep leaves behind, after each run; returns the table's rows."""
    rows = {
        folder: table.row(run, output / folder / "evaluation.json")
        for folder, run in state["runs"].items()
    }
    for file, text in (
        ("sweep.md", table.markdown(list(axes), points, rows)),
        ("sweep.csv", table.comma_separated(list(axes), points, rows)),
        (_STATE, json.dumps(state, indent=2) + "\n"),
    ):
        part = output / f"{file}.part"
        part.write_text(text, "utf-8")
        os.replace(part, output / file)
    return rows
