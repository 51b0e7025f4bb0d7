"""The runs of a sweep side by side, by their bracketed log-likelihood."""

import csv
import io
import json
import math

#: What sweep.csv and TensorBoard have of a run. The latter shows the first five
#: unless it is told otherwise.
METRICS = {
    "log_likelihood_lower": "log-likelihood, lower bound (nats)",
    "log_likelihood_upper": "log-likelihood, upper bound (nats)",
    "pseudo_log_likelihood": "pseudo-log-likelihood (nats)",
    "reconstruction_error": "reconstruction error",
    "seconds": "time (s)",
    "standard_error": "standard error (nats)",
}
_OTHERS = ("trusted", "status", "folder")
_SPLITS = ("validation", "train")


def row(entry, evaluation):
    """What the table shows of a run.

    Args:
        entry: The run in `sweep.json`.
        evaluation: Path of its `evaluation.json`, which may not be there.

    Returns:
        Dict of `METRICS`, `None` for what there is none of, and of `trusted`,
        `status` and `split`.
    """
    found = dict.fromkeys(METRICS) | {
        "seconds": entry["seconds"] or None,
        "trusted": "",
        "status": entry["status"],
        "split": None,
    }
    if entry["status"] == "failed":
        found["trusted"] = entry["error"]
    if entry["status"] != "finished":
        return found
    figures = json.loads(evaluation.read_text("utf-8"))
    split = next(name for name in _SPLITS if name in figures["splits"])
    of_split = figures["splits"][split]
    bracket = of_split["log_likelihood"] or {}
    pseudo = of_split["pseudo_log_likelihood"] or {}
    log_partition = figures["log_partition"]
    if log_partition is None:
        trusted = "no: " + " ".join(figures["notes"])
    elif log_partition["trusted"]:
        trusted = "yes"
    else:
        trusted = "no: " + " ".join(log_partition["warnings"])
    return found | {
        "log_likelihood_lower": bracket.get("lower"),
        "log_likelihood_upper": bracket.get("upper"),
        "standard_error": bracket.get("standard_error"),
        "pseudo_log_likelihood": pseudo.get("mean"),
        "reconstruction_error": of_split["reconstruction_error"],
        "trusted": trusted,
        "split": split,
    }


def ordered(rows):
    """Folders, that of the largest lower bound first, without bound last."""
    return sorted(
        rows,
        key=lambda name: (
            -math.inf
            if (value := rows[name]["log_likelihood_lower"]) is None
            else value
        ),
        reverse=True,
    )


def markdown(names, points, rows):
    """A table with what it says, as Markdown.

    Args:
        names: Of the bindings.
        points: Dict of folders and their values by name.
        rows: Dict of folders and what `row` returned.

    Returns:
        Text that ends with a newline.
    """
    head = (
        *names,
        *("log-likelihood, from", "to", "+-", "trusted", "pseudo-log-"),
        *("reconstruction", "time, s"),
    )
    head = [x.replace("pseudo-log-", "pseudo-log-likelihood") for x in head]
    lines = [head, ["---"] * len(names) + ["---:"] * 3 + ["---"] + ["---:"] * 3]
    for folder in ordered(rows):
        row = rows[folder]
        finished = row["status"] == "finished"
        lines.append(
            [
                *(str(points[folder][name]) for name in names),
                _number(row["log_likelihood_lower"]),
                _number(row["log_likelihood_upper"]),
                _number(row["standard_error"]),
                row["trusted"] if finished else _status(row),
                _number(row["pseudo_log_likelihood"]),
                _number(row["reconstruction_error"], 5),
                _number(row["seconds"], 0),
            ]
        )
    text = "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )
    splits = {row["split"] for row in rows.values()} - {None}
    of = " and ".join(sorted(splits)) or "validation"
    return (
        f"{text}\n\nNats an example of the {of} data, the best first. Where "
        "brackets, with twice their\nstandard errors (+-), overlap, the order "
        "says little.\n"
    )


def comma_separated(names, points, rows):
    """The same as CSV, in full precision, with the folders."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*names, *METRICS, *_OTHERS])
    for folder in ordered(rows):
        row = rows[folder]
        writer.writerow(
            [
                *(points[folder][name] for name in names),
                *(row[name] for name in METRICS),
                *(row["trusted"], row["status"], folder),
            ]
        )
    return file.getvalue()


def _status(row):
    reason = f": {row['trusted']}" if row["trusted"] else ""
    return f"{row['status']}{reason}"


def _number(x, digits=3):
    return "-" if x is None else f"{x:.{digits}f}"
