"""A deep belief network: RBMs on top of each other."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import keras

from keras_rbm.models import RBM, examples
from keras_rbm.networks import arguments, pretraining, unrolled
from keras_rbm.networks.passes import Passes
from keras_rbm.networks.serving import Serving
from keras_rbm.typing import Config, Shape, Tensor
from keras_rbm.units import Units


@keras.saving.register_keras_serializable("keras_rbm")
class DeepBeliefNetwork(Passes, Serving, keras.Model):
    """RBMs on top of each other, p(v, h_1, ..., h_L).

    = p(v | h_1) ... p(h_L-2 | h_L-1) p(h_L-1, h_L): the topmost RBM is a
    distribution, those below it are the way down from its samples. The way
    up, E[h_1 | v] and so on, is an approximation to p(h | v), and a
    feed-forward network: `network(v)` gives its last layer, as any Keras
    model, which `compile(optimizer, loss)` and `fit(x, y)` would train.
    `pretrain` trains it from examples alone, layer by layer. The RBMs remain
    usable by themselves.

    Args:
        rbms: List of `RBM`, from the data on upwards. The visible units of
            each are such as the hidden units of the one below.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Raises:
        ValueError: If they do not fit on each other.

    Reference: Hinton, Osindero and Teh (2006), "A fast learning algorithm
        for deep belief nets".
    """

    def __init__(self, rbms: Sequence[RBM], **kwargs):
        super().__init__(**kwargs)
        self.rbms = arguments.check_rbms(rbms)
        self.built = True
        if not self.trainable:
            for rbm in self.rbms:
                rbm.trainable = False

    @property
    def visible(self) -> Units:
        """`Units` of the data."""
        return self.rbms[0].visible

    @property
    def hidden(self) -> Units:
        """`Units` of the topmost layer."""
        return self.rbms[-1].hidden

    def call(self, inputs: Tensor) -> Tensor:
        """E[h_L | h_L-1] of means all the way up, `(batch, hidden.width)`."""
        for rbm in self.rbms:
            inputs = rbm(inputs)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.hidden.width)

    #: `network.pretrain(x, epochs=10, ...)`, see `networks.pretrain`.
    pretrain = pretraining.pretrain

    def to_classifier(
        self,
        num_classes: int,
        dropout: float | Sequence[float] = 0.0,
        input_dropout: float = 0.0,
        max_norm: float | None = None,
    ) -> keras.Sequential:
        """A `keras.Sequential` of dense layers, with a softmax on top.

        Its weights are copies: the network stays as it is. Compile it with
        `loss="categorical_crossentropy"`, or `"sparse_..."` for integers.
        `keras.models.clone_model` of it is the same network from a random
        start.

        Args:
            num_classes: Number of classes.
            dropout: The rate of the hidden units, one, or a list of one for
                each layer. Kept values are scaled up while training, so that
                pretrained weights need not be.
            input_dropout: The rate of the inputs.
            max_norm: The largest norm of what comes into a hidden unit, or
                `None`.

        Returns:
            A `keras.Sequential` that is built.

        Raises:
            ValueError: If an argument is not as described, or the mean of
                hidden units is no activation of Keras.

        Reference: Srivastava, Hinton, Krizhevsky, Sutskever and
            Salakhutdinov (2014), "Dropout: a simple way to prevent neural
            networks from overfitting", sections 3, 5 and 6.1.
        """
        return unrolled.classifier(
            self.rbms, num_classes, dropout, input_dropout, max_norm
        )

    def to_autoencoder(
        self, code_activation: str | Callable[..., Any] | None = None
    ) -> keras.Sequential:
        """A `keras.Sequential` up to the top and down again, unrolled.

        Its weights are copies: the network stays as it is. Compile it with
        `loss="binary_crossentropy"` (of pixels from 0 to 1) or `"mse"`, and
        fit it to (x, x). The layer called `"code"` has the code.

        Args:
            code_activation: Keras activation of the topmost layer; `None`
                for that of its units: linear for `Gaussian` ones.

        Returns:
            A `keras.Sequential` that is built.

        Raises:
            ValueError: If the mean of some units is no activation of Keras.

        Reference: Hinton and Salakhutdinov (2006), "Reducing the
            dimensionality of data with neural networks".
        """
        return unrolled.autoencoder(self.rbms, code_activation)

    def __call__(self, inputs, *args, **kwargs):
        """`call`, with inputs checked before Keras converts them."""
        inputs = examples.called(inputs, self.visible, "v")
        return super().__call__(inputs, *args, **kwargs)

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "rbms": [serialize(rbm) for rbm in self.rbms],
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**keras.saving.deserialize_keras_object(config))
