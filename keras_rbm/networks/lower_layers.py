"""`LowerLayers`: trained layers that compute the input of the next layer."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import gibbs, random
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled, without_autograph
from keras_rbm.data.checks import check_examples, scaled
from keras_rbm.machine import Machine
from keras_rbm.models import RBM, examples
from keras_rbm.random import Use
from keras_rbm.typing import Array, PictureLike, States

_ROWS = 1000  # Rows of an array in one call.
_STATES = ("means", "draws")


class LowerLayers:
    """Trained layers, which turn data into examples for the layer above.

    The parameters are copied: later training of the RBMs has no effect here.

    Args:
        rbms: List of `RBM`, the lowest first. If it is empty, the data are
            unchanged.
        states: The output of each layer: `"means"` for E[h | v], the
            probabilities of binary units, which have less noise (Hinton 2010,
            section 3.2), or `"draws"` for draws from p(h | v). Draws are a
            function of the seed, the step and the row.
        seed: Integer from 0 to 2**64 - 1.

    Raises:
        ValueError: If `states` is neither `"means"` nor `"draws"`.

    Reference: Hinton, Osindero and Teh (2006), "A fast learning algorithm
        for deep belief nets", section 4; Hinton (2010), "A practical guide to
        training restricted Boltzmann machines".

    Example:
        lower_layers = networks.LowerLayers([rbm])
        second = keras_rbm.RBM(8, 4, seed=0)
        second.compile()
        features = lower_layers.batches(data.batches(x, 10))
        second.fit(features, steps_per_epoch=3, verbose=0)
    """

    def __init__(
        self, rbms: Sequence[RBM], states: States = "means", seed: int = 0
    ):
        if states not in _STATES:
            raise ValueError(
                f"`states` must be one of {_STATES}. Received: "
                f"states={states!r}"
            )
        self.states = states
        self.machines = tuple(rbm.machine() for rbm in rbms)
        self._stream = random.stream(seed)
        self._seed = seed

    def batches(
        self, dataset: tf.data.Dataset, first_step: int = 0
    ) -> tf.data.Dataset:
        """Returns a data set that passes each batch up through the layers.

        The batches are computed in the graph, one by one, and are not cached.

        Args:
            dataset: A `tf.data.Dataset` of batches v, (v, y) or (v, y,
                weight). The layers replace v.
            first_step: Number of the first batch, for the draws.

        Returns:
            A `tf.data.Dataset` with the same number of batches.

        Example:
            layers = networks.LowerLayers(network.rbms[:1])
            batches = layers.batches(data.batches(x, 10))
            print(next(iter(batches)).shape)  # (10, 8)
        """
        if not self.machines:
            return dataset
        stream = random.fold_in(self._stream, Use.LAYER_BATCHES)

        @without_autograph
        def up(step, batch):
            v, *others = batch if isinstance(batch, tuple) else (batch,)
            own = random.fold_in(stream, step)
            h = tf.ensure_shape(
                _up(self.machines, self._cast(v), own, self.states),
                (v.shape[0], self.machines[-1].hidden.width),
            )
            return (h, *others) if isinstance(batch, tuple) else h

        found = dataset.enumerate(first_step).map(up).prefetch(2)
        found = found.with_options(dataset.options())
        found = examples.counted_as(found, dataset)
        low, high = self.machines[-1].hidden.support
        found.bounds = float(np.min(low)), float(np.max(high))
        return found

    def array(self, x: np.ndarray) -> np.ndarray:
        """Returns the output of the layers for all examples, as one array.

        Args:
            x: Array of shape `(examples, width)`: bits, uint8 (in units of
                1/255) or floating.

        Returns:
            Array of shape `(examples, hidden.width)`, or `x` if there are no
            layers.

        Example:
            layers = networks.LowerLayers(network.rbms[:1])
            h = layers.array(x)  # Of shape (len(x), 8).
        """
        if not self.machines:
            return x
        stream = random.fold_in(self._stream, Use.LAYER_ARRAYS)
        x = check_examples(x, "x")
        parts = [
            _up(
                self.machines,
                self._cast(scaled(x[first : first + _ROWS])),
                stream._replace(first_row=tf.constant(first)),
                self.states,
            )
            for first in range(0, len(x), _ROWS)
        ]
        return np.concatenate([np.asarray(part, "float32") for part in parts])

    def picture(self, picture: PictureLike | None) -> PictureLike | None:
        """Returns an object that draws the output of the layers as pictures.

        Args:
            picture: `data.Picture` of the data, or `None`.

        Returns:
            A `PictureOfLayer`, or `picture` if there are no layers.
        """
        return (
            PictureOfLayer(self.machines, picture) if self.machines else picture
        )

    def settings(self) -> dict[str, Any]:
        """All settings that determine the output, as a dictionary for JSON."""
        if not self.machines:
            return {}
        sums = hashlib.sha256()
        for x in tf.nest.flatten([machine[2:5] for machine in self.machines]):
            sums.update(np.ascontiguousarray(tf.cast(x, "float64")))
        seed = self._seed if self.states == "draws" else None
        # Existing checkpoints use this name.
        return {"lower": [sums.hexdigest()[:16], self.states, seed]}

    def _cast(self, v):
        return tf.cast(v, machine_lib.dtype(self.machines[0]))


class PictureOfLayer(NamedTuple):
    """Draws states of an upper layer as pictures of the data.

    You can use it in place of a `data.Picture`.

    Attributes:
        machines: Tuple of `Machine` of the layers below, the lowest first.
        picture: `data.Picture` of the data, or `None`.

    Example:
        second = keras_rbm.RBM(8, 4, seed=0)
        picture = networks.PictureOfLayer((rbm.machine(),))
        plots.filters(second, image_shape=(4, 4), picture=picture)
    """

    machines: tuple[Machine, ...]
    picture: PictureLike | None = None

    def intensities(self, x: Array) -> np.ndarray:
        """Intensities of v given x, passing means down through all layers.

        Args:
            x: Array of shape `(examples, width)`, states or means.

        Returns:
            Array of shape `(examples, pixels)`.

        Example:
            picture = networks.PictureOfLayer((rbm.machine(),))
            means = picture.intensities(rbm.predict_hidden(x))  # (len(x), 16)
        """
        for machine in reversed(self.machines):
            x = ops.cast(x, machine_lib.dtype(machine))
            x = machine_lib.visible_mean(machine, x)
        x = ops.convert_to_numpy(ops.cast(x, "float32"))
        if self.picture is not None:
            return self.picture.intensities(x)
        return self.machines[0].visible.intensities(x)

    def directions(self, x: Array) -> np.ndarray:
        """Maps changes of the layer to changes of the data: x W^T ...

        All layers are treated as linear. This is the usual way to draw the
        feature that a unit of an upper layer detects.

        Args:
            x: Array of shape `(steps, width)`, such as the columns of a
                kernel.

        Returns:
            Array of shape `(steps, pixels)`.

        Reference: Lee, Ekanadham and Ng (2008), "Sparse deep belief net model
            for visual area V2", section 4.

        Example:
            picture = networks.PictureOfLayer((rbm.machine(),))
            filters = picture.directions(np.eye(8))  # W^T, of shape (8, 16).
        """
        for machine in reversed(self.machines):
            kernel = ops.cast(machine.kernel, "float32")
            x = np.asarray(x, "float32") @ ops.convert_to_numpy(kernel).T
        return x if self.picture is None else self.picture.directions(x)


@compiled
def _up(machines, v, stream, states):
    for number, machine in enumerate(machines):
        if states == "draws":
            own = random.fold_in(stream, number)
            v = gibbs.sample_hidden(machine, v, own)
        else:
            v = machine_lib.hidden_mean(machine, v)
    return v
