"""The benchmarks run, on small shapes and for a moment."""

import importlib.util
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parents[1] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    return benchmark


def test_all_contestants_run():
    times = load("training_step").race(1, 20, hidden=8, rounds=1, updates=50)
    assert {"fit", "products", "scikit-learn"} <= set(times)
    for values in times.values():
        assert len(values) == 1
        assert np.all(np.array(values) > 0)


def test_ais_runs_beside_its_products():
    benchmark = load("ais")
    times = benchmark.race(20, 8, chains=10, rounds=2, betas=30)
    assert set(times) == {"ais", "products"}
    for values in times.values():
        assert len(values) == 2
        assert np.all(np.array(values) > 0)


def test_the_products_of_ais_neither_vanish_nor_overflow():
    benchmark = load("ais")
    machine, _ = benchmark.draw(20, 8)
    size = np.abs(benchmark.products(machine, 10)(1000))
    assert size.shape == (10, 20)
    assert 1e-3 < size.max() < 1e3
