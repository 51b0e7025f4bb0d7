"""One progress bar over all layers."""

import keras


class LayersProgress:
    """Keras's progress bar over the updates of all layers.

    Args:
        updates: List of the number of updates of each layer.
        shown: Whether there is a bar.
    """

    def __init__(self, updates, shown):
        self.updates = updates
        self.shown = shown
        self._bar = None

    def skip(self, number):
        """Takes a layer for done, which is not trained."""
        self.show(number, self.updates[number])

    def of(self, number):
        """The callback of a layer's `fit`, from 0 on."""
        return _OfLayer(self, number)

    def show(self, number, updates, logs=None):
        """Shows that a layer has made so many updates."""
        if not self.shown:
            return
        if self._bar is None:
            self._bar = keras.utils.Progbar(
                sum(self.updates),
                width=20,
                stateful_metrics=("layer", "error"),
            )
        done = sum(self.updates[:number]) + updates
        values = [("layer", number + 1)]
        if logs:
            values.append(("error", float(logs["reconstruction_error"])))
        self._bar.update(done, values, finalize=done == self._bar.target)


class _OfLayer(keras.callbacks.Callback):
    def __init__(self, progress, number):
        super().__init__()
        self.progress = progress
        self.number = number

    def on_epoch_begin(self, epoch, logs=None):
        self._before = epoch * self.params["steps"]

    def on_train_batch_end(self, batch, logs=None):
        self.progress.show(self.number, self._before + batch + 1, logs)

    def on_train_end(self, logs=None):
        if self.model.stop_training:  # Another callback has ended the layer.
            self.progress.skip(self.number)
