"""A model as a SavedModel, which is served without this package."""

import keras
import tensorflow as tf

from keras_rbm import gibbs
from keras_rbm.models import sampling


class Serving:
    """Export of a model: features and samples, with the current weights.

    A part of `MachineModel`, which has what this needs.
    """

    def export(
        self,
        filepath,
        format="tf_saved_model",
        verbose=None,
        input_signature=None,
        **kwargs,
    ):
        """Writes the model for inference: `keras.Model.export`.

        As a SavedModel it has the endpoints

        - `serve` and `features`, of `v` of shape `(batch, visible.width)`:
          E[h | v], what a call of the model gives, but for rounding;
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
        if format != "tf_saved_model":
            super().export(filepath, format, verbose, input_signature, **kwargs)
            return
        if input_signature is None:
            shape = (None, self.visible.width)
            input_signature = [
                keras.InputSpec(shape=shape, dtype=self.variable_dtype)
            ]

        def features(v):
            return self(v)

        def sample(v, num_sweeps, seed):
            stream = sampling.stream(seed)
            return gibbs.run(
                self.machine(), self._states(v), stream, num_sweeps
            )

        archive = keras.export.ExportArchive(**kwargs)
        archive.track(self)
        archive.add_endpoint("serve", features, input_signature)
        archive.add_endpoint("features", features, input_signature)
        archive.add_endpoint(
            "sample",
            sample,
            [
                *input_signature,
                tf.TensorSpec((), tf.int32),
                tf.TensorSpec((), tf.int64),
            ],
        )
        archive.write_out(
            filepath, verbose=True if verbose is None else verbose
        )
