"""The names of bindings, as read from the sources."""

import inspect
import os
import subprocess
import sys

import keras
import pytest

from keras_rbm_cli import configuration, folders, names
from keras_rbm_cli.errors import UserError
from tests.cli import command


def test_they_are_those_that_gin_knows():
    registered = []

    class Gin:
        external_configurable = registered.append

    configuration.register(Gin, keras)
    assert len(registered) > 80
    for thing in registered:
        found = names.known()[thing.__name__]
        functions = [thing]
        if isinstance(thing, type):
            functions = [
                vars(part)["__init__"]
                for part in inspect.getmro(thing)
                if "__init__" in vars(part) and part is not object
            ]
        if not functions:  # Without arguments, such as `Zeros`.
            assert not found.types, thing
            continue
        first = inspect.signature(functions[0]).parameters
        own = {
            name
            for name, p in first.items()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        } - {"self"}
        assert own <= set(found.types) or not found.complete, thing
        takes_all = any(
            p.kind == inspect.Parameter.VAR_KEYWORD for p in first.values()
        )
        if not takes_all and isinstance(thing, type):
            assert set(found.types) == own, thing


def test_all_bindings_of_all_configs_are_known():
    for config in folders.CONFIGS.glob("*.gin"):
        macros, imports = names._macros(config)
        assert not imports
        assert "seed" in macros
        for line in config.read_text().splitlines():
            found = names._BINDING.fullmatch(line.partition("#")[0])
            if not found or line[0] in " #":
                continue
            name, text = found.groups()
            wanted = names.check_name("--set", name, macros)
            if text.count("(") == text.count(")") and text.strip()[-1:] not in (
                *("[", "{", "(", "\\", ""),
            ):
                names.check_value("--set", name, text.strip(), wanted)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RBM.hiden", "RBM has no argument 'hiden'; did you mean RBM.hidden?"),
        ("run.epoch", "run has no argument 'epoch'; did you mean run.epochs?"),
        ("RMB.hidden", "there is no 'RMB'; did you mean RBM.hidden?"),
        ("SGD.momentun", "did you mean SGD.momentum?"),
        ("sed", "the config has no macro 'sed'; did you mean seed?"),
    ],
)
def test_the_nearest_is_suggested(name, words):
    with pytest.raises(UserError) as error:
        names.check_name("--set", name, {"seed"})
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("run.epochs", "many", "of type int | None; text needs quotes"),
        (
            "run.epochs",
            '"many"',
            "run.epochs wants a value, of type int | None",
        ),
        ("run.resume", "3", "run.resume wants a value, of type bool"),
        ("run.optimizer", "Adam", "run.optimizer=@Adam"),
        ("RBM.hidden", "[1,", "a Python literal, of type units.Units | int"),
    ],
)
def test_a_wrong_value_names_the_binding_and_the_type(name, text, words):
    wanted = names.check_name("--set", name)
    with pytest.raises(UserError) as error:
        names.check_value("--set", name, text, wanted)
    assert words in str(error.value)
    assert "ast." not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.epochs", "5"),
        ("run.epochs", "%epochs"),
        ("run.learning_rate", "@linear_decay"),
        ("run.figures", "[@Restoration(), @Dreams()]"),
        ("run.checkpoint_updates", "None"),
        ("run.checkpoint_minutes", "2"),
        ("run.num_sweeps", "{0: 1, 0.5: 2}"),
    ],
)
def test_values_that_fit(name, text):
    names.check_value("--set", name, text, names.check_name("--set", name))


def test_a_digest_is_of_all_texts(tmp_path, monkeypatch):
    config, base = tmp_path / "mine.gin", folders.CONFIGS / "base.gin"
    config.write_text('include "base.gin"\nRBM.hidden = 3\n')
    first = names.digest(config)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.gin").write_bytes(base.read_bytes())
    assert names.digest(config) == first
    (tmp_path / "base.gin").write_text("seed = 1\n")
    second = names.digest(config)
    config.write_text('include "base.gin"\nRBM.hidden = 4\n')
    assert len({first, second, names.digest(config)}) == 3


def test_a_wrong_start_leaves_no_folder(tmp_path):
    output = tmp_path / "run"
    for arguments in (
        ("--set", "RBM.hiden=5"),
        ("--set", "RBM.hidden=abc"),
        ("--set", "RBM.hidden=-1"),  # Only the model refuses it.
        ("--config", "digit.gin"),
        ("--sweep", "RBM.hiden=[5]"),
        ("--sweep", "RBM.hidden=[5]", "--set", "run.epoch=3"),
    ):
        line = command.refused("--output", output, *arguments)
        assert not output.exists(), line
    line = command.refused("--output", output, "--config", "digit.gin")
    assert "Did you mean digits.gin?" in line


def test_a_wrong_start_of_a_network_can_be_repeated(tmp_path):
    """Its config has been written when a layer refuses its arguments."""
    config, empty = tmp_path / "mine.gin", tmp_path / "empty"
    config.write_text("""
        include "base.gin"
        pretrain.model = @DeepBeliefNetwork()
        pretrain.data = @bars_and_stripes()
        pretrain.train = @run
        DeepBeliefNetwork.rbms = [@RBM()]
        RBM.visible = 16
        RBM.hidden = 3
        run.batch_size = 0
    """)
    empty.mkdir()
    for output in (tmp_path / "new", empty):
        for _ in range(2):
            line = command.refused("--config", config, "--output", output)
            assert "`batch_size` must be" in line
    assert not (tmp_path / "new").exists()
    assert [path.name for path in empty.iterdir()] == ["train.log"]


def test_a_folder_of_the_user_stays(tmp_path):
    (tmp_path / "notes.log").write_text("mine")
    command.refused("--output", tmp_path, "--set", "RBM.hidden=-1")
    assert (tmp_path / "notes.log").read_text() == "mine"


def test_it_is_quick_and_imports_no_tensorflow(tmp_path):
    code = (
        "import sys; sys.argv[1:] = ['--set=RBM.hiden=5', '--output=run'];"
        "from keras_rbm_cli import main\n"
        "try: main.console()\n"
        "finally: assert 'tensorflow' not in sys.modules"
    )

    def spent():
        """Processor time of the processes that have ended."""
        return sum(os.times()[2:4])

    seconds = []
    for _ in range(2):  # The first may write .pyc files.
        begin = spent()
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds.append(spent() - begin)
    assert done.returncode == 2
    assert "did you mean RBM.hidden?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
    assert min(seconds) < 2
