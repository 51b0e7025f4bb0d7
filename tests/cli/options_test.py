"""The flags, and `options.of`, which replaces them for a while."""

import contextlib

import pytest
from absl import flags
from absl.testing import flagsaver

from keras_rbm_cli import options

DEFAULTS = {
    "mode": "train",
    "config": "digits.gin",
    "set": [],
    "data_dir": None,
    "data": None,
    "output": None,
    "resume": None,
    "seed": None,
    "strategy": "auto",
    "epochs": None,
    "sweep": [],
    "self_test": False,
    "help": False,
}


@pytest.fixture(autouse=True)
def given():
    """The flags of the whole command, and a look at them afterwards."""
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", "--set=a = 1", "--epochs=4"])
        yield
        assert values() == DEFAULTS | {"set": ["a = 1"], "epochs": 4}
        assert options.EPOCHS.present
        assert not options.SEED.present


def values():
    return {name: flags.FLAGS[name].value for name in DEFAULTS}


def test_these_are_all_flags_and_each_has_a_help():
    own = flags.FLAGS.flags_by_module_dict()[options.__name__]
    assert {flag.name for flag in own} == set(DEFAULTS)
    assert all(flag.help for flag in own)


def test_without_words_all_have_their_defaults():
    with options.of([]):
        assert values() == DEFAULTS
        assert not any(flags.FLAGS[name].present for name in DEFAULTS)


def test_words_are_read_as_those_of_a_command_line():
    words = ["--set=b = 2", "--set", "c = 3", "--config=mnist", "--seed", "5"]
    with options.of([*words, "--noself_test", "-h"]):
        assert values() == DEFAULTS | {
            "set": ["b = 2", "c = 3"],
            "config": "mnist",
            "seed": 5,
            "help": True,
        }
        assert options.SEED.present
        assert options.CONFIG.present
        assert not options.EPOCHS.present


def test_within_each_other_and_after_an_error():
    with contextlib.suppress(KeyError), options.of(["--seed=5"]):
        with options.of(["--epochs=3"]):
            assert values() == DEFAULTS | {"epochs": 3}
        assert values() == DEFAULTS | {"seed": 5}
        raise KeyError


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("--mode=dream", "--mode=dream.*train.*evaluate.*figures"),
        ("--strategy=all", "none.*mirrored.*multi_worker.*auto"),
        ("--epochs=many", "--epochs=many"),
        ("--seed=1.5", "--seed=1.5"),
        ("--no_such_flag", "no_such_flag"),
    ],
)
def test_what_is_no_flag_is_refused(word, complaint):
    with pytest.raises(flags.Error, match=complaint), options.of([word]):
        pytest.fail("the flag was accepted")
