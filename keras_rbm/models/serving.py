"""A model as a SavedModel, which is served without this package."""

from typing import Any

import keras
import tensorflow as tf

from keras_rbm import gibbs
from keras_rbm.models import sampling
from keras_rbm.typing import Path


class Serving:
    """Export of a model: features and samples, with the current weights.

    A part of `MachineModel`, which has what this needs. Where an example is
    not a state of the machine, `_served_start` makes one of it.
    """

    def export(
        self,
        filepath: Path,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: list[Any] | None = None,
        **kwargs,
    ) -> None:
        """Writes the model for inference: `keras.Model.export`.

        As a SavedModel it has the endpoints

        - `serve` and `features`, of `v` of the shape that a call takes: what
          a call gives, E[h | v], but for rounding;
        - `sample`, of `v` and of the scalars `num_sweeps` (int32) and `seed`
          (int64): v after so many sweeps of Gibbs sampling from `v`, by the
          draws of `sample(start=v, num_sweeps=..., seed=...)`.

        They are in TensorFlow's own operations, without XLA, and take any
        number of rows, and values of any range. `tf.saved_model.load` gives
        them as methods, TensorFlow Serving as signatures.

        Args:
            filepath: The folder, or file, to write to.
            format: `"tf_saved_model"`, or another one of Keras's, which have
                `serve` alone.
            verbose: Whether to print what is written; `None` for yes.
            input_signature: A list of the `keras.InputSpec` or the like of
                `v`; `None` for any number of rows in the model's dtype.
            **kwargs: Further arguments for the other formats.
        """
        if input_signature is None:
            shape = (None, self.example_units.width)
            input_signature = [
                keras.InputSpec(shape=shape, dtype=self.variable_dtype)
            ]
        if format != "tf_saved_model":
            super().export(filepath, format, verbose, input_signature, **kwargs)
            return
        archive = keras.export.ExportArchive(**kwargs)
        archive.track(self)
        for name, endpoint in self._endpoints(*input_signature).items():
            archive.add_endpoint(name, *endpoint)
        archive.write_out(
            filepath, verbose=True if verbose is None else verbose
        )

    def _endpoints(self, v):
        """What is served, by name.

        Args:
            v: The `keras.InputSpec`, or the like, of examples.

        Returns:
            Dict of pairs of a function and the list of what it takes.
        """
        numbers = tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.int64)
        # Keras traces a function once: each endpoint has its own.
        return {
            "serve": (lambda v: self(v), [v]),
            "features": (lambda v: self(v), [v]),
            "sample": (self._served_sample, [v, *numbers]),
        }

    def _served_sample(self, v, num_sweeps, seed):
        """The draws of `sample(start=v, ...)`, in a graph without XLA."""
        stream = sampling.stream(seed)
        start = self._served_start(v, seed)
        return self._features_of(
            gibbs.run(self.machine(), start, stream, num_sweeps)
        )

    def _served_start(self, v, seed):
        """Rows of the machine that `sample(start=v, seed=seed)` starts from."""
        return self._states(v)

    def _features_of(self, rows):
        """The examples in rows of the machine."""
        return rows
