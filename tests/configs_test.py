"""Every config in configs/ parses, and trains for two updates.

The updates are made eagerly, which takes less time than a compilation does.
The slow tests make them as a user's run does, compiled, and of all configs.
"""

import contextlib
import math
import pathlib

import gin
import keras
import numpy as np
import pytest

from keras_rbm import data, sequences
from keras_rbm.models import MachineModel
from keras_rbm_cli import configuration
from keras_rbm_cli.folders import CONFIGS
from tests import eager

ROOT = pathlib.Path(__file__).parents[1]
NAMES = sorted(path.stem for path in CONFIGS.glob("*.gin"))
# What `--data` binds for table.gin.
TABLE = ["arrays.path = 'none.npz'", "RBM.visible = 16"]
# And for protein.gin; smaller, too.
PROTEIN = [
    "RBM.visible = @Softmax()",
    "Softmax.size = 6",
    "Softmax.categories = 21",
    "RBM.hidden = 3",
    "PersistentChain.num_chains = 20",
    "run.updates = None",
    "FamilyFigures.num_samples = 20",
    "FamilyFigures.num_sweeps = 2",
]


@pytest.fixture(scope="module", autouse=True)
def registered():
    configuration.register(gin, keras)

    @gin.configurable
    def made_up(width=gin.REQUIRED, num_classes=0):
        draws = np.random.default_rng(0).random((300, width))
        x = (draws < 0.3).astype("float32")
        shape = (math.isqrt(width),) * 2
        if num_classes:
            labels = np.arange(300) % num_classes
            x, shape = data.with_labels(x, labels, num_classes), None
        return data.Data("made-up", x, x[:20], x[:20], image_shape=shape)

    gin.add_config_file_search_path(str(CONFIGS))
    return made_up


@pytest.fixture(autouse=True)
def clear():
    gin.clear_config()
    yield
    gin.clear_config()


@pytest.fixture(
    params=["eagerly", pytest.param("by_xla", marks=pytest.mark.slow)]
)
def trained(request):
    """How the updates are made."""
    eagerly = request.param == "eagerly"
    with eager.updates() if eagerly else contextlib.nullcontext():
        yield request.param


# What they are for, and where the runs of their layers are.
STACKS = {
    "mnist_dbn": ("pretrain", ".", 3),
    "mnist_finetune": ("finetune", "pretraining", 3),
    "mnist_dbm": ("train_jointly", "pretraining", 2),
}
OTHERS = [name for name in NAMES if name not in ("base", "movielens", *STACKS)]
# These configs train in `make test`, besides digits.gin and table.gin, which
# train_test.py and cli/tables_test.py train. `make test-all` trains all.
QUICK = ["mnist_class_discriminative", "protein"]


@pytest.mark.parametrize("name", STACKS)
def test_what_a_stack_is_for(name):
    gin.parse_config_file(f"{name}.gin")
    assert configuration.experiment_of(gin) == STACKS[name][0]


def read_stack(name):
    """Reads the config of a stack, with small layers and two updates."""
    gin.parse_config_file(f"{name}.gin")
    experiment_name = STACKS[name][0]
    gin.parse_config(
        [
            f"{experiment_name}.data = @made_up()",
            "made_up.width = 784",
            f"made_up.num_classes = {10 * (name == 'mnist_finetune')}",
            "run.epochs = 1",
            *(f"{half}_half/run.epochs = 1" for half in ("lower", "upper")),
            "run.steps_per_epoch = 2",
            "run.log_likelihood_every = 0",
            "finetune.epochs = 1",
            # Wide layers take long to compile for so few updates.
            "RBM.hidden = 20",
            "RBM.visible = 20",
            "DeepBoltzmannMachine.hidden = 20",
            "DeepBoltzmannMachine.top = 20",
        ]
    )


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("name", STACKS)
def test_a_stack_trains(name, tmp_path):
    read_stack(name)
    experiment_name, folder, num_layers = STACKS[name]
    found = gin.get_configurable(experiment_name)(
        output=str(tmp_path), describe=gin.config_str
    )
    for number in range(1, num_layers + 1):
        layer = tmp_path / folder / f"layer-{number}"
        assert (layer / "model.keras").exists()
    text = (tmp_path / "operative_config.gin").read_text()
    assert "run.steps_per_epoch = 2" in text
    if name == "mnist_finetune":
        assert 0 <= found["train_error"] <= 1
    elif name == "mnist_dbm":
        assert np.isfinite(found.history["loss"]).all()
        assert "features = 784" in text
    else:
        assert len(found) == 3


def test_ratings_train(tmp_path):
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((20, 6)) < 0.7)
    stars = rng.integers(1, 6, len(users))
    table = np.stack([users, items, stars, np.arange(len(users))], axis=1)
    np.savetxt(tmp_path / "u.data", table, "%d", "\t")
    gin.parse_config_file("movielens.gin")
    assert configuration.experiment_of(gin) == "train_ratings"
    gin.parse_config(
        [
            f"movielens.data_dir = '{tmp_path}'",
            "train_ratings.epochs = 1",
            "RatingsRBM.hidden = 2",
        ]
    )
    configuration.check_data_dir(gin, "movielens.gin", str(tmp_path))
    with eager.updates():
        found = gin.get_configurable("train_ratings")(
            output=str(tmp_path / "run"), describe=gin.config_str
        )
    assert found["test"]["rmse"] > 0
    assert "ndcg@10" in found["test"]
    text = (tmp_path / "run" / "operative_config.gin").read_text()
    assert "train_ratings.epochs = 1" in text


def read(name, folder):
    """Reads a config, with a small set of data and two updates.

    Returns:
        The settings of the widths of the visible and of the hidden side, and
        that of the visible one.
    """
    gin.parse_config_file(f"{name}.gin")
    if name == "table":
        gin.parse_config(TABLE)
    if name == "protein":
        codes = np.random.default_rng(0).integers(21, size=(200, 6))
        path = folder / "family.fasta"
        sequences.write_fasta(path, sequences.Alignment(codes))
        gin.parse_config([*PROTEIN, f"family.path = {str(path)!r}"])
    visible, hidden, num_classes = "RBM.visible", "RBM.hidden", 0
    model = gin.query_parameter("run.model").selector
    if model.endswith("ClassRBM"):
        visible, hidden = "ClassRBM.features", "ClassRBM.hidden"
        num_classes = gin.query_parameter("ClassRBM.num_classes")
    width = gin.query_parameter(visible)
    if isinstance(width, int):  # Other units have data of their own.
        gin.parse_config(
            [
                "run.data = @made_up()",
                f"made_up.width = {width}",
                f"made_up.num_classes = {num_classes}",
            ]
        )
    gin.parse_config(
        [
            "run.epochs = 1",
            "run.steps_per_epoch = 2",
            "Restoration.num_sweeps = 2",
            "Dreams.num_sweeps = 2",
            "Dreams.sweeps_per_frame = 2",
            "Inpainting.num_sweeps = 2",
            "Animation.num_frames = 3",
        ]
    )
    return visible, hidden, width


class Begins(Exception):
    """Training would begin."""


@pytest.fixture
def taken(monkeypatch):
    """The arguments of the first `fit`, which raises `Begins`."""
    found = {}

    def fit(self, *args, **kwargs):
        found.update(kwargs, model=self)
        raise Begins

    monkeypatch.setattr(MachineModel, "fit", fit)
    return found


@pytest.mark.parametrize("name", STACKS)
def test_the_settings_of_a_stack_are_taken(name, tmp_path, taken):
    """Up to the first update of the first layer."""
    read_stack(name)
    with pytest.raises(Begins):
        gin.get_configurable(STACKS[name][0])(
            output=str(tmp_path), describe=gin.operative_config_str
        )
    assert (taken["epochs"], taken["steps_per_epoch"]) == (1, 2)
    assert taken["model"].visible.width == 784
    assert taken["model"].hidden.width == 20


@pytest.mark.parametrize("name", OTHERS)
def test_the_settings_of_a_config_are_taken(name, tmp_path, taken):
    """All of them, up to the first update: at the sizes of the config."""
    visible, _, width = read(name, tmp_path)
    with pytest.raises(Begins):
        gin.get_configurable("run")(
            output=str(tmp_path / "run"), describe=gin.operative_config_str
        )
    text = (tmp_path / "run" / "operative_config.gin").read_text()
    assert f"{visible} = {width}" in text
    assert (taken["epochs"], taken["steps_per_epoch"]) == (1, 2)
    assert taken["model"].optimizer is not None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in OTHERS
    ],
)
def test_a_config_trains(name, trained, tmp_path):
    visible, hidden, width = read(name, tmp_path)
    if trained == "eagerly" and isinstance(width, int) and width > 256:
        # Annealing takes thousands of sweeps, which a wide machine makes slow.
        # Machines of one size share what is compiled for their pictures.
        gin.parse_config(
            [
                "run.log_likelihood_every = 0",
                f"{hidden} = 16",
                "PersistentChain.num_chains = 20",
            ]
        )
    history = gin.get_configurable("run")(
        output=str(tmp_path), describe=gin.operative_config_str
    )
    assert all(np.isfinite(v).all() for v in history.history.values())
    text = (tmp_path / "operative_config.gin").read_text()
    assert f"{visible} = {width}" in text
    assert "run.epochs = 1" in text


@pytest.mark.slow
def test_whitened_digits_are_learned(tmp_path):
    """Two updates cannot tell: small weights would go back to 0."""
    gin.parse_config_file("digits_gaussian.gin")
    gin.parse_config("run.epochs = 3")
    history = gin.get_configurable("run")(output=str(tmp_path))
    # 0.36 after three epochs; 1 without features.
    assert history.history["val_reconstruction_error"][-1] < 0.6


def test_the_guide_lists_every_config():
    guide = (ROOT / "docs" / "guides" / "configs.md").read_text()
    for name in NAMES:
        if name != "base":
            assert f"| `{name}.gin` |" in guide
