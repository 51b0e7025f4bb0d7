"""Single runs of the command, in this process or in separate processes.

A sweep trains and evaluates its runs in one of the two ways.
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

    Within its context, SIGTERM and SIGINT stop the current run, which saves its
    work, and all later runs; `stopped` is then the name of the signal.
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
            silent: Whether to hide the output of the run.

        Returns:
            Tuple `(seconds, error)` of the duration, and a line about an error
            or `None`.
        """
        begin = time.perf_counter()
        error = None if self.stopped else self._error(words, silent)
        return time.perf_counter() - begin, error

    @abc.abstractmethod
    def _error(self, words, silent):
        """Runs the command; returns a line about an error, or `None`."""

    @abc.abstractmethod
    def _interrupt(self, number):
        """Stops the current run after a signal with this number."""

    def _stop(self, number, frame):
        self.stopped = signal.Signals(number).name
        self._interrupt(number)


class ThisProcess(Runner):
    """Runs the command within this process.

    TensorFlow is imported once, and its compiled programs are reused. Each run
    has its own flags, config, layer names and log, and its draws depend only on
    its seeds: the results are bit-identical to a run in a separate process.
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
        # During training, `experiment.run` has its own signal handlers.
        if self._running:
            raise KeyboardInterrupt


class OwnProcess(Runner):
    """Runs the command in separate processes, and forwards signals to them.

    The process of the sweep leaves all GPU memory to them.
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
            # Ctrl-C on the keyboard reaches only this process, which forwards
            # it.
            process_group=0,
        )
        if self.stopped:  # The signal came just before the start.
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
