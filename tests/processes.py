"""`train.py` as a process of its own."""

import contextlib
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
TRAIN = (sys.executable, str(ROOT / "train.py"))


def call(*arguments, directory=ROOT):
    """Runs to the end."""
    return subprocess.run(
        [*TRAIN, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@contextlib.contextmanager
def paused(*arguments, directory=ROOT):
    """A process that has just ended its first epoch, and waits.

    Yields:
        A function that ends the process by SIGTERM. It returns the exit status
        and the errors that were printed.
    """
    process = subprocess.Popen(
        [*TRAIN, *arguments],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def terminate():
        process.terminate()
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=120)
        return process.returncode, errors

    try:
        for line in process.stdout:
            if "epoch 1/" in line:
                break
        # However long a test takes, few more updates are made.
        process.send_signal(signal.SIGSTOP)
        yield terminate
    finally:
        process.kill()
        process.communicate()
