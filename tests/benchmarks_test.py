"""The benchmark runs, on a small shape and for a moment."""

import importlib.util
import pathlib

import numpy as np

PATH = pathlib.Path(__file__).parents[1] / "benchmarks" / "training_step.py"


def test_all_contestants_run():
    spec = importlib.util.spec_from_file_location("training_step", PATH)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    times = benchmark.race(1, 20, hidden=8, rounds=1, updates=50)
    assert {"fit", "products", "scikit-learn"} <= set(times)
    for values in times.values():
        assert len(values) == 1
        assert np.all(np.array(values) > 0)
