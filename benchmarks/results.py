"""Trains and evaluates a config with several seeds: a row of docs/results.md.

    python benchmarks/results.py --config mnist --data_dir DIR

Runs `train.py`, then `train.py --mode evaluate`, for each seed, into
`<output>/<config>-<seed>`. What is there already is not done again. Prints the
row: the pessimistic end of the log-likelihood, averaged over the seeds, with
an interval of 95 % from the seeds (Student's t), the examples and AIS, in
quadrature. A folder that another command has made is refused.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
from scipy import stats

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEADER = (
    "| run | binarization | split | log-likelihood, nats | by seed | other "
    "end | betas x chains | effective samples | pseudo-log-likelihood | "
    "training |\n|---|---|---|---:|---|---|---|---|---:|---:|"
)


def run(options, seed):
    """Trains and evaluates one seed; returns its folder."""
    output = options.output / f"{options.name}-{seed}"
    made_by = {
        "config": options.config,
        "set": options.set,
        "evaluate": options.evaluate,
    }
    note = options.output / f"{options.name}-{seed}.json"
    if output.exists() and json.loads(note.read_text()) != made_by:
        sys.exit(f"{output} was made by another command, see {note}")
    note.write_text(json.dumps(made_by))
    common = [sys.executable, str(ROOT / "train.py"), f"--output={output}"]
    if options.data_dir:
        common.append(f"--data_dir={options.data_dir}")
    if not (output / "model.keras").exists():
        bindings = [f"--set={binding}" for binding in options.set]
        config = f"--config={options.config}"
        subprocess.run(
            [*common, config, f"--seed={seed}", *bindings], check=True
        )
    if not (output / "evaluation.json").exists():
        bindings = [f"--set={binding}" for binding in options.evaluate]
        subprocess.run([*common, "--mode=evaluate", *bindings], check=True)
    return output


def row(name, folders, split=None):
    """A line of the table, from what lies in the folders."""
    evaluations = [
        json.loads((folder / "evaluation.json").read_text())
        for folder in folders
    ]
    first = evaluations[0]
    split = split or ("test" if "test" in first["splits"] else "train")
    splits = [e["splits"][split] for e in evaluations]
    partitions = [e["log_partition"] for e in evaluations]
    seconds = [
        float(re.findall(r"trained in (\d+) s", path.read_text())[-1])
        for path in (folder / "train.log" for folder in folders)
    ]
    lower = np.array([s["log_likelihood"]["lower"] for s in splits])
    # All patterns of a set that is known as a whole are no sample of it.
    errors = [
        s["log_likelihood"]["standard_error"]
        if "test" in first["splits"]
        else p["standard_error"]
        for s, p in zip(splits, partitions, strict=True)
    ]
    exact = first["log_partition"]["method"] == "exact"
    digits = 3 if exact else 2
    ends = ", ".join(
        f"{s['log_likelihood']['upper']:.{digits}f}"
        f"{'' if p['trusted'] else ' (not trusted)'}"
        for s, p in zip(splits, partitions, strict=True)
    )
    sizes = ", ".join(
        f"{p['forward']['effective_sample_size']:.0f}/"
        f"{p['reverse']['effective_sample_size']:.0f}"
        for p in partitions
        if not exact
    )
    effort = f"{first['num_betas']} x {first['num_chains']}"
    pseudo = np.mean([s["pseudo_log_likelihood"]["mean"] for s in splits])
    cells = (
        name,
        first["binarize"],
        split,
        f"{lower.mean():.{digits}f}{interval(lower, errors, digits)}",
        ", ".join(f"{x:.{digits}f}" for x in lower),
        "exact" if exact else ends,
        "-" if exact else effort,
        sizes or "-",
        f"{pseudo:.2f}",
        f"{np.mean(seconds):.0f} s",
    )
    return f"| {' | '.join(cells)} |"


def interval(values, errors, digits):
    """Half of the interval of 95 %, as text; none of a single seed."""
    count = len(values)
    if count == 1:
        return " (one seed)"
    seeds = stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / count**0.5
    half = np.hypot(seeds, 1.96 * np.sqrt(np.mean(np.square(errors))))
    return f" +- {half:.{digits}f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", required=True)
    parser.add_argument("--name", help="of the folders; default: the config's")
    parser.add_argument("--data_dir")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=pathlib.Path, default="runs/results")
    parser.add_argument(
        "--set", action="append", default=[], help="a binding for training"
    )
    parser.add_argument(
        "--evaluate", action="append", default=[], help="one for evaluation"
    )
    parser.add_argument("--split", help="default: test, if there is one")
    options = parser.parse_args()
    options.name = options.name or pathlib.Path(options.config).stem
    options.output.mkdir(parents=True, exist_ok=True)
    folders = [run(options, seed) for seed in options.seeds]
    print(f"{HEADER}\n{row(options.name, folders, options.split)}")


if __name__ == "__main__":
    main()
