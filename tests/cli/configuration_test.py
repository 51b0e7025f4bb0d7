"""Whatever a config says, train.py trains or tells what is wrong in a line."""

import contextlib
import io
import logging
import os
import pathlib
import subprocess
import sys

import pytest
from absl.testing import flagsaver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_rbm_cli import configuration, main
from tests import hostile

ROOT = pathlib.Path(__file__).parents[1]
EXAMPLES = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FAST = (
    'include "bars_and_stripes_4x4.gin"\n'
    "run.epochs = 1\nrun.steps_per_epoch = 1\nrun.log_likelihood_every = 0\n"
)


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """Calls `main.main` in this process; returns what it told."""
    folder = tmp_path_factory.mktemp("call")
    logger = logging.getLogger("keras_rbm")
    before = logger.propagate, logger.level
    gin, keras = configuration.libraries(folder / "import.log")
    for handler in logger.handlers:
        handler.close()
    logger.handlers.clear()

    def call(*arguments):
        screen = io.StringIO()
        with (
            gin.unlock_config(),
            flagsaver.flagsaver(),
            contextlib.redirect_stderr(screen),
            pytest.MonkeyPatch.context() as patch,
        ):
            gin.clear_config()
            patch.setattr(configuration, "libraries", lambda *_: (gin, keras))
            with pytest.raises(SystemExit) as stop:
                main.main(main.read(["train.py", *map(str, arguments)]))
        assert stop.value.code == 2
        (line,) = screen.getvalue().splitlines()
        assert line.startswith("train.py: error: ")
        assert not hostile.INSIDES.search(line), line
        assert len(line) < 4200
        return line

    yield call
    logger.propagate, logger.level = before


@pytest.fixture
def refused(call, tmp_path):
    """Calls the command with a config of this text."""

    def refused(text):
        config = tmp_path / "wrong.gin"
        config.write_bytes(text if isinstance(text, bytes) else text.encode())
        output = tmp_path / "run"
        line = call("--config", config, "--output", output)
        assert not (output / "model.keras").exists()
        for path in output.iterdir():
            path.unlink()
        return line

    return refused


NAMES = st.from_regex(r"[A-Za-z_]{1,8}", fullmatch=True)
WORDS = ("RBM", "run", "SGD", "TemperedChain", "bars_and_stripes")


@EXAMPLES
@given(owner=st.sampled_from(WORDS), name=NAMES, value=st.integers())
def test_unknown_arguments(refused, owner, name, value):
    assert name in refused(f"{FAST}{owner}.{name}x = {value}\n")


@EXAMPLES
@given(owner=NAMES, name=NAMES)
def test_unknown_owners(refused, owner, name):
    assert owner in refused(f"{FAST}{owner}x.{name} = 3\n")


@EXAMPLES
@given(name=NAMES)
def test_unknown_references(refused, name):
    assert name in refused(f"{FAST}run.data = @{name}x()\n")
    assert name in refused(f"{FAST}run.epochs = %{name}x\n")


NUMBERS = [
    "RBM.visible",
    "RBM.hidden",
    "PersistentChain.num_chains",
    "TemperedChain.num_betas",
    "run.epochs",
    "run.batch_size",
    "run.steps_per_epoch",
    "run.pictures_every",
    "run.checkpoint_updates",
    "run.checkpoint_minutes",
    "run.num_sweeps",
    "run.learning_rate",
    "run.optimizer",
    "run.seed",
    "RBM.seed",
    "seed",
    "RBM.inverse_temperature",
    "run.data",
    "run.model",
    "run.binarize",
    "bars_and_stripes.size",
]
VALUES = st.one_of(
    st.integers(max_value=-1),
    st.text(st.characters(codec="ascii", categories=["L"]), min_size=1),
    st.sampled_from([[], [1, 2], {}, {"a": 1}, (), 1e400, -1.5]),
).filter(lambda value: value not in ("none", "threshold", "stochastic"))


@pytest.mark.parametrize("name", NUMBERS)
@settings(EXAMPLES, max_examples=5)
@given(value=VALUES)
def test_wrong_types_and_values(refused, name, value):
    text = FAST
    if name.startswith("PersistentChain"):
        text += "RBM.chain = @PersistentChain()\n"
    line = refused(
        f"{text}{name} = {str(value) if value == 1e400 else value!r}"
    )
    told = {"num_sweeps": "schedule"}
    argument = name.rpartition(".")[2]
    assert told.get(argument, argument) in line


@EXAMPLES
@given(
    st.one_of(
        st.sampled_from(
            [
                b"",
                b"\n\n",
                b"# nothing\n",
                b"RBM.hidden",
                b"RBM.hidden =",
                b"= 3",
                b"RBM.hidden = (3",
                b"RBM.hidden = 'a",
                b"RBM.hidden = 3 4",
                b"include",
                b"include 3",
                b"include 'no_such.gin'",
                b"include 'wrong.gin'",
                b"import no_such_module",
                b"import os.no_such",
                b"\xff\xfe\x00",
                b"\x00" * 100,
                b"\x89PNG\r\n\x1a\n",
                b"RBM.hidden = __import__('os')",
                b"\t  RBM.hidden = 3",
                ("[" * 5000).encode(),
                ("RBM.hidden = " + "[" * 5000).encode(),
            ]
        ),
        st.binary(max_size=60),
    )
)
def test_what_is_no_config(refused, content):
    refused(content)


def test_no_files_where_files_are_wanted(call, tmp_path):
    (tmp_path / "file").write_text("")
    call("--config", tmp_path, "--output", tmp_path / "run")
    call("--config", "a" * 5000)
    call("--config", "a\0b")
    call("--config", "digits", "--output", tmp_path / "file")
    call("--config", "digits", "--output", tmp_path / "file" / "run")
    call("--config", "digits", "--output", tmp_path / ("a" * 5000))
    (tmp_path / "run" / "train.log").mkdir(parents=True)
    call("--config", "digits", "--output", tmp_path / "run")
    for name in ("model.keras", "operative_config.gin"):
        (tmp_path / "run" / name).write_bytes(b"junk")
    (tmp_path / "run" / "evaluate.log").mkdir()
    call("--mode", "evaluate", "--output", tmp_path / "run")
    if os.geteuid():
        (tmp_path / "closed").mkdir(mode=0)
        call("--config", "digits", "--output", tmp_path / "closed")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epochs", "many"),
        ("--epochs", "1.5"),
        ("--seed", "one"),
        ("--mode", "dream"),
        ("--no_such_flag", "3"),
        ("--config",),
        ("--seed", "-1"),
        ("--epochs", "0"),
        ("--set", "\0"),
    ],
)
def test_wrong_flags(call, tmp_path, arguments):
    call("--output", tmp_path / "run", *arguments)


def test_a_process_says_the_same(tmp_path):
    """Wrong flags, a config of junk, and a run that diverges."""
    (tmp_path / "junk.gin").write_bytes(bytes(range(256)))
    (tmp_path / "diverges.gin").write_text(
        FAST + "run.learning_rate = 1e38\nrun.steps_per_epoch = 20\n"
    )
    for arguments, complaint in (
        (("--epochs", "many"), "epochs"),
        (("--config", "junk.gin"), "junk.gin"),
        (("--config", "diverges.gin"), "Training diverged: by update"),
    ):
        done = subprocess.run(
            [sys.executable, ROOT / "train.py", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith("train.py: error: ")
        assert complaint in line
        assert "Traceback" not in done.stdout
