"""The flags of the command."""

import contextlib

from absl import flags
from absl.testing import flagsaver

MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "figures"],
    "train: train a model. evaluate: measure the likelihood of the finished "
    "run in --output. figures: draw figures of that run.",
)
CONFIG = flags.DEFINE_string(
    "config",
    "digits.gin",
    "A .gin file: a path, or a name in configs/. With --resume or with another "
    "--mode than train, the default is the run's own config.",
)
SET = flags.DEFINE_multi_string(
    "set",
    [],
    'A setting that overrides the config, such as "RBM.hidden=250"',
)
DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "The folder of the data's files, such as MNIST's IDX files.",
)
DATA = flags.DEFINE_string(
    "data",
    None,
    "Your own data: a table with columns of any kinds (.csv, .tsv, also .gz, "
    ".parquet, .feather), a row for each example; a file of dense or sparse "
    "arrays (.npy, .npz, .h5, .mat); or a folder of pictures. The default "
    "--config is then table.gin.",
)
OUTPUT = flags.DEFINE_string(
    "output", None, "The run's folder; default: runs/<config>/<time>."
)
RESUME = flags.DEFINE_string(
    "resume", None, "The folder of a stopped run or sweep to continue."
)
SEED = flags.DEFINE_integer(
    "seed", None, "Seed of all random draws; default: the config's seed."
)
STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    ["none", "mirrored", "multi_worker", "auto"],
    "How to use several GPUs or machines (see docs/guides/distributed.md). "
    "auto: the machines that TF_CONFIG names, or else all GPUs.",
)
EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Number of epochs; default: the config's number."
)


SWEEP = flags.DEFINE_multi_string(
    "sweep",
    [],
    'A setting and a list of its values, such as "RBM.hidden=[128, 256]": '
    "trains a run for each value, or for each combination of several lists, "
    "and compares the runs in a table",
)
SELF_TEST = flags.DEFINE_boolean(
    "self_test",
    False,
    "Train a tiny machine on made-up data, in seconds, and report whether the "
    "installation is sound. Files go to a temporary folder, or to --output.",
)
HELP = flags.DEFINE_boolean(
    "help", False, "Show this list of flags.", short_name="h"
)


@contextlib.contextmanager
def of(words):
    """Context in which the flags have the values of another command line.

    Args:
        words: List of arguments of this command line.

    Raises:
        absl.flags.Error: If an argument is not a valid flag.
    """
    with flagsaver.flagsaver():
        for flag in flags.FLAGS.flags_by_module_dict()[__name__]:
            flag.unparse()
        flags.FLAGS([__name__, *words])
        yield
