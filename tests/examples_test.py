"""The examples in the docstrings of public classes and functions run.

They share a small compiled machine: what they train costs no compilation. The
examples of `EAGER` run without XLA, which would compile a program for each.
"""

import ast
import contextlib
import importlib
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
from keras_rbm.sklearn import RBMImputer, RBMTransformer
from tests import eager

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
    PACKAGE / "likelihood" / "bennett.py",
    PACKAGE / "likelihood" / "bracket.py",
]
# Of these files, only the examples of the listed names run, eagerly. Others in
# the same files train for minutes or read files that do not exist here.
EAGER = {
    "couplings": ("Couplings", "effective", "three_body"),
    "data/picture": ("Picture",),
    "data/ratings": ("RatingsData",),
    "diagnostics": ("Run", "AutocorrelationTime", "Mixing", "Distance"),
    "experiment/data_source": ("UpperLayerData",),
    "gradients": ("HiddenStates",),
    "likelihood/estimate": ("Estimate",),
    "likelihood/exact": ("Exact",),
    "likelihood/fit": ("Fit",),
    "likelihood/observed": ("Observed",),
    "low_rank": ("LowRankStart",),
    "machine": ("Machine", "zero_sum"),
    "models/log_likelihood": ("LogLikelihood",),
    "models/missing": ("Conditional",),
    "networks/lower_layers": ("PictureOfLayer",),
    "random": ("Use", "Stream"),
    "regularizers": ("SquaredL1", "GroupLasso", "SquaredCouplings"),
    "sample_measures": (
        "Moments",
        "AdversarialAccuracy",
        "MeanDiscrepancy",
        "ClusterCoverage",
    ),
    "samplers/base": ("Clamp", "Info", "Ladder", "Kept", "Sampler"),
    "samplers/ladder": ("LadderSampler",),
    "samplers/long_runs": ("WatchedRun",),
    "samplers/low_rank": ("LowRankState",),
    "samplers/stacked": ("StackedState",),
    "samplers/trajectory": ("TrajectoryState",),
    "sequences/correlations": ("Comparison",),
    "sequences/mutations": ("MutationScan",),
    "sequences/runs": ("FamilyFigures",),
    "sklearn/transformer": ("RBMTransformer",),
}


def documented(nodes, prefix=""):
    """Name and node of each class and function, and of their methods."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from documented(node.body, f"{prefix}{node.name}.")


def examples():
    """Code of each example above, and whether it runs without XLA."""
    eagerly = {PACKAGE / f"{file}.py": names for file, names in EAGER.items()}
    for path in (*FILES, *eagerly):
        tree = ast.parse(path.read_text("utf-8"))
        for name, node in documented(tree.body):
            text = inspect.cleandoc(ast.get_docstring(node) or "")
            _, found, code = text.partition("\nExample:\n")
            if found and name in eagerly.get(path, (name,)):
                yield pytest.param(
                    textwrap.dedent(code), path in eagerly, id=name
                )


@pytest.fixture(scope="module")
def names():
    x = keras_rbm.data.bars_and_stripes(4).train
    rbm = keras_rbm.RBM(16, 8, chain=keras_rbm.PersistentChain(50), seed=0)
    rbm.compile(jit_compile=False)
    rbm.fit(x, updates=20, verbose=0)
    packages = (
        "callbacks",
        "couplings",
        "data",
        "diagnostics",
        "evaluation",
        "experiment",
        "figures",
        "gradients",
        "likelihood",
        "low_rank",
        "networks",
        "plots",
        "presets",
        "random",
        "samplers",
        "sequences",
    )
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
        "RBMTransformer": RBMTransformer,
        "machine_lib": keras_rbm.machine,
        "rbm": rbm,
        "x": x,
        "v": x,
        "table": table,
        "train": x,
        "validation": x,
        "examples": x,
        **{
            name: importlib.import_module(f"keras_rbm.{name}")
            for name in packages
        },
    }


@pytest.fixture
def family(names, tmp_path):
    """The names in examples of `sequences`, and a file of the family."""
    codes = np.random.default_rng(0).integers(0, 5, (2, 30, 6))
    alphabet = names["sequences"].PROTEIN
    known, drawn = (
        names["sequences"].Alignment(part, alphabet=alphabet) for part in codes
    )
    names["sequences"].write_fasta(tmp_path / "family.fasta", known)
    rbm = keras_rbm.RBM(known.units, 4, seed=0)
    return {"family": known, "drawn": drawn, "rbm": rbm}


# They train briefly, and draw few samples.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("code", "eagerly"), list(examples()))
def test_the_example_runs(code, eagerly, names, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = dict(names)
    if "family" in code or "sequences." in code:
        scope |= request.getfixturevalue("family")
    without_xla = eager.functions() if eagerly else contextlib.nullcontext()
    with matplotlib.rc_context({"backend": "Agg"}), without_xla:
        exec(compile(code, "example", "exec"), scope)
        matplotlib.pyplot.close("all")
    made = {name: value for name, value in scope.items() if name not in names}
    made.pop("__builtins__")
    assert not [name for name, value in made.items() if value is None]
