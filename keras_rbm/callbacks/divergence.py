"""`StopOnDivergence`: an error at the first loss that is not finite."""

import math
from collections.abc import Callable

import keras

from keras_rbm.typing import Logs


class StopOnDivergence(keras.callbacks.Callback):
    """Stops `fit` with an error at the first loss that is not finite.

    The callback checks the loss after each compiled call, of one or several
    updates (`steps_per_execution`). This costs little, since Keras fetches the
    loss anyway. If a parameter is not finite, neither is the loss. (With
    `keras.callbacks.TerminateOnNaN`, `fit` returns without an error.)

    Args:
        last_good: Function without arguments that describes the last good
            state, such as the path of a checkpoint, as text, or returns
            `None` if there is no such state. `None` for no description.

    Raises:
        ValueError: From `fit`, with the update, the loss and a remedy.

    Example:
        stop = callbacks.StopOnDivergence()
        rbm.fit(x, updates=100, callbacks=[stop], verbose=0)
    """

    def __init__(self, last_good: Callable[[], str | None] | None = None):
        super().__init__()
        if last_good is not None and not callable(last_good):
            raise ValueError(
                "`last_good` must be a function without arguments, or None. "
                f"Received: last_good={last_good!r}"
            )
        self.last_good = last_good

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        updates = int(keras.ops.convert_to_numpy(self.model.updates))
        good = self.last_good() if self.last_good is not None else None
        raise ValueError(
            f"Training diverged: by update {updates} the loss is "
            f"{float(loss)}. Lower the learning rate, or clip the gradient "
            "(`clipnorm` of the optimizer). "
            + (f"The last good state: {good}. " if good else "")
            + f"Received: updates={updates}, loss={float(loss)}"
        )
