"""Runs the programs of `export.py` on whatever JAX finds, and compares them.

Needs JAX and NumPy, and no TensorFlow. What is timed is the XLA program that
TensorFlow makes, as jaxlib compiles and runs it: without what TensorFlow and
Keras do on the host between two calls.

For each program, and with the products of matrices in JAX's default precision
(TF32 on an NVIDIA GPU) and in float32:

- milliseconds of a call, sweeps of a chain and flips of units a second;
- its share of the roofline: the largest of the times that its floating-point
  operations, its bytes of states and its random words take at the rates that
  are measured in the same run, over its time;
- whether it agrees with what TensorFlow computed on a CPU. Uniform draws must
  be equal to the bit; a state may differ only where the draw lies between the
  two probabilities, which must be equal up to the rounding of the products;
  moments may differ by standard errors, a log Z that is known by its own.

Where PyTorch and `rbms` are installed, its update with 2,000 chains and 100
sweeps, its default, runs in turns with ours.

    python benchmarks/gpu/run.py FOLDER [--budget 270] [--output FILES]
"""

import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import time

# PyTorch needs memory of the GPU too.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
import numpy as np
import program
import store

# Largest number of standard errors of any of some thousand comparisons.
_SIGMAS = 5.0
# Rounding of a kernel's entry in each precision: TF32 has 11 bits, float32 24.
# Its sums of up to a thousand terms lose a few bits more.
_ROUNDING = {"default": 2.0**-11, "float32": 2.0**-19}
# What the mean of a unit may lose beside that, in float32.
_LAST_BITS = 2.0**-20
PEER_CHAINS, PEER_SWEEPS = 2000, 100
# A peer's program, whose number of sweeps is an input.
_PEER_PROGRAM = "pcd10-2000-784x500"


class Clock:
    """The time that is left of a budget.

    Args:
        budget: Seconds.
    """

    def __init__(self, budget):
        self._end = time.perf_counter() + budget

    def left(self):
        return self._end - time.perf_counter()


def seconds_of(call, most):
    """Times calls for so many seconds, at least 3 and at most 50 of them."""
    jax.block_until_ready(call())
    times, end = [], time.perf_counter() + most
    while len(times) < 3 or (len(times) < 50 and time.perf_counter() < end):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - begin)
    return times


def ceilings(size, most):
    """Rates that no program can exceed.

    Args:
        size: Rows of the square matrices; a copy has 8 times as many entries.
        most: Seconds for each.

    Returns:
        Dict of floating-point operations a second by precision, bytes a
        second, and seconds of a step of a loop that does next to nothing.
    """
    x = jnp.ones((size, size), jnp.float32) / size
    found = {}
    for name, dtype, precision in (
        ("float32", jnp.float32, "highest"),
        ("default", jnp.float32, "default"),
        ("bfloat16", jnp.bfloat16, "default"),
    ):
        product = jax.jit(lambda x, p=precision: jnp.matmul(x, x, precision=p))
        y = x.astype(dtype)
        times = seconds_of(lambda f=product, y=y: f(y), most)
        found[f"{name} FLOP/s"] = 2 * size**3 / min(times)
    y = jnp.zeros((8, size, size), jnp.float32)
    copy = jax.jit(lambda y: y + 1)
    found["bytes/s"] = 2 * y.nbytes / min(seconds_of(lambda: copy(y), most))
    steps = 1000

    @jax.jit
    def loop(x):
        return jax.lax.fori_loop(0, steps, lambda _, x: jnp.sin(x), x)

    times = seconds_of(lambda: loop(jnp.ones((8, 128), jnp.float32)), most)
    found["step s"] = min(times) / steps
    return found


def compare(entry, inputs, outputs, arrays, precision):
    """Compares outputs with the outputs of the CPU.

    Args:
        entry: A program's entry of the manifest.
        inputs: Its inputs.
        outputs: Its outputs, arrays.
        arrays: The arrays of its file.
        precision: `"default"` or `"float32"`.

    Returns:
        Tuple of whether they agree, and a dict of what was compared.
    """
    kind = entry["kind"]
    given = dict(zip(entry["outputs"], map(np.asarray, outputs), strict=True))
    expected = entry["expected"]
    if kind == "draws":
        same = store.digest(given["words"]) == expected["words"]["digest"]
        return same, {"words equal": same}
    if kind == "halves":
        return _compare_halves(inputs, given, expected, arrays, precision)
    if kind == "sweeps":
        return _compare_sweeps(entry, given, expected, arrays)
    if kind == "updates":
        return _compare_updates(entry, inputs, given, expected, arrays)
    return _compare_weights(entry, given, arrays)


def _compare_halves(inputs, given, expected, arrays, precision):
    v, h, _, kernel, *_ = (np.float64(x) for x in inputs)
    found, good = {}, True
    for side, states, weights in (
        ("h", v, np.abs(kernel)),
        ("v", h, np.abs(kernel.T)),
    ):
        u, p = given[f"u_{side}"], np.float64(given[f"p_{side}"])
        same = store.digest(u) == expected[f"u_{side}"]["digest"]
        p_cpu = np.float64(store.decoded(expected[f"p_{side}"], arrays))
        # d mean / d inputs is at most 1/4.
        limit = _ROUNDING[precision] * (states @ weights) / 4 + _LAST_BITS
        error = np.abs(p - p_cpu)
        x_cpu = store.decoded(expected[side], arrays)
        differ = given[side] != x_cpu
        between = (u >= np.minimum(p, p_cpu) - _LAST_BITS) & (
            u <= np.maximum(p, p_cpu) + _LAST_BITS
        )
        good &= same and np.all(error <= limit) and np.all(between[differ])
        found |= {
            f"draws of {side} equal": bool(same),
            f"largest error of p({side})": float(error.max()),
            f"states of {side} that differ": int(differ.sum()),
            "of them not by rounding": int((differ & ~between).sum()),
        }
    return bool(good), found


def _sigmas(x, y, variances, count):
    """Largest difference of two rows of means, in standard errors."""
    error = np.sqrt(np.float64(variances) / count)
    difference = np.abs(np.float64(x) - y)
    # Where neither varies, no difference is chance.
    return float(np.max(difference / np.maximum(error, 1e-6)))


def _compare_sweeps(entry, given, expected, arrays):
    mean, variance = store.moments(given["v"])
    mean_cpu, variance_cpu = arrays[expected["moments"]]
    sigmas = _sigmas(mean, mean_cpu, variance + variance_cpu, entry["chains"])
    found = {"means differ by standard errors": sigmas}
    if "v" in expected:
        v = store.decoded(expected["v"], arrays)
        found["states that differ"] = float(np.mean(v != given["v"]))
    return sigmas < _SIGMAS, found


def _compare_updates(entry, inputs, given, expected, arrays):
    name, key = expected["kernel"]
    before = inputs[entry["sources"][entry["outputs"].index(name)]]
    before, after = store.part(before), arrays[key]
    change = np.linalg.norm(after - before)
    difference = np.linalg.norm(store.part(given[name]) - after) / change
    name, spec = expected["particles"]
    particles = store.decoded(spec, arrays)
    found = {
        "kernel differs by (of its change)": float(difference),
        "by other draws": expected["chance"],
        "particles that differ": float(np.mean(given[name] != particles)),
    }
    return bool(difference < expected["chance"]), found


def _compare_weights(entry, given, arrays):
    weights, count = given["log_weights"], entry["chains"]
    expected = arrays["log_weights"]
    if "log_z" in entry:
        ratios = np.exp(weights - weights.max())
        estimate = entry["log_z_base"] + weights.max() + np.log(ratios.mean())
        error = ratios.std() / ratios.mean() / np.sqrt(count - 1)
        found = {
            "log Z": float(estimate),
            "exact": entry["log_z"],
            "standard error": float(error),
        }
        return bool(abs(estimate - entry["log_z"]) < 4 * error), found
    sigmas = _sigmas(
        weights.mean(),
        expected.mean(),
        weights.var() + expected.var(),
        count,
    )
    return sigmas < _SIGMAS, {"log-weights differ by standard errors": sigmas}


def with_count(entry, inputs, which):
    """The inputs with the number of repetitions that are timed or compared."""
    if entry["count"] is None:
        return inputs
    index, *counts = entry["count"]
    count = counts[("timed", "compared").index(which)]
    inputs = list(inputs)
    inputs[index] = np.asarray(count, inputs[index].dtype)
    return inputs


def floors(entry, rates, words, precision):
    """Seconds that the parts of a program take at the measured rates."""
    found = {"words": entry["words"] / words} if words else {}
    if "flops" in entry:
        found["products"] = entry["flops"] / rates[f"{precision} FLOP/s"]
        found["bytes"] = entry["bytes"] / rates["bytes/s"]
    return found


def measure(folder, entry, precision, platform, most):
    """Compiles, compares and times a program.

    Args:
        folder: Path of the folder.
        entry: Its entry of the manifest.
        precision: `"default"` or `"float32"`.
        platform: `"cpu"` or `"cuda"`.
        most: Seconds for the timing, after 3 calls.

    Returns:
        A row of results: a dict.
    """
    text = program.with_precision(store.text(folder, entry), precision)
    function, _ = program.function(text, platform)
    inputs, arrays = program.inputs(folder, entry)
    timed = [jax.device_put(x) for x in with_count(entry, inputs, "timed")]
    begin = time.perf_counter()
    compiled = function.lower(*timed).compile()
    compile_s = time.perf_counter() - begin
    checked = with_count(entry, inputs, "compared")
    outputs = compiled(*map(jax.device_put, checked))
    agrees, found = compare(entry, checked, outputs, arrays, precision)
    times = seconds_of(lambda: compiled(*timed), most)
    median = statistics.median(times)
    row = {
        "program": entry["name"],
        "precision": precision,
        "compile_s": compile_s,
        "calls": len(times),
        "median_s": median,
        "min_s": min(times),
        "max_s": max(times),
        "kernels": program.kernels(compiled.as_text()),
        "agrees": agrees,
        "compared": found,
    }
    if "chain_sweeps" in entry:
        row["chain_sweeps_per_s"] = entry["chain_sweeps"] / median
        row["flips_per_s"] = entry["words"] / median
    if "updates" in entry:
        row["ms_an_update"] = 1e3 * median / entry["updates"]
    return row


def peer_update(device):
    """The update of `rbms` at its default size, or why it cannot run.

    Returns:
        A function that makes one update and waits for it, or a text.
    """
    missing = [x for x in ("torch", "rbms") if not importlib.util.find_spec(x)]
    if missing:
        return f"not measured: {' and '.join(missing)} not installed"
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.training.pcd import fit_batch_pcd

    if device == "cuda" and not torch.cuda.is_available():
        return "not measured: PyTorch finds no GPU"
    generator = torch.Generator().manual_seed(0)
    kernel = 0.01 * torch.randn(784, 500, generator=generator)
    model = BBRBM(
        kernel.to(device),
        torch.zeros(784, device=device),
        torch.zeros(500, device=device),
    )
    x = torch.rand(PEER_CHAINS, 784, generator=generator) < 0.2
    x = x.float().to(device)
    weights = torch.ones(PEER_CHAINS, 1, device=device)
    chains = [model.init_chains(PEER_CHAINS)]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, maximize=True)

    @torch.no_grad()
    def update():
        optimizer.zero_grad(set_to_none=False)
        chains[0], _ = fit_batch_pcd(
            (x, weights), chains[0], model, PEER_SWEEPS, 1.0
        )
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return update


def race(folder, entry, platform, rounds=5):
    """Our update and that of `rbms`, in turns: 2,000 chains, 100 sweeps.

    Returns:
        Dict of medians in milliseconds, or of the reason why there are none.
    """
    update = peer_update(platform)
    if isinstance(update, str):
        return {"rbms": update}
    inputs, _ = program.inputs(folder, entry)
    index, *_ = entry["count"]
    inputs[index] = np.asarray(1, inputs[index].dtype)
    sweeps = entry["num_sweeps_input"]
    inputs[sweeps] = np.asarray(PEER_SWEEPS, inputs[sweeps].dtype)
    function, _ = program.function(store.text(folder, entry), platform)
    inputs = [jax.device_put(x) for x in inputs]
    contestants = {
        "keras_rbm": lambda: jax.block_until_ready(function(*inputs)),
        "rbms": update,
    }
    times = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, call in contestants.items():
            begin = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - begin))
    return {name: statistics.median(x[1:]) for name, x in times.items()}


def run(folder, budget=270.0, only=None, seconds=None):
    """Measures all programs of a folder, within a budget of seconds.

    Args:
        folder: Path of the folder.
        budget: Seconds in all. Programs that come too late are left out, and
            named.
        only: Names of programs, or `None` for all.
        seconds: Seconds for the timing of each, after 3 calls; `None` for a
            share of what is left of the budget.

    Returns:
        Dict of all results.
    """
    clock = Clock(budget)
    device = jax.devices()[0]
    platform = "cpu" if device.platform == "cpu" else "cuda"
    # A CPU has one precision.
    precisions = ("float32",) if platform == "cpu" else ("default", "float32")
    size = 512 if platform == "cpu" else 8192
    rates = ceilings(size, seconds or min(1.0, budget / 120))
    entries = [
        x for x in store.entries(folder) if not only or x["name"] in only
    ]
    # First of all, so that nothing else takes the time for it.
    peers = {"rbms": f"not measured: {_PEER_PROGRAM} is not in the folder"}
    for entry in entries:
        if entry["name"] == _PEER_PROGRAM:
            peers = race(folder, entry, platform)
    jobs = [(entry, p) for p in precisions for entry in entries]
    rows, late = [], []
    for number, (entry, precision) in enumerate(jobs):
        if clock.left() <= 0.1 * budget:
            late.append(f"{entry['name']} ({precision})")
            continue
        most = seconds or 0.3 * max(clock.left(), 0) / (len(jobs) - number)
        rows.append(measure(folder, entry, precision, platform, most))
    words = max(
        (
            entry["words"] / row["min_s"]
            for row in rows
            for entry in entries
            if entry["name"] == row["program"] and entry["kind"] == "draws"
        ),
        default=None,
    )
    for row in rows:
        [entry] = [x for x in entries if x["name"] == row["program"]]
        parts = floors(entry, rates, words, row["precision"])
        if parts:
            row["limit"] = max(parts, key=parts.get)
            row["share_of_roofline"] = parts[row["limit"]] / row["median_s"]
    return {
        "device": device.device_kind,
        "platform": platform,
        "jax": jax.__version__,
        "rates": rates | ({"words/s": words} if words else {}),
        "programs": rows,
        "left_out": late,
        "peers": peers,
    }


def table(results):
    """The results as Markdown."""
    lines = [
        f"{results['device']} ({results['platform']}), JAX {results['jax']}. "
        "The XLA programs of TensorFlow, run by jaxlib, without TensorFlow's "
        "host side.",
        "",
        "| ceiling | a second |",
        "|---|---:|",
    ]
    for name, value in results["rates"].items():
        if name == "step s":
            lines.append(f"| steps of an empty loop | {1 / value:.3g} |")
        else:
            lines.append(f"| {name.removesuffix('/s')} | {value:.3g} |")
    lines += [
        "",
        "| program | products | ms a call | ms an update | chain-sweeps/s "
        "| flips/s | of the roofline | agrees |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in results["programs"]:
        share = row.get("share_of_roofline")
        cells = [
            row["program"],
            row["precision"],
            f"{1e3 * row['median_s']:.3g}",
            _number(row.get("ms_an_update")),
            _number(row.get("chain_sweeps_per_s")),
            _number(row.get("flips_per_s")),
            "" if share is None else f"{share:.0%} ({row['limit']})",
            "yes" if row["agrees"] else "NO",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for row in results["programs"]:
        facts = ", ".join(
            f"{name} {value:.3g}"
            if isinstance(value, float)
            else f"{name} {value}"
            for name, value in row["compared"].items()
        )
        lines.append(f"- {row['program']}, {row['precision']}: {facts}")
    lines.append("")
    if results["left_out"]:
        lines.append(f"No time was left for {', '.join(results['left_out'])}.")
    lines.append(f"2,000 chains, 100 sweeps: {results['peers']}")
    return "\n".join(lines)


def _number(value):
    return "" if value is None else f"{value:.3g}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--budget", type=float, default=270, help="seconds")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument(
        "--output",
        metavar="FILES",
        help="write FILES.json and FILES.md, as well as print the table",
    )
    options = parser.parse_args(arguments)
    results = run(options.folder, options.budget, options.only)
    if options.output:
        path = pathlib.Path(options.output)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").write_text(json.dumps(results, indent=1))
        path.with_suffix(".md").write_text(table(results) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
