"""The command: from the flags to the exit code."""

import signal
import sys
import textwrap

from absl import flags
from absl import logging as absl_logging

from keras_rbm_cli import (
    folders,
    modes,
    names,
    options,
    screen,
    self_test,
    sweep,
)
from keras_rbm_cli.errors import LONGEST, Stopped, UserError

_HELP = """Trains a restricted Boltzmann machine as a .gin file says.

    {program}                       the 8 x 8 digits, no download
    {program} --config mnist.gin    MNIST
    {program} --data mine.csv       your own table, of any columns
    {program} --resume runs/mnist/2026-01-31-120000
    {program} --mode evaluate --output runs/mnist/2026-01-31-120000
    {program} --mode figures --output runs/mnist/2026-01-31-120000
    {program} --config mnist.gin --sweep "RBM.hidden=[128, 256, 512]"
    {program} --self_test           whether the installation is sound

The fourth goes on with a run that was stopped, as if it had not been; the next
one says how probable a finished run makes the data; the one after draws the
figures of its config, or of another --config, anew. A sweep has a run for each
value, and a table of them.
A .gin file can run code: use only files that you would run as programs.
"""


def console():
    """The entry point: reads `sys.argv`, and ends the process."""
    absl_logging.use_absl_handler()
    main(read(sys.argv))
    sys.exit(0)


def read(argv):
    """Reads the flags; an error in them ends in one line and code 2.

    Args:
        argv: List of the program's path and its arguments.

    Returns:
        The same without the flags.
    """
    program = screen.program(argv)
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        sys.exit(2)
    if options.HELP.value:
        python = "python " if program.endswith(".py") else ""
        print(_HELP.format(program=python + program))
        described = flags.FLAGS.module_help(options.__name__).strip()
        print(described.partition("\n")[2])
        sys.exit(0)
    return rest


def main(argv):
    """Does what the flags say; a user error ends in one line and code 2.

    A run that a signal has ended exits with 128 and the signal's number: 143
    for SIGTERM, 130 for SIGINT (Ctrl-C).

    Args:
        argv: List of the program's path, and of arguments that are no flags,
            which are refused.
    """
    program = screen.program(argv)
    try:
        if len(argv) > 1:
            raise UserError(f"unknown argument {argv[1]!r}; see --help")
        if options.SELF_TEST.value:
            sys.exit(0 if self_test.run(options.OUTPUT.value) else 1)
        _do(options.MODE.value)
    except UserError as error:
        line = textwrap.shorten(str(error), 2 * LONGEST)
        print(f"{program}: error: {line}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"\n{program}: stopped", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Stopped as stopped:
        print(f"\n{program}: {stopped}", file=sys.stderr)
        sys.exit(128 + signal.Signals[stopped.signal])


def _do(mode):
    resuming = options.RESUME.value is not None
    if options.SWEEP.value and mode != "train":
        raise UserError(f"--sweep trains; it cannot --mode {mode}")
    if mode == "train" and resuming and sweep.holds_sweep(options.RESUME.value):
        sys.exit(0 if sweep.resume(options.RESUME.value) else 1)
    if options.SWEEP.value:
        if resuming:
            raise UserError(f"no sweep in {options.RESUME.value} to resume")
        config = folders.config_to_train()
        names.check_flags(config, options)
        sys.exit(0 if sweep.begin(config) else 1)
    modes.run()
