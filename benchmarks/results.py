"""Trains and evaluates a config with several seeds: a row of docs/results.md.

    python benchmarks/results.py --config mnist --data_dir DIR

Runs `train.py`, then `train.py --mode evaluate`, for each seed, into
`<output>/<config>-<seed>`. What is there already is not done again. Prints the
row: the pessimistic end of the log-likelihood, averaged over the seeds, with
an interval of 95 % from the seeds, the examples and AIS, in quadrature.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEADER = (
    "| run | split | log-likelihood, nats | by seed | upper end | "
    "effective samples | pseudo-log-likelihood | training |\n"
    "|---|---|---:|---|---|---|---:|---:|"
)


def run(options, seed):
    """Trains and evaluates one seed; returns its folder."""
    output = options.output / f"{options.name}-{seed}"
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


def row(name, folders):
    """A line of the table, from what lies in the folders."""
    evaluations = [
        json.loads((folder / "evaluation.json").read_text())
        for folder in folders
    ]
    split = "test" if "test" in evaluations[0]["splits"] else "train"
    figures = [e["splits"][split]["log_likelihood"] for e in evaluations]
    partitions = [e["log_partition"] for e in evaluations]
    seconds = [
        float(re.findall(r"trained in (\d+) s", path.read_text())[-1])
        for path in (folder / "train.log" for folder in folders)
    ]
    lower = np.array([f["lower"] for f in figures])
    # All patterns of a set that is known as a whole are no sample of it.
    errors = [
        f["standard_error"] if split == "test" else p["standard_error"]
        for f, p in zip(figures, partitions, strict=True)
    ]
    between = lower.std(ddof=1) / np.sqrt(len(lower)) if len(lower) > 1 else 0.0
    interval = 1.96 * np.hypot(between, np.sqrt(np.mean(np.square(errors))))
    ends = [
        f"{f['upper']:.2f}{'' if p['trusted'] else ' (not trusted)'}"
        for f, p in zip(figures, partitions, strict=True)
    ]
    sizes = [
        f"{p['forward']['effective_sample_size']:.0f}/"
        f"{p['reverse']['effective_sample_size']:.0f}"
        for p in partitions
        if p["method"] == "ais"
    ]
    pseudo = np.mean(
        [
            e["splits"][split]["pseudo_log_likelihood"]["mean"]
            for e in evaluations
        ]
    )
    digits = 2 if sizes else 3
    return (
        f"| {name} | {split} | {lower.mean():.{digits}f} +- "
        f"{interval:.{digits}f} | "
        f"{', '.join(f'{x:.{digits}f}' for x in lower)} | "
        f"{', '.join(ends) if sizes else 'exact'} | "
        f"{', '.join(sizes) or '-'} | {pseudo:.2f} | "
        f"{np.mean(seconds):.0f} s |"
    )


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
    options = parser.parse_args()
    options.name = options.name or pathlib.Path(options.config).stem
    options.output.mkdir(parents=True, exist_ok=True)
    folders = [run(options, seed) for seed in options.seeds]
    print(f"{HEADER}\n{row(options.name, folders)}")


if __name__ == "__main__":
    main()
