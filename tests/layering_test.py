"""Who may import whom: the layers of the package, read with `ast`.

A module imports from the lines above its own and from its own package, never
from its own line or below. Also, each module has a test file of its name.
"""

import ast
import pathlib
import re
import runpy

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = "keras_rbm"
COMMAND = "keras_rbm_cli"
GIN = f"{COMMAND}/configuration.py"
LAYERS = (
    ("typing",),
    (
        "checkpoints",
        "checks",
        "class_labels",
        "compiled",
        "devices",
        "json_arrays",
        "progress_bar",
        "replicas",
        "special",
        "version",
    ),
    (
        "budget",
        "constraints",
        "optimizers",
        "presets",
        "random",
        "regularizers",
        "rows",
        "sample_measures",
        "schedules",
        "sparsity",
    ),
    ("blocks", "ratings", "units"),
    ("machine",),
    ("gibbs", "gradients"),
    ("tempering",),
    ("samplers",),
    ("couplings", "diagnostics", "likelihood"),
    ("chains",),
    ("models",),
    ("plots",),
    ("callbacks", "data", "low_rank"),
    ("figures", "networks"),
    ("evaluation", "experiment", "sequences", "sklearn"),
)
TENSORFLOW = {
    "blocks",
    "compiled",
    "devices",
    "replicas",
    "random",
    "typing",
    "models",
    "callbacks",
    "data",
    "networks",
    "experiment",
    "sklearn",
}

# Tests of no module alone: of the repository, or of a law that holds for many.
TOPICS = {
    "badges",
    "benchmarks",
    "benchmarks_gpu",
    "browser",
    "commands",
    "configs",
    "containers",
    "data/hostile",
    "docs",
    "examples",
    "layering",
    "models/hostile",
    "models/numerics",
    "notebook",
    "oracle",
    "packaging",
    "resume",
    "train",
    "units/pairs",
    "units/unbounded",
}

LINE_OF = {name: line for line, names in enumerate(LAYERS) for name in names}


def imports(source):
    """Dotted names of what a source imports, with their line numbers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield f"{module}.{alias.name}", node.lineno


def violations(path, source):
    """What is wrong with the imports of a file, as lines of text.

    `path` is relative to the root of the repository.
    """
    parts = pathlib.PurePosixPath(path).with_suffix("").parts
    in_package = parts[0] == PACKAGE
    own = parts[1] if in_package else None
    if in_package and own not in {*LINE_OF, "__init__"}:
        yield f"{path}: `{own}` has no place in LAYERS"
        return
    for name, number in imports(source):
        complaint = _complaint(path, own, name)
        if complaint:
            yield f"{path}:{number}: {complaint}"


def _complaint(path, own, name):
    top, _, rest = name.partition(".")
    if top == "":
        return "imports must be absolute"
    if name == "gin.tf" or name.startswith("gin.tf."):
        return "nothing imports gin.tf"
    if top == "gin" and path != GIN:
        return f"only {GIN} imports gin"
    if top == COMMAND and own is not None:
        return "the package does without the command"
    if own in (None, "__init__"):
        return None
    if top == "tensorflow" and own not in TENSORFLOW:
        return f"`{own}` speaks keras.ops, not tensorflow"
    if top == PACKAGE:
        other = rest.partition(".")[0]
        if other == own:
            return None
        if other not in LINE_OF:
            return f"`{other}` is no layer: name the one it comes from"
        if LINE_OF[other] >= LINE_OF[own]:
            return f"`{other}` does not stand above `{own}`"
    return None


def _files(*patterns):
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def test_layers_of_the_package():
    files = _files(
        *(f"{folder}/**/*.py" for folder in (PACKAGE, COMMAND, "benchmarks")),
        "*.py",
    )
    assert ROOT / PACKAGE / "models" / "rbm.py" in files
    found = [
        complaint
        for path in files
        for complaint in violations(
            path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        )
    ]
    assert not found, "\n".join(found)


def test_the_package_itself_does_without_scikit_learn():
    init = (ROOT / PACKAGE / "__init__.py").read_text("utf-8")
    names = [name for name, _ in imports(init)]
    assert f"{PACKAGE}.models.RBM" in names
    assert not any("sklearn" in name for name in names)


def test_the_picture_of_the_layers_is_drawn_from_the_table():
    drawn = runpy.run_path(str(ROOT / "docs" / "hooks" / "layers.py"))
    picture = ROOT / "docs" / "images" / "layers.svg"
    assert picture.read_text("utf-8") == drawn["svg"](), (
        "draw it anew: python docs/hooks/layers.py"
    )


def test_contributing_has_the_table():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    lines = re.findall(r"^\d+\. (`.*?)$(?=\n\d|\n\n)", text, re.M | re.S)
    assert [re.findall(r"`(\w+)`", line) for line in lines] == [
        list(names) for names in LAYERS
    ]
    of_tensorflow = text.partition("`tensorflow` is imported in ")[2]
    of_tensorflow = of_tensorflow.partition(";")[0]
    assert set(re.findall(r"`(\w+)`", of_tensorflow)) == TENSORFLOW


def test_tests_mirror_the_modules():
    """`tests/units/spin_test.py` tests `keras_rbm/units/spin.py`, and so on.

    Tests of the command stand in `tests/cli/`.
    """
    modules = {"keras_rbm", "presets/presets"}  # Both are an `__init__.py`.
    for folder, place in ((PACKAGE, ""), (COMMAND, "cli/")):
        for path in _files(f"{folder}/**/*.py"):
            name = path.relative_to(ROOT / folder).with_suffix("").as_posix()
            if not name.endswith("__init__"):
                modules.add(place + name)
    tests = {
        path.relative_to(ROOT / "tests").as_posix().removesuffix("_test.py")
        for path in _files("tests/**/*_test.py")
    }
    assert tests == (modules - {"version"}) | TOPICS


def test_a_class_of_models_is_abstract_or_final():
    """No class of `models/` inherits from one that can be made."""
    files = _files(f"{PACKAGE}/models/*.py")
    classes = {
        node.name: node
        for path in files
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    parents = {
        base.attr if isinstance(base, ast.Attribute) else base.id
        for node in classes.values()
        for base in node.bases
    } & classes.keys()
    assert parents == {
        "Completion",
        "Direct",
        "Layout",
        "MachineModel",
        "Metrics",
        "Trainer",
    }
    for name in parents:
        assert _is_abstract(classes[name], classes), name
    assert not parents & {"RBM", "ClassRBM", "DeepBoltzmannMachine"}


def _is_abstract(node, classes):
    """Whether a class leaves an abstract method open."""

    def methods(node):
        return {x.name: x for x in node.body if isinstance(x, ast.FunctionDef)}

    def chain(node):
        yield node
        for base in node.bases:
            name = base.attr if isinstance(base, ast.Attribute) else base.id
            if name in classes:
                yield from chain(classes[name])

    found = {}
    for part in reversed([*chain(node)]):
        found |= methods(part)
    return any(
        "abstractmethod" in ast.dump(decorator)
        for method in found.values()
        for decorator in method.decorator_list
    )


def test_every_fixed_use_of_a_stream_has_a_name():
    """`fold_in` takes a `Use`, or something that is counted."""
    found = []
    for path in _files(f"{PACKAGE}/**/*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in ast.walk(node)
            if isinstance(target, ast.Name)
            and isinstance(target.ctx, ast.Store)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args[1:]:
                continue
            function = node.func
            name = getattr(function, "attr", getattr(function, "id", ""))
            data = node.args[1]
            fixed = isinstance(data, ast.Constant) and data.value != 0
            named = isinstance(data, ast.Name) and data.id in constants
            if name == "fold_in" and (fixed or named):
                where = path.relative_to(ROOT).as_posix()
                found.append(f"{where}:{node.lineno}")
    assert not found, "a number that `random.Use` does not list: " + str(found)


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("../train.py", "import gin", "only keras_rbm_cli"),
        ("units/spin.py", "from keras_rbm import chains", "above `units`"),
        ("units/spin.py", "import keras_rbm.models.rbm", "above `units`"),
        ("gibbs.py", "from keras_rbm.gradients import center", "above `gibbs`"),
        ("models/rbm.py", "from keras_rbm.callbacks import a", "above"),
        ("models/rbm.py", "from keras_rbm import RBM", "`RBM` is no layer"),
        ("models/rbm.py", "import keras_rbm", "no layer"),
        ("data/mnist.py", "from keras_rbm import callbacks", "above `data`"),
        ("chains/base.py", "from . import persistent", "absolute"),
        ("chains/base.py", "from .persistent import A", "absolute"),
        ("gradients.py", "import tensorflow as tf", "not tensorflow"),
        ("plots.py", "from tensorflow.io import read_file", "not tensorflow"),
        ("experiment.py", "import gin", "only keras_rbm_cli"),
        ("experiment.py", "def run():\n    import gin", "only keras_rbm_cli"),
        ("experiment.py", "from gin import tf", "gin.tf"),
        ("newcomer.py", "", "`newcomer` has no place"),
        ("gibbs.py", "from keras_rbm_cli import main", "without the command"),
        ("__init__.py", "import gin", "only keras_rbm_cli"),
    ],
)
def test_the_checker_finds(path, source, complaint):
    path = f"{PACKAGE}/{path}".removeprefix(f"{PACKAGE}/../")
    (found,) = violations(path, source)
    assert complaint in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("keras_rbm/units/spin.py", "from keras_rbm import random"),
        ("keras_rbm/units/spin.py", "from keras_rbm.units.base import Units"),
        ("keras_rbm/models/rbm.py", "import tensorflow as tf"),
        ("keras_rbm/data/mnist.py", "from keras_rbm.data import idx"),
        ("keras_rbm/callbacks/a.py", "from keras_rbm import models, plots"),
        ("keras_rbm/__init__.py", "from keras_rbm.models import RBM"),
        (GIN, "import gin\nfrom keras_rbm import experiment"),
    ],
)
def test_the_checker_allows(path, source):
    assert not list(violations(path, source))
