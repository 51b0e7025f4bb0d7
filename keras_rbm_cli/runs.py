"""Single runs of the command, within this process or in one of their own.

A sweep trains and evaluates its runs by one of the two.
"""

import abc
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

from keras_rbm_cli import configuration, modes, options, screen
from keras_rbm_cli.errors import Stopped

_ROOT = pathlib.Path(__file__).resolve().parents[1]


class Runner(abc.ABC):
    """Runs the command several times, one after the other.

    Within its context SIGTERM and SIGINT stop the run, which saves its work,
    and all that would follow; `stopped` is then the name of the signal.
    """

    stopped = None

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
            silent: Whether to hide what it prints.

        Returns:
            Tuple `(seconds, error)` of the time that it took and of a line
            about an error, or `None`.
        """
        begin = time.perf_counter()
        error = None if self.stopped else self._error(words, silent)
        return time.perf_counter() - begin, error

    @abc.abstractmethod
    def _error(self, words, silent):
        """Runs the command, and returns the line of `run`."""

    @abc.abstractmethod
    def _interrupt(self, number):
        """Stops what runs; the signal has this number."""

    def _stop(self, number, frame):
        self.stopped = signal.Signals(number).name
        self._interrupt(number)


class ThisProcess(Runner):
    """Runs the command within this process.

    TensorFlow is imported once, and what it has compiled for all machines
    stays. A run begins with flags, a config, names of layers and a log of its
    own, and draws from its seeds alone: a process of its own would give
    the same results, to the bit.
    """

    _running = False

    def _error(self, words, silent):
        try:
            with (
                options.of(words),
                screen.own_log(),
                screen.hidden() if silent else contextlib.nullcontext(),
            ):
                configuration.clear()
                self._running = True
                modes.run()
        except Stopped as stopped:
            self.stopped = stopped.signal
        except KeyboardInterrupt:
            self.stopped = self.stopped or "SIGINT"
        except Exception as error:
            return str(error)
        finally:
            self._running = False
            configuration.clear()  # Frees the memory of the model.
        return None

    def _interrupt(self, number):
        # While it trains, `experiment.run` has handlers of its own.
        if self._running:
            raise KeyboardInterrupt


class OwnProcess(Runner):
    """Runs the command in processes, to which it sends the signals on.

    All memory of the GPUs is left to these processes.
    """

    _child = None

    def __enter__(self):
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")
        return super().__enter__()

    def _error(self, words, silent):
        paths = [str(_ROOT), os.environ.get("PYTHONPATH")]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "keras_rbm_cli", *words],
            stdout=subprocess.DEVNULL if silent else None,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            # Ctrl-C on the keyboard is for this process, which sends it on.
            process_group=0,
        )
        if self.stopped:  # Just before it began.
            self._child.terminate()
        _, errors = self._child.communicate()
        code = self._child.returncode
        if code == 0:
            return None
        lines = [line for line in errors.split("\n") if line.strip()]
        last = lines[-1] if lines else f"exit code {code}"
        return last.partition("error: ")[2] or last

    def _interrupt(self, number):
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)
