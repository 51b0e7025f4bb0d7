"""The flags of the command."""

import contextlib

from absl import flags
from absl.testing import flagsaver

MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "figures"],
    "Whether to train; or to evaluate the finished run in --output, or to draw "
    "its figures anew.",
)
CONFIG = flags.DEFINE_string(
    "config",
    "digits.gin",
    "A .gin file: a path, or a name in configs/. To resume or to evaluate, the "
    "default is what the run was trained by.",
)
SET = flags.DEFINE_multi_string(
    "set", [], 'A binding on top, such as "RBM.hidden=250"; repeatable.'
)
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where the data's files are, such as MNIST's IDX files."
)
DATA = flags.DEFINE_string(
    "data",
    None,
    "Your own data: a table of columns of any kinds (.csv, .tsv, also .gz, "
    ".parquet, .feather), a row for each example; a file of arrays (.npy, "
    ".npz, .h5, .mat), sparse ones included; or a folder of pictures. Trains "
    "by table.gin unless --config says otherwise.",
)
OUTPUT = flags.DEFINE_string(
    "output", None, "The run's folder; default: runs/<config>/<time>."
)
RESUME = flags.DEFINE_string(
    "resume", None, "The folder of a run to go on with, to the end."
)
SEED = flags.DEFINE_integer(
    "seed", None, "Seed of everything drawn; default: that of the config."
)
STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    ["none", "mirrored", "multi_worker", "auto"],
    "How to use several GPUs or machines (see docs/guides/distributed.md); "
    "auto: the machines that TF_CONFIG names, else all GPUs.",
)
EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Number of epochs; default: that of the config."
)


SWEEP = flags.DEFINE_multi_string(
    "sweep",
    [],
    'A list for a binding, such as "RBM.hidden=[128, 256]": a run for each '
    "value, and a table of them; repeatable, for all combinations.",
)
SELF_TEST = flags.DEFINE_boolean(
    "self_test",
    False,
    "Train a tiny machine on made-up data, in seconds, and say whether the "
    "installation is sound; files go to a temporary folder, or to --output.",
)
HELP = flags.DEFINE_boolean("help", False, "Say what there is.", short_name="h")


@contextlib.contextmanager
def of(words):
    """Within this context the flags are those of another command line.

    Args:
        words: List of its arguments.

    Raises:
        absl.flags.Error: If an argument is no such flag.
    """
    with flagsaver.flagsaver():
        for flag in flags.FLAGS.flags_by_module_dict()[__name__]:
            flag.unparse()
        flags.FLAGS([__name__, *words])
        yield
