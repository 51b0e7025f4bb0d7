"""The deep Boltzmann machine of two hidden layers."""

import keras
import numpy as np
from keras import ops

from keras_rbm import checks, random, units
from keras_rbm.chains import Chain, PersistentChain
from keras_rbm.models import mean_field, sampling, top_layer
from keras_rbm.models.dbm_metrics import DBMMetrics
from keras_rbm.models.moments import moments
from keras_rbm.models.rbm import RBM
from keras_rbm.models.variational import Variational
from keras_rbm.typing import Array, Config, Mask, Shape, Start, Tensor

# The stream of draws of h1, apart from those of training.
_HIDDEN = 2**33 + 101


@keras.saving.register_keras_serializable("keras_rbm")
class DeepBoltzmannMachine(Variational, RBM):
    """p(v, h1, h2) ~ exp(<v, W1 h1> + <h1, W2 h2> + biases): three layers.

    Layers are coupled to their neighbours alone, so that the odd one, h1, and
    the even ones, (v, h2), are the sides of an RBM, whose kernel is W1 above
    W2^T. Its chains, centring, annealing and tempering are those of this model.
    What is new is the positive phase: given v, the hidden layers are not
    independent, and their means come from mean field. `fit` follows the
    gradient of the variational bound on log p(v).

    What takes or gives `v` here is of the features' width. Draws of the whole,
    (v, h2), are those of `machine()`.

    Args:
        features: `Units` of v, or an integer for that many `Bernoulli` units.
        hidden: Number of binary units of the first hidden layer.
        top: Number of binary units of the second hidden layer.
        chain: A `Chain`; `None` for `PersistentChain()`.
        num_mean_field: Number of mean-field steps in an update.
        **kwargs: Further arguments of `RBM`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Salakhutdinov and Hinton (2009), "Deep Boltzmann machines";
        Montavon and Mueller (2012), "Deep Boltzmann machines and the
        centering trick".
    """

    def __init__(
        self,
        features: units.Units | int,
        hidden: units.Bernoulli | int,
        top: units.Bernoulli | int,
        chain: Chain | None = None,
        num_mean_field: int = 10,
        **kwargs,
    ):
        features = units.get("features", features)
        hidden, top = units.get("hidden", hidden), units.get("top", top)
        for name, side in (("hidden", hidden), ("top", top)):
            if not isinstance(side, units.Bernoulli):
                raise ValueError(
                    f"`{name}` must be binary units, or how many. Received: "
                    f"{name}={side}"
                )
        self._steps = checks.positive_integer("num_mean_field", num_mean_field)
        chain = PersistentChain() if chain is None else chain
        visible = units.Composite(features, top)
        super().__init__(visible, hidden, chain, **kwargs)
        self.features: units.Units = features
        self.top: units.Units = top
        self._figures = DBMMetrics(visible)

    @property
    def example_units(self) -> units.Units:
        return self.visible.parts[0]

    def posterior(self, v: Array) -> tuple[Tensor, Tensor]:
        """E[h1] and E[h2] given v, by mean field.

        Args:
            v: Array of shape `(batch, features.width)`.

        Returns:
            Tuple of tensors of shape `(batch, hidden.width)` and `(batch,
            top.width)`.
        """
        v = self._states(self._checked_states(v))
        return mean_field.compiled_posterior(self.machine(), v, self._steps)

    def call(self, inputs: Tensor) -> Tensor:
        """E[h2 | v] by mean field, of shape `(batch, top.width)`."""
        machine, v = self.machine(), self._states(inputs)
        _, h2 = mean_field.posterior(machine, v, self._steps)
        return ops.cast(h2, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.top.width)

    def machine_states(self, v: Array) -> Tensor:
        """Rows (v, E[h2]) of the machine, for examples v."""
        return mean_field.completed(
            self.machine(), self._states(v), self._steps
        )

    @property
    def fantasy_particles(self) -> Tensor | None:
        """The persistent chains: draws of v, `(chains, features.width)`."""
        particles = self.machine_particles
        return None if particles is None else self._features_of(particles)

    @property
    def machine_particles(self) -> Tensor | None:
        """The same with the top layer, draws of (v, h2)."""
        return super().fantasy_particles

    def predict_hidden(self, v: Array) -> Tensor:
        """E[h1 | v] by mean field, of shape `(batch, hidden.width)`."""
        return self.posterior(v)[0]

    def sample_hidden(self, v: Array, seed: int | None = None) -> Tensor:
        """A draw of h1 from mean field, of shape `(batch, hidden.width)`."""
        stream = sampling.stream(seed, _HIDDEN)
        return random.bernoulli(stream, self.posterior(v)[0])

    def predict_visible(self, h: Array) -> Tensor:
        """E[v | h1], of shape `(batch, features.width)`."""
        return self._features_of(super().predict_visible(h))

    def sample_visible(self, h: Array, seed: int | None = None) -> Tensor:
        """A draw of v given h1, of shape `(batch, features.width)`."""
        return self._features_of(super().sample_visible(h, seed))

    def predict_reconstruction(self, v: Array) -> Tensor:
        """E[v | E[h1]], with the means of mean field, of the shape of `v`."""
        return self.predict_visible(self.posterior(v)[0])

    def sample(
        self,
        num_samples: int | None = None,
        num_sweeps: int = 1000,
        start: Start | None = None,
        clamp: Mask | None = None,
        **kwargs,
    ) -> Tensor:
        """Draws of v from the model, as `RBM.sample`.

        Where `start` gives v, the top layer starts from mean field.
        """
        if start is not None and not isinstance(start, str):
            start = top_layer.drawn(self, start, kwargs.get("seed"))
        if clamp is not None:
            clamp = top_layer.mask(self, clamp, False)
        return self._features_of(
            super().sample(num_samples, num_sweeps, start, clamp, **kwargs)
        )

    def denoise(
        self, v: Array, num_sweeps: int = 10, seed: int | None = None, **kwargs
    ) -> Tensor:
        """Means of v along chains from it, as `RBM.denoise`."""
        rows = top_layer.drawn(self, v, seed)
        means = super().denoise(rows, num_sweeps, seed, **kwargs)
        return self._features_of(means)

    def inpaint(self, v: Array, mask: Mask, *args, **kwargs) -> Tensor:
        """A draw of the missing entries of v, as `RBM.inpaint`."""
        return self._features_of(
            super().inpaint(*top_layer.missing(self, v, mask), *args, **kwargs)
        )

    def predict_missing(self, v: Array, mask: Mask, *args, **kwargs) -> Tensor:
        """Means of the missing entries of v, as `RBM.predict_missing`."""
        means = super().predict_missing(
            *top_layer.missing(self, v, mask), *args, **kwargs
        )
        return self._features_of(means)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["visible"]
        serialize = keras.saving.serialize_keras_object
        return {
            **config,
            "features": serialize(self.features),
            "top": serialize(self.top),
            "num_mean_field": self._steps,
        }

    def _base_moments(self):
        """Those of the examples, and the running means of the top layer."""
        mean, variance = super()._base_moments()
        if self.offsets is None or not ops.convert_to_numpy(self.updates):
            return mean, variance
        top = self.offsets.visible.value[self.features.width :]
        return ops.concatenate([self._features_of(mean), top]), variance

    def _moments(self, x, sample_weight):
        """Those of the examples; binary units at 1/2 for the top layer."""
        rest = np.full(self.top.width, 0.5), np.full(self.top.width, 0.25)
        own = moments(x, self.features, "x", sample_weight)
        return tuple(map(np.append, own, rest))

    def _served_start(self, v, seed):
        v = self._states(v)
        _, h2 = mean_field.posterior(self.machine(), v, self._steps)
        return top_layer.with_draws(v, h2, seed)

    def _features_of(self, rows):
        return rows[..., : self.features.width]
