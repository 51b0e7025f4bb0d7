"""`HeldOutRatings`: the error of held-out ratings during training."""

import keras
import numpy as np

from keras_rbm import checks
from keras_rbm.callbacks.periodic import is_stopped
from keras_rbm.models.weights import averaged_weights
from keras_rbm.ratings import Ratings, known
from keras_rbm.typing import Logs, State


class HeldOutRatings(keras.callbacks.Callback):
    """Adds `val_rmse`, of a `RatingsRBM`, to the logs of some epochs.

    Each held-out rating is predicted from the ratings in `train` (see
    `RatingsRBM.predict_ratings`), with the averaged weights if the optimizer
    keeps them. The error is measured after the first epoch of each `fit`,
    after each epoch that `every` divides, and after the last one. In between,
    the logs repeat the last number, so that
    `keras.callbacks.EarlyStopping("val_rmse")` can use it. Put this callback
    before callbacks that use the number. If such a callback stops the training
    at the end of an epoch, this epoch counts as an epoch in between.

    Args:
        train: `Ratings` to predict from.
        held_out: `Ratings` of the same users and items, in other pairs.
        every: Number of epochs between two measurements.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        ratings = keras_rbm.data.Ratings(
            [0, 0, 1, 1], [0, 1, 0, 1], [4, 0, 2, 3], [1, 2, 3, 4, 5],
            ["ann", "bob"], ["Alien", "Brazil"],
        )
        train, held_out = ratings.split(1)
        callback = callbacks.HeldOutRatings(train, held_out, every=5)
    """

    def __init__(self, train: Ratings, held_out: Ratings, every: int = 1):
        super().__init__()
        self.held_out = known(held_out, "held_out")
        known(train, "train")
        # With its unknown values: a conditional model learns from such pairs.
        self.train = train
        train.check_same(held_out, "held_out")
        self.every = checks.positive_integer("every", every)
        self._last = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._last = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        number = epoch + 1
        is_due = number % self.every == 0 or number == self.params["epochs"]
        if self._last is None or is_due or is_stopped(self.model):
            held_out = self.held_out
            with averaged_weights(self.model):
                expected = self.model.predict_ratings(
                    self.train, held_out.users, held_out.items
                )
            error = expected - held_out.ratings
            self._last = float(np.sqrt(np.mean(np.square(error))))
        if logs is not None:
            logs["val_rmse"] = self._last

    def get_state(self) -> State:
        """The state that a resumed run needs: the latest error."""
        return {"last": self._last}

    def set_state(self, state: State) -> None:
        """Restores the result of `get_state`."""
        self._last = state["last"]
