"""The flags: what the command refuses, and how it ends."""

import pytest

from tests.cli import command


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("--config", "no_such"),
            "no config 'no_such'. Give a path, or one of",
        ),
        (("--set", "RBM.hiden = 3"), "hiden"),
        (
            ("--set", "runn.epochs = 3"),
            "there is no 'runn'; did you mean run.epochs?",
        ),
        (("--set", "RBM.hidden"), "--set wants a binding"),
        (("--set", "RBM.hidden = -3"), "`hidden` must be a positive integer"),
        (
            ("--set", "Adam.beta_1 = 0.5"),
            "Adam.beta_1 has no effect: a run of",
        ),
        (
            ("--config", "digits", "--set", "SGD.learning_rate = 0.5"),
            "has no effect: its value comes from run.learning_rate instead",
        ),
        (("surplus",), "unknown argument 'surplus'; see --help"),
        (
            ("--resume", "--output", "my run"),
            "--resume wants a value, such as --resume 'my run', but --output ",
        ),
        (
            ("--config", "mnist", "--data_dir", "/no/such/folder"),
            "/no/such/folder",
        ),
        (("--epochs", "many"), "epochs"),
        (("--epochs", "1.5"), "epochs"),
        (("--seed", "one"), "seed"),
        (("--mode", "dream"), "mode"),
        (("--no_such_flag", "3"), "no_such_flag"),
        (("--config",), "config"),
        (("--seed", "-1"), "seed"),
        (("--epochs", "0"), "epochs"),
        (("--set", "\0"), "--set wants a binding"),
    ],
)
def test_a_user_error_is_one_line(tmp_path, arguments, complaint):
    line = command.refused("--output", tmp_path / "run", *arguments)
    assert complaint in line
