"""Figures of an evaluation, as a file and as a table."""

import json
import math
import os
from typing import Any

from keras_rbm.evaluation import classification

_BINARIZED = {
    "none": "taken as they are",
    "stochastic": "binarized by one draw of each value (seed {seed})",
    "threshold": "binarized at 0.5",
}
_COLUMNS = (
    (
        "split",
        "examples",
        "log-likelihood",
        "",
        "",
        "pseudo-log-",
        "",
        "recon-",
    ),
    ("", "", "from", "to", "+-", "likelihood", "+-", "struction"),
)


def write(figures, path):
    """Writes JSON, aside at first, so that no half of it is ever there.

    Args:
        figures: Dict of dicts, lists, strings and numbers.
        path: Where to; the directory is made if need be.

    Returns:
        What was written: `figures` with `None` for numbers that are not
        finite, for which JSON has no word.
    """
    figures = _finite(figures)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(f"{path}.part", "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=2, allow_nan=False)
        file.write("\n")
    os.replace(f"{path}.part", path)
    return figures


def table(figures: dict[str, Any]) -> str:
    """Aligned text, to print.

    Args:
        figures: What `evaluate` returned, or what is in `evaluation.json`.

    Returns:
        Text of several lines, without a newline at the end.
    """
    rows = [*_COLUMNS]
    for split, row in figures["splits"].items():
        ours, pseudo = (
            row[key] or {}
            for key in ("log_likelihood", "pseudo_log_likelihood")
        )
        rows.append(
            (
                split,
                str(row["examples"]),
                *(
                    _told(ours.get(key))
                    for key in ("lower", "upper", "standard_error")
                ),
                *(_told(pseudo.get(key)) for key in ("mean", "standard_error")),
                _told(row["reconstruction_error"], 5),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    how = _BINARIZED[figures["binarize"]].format(**figures)
    below = [f"Nats an example of {figures['data']}, {how}.", *figures["notes"]]
    if figures["log_partition"]:
        below.append(figures["log_partition"]["summary"])
    below += classification.lines(figures["splits"])
    return "\n".join([*lines, "", *below])


def _finite(x):
    if isinstance(x, dict):
        return {key: _finite(value) for key, value in x.items()}
    if isinstance(x, float):
        return x if math.isfinite(x) else None
    return x


def _told(x, digits=3):
    return "-" if x is None else f"{x:.{digits}f}"
