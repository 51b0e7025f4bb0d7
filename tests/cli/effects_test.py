"""Settings without an effect on a run are refused."""

import contextlib
import re

import gin
import pytest

from keras_rbm_cli import configuration, effects, folders
from tests.cli import command

ALONE = """
include "base.gin"
run.data = @bars_and_stripes()
RBM.visible = 16
RBM.hidden = 2
"""
FIGURES = "run.figures = [@Dreams(), @small/Restoration()]\n"
TABLE = """
run.data = @table()
table.schema = {"a": @Positive(), "b": @Category()}
"""
NUM_UPDATES = "linear_decay.num_updates"
DECAY = "run.learning_rate = @linear_decay\n"
RATINGS = """
include "movielens.gin"
train_ratings.evaluation = @rating_errors
"""
MACRO = """
adam = @Adam
run.optimizer = %adam
run.learning_rate = None
chain = @PersistentChain()
RBM.chain = %chain
"""
STACK = """
include "mnist_dbm.gin"
linear_decay.initial_learning_rate = 0.1
lower_half/run.epochs = 3
"""


@pytest.fixture
def check(tmp_path):
    """Has gin read a config and a setting, and checks that."""

    def check(text, name, **kwargs):
        config = tmp_path / "mine.gin"
        config.write_text(text)
        gin.clear_config()
        gin.add_config_file_search_path(str(folders.CONFIGS))
        gin.parse_config(f"{text}\n{name} = 1")
        experiment = configuration.experiment_of(gin)
        effects.check(gin, config, [name], experiment, **kwargs)

    yield check
    gin.clear_config()


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("", "run.epochs", None),
        (
            "RBM.chain = @ExactChain()",
            "PersistentChain.num_chains",
            "does not use",
        ),
        (
            "run.optimizer = @Adam",
            "SGD.momentum",
            "an argument that it uses to @SGD$",
        ),
        ("run.optimizer = @Adam", "Adam.beta_1", None),
        ("import json", "Adam.beta_1", None),  # It could call anything.
        # The rate is one of the run.
        ("", "SGD.learning_rate", r"comes from run\.learning_rate instead"),
        ("run.learning_rate = None", "SGD.learning_rate", None),
        ("off = None\nrun.learning_rate = %off", "SGD.learning_rate", None),
        ("on = 0.1\nrun.learning_rate = %on", "SGD.learning_rate", "run"),
        ("", "run.learning_rate", None),
        # The length of a decay is the length of the run.
        (DECAY, "linear_decay.initial_learning_rate", None),
        (DECAY, NUM_UPDATES, "comes from the length of the run"),
        (f"{DECAY}run.learning_rate = @linear_decay()", NUM_UPDATES, None),
        (
            f"{DECAY}rate = @linear_decay\nrun.learning_rate = %rate",
            NUM_UPDATES,
            "comes from the length of the run",
        ),
        (RATINGS, "hold_then_linear_decay.num_updates", "length of the run"),
        (RATINGS, "RatingsRBM.hidden", None),
        (RATINGS, "RatingsRBM.num_items", "comes from the data instead"),
        (RATINGS, "rating_errors.held_out", "comes from the run instead"),
        ("", "run.resume", "comes from the flags"),
        (FIGURES, "Dreams.num_sweeps", None),
        (FIGURES, "small/Restoration.num_sweeps", None),
        (
            f"{FIGURES}small/Restoration.num_sweeps = 7",
            "Restoration.num_sweeps",
            r"comes from small/Restoration\.num_sweeps instead",
        ),
        (TABLE, "Positive.scale", None),
        (TABLE, "Count.most", "does not use @Count"),
        ("", "large/run.seed", r"comes from run\.seed instead"),
        # For `--mode evaluate` and `--mode figures`.
        ("", "evaluate.num_betas", None),
        ("", "draw.seed", None),
        ("run.evaluation = @quick/evaluate", "quick/evaluate.num_betas", None),
        (
            "run.evaluation = @quick/evaluate",
            "quick/evaluate.binarize",
            r"comes from run\.binarize instead",
        ),
        # gin calls a function of a macro in the scope of its caller, and a
        # reference with parentheses in the scope of the macro.
        ("", "seed", None),
        ("unused = 3", "unused", "does not use %unused. Remove the setting"),
        (MACRO, "adam", None),
        (MACRO, "Adam.beta_1", None),
        (f"{MACRO}adam/Adam.beta_1 = 0.3", "Adam.beta_1", None),
        (MACRO, "adam/Adam.beta_1", "comes from|does not use"),
        (MACRO, "chain/PersistentChain.num_chains", None),
        (STACK, "linear_decay.initial_learning_rate", None),
        (STACK, "half/linear_decay.initial_learning_rate", None),
        (STACK, "lower_half/run.epochs", None),
        (STACK, "RBM.hidden", "run of mine.gin does not use @RBM"),
        (STACK, "run.model", r"comes from train_jointly\.model instead"),
        (STACK, "run.updates", None),
        (
            f"{STACK}run.num_samples = 5\nupper_half/run.num_samples = 6\n",
            "other/run.num_samples",
            r"comes from run\.num_samples and upper_half/run\.num_samples ",
        ),
    ],
)
def test_a_setting_without_an_effect(check, text, name, reason):
    text = text if text == STACK or text.startswith(STACK) else ALONE + text
    complaint = contextlib.nullcontext()
    if reason is not None:
        words = f"^{re.escape(name)} has no effect: .*{reason}"
        complaint = pytest.raises(ValueError, match=words)
    with complaint:
        check(text, name)


def test_the_arguments_of_run_count_for_other_modes(check):
    check(STACK, "run.data", training=False)
    with pytest.raises(ValueError, match="has no effect"):
        check(STACK, "run.data")


def test_the_units_follow_from_the_file_of_data(check):
    check(ALONE, "Gaussian.precision", data="mine.npy")
    with pytest.raises(ValueError, match="has no effect"):
        check(ALONE, "Gaussian.precision")


def test_epochs_are_refused_where_each_layer_has_its_own(tmp_path):
    config = tmp_path / "mine.gin"
    own = [f"layer_{number}/run.epochs = 7" for number in (1, 2, 3)]
    config.write_text("\n".join(['include "mnist_dbn.gin"', *own]))
    line = command.refused(
        *("--config", config, "--epochs", 3, "--output", tmp_path / "run")
    )
    assert (
        "run.epochs has no effect: its value comes from layer_1/run.ep" in line
    )
    assert not (tmp_path / "run").exists()


def test_what_an_evaluation_does_not_use_is_refused(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.keras").write_bytes(b"")
    (run / "operative_config.gin").write_text(ALONE.replace("base", "digits"))
    line = command.refused(
        *("--mode", "evaluate", "--output", run, "--set", "Adam.beta_1=0.5")
    )
    assert "Adam.beta_1 has no effect" in line
