"""What --data binds: the reader, the visible units, and bits of grey values."""

import gin
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from PIL import Image
from scipy import sparse

from keras_rbm import Bernoulli, Softmax, Spin
from keras_rbm_cli import configuration, folders
from tests.cli import command


@pytest.fixture(autouse=True, scope="module")
def registered():
    command.register()


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
            assert (found.validation is None, found.test is None) == (
                False,
            ) * 2
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
