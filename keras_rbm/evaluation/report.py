"""Writes the results of an evaluation as a file and as a table."""

import json
import math
import os
from typing import Any

import numpy as np

_BINARIZED = {
    "stochastic": "Each value is binarized by one random draw (seed {seed}).",
    "threshold": "Values are binarized at 0.5.",
}
# The two lines of a heading.
_COLUMNS = (
    ("split", ""),
    ("examples", ""),
    ("log-likelihood", "from"),
    ("", "to"),
    ("", "+-"),
    ("pseudo-log-", "likelihood"),
    ("", "+-"),
    ("recon-", "struction"),
)
# The columns of the pseudo-log-likelihood.
_PSEUDO = slice(5, 7)


def write(results, path):
    """Writes JSON atomically: first to a temporary file, which is then renamed.

    Args:
        results: Dict of dicts, lists, strings and numbers.
        path: Path of the file; its directory is created if it does not exist.

    Returns:
        The results as written: numbers that are not finite, which JSON cannot
        represent, become `None`, and NumPy numbers become Python numbers.
    """
    results = _finite(results)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    text = json.dumps(results, indent=2, allow_nan=False)
    with open(f"{path}.part", "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
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
    rows = [[*line] for line in zip(*_COLUMNS, strict=True)]
    for split, row in results["splits"].items():
        ours, pseudo = (
            row[key] or {}
            for key in ("log_likelihood", "pseudo_log_likelihood")
        )
        rows.append(
            [
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
            ]
        )
    has_pseudo = any(
        row["pseudo_log_likelihood"] for row in results["splits"].values()
    )
    if not has_pseudo:
        for row in rows:
            del row[_PSEUDO]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    below = _explanation(results, has_pseudo) + results["notes"]
    if results["log_partition"]:
        below += _missing_lines(results["splits"])
        below += [
            "Z is the constant that normalizes the probabilities. The +- of",
            "each log-likelihood includes the error of log Z.",
            results["log_partition"]["summary"],
        ]
    below += _baseline_lines(results["splits"])
    below += _own_units_lines(results["splits"])
    below += _classification_lines(results["splits"])
    below += _sample_lines(results.get("samples"))
    below += _pair_lines(results.get("worst_pair"))
    return "\n".join([*lines, "", *below])


def _finite(x):
    if isinstance(x, dict):
        return {key: _finite(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [_finite(value) for value in x]
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, float):
        return x if math.isfinite(x) else None
    return x


def _number(x, digits=3):
    return "-" if x is None else f"{x:.{digits}f}"


def _plus_minus(error, factor=1, digits=3):
    """A standard error as text, empty if it is not known."""
    return "" if error is None else f" +- {factor * error:.{digits}f}"


def _explanation(results, has_pseudo):
    """What the columns of the table mean, in lines for a reader new to RBMs.

    Args:
        results: The results of an evaluation.
        has_pseudo: Whether the table shows pseudo-log-likelihoods.

    Returns:
        List of strings.
    """
    name, splits = results["data"], results["splits"].values()
    if not any(row["log_likelihood"] for row in splits):
        lines = [f"Reconstruction: mean squared error per value of {name}."]
    else:
        lines = [
            f"Log-likelihood: the mean log-probability of an example of {name}",
            "(log-density, with real columns), in nats (natural logarithm).",
            *_kind_of_number(results),
        ]
        if has_pseudo:
            lines.append(
                "Pseudo-log-likelihood: each value predicted from all others."
            )
        lines.append(
            "Reconstruction: mean squared error of a value; lower is better."
        )
    binarized = _BINARIZED.get(results["binarize"])
    return lines + ([binarized.format(**results)] if binarized else [])


def _kind_of_number(results):
    """Whether the log-likelihoods are exact, estimates or bounds, in lines.

    Args:
        results: The results of an evaluation with log-likelihoods.

    Returns:
        List of strings.
    """
    log_partition = results["log_partition"]
    found = [
        row["log_likelihood"]
        for row in results["splits"].values()
        if row["log_likelihood"] and log_partition
    ]
    is_exact = (log_partition or {}).get("method") == "exact"
    if any(row.get("is_bound") for row in found):
        if is_exact:
            return [
                "Higher is better. The numbers are variational lower bounds; "
                "+- is their",
                "standard error.",
            ]
        return [
            "Higher is better. A variational lower bound is estimated to lie "
            "between",
            '"from" and "to"; +- is the standard error.',
        ]
    if all(row.get("exact", is_exact) for row in found):
        return [
            "Higher is better. The log-likelihood is exact for these examples; "
            "+- is the",
            "error due to their finite number.",
        ]
    return [
        "Higher is better. The log-likelihood is estimated to lie between "
        '"from" and',
        '"to"; +- is the standard error.',
    ]


def _missing_lines(splits):
    """Notes on estimated sums over missing entries, in lines.

    Args:
        splits: `splits` of an evaluation.

    Returns:
        List of strings; empty if all sums are exact.
    """
    lines = []
    for split, row in splits.items():
        found = row["log_likelihood"] or {}
        if found.get("missing_entries"):
            lines.append(f"On {split}, {found['missing_entries']}.")
        lines += [
            f"  not to be trusted: {text}" for text in found.get("warnings", [])
        ]
    return lines


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
            f"{found['gain']:+.3f}"
            + _plus_minus(found["standard_error"])
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
    lines = [
        f"In the table's own units, {split}: "
        f"{row['log_likelihood']['lower'] + row['log_jacobian']['mean']:.3f} "
        f"nats, {row['log_jacobian']['mean']:+.3f} of them by scaling."
        for split, row in splits.items()
        if row.get("log_jacobian")
        and row["log_likelihood"]
        and row["log_likelihood"]["lower"] is not None
    ]
    if lines:
        lines.append(
            "(The model sees scaled columns, and scaling changes a density. "
            "The\nlog Jacobian, which is the logarithm of this change, is "
            "included.)"
        )
    return lines


def _classification_lines(splits):
    """The classification results in words, one line per split.

    Args:
        splits: `splits` of an evaluation.

    Returns:
        List of strings; empty for a model without classes.
    """
    return [
        f"Error of p(y | x) on {split}: {100 * found['error']:.2f} %"
        f"{_plus_minus(found['standard_error'], 100, 2)}; mean log p(y | x) "
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


def _pair_lines(found):
    """The pair of columns whose dependence the samples miss most, in words.

    Args:
        found: `worst_pair` of an evaluation, or `None`.

    Returns:
        List of strings; empty if the difference may be noise.
    """
    if not found or not found["differs"]:
        return []
    first, second = found["columns"]
    return [
        "Warning: the samples do not have the dependences of the data. The "
        f"pair {first!r} and {second!r} differs most: its rank correlation "
        f"is {found['data']:.2f} in {found['rows']:,} rows of the data, and "
        f"{found['samples']:.2f} in {found['count']:,} samples (difference "
        f"+- {found['standard_error']:.2f}). Train longer, or "
        'choose other kinds for these columns: see "Are the kinds right?" in '
        'the guide "Train on your own data".'
    ]


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
