"""What `import keras_rbm` adds to the import of TensorFlow and Keras.

    python benchmarks/import_time.py --rounds 5

Each round is a fresh interpreter that imports one after the other; seconds of
the clock, and of the processor, which other work on the machine leaves alone.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
_CODE = """
import json, sys, time

def told():
    return time.perf_counter(), time.process_time()

times = [told()]
import tensorflow, keras
times.append(told())
before = set(sys.modules)
import keras_rbm
times.append(told())
added = sorted(set(sys.modules) - before)
print(json.dumps({"times": times, "added": added}))
"""


def race():
    """One round.

    Returns:
        Dict with `base` and `extra`, each of seconds by the clock and of the
        processor, and `added`, names of the modules that the last import
        brings.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        env=os.environ
        | {
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    begin, middle, end = found["times"]
    return {
        "base": [b - a for a, b in zip(begin, middle, strict=True)],
        "extra": [b - a for a, b in zip(middle, end, strict=True)],
        "added": found["added"],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = [race() for _ in range(parser.parse_args().rounds)]
    print("| seconds, median | TensorFlow and Keras | keras_rbm beside |")
    print("|---|---:|---:|")
    for index, name in enumerate(("clock", "processor")):
        base, extra = (
            statistics.median(found[key][index] for found in rounds)
            for key in ("base", "extra")
        )
        print(f"| {name} | {base:.2f} | {extra:.2f} |")


if __name__ == "__main__":
    main()
