"""How states of a layer are shown, as pictures of the data."""

from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import machine as machine_lib


class Down(NamedTuple):
    """The `data.Picture` of what lower layers have made of data.

    Attributes:
        machines: Tuple of `Machine`, from the data on upwards.
        picture: `data.Picture` of the data, or `None`.
    """

    machines: tuple
    picture: object = None

    def intensities(self, x):
        """Intensities of E[v | x], means all the way down.

        Args:
            x: Array of shape `(examples, width)`, states or means.

        Returns:
            Array of shape `(examples, pixels)`.
        """
        for machine in reversed(self.machines):
            x = ops.cast(x, machine_lib.dtype(machine))
            x = machine_lib.visible_mean(machine, x)
        x = ops.convert_to_numpy(ops.cast(x, "float32"))
        return x if self.picture is None else self.picture.intensities(x)

    def directions(self, x):
        """Steps of the data that those of the layer add up to: x W^T ...

        As if all in between were linear, the usual way to show what a unit of
        an upper layer looks for.

        Args:
            x: Array of shape `(steps, width)`, such as the columns of a
                kernel.

        Returns:
            Array of shape `(steps, pixels)`.

        Reference: Lee, Ekanadham and Ng (2008), "Sparse deep belief net model
            for visual area V2", section 4.
        """
        for machine in reversed(self.machines):
            kernel = ops.cast(machine.kernel, "float32")
            x = np.asarray(x, "float32") @ ops.convert_to_numpy(kernel).T
        return x if self.picture is None else self.picture.directions(x)


class Shown(NamedTuple):
    """What callbacks and files need to show examples.

    Attributes:
        image_shape: `(rows, columns)` in pixels, or `None`.
        picture: `data.Picture`, or what has its methods, or `None`.
    """

    image_shape: tuple | None
    picture: object
