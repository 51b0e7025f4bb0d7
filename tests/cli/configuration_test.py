"""Whatever a config says, the command trains, or reports an error in a line."""

import sys

import gin
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import sparse

import keras_rbm
from keras_rbm import Bernoulli, Softmax, Spin
from keras_rbm_cli import configuration, folders, screen
from keras_rbm_cli.errors import UserError
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


def test_a_missing_library_is_a_user_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with screen.own_log(), pytest.raises(UserError, match="install the pack"):
        configuration.libraries(tmp_path / "log")


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


def test_the_code_of_a_config_may_read_a_data_dir(reading, tmp_path):
    reading("run.data = @digits()")
    config = tmp_path / "mine.gin"
    config.write_text("import math\nrun.data = @digits()\n")
    configuration.check_data_dir(gin, config, "/data")


def test_training_refuses_a_data_dir_that_nothing_reads(tmp_path):
    output = tmp_path / "run"
    line = command.refused("--data_dir", tmp_path, "--output", output)
    assert "--data_dir must be left out" in line
    assert not output.exists()


def test_a_description_has_what_later_calls_use(reading):
    reading("""
        seed = 3
        betas = 500
        evaluate.num_betas = %betas
        evaluate.data = @some/bars_and_stripes()
        bars_and_stripes.size = 3
        some/bars_and_stripes.patterns = "first"
        some/bars_and_stripes.num_patterns = 4
        run.evaluation = @quick/evaluate
        quick/evaluate.num_samples = 3
        draw.data = @distinct/bars_and_stripes()
        distinct/bars_and_stripes.patterns = "distinct"
        run.epochs = 3
    """)
    data = gin.get_bindings("evaluate")["data"]  # Now used, unlike the others.
    assert len(data.train) == 4
    found = configuration.describe(gin)
    assert found.count("\nbars_and_stripes.size = 3") == 1
    assert "epochs" not in found  # No later call uses it.
    # The command needs it, even if nothing refers to it.
    assert found.count("\nseed = 3") == 1
    reading(found)
    assert configuration.seed(gin) == 3
    assert gin.get_bindings("evaluate")["num_betas"] == 500
    assert len(gin.get_bindings("evaluate")["data"].train) == len(data.train)
    assert gin.get_bindings("quick/evaluate")["num_samples"] == 3
    assert len(gin.get_bindings("draw")["data"].train) == 2 * 2**3 - 2


def test_a_begun_run_may_lack_a_seed_that_nothing_uses(reading):
    reading("run.seed = 5")
    with pytest.raises(ValueError, match=r"must bind `seed`.*seed=None"):
        configuration.seed(gin)
    configuration.restore_seed(gin)
    assert configuration.seed(gin) == 0
    reading("seed = 7")
    configuration.restore_seed(gin)
    assert configuration.seed(gin) == 7


# What --data binds: the reader, the visible units, and bits of grey values.


@pytest.fixture
def bound():
    """Function that reads table.gin for some data; returns what is bound."""

    def read(path, *bindings):
        with flagsaver.flagsaver():
            settings = [f"--set={binding}" for binding in bindings]
            flags.FLAGS(["train.py", f"--data={path}", *settings])
            gin.clear_config()
            config = folders.config_to_train()
            own = configuration.bindings()
            configuration.read(gin, config, own, str(path))
            found = configuration.fit_to_data(gin)
            assert found.validation is not None
            assert found.test is not None
        model = gin.get_bindings("RBM")["visible"]
        return model, gin.get_bindings("run", resolve_references=False)

    with gin.unlock_config():
        yield read
    gin.clear_config()


SPINS = np.where(np.random.default_rng(0).random((20, 6)) < 0.5, -1, 1)


@pytest.mark.parametrize(
    ("x", "bindings", "units", "binarize"),
    [
        (SPINS, [], Spin(6), None),
        (SPINS > 0, [], 6, None),
        (abs(SPINS) * 0.5, [], 6, "stochastic"),
        (abs(SPINS) * 0.5, ['run.binarize="threshold"'], 6, "threshold"),
        (SPINS + 1, ["arrays.categories=3"], Softmax(6, 3), None),
        (SPINS, ["RBM.visible=7"], 7, None),
    ],
)
def test_the_units_follow_from_the_values(
    bound, tmp_path, x, bindings, units, binarize
):
    np.save(tmp_path / "x.npy", x)
    visible, run = bound(tmp_path / "x.npy", *bindings)
    assert visible == units
    assert run.get("binarize") == binarize


def test_sparse_files_and_pictures(bound, tmp_path):
    sparse.save_npz(tmp_path / "x.npz", sparse.csr_array(SPINS > 0))
    assert bound(tmp_path / "x.npz")[0] == 6
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        grey = np.full((4 + number, 5), 100 + number, "uint8")
        Image.fromarray(grey).save(folder / f"{number}.png")
    visible, run = bound(
        folder,
        "images.image_shape=(3, 3)",
        "images.validation_size=1",
        "images.test_size=1",
    )
    assert visible == Bernoulli(9).size
    assert run["binarize"] == "stochastic"
    assert "images" in str(run["data"])


def test_the_reader_of_a_file(tmp_path, parsed):
    (tmp_path / "mine.csv").write_text("job,height\na,170.5\nb,160.0\n")
    (tmp_path / "bits.csv").write_text("a,b\n0,1\n1,0\n")
    config = folders.find("table.gin")
    parsed(config, data=str(tmp_path / "bits.csv"))
    assert not configuration.takes_table(gin)
    assert gin.query_parameter("arrays.path") == str(tmp_path / "bits.csv")
    parsed(config, data=str(tmp_path / "mine.csv"))
    assert configuration.takes_table(gin)
    assert gin.query_parameter("table.path") == str(tmp_path / "mine.csv")
    assert gin.query_parameter("table.test_size") == 0.1
    # A config that asks for it gets a table of bits, too.
    parsed(config, "run.data = @table()", data=str(tmp_path / "bits.csv"))
    assert configuration.takes_table(gin)
    assert gin.query_parameter("table.path") == str(tmp_path / "bits.csv")
    assert gin.get_configurable("RBM")().visible == Bernoulli(2)


def test_networks_bind_their_own_data(tmp_path, parsed):
    with pytest.raises(UserError, match=r"pretrain\.data=@arrays"):
        parsed(folders.find("mnist_dbn.gin"), data=str(tmp_path))
