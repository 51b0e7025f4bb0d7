"""`NumSweeps`: a schedule of the number of sweeps of the chain."""

import collections.abc
import numbers
from collections.abc import Callable, Mapping

import keras

from keras_rbm import checks
from keras_rbm.typing import Logs


class NumSweeps(keras.callbacks.Callback):
    """Sets the number of sweeps of the chain at the beginning of each epoch.

    More sweeps are most useful late in training, when the machine mixes slowly
    and the learning rate is low. The number is a variable of the chain, so
    that changing it does not compile anything again. The callback adds it to
    the logs as `num_sweeps`, for callbacks later in the list.

    Args:
        schedule: `{begin: num_sweeps}`, where `begin` is a number of completed
            epochs, or a fraction of all epochs of `fit`. For example,
            `{0: 1, 100: 5}` makes one sweep in each update of the first 100
            epochs and five afterwards, and `{0: 1, 0.8: 5}` makes five in the
            last fifth of the epochs. Or a function that maps the number of
            completed epochs to the number of sweeps.

    Raises:
        ValueError: If `schedule` is not as described, has no entry for the
            first epoch, or gives a number that is not a positive integer.

    Example:
        more = callbacks.NumSweeps({0: 1, 10: 5})  # Five from epoch 10 on.
    """

    def __init__(self, schedule: Mapping[float, int] | Callable[[int], int]):
        super().__init__()
        if isinstance(schedule, collections.abc.Mapping):
            schedule = _checked(dict(schedule))
        elif not callable(schedule):
            raise ValueError(
                "`schedule` must be a dictionary such as {0: 1, 100: 5}, or "
                f"a function of the epoch. Received: schedule={schedule!r}"
            )
        self.schedule = schedule

    def num_sweeps(self, epoch: int) -> int:
        """The number of sweeps after `epoch` completed epochs."""
        if callable(self.schedule):
            return checks.positive_integer("num_sweeps", self.schedule(epoch))
        fraction = epoch / self.params["epochs"]
        begun = [
            begin
            for begin in self.schedule
            if begin <= (fraction if isinstance(begin, float) else epoch)
        ]
        return self.schedule[max(begun)]

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._current = self.num_sweeps(epoch)
        self.model.chain.num_sweeps.assign(self._current)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["num_sweeps"] = self._current


def _checked(schedule):
    begins = [begin for begin in schedule if begin != 0]
    epochs = all(_is_epoch(begin) for begin in begins)
    fractions = all(
        isinstance(begin, float) and 0 < begin < 1 for begin in begins
    )
    if 0 not in schedule or not (epochs or fractions):
        raise ValueError(
            "`schedule` must begin with epoch 0 and go on with numbers of "
            "epochs, or with fractions of all epochs between 0 and 1. "
            f"Received: schedule={schedule}"
        )
    return {
        begin if isinstance(begin, float) else int(begin): (
            checks.positive_integer("num_sweeps", num_sweeps)
        )
        for begin, num_sweeps in schedule.items()
    }


def _is_epoch(begin):
    return isinstance(begin, numbers.Integral) and begin > 0
