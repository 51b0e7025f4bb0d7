"""The command: from the flags to the exit code."""

import shlex
import signal
import sys

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
from keras_rbm_cli.errors import LONGEST, Stopped, UserError, shortened

_HELP = """Trains a restricted Boltzmann machine as a .gin file says.

    # Train on scikit-learn's 8 x 8 digits, which need no download.
    {program}
    # Train on MNIST.
    {program} --config mnist.gin
    # Train on your own table, with columns of any kinds.
    {program} --data mine.csv
    # Continue a run that was stopped, as if it had not been.
    {program} --resume runs/mnist/2026-01-31-120000
    # Measure the likelihood of the data under a finished run.
    {program} --mode evaluate --output runs/mnist/2026-01-31-120000
    # Draw the figures of a finished run's config, or of another --config.
    {program} --mode figures --output runs/mnist/2026-01-31-120000
    # Train a run for each value, and compare the runs in a table.
    {program} --config mnist.gin --sweep "RBM.hidden=[128, 256, 512]"
    # Check the installation.
    {program} --self_test

A .gin file can run code: use only files that you would run as programs.
"""


def console():
    """The entry point: reads `sys.argv`, and ends the process."""
    absl_logging.use_absl_handler()
    main(read(sys.argv))
    sys.exit(0)


def read(argv):
    """Reads the flags; an error in them prints one line and exits with 2.

    Args:
        argv: List of the program's path and its arguments.

    Returns:
        The list without the flags.
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
    """Runs the command; a user error prints one line and exits with 2.

    A run that a signal has ended exits with 128 plus the signal's number: 143
    for SIGTERM, 130 for SIGINT (Ctrl-C).

    Args:
        argv: List of the program's path and of arguments that are not flags.
            Such arguments are refused.
    """
    program = screen.program(argv)
    try:
        if len(argv) > 1:
            raise UserError(f"unknown argument {argv[1]!r}{_hint(argv[1])}")
        if options.SELF_TEST.value:
            sys.exit(0 if self_test.run(options.OUTPUT.value) else 1)
        _do(options.MODE.value)
    except UserError as error:
        line = shortened(str(error), 2 * LONGEST)
        print(f"{program}: error: {line}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"\n{program}: stopped", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Stopped as stopped:
        print(f"\n{program}: {stopped}", file=sys.stderr)
        sys.exit(128 + signal.Signals[stopped.signal])


def _hint(argument):
    """What to do about an argument that is not a flag."""
    # A flag that wants a value takes the next word, even another flag.
    for flag in (
        options.CONFIG,
        options.DATA,
        options.DATA_DIR,
        options.OUTPUT,
        options.RESUME,
    ):
        if (flag.value or "").startswith("--"):
            return (
                f": --{flag.name} wants a value, such as --{flag.name} "
                f"{shlex.quote(argument)}, but {flag.value} follows it"
            )
    return "; see --help"


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
