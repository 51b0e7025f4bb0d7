"""The examples in the docstrings of the package run, all of them.

They run without XLA, which would compile a program for each. Examples of
callbacks share a compiled machine instead. Examples that train for the default
number of updates make few updates here.
"""

import ast
import contextlib
import fnmatch
import functools
import importlib
import inspect
import json
import pathlib
import pkgutil
import shutil
import textwrap

import keras
import matplotlib.pyplot
import numpy as np
import pandas as pd
import pyarrow
import pytest
import scipy
import tensorflow as tf
from PIL import Image

import keras_rbm
from keras_rbm import budget
from keras_rbm import sklearn as estimators
from keras_rbm.models import base
from tests import eager

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_rbm"
# These need files that are not here.
NOT_RUN = {
    "data/mnist:mnist": "of MNIST",
    "data/ratings:movielens": "of MovieLens",
    "sequences/julia_files:read_rbms_jl": "that Julia has written",
}
# Examples of many updates or sweeps.
COMPILED = (
    "callbacks/*",
    "figures/*",
    "likelihood/bennett:BennettEstimate",
    "likelihood/bracket:Bracket",
    "plots/*",
    "samplers/tempered:Tempered",
    "sklearn/imputer:RBMImputer",
)
UPDATES = 2


def documented(nodes, prefix=""):
    """Name and node of each class and function, and of their methods."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from documented(node.body, f"{prefix}{node.name}.")


def examples():
    """Place and code of each example."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for name, node in documented(tree.body):
            text = inspect.cleandoc(ast.get_docstring(node) or "")
            _, found, code = text.partition("\nExample:\n")
            file = path.relative_to(PACKAGE).with_suffix("").as_posix()
            where = f"{file}:{name}"
            if found and where not in NOT_RUN:
                yield pytest.param(where, textwrap.dedent(code), id=where)


@pytest.fixture(scope="module", autouse=True)
def _brief():
    """Few updates by default, without a look at what they have learned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "default_updates", lambda steps: UPDATES)
        patch.setattr(base, "_FEW_UPDATES", 0)
        yield


def test_each_exported_class_has_an_example():
    found = pkgutil.iter_modules([PACKAGE])
    names = [f"keras_rbm.{package.name}" for package in found if package.ispkg]
    for package in ("keras_rbm", *names):
        for name, value in vars(importlib.import_module(package)).items():
            if inspect.isclass(value) and value.__module__.startswith(package):
                text = inspect.cleandoc(value.__doc__)
                assert "\nExample:\n" in text, f"{package}.{name}"


@pytest.fixture(scope="module")
def names():
    """What the examples of all files may name."""
    x = keras_rbm.data.bars_and_stripes(4).train
    rbm = keras_rbm.RBM(16, 8, chain=keras_rbm.PersistentChain(50), seed=0)
    rbm.compile(jit_compile=False)
    rbm.fit(x, updates=20, verbose=0)
    network = keras_rbm.DeepBeliefNetwork(
        [keras_rbm.RBM(16, 8, seed=0), keras_rbm.RBM(8, 4, seed=1)]
    )
    modules = [
        path.stem if path.suffix else path.name
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    ]
    return {
        **{
            name: importlib.import_module(f"keras_rbm.{name}")
            for name in modules
            if name != "machine" and not name.startswith("_")
        },
        **{
            name: getattr(estimators, name)
            for name in vars(estimators)
            if name.startswith("RBM")
        },
        "functools": functools,
        "json": json,
        "keras": keras,
        "keras_rbm": keras_rbm,
        "np": np,
        "pd": pd,
        "scipy": scipy,
        "tf": tf,
        "network": network,
        "rbm": rbm,
        "x": x,
        "y": np.arange(len(x)) % 2,
        "v": x,
        "table": keras_rbm.data.table(pyarrow.table(PEOPLE)),
        "train": x,
        "validation": x,
        "examples": x,
    }


PEOPLE = {
    "smoker": ["no", "yes"] * 20,
    "city": ["Bern", "Rome", "Oslo", "Rome"] * 10,
    "age": [*range(30, 70)],
    "zip": [*range(1000, 1040)],
    "income": [9.5, 2.5, 4.5, 1.5] * 10,
    "rain": [0.0, 1.0] * 20,
}


@pytest.fixture(scope="module")
def files(names, tmp_path_factory):
    """A folder of the files that examples read."""
    folder = tmp_path_factory.mktemp("files")
    pd.DataFrame(PEOPLE).to_csv(folder / "people.csv", index=False)
    draws = np.random.default_rng(0)
    users, films = np.nonzero(draws.random((12, 8)) < 0.7)
    ratings = {
        "userId": users,
        "movieId": films,
        "rating": draws.integers(1, 6, len(users)),
        "timestamp": draws.permutation(len(users)),
    }
    pd.DataFrame(ratings).to_csv(folder / "ratings.csv", index=False)
    (folder / "digits").mkdir()
    for number, digit in enumerate(names["data"].digits().train[:5]):
        grey = np.rint(255 * digit.reshape(8, 8)).astype("uint8")
        Image.fromarray(grey).save(folder / "digits" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def ratings(names):
    """The names in examples of ratings."""
    draws = np.random.default_rng(0)
    films = ["Alien", "Brazil", "Casablanca", "Dune", "Eraserhead", "Fargo"]
    people = ["ann", "bob", "cem", "dora", "eva", "finn", "gus", "hana"]
    users, items = np.nonzero(draws.random((8, 6)) < 0.7)
    found = names["data"].Ratings(
        users,
        items,
        draws.integers(0, 5, len(users)),
        [1, 2, 3, 4, 5],
        people,
        films,
    )
    model = keras_rbm.RatingsRBM.of(found, 4, seed=0)
    return {"ratings": found, "model": model}


@pytest.fixture(scope="module")
def family(names, files):
    """The names in examples of `sequences`, and a file of the family."""
    codes = np.random.default_rng(0).integers(0, 5, (2, 30, 8))
    sequences = names["sequences"]
    known, drawn = (
        sequences.Alignment(part, alphabet=sequences.PROTEIN) for part in codes
    )
    sequences.write_fasta(files / "family.fasta", known)
    rbm = keras_rbm.RBM(known.units, 4, seed=0)
    rbm.compile()
    return {
        "family": known,
        "drawn": drawn,
        "rbm": rbm,
        "w": sequences.weights(known),
    }


# They train briefly, and draw few samples.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("where", "code"), list(examples()))
def test_the_example_runs(
    where, code, names, ratings, family, files, tmp_path, monkeypatch
):
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    scope = dict(names)
    if "ratings" in where:
        scope |= ratings
    if where.startswith("sequences/"):
        scope |= family
    is_compiled = any(fnmatch.fnmatch(where, name) for name in COMPILED)
    mode = contextlib.nullcontext() if is_compiled else eager.functions()
    with mode, matplotlib.rc_context({"backend": "Agg"}):
        exec(compile(code, "example", "exec"), scope)
        matplotlib.pyplot.close("all")
    made = {name: value for name, value in scope.items() if name not in names}
    made.pop("__builtins__")
    assert not [name for name, value in made.items() if value is None]
