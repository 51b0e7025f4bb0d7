"""The examples in the docstrings of public classes and functions run.

They share a small compiled machine: what they train costs no compilation.
"""

import ast
import inspect
import pathlib
import textwrap

import keras
import matplotlib.pyplot
import numpy as np
import pyarrow
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm.sklearn import RBMImputer

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_rbm"
FOLDERS = ("callbacks", "figures", "plots", "presets", "units", "chains")
FILES = [
    *sorted(p for f in FOLDERS for p in (PACKAGE / f).glob("*.py")),
    *(PACKAGE / f"{name}.py" for name in ("constraints", "sparsity")),
    PACKAGE / "samplers" / "gibbs.py",
    PACKAGE / "samplers" / "tempered.py",
    PACKAGE / "data" / "dataset.py",
    PACKAGE / "data" / "columns.py",
    PACKAGE / "schedules.py",
    PACKAGE / "models" / "base.py",
    PACKAGE / "models" / "trainer.py",
    PACKAGE / "models" / "class_rbm.py",
    PACKAGE / "models" / "deep_boltzmann_machine.py",
    PACKAGE / "sklearn" / "imputer.py",
]


def documented(nodes, prefix=""):
    """Name and node of each class and function, and of their methods."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from documented(node.body, f"{prefix}{node.name}.")


def examples():
    """Name and code of each example of the files above."""
    for path in FILES:
        tree = ast.parse(path.read_text("utf-8"))
        for name, node in documented(tree.body):
            text = inspect.cleandoc(ast.get_docstring(node) or "")
            _, found, code = text.partition("\nExample:\n")
            if found:
                yield pytest.param(textwrap.dedent(code), id=name)


@pytest.fixture(scope="module")
def names():
    x = keras_rbm.data.bars_and_stripes(4).train
    rbm = keras_rbm.RBM(16, 8, chain=keras_rbm.PersistentChain(50), seed=0)
    rbm.compile(jit_compile=False)
    rbm.fit(x, updates=20, verbose=0)
    packages = ("callbacks", "data", "figures", "plots", "presets")
    people = {
        "smoker": ["no", "yes"],
        "city": ["Bern", "Rome"],
        "age": [30, 31],
        "zip": [1234, 99],
        "income": [9.5, 2.5],
        "rain": [0.0, 1.0],
    }
    table = keras_rbm.data.table(pyarrow.table(people))
    return {
        "keras": keras,
        "keras_rbm": keras_rbm,
        "np": np,
        "tf": tf,
        "RBMImputer": RBMImputer,
        "rbm": rbm,
        "x": x,
        "v": x,
        "table": table,
        "train": x,
        "validation": x,
        "examples": x,
        **{name: getattr(keras_rbm, name) for name in packages},
    }


# They train briefly, and draw few samples.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("code", list(examples()))
def test_the_example_runs(code, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = dict(names)
    with matplotlib.rc_context({"backend": "Agg"}):
        exec(compile(code, "example", "exec"), scope)
        matplotlib.pyplot.close("all")
    made = {name: value for name, value in scope.items() if name not in names}
    made.pop("__builtins__")
    assert not [name for name, value in made.items() if value is None]
