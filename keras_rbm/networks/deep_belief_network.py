"""`DeepBeliefNetwork`: a stack of RBMs as a Keras model."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import tensorflow as tf
from keras import ops

from keras_rbm import checks, gibbs
from keras_rbm.models import (
    RBM,
    MachineModel,
    examples,
    sampling,
    serving,
    weights,
)
from keras_rbm.networks import pretraining
from keras_rbm.random import Use
from keras_rbm.typing import Array, Config, Path, Shape, Tensor
from keras_rbm.units import Units

# Increment of the seeds of the layers: the golden ratio in 64 bits.
_APART = 0x9E3779B97F4A7C15


@keras.saving.register_keras_serializable("keras_rbm")
class DeepBeliefNetwork(keras.Model):
    """A stack of RBMs with the joint distribution p(v, h_1, ..., h_L).

        p(v, h_1, ..., h_L) = p(v | h_1) ... p(h_L-2 | h_L-1) p(h_L-1, h_L)

    The topmost RBM is the distribution p(h_L-1, h_L). The RBMs below it lead
    from samples of h_L-1 down to v. The pass up, E[h_1 | v] and so on, is an
    approximation of p(h | v). It is also a feed-forward network: `network(v)`
    returns its last layer, as for any Keras model, and you can train it by
    `compile(optimizer, loss)` and `fit(x, y)`. `pretrain` trains the network
    from examples alone, layer by layer. You can still use the RBMs by
    themselves. As in an RBM, methods called `predict_...` return means, and
    methods called `sample...` return draws.

    Args:
        rbms: List of `RBM`, the lowest first. The visible units of each RBM
            match the hidden units of the RBM below.
        **kwargs: `name`, `dtype` and `trainable` of a Keras layer.

    Raises:
        ValueError: If `rbms` is not a list of different RBMs that match each
            other.

    Reference: Hinton, Osindero and Teh (2006), "A fast learning algorithm
        for deep belief nets".

    Example:
        network = keras_rbm.DeepBeliefNetwork(
            [keras_rbm.RBM(16, 8, seed=0), keras_rbm.RBM(8, 4, seed=1)]
        )
        network.pretrain(x, epochs=1, batch_size=10, verbose=0)
        samples = network.sample(9, num_sweeps=20, seed=0)
    """

    def __init__(self, rbms: Sequence[RBM], **kwargs):
        super().__init__(**kwargs)
        self.rbms = _check_rbms(rbms)
        self.built = True
        if not self.trainable:
            for rbm in self.rbms:
                rbm.trainable = False

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "rbms": [serialize(rbm) for rbm in self.rbms],
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**keras.saving.deserialize_keras_object(config))

    @property
    def visible(self) -> Units:
        """`Units` of the data."""
        return self.rbms[0].visible

    @property
    def example_units(self) -> Units:
        """`Units` of the examples, equal to `visible`."""
        return self.visible

    @property
    def hidden(self) -> Units:
        """`Units` of the topmost layer."""
        return self.rbms[-1].hidden

    #: `network.summary()` prints one row for each weight of each layer.
    summary = weights.summary

    # Training.

    #: `network.pretrain(x, epochs=10, ...)`, see `networks.pretrain`.
    pretrain = pretraining.pretrain

    # Passes up and down.

    def call(self, inputs: Tensor) -> Tensor:
        """Means of h_L, passing means up, of shape `(batch, hidden.width)`."""
        for rbm in self.rbms:
            inputs = rbm(inputs)
        return inputs

    def __call__(self, inputs, *args, **kwargs):
        """Checks the inputs before Keras converts them, then runs `call`."""
        if examples.comes_from_a_layer(inputs, self):
            examples.check_width(inputs, self.visible, "v")
        else:
            inputs = examples.called(inputs, self.visible, "v")
        return super().__call__(inputs, *args, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.hidden.width)

    def up(self, v: Array) -> Tensor:
        """Means of the topmost layer, passing means up through all layers.

        Args:
            v: Array of shape `(batch, visible.width)`.

        Returns:
            Tensor of shape `(batch, hidden.width)`.

        Example:
            features = network.up(x)  # Of shape (len(x), 4).
        """
        for rbm in self.rbms:
            v = rbm.predict_hidden(v)
        return v

    def sample_up(self, v: Array, seed: int | None = None) -> Tensor:
        """A draw of the topmost layer, passing draws up through all layers.

        Args:
            v: Array of shape `(batch, visible.width)`.
            seed: Integer from 0 to 2**64 - 1. The same seed gives the same
                draw. If `None`, each call gives another draw.

        Returns:
            Tensor of shape `(batch, hidden.width)`, of states.

        Example:
            h = network.sample_up(x, seed=0)  # States of the topmost layer.
        """
        seed = checks.seed(seed)
        for number, rbm in enumerate(self.rbms):
            v = rbm.sample_hidden(v, layer_seed(seed, number))
        return v

    def down(self, h: Array) -> Tensor:
        """Means of the data given the topmost layer, passing means down.

        Args:
            h: Array of shape `(batch, hidden.width)`, of states or means.

        Returns:
            Tensor of shape `(batch, visible.width)`.

        Example:
            means = network.down(np.eye(4))  # A row for each topmost unit.
        """
        for rbm in reversed(self.rbms):
            h = rbm.predict_visible(h)
        return h

    def sample_down(self, h: Array, seed: int | None = None) -> Tensor:
        """A draw of the data given the topmost layer, passing draws down.

        Args:
            h: Array of shape `(batch, hidden.width)`, of states or means.
            seed: See `sample_up`.

        Returns:
            Tensor of shape `(batch, visible.width)`, of states.

        Example:
            v = network.sample_down(network.sample_up(x, seed=0), seed=1)
        """
        return self._sample_down_through(self.rbms, h, checks.seed(seed))

    def predict_reconstruction(self, v: Array) -> Tensor:
        """Passes means up and down: `down(up(v))`.

        Args:
            v: Array of shape `(batch, visible.width)`.

        Returns:
            Tensor of the same shape, of means.

        Example:
            error = np.mean((x - network.predict_reconstruction(x)) ** 2)
        """
        return self.down(self.up(v))

    def reconstruct(self, v: Array, seed: int | None = None) -> Tensor:
        """Passes draws up and down: `sample_down(sample_up(v))`.

        Args:
            v: Array of shape `(batch, visible.width)`.
            seed: See `sample_up`.

        Returns:
            Tensor of the same shape, of states.

        Example:
            again = network.reconstruct(x, seed=0)  # States, like x.
        """
        seed = checks.seed(seed)
        return self.sample_down(self.sample_up(v, seed), seed)

    # Samples of the distribution.

    def sample(
        self,
        num_samples: int | None,
        num_sweeps: int = 1000,
        seed: int | None = None,
        **kwargs,
    ) -> Tensor:
        """Draws samples of p(v).

        Runs Gibbs sampling in the topmost RBM, and draws down from there.

        Args:
            num_samples: Number of chains.
            num_sweeps: Number of sweeps of each chain in the topmost RBM.
            seed: Integer from 0 to 2**64 - 1. The same seed gives the same
                samples. If `None`, each call gives other samples.
            **kwargs: Further arguments of `RBM.sample` in the topmost RBM,
                such as `start="chains"`, `sampler`, `every` or `verbose`.

        Returns:
            Tensor of shape `(num_samples, visible.width)`, of states. With
            `every`, see `RBM.sample` for the shape.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            samples = network.sample(9, num_sweeps=20, seed=0)
            plots.images(samples, (4, 4))
        """
        seed = checks.seed(seed)
        v = self.rbms[-1].sample(num_samples, num_sweeps, seed=seed, **kwargs)
        return self._sample_down_through(self.rbms[:-1], v, seed)

    def predict_sample(
        self,
        num_samples: int | None,
        num_sweeps: int = 1000,
        seed: int | None = None,
        **kwargs,
    ) -> Tensor:
        """E[v | h_1] given samples of h_1: smoother pictures than `sample`.

        Args:
            num_samples: See `sample`.
            num_sweeps: See `sample`.
            seed: See `sample`.
            **kwargs: See `sample`.

        Returns:
            Tensor of shape `(num_samples, visible.width)`, of means. With
            `every`, see `RBM.sample` for the shape.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            means = network.predict_sample(9, num_sweeps=20, seed=0)
            plots.images(means, (4, 4))
        """
        seed = checks.seed(seed)
        top, lowest = self.rbms[-1], self.rbms[0]
        h = top.sample(num_samples, num_sweeps, seed=seed, **kwargs)
        h, frames = _flat(h)
        if top is lowest:
            h = lowest.sample_hidden(h, seed)
        h = self._sample_down_through(self.rbms[1:-1], h, seed)
        return _unflat(lowest.predict_visible(h), frames)

    def _sample_down_through(self, rbms, h, seed):
        h, frames = _flat(h)
        for rbm in reversed(rbms):
            h = rbm.sample_visible(h, layer_seed(seed, self.rbms.index(rbm)))
        return _unflat(h, frames)

    # Conversion to dense layers.

    def to_classifier(
        self,
        num_classes: int,
        dropout: float | Sequence[float] = 0.0,
        input_dropout: float = 0.0,
        max_norm: float | None = None,
    ) -> keras.Sequential:
        """Returns a `keras.Sequential` of dense layers with a softmax on top.

        The weights are copied, so training the classifier does not change this
        network. Compile the classifier with `loss="categorical_crossentropy"`,
        or with `"sparse_categorical_crossentropy"` for integer labels. To get
        the same architecture with random weights, pass the classifier to
        `keras.models.clone_model`.

        Args:
            num_classes: Number of classes.
            dropout: Dropout rate of the hidden units, or a list with one rate
                for each layer. Keras scales the kept values up during training,
                so pretrained weights need no scaling.
            input_dropout: Dropout rate of the inputs.
            max_norm: Largest norm of the incoming weights of a hidden unit, or
                `None`.

        Returns:
            A built `keras.Sequential`.

        Raises:
            ValueError: If an argument is not as described, or if Keras has no
                activation that gives the mean of the hidden units.

        Reference: Srivastava, Hinton, Krizhevsky, Sutskever and
            Salakhutdinov (2014), "Dropout: a simple way to prevent neural
            networks from overfitting", sections 3, 5 and 6.1.

        Example:
            classifier = network.to_classifier(2, dropout=0.2)
            classifier.compile("adam", "sparse_categorical_crossentropy")
            classifier.fit(x, y, verbose=0)
        """
        num_classes = checks.positive_integer("num_classes", num_classes)
        rates = [_dropout_rate("input_dropout", input_dropout)]
        for rate in pretraining.one_per_layer(
            "dropout", dropout, len(self.rbms)
        ):
            rates.append(_dropout_rate("dropout", rate))
        constraint = {}
        if max_norm is not None:
            bound = checks.positive_number("max_norm", max_norm)
            constraint["kernel_constraint"] = keras.constraints.MaxNorm(
                bound, axis=0
            )
        layers = [keras.Input((self.visible.width,))]
        for number, rbm in enumerate(self.rbms):
            if rates[number]:
                layers.append(keras.layers.Dropout(rates[number]))
            name = f"layer_{number + 1}"
            layers.append(rbm.to_dense(name=name, **constraint))
        if rates[-1]:
            layers.append(keras.layers.Dropout(rates[-1]))
        # The softmax uses the dtype of the variables, also in mixed precision.
        layers.append(
            keras.layers.Dense(
                num_classes,
                activation="softmax",
                kernel_initializer="zeros",
                dtype=self.rbms[-1].variable_dtype,
                name="classes",
            )
        )
        return keras.Sequential(layers)

    def to_autoencoder(
        self, code_activation: str | Callable[..., Any] | None = None
    ) -> keras.Sequential:
        """Returns the unrolled autoencoder, a `keras.Sequential`.

        The weights are copied, so training the autoencoder does not change this
        network. Compile the autoencoder with `loss="binary_crossentropy"` (for
        pixels from 0 to 1) or `"mse"`, and fit it to (x, x). The output of the
        layer named `"code"` is the code.

        Args:
            code_activation: Keras activation of the topmost layer. `None` for
                the activation of its units, which is linear for `Gaussian`
                units.

        Returns:
            A built `keras.Sequential`.

        Raises:
            ValueError: If Keras has no activation that gives the mean of some
                units.

        Reference: Hinton and Salakhutdinov (2006), "Reducing the
            dimensionality of data with neural networks".

        Example:
            autoencoder = network.to_autoencoder()
            autoencoder.compile("adam", "binary_crossentropy")
            autoencoder.fit(x, x, verbose=0)
            encoder = keras.Model(
                autoencoder.inputs, autoencoder.get_layer("code").output
            )
        """
        layers = [keras.Input((self.visible.width,))]
        last = len(self.rbms) - 1
        for number, rbm in enumerate(self.rbms):
            options = {"name": f"encoder_{number + 1}"}
            if number == last:
                options["name"] = "code"
                if code_activation is not None:
                    options["activation"] = code_activation
            layers.append(rbm.to_dense(**options))
        for number, rbm in reversed([*enumerate(self.rbms)]):
            options = {"name": f"decoder_{number + 1}"}
            if number == 0:  # The loss compares it in full precision.
                options["dtype"] = rbm.variable_dtype
            layers.append(serving.decoder(rbm, **options))
        return keras.Sequential(layers)

    # Files.

    def save(
        self,
        filepath: Path,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs,
    ) -> None:
        """Writes the network to a `.keras` file. See `RBM.save`.

        Example:
            network.save("network.keras")
            again = keras.models.load_model("network.keras")
        """
        weights.check_path_to_save(filepath, zipped)
        super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def export(
        self,
        filepath: Path,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: list[Any] | None = None,
        **kwargs,
    ) -> None:
        """Exports the network for inference. See `RBM.export`.

        The SavedModel has the same endpoints as for an RBM. `features` returns
        `network(v)`. `sample` draws up to the visible side of the topmost RBM,
        runs `num_sweeps` sweeps of Gibbs sampling there, and draws down to v.
        Its draws are the same as in

            h = DeepBeliefNetwork(network.rbms[:-1]).sample_up(v, seed)
            network.sample(None, num_sweeps, seed, start=h)

        or, if the network has one layer, as in `network.sample(None,
        num_sweeps, seed, start=v)`.

        Args:
            filepath: Path of the export. See `RBM.export`.
            format: `"tf_saved_model"`, or another export format of Keras.
            verbose: Whether to print a description of the export. `None` for
                `True`.
            input_signature: List with the `keras.InputSpec` of the examples.
                `None` for batches of any size.
            **kwargs: Further arguments of Keras's `export`.

        Example:
            network.export("served_network", verbose=False)
            served = tf.saved_model.load("served_network")
            features = served.features(tf.constant(x, "float32"))
        """
        if input_signature is None:
            input_signature = serving.signature(self)
        if format != "tf_saved_model":
            super().export(filepath, format, verbose, input_signature, **kwargs)
            return
        endpoints = serving.endpoints(
            self, *input_signature, self._served_sample
        )
        serving.write_saved_model(self, endpoints, filepath, verbose, **kwargs)

    def _served_sample(self, v, num_sweeps, seed):
        """The endpoint `sample`, in a graph without XLA."""
        *below_the_top, top = self.rbms
        for number, rbm in enumerate(below_the_top):
            stream = sampling.stream(
                layer_seed(seed, number), Use.SAMPLE_HIDDEN
            )
            v = gibbs.sample_hidden(
                rbm.machine(), rbm.machine_states(v), stream
            )
        v = serving.sample(top, v, num_sweeps, seed)
        for number, rbm in reversed([*enumerate(below_the_top)]):
            stream = sampling.stream(
                layer_seed(seed, number), Use.SAMPLE_VISIBLE
            )
            h = ops.cast(v, rbm.variable_dtype)
            v = gibbs.sample_visible(rbm.machine(), h, stream)
        return v


def layer_seed(seed: int | Tensor, layer: int) -> int | Tensor:
    """Derives the seed of a layer from the seed of the network.

    Args:
        seed: Integer from 0 to 2**64 - 1, or a scalar integer tensor.
        layer: Number of the layer, from 0.

    Returns:
        Integer from 0 to 2**64 - 1, or a `uint64` tensor if `seed` is a
        tensor.

    Example:
        seed = networks.layer_seed(0, layer=1)
        h = network.rbms[1].sample_hidden(np.zeros((3, 8)), seed)
    """
    apart = (layer + 1) * _APART % 2**64
    if tf.is_tensor(seed):  # Sums of uint64 tensors wrap around.
        return tf.cast(seed, "uint64") + tf.constant(apart, "uint64")
    return (checks.seed(seed) + apart) % 2**64


def _check_rbms(rbms):
    """Returns `rbms` as a list, after checking that they match each other."""
    if (
        not isinstance(rbms, list | tuple)
        or not rbms
        # A deep Boltzmann machine is also a `MachineModel`, but calling it
        # does not return the means of a single layer.
        or not all(
            isinstance(rbm, MachineModel) and not rbm.layout.is_bound
            for rbm in rbms
        )
    ):
        raise ValueError(
            "`rbms` must be a list of one or more RBMs, such as [RBM(64, 32), "
            f"RBM(32, 16)]. Received: rbms={rbms!r}"
        )
    if len({id(rbm) for rbm in rbms}) < len(rbms):
        raise ValueError(
            "`rbms` must be models of their own: one stands there twice. "
            f"Received: rbms={rbms!r}"
        )
    for number, (below, above) in enumerate(itertools.pairwise(rbms), 1):
        hidden, visible = below.hidden, above.visible
        if (
            hidden.width != visible.width
            or hidden.description != visible.description
        ):
            raise ValueError(
                "`rbms` must fit on each other: the visible units of each "
                "must be such as the hidden units of the one below. Received: "
                f"rbms[{number - 1}].hidden={hidden}, "
                f"rbms[{number}].visible={visible}"
            )
    return list(rbms)


def _flat(h):
    """Merges the axes of frames and of chains; returns the shape of both."""
    return ops.reshape(h, (-1, h.shape[-1])), h.shape[:-1]


def _unflat(v, shape):
    return ops.reshape(v, (*shape, v.shape[-1]))


def _dropout_rate(name, value):
    """Returns a dropout rate after checking it. 0 is allowed."""
    return checks.fraction(name, value) if value else 0.0
