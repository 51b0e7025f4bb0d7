"""Compares the runs of a sweep: `sweep.md`, `sweep.csv` and TensorBoard."""

import csv
import io
import json
import math
import pathlib

#: Names and labels of a run's metrics in sweep.csv and in TensorBoard, which
#: shows the first five by default.
METRICS = {
    "log_likelihood_lower": "log-likelihood, lower bound (nats)",
    "log_likelihood_upper": "log-likelihood, upper bound (nats)",
    "pseudo_log_likelihood": "pseudo-log-likelihood (nats)",
    "reconstruction_error": "reconstruction error",
    "seconds": "time (s)",
    "standard_error": "standard error (nats)",
}
# Headings of sweep.md, each with a key of a row and a number of digits.
_COLUMNS = {
    "log-likelihood, from": ("log_likelihood_lower", 3),
    "to": ("log_likelihood_upper", 3),
    "+-": ("standard_error", 3),
    "trusted": ("trusted", None),
    "pseudo-log-likelihood": ("pseudo_log_likelihood", 3),
    "reconstruction": ("reconstruction_error", 5),
    "time, s": ("seconds", 0),
}
_GROUP = "sweep"  # In TensorBoard.


def row(folder, point, entry):
    """Returns the entries of a run in the tables.

    Args:
        folder: Path of the run, with an `evaluation.json` if it has finished.
        point: Dict of the swept names and their values.
        entry: Dict of its `status`, `seconds` and `error`, as in `sweep.json`.

    Returns:
        Dict of `METRICS`, which are `None` if unknown, and of `point`, `folder`
        (a name), `split`, `status` and `trusted`.
    """
    known = {"seconds": entry["seconds"] or None, "split": None}
    known |= {"trusted": entry["error"], "status": entry["status"]}
    if entry["status"] == "finished":
        found = json.loads((folder / "evaluation.json").read_text("utf-8"))
        splits, partition = found["splits"], found["log_partition"]
        split = "validation" if "validation" in splits else "train"
        bracket = splits[split]["log_likelihood"] or {}
        pseudo = splits[split]["pseudo_log_likelihood"] or {}
        reasons = partition["warnings"] if partition else found["notes"]
        reasons = [*reasons, *bracket.get("warnings", [])]
        trusted = partition is not None and partition["trusted"]
        trusted = trusted and bracket.get("trusted", True)
        known |= {
            "log_likelihood_lower": bracket.get("lower"),
            "log_likelihood_upper": bracket.get("upper"),
            "standard_error": bracket.get("standard_error"),
            "pseudo_log_likelihood": pseudo.get("mean"),
            "reconstruction_error": splits[split]["reconstruction_error"],
            "trusted": "yes" if trusted else "no: " + " ".join(reasons),
            "split": split,
        }
    named = {"point": point, "folder": folder.name}
    return dict.fromkeys(METRICS) | named | known


def ordered(rows):
    """Sorts rows by their lower bound, largest first; rows without one last."""

    def bound(row):
        lower = row["log_likelihood_lower"]
        return -math.inf if lower is None else lower

    return sorted(rows, key=bound, reverse=True)


def markdown(rows):
    """A table as Markdown, with a note on how to read it."""
    rows = ordered(rows)
    names = list(rows[0]["point"])
    lines = [
        [*names, *_COLUMNS],
        ["---"] * len(names)
        + ["---" if x is None else "---:" for _, x in _COLUMNS.values()],
        *(
            [
                *map(str, row["point"].values()),
                *(_cell(row, *column) for column in _COLUMNS.values()),
            ]
            for row in rows
        ),
    ]
    table = "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )
    splits = {row["split"] for row in rows} - {None}
    of = " and ".join(sorted(splits)) or "validation"
    return (
        f"{table}\n\nNats an example of the {of} data, the best first. Where "
        "brackets, with twice their\nstandard errors (+-), overlap, the order "
        "says little.\n"
    )


def _cell(row, key, digits):
    value = row[key]
    if digits is not None:
        return "-" if value is None else f"{value:.{digits}f}"
    if row["status"] == "finished":
        return value
    return f"{row['status']}: {value}" if value else row["status"]


def comma_separated(rows):
    """The table as CSV, in full precision, with the folders."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    rows = ordered(rows)
    columns = [*METRICS, "trusted", "status", "folder"]
    writer.writerow([*rows[0]["point"], *columns])
    for row in rows:
        values = (row[column] for column in columns)
        writer.writerow([*row["point"].values(), *values])
    return file.getvalue()


def short_names(axes):
    """Names of the axes without their classes, if they remain distinct.

    Args:
        axes: Dict of the swept names and their lists of values.

    Returns:
        Dict from the names, such as `"RBM.hidden"`, to `"hidden"`.
    """
    short = {name: name.rpartition(".")[2] for name in axes}
    if len(set(short.values())) < len(short):
        return {name: name for name in axes}
    return short


def events_folder(sweep):
    """The folder of a sweep for TensorBoard, with a subfolder for each run."""
    return pathlib.Path(sweep) / "tensorboard"


def write_columns(folder, axes):
    """Writes the columns of TensorBoard's HParams tab.

    Values are written as text: TensorBoard would show 32 as 32.000.

    Args:
        folder: Path of the sweep.
        axes: Dict of the swept names and their lists of values.
    """
    from tensorboard.plugins.hparams import api as hp

    with _writer(events_folder(folder)):
        hp.hparams_config(
            hparams=[
                hp.HParam(name, hp.Discrete(sorted(set(map(str, values)))))
                for name, values in axes.items()
            ],
            metrics=[
                hp.Metric(f"{_GROUP}/{name}", display_name=label)
                for name, label in METRICS.items()
            ],
        )


def write_run(folder, axes, row):
    """Writes a run for TensorBoard, replacing an older one.

    The run has a row in the HParams tab, and the curves of `history.csv`. The
    names of curves of validation data begin with `val_`.

    Args:
        folder: Path of the run.
        axes: Dict of the swept names and their lists of values.
        row: Dict from `row`.
    """
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hp
    from tensorboard.plugins.hparams import api_pb2, summary

    failed = row["status"] == "failed"
    status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
    name = folder.name
    for long, short in short_names(axes).items():
        name = name.replace(f"{long}=", f"{short}=")
    with _writer(events_folder(folder.parent) / name):
        hp.hparams(
            {name: str(x) for name, x in row["point"].items()},
            # Includes the sweep's name: trials with the same id are averaged.
            trial_id=f"{folder.resolve().parent.name}/{folder.name}",
        )
        for metric, label in METRICS.items():
            if row[metric] is not None:
                tf.summary.scalar(
                    f"{_GROUP}/{metric}",
                    row[metric],
                    step=0,
                    description=f"Of the finished run: {label}.",
                )
        if (folder / "history.csv").is_file():
            _write_curves(folder / "history.csv")
        tf.summary.experimental.write_raw_pb(
            summary.session_end_pb(status).SerializeToString(), step=0
        )


def _write_curves(path):
    from keras_rbm import plots
    from keras_rbm.callbacks import tensorboard

    for name, values in plots.read_history(path).items():
        for epoch, value in enumerate(values, 1):
            if math.isfinite(value):
                tag = tensorboard.metric_tag(name)
                tensorboard.scalar(tag, value, step=epoch)


def _writer(folder):
    import tensorflow as tf

    for path in folder.glob("events.out.tfevents.*"):
        path.unlink()
    return tf.summary.create_file_writer(str(folder)).as_default()
