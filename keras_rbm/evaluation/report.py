"""Writes the results of an evaluation as a file and as a table."""

import json
import math
import os
from typing import Any

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


def write(results, path):
    """Writes JSON atomically: first to a temporary file, which is then renamed.

    Args:
        results: Dict of dicts, lists, strings and numbers.
        path: Path of the file; its directory is created if it does not exist.

    Returns:
        The results as written: `None` replaces numbers that are not finite,
        which JSON cannot represent.
    """
    results = _finite(results)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(f"{path}.part", "w", encoding="utf-8") as file:
        json.dump(results, file, indent=2, allow_nan=False)
        file.write("\n")
    os.replace(f"{path}.part", path)
    return results


def table(results: dict[str, Any]) -> str:
    """Returns the results as aligned text to print.

    Args:
        results: Dict from `evaluate`, or the contents of `evaluation.json`.

    Returns:
        Text of several lines, without a newline at the end.

    Example:
        bars = keras_rbm.data.bars_and_stripes(4)
        results = evaluation.evaluate(
            rbm, bars, "results", num_sweeps=20, num_samples=30
        )
        print(evaluation.table(results))
    """
    rows = [*_COLUMNS]
    for split, row in results["splits"].items():
        ours, pseudo = (
            row[key] or {}
            for key in ("log_likelihood", "pseudo_log_likelihood")
        )
        rows.append(
            (
                split,
                str(row["examples"]),
                *(
                    _number(ours.get(key))
                    for key in ("lower", "upper", "standard_error")
                ),
                *(
                    _number(pseudo.get(key))
                    for key in ("mean", "standard_error")
                ),
                _number(row["reconstruction_error"], 5),
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
    how = _BINARIZED[results["binarize"]].format(**results)
    below = [f"Nats an example of {results['data']}, {how}.", *results["notes"]]
    if results["log_partition"]:
        below.append(results["log_partition"]["summary"])
    below += _baseline_lines(results["splits"])
    below += _own_units_lines(results["splits"])
    below += _classification_lines(results["splits"])
    below += _sample_lines(results.get("samples"))
    return "\n".join([*lines, "", *below])


def _finite(x):
    if isinstance(x, dict):
        return {key: _finite(value) for key, value in x.items()}
    if isinstance(x, list):
        return [_finite(value) for value in x]
    if isinstance(x, float):
        return x if math.isfinite(x) else None
    return x


def _number(x, digits=3):
    return "-" if x is None else f"{x:.{digits}f}"


def _baseline_lines(splits):
    """The gain over independent units in words, one line per split.

    Args:
        splits: `splits` of an evaluation.

    Returns:
        List of strings; empty if there is no baseline.
    """
    lines = []
    for split, row in splits.items():
        found = row.get("baseline")
        if not found or found["gain"] is None:
            continue
        bits = found["bits_per_column"]
        lines.append(
            f"Independent units on {split}: "
            f"{_number(found['log_likelihood'])} nats; gain of the model "
            f"{found['gain']:+.3f} +- {_number(found['standard_error'])}"
            + (f", {bits:+.4f} bits a column." if bits is not None else ".")
        )
        if found["warning"]:
            lines.append(f"Warning, {split}: {found['warning']}.")
    return lines


def _own_units_lines(splits):
    """The log-likelihood of rows in their own units, one line per split.

    Args:
        splits: `splits` of an evaluation.

    Returns:
        List of strings; empty for data without a schema or a likelihood.
    """
    return [
        f"In the table's own units, {split}: "
        f"{row['log_likelihood']['lower'] + row['log_jacobian']['mean']:.3f} "
        f"nats, with a log Jacobian of {row['log_jacobian']['mean']:+.3f}."
        for split, row in splits.items()
        if row.get("log_jacobian") and row["log_likelihood"]
    ]


def _classification_lines(splits):
    """The classification results in words, one line per split.

    Args:
        splits: `splits` of an evaluation.

    Returns:
        List of strings; empty for a model without classes.
    """
    return [
        f"Error of p(y | x) on {split}: {100 * found['error']:.2f} % +- "
        f"{100 * found['standard_error']:.2f}; mean log p(y | x) "
        f"{found['conditional_log_likelihood']:.4f} nats."
        for split, row in splits.items()
        if (found := row.get("classification"))
    ]


def _sample_lines(samples):
    """The measures of samples in words.

    Args:
        samples: `samples` of an evaluation, or `None`.

    Returns:
        List of strings: a line for the samples, and a line for training data in
        their place.
    """
    if not samples:
        return []
    lines = [
        f"{samples['count']} samples against {samples['split']}: "
        + _measures(samples["measures"])
    ]
    if samples["reference"]:
        lines.append(
            "Training data in place of the samples: "
            + _measures(samples["reference"])
        )
    return lines


def _measures(found):
    """Returns the result of `compare_samples` as a sentence."""
    accuracy = found["adversarial_accuracy"]
    discrepancy = found["maximum_mean_discrepancy"]
    coverage = found["cluster_coverage"]
    orders = ", ".join(
        _number(of_order["correlation"], 3) for of_order in found["moments"]
    )
    text = (
        f"adversarial accuracy {accuracy['value']:.3f} +- "
        f"{accuracy['standard_error']:.3f} (0.5 is ideal), "
    )
    if found["privacy_gap"] is not None:
        text += f"privacy gap {found['privacy_gap']:+.3f}, "
    return text + (
        f"MMD^2 {discrepancy['squared']:.2e} +- "
        f"{discrepancy['standard_error']:.1e}, correlations of moments "
        f"{orders}, shares of {len(coverage['data'])} clusters "
        f"{coverage['distance']:.3f} apart (by chance "
        f"{coverage['floor']:.3f}), {coverage['missed']} missed."
    )
