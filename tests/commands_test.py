"""The commands that the pages show are ones that there are.

Those that train are read as the shell and the program would read them, with
their configs and bindings, but not run: many take minutes, or MNIST. Of other
scripts the names of the options are looked for.
"""

import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from unittest import mock

import gin
import keras
import pytest
from absl import flags
from absl.testing import flagsaver

from keras_rbm_cli import configuration, effects, folders, options, sweep

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
PYTHON = re.compile(r"^```python$.*?^```$", re.DOTALL | re.MULTILINE)
# Scripts, of Slurm and of Kubernetes.
FENCED = re.compile(r"^```\w+$(.*?)^```$", re.DOTALL | re.MULTILINE)
# What starts training, with the arguments that follow.
PROGRAM = re.compile(
    r"(?:^|.* )(?:python train\.py|keras-rbm(?:-gpu)?|run --rm train) (--.*)$"
)
# Configs that a page has the reader write, and what they include.
WRITTEN = {"mine.gin": "base.gin"}
# Those of the two data sets of Brack's code, and the settings of the other.
BRACK = {
    "bars_and_stripes.gin": "mnist.",
    "mnist_blog.gin": "bars_and_stripes.",
}


def name(page):
    return str(page.relative_to(ROOT))


def shown(page):
    """Lines of shell of a page, those that go on joined, and inline code."""
    text = re.sub(r"\\\n\s*", "", PYTHON.sub("", page.read_text()))
    scripts = "".join(FENCED.findall(text))
    inline = re.findall(r"`([^`]+)`", FENCED.sub("", text))
    return [
        *re.findall(r"^ {4,}(\S.*)$", FENCED.sub("", text), re.MULTILINE),
        # A script ends in a quote that began lines before.
        *(line.strip().removesuffix("'") for line in scripts.splitlines()),
        *(" ".join(code.split()) for code in inline),
    ]


def trainings():
    """Pages, and arguments of the program that they show."""
    for page in PAGES:
        for line in shown(page):
            found = PROGRAM.match(line)
            # A form, not a command; another program of the image.
            if found and '"..."' not in line and "--entrypoint" not in line:
                yield name(page), found[1]


def options_of_brack():
    """Rows of the table of Brack's options, and arguments that they show."""
    text = (ROOT / "docs" / "coming_from.md").read_text()
    for option, here in re.findall(r"^\| (`--.*) \| (.*) \|$", text, re.M):
        for arguments in re.findall(r"`(--[^` ]+ [^`]+)`", here):
            yield option, arguments


@pytest.fixture(scope="module", autouse=True)
def registered():
    configuration.register(gin, keras)


@pytest.fixture(autouse=True)
def forgotten():
    yield
    gin.clear_config()


def read(arguments, config=None):
    """Reads arguments as `train.py` does.

    Anything unknown is an error, and so is a setting without an effect.
    """
    gin.clear_config()

    # The files of --data are the reader's own.
    def own_data(name):
        readers = {"": "images", ".fasta": "family"}
        readers |= dict.fromkeys((".npz", ".npy", ".h5", ".mat"), "arrays")
        path = pathlib.Path(name)
        return path, readers.get(path.suffix, "table")

    table = mock.patch.object(folders, "own_data", own_data)
    with flagsaver.flagsaver(), table:
        words = shlex.split(arguments, comments=True)
        assert flags.FLAGS(["train.py", *words]) == ["train.py"]
        if options.DATA.value and not options.CONFIG.present:
            config = "table.gin"
        given = options.CONFIG.present or config is None
        wanted = options.CONFIG.value if given else config
        path = folders.find(WRITTEN.get(wanted, wanted))
        bindings = configuration.bindings()
        axes = sweep.axes(options.SWEEP.value)
        bound = [*configuration.names_bound(bindings), *axes]
        given = configuration.names_bound(options.SET.value)
        for point in sweep.points(axes):
            gin.clear_config()
            configuration.read(
                gin,
                path,
                [*bindings, *sweep.bindings(point)],
                options.DATA.value,
            )
            experiment = configuration.experiment_of(gin)
            training = options.MODE.value == "train"
            effects.check(
                gin,
                path,
                [*given, *axes],
                experiment,
                training,
                options.DATA.value,
            )
        for parameter in bound:
            configuration.check_name(gin, parameter)


@pytest.mark.parametrize(("page", "arguments"), sorted(set(trainings())))
def test_a_training_is_one_that_the_program_knows(page, arguments):
    read(arguments)


@pytest.mark.parametrize(("option", "arguments"), list(options_of_brack()))
def test_an_option_of_brack_has_a_counterpart(option, arguments):
    for config, other in BRACK.items():
        if other not in arguments:
            read(arguments, config)


def test_what_is_not_there_is_found():
    with pytest.raises(flags.Error, match="epoch_count"):
        read("--epoch_count 3")
    with pytest.raises(Exception, match=r"no config 'none\.gin'"):
        read("--config none.gin")
    with pytest.raises(ValueError, match="gin_factory"):
        read("--set RBM.gin_factory=1")
    with pytest.raises(ValueError, match=r"SGD\.momentum has no effect"):
        read("--set SGD.momentum=0.5 --set run.optimizer=@Adam")


def benchmarks():
    """Pages, and scripts with the arguments that they show."""
    for page in PAGES:
        for line in shown(page):
            found = re.search(r"python benchmarks/(\w+\.py)(.*)$", line)
            if found:
                yield name(page), *found.groups()
            found = re.search(r"BENCH=(\w+)", line)
            if found:
                yield name(page), f"{found[1]}.py", ""


def targets():
    """Pages, and targets of make that they show."""
    for page in PAGES:
        for line in shown(page):
            found = re.match(r"make ([a-z-]+)(?: |$)", line)
            if found:
                yield name(page), found[1]


def test_there_is_something_to_read():
    assert len(set(trainings())) > 50
    assert any("num_chains=96" in arguments for _, arguments in trainings())
    assert len(set(benchmarks())) > 10
    assert len(set(targets())) > 5


@pytest.mark.parametrize(
    ("page", "script", "arguments"), sorted(set(benchmarks()))
)
def test_a_benchmark_has_the_options_that_are_shown(page, script, arguments):
    source = (ROOT / "benchmarks" / script).read_text()
    for option in re.findall(r" (--\w+)", arguments):
        assert f'"{option}"' in source
    if script == "results.py" and arguments:  # Most are those of a training.
        read(re.sub(r"--(name|seeds) \S+", "", arguments))


@pytest.mark.parametrize(("page", "target"), sorted(set(targets())))
def test_a_target_of_make_is_there(page, target):
    found = re.findall(
        r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert target in found


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_replaces_an_environment_whose_interpreter_is_gone(tmp_path):
    for name in ("requirements.txt", "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    stamp = tmp_path / ".venv" / ".installed"
    for target, there in ((sys.executable, True), (tmp_path / "gone", False)):
        python.unlink(missing_ok=True)
        python.symlink_to(target)
        stamp.touch()
        done = subprocess.run(
            ["make", "--dry-run", "install"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert stamp.exists() == there
        assert ("Creating .venv" in done.stdout) != there
