"""Trains a small model for very long, and looks for what creeps.

Over all updates after a warm-up of a tenth

- the memory that the process holds (RSS) grows by less than 1 %;
- nothing is traced again;
- the last third is as fast as the first: the ratio of their medians is
  printed, and held against a limit with room for a noisy machine.

    python benchmarks/soak.py [--updates 200000]

The exit code is 1 where one of these fails.
"""

import argparse
import gc
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")

import keras
import numpy as np

import keras_rbm
from keras_rbm import callbacks, data
from keras_rbm.progress_bar import ProgressBar

# Limits: growth of memory as a fraction, and last third over first.
GROWTH, SLOWDOWN = 0.01, 1.5
STEPS = 50
# Of all updates, before memory and time are looked at.
WARM_UP = 0.1


class Watch(keras.callbacks.Callback):
    """Memory and time at the end of each epoch, with a progress bar."""

    def __init__(self, updates, verbose):
        super().__init__()
        self.memory, self.seconds = [], []
        self._bar = ProgressBar(updates, "Updates", verbose)

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self._begin)
        gc.collect()
        self.memory.append(resident())
        self._bar.add(self.params["steps"])


def resident():
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def soak(updates, epochs=100, verbose="auto"):
    """Trains, and returns the numbers by name.

    Args:
        updates: Number of updates, a multiple of `50 * epochs`.
        epochs: Number of times that memory and time are taken.
        verbose: `"auto"` for a progress bar on a screen, 1 or 0.
    """
    x = data.bars_and_stripes(4).train
    model = keras_rbm.RBM(16, 16, keras_rbm.PersistentChain(20), seed=0)
    model.compile(keras.optimizers.SGD(0.01), steps_per_execution=STEPS)
    traces = []
    step = model.update_step

    def update_step(*arguments):
        traces.append(None)
        return step(*arguments)

    model.update_step = update_step
    watch = Watch(updates, verbose)
    model.fit(
        data.batches(x, 30),
        epochs=epochs,
        steps_per_epoch=updates // epochs,
        callbacks=[watch, callbacks.StopOnDivergence()],
        verbose=0,
    )
    warm = max(1, round(WARM_UP * epochs))
    memory, seconds = watch.memory[warm:], watch.seconds[warm:]
    third = max(1, len(seconds) // 3)
    first, last = np.median(seconds[:third]), np.median(seconds[-third:])
    per_epoch = updates / epochs
    return {
        "updates": int(model.updates),
        "traces": len(traces),
        "memory_mib": memory[0] / 2**20,
        "growth": max(memory) / memory[0] - 1.0,
        "first": per_epoch / first,
        "last": per_epoch / last,
        "slowdown": last / first,
    }


def failures(numbers):
    """Which criteria fail, as lines of text."""
    if numbers["growth"] >= GROWTH:
        yield f"memory grows by {numbers['growth']:.2%}"
    if numbers["traces"] > 1:
        yield f"traced {numbers['traces']} times"
    if numbers["slowdown"] >= SLOWDOWN:
        yield f"slower at the end by a factor of {numbers['slowdown']:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--updates", type=int, default=200_000)
    options = parser.parse_args()
    numbers = soak(options.updates)
    print("| updates | traces | memory | growth | updates/s | ratio |")
    print("|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {numbers['updates']:,} | {numbers['traces']} | "
        f"{numbers['memory_mib']:.0f} MiB | {numbers['growth']:.2%} | "
        f"{numbers['first']:,.0f}, at last {numbers['last']:,.0f} | "
        f"{numbers['first'] / numbers['last']:.2f} |"
    )
    failed = list(failures(numbers))
    print("\n" + ("FAILED: " + "; ".join(failed) if failed else "all well"))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
