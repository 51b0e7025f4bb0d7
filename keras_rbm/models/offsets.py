"""Offsets of the centred gradient: running means of the data."""

import keras
from keras import ops

from keras_rbm import gradients
from keras_rbm import machine as machine_lib


class Offsets(keras.layers.Layer):
    """mu and lambda: running means of v and of E[h | v] over the data.

    They come from the data, never from the model's samples, which would let
    an excursion of the chains move them.

    Args:
        momentum: Weight of the past, in [0, 1).

    Reference: Melchior, Fischer and Wiskott (2016), "How to center deep
        Boltzmann machines", section 3, with a sliding factor of 0.01.
    """

    def __init__(self, momentum=0.99, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, visible_shape, hidden_shape):
        """Creates the offsets, for shapes `(None, width)` of each side."""
        self.visible, self.hidden = (
            self.add_weight(
                name=name,
                shape=shape[1:],
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
            for name, shape in (
                ("visible", visible_shape),
                ("hidden", hidden_shape),
            )
        )

    def start(self, machine, mean):
        """Sets the offsets for data of the given mean, `(visible.width,)`."""
        mean = ops.cast(mean, self.visible.dtype)
        self.visible.assign(mean)
        self.hidden.assign(machine_lib.hidden_mean(machine, mean[None])[0])

    def means(self, machine, v, inputs, weight=None, total=None):
        """What `move` takes, or a part of it whose sum it takes.

        Args:
            machine: A `Machine`.
            v: Tensor of shape `(batch, visible.width)`.
            inputs: Its hidden inputs, `(batch, hidden.width)`.
            weight: Tensor of shape `(batch,)`, or `None` for ones.
            total: Sum of the weights, if the batch is a part; else `None`.

        Returns:
            The sum of the shares in the mean, 1 or 0, and the means of v and
            of E[h | v].
        """
        shares = gradients.shares(v, weight, total)
        h = machine.hidden.mean(inputs, machine.hidden_params)
        return ops.sum(shares), ops.matmul(shares, v), ops.matmul(shares, h)

    def move(self, share, visible, hidden):
        """Moves the offsets towards the `means` of a batch."""
        rate = (1 - self.momentum) * share
        for offset, mean in ((self.visible, visible), (self.hidden, hidden)):
            offset.assign(offset + rate * (mean - offset))

    def center(self, kernel, visible_bias, hidden_bias):
        """The centred gradient: `gradients.center` with these offsets."""
        return gradients.center(
            kernel,
            visible_bias,
            hidden_bias,
            self.visible.value,
            self.hidden.value,
        )
