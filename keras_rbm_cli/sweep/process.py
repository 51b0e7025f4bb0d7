"""The command as a process of its own, which signals are handed on to."""

import os
import pathlib
import signal
import subprocess
import sys
import time

_ROOT = pathlib.Path(__file__).resolve().parents[2]


class Process:
    """Runs the command, one process after the other.

    Within its context SIGTERM and SIGINT go to the process that runs, which
    saves its work, and their name is in `stopped`.
    """

    def __init__(self):
        self.stopped = None
        self._child = None

    def __enter__(self):
        self._before = {
            number: signal.signal(number, self._stop)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, words, silent=False):
        """Runs the command to its end.

        Args:
            words: List of its arguments.
            silent: Whether not to show what it prints.

        Returns:
            Tuple `(seconds, error)`: how long it took, and what went wrong,
            in one line, or `None`.
        """
        begin = time.perf_counter()
        paths = [str(_ROOT), os.environ.get("PYTHONPATH")]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "keras_rbm_cli", *words],
            stdout=subprocess.DEVNULL if silent else None,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            # Ctrl-C on the keyboard is for this process, which hands it on.
            process_group=0,
        )
        if self.stopped:  # Just before it began.
            self._child.terminate()
        _, errors = self._child.communicate()
        seconds = time.perf_counter() - begin
        if self._child.returncode == 0:
            return seconds, None
        lines = errors.split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        _, found, told = last.partition("error: ")
        code = self._child.returncode
        return seconds, (told if found else last) or f"exit code {code}"

    def _stop(self, number, frame):
        self.stopped = signal.Signals(number).name
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)
