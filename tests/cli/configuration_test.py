"""Whatever a config says, the command trains, or reports an error in a line."""

import gin
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import keras_rbm
from keras_rbm_cli import configuration, folders
from tests import hostile
from tests.cli import command

EXAMPLES = settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEMPERED = """
include "bars_and_stripes_4x4.gin"
run.epochs = 1
run.steps_per_epoch = 1
run.log_likelihood_every = 0
PersistentChain.num_chains = 2
RBM.hidden = 2
"""
FAST = TEMPERED + "PersistentChain.sampler = None\n"


@pytest.fixture
def refused(tmp_path):
    """Calls the command with a config of this text."""

    def refused(text):
        config = tmp_path / "wrong.gin"
        config.write_bytes(text if isinstance(text, bytes) else text.encode())
        output = tmp_path / "run"
        line = command.refused("--config", config, "--output", output)
        assert not hostile.INSIDES.search(line), line
        assert len(line) < 4200
        assert not output.exists()
        return line

    return refused


@pytest.fixture
def reading():
    """Has gin read a config of this text."""

    def read(text):
        gin.clear_config()
        gin.add_config_file_search_path(str(folders.CONFIGS))
        gin.parse_config(text)

    yield read
    gin.clear_config()


def test_the_former_class_of_tempered_chains_is_a_name_still(reading):
    reading(
        'include "bars_and_stripes_4x4.gin"\n'
        "RBM.chain = @TemperedChain()\n"
        "TemperedChain.num_chains = 7\nTemperedChain.num_betas = 4\n"
    )
    with pytest.warns(DeprecationWarning, match="TemperedChain"):
        model = gin.get_configurable("RBM")()
    assert model.chain.num_chains == 7
    assert model.chain.sampler == keras_rbm.Tempered(num_betas=4)
    configuration.check_name(gin, "TemperedChain.num_betas")
    with pytest.raises(ValueError, match="no argument 'num_beta'"):
        configuration.check_name(gin, "TemperedChain.num_beta")


@pytest.mark.parametrize(
    "name",
    [
        *("Chain", "Sampler", "Units", "MachineModel", "Optimizer"),
        *("Constraint", "Initializer", "LearningRateSchedule", "Regularizer"),
    ],
)
def test_what_is_for_subclassing_has_no_name(reading, name):
    with pytest.raises(ValueError, match=f"matching '{name}'"):
        reading(f"{name}.seed = 3")


NAMES = st.from_regex(r"[A-Za-z_]{1,8}", fullmatch=True)
WORDS = ("RBM", "run", "SGD", "Tempered", "bars_and_stripes")


@EXAMPLES
@given(owner=st.sampled_from(WORDS), name=NAMES, value=st.integers())
def test_unknown_arguments(refused, owner, name, value):
    text = TEMPERED if owner == "Tempered" else FAST
    assert name in refused(f"{text}{owner}.{name}x = {value}\n")


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
    "Tempered.num_betas",
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


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1, "abc", [1, 2], {"a": 1}, 1e400])
def test_wrong_types_and_values(refused, name, value):
    text = TEMPERED if name.startswith("Tempered.") else FAST
    line = refused(
        f"{text}{name} = {str(value) if value == 1e400 else value!r}"
    )
    other_names = {"num_sweeps": "schedule"}
    argument = name.rpartition(".")[2]
    assert other_names.get(argument, argument) in line


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


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("run.data = @mnist()", True),
        ("run.data = @categorical()\ncategorical.data = @mnist()", True),
        ("data = @mnist()\nrun.data = %data", True),
        ("run.data = @digits()", False),
        ("run.data = @arrays()\narrays.name = 'mnist'", False),
    ],
)
def test_a_data_dir_that_nothing_reads_is_refused(reading, text, used):
    reading(text)
    configuration.check_data_dir(gin, "mine.gin", None)
    if used:
        configuration.check_data_dir(gin, "mine.gin", "/data")
        return
    with pytest.raises(ValueError, match=r"--data_dir must be left out"):
        configuration.check_data_dir(gin, "mine.gin", "/data")
